//! Reads a request body within bounds of size and time, unpacking gzip where the rules allow it.
use std::io::Read as _;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, EXPECT};
use http::{HeaderMap, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::ApiError;
use crate::settings::Bounds;

/// A body that has been read already (a part of `$batch`) or is still on the wire.
#[derive(Debug)]
pub enum Incoming {
    /// Complete.
    Ready(Bytes),
    /// To be read; dropping it without reading ends the connection's reuse.
    Wire(Body),
}

impl Incoming {
    /// Reads all of it. 413 when it is larger than the bounds allow, 408 when it takes too long, 415 for an unknown encoding.
    pub async fn read(self, headers: &HeaderMap, bounds: &Bounds, gzip: bool) -> Result<Bytes, ApiError> {
        let packed = match self {
            Self::Ready(bytes) => return Ok(bytes),
            Self::Wire(body) => off_the_wire(body, headers, bounds).await?,
        };
        match encoding(headers) {
            Encoding::Identity => Ok(packed),
            Encoding::Gzip if gzip => {
                let room = room_for(bounds.unpacked_body)?;
                let limit = bounds.unpacked_body;
                // Unpacking takes a core for a while: not on a thread that serves others.
                let unpacked = tokio::task::spawn_blocking(move || unpack(&packed, limit));
                Ok(holding(unpacked.await.map_err(ApiError::unavailable)??, room))
            }
            _ => Err(ApiError::unsupported_encoding()),
        }
    }

    /// Takes the bytes off the wire as they are, packed or not, and gives them with a body that holds them again.
    pub async fn captured(self, headers: &HeaderMap, bounds: &Bounds) -> Result<(Bytes, Self), ApiError> {
        let bytes = match self {
            Self::Ready(bytes) => bytes,
            Self::Wire(body) => off_the_wire(body, headers, bounds).await?,
        };
        Ok((bytes.clone(), Self::Wire(Body::from(bytes))))
    }

    /// Reads what is left of a body nobody wanted.
    pub async fn discard(self, headers: &HeaderMap, bounds: &Bounds) {
        if let Self::Wire(body) = self {
            drain(&mut body.into_data_stream(), headers, bounds).await;
        }
    }
}

/// Reads a body within size and time.
async fn off_the_wire(body: Body, headers: &HeaderMap, bounds: &Bounds) -> Result<Bytes, ApiError> {
    let mut chunks = body.into_data_stream();
    let reading = collect(&mut chunks, headers, bounds.body);
    let read = tokio::time::timeout(bounds.body_time, reading).await.unwrap_or_else(|_| Err(too_slow()));
    if read.as_ref().is_err_and(|error| error.status == StatusCode::PAYLOAD_TOO_LARGE) {
        drain(&mut chunks, headers, bounds).await;
    }
    read
}

/// Reads on and forgets, so that a client that is still sending sees the answer instead of a reset; gives up soon. A client
/// that waits for `100 Continue` sends nothing after a final status and is not asked to.
async fn drain(chunks: &mut BodyDataStream, headers: &HeaderMap, bounds: &Bounds) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let mut left = bounds.body.saturating_mul(4);
    let draining = async {
        while let Some(Ok(chunk)) = chunks.next().await {
            left = left.saturating_sub(chunk.len());
            if left == 0 {
                return;
            }
        }
    };
    // What did not arrive in time is the client's loss.
    let _ = tokio::time::timeout(Duration::from_secs(2).min(bounds.body_time), draining).await;
}

enum Encoding {
    Identity,
    Gzip,
    Other,
}

