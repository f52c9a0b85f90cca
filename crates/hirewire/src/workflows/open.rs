//! Puts the workflows of a project together: definitions, connections, endpoints, credentials, memory.
use std::sync::{Arc, Mutex, PoisonError};

use hirewire_server::{App, LocalAnswer, LocalRequest, Workflows};
use hirewire_store::Store;
use hirewire_workflow::host::{
    CsvConverter, EndpointRule, Host, HostParts, HttpClient, Outside, RealOutside, Watch, WireAnswer,
    WireRequest,
};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::credentials::ProjectCredentials;
use super::find::{Found, Knowledge, find};
use super::graph::GraphApi;
use super::logbook::StoreLogbook;
use crate::commands::app::job_of;
use crate::context::Context;
use crate::project::Project;
use crate::report::Report;

/// Resource id of the folder of workflows.
const BASE_ID: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Logic/workflows";

/// What a host is opened with.
pub(crate) struct Opening<'o> {
    /// The project.
    pub(crate) context: &'o Context,
    /// The API of this instance, where endpoints may point to it.
    pub(crate) app: Option<&'o Arc<App>>,
    /// Values of parameters that win over all others, from the command line.
    pub(crate) parameters: Vec<(String, String)>,
    /// Calls that do more than read are not made.
    pub(crate) dry_run: bool,
    /// Sees every finished action.
    pub(crate) watch: Option<Watch>,
}

/// The URL under which a project's service is reached, as far as it is known without running.
pub(crate) fn public_base(project: &Project) -> String {
    let server = &project.file.server;
    if let Some(base) = &server.public_url {
        return base.trim_end_matches('/').to_owned();
    }
    let port = server.listen.rsplit(':').next().unwrap_or("8443");
    format!("https://localhost:{port}")
}

/// What the project knows of workflows.
pub(crate) fn knowledge(project: &Project) -> Knowledge<'_> {
    Knowledge {
        folder: &project.folder,
        section: &project.file.workflows,
        connections: &project.file.connections,
        parameters: Vec::new(),
    }
}

/// Opens the host of a project's workflows. Those with errors are left out and returned beside it.
pub(crate) fn open(opening: &Opening<'_>) -> Result<(Host, Vec<Found>), Report> {
    let project = &opening.context.project;
    let known = Knowledge { parameters: opening.parameters.clone(), ..knowledge(project) };
    let mut all = find(&known)?;
    let deployments = all.iter_mut().filter_map(|found| found.deployment.take()).collect();
    let connections = super::connections::open(project, &opening.context.store)?;
    let section = &project.file.workflows;
    let mut http = HttpClient::new().map_err(Report::new)?;
    for (prefix, rule) in &section.endpoints {
        http.endpoints.push((prefix.clone(), endpoint(opening, prefix, rule)?));
    }
    let tokens = HttpClient::new().map_err(Report::new)?;
    http.credentials = Some(Arc::new(ProjectCredentials {
        sections: section.credentials.clone(),
        folder: project.folder.clone(),
        http: Arc::new(tokens),
    }));
    let functions = section.functions.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let parts = HostParts {
        deployments,
        connections: connections.clone(),
        logbook: logbook(&opening.context.store),
        public_base: public_base(project),
        base_id: BASE_ID.into(),
        watch: opening.watch.clone(),
    };
    let dry_run = opening.dry_run;
    let host = Host::new(parts, move |children| {
        Arc::new(RealOutside { http, connections, children: Some(children), functions, dry_run })
            as Arc<dyn Outside>
    })?;
    Ok((host, all))
}

/// The workflows' memory in a store.
pub(crate) fn logbook(store: &Store) -> Arc<StoreLogbook> {
    Arc::new(StoreLogbook(store.clone()))
}

fn endpoint(opening: &Opening<'_>, prefix: &str, rule: &str) -> Result<EndpointRule, Report> {
    let place = || format!("workflows.endpoints.\"{prefix}\"");
    let (word, job) = rule.split_once(':').map_or((rule, None), |(word, job)| (word, Some(job)));
    match word {
        "csv" => Ok(EndpointRule::Handler(Arc::new(CsvConverter))),
        "self" => {
            let Some(app) = opening.app else {
                return Err(Report::new(format!(
                    "{}: the project has no job that uploads could go to",
                    place()
                ))
                .help("add a section [job.NAME] to hirewire.toml"));
            };
            let context = opening.context;
            let named = match job {
                Some(job) => Some(context.job_name(Some(job)).map_err(|r| r.note(place()))?),
                None => context.job_name(None).ok(),
            };
            let job = match named {
                Some(name) => Some(job_of(context, Some(name), Timestamp::now())?),
                None => None,
            };
            Ok(EndpointRule::Handler(Arc::new(GraphApi::new(Arc::clone(app), job))))
        }
        "http" | "https" => Ok(EndpointRule::Base(rule.to_owned())),
        _ => Err(Report::new(format!("{}: `{rule}` is no place that calls can go to", place()))
            .help("write `self`, `self:JOB`, `csv`, or a base URL")),
    }
}

/// The host of a service, for commands that are done by it (see [`crate::control`]).
static SHARED: Mutex<Option<(Host, Handle)>> = Mutex::new(None);

/// From now on commands of this process run workflows in this host. Called in the host's runtime.
pub(crate) fn share(host: &Host) {
    let shared = (host.clone(), Handle::current());
    *SHARED.lock().unwrap_or_else(PoisonError::into_inner) = Some(shared);
}

/// The running host of this process and its runtime.
pub(crate) fn shared() -> Option<(Host, Handle)> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// A host behind the server.
pub(crate) struct Served(pub(crate) Host);

fn wire(request: LocalRequest) -> WireRequest {
    WireRequest {
        method: request.method,
        uri: request.uri,
        headers: request.headers,
        body: request.body.to_vec(),
    }
}

fn local(answer: WireAnswer) -> LocalAnswer {
    LocalAnswer { status: answer.status, headers: answer.headers, body: answer.body.into() }
}

impl Workflows for Served {
    fn receive(
        &self,
        request: LocalRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = LocalAnswer> + Send + '_>> {
        Box::pin(async move { local(self.0.receive(wire(request)).await) })
    }

    fn manage(
        &self,
        request: LocalRequest,
    ) -> std::pin::Pin<Box<dyn Future<Output = LocalAnswer> + Send + '_>> {
        Box::pin(async move {
            let (path, query) = request.uri.split_once('?').unwrap_or((&request.uri, ""));
            local(self.0.manage(&request.method, path, query, &request.body).await)
        })
    }
}
