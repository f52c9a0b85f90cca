//! `[connections.NAME]` of the project file: what stands behind the connections of workflows, and the project's vault.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hirewire_connector::{ConnectionConfig, Surroundings, example, kinds_for};
use hirewire_store::Store;
use hirewire_workflow::definition::{Finding, Severity};
use hirewire_workflow::expression::same_name;
use hirewire_workflow::host::{Connector, HttpClient, Reply, Secrets};
use secrecy::ExposeSecret as _;

use crate::project::Project;
use crate::report::Report;

/// Where the store keeps the secrets of `hirewire secret`.
pub(crate) const VAULT: &str = "vault";

/// The project's vault: secrets by name, sealed in the store.
struct StoreVault(Store);

impl Secrets for StoreVault {
    fn secret<'a>(&'a self, name: &'a str) -> Reply<'a, Option<String>> {
        let (store, name) = (self.0.clone(), name.to_owned());
        Box::pin(async move {
            let read = move || store.open_secret(VAULT, &name).ok().flatten();
            let value = tokio::task::spawn_blocking(read).await.ok().flatten()?;
            String::from_utf8(value.expose_secret().to_vec()).ok()
        })
    }
}

/// Makes the adapters of a project. None of them connects before its first use.
pub(crate) fn open(project: &Project, store: &Store) -> Result<HashMap<String, Arc<dyn Connector>>, Report> {
    let around = Surroundings {
        vault: Arc::new(StoreVault(store.clone())),
        state: project.state(),
        http: Arc::new(HttpClient::new().map_err(Report::new)?),
    };
    let mut out = HashMap::new();
    for (name, config) in &project.file.connections {
        let mut config = config.clone();
        config.relative_to(&project.folder);
        let adapter = hirewire_connector::open(&config, &around)
            .map_err(|text| Report::new(format!("connections.{name}: {text}")))?;
        out.insert(name.clone(), adapter);
    }
    Ok(out)
}

/// What is wrong with one connection that a workflow uses: nothing bound, or something of the wrong kind.
pub(crate) fn check(known: &BTreeMap<String, ConnectionConfig>, name: &str, api: &str) -> Option<Finding> {
    let finding = |severity, message, help| {
        Some(Finding {
            severity,
            code: "InvalidTemplate",
            path: "parameters.$connections".into(),
            message,
            help,
        })
    };
    // Without its connector's name a connection is mostly called after it: `azureblob`, `azureblob_1`.
    let guessed = if api.is_empty() { name.split(['_', '-']).next().unwrap_or(name) } else { api };
    let shown = if api.is_empty() { String::new() } else { format!(" ({api})") };
    let Some((_, config)) = known.iter().find(|(known, _)| same_name(known, name)) else {
        return finding(
            Severity::Error,
            format!("the connection '{name}'{shown} is not bound"),
            format!("write into hirewire.toml (docs/connections.md):\n{}", example(name, guessed)),
        );
    };
    let kinds = kinds_for(guessed);
    let fits = config.kind() == "http" || kinds.contains(&config.kind()) || kinds == ["http"];
    if fits {
        return None;
    }
    finding(
        Severity::Warning,
        format!("the connection '{name}'{shown} is bound to kind `{}`", config.kind()),
        format!("kinds that stand in for it: {}, http", kinds.join(", ")),
    )
}

/// The connections that a workflow uses, with what stands behind each.
pub(crate) fn describe(
    known: &BTreeMap<String, ConnectionConfig>,
    used: &BTreeMap<String, String>,
) -> String {
    let one = |name: &String| match known.iter().find(|(known, _)| same_name(known, name)) {
        Some((_, config)) => format!("{name} → {} {}", config.kind(), config.place()),
        None => format!("{name} → not bound"),
    };
    used.keys().map(one).collect::<Vec<_>>().join("; ")
}
