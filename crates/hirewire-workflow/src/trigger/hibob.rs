//! HiBob events: signature, connection test, deduplication (`spec/sources.md` §1.3, §4).

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

/// What came in.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// The connection test: answer 2xx, do nothing.
    Ping,
    /// An event; `key` is the same for a repeated delivery.
    Event {
        /// The event.
        event: Json,
        /// Deduplication key of type, employee, time and body.
        key: String,
    },
    /// The signature is missing or wrong: answer 401.
    BadSignature,
    /// Signed, but no JSON object: answer 2xx and count it.
    Unreadable,
}

/// The value of `Bob-Signature` for a body: base64 of HMAC-SHA512 over the raw bytes.
pub fn hibob_signature(secret: &str, body: &[u8]) -> String {
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, secret.as_bytes()), body))
}

/// Judges a delivery. `secret` absent means that signatures are not checked.
pub fn hibob_delivery(secret: Option<&str>, signature: Option<&str>, body: &[u8]) -> Delivery {
    let text = body.trim_ascii();
    let ping = text == b"Ping test"
        || text == b"\"Ping test\""
        || serde_json::from_slice::<Json>(text).is_ok_and(|j| j == serde_json::json!({"text": "Ping test"}));
    if ping {
        return Delivery::Ping;
    }
    if let Some(secret) = secret {
        let given = signature.and_then(|s| STANDARD.decode(s.trim()).ok());
        let key = hmac::Key::new(hmac::HMAC_SHA512, secret.as_bytes());
        if given.is_none_or(|tag| hmac::verify(&key, body, &tag).is_err()) {
            return Delivery::BadSignature;
        }
    }
    let Ok(event @ Json::Object(_)) = serde_json::from_slice(body) else { return Delivery::Unreadable };
    let at = |path: &str| event.pointer(path).map(Json::to_string).unwrap_or_default();
    let employee =
        if event.pointer("/data/employeeId").is_some() { at("/data/employeeId") } else { at("/employee/id") };
    let hash: String =
        digest::digest(&digest::SHA256, body).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    let key = format!("{}|{employee}|{}|{hash}", at("/type"), at("/triggeredAt"));
    Delivery::Event { event, key }
}

#[cfg(test)]
mod tests {
    use super::{Delivery, hibob_delivery, hibob_signature};

    const BODY: &[u8] = br#"{"companyId":636192,"type":"employee.updated","triggeredBy":"3332883804594373380","triggeredAt":"2025-01-08T13:06:26.915906","version":"v2","data":{"employeeId":"3332883854254932743"}}"#;
    const SIGNATURE: &str =
        "oZ4wC3muZtvplDiPJRCZsiDzw11QprDdywF7J+nZKiwTufOxAdqHS/fSlGtziNwL+xw8EaN/hdOJnKjRCLl1rw==";

    #[test]
    fn signatures_pings_and_keys() {
        assert_eq!(hibob_signature("test-secret-1", BODY), SIGNATURE);
        let judge = |signature, body: &[u8]| hibob_delivery(Some("test-secret-1"), signature, body);
        let Delivery::Event { key, .. } = judge(Some(SIGNATURE), BODY) else { panic!("an event") };
        assert!(matches!(judge(Some(SIGNATURE), BODY), Delivery::Event { key: again, .. } if again == key));
        assert_eq!(judge(None, BODY), Delivery::BadSignature);
        assert_eq!(judge(Some("AAAA"), BODY), Delivery::BadSignature);
        assert_eq!(judge(None, b"Ping test"), Delivery::Ping);
        assert_eq!(judge(None, br#"{"text":"Ping test"}"#), Delivery::Ping);
        assert_eq!(hibob_delivery(None, None, b"[]"), Delivery::Unreadable);
    }
}
