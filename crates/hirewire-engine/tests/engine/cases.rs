//! Our own cases beside the vectors, in the same shape; and the runner itself.
use serde_json::{Value, json};

fn read(path: &str) -> Value {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("in the repository")).expect("JSON")
}

fn merge(into: &mut Value, patch: &Value) {
    for (name, value) in patch.as_object().into_iter().flatten() {
        let Some(members) = into.as_object_mut() else { continue };
        if value == "(absent)" {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
}

/// A case of a scope alone: `clauses` of one group as `[operator, attribute, values]`, and whether somebody new is `in`.
fn scoped(case: &Value) -> Value {
    let clause = |clause: &Value| {
        json!({
            "operatorName": clause[0],
            "sourceOperandName": clause[1],
            "targetOperand": if clause[2].is_null() { Value::Null } else { json!({ "values": clause[2] }) },
        })
    };
    let clauses: Vec<Value> = case["clauses"].as_array().into_iter().flatten().map(clause).collect();
    let groups = json!([{ "name": "g1", "clauses": clauses }]);
    let scope = json!({ "groups": groups, "inputFilterGroups": [], "categoryFilterGroups": [] });
    let mut whole = json!({
        "id": case["id"],
        "like": "create-01",
        "override": { "scope": scope, "sourceAttributes": case.get("sourceAttributes").unwrap_or(&json!([])) },
        "record": case["record"],
    });
    if case["in"] == false {
        whole["expect"] = json!({ "action": "skip", "reason": "NotEffectivelyEntitled", "changes": {} });
    }
    whole
}

/// A case as a complete vector.
fn complete(case: &Value, vectors: &Value) -> Value {
    if case["clauses"].is_array() {
        return complete(&scoped(case), vectors);
    }
    let like = vectors["cases"].as_array().into_iter().flatten().find(|vector| vector["id"] == case["like"]);
    let mut vector = like.cloned().unwrap_or_else(|| panic!("{} is like nothing", case["id"]));
    for (name, value) in case.as_object().into_iter().flatten() {
        match name.as_str() {
            "record" => merge(&mut vector["record"], value),
            "account" => merge(&mut vector["targets"][0]["attributes"], value),
            "changes" => merge(&mut vector["expect"]["changes"], value),
            "state" => vector["targets"][0]["state"] = value.clone(),
            "without" => {
                for name in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
                    merge(&mut vector["expect"]["changes"], &json!({ name: "(absent)" }));
                }
            }
            "like" | "renameAccountState" => {}
            _ => vector[name] = value.clone(),
        }
    }
    vector
}

#[test]
fn all_cases_hold() {
    let vectors = read("../../vectors/engine.json");
    let cases = read("tests/engine/cases.json");
    let mut failed = Vec::new();
    let mut ids = std::collections::HashSet::new();
    for case in cases["cases"].as_array().expect("cases") {
        let mut schemas = vectors["schemas"].clone();
        assert!(ids.insert(case["id"].as_str()), "{} twice", case["id"]);
        if case["renameAccountState"] == true {
            // A target object that knows no account state at all.
            let text = schemas.to_string().replace("\"name\":\"accountEnabled\"", "\"name\":\"unrelated\"");
            schemas = serde_json::from_str(&text).expect("JSON");
        }
        let document = json!({ "schemas": schemas, "cases": [complete(case, &vectors)] });
        let outcomes = hirewire_engine::vectors::run(&document.to_string());
        assert_eq!(outcomes.len(), 1, "{}", case["id"]);
        for outcome in outcomes {
            if !outcome.passed {
                failed.push(format!(
                    "{}\n  expected {}\n  got      {}",
                    outcome.id, outcome.expected, outcome.got
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{} cases:\n{}", failed.len(), failed.join("\n"));
}

/// A runner that accepts everything would be worth nothing: each wrong expectation is refused.
#[test]
fn wrong_expectations_are_refused() {
    let vectors = read("../../vectors/engine.json");
    let wrong = [
        ("create-01", json!({"action": "update"})),
        ("create-01", json!({"reason": "RedundantExport"})),
        ("create-01", json!({"changes": {}})),
        ("match-02", json!({"matchedBy": null})),
        ("match-02", json!({"changes": {"jobTitle": ["Senior Engineer", "Engineer"]}})),
        ("reference-02", json!({"references": "(absent)"})),
        ("reference-04", json!({"references": {"manager": {"from": "T9", "to": "T9", "status": "set"}}})),
        ("active-07", json!({"warnings": ["NoSuchWarning"]})),
        ("link-05", json!({"unknownMember": 1})),
    ];
    for (id, patch) in wrong {
        let mut vector = complete(&json!({"like": id}), &vectors);
        merge(&mut vector["expect"], &patch);
        let document = json!({ "schemas": vectors["schemas"], "cases": [vector] });
        let outcomes = hirewire_engine::vectors::run(&document.to_string());
        assert!(outcomes.iter().all(|outcome| !outcome.passed), "{id} {patch}");
    }
}
