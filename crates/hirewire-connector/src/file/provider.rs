//! Operations of the built-in file providers of Standard apps: AzureBlob, AzureFile, Sftp, Ftp, FileSystem
//! (`spec/workflows.md` §3.2). Names are matched without regard to case.

use hirewire_workflow::content;
use hirewire_workflow::expression::member;
use hirewire_workflow::host::{ConnectorCall, file_path};
use hirewire_workflow::run::Answer;
use serde_json::{Value as Json, json};

use super::managed::query;
use super::metadata::{blob, blob_parts, blob_properties, content_value, provider};
use super::path::{clean, inside, name};
use super::{FileStore, Overwrite, unknown};
use crate::failure::{Failure, done, respond};

fn needed(call: &ConnectorCall, keys: &[&str]) -> Result<String, Failure> {
    keys.iter()
        .find_map(|key| query(call, key))
        .ok_or_else(|| Failure::bad(format!("the parameter '{}' is missing", keys[0])))
}

fn is_set(call: &ConnectorCall, key: &str) -> Option<bool> {
    query(call, key).map(|v| v.eq_ignore_ascii_case("true"))
}

fn blob_path(call: &ConnectorCall) -> Result<String, Failure> {
    clean(&inside(&needed(call, &["containerName"])?, &needed(call, &["blobName"])?))
}

/// `https://account.blob.core.windows.net/container/blob` → `/container/blob`; the account is the connection's.
fn uri_path(call: &ConnectorCall) -> Result<String, Failure> {
    let uri = needed(call, &["blobUri"])?;
    let url = url::Url::parse(&uri).map_err(|e| Failure::bad(format!("'blobUri' is no URI: {e}")))?;
    let path = file_path(url.path());
    // An emulator has the account in front of the container.
    clean(path.strip_prefix("/devstoreaccount1").unwrap_or(&path))
}

fn file(call: &ConnectorCall) -> Result<String, Failure> {
    clean(&file_path(&needed(call, &["filePath", "path"])?))
}

fn folder(call: &ConnectorCall) -> Result<String, Failure> {
    clean(&file_path(&query(call, "folderPath").or_else(|| query(call, "path")).unwrap_or_default()))
}

fn content_bytes(call: &ConnectorCall) -> Vec<u8> {
    let body = ["content", "fileContent", "body", "inputContent"]
        .iter()
        .find_map(|key| member(&call.queries, key))
        .or(call.body.as_ref());
    content::encode(body).map(|(bytes, _)| bytes).unwrap_or_default()
}

/// Files of these operations are overwritten unless the call says otherwise.
fn overwrite(call: &ConnectorCall) -> Overwrite {
    let said = ["overrideIfExists", "overWriteFileIfExists", "overwriteFileIfExists", "overwrite"]
        .iter()
        .find_map(|key| is_set(call, key));
    if said == Some(false) { Overwrite::Refuse } else { Overwrite::Replace }
}

/// Runs an operation of a service provider.
pub(crate) async fn run<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    match call.path.trim_matches('/').to_ascii_lowercase().as_str() {
        "readblob" | "getblobcontent" => read_blob(store, &blob_path(call)?).await,
        "readblobfromuri" => read_blob(store, &uri_path(call)?).await,
        "uploadblob" => upload_blob(store, &blob_path(call)?, call).await,
        "uploadblobfromuri" => upload_blob(store, &uri_path(call)?, call).await,
        "deleteblob" => remove(store, &blob_path(call)?).await,
        "deleteblobfromuri" => remove(store, &uri_path(call)?).await,
        "blobexists" => exists(store, &blob_path(call)?).await,
        "getblobmetadata" => Ok(done(blob(&store.stat(&blob_path(call)?).await?))),
        "getblobmetadatafromuri" => Ok(done(blob(&store.stat(&uri_path(call)?).await?))),
        "listblobs" => list_blobs(store, call).await,
        "listblobdirectories" => list_directories(store, call).await,
        "listcontainers" => list_containers(store).await,
        "getfilecontent" | "getftpfilecontent" => {
            let path = file(call)?;
            let (_, value) = content_value(&path, &store.read(&path).await?);
            Ok(done(json!({"fileName": name(&path), "content": value})))
        }
        "getfilecontentv2" | "getftpfilecontentv2" | "readfile" => {
            let path = file(call)?;
            let bytes = store.read(&path).await?;
            let (kind, value) = content_value(&path, &bytes);
            Ok(respond(200, kind, Some(value)))
        }
        "getfilemetadata" | "getallfilemetadata" | "getmetadata" => {
            Ok(done(provider(&store.stat(&file(call)?).await?)))
        }
        "listfolder" | "listfilesinfolder" => {
            let entries = store.list(&folder(call)?, false).await?;
            Ok(done(entries.iter().map(provider).collect()))
        }
        "createfile" | "uploadfile" | "uploadfilecontent" => {
            write(store, &file(call)?, content_bytes(call), overwrite(call)).await
        }
        "createfileifnotpresent" => write(store, &file(call)?, content_bytes(call), Overwrite::Refuse).await,
        "updatefile" => {
            let path = file(call)?;
            store.stat(&path).await?;
            write(store, &path, content_bytes(call), Overwrite::Replace).await
        }
        "appendfile" => {
            let path = file(call)?;
            let mut bytes = store.read(&path).await?;
            bytes.extend(content_bytes(call));
            write(store, &path, bytes, Overwrite::Replace).await
        }
        "deletefile" | "deleteftpfile" => {
            store.delete(&file(call)?).await?;
            Ok(done(json!({"fileDeleted": true})))
        }
        "renamefile" => rename(store, call).await,
        "copyfile" => {
            let from = clean(&needed(call, &["sourceFilePath", "source", "filePath"])?)?;
            let to = clean(&needed(call, &["destinationFilePath", "destination"])?)?;
            write(store, &to, store.read(&from).await?, overwrite(call)).await
        }
        _ => Err(unknown(call)),
    }
}

