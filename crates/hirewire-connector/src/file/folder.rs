//! A folder of this machine as a store of files.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use schemars::JsonSchema;
use serde::Deserialize;

use super::metadata::ticks;
use super::{Entry, FileStore, MAX_ENTRIES, MAX_FILE, Overwrite, too_large};
use crate::failure::Failure;

/// A folder of this machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FolderConfig {
    /// The folder; relative to the project folder. Containers and shares of a definition are folders in it.
    pub path: PathBuf,
}

/// The store.
#[derive(Debug)]
pub(crate) struct FolderFiles {
    root: PathBuf,
}

impl FolderFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The file of a clean path. Links that lead out of the folder are not followed.
    fn locate(&self, path: &str) -> Result<PathBuf, Failure> {
        let file = self.root.join(path.trim_start_matches('/'));
        let outside = || Failure::forbidden(format!("the path '{path}' leads out of the connection"));
        let root = self.root.canonicalize().map_err(|e| {
            Failure::broken(format!("the folder {} of this connection: {e}", self.root.display()))
        })?;
        let real = file.ancestors().find_map(|p| p.canonicalize().ok()).ok_or_else(outside)?;
        if real.starts_with(root) { Ok(file) } else { Err(outside()) }
    }

    fn entry(&self, file: &Path, data: &std::fs::Metadata) -> Entry {
        let relative = file.strip_prefix(&self.root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let modified = data.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |d| ticks(d.as_secs() as i64, d.subsec_nanos()));
        let size = if data.is_dir() { 0 } else { data.len() };
        let etag = (!data.is_dir()).then(|| format!("\"{modified:x}-{size:x}\""));
        Entry { path: format!("/{relative}"), folder: data.is_dir(), size, modified, etag }
    }

    fn gather(&self, folder: &Path, deep: bool, out: &mut Vec<Entry>) -> std::io::Result<()> {
        for file in std::fs::read_dir(folder)? {
            let file = file?;
            // A link is what it leads to, unless that is outside.
            let path = file.path();
            let Ok(data) = std::fs::metadata(&path) else { continue };
            let relative = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().into_owned();
            if self.locate(&relative).is_err() {
                continue;
            }
            if deep && data.is_dir() {
                if !file.file_type()?.is_symlink() {
                    self.gather(&path, deep, out)?;
                }
                continue;
            }
            out.push(self.entry(&path, &data));
            if out.len() > MAX_ENTRIES {
                return Err(std::io::Error::other(format!("more than {MAX_ENTRIES} files")));
            }
        }
        Ok(())
    }

    fn write_now(&self, path: &str, bytes: &[u8], over: Overwrite) -> Result<Entry, Failure> {
        let file = self.locate(path)?;
        let wrong = |e: std::io::Error| failed(path, "written", &e);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(wrong)?;
        }
        // Written beside and moved, so that nobody reads half a file.
        let beside = file.with_file_name(format!(".{}.part", uuid::Uuid::new_v4().simple()));
        let put = || -> std::io::Result<std::fs::Metadata> {
            std::fs::write(&beside, bytes)?;
            match over {
                Overwrite::Replace => std::fs::rename(&beside, &file)?,
                Overwrite::Refuse => {
                    std::fs::hard_link(&beside, &file)?;
                    std::fs::remove_file(&beside)?;
                }
            }
            std::fs::metadata(&file)
        };
        let data = put().inspect_err(|_| drop(std::fs::remove_file(&beside))).map_err(wrong)?;
        Ok(self.entry(&file, &data))
    }
}

fn failed(path: &str, what: &str, e: &std::io::Error) -> Failure {
    let status = match e.kind() {
        ErrorKind::NotFound => 404,
        ErrorKind::PermissionDenied => 403,
        ErrorKind::AlreadyExists => 409,
        _ => 500,
    };
    Failure::Refused { status, message: format!("'{path}' cannot be {what}: {e}") }
}

impl FileStore for FolderFiles {
    async fn stat(&self, path: &str) -> Result<Entry, Failure> {
        let file = self.locate(path)?;
        let data = tokio::fs::metadata(&file).await.map_err(|e| failed(path, "found", &e))?;
        Ok(self.entry(&file, &data))
    }

    async fn list(&self, path: &str, deep: bool) -> Result<Vec<Entry>, Failure> {
        let folder = self.locate(path)?;
        let mut out = Vec::new();
        self.gather(&folder, deep, &mut out).map_err(|e| failed(path, "listed", &e))?;
        out.retain(|e| !(super::path::name(&e.path).starts_with('.') && e.path.ends_with(".part")));
        out.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(out)
    }

    async fn read(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let file = self.locate(path)?;
        let data = tokio::fs::metadata(&file).await.map_err(|e| failed(path, "read", &e))?;
        if data.len() > MAX_FILE {
            return Err(too_large(path, data.len()));
        }
        tokio::fs::read(&file).await.map_err(|e| failed(path, "read", &e))
    }

    async fn write(&self, path: &str, bytes: Vec<u8>, over: Overwrite) -> Result<Entry, Failure> {
        self.write_now(path, &bytes, over)
    }

    async fn delete(&self, path: &str) -> Result<(), Failure> {
        let file = self.locate(path)?;
        tokio::fs::remove_file(&file).await.map_err(|e| failed(path, "removed", &e))
    }

    fn is_file_system(&self) -> bool {
        true
    }
}