fn encoding(headers: &HeaderMap) -> Encoding {
    match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase()) {
        None => Encoding::Identity,
        Some(name) if name.is_empty() || name == b"identity" => Encoding::Identity,
        Some(name) if name == b"gzip" || name == b"x-gzip" => Encoding::Gzip,
        Some(_) => Encoding::Other,
    }
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn collect(chunks: &mut BodyDataStream, headers: &HeaderMap, limit: usize) -> Result<Bytes, ApiError> {
    if declared_length(headers).is_some_and(|length| length > limit as u64) {
        return Err(ApiError::too_large(limit));
    }
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let first = first.map_err(broken)?;
    let expected = declared_length(headers).and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    let mut room = room_for(first.len())?;
    // The usual small request arrives in one piece and is not copied at all.
    if first.len() == expected {
        return Ok(holding(first, room));
    }
    // Grows with what arrives: a length that is only announced costs nothing.
    let mut all = BytesMut::with_capacity(expected.min(FIRST_ROOM).max(first.len()));
    all.extend_from_slice(&first);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(broken)?;
        if all.len() + chunk.len() > limit {
            return Err(ApiError::too_large(limit));
        }
        room.merge(room_for(chunk.len())?);
        all.extend_from_slice(&chunk);
    }
    if all.len() > limit {
        return Err(ApiError::too_large(limit));
    }
    Ok(holding(all.freeze(), room))
}

/// Room for the bodies of all requests together, in units of [`UNIT`]: however many clients send at once, memory is bounded.
static ROOM: Semaphore = Semaphore::const_new(ALL_BODIES / UNIT);
const ALL_BODIES: usize = 256 * 1024 * 1024;
const UNIT: usize = 1024;
/// Bytes set aside before the second piece of a body has arrived.
const FIRST_ROOM: usize = 64 * 1024;

/// Takes room for so many bytes, or 503: whoever waits would hold what it has while others do the same.
fn room_for(bytes: usize) -> Result<SemaphorePermit<'static>, ApiError> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
    ROOM.try_acquire_many(units)
        .map_err(|_| ApiError::unavailable("there is no room for further request bodies"))
}

/// A body that gives its room back when it is dropped.
fn holding(bytes: Bytes, room: SemaphorePermit<'static>) -> Bytes {
    struct Held {
        bytes: Bytes,
        _room: SemaphorePermit<'static>,
    }
    impl AsRef<[u8]> for Held {
        fn as_ref(&self) -> &[u8] {
            &self.bytes
        }
    }
    Bytes::from_owner(Held { bytes, _room: room })
}

fn broken(error: axum::Error) -> ApiError {
    ApiError::bad_request("The request body ended early.").with_internal(error)
}

fn too_slow() -> ApiError {
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "The request body did not arrive in time.")
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(limit as u64 + 1);
    reader
        .read_to_end(&mut unpacked)
        .map_err(|_| ApiError::bad_request("The request body is not valid gzip."))?;
    if unpacked.len() > limit {
        return Err(ApiError::too_large(limit));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn headers(encoding: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_ENCODING, http::HeaderValue::from_static(encoding))])
    }

    #[tokio::test]
    async fn a_gzip_bomb_is_stopped_at_the_bound() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; 1 << 20]).expect("write");
        let packed = encoder.finish().expect("finish");
        let bounds = Bounds { unpacked_body: 1 << 16, ..Bounds::default() };
        let read = |gzip| {
            Incoming::Wire(Body::from(packed.clone())).read_owned(headers("gzip"), bounds.clone(), gzip)
        };
        assert_eq!(read(true).await.expect_err("too large").status, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(read(false).await.expect_err("not allowed").status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let roomy = Incoming::Wire(Body::from(packed.clone()))
            .read_owned(headers("gzip"), Bounds::default(), true)
            .await;
        assert_eq!(roomy.expect("unpacked").len(), 1 << 20);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let bounds = Bounds { body_time: Duration::from_millis(10), ..Bounds::default() };
        let error =
            Incoming::Wire(endless).read_owned(HeaderMap::new(), bounds, false).await.expect_err("too slow");
        assert_eq!(error.status, StatusCode::REQUEST_TIMEOUT);
    }

    impl Incoming {
        async fn read_owned(self, headers: HeaderMap, bounds: Bounds, gzip: bool) -> Result<Bytes, ApiError> {
            self.read(&headers, &bounds, gzip).await
        }
    }
}
