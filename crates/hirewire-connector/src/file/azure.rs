//! Azure Blob storage: how a project names an account and how one logs in to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hirewire_workflow::host::Secrets;
use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::object::{options, retry, transport};
use crate::bind::web_address;
use crate::config::join;
use crate::failure::Failure;
use crate::secret::SecretReference;

/// An Azure storage account. Give one of `connection_string`, `key`, `sas`, `token` or `login`; without any the machine's
/// managed identity is used.
///
/// ```toml
/// [connections.azureblob]
/// kind = "azure_blob"
/// account = "hrexports"
/// containers = ["csvdata"]
/// key = { env = "HR_BLOB_KEY" }
/// ```
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AzureBlobConfig {
    /// The account's name; not needed with a connection string.
    pub account: Option<String>,
    /// Address of the blob service where it is not `https://ACCOUNT.blob.core.windows.net`: another cloud, an emulator.
    pub url: Option<String>,
    /// Containers that workflows may use; `container/folder` allows only what is below that folder.
    pub containers: Vec<String>,
    /// The account's connection string (`DefaultEndpointsProtocol=…;AccountName=…;AccountKey=…`).
    pub connection_string: Option<SecretReference>,
    /// The account's key.
    pub key: Option<SecretReference>,
    /// A shared access signature (`sv=…&sig=…`).
    pub sas: Option<SecretReference>,
    /// An OAuth token that somebody else renews in its file or variable.
    pub token: Option<SecretReference>,
    /// An app registration that may read the blobs.
    pub login: Option<AzureLogin>,
    /// Client id of a user-assigned managed identity.
    pub identity: Option<String>,
    /// PEM file with the certificate authorities to trust; the system's when absent.
    pub ca_file: Option<PathBuf>,
}

/// An app registration with a client secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AzureLogin {
    /// Directory (tenant) id.
    pub tenant: String,
    /// Application (client) id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretReference,
    /// Token service where it is not `https://login.microsoftonline.com`.
    #[serde(default)]
    pub authority: Option<String>,
}

impl AzureBlobConfig {
    pub(crate) fn place(&self) -> String {
        let address = self.url.clone().or_else(|| {
            self.account.as_ref().map(|account| format!("https://{account}.blob.core.windows.net"))
        });
        let address = address.unwrap_or_else(|| "the account of the connection string".into());
        format!("{address} ({})", self.containers.join(", "))
    }

