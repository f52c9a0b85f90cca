//! App registrations in place of managed identities (spec/workflows.md §10.1).
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use hirewire_workflow::host::{Credentials, HttpClient, Reply};
use serde_json::json;

use super::config::CredentialSection;

/// The id of Microsoft Graph, which definitions use as audience too.
const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";

/// Credentials of the project by audience.
pub(crate) struct ProjectCredentials {
    pub(crate) sections: BTreeMap<String, CredentialSection>,
    pub(crate) folder: PathBuf,
    pub(crate) http: Arc<HttpClient>,
}

/// One spelling of an audience.
fn plain(audience: &str) -> String {
    let audience = audience.trim_end_matches('/').to_lowercase();
    if audience == GRAPH_ID { "https://graph.microsoft.com".into() } else { audience }
}

impl Credentials for ProjectCredentials {
    fn authorization<'a>(
        &'a self,
        audience: &'a str,
        _identity: Option<&'a str>,
    ) -> Reply<'a, Result<String, String>> {
        Box::pin(async move {
            let found = self.sections.iter().find(|(known, _)| plain(known) == plain(audience));
            let Some((_, section)) = found else {
                return Err(format!(
                    "No credential is bound to the audience '{audience}'. Add [workflows.credentials.\"{audience}\"] to hirewire.toml, or point the address at this instance."
                ));
            };
            let secret = section.client_secret.read(&self.folder)?;
            let authentication = json!({
                "type": "ActiveDirectoryOAuth", "tenant": section.tenant, "audience": audience, "clientId": section.client_id,
                "secret": secret, "authority": section.authority.as_deref().unwrap_or("https://login.microsoftonline.com")
            });
            self.http.token(&authentication).await
        })
    }
}
