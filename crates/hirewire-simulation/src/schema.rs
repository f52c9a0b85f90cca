//! The mappings of the made-up job: few rows, each kind of row that behaves differently under faults.
use std::sync::LazyLock;

use hirewire_engine::{CompiledSchema, MissingActive, Settings};
use hirewire_schema::Document;
use serde_json::{Value, json};

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
pub(crate) const LIFECYCLE: &str = "urn:hirewire:params:scim:schemas:extension:lifecycle:2.0:User";

/// What differs between jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The user principal name follows the record (and may pass to somebody else); else it is chosen once, unique.
    pub(crate) names_follow: bool,
    /// An absent or null department clears the account's.
    pub(crate) null_flow: bool,
    /// A record without `active` means disabled, as in Entra; else it means "as before".
    pub(crate) missing_is_false: bool,
    /// Only people of a department that has a number are in scope.
    pub(crate) scoped: bool,
}

impl Variant {
    /// The variant of this number, from 0 to 15.
    pub(crate) fn number(number: usize) -> Self {
        Self {
            names_follow: number & 1 != 0,
            null_flow: number & 2 != 0,
            missing_is_false: number & 4 != 0,
            scoped: number & 8 != 0,
        }
    }

    fn index(self) -> usize {
        usize::from(self.names_follow)
            | usize::from(self.null_flow) << 1
            | usize::from(self.missing_is_false) << 2
            | usize::from(self.scoped) << 3
    }

    /// The job's schema, compiled once.
    pub(crate) fn schema(self) -> &'static CompiledSchema {
        static SCHEMAS: LazyLock<Vec<CompiledSchema>> =
            LazyLock::new(|| (0..16).map(|number| compile(Variant::number(number))).collect());
        &SCHEMAS[self.index()]
    }
}

fn compile(variant: Variant) -> CompiledSchema {
    let document = document(variant).to_string();
    let document = Document::parse(document.as_bytes()).expect("the simulation's schema is one");
    let settings = Settings {
        missing_active: if variant.missing_is_false { MissingActive::False } else { MissingActive::Keep },
        default_domain: Some("contoso.com".into()),
        ..Settings::default()
    };
    CompiledSchema::compile(&document.schema(), &settings).expect("the simulation's schema compiles")
}

fn attribute(name: &str, kind: &str, required: bool) -> Value {
    json!({ "name": name, "type": kind, "required": required, "mutability": "ReadWrite" })
}

fn row(target: &str, expression: &str, flow: &str, priority: u32) -> Value {
    json!({
        "targetAttributeName": target,
        "flowType": flow,
        "flowBehavior": "FlowWhenChanged",
        "matchingPriority": priority,
        "source": { "expression": expression },
    })
}

fn document(variant: Variant) -> Value {
    let unique = r#"SelectUniqueValue(
        Join("", [name.givenName], "@contoso.com"),
        Join("", [name.givenName], "1@contoso.com"),
        Join("", [name.givenName], "2@contoso.com"),
        Join("", [name.givenName], [externalId], "@contoso.com"))"#;
    let upn = match variant.names_follow {
        true => row("userPrincipalName", "[userName]", "Always", 0),
        false => row("userPrincipalName", unique, "ObjectAddOnly", 0),
    };
    let department = format!("[{ENTERPRISE}:department]");
    let mut department_row = row("department", &department, "Always", 0);
    let mut department_attribute = attribute(&format!("{ENTERPRISE}:department"), "String", false);
    if variant.null_flow {
        department_row["flowNullValues"] = json!(true);
        department_attribute["flowNullValues"] = json!(true);
    }
    let scope = match variant.scoped {
        false => Value::Null,
        true => json!({ "groups": [{ "name": "numbered", "clauses": [{
            "operatorName": "IS NOT NULL",
            "sourceOperandName": format!("{ENTERPRISE}:division"),
            "targetOperand": { "values": [] },
        }] }] }),
    };
    json!({
        "id": "simulation",
        "version": "1",
        "directories": [
            { "id": "people", "name": "People", "objects": [{ "name": "User", "metadata": [
                { "key": "PropertyNameAccountEnabled", "value": "active" },
            ], "attributes": [
                attribute("externalId", "String", true),
                attribute("userName", "String", false),
                attribute("active", "Boolean", false),
                attribute("title", "String", false),
                attribute("name.givenName", "String", false),
                attribute("name.familyName", "String", false),
                attribute("emails[type eq \"work\"].value", "String", false),
                department_attribute,
                attribute(&format!("{ENTERPRISE}:division"), "String", false),
                attribute(&format!("{ENTERPRISE}:manager"), "Reference", false),
            ] }] },
            { "id": "directory", "name": "Directory", "objects": [{ "name": "User", "metadata": [
                { "key": "PropertyNameAccountEnabled", "value": "accountEnabled" },
            ], "attributes": [
                attribute("employeeId", "String", false),
                attribute("userPrincipalName", "String", true),
                attribute("accountEnabled", "Boolean", true),
                attribute("displayName", "String", true),
                attribute("jobTitle", "String", false),
                attribute("department", "String", false),
                attribute("mail", "String", false),
                attribute("manager", "Reference", false),
            ] }] },
        ],
        "synchronizationRules": [{
            "id": "rule", "name": "people", "priority": 1,
            "sourceDirectoryName": "People", "targetDirectoryName": "Directory",
            "objectMappings": [{
                "enabled": true, "name": "people", "flowTypes": "Add, Update, Delete",
                "sourceObjectName": "User", "targetObjectName": "User", "scope": scope,
                "attributeMappings": [
                    row("employeeId", "[externalId]", "Always", 1),
                    upn,
                    row("accountEnabled", "[active]", "Always", 0),
                    row("displayName", "Join(\" \", [name.givenName], [name.familyName])", "Always", 0),
                    row("jobTitle", "[title]", "Always", 0),
                    department_row,
                    row("mail", "[emails[type eq \"work\"].value]", "Always", 0),
                    row("manager", &format!("[{ENTERPRISE}:manager]"), "Always", 0),
                ],
            }],
        }],
    })
}
