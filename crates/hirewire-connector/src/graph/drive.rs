//! Libraries of a site as a store of files. The first part of a path is the library as its address spells it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value as Json;
use tokio::sync::OnceCell;

use super::session::{Session, encode};
use crate::failure::Failure;
use crate::file::{Entry, FileStore, MAX_ENTRIES, MAX_FILE, Overwrite, ticks, too_large};

/// The store.
pub(crate) struct DriveFiles {
    session: Arc<Session>,
    drives: OnceCell<Vec<Drive>>,
}

#[derive(Debug)]
struct Drive {
    id: String,
    /// Last part of its address: `Shared Documents`.
    address: String,
    /// Its title: `Documents`.
    name: String,
}

impl DriveFiles {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self { session, drives: OnceCell::new() }
    }

    async fn drives(&self) -> Result<&Vec<Drive>, Failure> {
        self.drives
            .get_or_try_init(|| async {
                let site = self.session.site().await?;
                let found = self.session.all(&format!("/sites/{}/drives", encode_site(site)), 1_000).await?;
                let text = |drive: &Json, key: &str| {
                    drive.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
                };
                Ok(found
                    .iter()
                    .map(|drive| {
                        let url = text(drive, "webUrl");
                        let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
                        Drive {
                            id: text(drive, "id"),
                            address: crate::sql::percent(last),
                            name: text(drive, "name"),
                        }
                    })
                    .collect())
            })
            .await
    }

    /// Whether a path is in an allowed folder.
    fn allow(&self, path: &str) -> Result<(), Failure> {
        let within = |allowed: &String| {
            let allowed = allowed.trim_matches('/').to_lowercase();
            let path = path.trim_start_matches('/').to_lowercase();
            path == allowed || path.strip_prefix(&allowed).is_some_and(|rest| rest.starts_with('/'))
        };
        if self.session.config.folders.iter().any(within) {
            return Ok(());
        }
        Err(Failure::forbidden(format!(
            "'{path}' is not in a folder that this connection allows ({}); add it to the connection in hirewire.toml",
            self.session.config.folders.join(", ")
        )))
    }

    /// Graph's address of a path: `/drives/{id}/root:/a/b` and the rest behind it.
    async fn at(&self, path: &str, rest: &str) -> Result<String, Failure> {
        self.allow(path)?;
        let (library, inner) = path.trim_start_matches('/').split_once('/').unwrap_or((&path[1..], ""));
        let drives = self.drives().await?;
        let same = |name: &str| name.eq_ignore_ascii_case(library);
        let drive =
            drives.iter().find(|d| same(&d.address)).or_else(|| drives.iter().find(|d| same(&d.name)));
        let drive = drive.ok_or_else(|| Failure::missing(format!("the site has no library '{library}'")))?;
        let id = encode(&drive.id);
        if inner.is_empty() {
            return Ok(format!("/drives/{id}/root{rest}"));
        }
        let inner: Vec<String> = inner.split('/').map(encode).collect();
        let colon = if rest.is_empty() { "" } else { ":" };
        Ok(format!("/drives/{id}/root:/{}{colon}{rest}", inner.join("/")))
    }
}

/// A site's id has commas, which stand as they are.
pub(crate) fn encode_site(id: &str) -> String {
    id.split(',').map(encode).collect::<Vec<_>>().join(",")
}

fn entry(path: String, item: &Json) -> Entry {
    let modified = item.get("lastModifiedDateTime").and_then(Json::as_str);
    let modified = modified.and_then(|t| t.parse::<jiff::Timestamp>().ok());
    Entry {
        path,
        folder: item.get("folder").is_some() || item.get("root").is_some(),
        size: item.get("size").and_then(Json::as_u64).unwrap_or(0),
        modified: modified.map_or(0, |t| ticks(t.as_second(), t.subsec_nanosecond().unsigned_abs())),
        etag: item.get("eTag").and_then(Json::as_str).map(str::to_owned),
    }
}

