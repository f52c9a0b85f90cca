//! `[workflows]` of the project file.
use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// Logic Apps workflows of the folder `workflows/`: what they need that does not stand in their definitions.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WorkflowsSection {
    /// Where calls of an address go instead. The key is the beginning of a URL such as `https://graph.microsoft.com`; the value is
    /// `self` (this instance, in process and durable; with several jobs `self:JOB`), `csv` (the CSV-to-JSON converter of the
    /// published templates), or another base URL.
    pub(crate) endpoints: BTreeMap<String, String>,
    /// Values of parameters: workflow, parameter, value. A value from outside of this file is `{ env = "NAME" }` or
    /// `{ file = "PATH" }`. The environment variable `HIREWIRE_PARAMETER_WORKFLOW_NAME` wins over all.
    pub(crate) parameters: BTreeMap<String, BTreeMap<String, Value>>,
    /// Application settings of Standard workflows (`@appsetting('NAME')`); they win over `local.settings.json`.
    pub(crate) settings: BTreeMap<String, Value>,
    /// App registrations that stand in for managed identities, by audience such as `https://vault.azure.net`.
    pub(crate) credentials: BTreeMap<String, CredentialSection>,
    /// URLs of function apps by the function's resource id or its last segment.
    pub(crate) functions: BTreeMap<String, String>,
    /// Senders that sign the events of a workflow in their own way, by workflow.
    pub(crate) senders: BTreeMap<String, SenderSection>,
    /// Stand-ins for the subscription, group and location that ARM templates ask for.
    pub(crate) azure: AzureSection,
    /// Days that run histories are kept.
    pub(crate) history_days: u32,
}

impl Default for WorkflowsSection {
    fn default() -> Self {
        Self {
            endpoints: BTreeMap::new(),
            parameters: BTreeMap::new(),
            settings: BTreeMap::new(),
            credentials: BTreeMap::new(),
            functions: BTreeMap::new(),
            senders: BTreeMap::new(),
            azure: AzureSection::default(),
            history_days: 90,
        }
    }
}

/// An app registration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialSection {
    /// The tenant's id or domain.
    pub(crate) tenant: String,
    /// The application's id.
    pub(crate) client_id: String,
    /// Its secret.
    pub(crate) client_secret: SecretSource,
    /// The authority; `https://login.microsoftonline.com` when left out.
    pub(crate) authority: Option<String>,
}

/// Where a secret comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file, relative to the project folder; a line end at its end is left out.
    File(PathBuf),
}

/// Who sends events to a workflow's Request trigger.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum SenderSection {
    /// HiBob: events are signed with the webhook's secret, a test ping is answered, repeated deliveries are dropped.
    Hibob {
        /// The webhook's secret.
        secret: SecretSource,
    },
}

/// Stand-ins for what only Azure knows.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AzureSection {
    /// Id of the subscription.
    pub(crate) subscription_id: Option<String>,
    /// Name of the resource group.
    pub(crate) resource_group: Option<String>,
    /// The location.
    pub(crate) location: Option<String>,
}

impl SecretSource {
    /// Reads the secret.
    pub(crate) fn read(&self, folder: &std::path::Path) -> Result<String, String> {
        match self {
            Self::Env(name) => {
                std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))
            }
            Self::File(path) => {
                let path = folder.join(path);
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

/// A value as it stands, or from where `{ env = … }` or `{ file = … }` points.
pub(crate) fn resolve(value: &Value, folder: &std::path::Path) -> Result<Value, String> {
    let reference = value.as_object().filter(|object| object.len() == 1);
    let source = reference.and_then(|_| serde_json::from_value::<SecretSource>(value.clone()).ok());
    match source {
        Some(source) => source.read(folder).map(Value::from),
        None => Ok(value.clone()),
    }
}
