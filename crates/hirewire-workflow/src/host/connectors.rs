//! Adapters that need nothing but this machine: a folder of files, a vault of secrets (`spec/workflows.md` §11.2, §11.4).

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use serde_json::{Map, Value as Json, json};

use super::http::HttpClient;
use super::outside::{Connector, ConnectorCall, Reply};
use super::polling::{
    FileEntry, FilePoll, PollFrom, Polled, file_id, file_path, firing, media_type, unknown_trigger,
};
use crate::content;
use crate::expression::{DateTime, Value, member, percent_decode};
use crate::run::Answer;

fn response(status: u16, kind: &str, body: Option<Json>) -> Answer {
    let mut headers = Map::new();
    headers.insert("Content-Type".into(), Json::from(kind));
    Answer::Response { status, headers, body }
}

fn failure(status: u16, message: String) -> Answer {
    response(status, "application/json", Some(json!({"status": status, "message": message})))
}

/// A folder behind `azurefile`, `azureblob`, `sftpwithssh`, `ftp`, `filesystem`, `sharepointonline`.
#[derive(Debug)]
pub struct FolderConnector {
    root: PathBuf,
}

impl FolderConnector {
    /// An adapter over a folder; nothing outside of it can be reached.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The file of a path in the connector's sense; nothing where it would leave the folder.
    fn locate(&self, path: &str) -> Option<PathBuf> {
        let relative = Path::new(path.trim_start_matches('/'));
        let plain = relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        let file = plain.then(|| self.root.join(relative))?;
        // Links that lead out of the folder are not followed.
        let real = file.ancestors().find_map(|p| p.canonicalize().ok())?;
        real.starts_with(self.root.canonicalize().ok()?).then_some(file)
    }

