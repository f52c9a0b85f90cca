//! SFTP, on OpenSSH.
use hirewire_workflow::host::{PollFrom, file_id};
use hirewire_workflow::run::Answer;
use serde_json::{Value as Json, json};

use crate::{Connection, next, parts, silent};

fn config(folder: &str) -> Json {
    let part = parts::sftp();
    let root = part.get("SFTP_FILES_DIR");
    std::fs::create_dir_all(format!("{root}/{folder}")).expect("made");
    json!({"kind": "sftp", "host": part.get("SFTP_HOST"), "port": part.get("SFTP_PORT").parse::<u16>().expect("port"),
        "user": part.get("SFTP_USER"), "folder": format!("{root}/{folder}"), "host_key": part.get("SFTP_HOST_KEY_SHA256"),
        "login": {"key": {"file": part.get("SFTP_KEY_FILE")}}})
}

pub(crate) async fn operations() {
    let sftp = Connection::open(config("ops"), &[]);
    let base = "/datasets/default";
    let made = sftp
        .ok(
            "POST",
            &format!("{base}/files"),
            json!({"folderPath": "/new/deep", "name": "ä b.csv"}),
            Some(json!("id\n1\n")),
        )
        .await;
    assert_eq!((&made["Path"], &made["Size"]), (&json!("/new/deep/ä b.csv"), &json!(5)));
    let id = file_id("/new/deep/ä b.csv");
    assert_eq!(
        sftp.ok("GET", &format!("{base}/files/{id}/content"), json!({}), None).await,
        json!("id\n1\n")
    );
    assert_eq!(
        sftp.ok("GET", &format!("{base}/GetFileContentByPath"), json!({"path": "/new/deep/ä b.csv"}), None)
            .await,
        json!("id\n1\n")
    );
    sftp.ok("PUT", &format!("{base}/files/{id}"), json!({}), Some(json!("id\n2\n"))).await;
    let list = sftp.ok("GET", &format!("{base}/folders/{}", file_id("/new/deep")), json!({}), None).await;
    assert_eq!((list.as_array().map(Vec::len), &list[0]["Name"]), (Some(1), &json!("ä b.csv")));
    assert_eq!(sftp.ok("GET", &format!("{base}/folders"), json!({}), None).await[0]["IsFolder"], true);
    assert_eq!(
        sftp.provider("getFileContentV2", json!({"filePath": "new/deep/ä b.csv"})).await,
        json!("id\n2\n")
    );
    let taken = sftp
        .call(
            "POST",
            "/uploadFileContent",
            json!({"filePath": "/new/deep/ä b.csv", "content": "x", "overWriteFileIfExists": false}),
            None,
        )
        .await;
    assert_eq!(taken.status, 409);
    // Two megabytes, with every byte.
    let bytes: Vec<u8> = (0..2_000_000u32).map(|n| (n * 7 % 251) as u8).collect();
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
    let envelope = json!({"$content-type": "application/octet-stream", "$content": text});
    sftp.provider("uploadFileContent", json!({"filePath": "/big.bin", "content": envelope})).await;
    let back = sftp.provider("getFileContentV2", json!({"filePath": "/big.bin"})).await;
    assert!(back["$content"] == json!(text));
    sftp.ok("DELETE", &format!("{base}/files/{id}"), json!({}), None).await;
    assert_eq!(sftp.call("GET", &format!("{base}/files/{id}"), json!({}), None).await.status, 404);
    let rest: Vec<_> = std::fs::read_dir(format!("{}/ops/new/deep", parts::sftp().get("SFTP_FILES_DIR")))
        .expect("there")
        .collect();
    assert!(rest.is_empty(), "{rest:?}");
}

