//! The accept loop.
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::settings::Bounds;

/// Bytes of a request head at most.
const LARGEST_HEAD: usize = 64 * 1024;
/// How long running requests may take when the server is asked to end.
const FAREWELL: Duration = Duration::from_secs(20);

/// What a request's handler may know about its connection; an extension of each request.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// The peer.
    pub remote: SocketAddr,
    /// The connection is encrypted.
    pub tls: bool,
}

/// The server cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Tokens and people's data never cross a network in clear.
    #[error(
        "{0} is not a loopback address: configure a certificate, or listen on 127.0.0.1 behind a proxy that ends TLS"
    )]
    PlainBeyondLoopback(SocketAddr),
    /// The socket is unusable.
    #[error("the listening socket cannot be used: {0}")]
    Socket(#[from] io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Listening {
    /// Where it listens.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Stops accepting, lets running requests finish for a while, and returns when all connections are closed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the accept loop ended unexpectedly");
        }
    }

    /// Waits until the accept loop ends by itself, which it does only when it fails.
    pub async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }
}

/// Serves `router` on `listener`. Without `tls` the listener must be bound to a loopback address.
pub fn serve(
    router: Router,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    bounds: &Bounds,
) -> Result<Listening, ServeError> {
    let address = listener.local_addr()?;
    if tls.is_none() && !address.ip().is_loopback() {
        return Err(ServeError::PlainBeyondLoopback(address));
    }
    let (stop, stopped) = watch::channel(false);
    let server = Server { router, tls: tls.map(TlsAcceptor::from), head_time: bounds.head_time };
    let task = tokio::spawn(accept(
        Arc::new(server),
        listener,
        Arc::new(Semaphore::new(bounds.connections)),
        stopped,
    ));
    Ok(Listening { address, stop, task })
}

struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    head_time: Duration,
}

async fn accept(
    server: Arc<Server>,
    listener: TcpListener,
    places: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let mut asked = pin!(stopped.wait_for(|stop| *stop));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut asked => break,
        };
        let (stream, remote) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, usually: waiting lets connections end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (server, watcher) = (server.clone(), graceful.watcher());
        tokio::spawn(async move {
            server.connection(stream, remote, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

impl Server {
    async fn connection(&self, stream: TcpStream, remote: SocketAddr, watcher: Watcher) {
        // Small answers must not wait for more to send.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.tls else {
            // Protocol detection has no time limit of its own.
            if tokio::time::timeout(self.head_time, stream.peek(&mut [0]))
                .await
                .is_ok_and(|read| read.is_ok())
            {
                self.requests(
                    stream,
                    Connection { remote, tls: false },
                    Builder::new(TokioExecutor::new()),
                    watcher,
                )
                .await;
            }
            return;
        };
        let stream = match tokio::time::timeout(self.head_time, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%remote, %error, "the TLS handshake failed"),
            Err(_) => return tracing::debug!(%remote, "the TLS handshake took too long"),
        };
        let builder = Builder::new(TokioExecutor::new());
        let builder = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => builder.http2_only(),
            _ => builder.http1_only(),
        };
        self.requests(stream, Connection { remote, tls: true }, builder, watcher).await;
    }

    async fn requests<S>(
        &self,
        stream: S,
        connection: Connection,
        mut builder: Builder<TokioExecutor>,
        watcher: Watcher,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_time)
            .max_buf_size(LARGEST_HEAD);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(128)
            .max_header_list_size(LARGEST_HEAD as u32)
            .keep_alive_interval(Duration::from_secs(30));
        let service =
            self.router.clone().map_request(move |mut request: http::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(connection);
                request.map(axum::body::Body::new)
            });
        let serving =
            builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).into_owned();
        if let Err(error) = watcher.watch(serving).await {
            tracing::debug!(remote = %connection.remote, %error, "a connection ended early");
        }
    }
}