async fn read_blob<S: FileStore>(store: &S, path: &str) -> Result<Answer, Failure> {
    let entry = store.stat(path).await?;
    let (_, value) = content_value(path, &store.read(path).await?);
    Ok(done(json!({"content": value, "properties": blob_properties(&entry), "metadata": {}})))
}

async fn upload_blob<S: FileStore>(store: &S, path: &str, call: &ConnectorCall) -> Result<Answer, Failure> {
    let entry = store.write(path, content_bytes(call), overwrite(call)).await?;
    Ok(done(json!({"properties": blob_properties(&entry), "metadata": {}})))
}

async fn remove<S: FileStore>(store: &S, path: &str) -> Result<Answer, Failure> {
    store.delete(path).await?;
    Ok(respond(200, "application/json", None))
}

async fn exists<S: FileStore>(store: &S, path: &str) -> Result<Answer, Failure> {
    match store.stat(path).await {
        Ok(entry) => {
            Ok(done(json!({"blobExists": true, "properties": blob_properties(&entry), "metadata": {}})))
        }
        Err(failure) if failure.is_missing() => Ok(done(json!({"blobExists": false}))),
        Err(failure) => Err(failure),
    }
}

/// The folder part and the rest of `blobNamePrefix`.
fn prefix(call: &ConnectorCall) -> Result<(String, String), Failure> {
    let container = clean(&needed(call, &["containerName"])?)?;
    let prefix = query(call, "blobNamePrefix").unwrap_or_default();
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok((clean(&inside(&container, folder))?, inside(&container, &prefix)))
}

async fn list_blobs<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    let (folder, prefix) = prefix(call)?;
    let deep = is_set(call, "excludeSubFolderBlobs") != Some(true);
    let entries = match store.list(&folder, deep).await {
        Err(failure) if failure.is_missing() && !blob_parts(&folder).1.is_empty() => Vec::new(),
        entries => entries?,
    };
    let blobs: Vec<Json> =
        entries.iter().filter(|e| !e.folder && e.path.starts_with(&prefix)).map(blob).collect();
    Ok(done(json!({"blobs": blobs, "pageMarker": ""})))
}

async fn list_directories<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    let (folder, prefix) = prefix(call)?;
    let entries = store.list(&folder, false).await?;
    let found = entries.iter().filter(|e| e.folder && e.path.starts_with(&prefix));
    let list: Vec<Json> = found.map(|e| json!({"name": blob_parts(&e.path).1})).collect();
    Ok(done(json!({"blobDirectories": list})))
}

async fn list_containers<S: FileStore>(store: &S) -> Result<Answer, Failure> {
    let entries = store.list("/", false).await?;
    let list: Vec<Json> =
        entries.iter().filter(|e| e.folder).map(|e| json!({"name": name(&e.path), "eTag": e.etag})).collect();
    Ok(done(json!({"containers": list, "pageMarker": ""})))
}

async fn write<S: FileStore>(
    store: &S,
    path: &str,
    bytes: Vec<u8>,
    over: Overwrite,
) -> Result<Answer, Failure> {
    let entry = store.write(path, bytes, over).await?;
    let mut body = provider(&entry);
    if let Some(body) = body.as_object_mut() {
        body.insert("filePath".into(), Json::from(entry.path.as_str()));
        body.insert("filename".into(), Json::from(name(&entry.path)));
    }
    Ok(done(body))
}

/// Renaming is writing under the new name and removing the old one: repeated after a crash it ends in the same state.
async fn rename<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    let from = file(call)?;
    let new = needed(call, &["newName", "newFileName", "newFilePath"])?;
    let parent = from.rsplit_once('/').map_or("", |(parent, _)| parent);
    let to = clean(&if new.contains('/') { new } else { inside(parent, &new) })?;
    let answer = write(store, &to, store.read(&from).await?, overwrite(call)).await?;
    store.delete(&from).await?;
    Ok(answer)
}
