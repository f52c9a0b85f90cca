//! Polling triggers: what a connector is asked for, and how far a trigger has come (`spec/workflows.md` §7.5, §11.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

use super::outside::ConnectorCall;
use crate::expression::{Value, member, percent_decode, same_name};
use crate::run::Answer;
use crate::trigger::{FileChange, FileCursor, changed_files};

/// Where a poll begins.
#[derive(Debug, Clone, PartialEq)]
pub enum PollFrom {
    /// The trigger was just enabled: nothing that exists fires, the cursor points behind it.
    Activation,
    /// Behind a cursor that an earlier poll gave.
    After(Json),
    /// A person fires the trigger: the latest existing item, even if it is old; the cursor is not kept.
    Latest,
}

/// What a poll found.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// Outputs of the trigger (`{statusCode?, headers, body}`), one per firing, oldest first. `splitOn` is applied later.
    pub firings: Vec<Json>,
    /// The cursor behind them; it is stored after the runs are durable.
    pub cursor: Json,
    /// Whether more is waiting, so that the next poll comes at once.
    pub more: bool,
}

impl Polled {
    /// Nothing new.
    pub fn nothing(cursor: Json) -> Self {
        Self { firings: Vec::new(), cursor, more: false }
    }

    /// One firing with this body.
    pub fn one(body: Json, cursor: Json, more: bool) -> Self {
        Self { firings: vec![firing(Map::new(), Some(body))], cursor, more }
    }
}

/// Outputs of a trigger from headers and body.
pub fn firing(headers: Map<String, Json>, body: Option<Json>) -> Json {
    let mut outputs = Map::new();
    outputs.insert("statusCode".into(), json!(200));
    outputs.insert("headers".into(), Json::Object(headers));
    if let Some(body) = body {
        outputs.insert("body".into(), body);
    }
    Json::Object(outputs)
}

/// The answer of a connector that has no trigger of this path.
pub fn unknown_trigger(call: &ConnectorCall) -> Answer {
    let message = format!("the trigger {} {} is not known", call.method, call.path);
    let mut headers = Map::new();
    headers.insert("Content-Type".into(), Json::from("application/json"));
    Answer::Response { status: 404, headers, body: Some(json!({"status": 404, "message": message})) }
}

/// A file trigger's wishes, read from its call: folder, batch size, content or properties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePoll {
    /// The folder's path, as written or behind its id.
    pub folder: String,
    /// Whether folders inside are watched too.
    pub recursive: bool,
    /// Whether only new files fire, not modified ones.
    pub new_only: bool,
    /// Whether each file fires alone with its content as body; otherwise one firing has a list of metadata.
    pub content: bool,
    /// Most files of one poll.
    pub batch: usize,
}

/// A file as a connector lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEntry {
    /// Its path below the connection's root, with `/` first.
    pub path: String,
    /// When it was modified last, in ticks (100 ns since year 1, UTC).
    pub modified: i64,
    /// The connector's metadata of it (`Id`, `Name`, `Path`, `LastModified`, …).
    pub metadata: Json,
}

impl FilePoll {
    /// Reads a trigger's call; nothing where it is no file trigger.
    ///
    /// Known are `…/triggers/[batch/]onnewfile[s]`, `onupdatedfile[s]` and the operations
    /// `whenABlobIsAddedOrModified`, `whenFilesAreAdded`, `whenFilesAreAddedOrModified` of service providers.
    pub fn read(call: &ConnectorCall) -> Option<Self> {
        let query = |key: &str| member(&call.queries, key);
        let text = |key: &str| query(key).map(|v| Value::from(v).to_text().into_owned());
        let flag = |key: &str| text(key).is_some_and(|t| same_name(&t, "true"));
        let (batched, operation) = match call.path.split_once("/triggers/") {
            Some((_, rest)) => match rest.strip_prefix("batch/") {
                Some(operation) => (true, operation),
                None => (false, rest),
            },
            None => (true, call.path.trim_start_matches('/')),
        };
        let lower = operation.trim_end_matches('/').to_ascii_lowercase();
        let (new_only, content) = match lower.as_str() {
            "onnewfile" | "onnewfiles" | "onnewfilev2" => (true, !batched),
            "onupdatedfile" | "onupdatedfiles" | "onupdatedfilev2" => (false, !batched),
            "whenfilesareadded" => (true, false),
            "whenablobisaddedormodified" | "whenfilesareaddedormodified" => (false, false),
            _ => return None,
        };
        let folder = text("folderId").or_else(|| text("folderPath")).or_else(|| text("path"));
        // A blob path of a service provider ends in a name pattern: `container/{name}`.
        let folder = folder.map_or_else(|| "/".to_owned(), |f| file_path(&f));
        let folder = folder.split('{').next().unwrap_or_default();
        let batch = query("maxFileCount").or_else(|| query("maxFilesToReturn"));
        let batch = batch.and_then(|v| v.as_u64().or_else(|| v.as_str()?.trim().parse().ok())).unwrap_or(10);
        Some(Self {
            folder: format!("/{}", folder.trim_matches('/')),
            recursive: flag("includeSubfolders") || flag("includeSubFolders"),
            new_only,
            content,
            batch: if content { 1 } else { usize::try_from(batch.clamp(1, 1_000)).unwrap_or(10) },
        })
    }

