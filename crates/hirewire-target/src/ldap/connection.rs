//! One connection: TLS, bind, and every request with a time limit.
//!
//! The client library runs a connection as a task; here the task is watched, so that a connection that ended is never
//! used again. The library panics on answers that are no LDAP; such a panic ends one connection, not the process.
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use ldap3::controls::{Control, RawControl};
use ldap3::exop::Exop;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, Scope, SearchOptions, StdStream,
};
use rustls::ClientConfig;

use super::address::Address;
use super::config::{Bind, LdapConfig};
use super::entry::Entry;
use super::error::{Answer, Failure, bind_reason, code, locked, refused, retry};
use crate::agent::Hub;

/// A search request.
#[derive(Debug, Clone)]
pub(crate) struct Query<'a> {
    pub(crate) base: &'a str,
    pub(crate) scope: Scope,
    pub(crate) filter: &'a str,
    pub(crate) attributes: &'a [String],
    /// Entries at most; 0 for no limit of ours.
    pub(crate) limit: i32,
    pub(crate) controls: Vec<RawControl>,
}

/// A signed-in connection. Dropping it closes it.
pub(crate) struct Connection {
    ldap: Ldap,
    ended: Arc<AtomicBool>,
    timeout: Duration,
}

/// One modification of an object.
pub(crate) type Modification = Mod<Vec<u8>>;

impl Connection {
    /// Connects, secures and signs in.
    pub(crate) async fn open(
        address: &Address,
        config: &LdapConfig,
        tls: Arc<ClientConfig>,
        hub: Option<&Hub>,
    ) -> Result<Self, Failure> {
        let limit = config.connect_timeout();
        let through = if hub.is_some() { " through the agent (is it running?)" } else { "" };
        let unreachable = || {
            retry(
                "EndpointUnavailable",
                format!(
                    "{}:{} did not answer{through} within {} s",
                    address.host,
                    address.port,
                    limit.as_secs()
                ),
            )
        };
        let connection = tokio::time::timeout(limit, Self::connect(address, config, tls, hub)).await;
        let connection = connection.map_err(|_| unreachable())??;
        tokio::time::timeout(limit, connection.bind(&config.bind)).await.map_err(|_| unreachable())??;
        Ok(connection)
    }

    async fn connect(
        address: &Address,
        config: &LdapConfig,
        tls: Arc<ClientConfig>,
        hub: Option<&Hub>,
    ) -> Result<Self, Failure> {
        match Self::transport(address, config, tls.clone(), hub, !address.ldaps).await {
            Err(LdapError::LdapResult { .. }) if !address.ldaps => {
                if !address.is_loopback() && !config.tls.allow_clear_text_and_expose_passwords {
                    let reason = format!(
                        "{} does not offer StartTLS, and passwords are not sent in clear: use an ldaps:// address",
                        address.host
                    );
                    return Err(locked(reason).into());
                }
                tracing::warn!(host = address.host, "talking to the directory in clear text");
                Self::transport(address, config, tls, hub, false)
                    .await
                    .map_err(|e| connect_failure(address, &e))
            }
            other => other.map_err(|e| connect_failure(address, &e)),
        }
    }

    async fn transport(
        address: &Address,
        config: &LdapConfig,
        tls: Arc<ClientConfig>,
        hub: Option<&Hub>,
        starttls: bool,
    ) -> Result<Self, LdapError> {
        let stream = match hub {
            Some(hub) => hub.connect(&address.host, address.port).await?,
            None => tokio::net::TcpStream::connect((address.host.as_str(), address.port)).await?,
        };
        stream.set_nodelay(true)?; // pipelined requests would wait for acknowledgements
        let settings = LdapConnSettings::new()
            .set_config(tls)
            .set_starttls(starttls)
            .set_std_stream(StdStream::Tcp(stream.into_std()?));
        let (driver, ldap) = LdapConnAsync::with_settings(settings, &address.url()).await?;
        let ended = Arc::new(AtomicBool::new(false));
        let (flag, host) = (ended.clone(), address.host.clone());
        tokio::spawn(async move {
            match AssertUnwindSafe(driver.drive()).catch_unwind().await {
                Ok(Ok(())) => tracing::debug!(host, "the connection to the directory was closed"),
                Ok(Err(error)) => tracing::warn!(host, %error, "the connection to the directory broke"),
                Err(_) => tracing::error!(host, "the directory sent something that is no LDAP"),
            }
            flag.store(true, Ordering::Release);
        });
        Ok(Self { ldap, ended, timeout: config.answer_timeout() })
    }

    async fn bind(&self, bind: &Bind) -> Result<(), Failure> {
        let mut ldap = self.ldap.clone();
        let result = match bind {
            Bind::External => self.guard(ldap.sasl_external_bind()).await?,
            Bind::Simple { name, password } => {
                let password = password.resolve().map_err(locked)?;
                if name.is_empty() || password.expose().is_empty() {
                    // RFC 4513 §5.1.2: servers answer "success" and treat us as nobody.
                    return Err(locked("the bind name or its password is empty").into());
                }
                self.guard(ldap.simple_bind(name, password.expose())).await?
            }
        };
        match answer(result) {
            Ok(_) => Ok(()),
            Err(Failure::Answer(answer)) if matches!(answer.code, code::BUSY | code::UNAVAILABLE) => {
                Err(Failure::Answer(answer))
            }
            Err(Failure::Answer(answer)) => Err(locked(bind_reason(&answer)).into()),
            Err(other) => Err(other),
        }
    }

