//! The service's end: waits for the agent and opens streams through it.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OnceCell, watch};
use tokio_rustls::TlsAcceptor;

use super::frame::{Frame, GREETING, WELCOME};
use super::tunnel::Tunnel;
use crate::ldap::config::{AgentEndpoint, ConfigError};
use crate::password::Password;

/// An agent has so long to say who it is.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// Shortest token: nobody guesses it.
const TOKEN_LENGTH: usize = 16;
/// Connections that may be greeting at the same time.
const GREETERS: usize = 8;

/// Where agents dial in.
pub(crate) struct Hub {
    endpoint: AgentEndpoint,
    tls: TlsAcceptor,
    token: Arc<Password>,
    next: AtomicU32,
    agent: OnceCell<watch::Receiver<Option<Tunnel>>>,
}

impl Hub {
    /// Reads certificate, key and token; listens at the first use.
    pub(crate) fn new(endpoint: &AgentEndpoint) -> Result<Self, ConfigError> {
        let wrong = |setting, reason: String| ConfigError { setting, reason };
        let bad_chain = |e: &dyn std::fmt::Display| {
            wrong("agent.certificate_file", format!("{}: {e}", endpoint.certificate_file.display()))
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&endpoint.certificate_file)
            .and_then(Iterator::collect)
            .map_err(|e| bad_chain(&e))?;
        let key = PrivateKeyDer::from_pem_file(&endpoint.key_file)
            .map_err(|e| wrong("agent.key_file", format!("{}: {e}", endpoint.key_file.display())))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|e| bad_chain(&e))?;
        let token = endpoint.token.resolve().map_err(|reason| wrong("agent.token", reason))?;
        if token.expose().len() < TOKEN_LENGTH {
            return Err(wrong(
                "agent.token",
                format!("at least {TOKEN_LENGTH} characters: `openssl rand -hex 32`"),
            ));
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            tls: TlsAcceptor::from(Arc::new(config)),
            token: Arc::new(token),
            next: AtomicU32::new(1),
            agent: OnceCell::new(),
        })
    }

    /// A connection to `host:port` as the agent sees it.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut agent = self.agent.get_or_try_init(|| self.listen()).await?.clone();
        let tunnel = loop {
            if let Some(tunnel) = &*agent.borrow_and_update() {
                break tunnel.clone();
            }
            agent.changed().await.map_err(|_| io::Error::other("the agent's listener has ended"))?;
        };
        let stream = self.next.fetch_add(1, Ordering::Relaxed);
        let mut frames = tunnel.listen(stream);
        tunnel.send(Frame::Open(stream, format!("{host}:{port}"))).await?;
        match frames.recv().await {
            Some(Frame::Opened(_)) => {}
            Some(Frame::Close(_, reason)) => {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionRefused,
                    format!("the agent says: {reason}"),
                ));
            }
            _ => return Err(io::Error::other("the agent's connection broke")),
        }
        let (ours, theirs) = pair().await?;
        tokio::spawn(tunnel.carry(stream, theirs, frames));
        Ok(ours)
    }

    async fn listen(&self) -> io::Result<watch::Receiver<Option<Tunnel>>> {
        let listener = TcpListener::bind(&self.endpoint.listen).await.map_err(|e| {
            io::Error::new(e.kind(), format!("the agent's endpoint {}: {e}", self.endpoint.listen))
        })?;
        let (sender, receiver) = watch::channel(None);
        let (tls, token) = (self.tls.clone(), self.token.clone());
        tokio::spawn(async move {
            let sender = Arc::new(sender);
            let greeters = Arc::new(tokio::sync::Semaphore::new(GREETERS));
            while let Ok((socket, from)) = listener.accept().await {
                let Ok(permit) = greeters.clone().try_acquire_owned() else { continue };
                let (tls, token, sender) = (tls.clone(), token.clone(), sender.clone());
                tokio::spawn(async move {
                    let greeted = tokio::time::timeout(GREETING_TIME, greet(socket, &tls, &token)).await;
                    drop(permit);
                    let connection = match greeted {
                        Ok(Ok(connection)) => connection,
                        Ok(Err(error)) => return tracing::warn!(%from, %error, "no agent"),
                        Err(_) => return tracing::warn!(%from, "no agent: it does not say who it is"),
                    };
                    tracing::info!(%from, "an agent is connected");
                    let (tunnel, run, _wishes) = Tunnel::start(connection);
                    sender.send_replace(Some(tunnel.clone()));
                    let error = run.await;
                    tracing::warn!(%from, %error, "the agent's connection ended");
                    sender.send_if_modified(|present| {
                        let ours = present.as_ref().is_some_and(|present| present.same(&tunnel));
                        if ours {
                            *present = None;
                        }
                        ours
                    });
                });
            }
        });
        Ok(receiver)
    }
}

async fn greet(
    socket: TcpStream,
    tls: &TlsAcceptor,
    token: &Password,
) -> io::Result<tokio_rustls::server::TlsStream<TcpStream>> {
    socket.set_nodelay(true)?;
    let mut connection = tls.accept(socket).await?;
    let mut greeting = vec![0; GREETING.len()];
    connection.read_exact(&mut greeting).await?;
    let length = usize::from(connection.read_u16().await?);
    let mut given = vec![0; length.min(1024)];
    connection.read_exact(&mut given).await?;
    let right = greeting == GREETING
        && aws_lc_rs::constant_time::verify_slices_are_equal(&given, token.expose().as_bytes()).is_ok();
    if !right {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the token is wrong"));
    }
    connection.write_all(WELCOME).await?;
    connection.flush().await?;
    Ok(connection)
}

/// Two connected sockets: the LDAP client takes sockets only.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    let address = ours.local_addr()?;
    loop {
        let (theirs, from) = listener.accept().await?;
        if from == address {
            ours.set_nodelay(true)?;
            theirs.set_nodelay(true)?;
            return Ok((ours, theirs));
        }
    }
}