    /// Which files of a listing are due, the cursor behind them, and whether more is waiting.
    ///
    /// The listing holds all files of the folder (and of the folders inside where `recursive`), no folders. Fetch the
    /// content of each due file where [`FilePoll::content`] is set, then give them to [`FilePoll::polled`].
    pub fn due(&self, from: &PollFrom, listing: Vec<FileEntry>) -> (Vec<FileEntry>, Json, bool) {
        let change = |f: &FileEntry| FileChange { path: f.path.clone(), modified: f.modified };
        let newest = listing.iter().map(|f| f.modified).max().unwrap_or(0);
        let (due, cursor, more) = match from {
            PollFrom::Activation => {
                let cursor = if self.new_only {
                    json!({"known": listing.iter().map(|f| f.path.as_str()).collect::<Vec<_>>()})
                } else {
                    let seen = listing.iter().filter(|f| f.modified == newest).map(|f| f.path.clone());
                    json!(FileCursor { modified: newest, seen: seen.collect() })
                };
                return (Vec::new(), cursor, false);
            }
            PollFrom::Latest => {
                let latest = listing.iter().max_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
                (latest.map(change).into_iter().collect(), Json::Null, false)
            }
            PollFrom::After(cursor) if self.new_only => {
                let known: std::collections::HashSet<&str> = cursor
                    .get("known")
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_str)
                    .collect();
                let unknown: Vec<FileChange> =
                    listing.iter().filter(|f| !known.contains(f.path.as_str())).map(change).collect();
                let count = unknown.len();
                let (due, _) = changed_files(&FileCursor::default(), unknown, self.batch);
                // Files that went away are forgotten: one of the same name fires again.
                let still = listing.iter().map(|f| f.path.as_str()).filter(|p| known.contains(p));
                let now: Vec<&str> = still.chain(due.iter().map(|f| f.path.as_str())).collect();
                let more = count > due.len();
                let cursor = json!({"known": now});
                (due, cursor, more)
            }
            PollFrom::After(cursor) => {
                let cursor: FileCursor = serde_json::from_value(cursor.clone()).unwrap_or_default();
                let all: Vec<FileChange> = listing.iter().map(change).collect();
                let (mut due, _) = changed_files(&cursor, all, self.batch + 1);
                let more = due.len() > self.batch;
                due.truncate(self.batch);
                let (due, cursor) = changed_files(&cursor, due, self.batch);
                (due, json!(cursor), more)
            }
        };
        let mut by_path: std::collections::HashMap<String, FileEntry> =
            listing.into_iter().map(|f| (f.path.clone(), f)).collect();
        let files = due.iter().filter_map(|d| by_path.remove(&d.path)).collect();
        (files, cursor, more)
    }

    /// The poll's result: one firing with all metadata, or one per file with its content and `x-ms-file-*` headers.
    pub fn polled(&self, files: Vec<(FileEntry, Option<Json>)>, cursor: Json, more: bool) -> Polled {
        if files.is_empty() {
            return Polled::nothing(cursor);
        }
        if !self.content {
            let list: Vec<Json> = files.into_iter().map(|(file, _)| file.metadata).collect();
            return Polled::one(Json::Array(list), cursor, more);
        }
        let firings = files.into_iter().map(|(file, content)| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let id = file.metadata.get("Id").and_then(Json::as_str).map(str::to_owned);
            let mut headers = Map::new();
            headers.insert("Content-Type".into(), Json::from(media_type(name)));
            headers.insert("x-ms-file-id".into(), Json::from(id.unwrap_or_else(|| file_id(&file.path))));
            headers.insert("x-ms-file-name".into(), Json::from(name));
            headers.insert("x-ms-file-path".into(), Json::from(file.path.as_str()));
            headers.insert("x-ms-file-name-encoded".into(), Json::from(STANDARD.encode(name)));
            headers.insert("x-ms-file-path-encoded".into(), Json::from(STANDARD.encode(&file.path)));
            if let Some(etag) = file.metadata.get("ETag").filter(|e| e.is_string()) {
                headers.insert("x-ms-file-etag".into(), etag.clone());
            }
            firing(headers, content)
        });
        Polled { firings: firings.collect(), cursor, more }
    }
}

