//! From a project's words to adapters, and from a definition's connectors to the kinds that can stand behind them.

use std::path::PathBuf;
use std::sync::Arc;

use hirewire_workflow::host::{Connector, HttpClient, Passthrough, Secrets};

use crate::automation::AutomationConnector;
use crate::config::ConnectionConfig;
use crate::file::{Account, FileConnector, FolderFiles, ObjectFiles, SftpFiles};
use crate::graph::SharePointConnector;
use crate::mail::MailConnector;
use crate::sql::SqlConnector;
use crate::vault::VaultConnector;

/// What adapters need of the process they live in.
#[derive(Clone)]
pub struct Surroundings {
    /// The project's vault, for `{ secret = "…" }`.
    pub vault: Arc<dyn Secrets>,
    /// Folder for what adapters remember, such as automation jobs.
    pub state: PathBuf,
    /// The client behind connections of kind `http`.
    pub http: Arc<HttpClient>,
}

/// Makes the adapter of a connection. It connects at its first use, and again after it was cut off.
///
/// # Errors
/// What is wrong in the configuration, as [`ConnectionConfig::check`] says it.
pub fn open(config: &ConnectionConfig, around: &Surroundings) -> Result<Arc<dyn Connector>, String> {
    config.check()?;
    let vault = || Arc::clone(&around.vault);
    Ok(match config.clone() {
        ConnectionConfig::Folder(c) => Arc::new(FileConnector::new(FolderFiles::new(c.path))),
        ConnectionConfig::AzureBlob(c) => {
            Arc::new(FileConnector::new(ObjectFiles::new(Account::Azure(c), vault())))
        }
        ConnectionConfig::S3(c) => Arc::new(FileConnector::new(ObjectFiles::new(Account::S3(c), vault()))),
        ConnectionConfig::Sftp(c) => Arc::new(FileConnector::new(SftpFiles::new(c, vault()))),
        ConnectionConfig::Sql(c) => {
            let address = c.address()?;
            Arc::new(SqlConnector::new(c, address, vault()))
        }
        ConnectionConfig::Smtp(c) => Arc::new(MailConnector::new(c, vault())),
        ConnectionConfig::SharePoint(c) => Arc::new(SharePointConnector::new(c, vault())),
        ConnectionConfig::Vault(c) => Arc::new(VaultConnector::new(c, vault())),
        ConnectionConfig::Automation(c) => {
            Arc::new(AutomationConnector::new(c, vault(), around.state.join("automation")))
        }
        ConnectionConfig::Http(c) => Arc::new(Passthrough::new(Arc::clone(&around.http), c.url)),
    })
}

/// Kinds that can stand behind a connector (`azureblob`, `/serviceProviders/AzureBlob`), the nearest first.
pub fn kinds_for(api: &str) -> &'static [&'static str] {
    let api = api.rsplit('/').next().unwrap_or(api).to_ascii_lowercase();
    match api.as_str() {
        "azureblob" => &["azure_blob", "s3", "folder"],
        "azurefile" | "filesystem" | "ftp" | "onedriveforbusiness" | "onedrive" | "dropbox" => {
            &["folder", "azure_blob", "s3", "sftp"]
        }
        "sftp" | "sftpwithssh" => &["sftp", "folder"],
        "sharepointonline" => &["sharepoint", "folder"],
        "sql" | "sqldw" | "postgresql" | "mysql" | "azuresql" | "jdbc" => &["sql"],
        "smtp" | "office365" | "outlook" | "acsemail" => &["smtp"],
        "keyvault" => &["vault"],
        "azureautomation" => &["automation"],
        _ => &["http"],
    }
}

/// What to write into the project for a connection of this connector: a whole section, secrets by reference.
pub fn example(name: &str, api: &str) -> String {
    let key = if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    };
    let rest = match kinds_for(api)[0] {
        "azure_blob" => {
            "kind = \"azure_blob\"\naccount = \"ACCOUNT\"\ncontainers = [\"CONTAINER\"]\nkey = { env = \"BLOB_KEY\" }"
        }
        "folder" => "kind = \"folder\"\npath = \"FOLDER\"",
        "sftp" => {
            "kind = \"sftp\"\nhost = \"HOST\"\nuser = \"USER\"\nfolder = \"/FOLDER\"\nhost_key = \"SHA256:…\"\nlogin = { key = { file = \"KEY_FILE\" } }"
        }
        "sharepoint" => {
            "kind = \"sharepoint\"\nsite = \"https://TENANT.sharepoint.com/sites/SITE\"\nfolders = [\"Shared Documents\"]\nlogin = { tenant = \"…\", client_id = \"…\", client_secret = { env = \"GRAPH_SECRET\" } }"
        }
        "sql" => {
            "kind = \"sql\"\nurl = \"postgres://USER@HOST/DATABASE\"\npassword = { env = \"DB_PASSWORD\" }"
        }
        "smtp" => "kind = \"smtp\"\nhost = \"MAIL_HOST\"\nfrom = \"hr@example.com\"",
        "vault" => "kind = \"vault\"\nsecrets = { NAME = { env = \"VARIABLE\" } }",
        "automation" => "kind = \"automation\"\nrunbooks = { RUNBOOK = { command = [\"PROGRAM\"] } }",
        _ => "kind = \"http\"\nurl = \"https://HOST\"",
    };
    format!("[connections.{key}]\n{rest}")
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Checks an address: https, or http on this machine only.
pub(crate) fn web_address(key: &str, text: &str) -> Result<(), String> {
    let url = url::Url::parse(text).map_err(|e| format!("`{key}` is no URL: {e}"))?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if url.host_str().is_some_and(is_loopback) => Ok(()),
        "http" => {
            Err(format!("`{key}` must be https: what is sent over http can be read by everybody on the way"))
        }
        other => Err(format!("`{key}` must be https, not {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{example, web_address};
    use crate::ConnectionConfig;
    use std::collections::BTreeMap;

    #[test]
    fn every_example_is_a_configuration() {
        for api in [
            "azureblob",
            "azurefile",
            "sftpwithssh",
            "sharepointonline",
            "sql",
            "postgresql",
            "office365",
            "keyvault",
            "azureautomation",
            "teams",
            "/serviceProviders/AzureBlob",
        ] {
            let text = example("my conn", api);
            #[derive(serde::Deserialize)]
            struct File {
                connections: BTreeMap<String, ConnectionConfig>,
            }
            let file: File = toml::from_str(&text).unwrap_or_else(|e| panic!("{api}: {e}\n{text}"));
            assert_eq!(file.connections["my conn"].check(), Ok(()), "{api}");
        }
    }

    #[test]
    fn addresses_are_https() {
        assert_eq!(web_address("url", "https://x"), Ok(()));
        assert_eq!(web_address("url", "http://127.0.0.1:1"), Ok(()));
        assert!(web_address("url", "http://x").is_err() && web_address("url", "ftp://x").is_err());
    }
}
