//! A case's changes of its schema document, applied in the order that `vectors/README.md` gives.
use serde_json::{Map, Value, json};

/// Applies `override` to the document's one rule and object mapping.
pub(super) fn apply(document: &mut Value, changes: &Value) {
    let Some(changes) = changes.as_object() else { return };
    let rule = &document["synchronizationRules"][0];
    let mapping = &rule["objectMappings"][0];
    let source = [&rule["sourceDirectoryName"], &mapping["sourceObjectName"]].map(Value::clone);
    let target = [&rule["targetDirectoryName"], &mapping["targetObjectName"]].map(Value::clone);
    if let Some(object) = object(document, &source) {
        merge_attributes(&mut object["attributes"], changes.get("sourceAttributes"));
    }
    if let Some(object) = object(document, &target) {
        merge_attributes(&mut object["attributes"], changes.get("targetAttributes"));
        if let Some(metadata) = changes.get("targetMetadata") {
            object["metadata"] = metadata.clone();
        }
    }
    let mapping = &mut document["synchronizationRules"][0]["objectMappings"][0];
    if let (Some(removed), Some(rows)) =
        (changes.get("removeMappings").and_then(Value::as_array), mapping["attributeMappings"].as_array_mut())
    {
        rows.retain(|row| !removed.contains(&row["targetAttributeName"]));
    }
    merge_rows(&mut mapping["attributeMappings"], changes.get("mappings"));
    for name in ["scope", "flowTypes", "enabled"] {
        if let Some(value) = changes.get(name) {
            mapping[name] = value.clone();
        }
    }
}

fn object<'d>(document: &'d mut Value, [directory, name]: &[Value; 2]) -> Option<&'d mut Value> {
    let directories = document["directories"].as_array_mut()?;
    let directory = directories.iter_mut().find(|candidate| candidate["name"] == *directory)?;
    directory["objects"].as_array_mut()?.iter_mut().find(|object| object["name"] == *name)
}

fn merge_attributes(attributes: &mut Value, changes: Option<&Value>) {
    merge(attributes, changes, "name", |name| {
        json!({
            "anchor": false, "caseExact": false, "defaultValue": null, "flowNullValues": false, "multivalued": false,
            "mutability": "ReadWrite", "name": name, "required": false, "type": "String",
            "apiExpressions": [], "metadata": [], "referencedObjects": [],
        })
    });
}

fn merge_rows(rows: &mut Value, changes: Option<&Value>) {
    merge(rows, changes, "targetAttributeName", |name| {
        json!({
            "defaultValue": null, "exportMissingReferences": false, "flowBehavior": "FlowWhenChanged",
            "flowType": "Always", "matchingPriority": 0, "targetAttributeName": name, "source": null,
        })
    });
}

/// Members given replace; what is not there yet is added.
fn merge(list: &mut Value, changes: Option<&Value>, key: &str, new: impl Fn(&Value) -> Value) {
    let (Some(list), Some(changes)) = (list.as_array_mut(), changes.and_then(Value::as_array)) else {
        return;
    };
    for change in changes {
        let index = list.iter().position(|element| element[key] == change[key]).unwrap_or_else(|| {
            list.push(new(&change[key]));
            list.len() - 1
        });
        let empty = Map::new();
        for (name, value) in change.as_object().unwrap_or(&empty) {
            list[index][name] = value.clone();
        }
    }
}
