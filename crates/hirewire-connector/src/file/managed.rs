//! Operations of the managed file connectors: `azureblob`, `azurefile`, `sftpwithssh`, `sharepointonline`, `filesystem`,
//! `ftp`, `onedriveforbusiness` (`spec/workflows.md` §11.2).

use hirewire_workflow::content;
use hirewire_workflow::expression::{Value, member};
use hirewire_workflow::host::{ConnectorCall, file_path};
use hirewire_workflow::run::Answer;
use serde_json::{Value as Json, json};

use super::metadata::{content_value, managed};
use super::path::{clean, inside, name};
use super::{FileStore, Overwrite, unknown};
use crate::failure::{Failure, done, respond};

/// What follows the data set in the path of a managed call: `GetFileContentByPath`, `files/{id}/content`.
pub(crate) fn operation(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/datasets/")?;
    Some(rest.split_once('/')?.1.trim_matches('/').to_owned())
}

/// A query of a call as text.
pub(crate) fn query(call: &ConnectorCall, key: &str) -> Option<String> {
    member(&call.queries, key).map(|v| Value::from(v).to_text().into_owned())
}

fn needed(call: &ConnectorCall, key: &str) -> Result<String, Failure> {
    query(call, key).ok_or_else(|| Failure::bad(format!("the query '{key}' is missing")))
}

fn is_set(call: &ConnectorCall, key: &str) -> bool {
    query(call, key).is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

fn header_is_set(call: &ConnectorCall, name: &str) -> bool {
    member(&call.headers, name).is_some_and(|v| Value::from(v).to_text().eq_ignore_ascii_case("true"))
}

/// A path in a query: `queryParametersSingleEncoded` says that it is plain; without it designers encode it once more.
fn path_query(call: &ConnectorCall, key: &str) -> Result<String, Failure> {
    let text = needed(call, key)?;
    clean(&if text.contains("%2") { file_path(&text) } else { text })
}

/// The path behind an id of a call.
fn path_of(id: &str) -> Result<String, Failure> {
    clean(&file_path(id))
}

/// Runs a managed operation.
pub(crate) async fn run<S: FileStore>(
    store: &S,
    operation: &str,
    call: &ConnectorCall,
) -> Result<Answer, Failure> {
    let parts: Vec<&str> = operation.split('/').collect();
    let lower: Vec<String> = parts.iter().map(|p| p.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let id = parts.get(1).copied().unwrap_or_default();
    match (call.method.as_str(), &lower[..]) {
        ("GET", ["getfilecontentbypath"]) => content_of(store, &path_query(call, "path")?).await,
        ("GET", ["files", _, "content"]) => content_of(store, &path_of(id)?).await,
        ("GET", ["getfilebypath"]) => metadata_of(store, &path_query(call, "path")?).await,
        ("GET", ["getfolderbypath"]) => metadata_of(store, &path_query(call, "path")?).await,
        ("GET", ["files", _]) => metadata_of(store, &path_of(id)?).await,
        ("GET", ["folders"]) => list(store, "/", call, false).await,
        ("GET", ["foldersv2"]) => list(store, "/", call, true).await,
        ("GET", ["folders", _]) => list(store, &path_of(id)?, call, false).await,
        ("GET", ["foldersv2", _]) => list(store, &path_of(id)?, call, true).await,
        ("POST", ["files" | "createblockblob"]) => create(store, call).await,
        ("PUT", ["files", _]) => update(store, &path_of(id)?, call).await,
        ("DELETE", ["files", _]) => delete(store, &path_of(id)?, call).await,
        ("POST", ["copyfile"]) => copy(store, call).await,
        _ => Err(unknown(call)),
    }
}

async fn content_of<S: FileStore>(store: &S, path: &str) -> Result<Answer, Failure> {
    let bytes = store.read(path).await?;
    let (kind, value) = content_value(path, &bytes);
    Ok(respond(200, kind, Some(value)))
}

async fn metadata_of<S: FileStore>(store: &S, path: &str) -> Result<Answer, Failure> {
    Ok(done(managed(&store.stat(path).await?)))
}

/// Version 1 answers an array, version 2 `{"value": […]}`; `useFlatListing` gives all files below.
async fn list<S: FileStore>(
    store: &S,
    path: &str,
    call: &ConnectorCall,
    wrapped: bool,
) -> Result<Answer, Failure> {
    let entries = store.list(path, is_set(call, "useFlatListing")).await?;
    let list: Vec<Json> = entries.iter().map(managed).collect();
    Ok(done(if wrapped { json!({"value": list}) } else { json!(list) }))
}

fn bytes_of(body: Option<&Json>) -> Vec<u8> {
    content::encode(body).map(|(bytes, _)| bytes).unwrap_or_default()
}

async fn create<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    let file = needed(call, "name")?;
    if name(&file) != file || file.is_empty() {
        return Err(Failure::bad(format!("'{file}' is no name for a file")));
    }
    let path = clean(&inside(&path_query(call, "folderPath")?, &file))?;
    // Creating replaces a file of that name, so that a call that is repeated after a crash has one effect.
    Ok(done(managed(&store.write(&path, bytes_of(call.body.as_ref()), Overwrite::Replace).await?)))
}

async fn update<S: FileStore>(store: &S, path: &str, call: &ConnectorCall) -> Result<Answer, Failure> {
    store.stat(path).await?;
    Ok(done(managed(&store.write(path, bytes_of(call.body.as_ref()), Overwrite::Replace).await?)))
}

async fn delete<S: FileStore>(store: &S, path: &str, call: &ConnectorCall) -> Result<Answer, Failure> {
    match store.delete(path).await {
        Err(failure) if failure.is_missing() && header_is_set(call, "SkipDeleteIfFileNotFoundOnServer") => {}
        outcome => outcome?,
    }
    Ok(respond(200, "application/json", None))
}

async fn copy<S: FileStore>(store: &S, call: &ConnectorCall) -> Result<Answer, Failure> {
    let source = needed(call, "source")?;
    if source.contains("://") {
        return Err(Failure::bad("only files of this connection can be copied; give `source` as a path"));
    }
    let (from, to) = (path_query(call, "source")?, path_query(call, "destination")?);
    let over = if is_set(call, "overwrite") { Overwrite::Replace } else { Overwrite::Refuse };
    Ok(done(managed(&store.write(&to, store.read(&from).await?, over).await?)))
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn operations_of_all_versions_are_found() {
        for (path, wanted) in [
            ("/datasets/default/GetFileContentByPath", "GetFileContentByPath"),
            ("/v2/datasets/AccountNameFromSettings/files/JTJm/content", "files/JTJm/content"),
            ("/v2/datasets/https%253A%252F%252Fhr.blob.core.windows.net/foldersV2/x", "foldersV2/x"),
            ("/datasets/https%253A%252F%252Fcontoso.sharepoint.com%252Fsites%252Fhr/files", "files"),
        ] {
            assert_eq!(operation(path).as_deref(), Some(wanted));
        }
        assert_eq!(operation("/readBlob"), None);
    }
}
