//! Azure Blob storage, on Azurite.
use hirewire_workflow::host::PollFrom;
use serde_json::{Value as Json, json};

use crate::parts;
use crate::{Connection, next, silent};

/// Makes a container. The connectors do not: it takes a request with the account's key.
async fn container(name: &str) {
    container_in(&parts::azurite(), name).await;
}

async fn container_in(part: &parts::Part, name: &str) {
    let url = url::Url::parse(part.get("AZURITE_BLOB_URL")).expect("url");
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let account = part.get("AZURITE_ACCOUNT");
    let signed = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-08-06\n/{account}{}/{name}\nrestype:container",
        url.path()
    );
    let key = base64_decode(part.get("AZURITE_KEY"));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signature = base64_encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
    let client = reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(10))
        .timeout(std::time::Duration::from_secs(30));
    let client = match part.find("AZURITE_CA_FILE") {
        Some(file) => {
            let pem = std::fs::read(file).expect("the authority");
            client.tls_certs_only([reqwest::Certificate::from_pem(&pem).expect("PEM")])
        }
        None => client,
    };
    let answer = client
        .build()
        .expect("client")
        .put(format!("{url}/{name}?restype=container"))
        .header("x-ms-date", &date)
        .header("x-ms-version", "2021-08-06")
        .header("Authorization", format!("SharedKey {account}:{signature}"))
        .header("Content-Length", "0")
        .send()
        .await
        .expect("azurite answers");
    assert_eq!(answer.status().as_u16(), 201, "{:?}", answer.text().await);
}

fn base64_encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}

fn by_string(containers: &[&str]) -> Connection {
    let string = parts::azurite().get("AZURITE_CONNECTION_STRING").to_owned();
    Connection::open(
        json!({"kind": "azure_blob", "containers": containers, "connection_string": {"secret": "blob"}}),
        &[("blob", &string)],
    )
}

/// `/container/x` as an id of the managed connector, encoded twice as definitions do.
fn id(path: &str) -> String {
    hirewire_workflow::host::file_id(path).replace('=', "%253d")
}

