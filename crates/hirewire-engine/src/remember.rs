//! What is remembered of a person when a newer record comes: planning it again gives what planning the newer one gave.
use hirewire_scim::Lookup;
use serde_json::Value;

use crate::compiled::CompiledSchema;
use crate::lifecycle::{EXTENSION, Lifecycle};
use crate::settings::MissingActive;

impl CompiledSchema {
    /// The stored record with a newer one laid over it: an attribute that the newer one names is replaced, one that it
    /// leaves out stays; members of an extension, of `name` and of other complex attributes are merged one by one.
    ///
    /// Where an absence says something, it is remembered: an attribute that flows null is empty now, a missing `active`
    /// is false where the job reads it so (`spec/engine.md §6`), and dates without `active` speak for themselves.
    pub fn remember(&self, stored: Value, newer: &Value) -> Value {
        let mut merged = merge(stored, newer);
        for row in self.rows.iter().filter(|row| row.null_flow) {
            for slot in row.slots() {
                let path = &self.source[*slot].path;
                if matches!(path.get(newer), Lookup::Absent) && path.get(&merged).value().is_some() {
                    path.set(&mut merged, Value::Null);
                }
            }
        }
        if let Some(slot) = self.active {
            let path = &self.source[slot].path;
            let missing = path.get(newer).value().is_none();
            let dated = |record: &Value| {
                Lifecycle::read(record, &self.settings.time_zone).is_ok_and(|reading| reading.is_some())
            };
            if missing && dated(newer) {
                path.set(&mut merged, Value::Null);
            } else if missing && self.settings.missing_active == MissingActive::False && !dated(&merged) {
                path.set(&mut merged, Value::Bool(false));
            }
        }
        merged
    }

    /// The newer record as it is to be planned: with the dates that are remembered, and the `active` that goes with them,
    /// where it has none of its own.
    pub fn with_remembered_dates(&self, mut newer: Value, remembered: &Value) -> Value {
        let (Some(dates), Some(slot)) = (remembered.get(EXTENSION), self.active) else { return newer };
        if newer.get(EXTENSION).is_some() {
            return newer;
        }
        let path = &self.source[slot].path;
        if path.get(&newer).value().is_none()
            && let Some(active) = path.get(remembered).value()
        {
            path.set(&mut newer, active.clone());
        }
        if let Value::Object(members) = &mut newer {
            members.insert(EXTENSION.to_owned(), dates.clone());
        }
        newer
    }
}

/// A record with a newer one laid over it, without looking at what an absence says; attribute names compare ignoring case
/// (RFC 7643 §2.1).
pub fn merge(stored: Value, newer: &Value) -> Value {
    match (stored, newer) {
        (Value::Object(mut stored), Value::Object(newer)) => {
            for (name, value) in newer {
                let known = stored.contains_key(name).then(|| name.clone());
                let known =
                    known.or_else(|| stored.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned());
                let name = known.as_ref().unwrap_or(name);
                let merged = match stored.get_mut(name) {
                    Some(old @ Value::Object(_)) if value.is_object() => merge(old.take(), value),
                    _ => value.clone(),
                };
                stored.insert(name.clone(), merged);
            }
            Value::Object(stored)
        }
        (_, newer) => newer.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use hirewire_schema::Document;
    use serde_json::json;

    fn schema(null_flow: bool, missing_active: MissingActive) -> CompiledSchema {
        let attribute = |name: &str| json!({ "name": name, "type": "String", "flowNullValues": null_flow });
        let row = |target: &str, source: &str| {
            json!({
                "targetAttributeName": target, "flowType": "Always", "flowNullValues": null_flow,
                "source": { "expression": source },
            })
        };
        let document = json!({
            "id": "s", "version": "1",
            "directories": [
                { "id": "a", "name": "A", "objects": [{ "name": "User", "attributes": [
                    attribute("externalId"), attribute("active"), attribute("title"), attribute("name.middleName"),
                ] }] },
                { "id": "b", "name": "B", "objects": [{ "name": "User", "attributes": [
                    { "name": "accountEnabled", "type": "Boolean" }, { "name": "jobTitle", "type": "String" },
                    { "name": "middleName", "type": "String" },
                ] }] },
            ],
            "synchronizationRules": [{ "id": "r", "sourceDirectoryName": "A", "targetDirectoryName": "B", "objectMappings": [{
                "enabled": true, "flowTypes": "Add, Update, Delete", "sourceObjectName": "User", "targetObjectName": "User",
                "attributeMappings": [
                    row("accountEnabled", "[active]"), row("jobTitle", "[title]"), row("middleName", "[name.middleName]"),
                ],
            }] }],
        });
        let document = Document::parse(document.to_string().as_bytes()).expect("a schema");
        let settings = Settings { missing_active, ..Settings::default() };
        CompiledSchema::compile(&document.schema(), &settings).expect("compiles")
    }

    #[test]
    fn what_a_newer_record_leaves_out_stays_unless_its_absence_says_something() {
        let dates = json!({ "hireDate": "2026-01-01" });
        // (title, null flow, missing active, stored, newer, remembered)
        let cases = [
            (
                "a delta",
                false,
                MissingActive::Keep,
                json!({ "title": "A", "name": { "givenName": "Ada", "middleName": "M" }, "emails": [1, 2] }),
                json!({ "NAME": { "middleName": "N" }, "emails": [3], "active": false }),
                json!({ "title": "A", "name": { "givenName": "Ada", "middleName": "N" }, "emails": [3], "active": false }),
            ),
            (
                "null flow",
                true,
                MissingActive::Keep,
                json!({ "title": "A", "name": { "middleName": "M" } }),
                json!({ "active": true }),
                json!({ "title": null, "name": { "middleName": "M" }, "active": true }),
            ),
            (
                "null flow inside",
                true,
                MissingActive::Keep,
                json!({ "title": "A", "name": { "middleName": "M" } }),
                json!({ "title": "B", "name": { "givenName": "Ada" } }),
                json!({ "title": "B", "name": { "middleName": null, "givenName": "Ada" } }),
            ),
            (
                "missing active is false",
                false,
                MissingActive::False,
                json!({ "active": true }),
                json!({ "title": "B" }),
                json!({ "active": false, "title": "B" }),
            ),
            (
                "missing active is kept",
                false,
                MissingActive::Keep,
                json!({ "active": true }),
                json!({ "title": "B" }),
                json!({ "active": true, "title": "B" }),
            ),
            (
                "dates speak for themselves",
                false,
                MissingActive::False,
                json!({ "active": false }),
                json!({ EXTENSION: dates }),
                json!({ "active": null, EXTENSION: dates }),
            ),
        ];
        for (title, null_flow, missing, stored, newer, remembered) in cases {
            assert_eq!(schema(null_flow, missing).remember(stored, &newer), remembered, "{title}");
        }
    }

    #[test]
    fn remembered_dates_come_with_their_active() {
        let schema = schema(false, MissingActive::Keep);
        let remembered = json!({ "active": false, EXTENSION: { "hireDate": "2026-01-01" } });
        let planned = schema.with_remembered_dates(json!({ "title": "B" }), &remembered);
        assert_eq!(
            planned,
            json!({ "title": "B", "active": false, EXTENSION: { "hireDate": "2026-01-01" } })
        );
        let own = json!({ "title": "B", "active": true });
        let planned = schema.with_remembered_dates(own, &remembered);
        assert_eq!(planned["active"], json!(true));
    }
}
