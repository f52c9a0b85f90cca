//! HTTP polling triggers: what an answer means (`spec/workflows.md` §7.3).

use serde_json::{Map, Value as Json, json};

use crate::expression::member;
use crate::run::Answer;

/// What a poll leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Poll {
    /// A run with these trigger outputs.
    Fire(Json),
    /// No run; the next poll may go elsewhere and at another time.
    Later {
        /// The URL of the next poll, where the answer named one.
        location: Option<String>,
        /// Seconds until then, where the answer said so.
        retry_after: Option<u64>,
    },
    /// No run; the retry policy decides.
    Failed(String),
}

/// Judges the answer to a poll. With `conditions` on the trigger every answer is offered to them.
pub fn judge_poll(answer: &Answer, has_conditions: bool) -> Poll {
    let (status, headers, body) = match answer {
        Answer::Response { status, headers, body } => (*status, headers, body),
        Answer::Fault { message, .. } => return Poll::Failed(message.clone()),
        Answer::Value(_) => return Poll::Failed("a script's value is no answer to a poll".into()),
    };
    if status == 200 || has_conditions {
        let mut outputs: Map<String, Json> = Map::new();
        outputs.insert("statusCode".into(), json!(status));
        outputs.insert("headers".into(), Json::Object(headers.clone()));
        if let Some(body) = body {
            outputs.insert("body".into(), body.clone());
        }
        return Poll::Fire(Json::Object(outputs));
    }
    if status == 202 {
        let text = |name: &str| member(headers, name).and_then(Json::as_str).map(str::to_owned);
        return Poll::Later {
            location: text("Location"),
            retry_after: text("Retry-After").and_then(|t| t.trim().parse().ok()),
        };
    }
    Poll::Failed(format!("the poll was answered with {status}"))
}

#[cfg(test)]
mod tests {
    use super::{Poll, judge_poll};
    use crate::run::Answer;
    use serde_json::{Map, json};

    #[test]
    fn only_200_fires() {
        let answer = |status, headers: serde_json::Value| Answer::Response {
            status,
            headers: headers.as_object().cloned().unwrap_or_default(),
            body: None,
        };
        assert!(matches!(judge_poll(&answer(200, json!({})), false), Poll::Fire(_)));
        let later = judge_poll(&answer(202, json!({"location": "https://x", "retry-after": "30"})), false);
        assert_eq!(later, Poll::Later { location: Some("https://x".into()), retry_after: Some(30) });
        assert!(matches!(judge_poll(&answer(404, json!({})), false), Poll::Failed(_)));
        assert_eq!(
            judge_poll(&answer(404, json!({})), true),
            Poll::Fire(json!({"statusCode": 404, "headers": Map::new()}))
        );
    }
}