    pub(crate) fn relative_to(&mut self, base: &Path) {
        let secrets = [&mut self.connection_string, &mut self.key, &mut self.sas, &mut self.token];
        secrets.into_iter().flatten().for_each(|s| s.relative_to(base));
        if let Some(login) = &mut self.login {
            login.client_secret.relative_to(base);
        }
        join(&mut self.ca_file, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.containers.is_empty() {
            return Err("`containers` is missing: name the containers that workflows may use".into());
        }
        let ways = [
            self.connection_string.is_some(),
            self.key.is_some(),
            self.sas.is_some(),
            self.token.is_some(),
            self.login.is_some(),
        ];
        if ways.iter().filter(|w| **w).count() > 1 {
            return Err("give only one of `connection_string`, `key`, `sas`, `token`, `login`".into());
        }
        if self.connection_string.is_none() && self.account.is_none() {
            return Err("`account` is missing (or give a `connection_string`)".into());
        }
        self.url.as_deref().map_or(Ok(()), |url| web_address("url", url))?;
        let authority = self.login.as_ref().and_then(|l| l.authority.as_deref());
        authority.map_or(Ok(()), |url| web_address("login.authority", url))
    }

    /// A client for one container.
    pub(crate) async fn open(
        &self,
        container: &str,
        vault: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn ObjectStore>, Failure> {
        let mut builder = MicrosoftAzureBuilder::new().with_container_name(container).with_retry(retry());
        let mut url = self.url.clone();
        let mut account = self.account.clone();
        let secret = |reference: &Option<SecretReference>| {
            let reference = reference.clone();
            async move {
                match reference {
                    Some(reference) => reference.resolve(vault).await.map(Some),
                    None => Ok(None),
                }
            }
        };
        let mut key = secret(&self.key).await?;
        let mut sas = secret(&self.sas).await?;
        if let Some(text) = secret(&self.connection_string).await? {
            let parts = ConnectionString::read(text.expose_secret())?;
            url = url.or(parts.url);
            account = account.or(parts.account);
            key = parts.key;
            sas = parts.sas;
        }
        let account = account.ok_or_else(|| Failure::broken("the connection string names no AccountName"))?;
        builder = builder.with_account(account);
        if let Some(key) = key {
            builder = builder.with_access_key(key.expose_secret());
        }
        if let Some(sas) = sas {
            builder = builder
                .with_config(AzureConfigKey::SasKey, sas.expose_secret().trim_start_matches('?').to_owned());
        }
        if let Some(token) = secret(&self.token).await? {
            builder = builder.with_bearer_token_authorization(token.expose_secret());
        }
        if let Some(login) = &self.login {
            let secret = login.client_secret.resolve(vault).await?;
            builder = builder.with_client_secret_authorization(
                &login.client_id,
                secret.expose_secret(),
                &login.tenant,
            );
            if let Some(authority) = &login.authority {
                builder = builder.with_authority_host(authority.clone());
            }
        } else if let Some(identity) = &self.identity {
            builder = builder.with_client_id(identity);
        }
        let http = url.as_deref().is_some_and(|u| u.starts_with("http://"));
        if let Some(url) = url {
            web_address("the blob endpoint", &url).map_err(Failure::broken)?;
            builder = builder.with_endpoint(url.trim_end_matches('/').to_owned());
        }
        builder = builder.with_client_options(options(self.ca_file.as_deref(), http)?);
        builder = transport(builder, http, MicrosoftAzureBuilder::with_allow_http);
        let store = builder
            .build()
            .map_err(|e| Failure::broken(super::object::plain(&format!("the storage account: {e}"))))?;
        Ok(Arc::new(store))
    }
}

/// The parts of a connection string that matter for blobs.
struct ConnectionString {
    account: Option<String>,
    key: Option<SecretString>,
    sas: Option<SecretString>,
    url: Option<String>,
}

impl ConnectionString {
    fn read(text: &str) -> Result<Self, Failure> {
        let part = |name: &str| {
            text.split(';')
                .filter_map(|p| p.trim().split_once('='))
                .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
                .filter(|value| !value.is_empty())
        };
        let account = part("AccountName");
        let development = part("UseDevelopmentStorage").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        if development {
            return Err(Failure::broken(
                "UseDevelopmentStorage=true says nothing about an address: give the emulator's whole connection string",
            ));
        }
        let protocol = part("DefaultEndpointsProtocol").unwrap_or_else(|| "https".into());
        let url = part("BlobEndpoint").or_else(|| {
            let suffix = part("EndpointSuffix")?;
            Some(format!("{protocol}://{}.blob.{suffix}", account.as_deref()?))
        });
        // An endpoint alone names the account, too: `https://account.blob…`, `http://127.0.0.1:10000/account`.
        let account = account.or_else(|| {
            let url = url::Url::parse(url.as_deref()?).ok()?;
            let by_path = url.path().trim_matches('/').to_owned();
            let by_host = url.host_str()?.split('.').next()?.to_owned();
            Some(if by_path.is_empty() { by_host } else { by_path })
        });
        let (key, sas) = (part("AccountKey"), part("SharedAccessSignature"));
        if key.is_none() && sas.is_none() {
            return Err(Failure::broken(
                "the connection string holds neither AccountKey nor SharedAccessSignature",
            ));
        }
        Ok(Self { account, key: key.map(SecretString::from), sas: sas.map(SecretString::from), url })
    }
}

#[cfg(test)]
mod tests {
    use super::{AzureBlobConfig, ConnectionString};
    use secrecy::ExposeSecret as _;

    #[test]
    fn connection_strings_are_read() {
        let text =
            "DefaultEndpointsProtocol=https;AccountName=hr;AccountKey=a2V5==;EndpointSuffix=core.windows.net";
        let parts = ConnectionString::read(text).expect("whole");
        assert_eq!(parts.account.as_deref(), Some("hr"));
        assert_eq!(parts.key.map(|k| k.expose_secret().to_owned()).as_deref(), Some("a2V5=="));
        assert_eq!(parts.url.as_deref(), Some("https://hr.blob.core.windows.net"));
        let text = "BlobEndpoint=https://hr.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=x%3D";
        let parts = ConnectionString::read(text).expect("sas");
        assert_eq!(parts.account.as_deref(), Some("hr"));
        assert_eq!(parts.sas.map(|k| k.expose_secret().to_owned()).as_deref(), Some("sv=1&sig=x%3D"));
        assert!(ConnectionString::read("AccountName=hr").is_err());
        assert!(ConnectionString::read("UseDevelopmentStorage=true").is_err());
    }

    #[test]
    fn a_configuration_is_checked() {
        let read = |text: &str| serde_json::from_str::<AzureBlobConfig>(text).expect("json").check();
        assert_eq!(read(r#"{"account": "hr", "containers": ["c"]}"#), Ok(()));
        for bad in [
            r#"{"account": "hr"}"#,
            r#"{"containers": ["c"]}"#,
            r#"{"account": "hr", "containers": ["c"], "key": {"env": "K"}, "sas": {"env": "S"}}"#,
            r#"{"account": "hr", "containers": ["c"], "url": "http://blobs.example"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
