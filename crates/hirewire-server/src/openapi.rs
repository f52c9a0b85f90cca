//! The OpenAPI 3.1 description, made from the table of routes; `openapi.json` is its committed form.
//!
//! An emulator's controls (`/_emulator/…`) have a description of their own: a fuzzer that follows the API's must not set
//! clocks and faults.
use serde_json::{Map, Value, json};

use crate::routes::{Area, Need, ROWS, Row, Run, Verb};

mod schemas;

/// Which endpoints are described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The API.
    Api,
    /// The controls of an emulator.
    Emulator,
}

/// The description without `servers`.
pub fn document(part: Part) -> Value {
    let mut paths = Map::new();
    for row in ROWS.iter().filter(|row| row.path.starts_with("_emulator/") == (part == Part::Emulator)) {
        for root in roots(row.area) {
            let path = format!("{root}/{}", row.path);
            paths.insert(path, path_item(row));
        }
    }
    let title = match part {
        Part::Api => "Hirewire inbound provisioning API",
        Part::Emulator => "Controls of the Hirewire emulator",
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": "API-driven inbound provisioning as Microsoft Graph clients know it, with receipts and an emulator.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
            "responses": {
                "Error": refusal(schemas::named("Error")),
                "OAuthError": refusal(json!({ "anyOf": [schemas::named("OAuthError"), schemas::named("Error")] })),
            },
            "schemas": schemas::all(),
        },
    })
}

fn refusal(schema: Value) -> Value {
    json!({
        "description": "Refused",
        "headers": {
            "request-id": { "schema": { "type": "string" } },
            "client-request-id": { "schema": { "type": "string" } },
        },
        "content": { "application/json": { "schema": schema } },
    })
}

fn roots(area: Area) -> &'static [&'static str] {
    match area {
        Area::Graph => &["/v1.0", "/beta"],
        Area::Beta => &["/beta"],
        Area::Root => &[""],
    }
}

fn path_item(row: &Row) -> Value {
    let mut item = Map::new();
    let parameters: Vec<Value> = row
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } }))
        .collect();
    if !parameters.is_empty() {
        item.insert("parameters".into(), Value::Array(parameters));
    }
    for verb in row.verbs {
        item.insert(verb.method.to_lowercase(), operation(row, verb));
    }
    Value::Object(item)
}

fn operation(row: &Row, verb: &Verb) -> Value {
    let mut operation = Map::new();
    operation.insert("summary".into(), json!(verb.summary));
    if let Need::One(permissions) = verb.need {
        let values: Vec<&str> = permissions.iter().map(|permission| permission.value()).collect();
        operation.insert("description".into(), json!(format!("Needs one of: {}.", values.join(", "))));
    }
    operation.insert(
        "security".into(),
        match verb.need {
            Need::Nothing | Need::Loopback => json!([]),
            // Callers on the same machine need none.
            Need::LoopbackOrToken => json!([{}, { "token": [] }]),
            Need::Token | Need::One(_) => json!([{ "token": [] }]),
        },
    );
    let parameters = options(row, verb);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), Value::Array(parameters));
    }
    if let Some((required, media, schema)) = request_body(row, verb) {
        let body =
            json!({ "required": required, "content": { media: { "schema": schemas::named(schema) } } });
        operation.insert("requestBody".into(), body);
    }
    let mut responses = Map::new();
    responses.insert(verb.success.to_string(), success(row, verb));
    if matches!(verb.run, Run::Upload | Run::UploadValue) {
        responses.insert("200".into(), media("application/json", "Plan"));
    }
    let refused = if is_oauth(row, verb) { "OAuthError" } else { "Error" };
    responses.insert("default".into(), json!({ "$ref": format!("#/components/responses/{refused}") }));
    operation.insert("responses".into(), Value::Object(responses));
    Value::Object(operation)
}

/// Endpoints that refuse in OAuth's shape, and sometimes in ours.
fn is_oauth(row: &Row, verb: &Verb) -> bool {
    matches!(verb.run, Run::Token(_))
        || row.path.ends_with("openid-configuration")
        || row.path.ends_with("/token")
}

/// Query options and headers.
fn options(row: &Row, verb: &Verb) -> Vec<Value> {
    let option = |name: &str, schema: Value| json!({ "name": name, "in": "query", "required": false, "schema": schema });
    let text = || json!({ "type": "string" });
    let flag = || json!({ "type": "boolean" });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let filters = || vec![option("$filter", text()), option("$search", text())];
    // `$skiptoken` is not among them: it is opaque and comes with a link.
    if row.path == "auditLogs/provisioning/$count" {
        return vec![option("$filter", text())];
    }
    if verb.method == "GET" && row.path.ends_with("$count") {
        return filters();
    }
    match (verb.method, last(row)) {
        (
            "GET",
            "provisioning"
            | "jobs"
            | "servicePrincipals"
            | "applications"
            | "applicationTemplates"
            | "users"
            | "appRoleAssignments",
        ) => {
            let mut all = filters();
            all.extend([
                option("$top", number()),
                option("$skip", number()),
                option("$orderby", text()),
                option("$select", text()),
                option("$count", flag()),
            ]);
            all
        }
        ("GET", "uploads") => vec![option("$top", number())],
        ("GET", "{upload}") => vec![option("wait", number())],
        ("GET", "synchronization") => vec![option("$expand", text())],
        ("GET", "{id}" | "{job}" | "{user}" | "{sp}") => vec![option("$select", text())],
        ("GET", "instance") => vec![option("api-version", text()), option("authorization_endpoint", text())],
        ("GET", "token") => {
            let (header, value) = match row.path.starts_with("msi") {
                true => ("X-IDENTITY-HEADER", text()),
                false => ("Metadata", json!({ "type": "string", "enum": ["true"] })),
            };
            vec![
                option("resource", text()),
                option("api-version", text()),
                option("client_id", text()),
                json!({ "name": header, "in": "header", "required": true, "schema": value }),
            ]
        }
        ("POST", "bulkUpload" | "provisionOnDemand") | ("PUT", "$value") => vec![option("dryRun", flag())],
        ("POST", "restart") => vec![option("purge", flag())],
        _ => Vec::new(),
    }
}

