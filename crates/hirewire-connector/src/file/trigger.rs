//! File triggers: what was created or modified since the last poll (`spec/workflows.md` §7.5, §11.2).
//!
//! The cursor is a picture of the folder: a file that is moved in with an old time fires, and one that is written again
//! within the same second, too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hirewire_workflow::host::{ConnectorCall, PollFrom, Polled, file_id, file_path, firing, unknown_trigger};
use hirewire_workflow::run::Answer;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

use super::managed::{operation, query};
use super::metadata::{blob_event, content_value, managed, provider, ticks};
use super::path::{clean, name};
use super::{Entry, FileStore};
use crate::failure::Failure;

/// A file that changed less than this ago may still be growing (ticks): SFTP and folders then wait for the next poll.
const SETTLED: i64 = 3 * 10_000_000;

/// In which shape a trigger fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// One run per file with its content and `x-ms-file-*` headers.
    Content,
    /// One array of managed metadata, mostly split.
    Batch,
    /// One run per blob with the built-in provider's properties.
    Blob,
    /// One array of `{fileMetadata, content?}`.
    Files,
    /// One run per file with `{fileMetadata, content?}`.
    File,
}

/// What a trigger wants.
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    folder: String,
    deep: bool,
    new_only: bool,
    shape: Shape,
    batch: usize,
    /// Begin and end of the names, of `container/folder/pre{name}.csv`.
    pattern: (String, String),
    ignored: Vec<String>,
    /// Files modified before this are not looked at.
    cutoff: Option<i64>,
    with_content: bool,
}

impl Wish {
    fn read(call: &ConnectorCall) -> Option<Self> {
        let managed = operation(&call.path).or_else(|| {
            // A trigger's path may come without a data set.
            call.path.split_once("/triggers/").map(|(_, rest)| format!("triggers/{rest}"))
        });
        let name = managed.as_deref().unwrap_or_else(|| call.path.trim_matches('/')).to_ascii_lowercase();
        let (new_only, shape) = match name.trim_end_matches('/') {
            "triggers/onnewfile" | "triggers/onnewfilev2" => (true, Shape::Content),
            "triggers/onupdatedfile" | "triggers/onupdatedfilev2" => (false, Shape::Content),
            "triggers/batch/onnewfile" | "triggers/batch/onnewfilev2" | "triggers/onnewfiles" => {
                (true, Shape::Batch)
            }
            "triggers/batch/onupdatedfile" | "triggers/batch/onupdatedfilev2" | "triggers/onupdatedfiles" => {
                (false, Shape::Batch)
            }
            "whenablobisaddedormodified" => (false, Shape::Blob),
            "whenfilesareadded" => (true, Shape::Files),
            "whenfilesareaddedormodified" | "whenftpfilesareaddedormodified" => (false, Shape::Files),
            "whenfileisadded" => (true, Shape::File),
            "whenfileisaddedormodified" => (false, Shape::File),
            _ => return None,
        };
        let text = |key: &str| query(call, key);
        let flag = |key: &str| text(key).is_some_and(|t| t.eq_ignore_ascii_case("true"));
        let folder = text("folderId").or_else(|| text("folderPath")).or_else(|| text("path"));
        let folder = folder.map_or_else(|| "/".into(), |f| file_path(&f));
        let (folder, pattern) = split_pattern(&folder);
        let batch = text("maxFileCount").or_else(|| text("maxFilesToReturn"));
        let batch = batch.and_then(|t| t.trim().parse::<usize>().ok()).unwrap_or(10).clamp(1, 1_000);
        let ignored = call.queries.get("ignoreFileExtensions").and_then(Json::as_array).into_iter().flatten();
        Some(Self {
            folder: clean(&folder).ok()?,
            deep: shape == Shape::Blob || flag("includeSubfolders"),
            new_only,
            shape,
            batch: match shape {
                Shape::Content => 1,
                Shape::Batch | Shape::Files => batch,
                Shape::Blob | Shape::File => 10,
            },
            pattern,
            ignored: ignored
                .filter_map(Json::as_str)
                .map(|e| format!(".{}", e.trim_start_matches('.').to_ascii_lowercase()))
                .collect(),
            cutoff: text("oldFilesCutoffTimestamp").and_then(|t| {
                let at: jiff::Timestamp = t.parse().ok()?;
                Some(ticks(at.as_second(), 0))
            }),
            with_content: flag("includeFileContent"),
        })
    }

