//! Request triggers: signed callback URLs and what an incoming call becomes (`spec/workflows.md` §7.2).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value as Json, json};

use crate::content;
use crate::definition::Trigger;
use crate::expression::{percent_decode, percent_encode};
use crate::run::validate_schema;

const VERSION: &str = "1.0";
const API_VERSION: &str = "2016-10-01";

/// The two keys that sign a workflow's URLs; either is accepted.
#[derive(Clone)]
pub struct CallbackKeys {
    /// Signs new URLs.
    pub primary: Vec<u8>,
    /// Accepted beside it, while callers change over.
    pub secondary: Vec<u8>,
}

impl std::fmt::Debug for CallbackKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallbackKeys(…)")
    }
}

/// A trigger's URL in the parts that `listCallbackUrl` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackUrl {
    /// The whole URL.
    pub value: String,
    /// The method to use.
    pub method: String,
    /// The URL without queries.
    pub base_path: String,
    /// `relativePath` of the trigger.
    pub relative_path: Option<String>,
    /// The signature.
    pub signature: String,
}

/// Why a call was refused; give it as the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// `{"error": {"code", "message"}}`.
    pub body: Json,
}

fn refuse(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    Refusal { status, body: json!({"error": {"code": code, "message": message.into()}}) }
}

fn permission(trigger: &str) -> String {
    format!("/triggers/{trigger}/run")
}

fn sign(key: &[u8], workflow: &str, trigger: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let text = format!("{}\n{VERSION}\n{workflow}\n{trigger}", permission(trigger));
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
}

fn inputs<'t>(trigger: &'t Trigger, key: &str) -> Option<&'t Json> {
    trigger.json.get("inputs")?.get(key)
}

impl CallbackKeys {
    /// The URL of a trigger below `base`, such as `https://host/path`.
    pub fn url(&self, base: &str, workflow: &str, trigger: &Trigger) -> CallbackUrl {
        let signature = sign(&self.primary, workflow, &trigger.name);
        let name = percent_encode(&trigger.name);
        let relative = inputs(trigger, "relativePath").and_then(Json::as_str).map(str::to_owned);
        let mut base_path = format!(
            "{}/workflows/{}/triggers/{name}/paths/invoke",
            base.trim_end_matches('/'),
            percent_encode(workflow)
        );
        if let Some(relative) = &relative {
            base_path.push('/');
            base_path.push_str(relative.trim_start_matches('/'));
        }
        let value = format!(
            "{base_path}?api-version={API_VERSION}&sp={}&sv={VERSION}&sig={signature}",
            percent_encode(&permission(&trigger.name))
        );
        let method = inputs(trigger, "method").and_then(Json::as_str).unwrap_or("POST").to_uppercase();
        CallbackUrl { value, method, base_path, relative_path: relative, signature }
    }

    /// The signature of a trigger, or of another place of a workflow such as `runs/ID`.
    pub fn signature(&self, workflow: &str, place: &str) -> String {
        sign(&self.primary, workflow, place)
    }

    /// Whether a signature belongs to a trigger; compared in constant time.
    pub fn verify(&self, workflow: &str, trigger: &str, signature: &str) -> bool {
        let fits = |key: &[u8]| {
            !key.is_empty()
                && verify_slices_are_equal(sign(key, workflow, trigger).as_bytes(), signature.as_bytes())
                    .is_ok()
        };
        // Both are always computed, so that time tells nothing about which key fitted.
        let (first, second) = (fits(&self.primary), fits(&self.secondary));
        first | second
    }
}

impl CallbackUrl {
    /// The answer of `listCallbackUrl`.
    pub fn to_json(&self, trigger: &str) -> Json {
        let mut out = json!({"value": self.value, "method": self.method, "basePath": self.base_path,
            "queries": {"api-version": API_VERSION, "sp": permission(trigger), "sv": VERSION, "sig": self.signature}});
        if let (Some(path), Some(object)) = (&self.relative_path, out.as_object_mut()) {
            object.insert("relativePath".into(), Json::from(path.as_str()));
        }
        out
    }
}

fn path_parameters(pattern: &str, path: &str) -> Option<Map<String, Json>> {
    let split = |t: &str| t.trim_matches('/').split('/').map(str::to_owned).collect::<Vec<_>>();
    let (pattern, path) = (split(pattern), split(path));
    if pattern.len() != path.len() {
        return None;
    }
    let mut out = Map::new();
    for (wanted, got) in pattern.iter().zip(&path) {
        match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            Some(name) => drop(out.insert(name.to_owned(), Json::from(percent_decode(got, false)))),
            None if wanted.eq_ignore_ascii_case(got) => {}
            None => return None,
        }
    }
    Some(out)
}

