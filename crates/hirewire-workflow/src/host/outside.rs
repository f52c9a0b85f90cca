//! The outside world: what a run's calls reach, and the clock.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value as Json};

use super::http::HttpClient;
use super::polling::{PollFrom, Polled, unknown_trigger};
use crate::expression::{DateTime, same_name};
use crate::run::{Answer, Call, Effect};

/// A boxed future.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Everything a run cannot compute.
pub trait Outside: Send + Sync {
    /// Makes a call. Never fails: no answer is [`Answer::Fault`].
    fn call(&self, call: Call) -> Reply<'_, Answer>;
    /// The moment, in ticks.
    fn now(&self) -> i64;
    /// Returns when the moment has come.
    fn sleep_until(&self, at: i64) -> Reply<'_, ()>;
    /// A random number.
    fn random(&self) -> u64;
}

/// A connector's operation, evaluated.
#[derive(Debug, Clone)]
pub struct ConnectorCall {
    /// The method in capital letters.
    pub method: String,
    /// The path, undecoded.
    pub path: String,
    /// Query parameters.
    pub queries: Map<String, Json>,
    /// Headers.
    pub headers: Map<String, Json>,
    /// The body.
    pub body: Option<Json>,
}

/// An adapter behind a connection: a folder, a database, a mail server.
pub trait Connector: Send + Sync {
    /// Answers an operation in the service's shape; an unknown one with 404 that names method and path.
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer>;

    /// Looks for what is new since `from`, for a trigger whose call this is. An answer that is no success, or no answer,
    /// is the error; it is judged by the retry policy. Without triggers this default refuses.
    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        let _ = from;
        Box::pin(std::future::ready(Err(unknown_trigger(&call))))
    }
}

/// Starts child workflows.
pub trait Children: Send + Sync {
    /// Calls the Request trigger of another workflow and waits for its answer. `key` names the call: made again after a
    /// crash it finds the child that it started.
    fn call<'a>(
        &'a self,
        key: &'a str,
        workflow: &'a str,
        trigger: &'a str,
        headers: Map<String, Json>,
        body: Option<Json>,
    ) -> Reply<'a, Answer>;
}

/// The real world.
pub struct RealOutside {
    /// HTTP with endpoint map and credentials.
    pub http: HttpClient,
    /// Adapters by connection name.
    pub connections: HashMap<String, Arc<dyn Connector>>,
    /// Child workflows, where the instance has others.
    pub children: Option<Arc<dyn Children>>,
    /// Base URLs of functions by resource id (or its last segment).
    pub functions: HashMap<String, String>,
    /// Dry run: calls that do more than read are not made.
    pub dry_run: bool,
}

/// Headers that say which run a request comes from (`spec/workflows.md` §8.2). The request's id is the same when the call
/// is made again after a crash, so that the other side can tell.
fn marks(call: &Call) -> Vec<(String, String)> {
    if call.run.is_empty() {
        return Vec::new();
    }
    let request = format!("{}-{}", call.run, call.id);
    let action: String = call.action.chars().filter(|c| c.is_ascii() && !c.is_ascii_control()).collect();
    [
        ("User-Agent", "azure-logic-apps/1.0 (hirewire)".to_owned()),
        ("x-ms-workflow-run-id", call.run.clone()),
        ("x-ms-workflow-run-tracking-id", call.run.clone()),
        ("x-ms-workflow-operation-name", action),
        ("x-ms-client-tracking-id", call.run.clone()),
        ("x-ms-client-request-id", request.clone()),
        ("x-ms-tracking-id", request),
    ]
    .into_iter()
    .map(|(n, v)| (n.to_owned(), v))
    .collect()
}

fn fault(code: &str, message: String) -> Answer {
    Answer::Fault { code: code.into(), message, retry: false }
}

impl Outside for RealOutside {
    fn call(&self, call: Call) -> Reply<'_, Answer> {
        Box::pin(async move {
            let key = format!("{}-{}", call.run, call.id);
            let marks = if call.plain { Vec::new() } else { marks(&call) };
            if self.dry_run && !call.effect.is_read() {
                return Answer::Response { status: 200, headers: Map::new(), body: None };
            }
            match call.effect {
                Effect::Http { method, uri, queries, headers, body, authentication } => {
                    let authentication = authentication.as_ref();
                    self.http
                        .send_marked(&marks, &method, &uri, &queries, &headers, body.as_ref(), authentication)
                        .await
                }
                Effect::Connection { connection, method, path, queries, headers, body } => {
                    let found = self.connections.iter().find(|(name, _)| same_name(name, &connection));
                    match found {
                        Some((_, adapter)) => {
                            adapter.call(ConnectorCall { method, path, queries, headers, body }).await
                        }
                        None => fault(
                            "ConnectionNotBound",
                            format!(
                                "The connection '{connection}' is not bound here. Bind it in the project's connections, for example to a folder, a database or an HTTP endpoint."
                            ),
                        ),
                    }
                }
                Effect::Function { id, method, queries, headers, body } => {
                    let last = id.rsplit('/').next().unwrap_or(&id);
                    match self.functions.get(&id).or_else(|| self.functions.get(last)) {
                        Some(url) => {
                            self.http.send(&method, url, &queries, &headers, body.as_ref(), None).await
                        }
                        None => fault(
                            "FunctionNotBound",
                            format!(
                                "The function '{last}' is not bound here. Map its id to a URL in the project's functions."
                            ),
                        ),
                    }
                }
                Effect::Workflow { workflow, trigger, headers, body } => match &self.children {
                    Some(children) => children.call(&key, &workflow, &trigger, headers, body).await,
                    None => fault(
                        "WorkflowNotFound",
                        format!("The workflow '{workflow}' is not part of this project."),
                    ),
                },
                Effect::Script { code, context } => {
                    let done = tokio::task::spawn_blocking(move || crate::script::run(&code, &context)).await;
                    done.unwrap_or_else(|e| fault("InlineCodeScriptRuntimeFailure", e.to_string()))
                }
            }
        })
    }

    fn now(&self) -> i64 {
        let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as i128);
        DateTime::from_unix_nanoseconds(nanoseconds).ticks
    }

    fn sleep_until(&self, at: i64) -> Reply<'_, ()> {
        let wait = u64::try_from(at.saturating_sub(self.now())).unwrap_or(0);
        Box::pin(tokio::time::sleep(Duration::from_nanos(wait.saturating_mul(100))))
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => self.now() as u64,
        }
    }
}
