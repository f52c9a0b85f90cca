//! `[connections.NAME]` of the project file: what stands behind the connections of workflows.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hirewire_workflow::host::{Connector, FolderConnector, HttpClient, Passthrough};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::report::Report;

/// What stands behind a connection; NAME is its name in the definition, such as `azureblob`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ConnectionSection {
    /// A folder of this machine: stands in for any file connector.
    Folder {
        /// The folder, relative to the project folder.
        path: PathBuf,
    },
    /// An HTTP endpoint that takes the connector's calls as they are: the call goes to `url` + path.
    Http {
        /// Base URL.
        url: String,
    },
}

impl ConnectionSection {
    /// The adapter.
    pub(crate) fn open(&self, folder: &Path) -> Result<Arc<dyn Connector>, Report> {
        Ok(match self {
            Self::Folder { path } => Arc::new(FolderConnector::new(folder.join(path))),
            Self::Http { url } => {
                Arc::new(Passthrough::new(Arc::new(HttpClient::new().map_err(Report::new)?), url))
            }
        })
    }
}
