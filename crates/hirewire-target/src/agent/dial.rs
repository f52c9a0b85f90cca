//! The directory's end: dials out, connects to the servers it was started for, dials again after a cut.
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::frame::{Frame, GREETING, WELCOME};
use super::tunnel::Tunnel;
use crate::ldap::config::Tls;
use crate::password::{Password, SecretSource};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Pauses between attempts grow from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// How an agent is started.
#[derive(Debug, Clone)]
pub struct AgentOptions {
    /// The service's endpoint, `host:port`; the name must be the certificate's.
    pub connect: String,
    /// Servers that may be connected to, `host:port`.
    pub allow: Vec<String>,
    /// The registration token.
    pub token: SecretSource,
    /// PEM file with the authority of the service's certificate; the system's when absent.
    pub ca_file: Option<PathBuf>,
}

/// Why an agent cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AgentError(String);

/// An agent.
pub struct Agent {
    options: AgentOptions,
    host: ServerName<'static>,
    token: Password,
    tls: TlsConnector,
}

impl Agent {
    /// Checks the options; connects in [`Agent::run`].
    ///
    /// # Errors
    /// Which option is wrong.
    pub fn new(options: AgentOptions) -> Result<Self, AgentError> {
        let wrong = |text: &str| AgentError(format!("`{text}` is no address: write host:port"));
        let place = |text: &str| {
            let (host, port) = text.rsplit_once(':')?;
            port.parse::<u16>().ok().filter(|_| !host.is_empty()).map(|_| host.to_owned())
        };
        let host = place(&options.connect).ok_or_else(|| wrong(&options.connect))?;
        if options.allow.is_empty() {
            return Err(AgentError("name at least one server that may be connected to".into()));
        }
        if let Some(text) = options.allow.iter().find(|text| place(text).is_none()) {
            return Err(wrong(text));
        }
        let tls = Tls { ca_file: options.ca_file.clone(), ..Tls::default() };
        let tls = crate::ldap::tls_client(&tls).map_err(|error| AgentError(error.to_string()))?;
        Ok(Self {
            host: ServerName::try_from(host).map_err(|_| wrong(&options.connect))?,
            token: options.token.resolve().map_err(AgentError)?,
            tls: TlsConnector::from(tls),
            options,
        })
    }

    /// Works until the process ends. `connected` is told of every connection and of every reason why there is none.
    pub async fn run(&self, mut connected: impl FnMut(Result<(), &io::Error>)) {
        let mut pause = PAUSE.0;
        loop {
            let error = match tokio::time::timeout(CONNECT, self.dial()).await {
                Ok(Ok(connection)) => {
                    connected(Ok(()));
                    pause = PAUSE.0;
                    self.serve(connection).await
                }
                Ok(Err(error)) => error,
                Err(_) => io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
            };
            connected(Err(&error));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn dial(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let socket = TcpStream::connect(&self.options.connect).await?;
        socket.set_nodelay(true)?;
        let mut connection = self.tls.connect(self.host.clone(), socket).await?;
        let token = self.token.expose().as_bytes();
        connection.write_all(GREETING).await?;
        connection.write_u16(u16::try_from(token.len()).unwrap_or(0)).await?;
        connection.write_all(token).await?;
        connection.flush().await?;
        let mut answer = [0; WELCOME.len()];
        let refused =
            |_| io::Error::new(io::ErrorKind::PermissionDenied, "the service does not accept the token");
        connection.read_exact(&mut answer).await.map_err(refused)?;
        Ok(connection)
    }

    async fn serve(&self, connection: tokio_rustls::client::TlsStream<TcpStream>) -> io::Error {
        let (tunnel, run, mut wishes) = Tunnel::start(connection);
        let allowed: Arc<[String]> =
            self.options.allow.iter().map(|place| place.to_ascii_lowercase()).collect();
        let open = async {
            while let Some((stream, place)) = wishes.recv().await {
                let (tunnel, allowed) = (tunnel.clone(), allowed.clone());
                let frames = tunnel.listen(stream);
                tokio::spawn(async move {
                    match connect(&place, &allowed).await {
                        Ok(socket) => {
                            if tunnel.send(Frame::Opened(stream)).await.is_ok() {
                                tunnel.carry(stream, socket, frames).await;
                            }
                        }
                        Err(error) => {
                            let _ = tunnel.send(Frame::Close(stream, format!("{place}: {error}"))).await;
                        }
                    }
                });
            }
            std::future::pending::<io::Error>().await
        };
        tokio::select! { error = run => error, error = open => error }
    }
}

async fn connect(place: &str, allowed: &[String]) -> io::Result<TcpStream> {
    if !allowed.contains(&place.to_ascii_lowercase()) {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "this agent was not started for that server",
        ));
    }
    let socket = tokio::time::timeout(CONNECT, TcpStream::connect(place))
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))??;
    socket.set_nodelay(true)?;
    Ok(socket)
}