/// Ids of this connector write blanks as `+`: where a name with `+` is not there, one with blanks is meant.
fn with_blanks(path: &str) -> Option<String> {
    path.contains('+').then(|| path.replace('+', " "))
}

impl DriveFiles {
    async fn stat_exactly(&self, path: &str) -> Result<Entry, Failure> {
        let item = self.session.get(&self.at(path, "").await?).await?;
        Ok(entry(path.to_owned(), &item))
    }

    /// The path as it is meant.
    async fn meant(&self, path: &str) -> Result<String, Failure> {
        match (self.stat_exactly(path).await, with_blanks(path)) {
            (Ok(_), _) => Ok(path.to_owned()),
            (Err(_), Some(blanks)) => self.stat_exactly(&blanks).await.map(|e| e.path),
            (Err(failure), None) => Err(failure),
        }
    }
}

impl FileStore for DriveFiles {
    async fn stat(&self, path: &str) -> Result<Entry, Failure> {
        let path = self.meant(path).await?;
        self.stat_exactly(&path).await
    }

    async fn list(&self, path: &str, deep: bool) -> Result<Vec<Entry>, Failure> {
        if path == "/" {
            let folder = |name: &String| Entry {
                path: format!("/{}", name.trim_matches('/')),
                folder: true,
                size: 0,
                modified: 0,
                etag: None,
            };
            return Ok(self.session.config.folders.iter().map(folder).collect());
        }
        let mut folders = vec![self.meant(path).await?];
        let mut out = Vec::new();
        while let Some(folder) = folders.pop() {
            let children = self.at(&folder, "/children?$top=999").await?;
            for item in self.session.all(&children, MAX_ENTRIES).await? {
                let name = item.get("name").and_then(Json::as_str).unwrap_or_default();
                let found = entry(format!("{folder}/{name}"), &item);
                if deep && found.folder {
                    folders.push(found.path);
                } else {
                    out.push(found);
                }
                if out.len() > MAX_ENTRIES {
                    return Err(Failure::bad(format!("'{folder}' holds more than {MAX_ENTRIES} files")));
                }
            }
        }
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let path = &self.meant(path).await?;
        let size = self.stat_exactly(path).await?.size;
        if size > MAX_FILE {
            return Err(too_large(path, size));
        }
        let mut answer = self.session.send(Method::GET, &self.at(path, "/content").await?, None).await?;
        if answer.status().is_redirection() {
            let location = answer.headers().get("Location").and_then(|v| v.to_str().ok()).map(str::to_owned);
            let location = location.ok_or_else(|| Failure::broken("Graph redirects to nowhere"))?;
            answer = self.session.download(&location).await?;
        }
        let mut out = Vec::new();
        while let Some(chunk) =
            answer.chunk().await.map_err(|e| Failure::unreachable(e.without_url().to_string()))?
        {
            out.extend_from_slice(&chunk);
            if out.len() as u64 > MAX_FILE {
                return Err(too_large(path, out.len() as u64));
            }
        }
        Ok(out)
    }

    async fn write(&self, path: &str, bytes: Vec<u8>, over: Overwrite) -> Result<Entry, Failure> {
        let conflict = if over == Overwrite::Refuse { "fail" } else { "replace" };
        let to = self.at(path, &format!("/content?@microsoft.graph.conflictBehavior={conflict}")).await?;
        let answer = self.session.send(Method::PUT, &to, Some((bytes, "application/octet-stream"))).await?;
        let item: Json = answer.json().await.map_err(|_| Failure::broken("Graph's answer is no JSON"))?;
        Ok(entry(path.to_owned(), &item))
    }

    async fn delete(&self, path: &str) -> Result<(), Failure> {
        let path = self.meant(path).await?;
        self.session.send(Method::DELETE, &self.at(&path, "").await?, None).await.map(drop)
    }
}
