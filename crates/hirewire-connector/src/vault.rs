//! Key Vault's operations over the project's secrets (`spec/workflows.md` §11.4).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hirewire_workflow::expression::member;
use hirewire_workflow::host::{Connector, ConnectorCall, Reply, Secrets, file_path};
use hirewire_workflow::run::Answer;
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::failure::{Failure, done};
use crate::secret::SecretReference;

/// Secrets that workflows may read: stands in for Azure Key Vault.
///
/// ```toml
/// [connections.keyvault]
/// kind = "vault"
/// secrets = { hibob-token = { env = "HIBOB_TOKEN" }, sms-key = { secret = "sms-key" } }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultConfig {
    /// Name in the definition → where the secret is. Only these can be read.
    pub secrets: BTreeMap<String, SecretReference>,
}

impl VaultConfig {
    pub(crate) fn place(&self) -> String {
        self.secrets.keys().cloned().collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn relative_to(&mut self, base: &Path) {
        self.secrets.values_mut().for_each(|s| s.relative_to(base));
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.secrets.is_empty() {
            return Err("`secrets` is empty: name the secrets that workflows may read".into());
        }
        Ok(())
    }
}

/// `keyvault` and `serviceProviders/keyVault`.
pub(crate) struct VaultConnector {
    config: VaultConfig,
    vault: Arc<dyn Secrets>,
}

impl VaultConnector {
    pub(crate) fn new(config: VaultConfig, vault: Arc<dyn Secrets>) -> Self {
        Self { config, vault }
    }

    async fn answer(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        let parts: Vec<&str> = call.path.trim_matches('/').split('/').collect();
        let lower = parts[0].to_ascii_lowercase();
        match (call.method.as_str(), lower.as_str(), &parts[1..]) {
            ("GET", "secrets", []) => Ok(done(json!({"value": self.list()}))),
            (_, "listsecrets", []) => Ok(done(json!({"secrets": self.list(), "value": self.list()}))),
            ("GET", "secrets", [name, "value"]) => self.secret(&file_path(name)).await,
            ("GET", "secrets", [name]) => self.described(&file_path(name)),
            (_, "getsecret" | "getsecretversion", []) => self.secret(&named(call)?).await,
            (_, "getsecretmetadata", []) => self.described(&named(call)?),
            _ => Err(Failure::missing(format!(
                "the operation {} {} is not known here",
                call.method, call.path
            ))),
        }
    }

    fn list(&self) -> Vec<Json> {
        self.config.secrets.keys().map(|name| properties(name)).collect()
    }

    fn find(&self, name: &str) -> Result<(&String, &SecretReference), Failure> {
        let found = self.config.secrets.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Failure::missing(format!(
                "the secret '{name}' is not in this connection; add it to its `secrets` in hirewire.toml"
            ))
        })
    }

    fn described(&self, name: &str) -> Result<Answer, Failure> {
        Ok(done(properties(self.find(name)?.0)))
    }

    async fn secret(&self, name: &str) -> Result<Answer, Failure> {
        let (name, reference) = self.find(name)?;
        let value = reference.resolve(&self.vault).await?;
        let mut body = properties(name);
        if let Some(members) = body.as_object_mut() {
            members.insert("value".into(), Json::from(value.expose_secret()));
        }
        Ok(done(body))
    }
}

fn named(call: &ConnectorCall) -> Result<String, Failure> {
    let name = member(&call.queries, "secretName").and_then(Json::as_str);
    name.map(str::to_owned).ok_or_else(|| Failure::bad("the parameter 'secretName' is missing"))
}

fn properties(name: &str) -> Json {
    json!({
        "name": name, "identifier": format!("/secrets/{name}"), "version": "1", "contentType": null, "isEnabled": true,
        "createdTime": null, "lastUpdatedTime": null, "validityStartTime": null, "validityEndTime": null,
    })
}

impl Connector for VaultConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move { self.answer(&call).await.unwrap_or_else(Answer::from) })
    }
}