    /// False once the server closed it, it broke, or an answer did not come in time.
    pub(crate) fn is_usable(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// The server's certificate (DER); `None` on a connection in clear.
    pub(crate) async fn certificate(&self) -> Option<Vec<u8>> {
        let mut ldap = self.ldap.clone();
        self.guard(ldap.get_peer_certificate()).await.ok().flatten()
    }

    /// One search request. A size limit of our own asking is no failure.
    pub(crate) async fn search(&self, query: Query<'_>) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        self.search_each(query, &mut |entry| entries.push(entry)).await?;
        Ok(entries)
    }

    /// The same, handing entries over while the server still sends.
    pub(crate) async fn search_each(
        &self,
        query: Query<'_>,
        each: &mut (dyn FnMut(Entry) + Send),
    ) -> Result<Vec<Control>, Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout).with_search_options(SearchOptions::new().sizelimit(query.limit));
        if !query.controls.is_empty() {
            ldap.with_controls(query.controls);
        }
        let work = async {
            let mut stream =
                ldap.streaming_search(query.base, query.scope, query.filter, query.attributes).await?;
            while let Some(result) = stream.next().await? {
                if !result.is_ref() && !result.is_intermediate() {
                    Entry::read(result).into_iter().for_each(&mut *each);
                }
            }
            Ok(stream.finish().await)
        };
        let mut result = self.guard(work).await?;
        if query.limit > 0 && result.rc == code::SIZE_LIMIT {
            return Ok(std::mem::take(&mut result.ctrls));
        }
        answer(result)
    }

    /// Adds an object.
    pub(crate) async fn add(
        &self,
        dn: &str,
        attributes: Vec<(Vec<u8>, HashSet<Vec<u8>>)>,
        controls: Vec<RawControl>,
    ) -> Result<Vec<Control>, Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        answer(self.guard(ldap.add(dn, attributes)).await?)
    }

    /// Changes an object, all or nothing.
    pub(crate) async fn modify(
        &self,
        dn: &str,
        changes: Vec<Modification>,
        controls: Vec<RawControl>,
    ) -> Result<(), Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        if !controls.is_empty() {
            ldap.with_controls(controls);
        }
        answer(self.guard(ldap.modify(dn, changes)).await?).map(|_| ())
    }

    /// Renames or moves an object.
    pub(crate) async fn modify_dn(&self, dn: &str, rdn: &str, parent: Option<&str>) -> Result<(), Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        answer(self.guard(ldap.modifydn(dn, rdn, true, parent)).await?).map(|_| ())
    }

    /// Removes an object.
    pub(crate) async fn delete(&self, dn: &str) -> Result<(), Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        answer(self.guard(ldap.delete(dn)).await?).map(|_| ())
    }

    /// An extended operation.
    pub(crate) async fn extended(&self, operation: Exop) -> Result<(), Failure> {
        let mut ldap = self.ldap.clone();
        ldap.with_timeout(self.timeout);
        answer(self.guard(ldap.extended(operation)).await?.1).map(|_| ())
    }

    /// Runs a request, turns what the library says into a [`Failure`] and gives the connection up when it must not be
    /// used again.
    async fn guard<T>(&self, work: impl Future<Output = Result<T, LdapError>>) -> Result<T, Failure> {
        let failure = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(LdapError::Timeout { .. })) => Failure::Timeout,
            Ok(Err(LdapError::LdapResult { result })) => return Err(failure_of(result)),
            Ok(Err(LdapError::FilterParsing)) => {
                return Err(refused("InternalError", "the search filter cannot be read", None).into());
            }
            Ok(Err(LdapError::AddNoValues)) => {
                return Err(
                    refused("InternalError", "an attribute without values was to be added", None).into()
                );
            }
            Ok(Err(error)) => Failure::Lost(error.to_string()),
            Err(_) => Failure::Lost("the directory sent something that is no LDAP".into()),
        };
        self.ended.store(true, Ordering::Release);
        Err(failure)
    }
}

fn failure_of(result: LdapResult) -> Failure {
    Failure::Answer(Answer { code: result.rc, text: result.text, matched: result.matched })
}

fn answer(result: LdapResult) -> Result<Vec<Control>, Failure> {
    if result.rc == 0 { Ok(result.ctrls) } else { Err(failure_of(result)) }
}

/// Certificate problems need a person; everything else may pass.
fn connect_failure(address: &Address, error: &LdapError) -> Failure {
    let place = format!("{}:{}", address.host, address.port);
    let tls = match error {
        LdapError::Io { source } => source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()),
        LdapError::Rustls { source } => Some(source),
        _ => None,
    };
    match (tls, error) {
        (Some(rustls::Error::InvalidCertificate(why)), _) => {
            locked(format!("the certificate of {place} is not accepted: {why}; set tls.ca_file to the authority that signed it, and use the name it was made for")).into()
        }
        (Some(other), _) => locked(format!("TLS with {place}: {other}")).into(),
        (None, LdapError::DNSName { .. }) => locked(format!("{place} is no name a certificate can have")).into(),
        (None, LdapError::LdapResult { result }) => retry("EndpointUnavailable", format!("{place} refused the connection: {}", result.text)).into(),
        (None, error) => retry("EndpointUnavailable", format!("{place}: {error}")).into(),
    }
}
