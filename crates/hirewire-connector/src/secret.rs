//! Secrets of connections: always by reference, never in the project file, never printed.

use std::path::PathBuf;
use std::sync::Arc;

use hirewire_workflow::host::Secrets;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::failure::Failure;

/// Where a secret comes from: `{ env = "NAME" }`, `{ file = "secrets/blob.key" }` or `{ secret = "blob-key" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretReference {
    /// An environment variable of the process.
    Env(String),
    /// The content of a file without its trailing line end, read at each use; relative to the project folder.
    File(PathBuf),
    /// A secret of the project's vault, by name.
    Secret(String),
}

impl SecretReference {
    /// Takes a relative path as relative to `base`.
    pub fn relative_to(&mut self, base: &std::path::Path) {
        if let Self::File(file) = self {
            *file = base.join(&*file);
        }
    }

    /// The secret's text. The failure says what is missing, never what is in it.
    pub(crate) async fn resolve(&self, vault: &Arc<dyn Secrets>) -> Result<SecretString, Failure> {
        match self {
            Self::Env(name) => std::env::var(name).map(SecretString::from).map_err(|_| {
                Failure::broken(format!("the environment variable {name} of this connection is not set"))
            }),
            Self::File(file) => {
                let text = tokio::fs::read_to_string(file).await.map_err(|e| {
                    Failure::broken(format!("the secret file {} cannot be read: {e}", file.display()))
                })?;
                let text = zeroize::Zeroizing::new(text);
                Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            Self::Secret(name) => {
                vault.secret(name).await.map(SecretString::from).ok_or_else(|| {
                    Failure::broken(format!("the vault of this project has no secret '{name}'"))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SecretReference;

    #[test]
    fn only_references_are_taken() {
        let read = |text: &str| toml_like(text);
        assert_eq!(read(r#"{"env": "A"}"#), Some(SecretReference::Env("A".into())));
        assert_eq!(read(r#"{"file": "a/b"}"#), Some(SecretReference::File("a/b".into())));
        assert_eq!(read(r#"{"secret": "s"}"#), Some(SecretReference::Secret("s".into())));
        assert_eq!(read(r#""hunter2""#), None);
        assert_eq!(read(r#"{"value": "hunter2"}"#), None);
    }

    fn toml_like(text: &str) -> Option<SecretReference> {
        serde_json::from_str(text).ok()
    }
}
