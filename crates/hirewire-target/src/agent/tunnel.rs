//! Many streams over one connection; the same on both ends.
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::frame::{Frame, MOST};

/// Frames that may wait for one stream, and for the connection.
const WAITING: usize = 64;
/// A sign of life is sent so often; a connection that is silent three times as long is dead.
const PULSE: Duration = Duration::from_secs(10);

/// One end of a tunnel.
#[derive(Clone)]
pub(super) struct Tunnel {
    out: mpsc::Sender<Frame>,
    streams: Arc<Mutex<HashMap<u32, mpsc::Sender<Frame>>>>,
}

impl Tunnel {
    /// Runs the frames of a connection until it breaks; `opened` is told of streams that the other end asks for.
    pub(super) fn start<S>(
        connection: S,
    ) -> (Self, impl Future<Output = io::Error>, mpsc::Receiver<(u32, String)>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (out, mut outgoing) = mpsc::channel::<Frame>(WAITING);
        let (asked, wishes) = mpsc::channel(WAITING);
        let tunnel = Self { out, streams: Arc::default() };
        let streams = tunnel.streams.clone();
        let (mut reader, mut writer) = tokio::io::split(connection);
        let write = async move {
            loop {
                let frame = match tokio::time::timeout(PULSE, outgoing.recv()).await {
                    Ok(Some(frame)) => frame,
                    Ok(None) => return io::Error::other("this end is closed"),
                    Err(_) => Frame::Ping,
                };
                let sent = async {
                    frame.write(&mut writer).await?;
                    writer.flush().await
                };
                if let Err(error) = sent.await {
                    return error;
                }
            }
        };
        let read = async move {
            loop {
                let frame = match tokio::time::timeout(PULSE * 3, Frame::read(&mut reader)).await {
                    Ok(Ok(frame)) => frame,
                    Ok(Err(error)) => return error,
                    Err(_) => return io::Error::new(io::ErrorKind::TimedOut, "the other end is silent"),
                };
                let stream = match &frame {
                    Frame::Ping => continue,
                    Frame::Open(stream, place) => {
                        if asked.send((*stream, place.clone())).await.is_err() {
                            return io::Error::other("this end is closed");
                        }
                        continue;
                    }
                    Frame::Opened(stream) | Frame::Data(stream, _) | Frame::Close(stream, _) => *stream,
                };
                let receiver = lock(&streams).get(&stream).cloned();
                if let Some(receiver) = receiver {
                    let _ = receiver.send(frame).await;
                }
            }
        };
        let streams = tunnel.streams.clone();
        let run = async move {
            let error = tokio::select! { error = write => error, error = read => error };
            lock(&streams).clear();
            error
        };
        (tunnel, run, wishes)
    }

    /// Whether both are ends of the same connection.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.out.same_channel(&other.out)
    }

    /// Sends a frame; an error when the connection is gone.
    pub(super) async fn send(&self, frame: Frame) -> io::Result<()> {
        self.out.send(frame).await.map_err(|_| io::Error::other("the agent's connection is gone"))
    }

    /// Registers a stream, to receive its frames.
    pub(super) fn listen(&self, stream: u32) -> mpsc::Receiver<Frame> {
        let (sender, receiver) = mpsc::channel(WAITING);
        lock(&self.streams).insert(stream, sender);
        receiver
    }

    /// Carries bytes between a socket and a stream until one of them ends.
    pub(super) async fn carry(self, stream: u32, socket: TcpStream, mut frames: mpsc::Receiver<Frame>) {
        let (mut from, mut to) = socket.into_split();
        let outward = async {
            let mut buffer = vec![0; MOST];
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                if self.send(Frame::Data(stream, buffer[..count].to_vec())).await.is_err() {
                    return;
                }
            }
        };
        let inward = async {
            while let Some(Frame::Data(_, bytes)) = frames.recv().await {
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! { () = outward => (), () = inward => () }
        self.forget(stream).await;
    }

    /// Ends a stream on both sides.
    pub(super) async fn forget(&self, stream: u32) {
        lock(&self.streams).remove(&stream);
        let _ = self.send(Frame::Close(stream, String::new())).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
