//! JSON Schema as ParseJson and the Request trigger check it (`spec/workflows.md` §8.6).
//!
//! Draft 4 with `const`; errors in the service's shape and order: members in document order, then combinators, then
//! `required` and counts.

use serde_json::{Map, Value as Json, json};

use crate::expression::Value;

const MAX_DEPTH: usize = 100;
const MAX_ERRORS: usize = 1_000;

/// Checks a value; gives one object per error, none where it fits.
pub fn validate(value: &Json, schema: &Json) -> Vec<Json> {
    let mut checker = Checker { root: schema, errors: Vec::new(), depth: 0 };
    checker.check(value, schema, "", "#");
    checker.errors
}

struct Checker<'s> {
    root: &'s Json,
    errors: Vec<Json>,
    depth: usize,
}

fn fits(value: &Json, kind: &str) -> bool {
    match kind.to_ascii_lowercase().as_str() {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        _ => true,
    }
}

fn child(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    match (plain, path.is_empty()) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{path}.{name}"),
        (false, _) => format!("{path}['{name}']"),
    }
}

fn length(text: &str) -> u64 {
    text.encode_utf16().count() as u64
}

impl<'s> Checker<'s> {
    fn fail(&mut self, message: String, path: &str, value: &Json, id: &str, kind: &str) {
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        let mut error = Map::new();
        error.insert("message".into(), Json::from(message));
        error.insert("lineNumber".into(), Json::from(0));
        error.insert("linePosition".into(), Json::from(0));
        error.insert("path".into(), Json::from(path));
        if kind == "required" || !(value.is_null() || value.is_object() || value.is_array()) {
            error.insert("value".into(), value.clone());
        }
        error.insert("schemaId".into(), Json::from(id));
        error.insert("errorType".into(), Json::from(kind));
        error.insert("childErrors".into(), json!([]));
        self.errors.push(Json::Object(error));
    }

    fn passes(&self, value: &Json, schema: &'s Json, path: &str, id: &str) -> bool {
        let mut inner = Checker { root: self.root, errors: Vec::new(), depth: self.depth };
        inner.check(value, schema, path, id);
        inner.errors.is_empty()
    }

    fn check(&mut self, value: &Json, schema: &'s Json, path: &str, id: &str) {
        self.depth += 1;
        if self.depth > MAX_DEPTH || self.errors.len() >= MAX_ERRORS {
            self.depth -= 1;
            return;
        }
        match schema {
            Json::Object(members) => self.members(value, members, path, id),
            Json::Bool(false) => {
                self.fail("Schema always fails validation.".into(), path, value, id, "valid")
            }
            _ => {}
        }
        self.depth -= 1;
    }

    fn members(&mut self, value: &Json, schema: &'s Map<String, Json>, path: &str, id: &str) {
        if let Some(target) = schema.get("$ref").and_then(Json::as_str) {
            if let Some(found) = target.strip_prefix('#').and_then(|p| self.root.pointer(p)) {
                self.check(value, found, path, target);
            }
            return;
        }
        if let Some(wanted) = schema.get("type") {
            let names: Vec<&str> = match wanted {
                Json::String(one) => vec![one],
                Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
                _ => Vec::new(),
            };
            if !names.is_empty() && !names.iter().any(|n| fits(value, n)) {
                let order = ["String", "Number", "Integer", "Boolean", "Object", "Array", "Null"];
                let listed: Vec<&str> =
                    order.into_iter().filter(|o| names.iter().any(|n| n.eq_ignore_ascii_case(o))).collect();
                let message = format!(
                    "Invalid type. Expected {} but got {}.",
                    listed.join(", "),
                    Value::from(value).type_name()
                );
                self.fail(message, path, value, id, "type");
                return;
            }
        }
        if let Some(allowed) = schema.get("enum").and_then(Json::as_array)
            && !allowed.contains(value)
        {
            self.fail(format!("Value {value} is not defined in enum."), path, value, id, "enum");
        }
        if let Some(wanted) = schema.get("const")
            && wanted != value
        {
            self.fail(format!("Value {value} does not match const."), path, value, id, "const");
        }
        match value {
            Json::String(text) => self.text(text, value, schema, path, id),
            Json::Number(number) => self.number(number.as_f64().unwrap_or(0.0), value, schema, path, id),
            Json::Array(items) => self.items(items, value, schema, path, id),
            Json::Object(object) => self.object(object, schema, path, id),
            _ => {}
        }
        self.combinators(value, schema, path, id);
        if let Json::Object(object) = value {
            self.counts(object, value, schema, path, id);
        }
    }

