//! The two ids of a request and the moment it arrived (spec/inbound-api.md §2.3).
use http::HeaderMap;
use jiff::Timestamp;
use uuid::Uuid;

/// Identifies one request in every answer, log line and inbox row.
#[derive(Debug, Clone)]
pub struct RequestIds {
    /// Ours, fresh for each request.
    pub request_id: Uuid,
    /// The caller's, echoed; equal to `request_id` when there was none.
    pub client_request_id: String,
    /// When the request arrived.
    pub received: Timestamp,
}

impl RequestIds {
    /// Makes the ids of a request that arrived at `now`.
    pub fn new(headers: &HeaderMap, now: Timestamp) -> Self {
        let request_id = Uuid::new_v4();
        let given = headers.get("client-request-id").and_then(|v| v.to_str().ok());
        // An id is written to logs and answers: only what looks like an id is echoed.
        let client_request_id = given
            .filter(|text| {
                (1..=64).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.{}".contains(&b))
            })
            .map_or_else(|| request_id.to_string(), str::to_owned);
        Self { request_id, client_request_id, received: now }
    }

    /// `2026-11-02T08:14:01`: the form of `innerError.date`, without a zone letter.
    pub fn date_without_zone(&self) -> String {
        self.received.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    #[cfg(test)]
    pub(crate) fn for_test(request_id: &str, client: &str, now: &str) -> Self {
        Self {
            request_id: request_id.parse().expect("uuid"),
            client_request_id: client.into(),
            received: now.parse().expect("timestamp"),
        }
    }
}
