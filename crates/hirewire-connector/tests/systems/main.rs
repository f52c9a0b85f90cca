//! The connectors against real systems: Azurite, PostgreSQL, MariaDB, OpenSSH, an SMTP server; folders and commands of
//! this machine. Only Microsoft Graph is played, by `graph.rs`.
//!
//! The servers are started when the first test needs them (`parts/*.sh`) and stopped at the end. A missing server is a
//! failure that names the command which installs it.
mod blob;
mod folder;
mod graph;
mod jobs;
mod mail;
mod parts;
mod sftp;
mod sharepoint;
mod sql;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

use hirewire_connector::{ConnectionConfig, Surroundings, open};
use hirewire_workflow::host::{Connector, ConnectorCall, HttpClient, PollFrom, Polled, Reply, Secrets};
use hirewire_workflow::run::Answer;
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Map, Value as Json};

type Case = fn() -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

macro_rules! cases {
    ($($module:ident::$name:ident),* $(,)?) => {
        vec![$((concat!(stringify!($module), "::", stringify!($name)), (|| Box::pin($module::$name())) as Case)),*]
    };
}

fn main() -> ExitCode {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cases: Vec<(&str, Case)> = cases![
        blob::operations_of_the_managed_connector,
        blob::operations_of_the_built_in_provider,
        blob::ways_to_log_in,
        blob::an_oauth_token_over_tls,
        blob::other_containers_are_refused,
        blob::triggers_fire_once,
        folder::operations_and_triggers,
        folder::nothing_outside_is_reached,
        jobs::commands_run_without_a_shell,
        jobs::a_command_that_takes_too_long_is_ended,
        jobs::secrets_are_named,
        mail::mails_arrive,
        mail::wrong_certificate_is_refused,
        sftp::operations,
        sftp::triggers_fire_once,
        sftp::wrong_keys_are_refused,
        sftp::links_do_not_lead_out,
        sharepoint::files,
        sharepoint::lists,
        sharepoint::other_places_are_refused,
        sql::rows_of_postgres,
        sql::rows_of_mariadb,
        sql::values_of_postgres,
        sql::values_of_mariadb,
        sql::pages,
        sql::queries_and_procedures,
        sql::built_in_provider,
        sql::new_rows_fire_once,
        sql::changed_rows_fire_once,
        sql::late_commits_are_not_lost,
        sql::what_is_refused,
    ];
    let trial = |(name, case): (&str, Case)| {
        Trial::test(name, move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let run = || runtime.map_err(|e| e.to_string()).map(|r| r.block_on(async { case().await }));
            match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(e)) => Err(Failed::from(e)),
                Err(e) => {
                    let text = e.downcast_ref::<String>().cloned();
                    let text = text.or_else(|| e.downcast_ref::<&str>().map(|t| (*t).to_owned()));
                    Err(Failed::from(text.unwrap_or_else(|| "it panicked".into())))
                }
            }
        })
    };
    let conclusion = libtest_mimic::run(&Arguments::from_args(), cases.into_iter().map(trial).collect());
    parts::stop_all();
    conclusion.exit_code()
}

/// A vault with secrets in memory.
struct Vault(HashMap<String, String>);

impl Secrets for Vault {
    fn secret<'a>(&'a self, name: &'a str) -> Reply<'a, Option<String>> {
        Box::pin(std::future::ready(self.0.get(name).cloned()))
    }
}

/// An opened connection.
pub(crate) struct Connection(Arc<dyn Connector>);

/// What an operation answered.
#[derive(Debug)]
pub(crate) struct Reaction {
    pub(crate) status: u16,
    pub(crate) headers: Map<String, Json>,
    pub(crate) body: Json,
}

impl Connection {
    /// Opens what the project file would say, as JSON; secrets come from the vault.
    pub(crate) fn open(config: Json, secrets: &[(&str, &str)]) -> Self {
        let config: ConnectionConfig = serde_json::from_value(config).expect("the configuration");
        let secrets = secrets.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let around = Surroundings {
            vault: Arc::new(Vault(secrets)),
            state: std::env::temp_dir().join(format!("hw-state-{}", std::process::id())),
            http: Arc::new(HttpClient::new().expect("client")),
        };
        Self(open(&config, &around).expect("the connection"))
    }

    fn wire(method: &str, path: &str, queries: Json, body: Option<Json>) -> ConnectorCall {
        let queries = queries.as_object().cloned().unwrap_or_default();
        ConnectorCall { method: method.into(), path: path.into(), queries, headers: Map::new(), body }
    }

    pub(crate) async fn answer(&self, method: &str, path: &str, queries: Json, body: Option<Json>) -> Answer {
        self.0.call(Self::wire(method, path, queries, body)).await
    }

    /// Calls an operation that must be answered.
    pub(crate) async fn call(&self, method: &str, path: &str, queries: Json, body: Option<Json>) -> Reaction {
        match self.answer(method, path, queries, body).await {
            Answer::Response { status, headers, body } => {
                Reaction { status, headers, body: body.unwrap_or(Json::Null) }
            }
            other => panic!("{method} {path}: {other:?}"),
        }
    }

    /// Calls an operation that must succeed, and gives its body.
    pub(crate) async fn ok(&self, method: &str, path: &str, queries: Json, body: Option<Json>) -> Json {
        let reaction = self.call(method, path, queries, body).await;
        assert!(reaction.status < 300, "{method} {path}: {reaction:?}");
        reaction.body
    }

    /// An operation of the built-in provider that must succeed.
    pub(crate) async fn provider(&self, operation: &str, parameters: Json) -> Json {
        self.ok("POST", &format!("/{operation}"), parameters, None).await
    }

    pub(crate) async fn poll(&self, path: &str, queries: Json, from: PollFrom) -> Polled {
        let polled = self.0.poll(Self::wire("GET", path, queries, None), from).await;
        polled.unwrap_or_else(|answer| panic!("{path}: {answer:?}"))
    }

    pub(crate) async fn poll_error(&self, path: &str, queries: Json) -> Answer {
        self.0.poll(Self::wire("GET", path, queries, None), PollFrom::Activation).await.expect_err(path)
    }
}

/// Polls until a trigger fires; what is still being written may take a second look.
pub(crate) async fn next(
    connection: &Connection,
    path: &str,
    queries: &Json,
    cursor: &mut Json,
) -> Vec<Json> {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let polled = connection.poll(path, queries.clone(), PollFrom::After(cursor.clone())).await;
        *cursor = polled.cursor;
        if !polled.firings.is_empty() {
            return polled.firings;
        }
        assert!(tokio::time::Instant::now() < deadline, "{path} does not fire");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Polls once; nothing may fire.
pub(crate) async fn silent(connection: &Connection, path: &str, queries: &Json, cursor: &mut Json) {
    let polled = connection.poll(path, queries.clone(), PollFrom::After(cursor.clone())).await;
    assert_eq!(polled.firings, Vec::<Json>::new(), "{path}");
    *cursor = polled.cursor;
}