pub(crate) async fn operations_of_the_managed_connector() {
    container("managed").await;
    let blob = by_string(&["managed"]);
    let base = "/v2/datasets/AccountNameFromSettings";
    let csv = "id,name\r\n1,Zoë\r\n";
    let made = blob
        .ok("POST", &format!("{base}/files"), json!({"folderPath": "/managed/in", "name": "people day 1.csv", "queryParametersSingleEncoded": true}), Some(json!(csv)))
        .await;
    assert_eq!(made["Path"], "/managed/in/people day 1.csv");
    assert_eq!((made["Size"].as_u64(), made["IsFolder"].as_bool()), (Some(csv.len() as u64), Some(false)));
    assert_eq!(made["MediaType"], "text/csv");

    let query = json!({"path": "/managed/in/people day 1.csv", "inferContentType": true, "queryParametersSingleEncoded": true});
    for base in [base, "/datasets/default"] {
        let content = blob.call("GET", &format!("{base}/GetFileContentByPath"), query.clone(), None).await;
        assert_eq!((content.status, &content.body), (200, &json!(csv)));
        assert_eq!(content.headers["Content-Type"], "text/csv");
    }
    let of = id("/managed/in/people day 1.csv");
    assert_eq!(blob.ok("GET", &format!("{base}/files/{of}/content"), json!({}), None).await, json!(csv));
    let meta = blob.ok("GET", &format!("{base}/files/{of}"), json!({}), None).await;
    assert_eq!((meta["Name"].as_str(), meta["ETag"].is_string()), (Some("people day 1.csv"), true));
    assert_eq!(blob.ok("GET", &format!("{base}/GetFileByPath"), query, None).await["Id"], meta["Id"]);

    blob.ok(
        "POST",
        &format!("{base}/files"),
        json!({"folderPath": "/managed", "name": "data.json"}),
        Some(json!({"a": [1]})),
    )
    .await;
    let root = blob.ok("GET", &format!("{base}/foldersV2"), json!({}), None).await;
    assert_eq!(root["value"][0]["Path"], "/managed");
    let list = blob.ok("GET", &format!("{base}/foldersV2/{}", id("/managed")), json!({}), None).await;
    let names: Vec<_> = list["value"]
        .as_array()
        .expect("value")
        .iter()
        .map(|e| (e["Name"].clone(), e["IsFolder"].clone()))
        .collect();
    assert_eq!(names, [(json!("data.json"), json!(false)), (json!("in"), json!(true))]);
    let flat = blob
        .ok("GET", &format!("{base}/foldersV2/{}", id("/managed")), json!({"useFlatListing": "true"}), None)
        .await;
    assert_eq!(flat["value"].as_array().map(Vec::len), Some(2));
    let json_body =
        blob.ok("GET", &format!("{base}/files/{}/content", id("/managed/data.json")), json!({}), None).await;
    assert_eq!(json_body, json!({"a": [1]}));

    blob.ok("PUT", &format!("{base}/files/{of}"), json!({}), Some(json!("changed"))).await;
    assert_eq!(
        blob.ok("GET", &format!("{base}/files/{of}/content"), json!({}), None).await,
        json!("changed")
    );
    blob.ok(
        "POST",
        &format!("{base}/copyFile"),
        json!({"source": "/managed/data.json", "destination": "/managed/copy.json", "overwrite": false}),
        None,
    )
    .await;
    let again = blob
        .call(
            "POST",
            &format!("{base}/copyFile"),
            json!({"source": "/managed/data.json", "destination": "/managed/copy.json"}),
            None,
        )
        .await;
    assert_eq!(again.status, 409);
    blob.ok("DELETE", &format!("{base}/files/{of}"), json!({}), None).await;
    for (method, path) in [
        ("GET", format!("{base}/files/{of}")),
        ("DELETE", format!("{base}/files/{of}")),
        ("PUT", format!("{base}/files/{of}")),
    ] {
        assert_eq!(blob.call(method, &path, json!({}), Some(json!("x"))).await.status, 404, "{method}");
    }
}

pub(crate) async fn operations_of_the_built_in_provider() {
    container("builtin").await;
    let blob = by_string(&["builtin"]);
    let at = |name: &str| json!({"containerName": "builtin", "blobName": name});
    let with = |name: &str, content: Json, over: &str| json!({"containerName": "builtin", "blobName": name, "content": content, "overrideIfExists": over});
    blob.provider("uploadBlob", with("in/a.json", json!({"n": 1}), "true")).await;
    let refused = blob.call("POST", "/uploadBlob", with("in/a.json", json!("x"), "false"), None).await;
    assert_eq!(refused.status, 409);
    let bytes = json!({"$content-type": "application/octet-stream", "$content": "AAEC/w=="});
    blob.provider("uploadBlob", with("in/b.bin", bytes, "true")).await;
    let read = blob.provider("readBlob", at("in/a.json")).await;
    assert_eq!(read["content"], json!({"n": 1}));
    assert_eq!(read["properties"]["blobFullPathWithContainer"], "builtin/in/a.json");
    assert_eq!(blob.provider("readBlob", at("in/b.bin")).await["content"]["$content"], "AAEC/w==");
    let list =
        blob.provider("listBlobs", json!({"containerName": "builtin", "blobNamePrefix": "in/a"})).await;
    assert_eq!(
        (list["blobs"].as_array().map(Vec::len), &list["blobs"][0]["name"]),
        (Some(1), &json!("in/a.json"))
    );
    assert_eq!(blob.provider("blobExists", at("in/a.json")).await["blobExists"], true);
    assert_eq!(blob.provider("getBlobMetadata", at("in/a.json")).await["name"], "in/a.json");
    blob.provider("deleteBlob", at("in/a.json")).await;
    assert_eq!(blob.provider("blobExists", at("in/a.json")).await["blobExists"], false);
    assert_eq!(blob.call("POST", "/deleteBlob", at("in/a.json"), None).await.status, 404);
    assert_eq!(blob.call("POST", "/noSuchOperation", at("x"), None).await.status, 404);
}

