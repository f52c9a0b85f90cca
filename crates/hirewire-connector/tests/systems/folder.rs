//! A folder of this machine as any file connector.
use hirewire_workflow::host::{PollFrom, file_id};
use serde_json::json;

use crate::{Connection, next, silent};

pub(crate) async fn operations_and_triggers() {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::create_dir(folder.path().join("csvdata")).expect("made");
    std::fs::write(folder.path().join("csvdata/old.csv"), "old").expect("written");
    let files = Connection::open(json!({"kind": "folder", "path": folder.path()}), &[]);
    let queries = json!({"folderId": file_id("/csvdata"), "inferContentType": true});
    let trigger = "/datasets/default/triggers/onupdatedfile";
    let mut cursor = files.poll(trigger, queries.clone(), PollFrom::Activation).await.cursor;
    silent(&files, trigger, &queries, &mut cursor).await;
    files
        .ok(
            "POST",
            "/datasets/default/files",
            json!({"folderPath": "/csvdata", "name": "new.csv"}),
            Some(json!("id\n")),
        )
        .await;
    let firing = next(&files, trigger, &queries, &mut cursor).await;
    assert_eq!(
        (&firing[0]["body"], &firing[0]["headers"]["x-ms-file-path"]),
        (&json!("id\n"), &json!("/csvdata/new.csv"))
    );
    silent(&files, trigger, &queries, &mut cursor).await;

    // A file that is moved in keeps its old time and fires all the same.
    let beside = folder.path().join("beside.csv");
    std::fs::write(&beside, "moved").expect("written");
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    std::fs::File::options().append(true).open(&beside).and_then(|f| f.set_modified(old)).expect("time");
    std::fs::rename(&beside, folder.path().join("csvdata/moved.csv")).expect("moved");
    assert_eq!(next(&files, trigger, &queries, &mut cursor).await[0]["body"], "moved");

    let list = files.provider("listFolder", json!({"folderPath": "/csvdata"})).await;
    assert_eq!(list.as_array().map(Vec::len), Some(3));
    files.provider("appendFile", json!({"filePath": "/csvdata/new.csv", "content": "2\n"})).await;
    assert_eq!(
        files.provider("getFileContentV2", json!({"filePath": "/csvdata/new.csv"})).await,
        json!("id\n2\n")
    );
    assert_eq!(
        files.provider("getFileContent", json!({"filePath": "csvdata/new.csv"})).await["fileName"],
        "new.csv"
    );
    let taken = files
        .call(
            "POST",
            "/createFileIfNotPresent",
            json!({"filePath": "/csvdata/new.csv", "content": "x"}),
            None,
        )
        .await;
    assert_eq!(taken.status, 409);
    files.provider("renameFile", json!({"filePath": "/csvdata/new.csv", "newName": "renamed.csv"})).await;
    files.provider("deleteFile", json!({"filePath": "/csvdata/renamed.csv"})).await;
    assert_eq!(
        files.call("POST", "/deleteFile", json!({"filePath": "/csvdata/renamed.csv"}), None).await.status,
        404
    );
}

pub(crate) async fn nothing_outside_is_reached() {
    let folder = tempfile::tempdir().expect("folder");
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).expect("made");
    std::fs::write(folder.path().join("outside.txt"), "secret").expect("written");
    std::os::unix::fs::symlink(folder.path(), inside.join("link")).expect("link");
    std::os::unix::fs::symlink(folder.path().join("outside.txt"), inside.join("file")).expect("link");
    let files = Connection::open(json!({"kind": "folder", "path": inside}), &[]);
    for path in [
        "../outside.txt",
        "/link/outside.txt",
        "/file",
        "/a/../../outside.txt",
        "%2e%2e/outside.txt",
        "..\\outside.txt",
    ] {
        for (method, at) in [("GET", "GetFileContentByPath"), ("GET", "GetFileByPath")] {
            let answer =
                files.call(method, &format!("/datasets/default/{at}"), json!({"path": path}), None).await;
            assert!(answer.status >= 400, "{path}: {answer:?}");
        }
        let id = file_id(path);
        assert!(
            files.call("DELETE", &format!("/datasets/default/files/{id}"), json!({}), None).await.status
                >= 400
        );
        assert!(
            files
                .call("PUT", &format!("/datasets/default/files/{id}"), json!({}), Some(json!("x")))
                .await
                .status
                >= 400
        );
    }
    let name = files
        .call("POST", "/datasets/default/files", json!({"folderPath": "/", "name": "../x"}), Some(json!("x")))
        .await;
    assert_eq!(name.status, 400);
    assert_eq!(std::fs::read_to_string(folder.path().join("outside.txt")).expect("there"), "secret");
    assert_eq!(files.ok("GET", "/datasets/default/folders", json!({}), None).await, json!([]));
}
