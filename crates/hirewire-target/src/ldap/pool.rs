//! Connections to one of several servers: reconnects, falls over, and never hammers refused credentials.
//!
//! Everything stays on the server that answered first, because another one may not yet know what was just written.
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hirewire_engine::target::TargetError;
use ldap3::Scope;
use ldap3::controls::{Control, ControlType, PagedResults, RawControl};
use ldap3::exop::Exop;
use rustls::ClientConfig;
use tokio::sync::{Mutex, Semaphore};

use super::address::Address;
use super::config::{ConfigError, LdapConfig};
use super::connection::{Connection, Modification, Query};
use super::entry::Entry;
use super::error::{Failure, refused, retry};
use crate::agent::Hub;

/// The way to the directory.
pub(crate) struct Pool {
    config: LdapConfig,
    addresses: Vec<Address>,
    tls: Arc<ClientConfig>,
    hub: Option<Hub>,
    state: Mutex<State>,
    turn: AtomicUsize,
    /// Entries per page: as configured, or what the server allows.
    page_size: AtomicUsize,
    /// The client library queues without bound; this bounds it.
    requests: Semaphore,
}

struct State {
    /// Index of the server everything goes to.
    server: usize,
    connections: Vec<Option<Arc<Connection>>>,
    /// When credentials or certificate were refused, and with what words.
    refused: Option<(Instant, TargetError)>,
}

impl Pool {
    /// Prepares; does not connect yet.
    pub(crate) fn new(config: &LdapConfig) -> Result<Self, ConfigError> {
        let addresses: Result<Vec<_>, _> = config.urls.iter().map(|url| Address::parse(url)).collect();
        let addresses = addresses.map_err(|reason| ConfigError { setting: "urls", reason })?;
        let connections = config.connections;
        Ok(Self {
            tls: super::tls::client(&config.tls)?,
            hub: config.agent.as_ref().map(Hub::new).transpose()?,
            addresses,
            state: Mutex::new(State { server: 0, connections: vec![None; connections], refused: None }),
            turn: AtomicUsize::new(0),
            page_size: AtomicUsize::new(usize::from(config.page_size)),
            requests: Semaphore::new(
                config.width.saturating_mul(connections).clamp(1, Semaphore::MAX_PERMITS),
            ),
            config: config.clone(),
        })
    }

    /// A usable connection, the old one or a new one.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, Failure> {
        let mut state = self.state.lock().await;
        let slot = self.turn.fetch_add(1, Ordering::Relaxed) % state.connections.len().max(1);
        if let Some(Some(connection)) = state.connections.get(slot)
            && connection.is_usable()
        {
            return Ok(connection.clone());
        }
        if let Some((since, error)) = &state.refused {
            if since.elapsed() < Duration::from_secs(self.config.bind_pause_seconds) {
                return Err(error.clone().into());
            }
            state.refused = None;
        }
        let connection = Arc::new(self.connect(&mut state).await?);
        if let Some(place) = state.connections.get_mut(slot) {
            *place = Some(connection.clone());
        }
        Ok(connection)
    }

    async fn connect(&self, state: &mut State) -> Result<Connection, Failure> {
        let mut first = None;
        for step in 0..self.addresses.len() {
            let server = (state.server + step) % self.addresses.len();
            let address = &self.addresses[server];
            match self.open(address).await {
                Ok(connection) => {
                    if server != state.server {
                        tracing::warn!(host = address.host, "another directory server takes over");
                        state.server = server;
                        state.connections.fill(None);
                    }
                    return Ok(connection);
                }
                Err(Failure::Final(error @ TargetError::Locked { .. })) => {
                    state.refused = Some((Instant::now(), error.clone()));
                    return Err(error.into());
                }
                Err(failure) => {
                    tracing::warn!(host = address.host, ?failure, "the directory server cannot be reached");
                    first.get_or_insert(failure);
                }
            }
        }
        Err(match first {
            Some(Failure::Final(error)) => error.into(),
            Some(Failure::Answer(answer)) => {
                retry("EndpointUnavailable", format!("the directory refuses to serve: {}", answer.text))
                    .into()
            }
            _ => retry("EndpointUnavailable", "no directory server answers").into(),
        })
    }

    /// All servers, for the check.
    pub(crate) fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// A new connection to one of them.
    pub(crate) async fn open(&self, address: &Address) -> Result<Connection, Failure> {
        Connection::open(address, &self.config, self.tls.clone(), self.hub.as_ref()).await
    }

    /// One search; asked again once when the connection broke, for a search changes nothing.
    pub(crate) async fn search(&self, query: Query<'_>) -> Result<Vec<Entry>, Failure> {
        let _permit = self.permit().await?;
        let connection = self.connection().await?;
        match connection.search(query.clone()).await {
            Err(Failure::Lost(_)) => self.connection().await?.search(query).await,
            other => other,
        }
    }

    /// Everything a filter matches, page by page on one connection (the cookie belongs to it).
    pub(crate) async fn search_paged(
        &self,
        base: &str,
        filter: &str,
        attributes: &[String],
        more: Vec<RawControl>,
        each: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let mut cookie = Vec::new();
        loop {
            let size = self.page_size.load(Ordering::Relaxed);
            let page = PagedResults { size: i32::try_from(size).unwrap_or(i32::MAX), cookie: cookie.clone() };
            let mut controls = more.clone();
            controls.push(page.into());
            let query = Query { base, scope: Scope::Subtree, filter, attributes, limit: 0, controls };
            let permit = self.permit().await?;
            let controls = match connection.search_each(query, each).await {
                Err(failure) if failure.is_page_too_large() && cookie.is_empty() && size > 1 => {
                    tracing::info!(size, "the server gives smaller pages");
                    self.page_size.store(size / 2, Ordering::Relaxed);
                    continue;
                }
                other => other?,
            };
            drop(permit);
            cookie = page_cookie(&controls)?;
            if cookie.is_empty() {
                return Ok(());
            }
        }
    }

    /// Adds an object.
    pub(crate) async fn add(
        &self,
        dn: &str,
        attributes: Vec<(Vec<u8>, HashSet<Vec<u8>>)>,
        controls: Vec<RawControl>,
    ) -> Result<Vec<Control>, Failure> {
        let _permit = self.permit().await?;
        self.connection().await?.add(dn, attributes, controls).await
    }

    /// Changes an object.
    pub(crate) async fn modify(
        &self,
        dn: &str,
        changes: Vec<Modification>,
        controls: Vec<RawControl>,
    ) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        self.connection().await?.modify(dn, changes, controls).await
    }

    /// Renames or moves an object.
    pub(crate) async fn modify_dn(&self, dn: &str, rdn: &str, parent: Option<&str>) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        self.connection().await?.modify_dn(dn, rdn, parent).await
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, dn: &str) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        self.connection().await?.delete(dn).await
    }

    /// An extended operation.
    pub(crate) async fn extended(&self, operation: Exop) -> Result<(), Failure> {
        let _permit = self.permit().await?;
        self.connection().await?.extended(operation).await
    }

    async fn permit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        self.requests
            .acquire()
            .await
            .map_err(|_| refused("InternalError", "the target is closed", None).into())
    }
}

/// The cookie of the next page; empty after the last one.
fn page_cookie(controls: &[Control]) -> Result<Vec<u8>, Failure> {
    for Control(kind, raw) in controls {
        if matches!(kind, Some(ControlType::PagedResults)) {
            let parse = || raw.parse::<PagedResults>().cookie;
            return std::panic::catch_unwind(parse)
                .map_err(|_| Failure::Lost("a paged result without a readable cookie".into()));
        }
    }
    Ok(Vec::new())
}