    fn metadata(&self, file: &Path) -> Json {
        let relative = file.strip_prefix(&self.root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let path = format!("/{relative}");
        let data = std::fs::metadata(file).ok();
        let modified =
            data.as_ref().and_then(|d| d.modified().ok()).and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map(|d| DateTime::from_unix_nanoseconds(d.as_nanos() as i128).round_trip());
        let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        json!({
            "Id": file_id(&path), "Name": name, "DisplayName": name, "Path": path, "LastModified": modified,
            "Size": data.as_ref().map_or(0, std::fs::Metadata::len), "MediaType": media_type(&name),
            "IsFolder": data.is_some_and(|d| d.is_dir()), "FileLocator": file_id(&path),
        })
    }

    fn content(&self, path: &str) -> Answer {
        let Some(file) = self.locate(path) else {
            return failure(403, format!("the path '{path}' leads out of the folder"));
        };
        match std::fs::read(&file) {
            Ok(bytes) => {
                let kind = media_type(path);
                // Text that is valid UTF-8 is text; anything else an envelope.
                let kind = if kind == "text/plain" && std::str::from_utf8(&bytes).is_err() {
                    "application/octet-stream"
                } else {
                    kind
                };
                response(200, kind, content::decode(&bytes, Some(kind)).or_else(|| Some(Json::from(""))))
            }
            Err(e) => failure(404, format!("the file '{path}' cannot be read: {e}")),
        }
    }

    fn list(&self, path: &str, wrapped: bool) -> Answer {
        let Some(folder) = self.locate(path) else {
            return failure(403, format!("the path '{path}' leads out of the folder"));
        };
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) => return failure(404, format!("the folder '{path}' cannot be read: {e}")),
        };
        let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
        files.sort();
        let list: Vec<Json> = files.iter().map(|f| self.metadata(f)).collect();
        response(200, "application/json", Some(if wrapped { json!({"value": list}) } else { json!(list) }))
    }

    fn write(&self, path: &str, body: Option<&Json>) -> Answer {
        let Some(file) = self.locate(path) else {
            return failure(403, format!("the path '{path}' leads out of the folder"));
        };
        let bytes = content::encode(body).map(|(bytes, _)| bytes).unwrap_or_default();
        // Written beside and renamed, so that a repeated call after a crash leaves one whole file.
        let beside = file.with_extension("part");
        let done = file
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, &file));
        match done {
            Ok(()) => response(200, "application/json", Some(self.metadata(&file))),
            Err(e) => failure(500, format!("the file '{path}' cannot be written: {e}")),
        }
    }

    /// All files below a folder, in the folders inside too where `recursive`.
    fn entries(&self, folder: &Path, recursive: bool, out: &mut Vec<FileEntry>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                if recursive && !path.is_symlink() {
                    self.entries(&path, recursive, out)?;
                }
                continue;
            }
            // What this adapter is writing itself is not there yet.
            if path.extension().is_some_and(|e| e == "part") {
                continue;
            }
            let modified = std::fs::metadata(&path).and_then(|d| d.modified()).ok();
            let since = modified.and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            let Some(since) = since else { continue };
            let relative =
                path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            let modified = DateTime::from_unix_nanoseconds(since.as_nanos() as i128).ticks;
            out.push(FileEntry { path: format!("/{relative}"), modified, metadata: self.metadata(&path) });
        }
        Ok(())
    }

    fn poll_files(&self, call: &ConnectorCall, from: &PollFrom) -> Result<Polled, Box<Answer>> {
        let Some(poll) = FilePoll::read(call) else { return Err(unknown_trigger(call).into()) };
        let Some(folder) = self.locate(&poll.folder) else {
            return Err(failure(403, format!("the path '{}' leads out of the folder", poll.folder)).into());
        };
        let mut listing = Vec::new();
        self.entries(&folder, poll.recursive, &mut listing)
            .map_err(|e| failure(404, format!("the folder '{}' cannot be read: {e}", poll.folder)))?;
        let (due, cursor, more) = poll.due(from, listing);
        let with_content = |file: FileEntry| {
            let content = match poll.content.then(|| self.content(&file.path)) {
                Some(Answer::Response { status: 200, body, .. }) => body,
                _ => None,
            };
            (file, content)
        };
        Ok(poll.polled(due.into_iter().map(with_content).collect(), cursor, more))
    }

    fn answer(&self, call: &ConnectorCall) -> Answer {
        let query = |key: &str| {
            member(&call.queries, key).map(|v| Value::from(v).to_text().into_owned()).unwrap_or_default()
        };
        // A service provider's operation has no slashes in it.
        match call.path.trim_start_matches('/') {
            "readBlob" | "getBlobContent" => {
                return self.content(&format!("{}/{}", query("containerName"), query("blobName")));
            }
            "uploadBlob" => {
                return self.write(
                    &format!("{}/{}", query("containerName"), query("blobName")),
                    member(&call.queries, "content"),
                );
            }
            "getFileContent" | "getFileContentV2" | "readFile" => return self.content(&query("filePath")),
            "listFilesInFolder" | "listFolder" => return self.list(&query("folderPath"), false),
            "createFile" | "uploadFile" => {
                return self.write(
                    &query("filePath"),
                    member(&call.queries, "content").or(member(&call.queries, "fileContent")),
                );
            }
            _ => {}
        }
        let Some((_, operation)) =
            call.path.split_once("/datasets/").and_then(|(_, rest)| rest.split_once('/'))
        else {
            return failure(404, format!("the operation {} {} is not known", call.method, call.path));
        };
        let parts: Vec<&str> = operation.split('/').collect();
        match (call.method.as_str(), &parts[..]) {
            ("GET", ["GetFileContentByPath"]) => self.content(&query("path")),
            ("GET", ["GetFileByPath"]) => match self.locate(&query("path")).filter(|f| f.exists()) {
                Some(file) => response(200, "application/json", Some(self.metadata(&file))),
                None => failure(404, format!("the file '{}' does not exist", query("path"))),
            },
            ("GET", ["files", id, "content"]) => self.content(&file_path(id)),
            ("GET", ["files", id]) => match self.locate(&file_path(id)).filter(|f| f.exists()) {
                Some(file) => response(200, "application/json", Some(self.metadata(&file))),
                None => failure(404, format!("the file '{}' does not exist", file_path(id))),
            },
            ("GET", ["folders"]) => self.list("/", false),
            ("GET", ["foldersV2"]) => self.list("/", true),
            ("GET", ["folders", id]) => self.list(&file_path(id), false),
            ("GET", ["foldersV2", id]) => self.list(&file_path(id), true),
            ("POST", ["files"]) => self.write(
                &format!("{}/{}", query("folderPath").trim_end_matches('/'), query("name")),
                call.body.as_ref(),
            ),
            ("PUT", ["files", id]) => self.write(&file_path(id), call.body.as_ref()),
            ("DELETE", ["files", id]) => match self.locate(&file_path(id)).map(std::fs::remove_file) {
                Some(Ok(())) => response(200, "application/json", None),
                _ => failure(404, format!("the file '{}' cannot be removed", file_path(id))),
            },
            _ => failure(404, format!("the operation {} {} is not known", call.method, call.path)),
        }
    }
}

