//! `[connections.NAME]` of the project file: which system stands behind a connection of the workflows.

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::automation::AutomationConfig;
use crate::file::{AzureBlobConfig, FolderConfig, S3Config, SftpConfig};
use crate::graph::SharePointConfig;
use crate::mail::SmtpConfig;
use crate::sql::SqlConfig;
use crate::vault::VaultConfig;

/// What stands behind a connection.
///
/// NAME is the connection's name in the definition: the key in `$connections` (`azureblob`, `azureblob_1`), or in
/// `connections.json` of a Standard project (`spec/workflows.md` §11.1).
///
/// ```toml
/// [connections.azureblob]
/// kind = "azure_blob"
/// account = "hrexports"
/// containers = ["csvdata"]
/// key = { env = "HR_BLOB_KEY" }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ConnectionConfig {
    /// A folder of this machine: stands in for any file connector.
    Folder(FolderConfig),
    /// Azure Blob storage.
    AzureBlob(AzureBlobConfig),
    /// Amazon S3 or a store that speaks its protocol.
    S3(S3Config),
    /// A server that speaks SFTP.
    Sftp(SftpConfig),
    /// A PostgreSQL, MariaDB, MySQL or SQL Server database.
    Sql(SqlConfig),
    /// A mail server.
    Smtp(SmtpConfig),
    /// Files and lists of a SharePoint site, through Microsoft Graph.
    #[serde(rename = "sharepoint")]
    SharePoint(SharePointConfig),
    /// Secrets: stands in for Azure Key Vault.
    Vault(VaultConfig),
    /// Declared commands and HTTP jobs: stands in for Azure Automation.
    Automation(AutomationConfig),
    /// An HTTP endpoint that takes the connector's calls as they are: the call goes to `url` + path.
    Http(HttpConfig),
}

/// An HTTP endpoint that takes a connector's calls as they are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Base URL; the path of a call is appended.
    pub url: String,
}

impl ConnectionConfig {
    /// The word for `kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::AzureBlob(_) => "azure_blob",
            Self::S3(_) => "s3",
            Self::Sftp(_) => "sftp",
            Self::Sql(_) => "sql",
            Self::Smtp(_) => "smtp",
            Self::SharePoint(_) => "sharepoint",
            Self::Vault(_) => "vault",
            Self::Automation(_) => "automation",
            Self::Http(_) => "http",
        }
    }

    /// Where it leads, for lists: an address or a folder, never a secret.
    pub fn place(&self) -> String {
        match self {
            Self::Folder(c) => c.path.display().to_string(),
            Self::AzureBlob(c) => c.place(),
            Self::S3(c) => c.place(),
            Self::Sftp(c) => format!("sftp://{}@{}:{}{}", c.user, c.host, c.port, c.folder),
            Self::Sql(c) => c.place(),
            Self::Smtp(c) => format!("smtp://{}:{}", c.host, c.port),
            Self::SharePoint(c) => c.site.clone(),
            Self::Vault(c) => c.place(),
            Self::Automation(c) => c.runbooks.keys().cloned().collect::<Vec<_>>().join(", "),
            Self::Http(c) => c.url.clone(),
        }
    }

    /// Takes relative paths as relative to the project folder.
    pub fn relative_to(&mut self, base: &Path) {
        match self {
            Self::Folder(c) => c.path = base.join(&c.path),
            Self::AzureBlob(c) => c.relative_to(base),
            Self::S3(c) => c.relative_to(base),
            Self::Sftp(c) => c.relative_to(base),
            Self::Sql(c) => c.relative_to(base),
            Self::Smtp(c) => c.relative_to(base),
            Self::SharePoint(c) => c.relative_to(base),
            Self::Vault(c) => c.relative_to(base),
            Self::Automation(c) => c.relative_to(base),
            Self::Http(_) => {}
        }
    }

    /// What is wrong with it that can be seen without connecting.
    ///
    /// # Errors
    /// One sentence that names the key.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::AzureBlob(c) => c.check(),
            Self::S3(c) => c.check(),
            Self::Sftp(c) => c.check(),
            Self::Sql(c) => c.check(),
            Self::Smtp(c) => c.check(),
            Self::SharePoint(c) => c.check(),
            Self::Vault(c) => c.check(),
            Self::Automation(c) => c.check(),
            Self::Http(c) => crate::bind::web_address("url", &c.url),
            Self::Folder(_) => Ok(()),
        }
    }
}

/// Joins a path with the project folder where it is set.
pub(crate) fn join(path: &mut Option<std::path::PathBuf>, base: &Path) {
    if let Some(path) = path {
        *path = base.join(&*path);
    }
}
