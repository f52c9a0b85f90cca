//! One span for each request, with the names that OpenTelemetry gives to HTTP servers. A caller's `traceparent` goes on in it.
use http::StatusCode;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, trace::Status};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::operations;
use crate::request::Head;

/// Begins the span of a request. Neither paths nor queries stand in it: they name people.
pub(crate) fn request(head: &Head) -> Span {
    let route = operations::endpoint(head);
    let span = tracing::info_span!(
        target: "hirewire_server::request",
        "request",
        otel.name = format!("{} {route}", operations::method(head)),
        otel.kind = "server",
        http.request.method = operations::method(head),
        http.route = route,
        http.response.status_code = tracing::field::Empty,
        request_id = %head.ids.request_id,
    );
    if let Some(parent) = head.header("traceparent").and_then(remote) {
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// Writes what was answered into the span.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.set_status(Status::error(status.canonical_reason().unwrap_or_default()));
    }
}

/// Reads `00-{trace id}-{span id}-{flags}` (W3C Trace Context).
fn remote(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version.len() != 2 || version == "ff" || trace.len() != 32 || span.len() != 16 {
        return None;
    }
    let flags = u8::from_str_radix(flags, 16).ok()?;
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(flags) & TraceFlags::SAMPLED,
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_trace_is_read_or_left_alone() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = remote(good).expect("a context");
        assert_eq!(context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert!(context.is_sampled() && context.is_remote());
        for bad in [
            "",
            "00",
            "00-0-0-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-zz",
        ] {
            assert!(remote(bad).is_none(), "{bad}");
        }
    }
}
