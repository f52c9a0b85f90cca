//! The OpenAPI 3.1 description, made from the table of routes; `openapi.json` is its committed form.
use serde_json::{Map, Value, json};

use crate::routes::{Area, Need, ROWS, Row, Verb};

/// The description without `servers`.
pub fn document() -> Value {
    let mut paths = Map::new();
    for row in ROWS {
        for root in roots(row.area) {
            let path = format!("{root}/{}", row.path);
            paths.insert(path, path_item(row));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hirewire inbound provisioning API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "API-driven inbound provisioning as Microsoft Graph clients know it, with receipts and an emulator.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": components(),
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
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
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
    let token = !matches!(verb.need, Need::Nothing | Need::Loopback);
    operation.insert("security".into(), if token { json!([{ "token": [] }]) } else { json!([]) });
    if let Some(body) = request_body(row, verb) {
        operation.insert("requestBody".into(), body);
    }
    let mut responses = Map::new();
    responses.insert(verb.success.to_string(), success(row, verb));
    responses.insert("default".into(), json!({ "$ref": "#/components/responses/Error" }));
    operation.insert("responses".into(), Value::Object(responses));
    Value::Object(operation)
}

fn request_body(row: &Row, verb: &Verb) -> Option<Value> {
    let content = |media: &str, schema: Value| {
        Some(json!({ "required": true, "content": { media: { "schema": schema } } }))
    };
    if !matches!(verb.method, "POST" | "PUT" | "PATCH") {
        return None;
    }
    match row.path.rsplit('/').next().unwrap_or_default() {
        "bulkUpload" => {
            content("application/scim+json", json!({ "$ref": "#/components/schemas/BulkRequest" }))
        }
        "$value" => {
            content("application/octet-stream", json!({ "$ref": "#/components/schemas/BulkRequest" }))
        }
        "token" => content("application/x-www-form-urlencoded", json!({ "type": "object" })),
        "start" | "pause" | "stop" | "discover" | "reset" | "acquireAccessToken" => None,
        _ => content("application/json", json!({ "type": "object" })),
    }
}

fn success(row: &Row, verb: &Verb) -> Value {
    let media = |media: &str, schema: Value| json!({ "description": "Success", "content": { media: { "schema": schema } } });
    match (verb.success, row.path) {
        (202, _) => {
            json!({ "description": "Accepted: the operations are stored and will be processed", "headers": {
            "Location": { "description": "The provisioning log of the job", "schema": { "type": "string" } },
            "x-hirewire-upload-id": { "description": "Id of the receipt", "schema": { "type": "string" } } } })
        }
        (204, _) => json!({ "description": "Done" }),
        (_, "auditLogs/provisioning") => {
            media("application/json", json!({ "$ref": "#/components/schemas/ProvisioningLog" }))
        }
        (_, "metrics") => media("text/plain", json!({ "type": "string" })),
        (_, path) if path.ends_with("$count") => media("text/plain", json!({ "type": "integer" })),
        _ => media("application/json", json!({ "type": "object" })),
    }
}

fn components() -> Value {
    json!({
        "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" } },
        "responses": { "Error": { "description": "Refused", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } } },
        "schemas": {
            "Error": { "type": "object", "required": ["error"], "properties": { "error": { "type": "object", "required": ["code", "message"], "properties": {
                "code": { "type": "string" }, "message": { "type": "string" },
                "details": { "type": "array", "items": { "type": "object", "properties": {
                    "code": { "type": "string" }, "target": { "type": "string" }, "message": { "type": "string" }, "hint": { "type": "string" } } } },
                "innerError": { "type": "object" } } } } },
            "BulkRequest": { "type": "object", "required": ["schemas", "Operations"], "properties": {
                "schemas": { "type": "array", "items": { "type": "string" }, "contains": { "const": "urn:ietf:params:scim:api:messages:2.0:BulkRequest" } },
                "failOnErrors": { "type": ["integer", "null"] },
                "Operations": { "type": "array", "minItems": 1, "items": { "type": "object", "required": ["method", "bulkId", "path", "data"], "properties": {
                    "method": { "const": "POST" }, "bulkId": { "type": "string" }, "path": { "const": "/Users" },
                    "data": { "type": "object", "required": ["schemas", "externalId"], "properties": {
                        "schemas": { "type": "array", "items": { "type": "string" } }, "externalId": { "type": "string" } } } } } } } },
            "ProvisioningLog": { "type": "object", "properties": {
                "@odata.context": { "type": "string" }, "@odata.count": { "type": "integer" }, "@odata.nextLink": { "type": "string" },
                "value": { "type": "array", "items": { "type": "object" } } } },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_description_is_what_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        let wanted = format!("{}\n", serde_json::to_string_pretty(&document()).expect("JSON"));
        if std::env::var_os("HIREWIRE_BLESS").is_some() {
            std::fs::write(path, &wanted).expect("write");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == wanted, "openapi.json is stale: run this test with HIREWIRE_BLESS=1");
    }
}