pub(crate) async fn triggers_fire_once() {
    let sftp = Connection::open(config("watched"), &[]);
    let folder = format!("{}/watched", parts::sftp().get("SFTP_FILES_DIR"));
    std::fs::write(format!("{folder}/old.csv"), "old").expect("written");
    let queries = json!({"folderId": file_id("/"), "maxFileCount": 5});
    let trigger = "/datasets/default/triggers/batch/onupdatedfile";
    let mut cursor = sftp.poll(trigger, queries.clone(), PollFrom::Activation).await.cursor;
    silent(&sftp, trigger, &queries, &mut cursor).await;
    std::fs::write(format!("{folder}/half.csv.filepart"), "half").expect("written");
    std::fs::write(format!("{folder}/new.csv"), "id\n1\n").expect("written");
    let firing = next(&sftp, trigger, &queries, &mut cursor).await;
    let names: Vec<_> =
        firing[0]["body"].as_array().expect("batch").iter().map(|f| f["Name"].clone()).collect();
    assert_eq!(names, ["new.csv"]);
    silent(&sftp, trigger, &queries, &mut cursor).await;
    std::fs::rename(format!("{folder}/half.csv.filepart"), format!("{folder}/half.csv")).expect("renamed");
    assert_eq!(next(&sftp, trigger, &queries, &mut cursor).await[0]["body"][0]["Name"], "half.csv");
    let provider = json!({"folderPath": "/", "includeFileContent": true});
    let latest = sftp.poll("/whenFilesAreAddedOrModified", provider, PollFrom::Latest).await;
    assert!(latest.firings[0]["body"][0]["content"].is_string(), "{:?}", latest.firings);
}

pub(crate) async fn wrong_keys_are_refused() {
    let part = parts::sftp();
    let mut other = config("keys");
    other["host_key"] = json!("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let refused =
        Connection::open(other, &[]).call("GET", "/datasets/default/folders", json!({}), None).await;
    assert!(
        refused.status == 403 && refused.body["message"].as_str().is_some_and(|m| m.contains("host key")),
        "{refused:?}"
    );

    let mut known = config("keys");
    known.as_object_mut().expect("object").remove("host_key");
    known["known_hosts"] = json!(part.get("SFTP_KNOWN_HOSTS"));
    known["login"] = json!({"key": {"file": part.get("SFTP_RSA_KEY_FILE")}});
    Connection::open(known, &[]).ok("GET", "/datasets/default/folders", json!({}), None).await;

    let mut password = config("keys");
    password["login"] = json!({"password": {"secret": "pw"}});
    let refused = Connection::open(password, &[("pw", "nonsense")])
        .call("GET", "/datasets/default/folders", json!({}), None)
        .await;
    assert!(refused.status == 401 && !refused.body.to_string().contains("nonsense"), "{refused:?}");

    let mut nobody = config("keys");
    nobody["port"] = json!(1);
    let answer =
        Connection::open(nobody, &[]).answer("GET", "/datasets/default/folders", json!({}), None).await;
    assert!(matches!(answer, Answer::Fault { retry: true, .. }), "{answer:?}");
}

pub(crate) async fn links_do_not_lead_out() {
    let sftp = Connection::open(config("closed"), &[]);
    let root = parts::sftp().get("SFTP_FILES_DIR").to_owned();
    std::fs::write(format!("{root}/outside.txt"), "secret").expect("written");
    std::os::unix::fs::symlink(format!("{root}/outside.txt"), format!("{root}/closed/link.txt"))
        .expect("link");
    std::os::unix::fs::symlink(&root, format!("{root}/closed/up")).expect("link");
    for path in ["/../outside.txt", "/link.txt", "/up/outside.txt"] {
        let answer =
            sftp.call("GET", "/datasets/default/GetFileContentByPath", json!({"path": path}), None).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
    }
    let made = sftp
        .call(
            "POST",
            "/datasets/default/files",
            json!({"folderPath": "/up", "name": "x.txt"}),
            Some(json!("x")),
        )
        .await;
    assert_eq!(made.status, 403);
    assert_eq!(sftp.ok("GET", "/datasets/default/folders", json!({}), None).await, json!([]));
}
