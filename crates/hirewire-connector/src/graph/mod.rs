//! SharePoint behind `sharepointonline`: files of libraries and items of lists, through Microsoft Graph
//! (`spec/workflows.md` §11.2).

mod drive;
mod list;
mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hirewire_workflow::host::{Connector, ConnectorCall, PollFrom, Polled, Reply, Secrets};
use hirewire_workflow::run::Answer;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::bind::web_address;
use crate::config::join;
use crate::file::{AzureLogin, FileConnector};
use crate::secret::SecretReference;
use drive::DriveFiles;
use session::Session;

/// A SharePoint site.
///
/// ```toml
/// [connections.sharepointonline]
/// kind = "sharepoint"
/// site = "https://contoso.sharepoint.com/sites/HR"
/// folders = ["Shared Documents/HR"]
/// login = { tenant = "…", client_id = "…", client_secret = { env = "HR_GRAPH_SECRET" } }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharePointConfig {
    /// The site's address.
    pub site: String,
    /// Libraries, or folders in them, that workflows may use, as their address spells them (`Shared Documents/HR`).
    #[serde(default)]
    pub folders: Vec<String>,
    /// Lists whose items workflows may use, by name or id.
    #[serde(default)]
    pub lists: Vec<String>,
    /// The app registration that may read the site.
    #[serde(default)]
    pub login: Option<AzureLogin>,
    /// Instead of `login`: a token that somebody else renews.
    #[serde(default)]
    pub token: Option<SecretReference>,
    /// Graph's address where it is not `https://graph.microsoft.com/v1.0`: another cloud.
    #[serde(default = "default_graph")]
    pub graph: String,
    /// PEM file with the certificate authorities to trust; the system's when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn default_graph() -> String {
    "https://graph.microsoft.com/v1.0".into()
}

impl SharePointConfig {
    pub(crate) fn relative_to(&mut self, base: &Path) {
        if let Some(login) = &mut self.login {
            login.client_secret.relative_to(base);
        }
        if let Some(token) = &mut self.token {
            token.relative_to(base);
        }
        join(&mut self.ca_file, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        web_address("site", &self.site)?;
        web_address("graph", &self.graph)?;
        if self.folders.is_empty() && self.lists.is_empty() {
            return Err("name the `folders` or `lists` that workflows may use".into());
        }
        if self.login.is_some() == self.token.is_some() {
            return Err("give either `login` or `token`".into());
        }
        let authority = self.login.as_ref().and_then(|l| l.authority.as_deref());
        authority.map_or(Ok(()), |url| web_address("login.authority", url))
    }
}

/// `sharepointonline`.
pub(crate) struct SharePointConnector {
    session: Arc<Session>,
    files: FileConnector<DriveFiles>,
}

impl SharePointConnector {
    pub(crate) fn new(config: SharePointConfig, vault: Arc<dyn Secrets>) -> Self {
        let session = Arc::new(Session::new(config, vault));
        Self { files: FileConnector::new(DriveFiles::new(Arc::clone(&session))), session }
    }
}

impl Connector for SharePointConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        if call.path.contains("/tables/") {
            return Box::pin(
                async move { list::run(&self.session, &call).await.unwrap_or_else(Answer::from) },
            );
        }
        self.files.call(call)
    }

    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        if call.path.contains("/tables/") {
            return Box::pin(async move { list::poll(&self.session, &call, from).await });
        }
        self.files.poll(call, from)
    }
}