fn last(row: &Row) -> &'static str {
    row.path.rsplit('/').next().unwrap_or_default()
}

/// Whether a body must be there, its media type and its schema.
fn request_body(row: &Row, verb: &Verb) -> Option<(bool, &'static str, &'static str)> {
    const JSON: &str = "application/json";
    Some(match (verb.method, last(row)) {
        ("POST", "bulkUpload") => (true, "application/scim+json", "BulkRequest"),
        ("PUT", "$value") => (true, "application/octet-stream", "BulkRequest"),
        ("POST", "token") => (true, "application/x-www-form-urlencoded", "TokenRequest"),
        ("POST", "jobs") => (true, JSON, "NewJob"),
        ("PATCH", "{job}") => (true, JSON, "JobChange"),
        ("POST", "restart") => (false, JSON, "Restart"),
        ("POST", "approve") => (false, JSON, "Object"),
        ("POST", "validateCredentials") => (false, JSON, "Object"),
        ("POST", "provisionOnDemand") => (true, JSON, "OnDemand"),
        ("PUT" | "PATCH", "schema") => (true, JSON, "Schema"),
        ("POST", "parseExpression") => (true, JSON, "ParseExpression"),
        ("PUT", "secrets") => (true, JSON, "Secrets"),
        ("PUT", "synchronization") => (true, JSON, "SynchronizationSecrets"),
        ("POST", "instantiate") => (true, JSON, "NewApplication"),
        ("POST", "appRoleAssignments") => (true, JSON, "NewAssignment"),
        ("POST", "$batch") => (true, JSON, "Batch"),
        ("PATCH", "clock") => (true, JSON, "Clock"),
        ("POST", "faults") => (true, JSON, "Fault"),
        ("POST", "reset") => (false, JSON, "Reset"),
        _ => return None,
    })
}

fn media(media: &str, schema: &str) -> Value {
    json!({ "description": "Success", "content": { media: { "schema": schemas::named(schema) } } })
}

fn success(row: &Row, verb: &Verb) -> Value {
    const JSON: &str = "application/json";
    let plain = |media: &str, kind: &str| json!({ "description": "Success", "content": { media: { "schema": { "type": kind } } } });
    match (verb.success, last(row)) {
        (202, _) => {
            json!({ "description": "Accepted: the operations are stored and will be processed", "headers": {
            "Location": { "required": true, "description": "The provisioning log of the job", "schema": { "type": "string" } },
            "x-hirewire-upload-id": { "description": "Id of the receipt (open mode)", "schema": { "type": "string" } } } })
        }
        (204, _) => json!({ "description": "Done" }),
        (_, "{upload}") => json!({ "description": "Success", "content": {
            JSON: { "schema": schemas::named("Receipt") }, "text/event-stream": { "schema": { "type": "string" } } } }),
        (_, "$metadata") => plain("application/xml", "string"),
        (_, "metrics") => plain("text/plain", "string"),
        (_, "$count") => plain("text/plain", "integer"),
        (_, "token") => media(JSON, "Token"),
        (_, "provisioning") => media(JSON, "ProvisioningLog"),
        (_, "{id}") if row.path.starts_with("auditLogs") => media(JSON, "Object"),
        (_, "jobs") if verb.method == "GET" => media(JSON, "Jobs"),
        (_, "uploads") => media(JSON, "Uploads"),
        (_, "$batch") => media(JSON, "BatchAnswer"),
        (_, "provisionOnDemand") => media(JSON, "Pair"),
        (
            _,
            "servicePrincipals"
            | "applications"
            | "applicationTemplates"
            | "users"
            | "organization"
            | "domains"
            | "subscribedSkus"
            | "templates"
            | "directories"
            | "filterOperators"
            | "functions",
        ) => media(JSON, "Collection"),
        _ => media(JSON, "Object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_what_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let wanted = format!("{}\n", serde_json::to_string_pretty(&document(Part::Api)).expect("JSON"));
        if std::env::var_os("HIREWIRE_BLESS").is_some() {
            std::fs::write(path, &wanted).expect("write");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == wanted, "openapi.json is stale: run this test with HIREWIRE_BLESS=1");
    }

    #[test]
    fn every_endpoint_is_described_once() {
        let (api, emulator) = (document(Part::Api), document(Part::Emulator));
        let count = |document: &Value| document["paths"].as_object().map_or(0, Map::len);
        let expected: usize = ROWS.iter().map(|row| roots(row.area).len()).sum();
        assert_eq!(count(&api) + count(&emulator), expected);
        assert!(
            api["paths"]
                .as_object()
                .is_some_and(|paths| paths.keys().all(|path| !path.contains("_emulator")))
        );
    }
}