impl Connector for FolderConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(std::future::ready(self.answer(&call)))
    }

    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        Box::pin(std::future::ready(self.poll_files(&call, &from).map_err(|answer| *answer)))
    }
}

/// An HTTP endpoint that stands in for a connector: the call goes to `{endpoint}{path}` as in the service.
pub struct Passthrough {
    http: Arc<HttpClient>,
    endpoint: String,
}

impl Passthrough {
    /// Calls below `endpoint`.
    pub fn new(http: Arc<HttpClient>, endpoint: impl Into<String>) -> Self {
        Self { http, endpoint: endpoint.into() }
    }
}

impl Connector for Passthrough {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move {
            let uri = format!("{}{}", self.endpoint.trim_end_matches('/'), call.path);
            self.http.send(&call.method, &uri, &call.queries, &call.headers, call.body.as_ref(), None).await
        })
    }

    /// Polls as the service does: 200 fires, 202 does not, and `Location` (the cursor) is where the next poll goes.
    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        Box::pin(async move {
            let location = match &from {
                PollFrom::After(cursor) => cursor.as_str().map(str::to_owned),
                _ => None,
            };
            let uri = format!("{}{}", self.endpoint.trim_end_matches('/'), call.path);
            let (uri, queries) = match location {
                Some(location) => (location, Map::new()),
                None => (uri, call.queries.clone()),
            };
            let answer =
                self.http.send(&call.method, &uri, &queries, &call.headers, call.body.as_ref(), None).await;
            let Answer::Response { status, headers, body } = answer else { return Err(answer) };
            if status != 200 && status != 202 {
                return Err(Answer::Response { status, headers, body });
            }
            let next = member(&headers, "Location").and_then(Json::as_str);
            let cursor = next.map_or(Json::Null, Json::from);
            // The first poll only fetches the state, as in the service.
            if status == 202 || from == PollFrom::Activation && next.is_some() {
                return Ok(Polled::nothing(cursor));
            }
            Ok(Polled { firings: vec![firing(headers, body)], cursor, more: false })
        })
    }
}

/// Secrets by name: environment, files, a vault.
pub trait Secrets: Send + Sync {
    /// The secret's text, where it exists.
    fn secret<'a>(&'a self, name: &'a str) -> Reply<'a, Option<String>>;
}

/// `keyvault` and `/serviceProviders/keyVault` over any source of secrets.
pub struct SecretConnector {
    secrets: Arc<dyn Secrets>,
}

impl SecretConnector {
    /// An adapter over a source of secrets.
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        Self { secrets }
    }
}

impl Connector for SecretConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move {
            let by_path =
                call.path.strip_prefix("/secrets/").map(|rest| rest.trim_end_matches("/value").to_owned());
            let by_name = member(&call.queries, "secretName").and_then(Json::as_str).map(str::to_owned);
            let Some(name) = by_name.or(by_path) else {
                return failure(404, format!("the operation {} {} is not known", call.method, call.path));
            };
            let name = percent_decode(&percent_decode(&name, false), false);
            match self.secrets.secret(&name).await {
                Some(value) => response(
                    200,
                    "application/json",
                    Some(
                        json!({"value": value, "name": name, "version": "1", "contentType": null, "isEnabled": true}),
                    ),
                ),
                None => failure(404, format!("there is no secret '{name}'")),
            }
        })
    }
}