/// Checks an incoming call and gives the trigger's outputs.
///
/// `relative` is the path behind `invoke`, `query` the raw query string. The signature must be checked before.
///
/// # Errors
/// The answer for a wrong method or path, or for a body that does not fit the schema where that is checked.
pub fn incoming(
    trigger: &Trigger,
    method: &str,
    relative: &str,
    query: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Json, Refusal> {
    let wanted = inputs(trigger, "method").and_then(Json::as_str).unwrap_or("POST");
    // A webhook's callback may come by any method (`spec/workflows.md` §7.4).
    let any_method = !matches!(trigger.kind.as_str(), "request" | "manual");
    if !any_method && !wanted.eq_ignore_ascii_case(method) {
        return Err(refuse(
            404,
            "TriggerRequestMethodNotValid",
            format!(
                "The trigger '{}' expects the method '{}' and got '{}'.",
                trigger.name,
                wanted.to_uppercase(),
                method.to_uppercase()
            ),
        ));
    }
    let mut out = Map::new();
    let mut kept = Map::new();
    let mut kind = None;
    let with_authorization = trigger.options.has("IncludeAuthorizationHeadersInOutputs");
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("authorization") && !with_authorization {
            continue;
        }
        if name.eq_ignore_ascii_case("content-type") {
            kind = Some(value.as_str());
        }
        kept.insert(name.clone(), Json::from(value.as_str()));
    }
    out.insert("headers".into(), Json::Object(kept));
    let own: Map<String, Json> = query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| p.split_once('=').unwrap_or((p, "")))
        .filter(|(k, _)| !["api-version", "sp", "sv", "sig"].contains(&k.to_ascii_lowercase().as_str()))
        .map(|(k, v)| (percent_decode(k, true), Json::from(percent_decode(v, true))))
        .collect();
    if !own.is_empty() {
        out.insert("queries".into(), Json::Object(own));
    }
    if let Some(pattern) = inputs(trigger, "relativePath").and_then(Json::as_str) {
        let Some(parameters) = path_parameters(pattern, relative) else {
            return Err(refuse(
                404,
                "TriggerRelativePathNotMatched",
                format!("The path '{relative}' does not match '{pattern}'."),
            ));
        };
        out.insert("relativePathParameters".into(), Json::Object(parameters));
    }
    // A body without a type that reads as JSON is taken as JSON: many senders of webhooks name none.
    let value = content::decode(
        body,
        kind.or(Some("application/json"))
            .filter(|_| kind.is_some() || serde_json::from_slice::<Json>(body).is_ok()),
    );
    if let Some(schema) = inputs(trigger, "schema").filter(|_| trigger.options.has("EnableSchemaValidation"))
    {
        let errors = validate_schema(value.as_ref().unwrap_or(&Json::Null), schema);
        if !errors.is_empty() {
            let messages: Vec<&str> =
                errors.iter().take(3).filter_map(|e| e.get("message")?.as_str()).collect();
            return Err(refuse(
                400,
                "TriggerInputSchemaMismatch",
                format!(
                    "The input body for trigger '{}' of type 'Request' did not match its schema definition. Error details: '{}'.",
                    trigger.name,
                    messages.join(", ")
                ),
            ));
        }
    }
    if let Some(value) = value {
        out.insert("body".into(), value);
    }
    Ok(Json::Object(out))
}

#[cfg(test)]
mod tests {
    use super::{CallbackKeys, incoming};
    use crate::definition::compile;
    use serde_json::json;

    #[test]
    fn urls_are_signed_and_calls_become_outputs() {
        let definition = json!({"triggers": {"manual": {"type": "Request", "inputs": {"method": "PUT", "relativePath": "employee/{id}",
            "schema": {"type": "object", "required": ["a", "b"]}}, "operationOptions": "EnableSchemaValidation"}}, "actions": {}});
        let workflow = compile("w", &definition, false).0.expect("workflow");
        let trigger = &workflow.triggers[0];
        let keys = CallbackKeys { primary: b"one".to_vec(), secondary: b"two".to_vec() };
        let url = keys.url("https://h/x", "w", trigger);
        assert!(url.value.starts_with("https://h/x/workflows/w/triggers/manual/paths/invoke/employee/{id}?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig="));
        assert!(keys.verify("w", "manual", &url.signature));
        assert!(!keys.verify("w", "manual", "x") && !keys.verify("v", "manual", &url.signature));
        let swapped = CallbackKeys { primary: b"three".to_vec(), secondary: b"one".to_vec() };
        assert!(swapped.verify("w", "manual", &url.signature));

        let headers = [
            ("Authorization".to_owned(), "x".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ];
        let got = incoming(trigger, "put", "/employee/4%207", "sig=1&q=a+b", &headers, br#"{"a":1,"b":2}"#)
            .expect("outputs");
        assert_eq!(
            got,
            json!({"headers": {"Content-Type": "application/json"}, "queries": {"q": "a b"}, "relativePathParameters": {"id": "4 7"}, "body": {"a": 1, "b": 2}})
        );
        let refused = incoming(trigger, "PUT", "employee/1", "", &headers, b"{}").expect_err("schema");
        assert!(
            refused.status == 400
                && refused.body.to_string().contains("Required properties are missing from object: a, b.")
        );
        assert_eq!(
            incoming(trigger, "POST", "employee/1", "", &headers, b"").expect_err("method").status,
            404
        );
        assert_eq!(incoming(trigger, "PUT", "other", "", &headers, b"").expect_err("path").status, 404);
    }
}