    fn wants(&self, entry: &Entry) -> bool {
        let name = if self.deep {
            entry
                .path
                .strip_prefix(self.folder.trim_end_matches('/'))
                .unwrap_or(&entry.path)
                .trim_start_matches('/')
        } else {
            name(&entry.path)
        };
        let lower = name.to_ascii_lowercase();
        !entry.folder
            && name.len() >= self.pattern.0.len() + self.pattern.1.len()
            && name.starts_with(&self.pattern.0)
            && name.ends_with(&self.pattern.1)
            && !self.ignored.iter().any(|end| lower.ends_with(end.as_str()))
            && self.cutoff.is_none_or(|cutoff| entry.modified >= cutoff)
    }
}

/// `hr/in/pre{name}.csv` → `hr/in`, `pre`, `.csv`.
fn split_pattern(path: &str) -> (String, (String, String)) {
    let Some(at) = path.find('{') else { return (path.to_owned(), Default::default()) };
    let (folder, begin) = path[..at].rsplit_once('/').unwrap_or((&path[..at], ""));
    let end = path[at..].rfind('}').map_or("", |end| &path[at + end + 1..]);
    (folder.to_owned(), (begin.to_owned(), end.to_owned()))
}

/// How far a trigger has come: each file by a hash of its path, with a hash of its version.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    known: BTreeMap<String, String>,
    /// Files that were changing at the last look, with their version then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    changing: BTreeMap<String, String>,
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest[..8].iter().map(|b| format!("{b:02x}")).collect()
}

fn version(entry: &Entry) -> String {
    hash(&format!("{:?}/{}/{}", entry.etag, entry.modified, entry.size))
}

impl Cursor {
    /// A cursor behind everything that is there.
    pub(crate) fn behind(files: &[Entry]) -> Self {
        Self { known: files.iter().map(|f| (hash(&f.path), version(f))).collect(), changing: BTreeMap::new() }
    }

    /// Reads a stored cursor.
    pub(crate) fn read(stored: Json) -> Result<Self, Failure> {
        serde_json::from_value(stored)
            .map_err(|e| Failure::broken(format!("the trigger's stored position cannot be read: {e}")))
    }
}

/// What is due: files oldest first, the cursor behind them, whether more is waiting.
pub(crate) fn due(
    new_only: bool,
    batch: usize,
    cursor: &Cursor,
    files: &[Entry],
    unsettled: impl Fn(&Entry) -> bool,
) -> (Vec<Entry>, Cursor, bool) {
    let mut fresh: Vec<&Entry> = Vec::new();
    let mut next = Cursor::default();
    for file in files {
        let (key, now) = (hash(&file.path), version(file));
        let before = cursor.known.get(&key);
        let changed = before.is_none() || (!new_only && before != Some(&now));
        if !changed {
            next.known.insert(key, before.cloned().unwrap_or(now));
            continue;
        }
        if let Some(before) = before {
            next.known.insert(key.clone(), before.clone());
        }
        if unsettled(file) && cursor.changing.get(&key) != Some(&now) {
            next.changing.insert(key, now);
            continue;
        }
        fresh.push(file);
    }
    fresh.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    let more = fresh.len() > batch;
    fresh.truncate(batch);
    for file in &fresh {
        next.known.insert(hash(&file.path), version(file));
    }
    (fresh.into_iter().cloned().collect(), next, more)
}

