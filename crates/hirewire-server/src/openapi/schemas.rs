//! What bodies look like, as JSON Schema: as strict as the server is in open mode, no stricter.
use serde_json::{Value, json};

/// A reference to one of [`all`].
pub(super) fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn collection(items: Value) -> Value {
    object(
        &["@odata.context", "value"],
        json!({
            "@odata.context": { "type": "string" },
            "@odata.count": { "type": "integer", "minimum": 0 },
            "@odata.nextLink": { "type": "string" },
            "value": { "type": "array", "items": items },
        }),
    )
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// Every named schema.
pub(super) fn all() -> Value {
    let mut all = requests();
    for part in [answers(), job(), log(), receipts()] {
        crate::graph::tenant::merge(&mut all, part);
    }
    all
}

fn requests() -> Value {
    let key_value = object(
        &["key"],
        json!({ "key": { "type": "string", "minLength": 1, "maxLength": 128 },
        "value": { "type": ["string", "null"], "maxLength": 65_536 } }),
    );
    json!({
        "BulkRequest": object(&["Operations"], json!({
            "schemas": { "description": "[\"urn:ietf:params:scim:api:messages:2.0:BulkRequest\"]; strict mode demands it" },
            "failOnErrors": { "description": "Ignored, as by the real service" },
            "Operations": { "type": "array", "minItems": 1, "items": named("BulkOperation"),
                "description": "50 at most in strict mode" } })),
        "BulkOperation": object(&["data"], json!({
            "method": { "description": "POST" }, "path": { "description": "/Users" },
            "bulkId": { "description": "The client's name of the operation" },
            "data": object(&["externalId"], json!({
                "schemas": { "description": "The URNs used; strict mode demands core and enterprise User" },
                "externalId": { "type": ["string", "integer"], "description": "The person's immutable key" } })) })),
        "SecretKeyStringValuePair": key_value,
        "Secrets": object(&["value"], json!({ "value": { "type": "array", "items": named("SecretKeyStringValuePair") } })),
        "SynchronizationSecrets": object(&["secrets"], json!({ "secrets": { "type": "array", "items": named("SecretKeyStringValuePair") } })),
        "NewJob": object(&["templateId"], json!({ "templateId": { "type": "string", "enum": ["API2AAD", "API2AD", "API2LDAP", "API2SCIM", "API2EMBEDDED"] } })),
        "JobChange": object(&[], json!({
            "schedule": { "type": ["object", "null"], "properties": { "state": { "type": ["string", "null"] } } },
            "synchronizationJobSettings": { "type": ["array", "null"], "items": { "type": "object", "required": ["name"],
                "properties": { "name": text(), "value": { "type": ["string", "null"] } } } } })),
        "Restart": object(&[], json!({ "criteria": { "type": ["object", "null"], "properties": {
            "resetScope": { "type": ["string", "null"], "description": "None, ConnectorDataStore, Escrows, Watermark, QuarantineState, Full, ForceDeletes; several with commas" } } } })),
        "OnDemand": object(&["parameters"], json!({ "parameters": { "type": "array", "minItems": 1, "items": object(&["subjects"], json!({
            "ruleId": { "type": ["string", "null"] },
            "subjects": { "type": "array", "minItems": 1, "maxItems": 5, "items": object(&["objectId"], json!({
                "objectId": text(), "objectTypeName": { "type": ["string", "null"] } })) } })) } })),
        "Schema": object(&["synchronizationRules", "directories"], json!({
            "synchronizationRules": { "type": "array", "items": { "type": "object" } },
            "directories": { "type": "array", "items": { "type": "object" } } })),
        "ParseExpression": object(&["expression"], json!({ "expression": text(), "testInputObject": {}, "targetAttributeDefinition": {} })),
        "NewApplication": object(&["displayName"], json!({ "displayName": { "type": "string", "minLength": 1, "maxLength": 120 } })),
        "NewAssignment": object(&["principalId", "resourceId", "appRoleId"], json!({
            "principalId": text(), "resourceId": text(), "appRoleId": text() })),
        "Batch": object(&["requests"], json!({ "requests": { "type": "array", "minItems": 1, "maxItems": 20, "items": object(&["id", "method", "url"], json!({
            "id": { "type": "string", "minLength": 1 }, "method": text(), "url": text(),
            "headers": { "type": ["object", "null"], "additionalProperties": text() }, "body": {},
            "dependsOn": { "type": ["array", "null"], "items": text() } })) } })),
        "TokenRequest": object(&["grant_type"], json!({
            "grant_type": { "const": "client_credentials" }, "client_id": text(), "client_secret": text(), "scope": text(), "resource": text(),
            "client_assertion": text(), "client_assertion_type": text() })),
        "Clock": object(&[], json!({ "now": text(), "advance": text(), "frozen": { "type": "boolean" }, "reset": { "type": "boolean" } })),
        "Fault": object(&[], json!({ "method": text(), "path": text(), "times": { "type": "integer", "minimum": 1 },
            "percent": { "type": "integer", "minimum": 0, "maximum": 255 }, "status": { "type": "integer", "minimum": 100, "maximum": 999 },
            "code": text(), "message": text(), "retryAfter": { "type": "integer", "minimum": 0 }, "delay": { "type": "integer", "minimum": 0 },
            "lost": { "type": "boolean" } })),
        "Reset": object(&[], json!({ "keepPeople": { "type": "boolean" } })),
    })
}

fn answers() -> Value {
    json!({
        "Error": object(&["error"], json!({ "error": object(&["code", "message", "innerError"], json!({
            "code": text(), "message": text(),
            "details": { "type": "array", "items": object(&["code", "message"], json!({
                "code": text(), "target": text(), "message": text(), "hint": text() })) },
            "innerError": object(&["date", "request-id", "client-request-id"], json!({
                "date": text(), "request-id": text(), "client-request-id": text() })) })) })),
        "OAuthError": object(&["error", "error_description"], json!({ "error": text(), "error_description": text(),
            "error_codes": { "type": "array", "items": { "type": "integer" } } })),
        "Token": object(&["token_type", "expires_in", "access_token"], json!({
            "token_type": { "const": "Bearer" }, "expires_in": { "type": ["integer", "string"] }, "access_token": text() })),
        "Object": { "type": "object" },
        "Collection": collection(json!({ "type": "object" })),
        "BatchAnswer": object(&["responses"], json!({ "responses": { "type": "array", "items": object(&["id", "status"], json!({
            "id": text(), "status": { "type": "integer" }, "headers": { "type": "object" }, "body": {} })) } })),
        "Pair": object(&["key", "value"], json!({ "key": text(), "value": text() })),
    })
}

fn job() -> Value {
    json!({
        "Job": object(&["id", "templateId", "schedule", "status", "synchronizationJobSettings"], json!({
            "id": text(), "templateId": text(),
            "schedule": object(&["interval", "state"], json!({ "expiration": { "type": ["string", "null"] }, "interval": text(),
                "state": { "enum": ["Active", "Disabled", "Paused"] } })),
            "status": object(&["code"], json!({ "code": { "enum": ["NotConfigured", "NotRun", "Active", "Paused", "Quarantine"] } })),
            "synchronizationJobSettings": { "type": "array" } })),
        "Jobs": collection(json!({ "type": "object" })),
    })
}

fn log() -> Value {
    json!({
        "ProvisioningLog": collection(json!({ "type": "object" })),
        "ProvisioningRecord": object(&["id", "activityDateTime", "jobId", "provisioningAction", "provisioningStatusInfo", "provisioningSteps"], json!({
            "id": text(), "activityDateTime": text(), "tenantId": text(), "jobId": text(), "cycleId": text(), "changeId": text(),
            "provisioningAction": { "enum": ["create", "update", "delete", "stagedDelete", "disable", "other"] },
            "durationInMilliseconds": { "type": "integer" },
            "provisioningStatusInfo": object(&["status", "errorInformation"], json!({
                "status": { "enum": ["success", "failure", "skipped", "warning"] }, "errorInformation": { "type": ["object", "null"] } })),
            "provisioningSteps": { "type": "array", "items": { "type": "object" } },
            "modifiedProperties": { "type": "array", "items": object(&["displayName", "oldValue", "newValue"], json!({
                "displayName": text(), "oldValue": { "type": ["string", "null"] }, "newValue": { "type": ["string", "null"] } })) } })),
    })
}

fn receipts() -> Value {
    let status = json!({ "enum": ["accepted", "waiting", "applied", "skipped", "failed"] });
    json!({
        "Upload": object(&["id", "jobId", "receivedDateTime", "requestId", "operationCount"], json!({
            "id": text(), "jobId": text(), "receivedDateTime": text(), "requestId": text(), "operationCount": { "type": "integer" } })),
        "Uploads": collection(named("Upload")),
        "Receipt": object(&["id", "status", "counts", "operations"], json!({
            "id": text(), "status": { "enum": ["accepted", "waiting", "processing", "completed"] }, "reason": text(),
            "counts": { "type": "object", "additionalProperties": { "type": "integer" } },
            "operations": { "type": "array", "items": object(&["index", "status"], json!({
                "index": { "type": "integer" }, "bulkId": { "type": ["string", "null"] }, "externalId": { "type": ["string", "null"] },
                "status": status, "reason": { "type": ["string", "null"] }, "logEntryId": { "type": ["string", "null"] } })) } })),
        "Plan": object(&["totals", "people"], json!({ "totals": { "type": "object" }, "people": { "type": "array" } })),
    })
}
