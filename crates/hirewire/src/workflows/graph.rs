//! This instance as a workflow's Graph: bulk uploads and queries, in process and durable.
use std::sync::Arc;

use hirewire_server::{App, LocalRequest, call_locally};
use hirewire_store::Job;
use hirewire_workflow::host::{Handler, Reply, WireAnswer, WireRequest};

/// Answers what a workflow sends to Graph.
pub(crate) struct GraphApi {
    app: Arc<App>,
    /// The job that stands in for jobs of other tenants, which definitions from Azure name.
    job: Option<Job>,
}

impl GraphApi {
    /// The API of `app`; paths of unknown jobs mean `job`.
    pub(crate) fn new(app: Arc<App>, job: Option<Job>) -> Self {
        Self { app, job }
    }

    /// The URI with the ids of a job that this instance has.
    fn own(&self, uri: &str) -> String {
        let Some(job) = &self.job else { return uri.to_owned() };
        let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
        let mut parts: Vec<&str> = path.split('/').collect();
        let at = |parts: &[&str], name: &str| parts.iter().position(|part| part.eq_ignore_ascii_case(name));
        let (Some(principals), Some(jobs)) = (at(&parts, "servicePrincipals"), at(&parts, "jobs")) else {
            return uri.to_owned();
        };
        let known = parts.get(jobs + 1).is_some_and(|id| matches!(self.app.store.job(id), Ok(Some(_))));
        if known || jobs + 1 >= parts.len() || principals + 1 >= jobs {
            return uri.to_owned();
        }
        parts[principals + 1] = &job.service_principal;
        parts[jobs + 1] = &job.id;
        let path = parts.join("/");
        query.map_or(path.clone(), |query| format!("{path}?{query}"))
    }
}

impl Handler for GraphApi {
    fn handle(&self, request: WireRequest) -> Reply<'_, WireAnswer> {
        Box::pin(async move {
            let request = LocalRequest {
                method: request.method,
                uri: escaped(&self.own(&request.uri)),
                headers: request.headers,
                body: request.body.into(),
            };
            let answer = call_locally(&self.app, request).await;
            WireAnswer { status: answer.status, headers: answer.headers, body: answer.body.to_vec() }
        })
    }
}

/// Blanks and other characters that a URI may not hold, percent-encoded; escapes stay (spec/workflows.md §8.2).
fn escaped(uri: &str) -> String {
    let mut out = String::with_capacity(uri.len());
    for c in uri.chars() {
        if c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}') {
            out.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    out
}