    fn text(&mut self, text: &str, value: &Json, schema: &Map<String, Json>, path: &str, id: &str) {
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        if let Some(most) = limit("maxLength").filter(|m| length(text) > *m) {
            self.fail(
                format!("String '{text}' exceeds maximum length of {most}."),
                path,
                value,
                id,
                "maxLength",
            );
        }
        if let Some(least) = limit("minLength").filter(|m| length(text) < *m) {
            self.fail(
                format!("String '{text}' is less than minimum length of {least}."),
                path,
                value,
                id,
                "minLength",
            );
        }
        if let Some(pattern) = schema.get("pattern").and_then(Json::as_str)
            && regex::Regex::new(pattern).is_ok_and(|r| !r.is_match(text))
        {
            self.fail(
                format!("String '{text}' does not match regex pattern '{pattern}'."),
                path,
                value,
                id,
                "pattern",
            );
        }
        let format = schema.get("format").and_then(Json::as_str).unwrap_or_default();
        let bad = match format {
            "date-time" => crate::expression::DateTime::parse(text).is_none() || !text.contains(['T', 't']),
            "date" => text.len() != 10 || crate::expression::DateTime::parse(text).is_none(),
            "email" => !text.contains('@'),
            "uri" => reqwest::Url::parse(text).is_err(),
            "ipv4" => text.parse::<std::net::Ipv4Addr>().is_err(),
            "ipv6" => text.parse::<std::net::Ipv6Addr>().is_err(),
            _ => false,
        };
        if bad {
            self.fail(
                format!("String '{text}' does not validate against format '{format}'."),
                path,
                value,
                id,
                "format",
            );
        }
    }

    fn number(&mut self, number: f64, value: &Json, schema: &Map<String, Json>, path: &str, id: &str) {
        let limit = |key: &str| schema.get(key).and_then(Json::as_f64);
        let flag = |key: &str| schema.get(key) == Some(&Json::Bool(true));
        if let Some(least) = limit("minimum")
            && (number < least || number == least && flag("exclusiveMinimum"))
        {
            self.fail(format!("{value} is less than minimum value of {least}."), path, value, id, "minimum");
        }
        if let Some(most) = limit("maximum")
            && (number > most || number == most && flag("exclusiveMaximum"))
        {
            self.fail(format!("{value} exceeds maximum value of {most}."), path, value, id, "maximum");
        }
        if let Some(step) = limit("multipleOf").filter(|s| *s > 0.0) {
            let ratio = number / step;
            if (ratio - ratio.round()).abs() > 1e-9 {
                self.fail(format!("{value} is not a multiple of {step}."), path, value, id, "multipleOf");
            }
        }
    }

    fn items(&mut self, items: &[Json], value: &Json, schema: &'s Map<String, Json>, path: &str, id: &str) {
        match schema.get("items") {
            Some(Json::Array(list)) => {
                for (n, item) in items.iter().enumerate() {
                    let place = format!("{path}[{n}]");
                    match (list.get(n), schema.get("additionalItems")) {
                        (Some(schema), _) => self.check(item, schema, &place, &format!("{id}/items/{n}")),
                        (None, Some(Json::Bool(false))) => self.fail(format!("Index {} has not been defined and the schema does not allow additional items.", n + 1), &place, item, id, "additionalItems"),
                        (None, Some(schema)) => self.check(item, schema, &place, &format!("{id}/additionalItems")),
                        (None, None) => {}
                    }
                }
            }
            Some(schema) => {
                let id = format!("{id}/items");
                for (n, item) in items.iter().enumerate() {
                    self.check(item, schema, &format!("{path}[{n}]"), &id);
                }
            }
            None => {}
        }
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        let count = items.len() as u64;
        if let Some(most) = limit("maxItems").filter(|m| count > *m) {
            self.fail(
                format!("Array item count {count} exceeds maximum count of {most}."),
                path,
                value,
                id,
                "maximumItems",
            );
        }
        if let Some(least) = limit("minItems").filter(|m| count < *m) {
            self.fail(
                format!("Array item count {count} is less than minimum count of {least}."),
                path,
                value,
                id,
                "minimumItems",
            );
        }
        if schema.get("uniqueItems") == Some(&Json::Bool(true)) {
            let mut seen = std::collections::HashSet::new();
            if let Some(n) = items.iter().position(|i| !seen.insert(i.to_string())) {
                self.fail(format!("Non-unique array item at index {n}."), path, value, id, "uniqueItems");
            }
        }
    }