/// A SAS for the account, signed as the service documents it (version 2021-08-06).
fn sas() -> String {
    let part = parts::azurite();
    let fields =
        ["sv=2021-08-06", "ss=b", "srt=sco", "sp=rwdlc", "se=2099-01-01T00:00:00Z", "spr=https,http"];
    let signed = format!(
        "{}\nrwdlc\nb\nsco\n\n2099-01-01T00:00:00Z\n\nhttps,http\n2021-08-06\n\n",
        part.get("AZURITE_ACCOUNT")
    );
    let key =
        aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &base64_decode(part.get("AZURITE_KEY")));
    let signature = base64_encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()).as_ref());
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("?{}&sig={signature}", fields.join("&"))
}

pub(crate) async fn ways_to_log_in() {
    container("logins").await;
    by_string(&["logins"])
        .provider("uploadBlob", json!({"containerName": "logins", "blobName": "x.txt", "content": "hello"}))
        .await;
    let part = parts::azurite();
    let config = |key: &str| {
        json!({"kind": "azure_blob", "account": part.get("AZURITE_ACCOUNT"), "url": part.get("AZURITE_BLOB_URL"),
               "containers": ["logins"], key: {"secret": "s"}})
    };
    let read = json!({"containerName": "logins", "blobName": "x.txt"});
    for (way, secret) in [("key", part.get("AZURITE_KEY").to_owned()), ("sas", sas())] {
        let blob = Connection::open(config(way), &[("s", &secret)]);
        assert_eq!(blob.provider("readBlob", read.clone()).await["content"], "hello", "{way}");
    }
    let wrong = base64_encode(b"a wrong key that nobody has");
    let blob = Connection::open(config("key"), &[("s", &wrong)]);
    let refused = blob.call("POST", "/readBlob", read.clone(), None).await;
    assert!(matches!(refused.status, 401 | 403), "{refused:?}");
    let signature = sas();
    let blob = Connection::open(config("sas"), &[("s", &signature.replace("sp=rwdlc", "sp=r"))]);
    let refused = blob.call("POST", "/readBlob", read.clone(), None).await;
    let said = refused.body.to_string();
    let secret = signature.split("sig=").nth(1).expect("signature");
    assert!(matches!(refused.status, 401 | 403) && !said.contains(secret), "{said}");
    let blob = Connection::open(config("key"), &[]);
    let missing = blob.call("POST", "/readBlob", read, None).await;
    assert!(
        missing.status == 500 && missing.body["message"].as_str().is_some_and(|m| m.contains("'s'")),
        "{missing:?}"
    );
}

pub(crate) async fn other_containers_are_refused() {
    container("allowed").await;
    container("secret").await;
    let all = by_string(&["secret", "allowed"]);
    all.provider("uploadBlob", json!({"containerName": "secret", "blobName": "x.txt", "content": "hello"}))
        .await;
    all.provider(
        "uploadBlob",
        json!({"containerName": "allowed", "blobName": "other/x.txt", "content": "hello"}),
    )
    .await;
    let blob = by_string(&["allowed/in"]);
    for path in [
        "/secret/x.txt",
        "/allowed/in/../other/x.txt",
        "/allowed/other/x.txt",
        "/allowed/inside.txt",
        "/../secret/x.txt",
    ] {
        let answer =
            blob.call("GET", "/datasets/default/GetFileContentByPath", json!({"path": path}), None).await;
        assert_eq!(answer.status, 403, "{path}: {answer:?}");
    }
    let list =
        blob.call("GET", &format!("/datasets/default/folders/{}", id("/secret")), json!({}), None).await;
    assert_eq!(list.status, 403);
}

