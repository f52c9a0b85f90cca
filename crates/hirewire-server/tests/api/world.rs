//! A running server with one provisioning app and one job, and a client to talk to it.
use std::sync::{Arc, LazyLock};

use hirewire_server::{App, Clock, Listening, Mode, Settings, install_metrics, router, serve};
use hirewire_store::{App as StoredApp, NewJob, Store};
use jiff::Timestamp;
use metrics_exporter_prometheus::PrometheusHandle;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::runtime::Runtime;

pub(crate) const TENANT: &str = "5d0c9f3e-8a47-4b0d-9a52-2f6f3d1c7e10";
pub(crate) const OWNER: &str = "7f1f2b64-93a1-4c39-8d25-0e5f0a6f4c11";
pub(crate) const OWNER_APP: &str = "0b9a6c1e-55d0-4f8f-9a35-6d1c2e7b8a90";
pub(crate) const JOB: &str = "API2AAD.5d0c9f3e8a474b0d9a522f6f3d1c7e10.c4e0c0b2-6f3a-4a6d-b1de-7a9d7d4f1e02";
pub(crate) const CLIENT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const CLIENT_OBJECT: &str = "aaaaaaaa-0000-4000-8000-000000000002";
pub(crate) const EVERYTHING: &[&str] = &[
    "SynchronizationData-User.Upload",
    "ProvisioningLog.Read.All",
    "Synchronization.ReadWrite.All",
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "User.Read.All",
];

/// One recorder for all worlds of the process.
static METRICS: LazyLock<Option<PrometheusHandle>> = LazyLock::new(install_metrics);

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) base: String,
    pub(crate) client: reqwest::Client,
    pub(crate) token: String,
    _listening: Listening,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().expect("a code").to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().expect("a message").to_owned()
    }

    pub(crate) fn expect(self, status: StatusCode) -> Self {
        assert_eq!(self.status, status.as_u16(), "{}", self.text);
        self
    }
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(Mode::Open, |_| {}).await
    }

    pub(crate) async fn strict() -> Self {
        Self::with(Mode::Strict, |_| {}).await
    }

    pub(crate) async fn with(mode: Mode, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(mode, TENANT.parse().expect("uuid"), "northmere.example");
        change(&mut settings);
        let store = Store::in_memory().expect("store");
        let runtime = Arc::new(Runtime::new(store.clone()));
        let app = App::new(settings, store, runtime, Arc::new(Clock::default())).expect("app");
        let app = Arc::new(match METRICS.as_ref() {
            Some(handle) => app.with_metrics(handle.clone()),
            None => app,
        });
        register(&app);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let listening = serve(router(app.clone()), listener, None, &app.settings.bounds).expect("serve");
        let base = format!("http://{}", listening.address);
        let token = token(&app, &base, EVERYTHING);
        let client = reqwest::Client::builder().no_proxy().build().expect("client");
        Self { app, base, client, token, _listening: listening }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the token that may do everything.
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        got(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Got {
        got(self.ask(method, path).header("content-type", "application/json").body(body.to_string())).await
    }

    /// Posts a body to bulkUpload.
    pub(crate) async fn upload(&self, body: impl Into<reqwest::Body>) -> Got {
        got(self.upload_request(body)).await
    }

    pub(crate) fn upload_request(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.ask(Method::POST, &upload_path()).header("content-type", "application/scim+json").body(body)
    }

    pub(crate) fn token_for(&self, permissions: &[&str]) -> String {
        token(&self.app, &self.base, permissions)
    }
}

pub(crate) async fn got(request: RequestBuilder) -> Got {
    let response = request.send().await.expect("an answer");
    Got {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.expect("a body"),
    }
}

pub(crate) fn job_path() -> String {
    format!("/v1.0/servicePrincipals/{OWNER}/synchronization/jobs/{JOB}")
}

pub(crate) fn upload_path() -> String {
    format!("{}/bulkUpload", job_path())
}

pub(crate) fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/bulk");
    let mut names = std::fs::read_dir(folder).expect("samples").map(|entry| entry.expect("entry").path());
    let found = names.find(|path| path.file_name().expect("name").to_string_lossy().starts_with(name));
    std::fs::read(found.unwrap_or_else(|| panic!("no sample {name}"))).expect("sample")
}

/// One valid operation.
pub(crate) fn person(external_id: &str) -> Value {
    json!({
        "method": "POST", "bulkId": external_id, "path": "/Users",
        "data": {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
            "externalId": external_id, "userName": format!("{external_id}@northmere.example"),
            "displayName": format!("Person {external_id}"), "active": true,
        },
    })
}

pub(crate) fn bulk(operations: Vec<Value>) -> String {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations, "failOnErrors": null })
        .to_string()
}

/// A token as the token endpoint makes it, without the cost of hashing a secret.
pub(crate) fn token(app: &App, audience: &str, permissions: &[&str]) -> String {
    let now = Timestamp::now().as_second();
    sign(app, json!({ "aud": audience, "iat": now, "nbf": now, "exp": now + 3_600, "roles": permissions }))
}

pub(crate) fn sign(app: &App, claims: Value) -> String {
    let mut all = json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT, "appid": CLIENT, "oid": CLIENT_OBJECT,
        "idtyp": "app", "app_displayname": "Tests",
    });
    for (name, value) in claims.as_object().expect("claims") {
        all[name] = value.clone();
    }
    app.key.sign(&all).expect("a token")
}

pub(crate) fn stored_app(app_id: &str, object_id: &str, name: &str) -> StoredApp {
    StoredApp {
        app_id: app_id.into(),
        object_id: object_id.into(),
        name: name.into(),
        template: None,
        created: Timestamp::UNIX_EPOCH,
        permissions: Vec::new(),
        owns: Vec::new(),
    }
}

fn register(app: &App) {
    let owner = stored_app(OWNER_APP, OWNER, "Northmere HR to Entra");
    app.store.put_app(owner).expect("app");
    let client = StoredApp {
        permissions: EVERYTHING.iter().map(|value| (*value).to_owned()).collect(),
        created: Timestamp::from_second(1).expect("time"),
        ..stored_app(CLIENT, CLIENT_OBJECT, "Tests")
    };
    app.store.put_app(client).expect("client");
    let job = app
        .store
        .create_job(NewJob {
            id: JOB.into(),
            template: "API2AAD".into(),
            service_principal: OWNER.into(),
            service_principal_name: "Northmere HR to Entra".into(),
            settings: r#"[{"name":"QuarantineTooManyDeletesThreshold","value":"500"}]"#.into(),
            created: Timestamp::now(),
        })
        .expect("job");
    app.service.start(&job).expect("start");
}