    fn object(&mut self, object: &Map<String, Json>, schema: &'s Map<String, Json>, path: &str, id: &str) {
        let properties = schema.get("properties").and_then(Json::as_object);
        let patterns: Vec<(regex::Regex, &'s Json, &'s str)> = schema
            .get("patternProperties")
            .and_then(Json::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(p, s)| Some((regex::Regex::new(p).ok()?, s, p.as_str())))
            .collect();
        for (name, value) in object {
            let place = child(path, name);
            let mut known = false;
            if let Some(schema) = properties.and_then(|p| p.get(name)) {
                self.check(value, schema, &place, &format!("{id}/properties/{name}"));
                known = true;
            }
            for (pattern, schema, source) in &patterns {
                if pattern.is_match(name) {
                    self.check(value, schema, &place, &format!("{id}/patternProperties/{source}"));
                    known = true;
                }
            }
            match schema.get("additionalProperties") {
                Some(Json::Bool(false)) if !known => {
                    self.fail(format!("Property '{name}' has not been defined and the schema does not allow additional properties."), &place, &Json::Null, id, "additionalProperties");
                }
                Some(schema) if !known => {
                    self.check(value, schema, &place, &format!("{id}/additionalProperties"))
                }
                _ => {}
            }
        }
    }

    fn combinators(&mut self, value: &Json, schema: &'s Map<String, Json>, path: &str, id: &str) {
        let list = |key: &str| schema.get(key).and_then(Json::as_array);
        for (n, one) in list("allOf").into_iter().flatten().enumerate() {
            self.check(value, one, path, &format!("{id}/allOf/{n}"));
        }
        if let Some(any) = list("anyOf")
            && !any.iter().enumerate().any(|(n, s)| self.passes(value, s, path, &format!("{id}/anyOf/{n}")))
        {
            self.fail("JSON does not match any schemas from 'anyOf'.".into(), path, value, id, "anyOf");
        }
        if let Some(one) = list("oneOf") {
            let matching: Vec<String> = one
                .iter()
                .enumerate()
                .filter(|(n, s)| self.passes(value, s, path, &format!("{id}/oneOf/{n}")))
                .map(|(n, _)| n.to_string())
                .collect();
            if matching.is_empty() {
                self.fail("JSON is valid against no schemas from 'oneOf'.".into(), path, value, id, "oneOf");
            } else if matching.len() > 1 {
                self.fail(
                    format!(
                        "JSON is valid against more than one schema from 'oneOf'. Valid schema indexes: {}.",
                        matching.join(", ")
                    ),
                    path,
                    value,
                    id,
                    "oneOf",
                );
            }
        }
        if let Some(not) = schema.get("not")
            && self.passes(value, not, path, &format!("{id}/not"))
        {
            self.fail("JSON is valid against schema from 'not'.".into(), path, value, id, "not");
        }
    }

    fn counts(
        &mut self,
        object: &Map<String, Json>,
        value: &Json,
        schema: &'s Map<String, Json>,
        path: &str,
        id: &str,
    ) {
        for (name, wanted) in schema.get("dependencies").and_then(Json::as_object).into_iter().flatten() {
            if !object.contains_key(name) {
                continue;
            }
            match wanted {
                Json::Array(names) => {
                    let missing: Vec<&str> =
                        names.iter().filter_map(Json::as_str).filter(|n| !object.contains_key(*n)).collect();
                    if !missing.is_empty() {
                        self.fail(
                            format!(
                                "Dependencies for property '{name}' failed. Missing required keys: {}.",
                                missing.join(", ")
                            ),
                            path,
                            value,
                            id,
                            "dependencies",
                        );
                    }
                }
                schema => self.check(value, schema, path, &format!("{id}/dependencies/{name}")),
            }
        }
        let required = schema.get("required").and_then(Json::as_array);
        let missing: Vec<&str> = required
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .filter(|n| !object.contains_key(*n))
            .collect();
        if !missing.is_empty() {
            let message = format!("Required properties are missing from object: {}.", missing.join(", "));
            self.fail(message, path, &json!(missing), id, "required");
        }
        let limit = |key: &str| schema.get(key).and_then(Json::as_u64);
        let count = object.len() as u64;
        if let Some(least) = limit("minProperties").filter(|m| count < *m) {
            self.fail(
                format!("Object property count {count} is less than minimum count of {least}."),
                path,
                value,
                id,
                "minimumProperties",
            );
        }
        if let Some(most) = limit("maxProperties").filter(|m| count > *m) {
            self.fail(
                format!("Object property count {count} exceeds maximum count of {most}."),
                path,
                value,
                id,
                "maximumProperties",
            );
        }
    }
}
