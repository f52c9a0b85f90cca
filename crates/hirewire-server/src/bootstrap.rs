//! A tenant ready for use in one call: a provisioning app with a started job, and a client that may use it.
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirewire_store::{App as StoredApp, NewCredential, Store};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::app::App;
use crate::error::ApiError;
use crate::graph::{jobs, templates};
use crate::identity::Permission;

/// What the client of a bootstrapped tenant is granted: everything that clients of inbound provisioning need.
const GRANTED: [Permission; 6] = [
    Permission::UploadAll,
    Permission::ProvisioningLogReadAll,
    Permission::SynchronizationReadWriteAll,
    Permission::ApplicationReadWriteAll,
    Permission::UserReadAll,
    Permission::AppRoleAssignmentReadWriteAll,
];

/// Where a store remembers what was made.
const KEPT: &str = "bootstrap";

/// A bootstrapped tenant. The secret is kept sealed besides its hash, so that a folder that is used again needs no new one.
#[derive(Debug)]
pub struct Bootstrapped {
    /// The tenant.
    pub tenant: Uuid,
    /// Object id of the provisioning app's service principal.
    pub service_principal: String,
    /// The started job.
    pub job: String,
    /// appId of the client.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
}

/// The tenant that a kept store was bootstrapped with.
pub fn tenant(store: &Store) -> Result<Option<Uuid>, ApiError> {
    Ok(kept(store)?.and_then(|kept| kept["tenant"].as_str()?.parse().ok()))
}

fn kept(store: &Store) -> Result<Option<Value>, ApiError> {
    Ok(store.setting(KEPT)?.and_then(|text| serde_json::from_str(&text).ok()))
}

/// What an earlier call of [`bootstrap`] made in a store that was kept, secret included, so that clients need nothing new.
fn again(app: &App) -> Result<Option<Bootstrapped>, ApiError> {
    let Some(kept) = kept(&app.store)? else { return Ok(None) };
    let text = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
    let secret = app.store.open_secret(KEPT, "client")?;
    let secret = secret.and_then(|secret| String::from_utf8(secret.expose_secret().to_vec()).ok());
    let (Some(secret), Some(job)) = (secret, app.store.job(&text("job"))?) else { return Ok(None) };
    Ok(Some(Bootstrapped {
        tenant: app.settings.tenant,
        service_principal: job.service_principal,
        job: job.id,
        client_id: text("client"),
        client_secret: secret.into(),
    }))
}

/// Makes a provisioning app named `name` with a started job of `template` (`API2AAD` or `API2AD`), and a client for it; in a
/// store that was kept, gives what was made before.
pub fn bootstrap(app: &App, name: &str, template: &str) -> Result<Bootstrapped, ApiError> {
    if let Some(made) = again(app)? {
        return Ok(made);
    }
    let now = app.clock.now();
    let template =
        templates::by_id(template).ok_or_else(|| ApiError::bad_request("The template is not known."))?;
    let owned = StoredApp {
        app_id: Uuid::new_v4().to_string(),
        object_id: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        template: templates::application_of(template).map(str::to_owned),
        created: now,
        permissions: Vec::new(),
        owns: Vec::new(),
    };
    app.store.put_app(owned.clone())?;
    let job = jobs::make(app, template, &owned.object_id, name, now)?;
    app.service.start(&job)?;
    let client = StoredApp {
        app_id: Uuid::new_v4().to_string(),
        object_id: Uuid::new_v4().to_string(),
        name: format!("{name} client"),
        template: None,
        // After the provisioning app: scripts take the first of the list.
        created: now.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(now),
        permissions: GRANTED.iter().map(|permission| permission.value().to_owned()).collect(),
        owns: vec![owned.object_id.clone()],
    };
    app.store.put_app(client.clone())?;
    let secret = add_secret(app, &client.app_id, "bootstrap", None)?;
    app.store.put_secret(KEPT, "client", secret.expose_secret().as_bytes(), now)?;
    let kept = json!({ "tenant": app.settings.tenant, "job": job.id, "client": client.app_id });
    app.store.set_setting(KEPT, Some(&kept.to_string()))?;
    Ok(Bootstrapped {
        tenant: app.settings.tenant,
        service_principal: owned.object_id,
        job: job.id,
        client_id: client.app_id,
        client_secret: secret,
    })
}

/// Makes a client secret of 256 random bits and gives it once. Two or more may be valid at a time, for rotation.
pub fn add_secret(
    app: &App,
    app_id: &str,
    name: &str,
    expires: Option<jiff::Timestamp>,
) -> Result<SecretString, ApiError> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).map_err(ApiError::unavailable)?;
    let secret = URL_SAFE_NO_PAD.encode(bytes);
    let key_id = Uuid::new_v4().to_string();
    let credential = NewCredential::Secret(secret.clone());
    app.store.add_credential(app_id, &key_id, name, credential, app.clock.now(), expires)?;
    Ok(secret.into())
}

impl Bootstrapped {
    /// Environment variables for clients, as data: name and value. The secret is among them.
    /// With `identity_header`, those of a managed identity too.
    pub fn environment(
        &self,
        url: &str,
        ca: Option<&Path>,
        identity_header: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let url = url.trim_end_matches('/');
        let (sp, job) = (&self.service_principal, &self.job);
        let secret = self.client_secret.expose_secret();
        let mut lines = vec![
            ("HIREWIRE_URL", url.to_owned()),
            ("HIREWIRE_TENANT", self.tenant.to_string()),
            ("HIREWIRE_CLIENT_ID", self.client_id.clone()),
            ("HIREWIRE_CLIENT_SECRET", secret.to_owned()),
            ("HIREWIRE_SERVICE_PRINCIPAL", sp.clone()),
            ("HIREWIRE_JOB", job.clone()),
            ("HIREWIRE_TOKEN_URL", format!("{url}/{}/oauth2/v2.0/token", self.tenant)),
            (
                "HIREWIRE_BULK_UPLOAD_URL",
                format!("{url}/v1.0/servicePrincipals/{sp}/synchronization/jobs/{job}/bulkUpload"),
            ),
            // What Azure's SDKs read.
            ("AZURE_TENANT_ID", self.tenant.to_string()),
            ("AZURE_CLIENT_ID", self.client_id.clone()),
            ("AZURE_CLIENT_SECRET", secret.to_owned()),
            ("AZURE_AUTHORITY_HOST", url.to_owned()),
        ];
        if let Some(header) = identity_header {
            lines.push(("IDENTITY_ENDPOINT", format!("{url}/msi/token")));
            lines.push(("IDENTITY_HEADER", header.to_owned()));
        }
        if let Some(ca) = ca {
            let ca = ca.display().to_string();
            lines.push(("HIREWIRE_CA", ca.clone()));
            lines.push(("NODE_EXTRA_CA_CERTS", ca.clone()));
            lines.push(("SSL_CERT_FILE", ca.clone()));
            lines.push(("REQUESTS_CA_BUNDLE", ca));
        }
        lines
    }
}