/// A connector's id of a path: base64 of the percent-encoded path with small hex digits.
pub fn file_id(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    STANDARD.encode(encoded)
}

/// The path behind an id, or the text itself where somebody wrote a plain path; segments come encoded twice.
pub fn file_path(id: &str) -> String {
    let once = percent_decode(&percent_decode(id, false), false);
    let decoded = STANDARD
        .decode(&once)
        .ok()
        .and_then(|b| String::from_utf8(b).ok())
        .filter(|t| t.starts_with("%2f") || t.starts_with("%2F") || t.starts_with('/'));
    decoded.map_or(once, |text| percent_decode(&text, false))
}

/// The content type of a file by its ending (`inferContentType`).
pub fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => "text/csv",
        "json" => "application/json",
        "xml" => "application/xml",
        "html" | "htm" => "text/html",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "zip" => "application/zip",
        "pdf" => "application/pdf",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests {
    use super::{FileEntry, FilePoll, PollFrom, file_id};
    use crate::host::ConnectorCall;
    use serde_json::{Map, Value as Json, json};

    fn call(path: &str, queries: Json) -> ConnectorCall {
        let queries = queries.as_object().cloned().unwrap_or_default();
        ConnectorCall { method: "GET".into(), path: path.into(), queries, headers: Map::new(), body: None }
    }

    fn entry(path: &str, modified: i64) -> FileEntry {
        FileEntry { path: path.into(), modified, metadata: json!({"Path": path}) }
    }

    #[test]
    fn calls_are_read() {
        let read = |path: &str, queries| FilePoll::read(&call(path, queries));
        let batch = read(
            "/v2/datasets/x/triggers/batch/onupdatedfile",
            json!({"folderId": file_id("/hr/in"), "maxFileCount": "5"}),
        )
        .expect("batch");
        assert_eq!((batch.folder.as_str(), batch.batch, batch.content), ("/hr/in", 5, false));
        let one = read("/datasets/default/triggers/onnewfile", json!({"folderId": "uploads"})).expect("one");
        assert_eq!((one.folder.as_str(), one.batch, one.content, one.new_only), ("/uploads", 1, true, true));
        let blob = read("/whenABlobIsAddedOrModified", json!({"path": "hr/in/{name}"})).expect("blob");
        assert_eq!(blob.folder, "/hr/in");
        assert_eq!(read("/datasets/default/files/x", json!({})), None);
    }

    #[test]
    fn each_file_fires_once() {
        let listing = || vec![entry("/a", 10), entry("/b", 20), entry("/c", 20), entry("/d", 30)];
        for operation in ["onupdatedfile", "onnewfile"] {
            let poll =
                FilePoll::read(&call(&format!("/x/triggers/batch/{operation}"), json!({"maxFileCount": 1})))
                    .expect("poll");
            let (due, cursor, more) = poll.due(&PollFrom::Activation, vec![entry("/a", 10)]);
            assert!(due.is_empty() && !more);
            let mut fired = Vec::new();
            let mut from = PollFrom::After(cursor);
            for _ in 0..5 {
                let (due, cursor, more) = poll.due(&from, listing());
                fired.extend(due.into_iter().map(|f| f.path));
                assert_eq!(more, !fired.is_empty() && fired.len() < 3, "{fired:?}");
                from = PollFrom::After(cursor);
            }
            assert_eq!(fired, ["/b", "/c", "/d"]);
            let again = poll.due(&from, vec![entry("/a", 40), entry("/d", 30)]).0;
            assert_eq!(again.len(), usize::from(operation == "onupdatedfile"));
            assert_eq!(poll.due(&PollFrom::Latest, listing()).0[0].path, "/d");
        }
    }
}