pub(crate) async fn triggers_fire_once() {
    container("watched").await;
    let blob = by_string(&["watched"]);
    let put = |name: &'static str, content: &'static str| {
        let blob = &blob;
        async move {
            blob.provider(
                "uploadBlob",
                json!({"containerName": "watched", "blobName": name, "content": content}),
            )
            .await
        }
    };
    put("in/old.csv", "old").await;
    let folder = id("/watched/in");
    let (batch, one) = ("/v2/datasets/x/triggers/batch/onupdatedfile", "/v2/datasets/x/triggers/onnewfile");
    let queries = json!({"folderId": folder, "maxFileCount": 10});
    let mut updated = blob.poll(batch, queries.clone(), PollFrom::Activation).await.cursor;
    let mut created = blob.poll(one, queries.clone(), PollFrom::Activation).await.cursor;
    let mut provider = blob
        .poll("/whenABlobIsAddedOrModified", json!({"path": "watched/in/{name}.csv"}), PollFrom::Activation)
        .await
        .cursor;
    silent(&blob, batch, &queries, &mut updated).await;

    put("in/new.csv", "id\n1\n").await;
    put("in/deeper/other.csv", "not in the folder").await;
    let firing = next(&blob, batch, &queries, &mut updated).await;
    let list = firing[0]["body"].as_array().expect("a batch").clone();
    assert_eq!(list.len(), 1, "{list:?}");
    assert_eq!((&list[0]["Name"], &list[0]["Path"]), (&json!("new.csv"), &json!("/watched/in/new.csv")));
    silent(&blob, batch, &queries, &mut updated).await;
    let firing = next(&blob, one, &queries, &mut created).await;
    assert_eq!(firing[0]["body"], "id\n1\n");
    assert_eq!(firing[0]["headers"]["x-ms-file-name"], "new.csv");
    let firing =
        next(&blob, "/whenABlobIsAddedOrModified", &json!({"path": "watched/in/{name}.csv"}), &mut provider)
            .await;
    let mut names: Vec<_> = firing.iter().map(|f| f["body"]["name"].clone()).collect();
    // Blobs of one second have no order.
    names.sort_by_key(Json::to_string);
    assert_eq!(names, ["in/deeper/other.csv", "in/new.csv"]);

    // The same blob again within the same second: a change, but nothing new.
    put("in/new.csv", "id\n2\n").await;
    assert_eq!(next(&blob, batch, &queries, &mut updated).await[0]["body"][0]["Name"], "new.csv");
    silent(&blob, one, &queries, &mut created).await;
    let latest = blob.poll(one, queries, PollFrom::Latest).await;
    assert_eq!(latest.firings.len(), 1, "{latest:?}");
}

/// Azurite over TLS takes OAuth tokens; it reads their claims and does not know who signed them.
pub(crate) async fn an_oauth_token_over_tls() {
    let part = parts::azurite_tls();
    container_in(&part, "oauth").await;
    let url = |json: Json| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string())
    };
    let claims = json!({"aud": "https://storage.azure.com", "iss": "https://sts.windows.net/00000000-0000-4000-8000-000000000001/",
        "nbf": 1_700_000_000, "iat": 1_700_000_000, "exp": 4_000_000_000u64, "oid": "x", "tid": "00000000-0000-4000-8000-000000000001"});
    let token =
        format!("{}.{}.{}", url(json!({"alg": "RS256", "typ": "JWT"})), url(claims), url(json!("signature")));
    let config = |ca: &str| {
        json!({"kind": "azure_blob", "account": part.get("AZURITE_ACCOUNT"), "url": part.get("AZURITE_BLOB_URL"),
               "containers": ["oauth"], "token": {"secret": "t"}, "ca_file": ca})
    };
    let blob = Connection::open(config(part.get("AZURITE_CA_FILE")), &[("t", &token)]);
    blob.provider("uploadBlob", json!({"containerName": "oauth", "blobName": "x.txt", "content": "hello"}))
        .await;
    let read = json!({"containerName": "oauth", "blobName": "x.txt"});
    assert_eq!(blob.provider("readBlob", read.clone()).await["content"], "hello");
    // The server's certificate is not from this authority.
    let stranger = Connection::open(config(parts::smtp().get("SMTP_CA_FILE")), &[("t", &token)]);
    let answer = stranger.answer("POST", "/readBlob", read, None).await;
    assert!(matches!(answer, hirewire_workflow::run::Answer::Fault { .. }), "{answer:?}");
}