/// Looks for what is new since `from`.
pub(crate) async fn poll<S: FileStore>(
    store: &S,
    call: &ConnectorCall,
    from: PollFrom,
) -> Result<Polled, Answer> {
    let Some(wish) = Wish::read(call) else { return Err(unknown_trigger(call)) };
    let mut files = match store.list(&wish.folder, wish.deep).await {
        // A folder in a blob store exists with its first blob.
        Err(failure) if failure.is_missing() && !store.is_file_system() => Vec::new(),
        files => files?,
    };
    files.retain(|f| wish.wants(f));
    let (due, cursor, more) = match from {
        PollFrom::Activation => (Vec::new(), json!(Cursor::behind(&files)), false),
        PollFrom::Latest => {
            let latest = files.iter().max_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
            (latest.cloned().into_iter().collect(), Json::Null, false)
        }
        PollFrom::After(cursor) => {
            let cursor = Cursor::read(cursor)?;
            let now = now();
            let changing = |f: &Entry| store.is_file_system() && f.modified > now - SETTLED;
            let (due, cursor, more) = due(wish.new_only, wish.batch, &cursor, &files, changing);
            (due, json!(cursor), more)
        }
    };
    Ok(Polled { firings: firings(store, &wish, &due).await?, cursor, more })
}

fn now() -> i64 {
    let now = jiff::Timestamp::now();
    ticks(now.as_second(), 0)
}

/// The trigger's outputs for the files that are due.
async fn firings<S: FileStore>(store: &S, wish: &Wish, due: &[Entry]) -> Result<Vec<Json>, Failure> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let body = |body: Json| firing(Map::new(), Some(body));
    let mut out = Vec::new();
    match wish.shape {
        Shape::Batch => out.push(body(due.iter().map(managed).collect())),
        Shape::Blob => out.extend(due.iter().map(|f| body(blob_event(f)))),
        Shape::Files => {
            let mut list = Vec::new();
            for file in due {
                list.push(with_metadata(store, wish, file).await?);
            }
            out.push(body(Json::Array(list)));
        }
        Shape::File => {
            for file in due {
                out.push(body(with_metadata(store, wish, file).await?));
            }
        }
        Shape::Content => {
            for file in due {
                let (kind, value) = content_value(&file.path, &store.read(&file.path).await?);
                out.push(firing(content_headers(file, kind), Some(value)));
            }
        }
    }
    Ok(out)
}

async fn with_metadata<S: FileStore>(store: &S, wish: &Wish, file: &Entry) -> Result<Json, Failure> {
    let mut out = provider(file);
    if let Some(members) = out.as_object_mut() {
        members.insert("fileMetadata".into(), provider(file));
        if wish.with_content {
            members.insert("content".into(), content_value(&file.path, &store.read(&file.path).await?).1);
        }
    }
    Ok(out)
}

