//! What stands behind connections without a room of its own: an HTTP endpoint; and where connectors get secrets.
//!
//! The adapters to real systems are in `hirewire-connector`.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::http::HttpClient;
use super::outside::{Connector, ConnectorCall, Reply};
use super::polling::{PollFrom, Polled, firing};
use crate::expression::member;
use crate::run::Answer;

/// An HTTP endpoint that stands in for a connector: the call goes to `{endpoint}{path}` as in the service.
pub struct Passthrough {
    http: Arc<HttpClient>,
    endpoint: String,
}

impl Passthrough {
    /// Calls below `endpoint`.
    pub fn new(http: Arc<HttpClient>, endpoint: impl Into<String>) -> Self {
        Self { http, endpoint: endpoint.into() }
    }
}

impl Connector for Passthrough {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move {
            let uri = format!("{}{}", self.endpoint.trim_end_matches('/'), call.path);
            self.http.send(&call.method, &uri, &call.queries, &call.headers, call.body.as_ref(), None).await
        })
    }

    /// Polls as the service does: 200 fires, 202 does not, and `Location` (the cursor) is where the next poll goes.
    fn poll(&self, call: ConnectorCall, from: PollFrom) -> Reply<'_, Result<Polled, Answer>> {
        Box::pin(async move {
            let location = match &from {
                PollFrom::After(cursor) => cursor.as_str().map(str::to_owned),
                _ => None,
            };
            let uri = format!("{}{}", self.endpoint.trim_end_matches('/'), call.path);
            let (uri, queries) = match location {
                Some(location) => (location, Map::new()),
                None => (uri, call.queries.clone()),
            };
            let answer =
                self.http.send(&call.method, &uri, &queries, &call.headers, call.body.as_ref(), None).await;
            let Answer::Response { status, headers, body } = answer else { return Err(answer) };
            if status != 200 && status != 202 {
                return Err(Answer::Response { status, headers, body });
            }
            let next = member(&headers, "Location").and_then(Json::as_str);
            let cursor = next.map_or(Json::Null, Json::from);
            // The first poll only fetches the state, as in the service.
            if status == 202 || from == PollFrom::Activation && next.is_some() {
                return Ok(Polled::nothing(cursor));
            }
            Ok(Polled { firings: vec![firing(headers, body)], cursor, more: false })
        })
    }
}

/// Secrets by name: environment, files, a vault.
pub trait Secrets: Send + Sync {
    /// The secret's text, where it exists.
    fn secret<'a>(&'a self, name: &'a str) -> Reply<'a, Option<String>>;
}
