//! What travels on the connection between agent and hub.
//!
//! First the agent's greeting: `HIREWIRE-AGENT 1\n`, two bytes of length, the token. The hub answers `OK` or closes. Then
//! frames in both directions: stream number (4 bytes), kind (1), length (2), all big-endian, and the payload.
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Begins the greeting; the number changes with the protocol.
pub(super) const GREETING: &[u8] = b"HIREWIRE-AGENT 1\n";
/// The hub's answer to a right token.
pub(super) const WELCOME: &[u8] = b"OK";
/// Longest payload.
pub(super) const MOST: usize = 16 * 1024;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Frame {
    /// Hub → agent: connect stream to `host:port`.
    Open(u32, String),
    /// Agent → hub: connected.
    Opened(u32),
    /// Bytes of a stream.
    Data(u32, Vec<u8>),
    /// The stream is over; with the reason when it was never connected.
    Close(u32, String),
    /// Still there.
    Ping,
}

impl Frame {
    fn parts(&self) -> (u32, u8, &[u8]) {
        match self {
            Self::Open(stream, place) => (*stream, 1, place.as_bytes()),
            Self::Opened(stream) => (*stream, 2, &[]),
            Self::Data(stream, bytes) => (*stream, 3, bytes),
            Self::Close(stream, reason) => (*stream, 4, reason.as_bytes()),
            Self::Ping => (0, 5, &[]),
        }
    }

    /// Sends the frame.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let (stream, kind, payload) = self.parts();
        let payload = &payload[..payload.len().min(MOST)];
        let length = u16::try_from(payload.len()).unwrap_or(0);
        let mut bytes = Vec::with_capacity(7 + payload.len());
        bytes.extend(stream.to_be_bytes());
        bytes.push(kind);
        bytes.extend(length.to_be_bytes());
        bytes.extend(payload);
        to.write_all(&bytes).await
    }

    /// Receives a frame.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let stream = from.read_u32().await?;
        let kind = from.read_u8().await?;
        let length = usize::from(from.read_u16().await?);
        let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
        if length > MOST {
            return wrong("a frame longer than the protocol allows");
        }
        let mut payload = vec![0; length];
        from.read_exact(&mut payload).await?;
        let text = |payload: Vec<u8>| String::from_utf8_lossy(&payload).into_owned();
        Ok(match kind {
            1 => Self::Open(stream, text(payload)),
            2 => Self::Opened(stream),
            3 => Self::Data(stream, payload),
            4 => Self::Close(stream, text(payload)),
            5 => Self::Ping,
            _ => return wrong("a frame of a kind that is not known here"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Frame;

    #[tokio::test]
    async fn frames_come_back() {
        for frame in [
            Frame::Open(7, "dc1.corp.example:636".into()),
            Frame::Opened(7),
            Frame::Data(u32::MAX, vec![0, 255]),
            Frame::Close(1, String::new()),
            Frame::Ping,
        ] {
            let mut bytes = Vec::new();
            frame.write(&mut bytes).await.unwrap();
            assert_eq!(Frame::read(&mut &bytes[..]).await.unwrap(), frame);
            assert!(Frame::read(&mut &bytes[..bytes.len() - 1]).await.is_err());
        }
        assert!(Frame::read(&mut &[0, 0, 0, 0, 9, 0, 0][..]).await.is_err());
        assert!(Frame::read(&mut &[0, 0, 0, 0, 3, 255, 255][..]).await.is_err());
    }
}