/// `x-ms-file-*`; texts that headers cannot hold stand base64-encoded beside the plain ones.
fn content_headers(file: &Entry, kind: &str) -> Map<String, Json> {
    let mut headers = Map::new();
    let mut put = |key: &str, value: &str| headers.insert(key.to_owned(), Json::from(value));
    put("Content-Type", kind);
    put("x-ms-file-id", &file_id(&file.path));
    put("x-ms-file-name", name(&file.path));
    put("x-ms-file-path", &file.path);
    put("x-ms-file-name-encoded", &STANDARD.encode(name(&file.path)));
    put("x-ms-file-path-encoded", &STANDARD.encode(&file.path));
    if let Some(etag) = &file.etag {
        put("x-ms-file-etag", etag);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Shape, Wish, due};
    use crate::file::Entry;
    use hirewire_workflow::host::{ConnectorCall, file_id};
    use serde_json::{Map, Value as Json, json};

    fn wish(path: &str, queries: Json) -> Option<Wish> {
        let queries = queries.as_object().cloned().unwrap_or_default();
        Wish::read(&ConnectorCall {
            method: "GET".into(),
            path: path.into(),
            queries,
            headers: Map::new(),
            body: None,
        })
    }

    fn entry(path: &str, modified: i64) -> Entry {
        Entry { path: path.into(), folder: false, size: 1, modified, etag: None }
    }

    #[test]
    fn triggers_are_read() {
        let batch = wish(
            "/v2/datasets/x/triggers/batch/onupdatedfile",
            json!({"folderId": file_id("/hr/in"), "maxFileCount": 5}),
        )
        .expect("batch");
        assert_eq!((batch.folder.as_str(), batch.batch, batch.shape), ("/hr/in", 5, Shape::Batch));
        let one = wish("/datasets/default/triggers/onnewfile", json!({"folderId": "uploads"})).expect("one");
        assert_eq!((one.folder.as_str(), one.batch, one.new_only), ("/uploads", 1, true));
        let blob = wish("/whenABlobIsAddedOrModified", json!({"path": "hr/in/a-{name}.csv"})).expect("blob");
        assert_eq!(blob.folder, "/hr/in");
        for (path, wanted) in [
            ("/hr/in/a-1.csv", true),
            ("/hr/in/b-1.csv", false),
            ("/hr/in/a-1.txt", false),
            ("/hr/in/a-.csv", true),
        ] {
            assert_eq!(blob.wants(&entry(path, 1)), wanted, "{path}");
        }
        let sftp = wish(
            "/whenFilesAreAddedOrModified",
            json!({"folderPath": "/in", "ignoreFileExtensions": [".tmp"], "oldFilesCutoffTimestamp": "2026-01-01T00:00:00Z"}),
        )
        .expect("sftp");
        assert!(!sftp.wants(&entry("/in/x.TMP", i64::MAX)) && !sftp.wants(&entry("/in/x.csv", 1)));
        assert!(sftp.wants(&entry("/in/x.csv", i64::MAX)));
        assert_eq!(wish("/datasets/default/files/x", json!({})), None);
        assert_eq!(wish("/datasets/default/triggers/onupdatedfile", json!({"folderId": "/../x"})), None);
    }

    #[test]
    fn each_change_fires_once_oldest_first() {
        let settled = |_: &Entry| false;
        for (operation, again) in [("onupdatedfile", 1), ("onnewfile", 0)] {
            let wish =
                wish(&format!("/x/triggers/batch/{operation}"), json!({"maxFileCount": 2})).expect("wish");
            let files = [entry("/a", 30), entry("/b", 10), entry("/c", 20)];
            let (first, cursor, more) = due(wish.new_only, wish.batch, &Cursor::default(), &files, settled);
            assert_eq!(first.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["/b", "/c"]);
            assert!(more);
            let (second, cursor, more) = due(wish.new_only, wish.batch, &cursor, &files, settled);
            assert_eq!((second.len(), second[0].path.as_str(), more), (1, "/a", false));
            let (none, cursor, _) = due(wish.new_only, wish.batch, &cursor, &files, settled);
            assert!(none.is_empty());
            // Written again with an older time, as a server does that keeps times.
            let files = [entry("/a", 5), entry("/b", 10), entry("/c", 20)];
            assert_eq!(due(wish.new_only, wish.batch, &cursor, &files, settled).0.len(), again);
            // Gone and back.
            let (_, cursor, _) = due(wish.new_only, wish.batch, &cursor, &[], settled);
            assert_eq!(due(wish.new_only, wish.batch, &cursor, &files[..1], settled).0.len(), 1);
        }
    }

    #[test]
    fn a_growing_file_waits() {
        let wish = wish("/x/triggers/batch/onupdatedfile", json!({})).expect("wish");
        let growing = |_: &Entry| true;
        let mut file = entry("/a", 10);
        let (none, cursor, _) =
            due(wish.new_only, wish.batch, &Cursor::default(), std::slice::from_ref(&file), growing);
        assert!(none.is_empty());
        file.size = 2;
        let (none, cursor, _) = due(wish.new_only, wish.batch, &cursor, std::slice::from_ref(&file), growing);
        assert!(none.is_empty());
        let (done, cursor, _) = due(wish.new_only, wish.batch, &cursor, std::slice::from_ref(&file), growing);
        assert_eq!(done.len(), 1);
        assert!(due(wish.new_only, wish.batch, &cursor, std::slice::from_ref(&file), growing).0.is_empty());
    }
}
