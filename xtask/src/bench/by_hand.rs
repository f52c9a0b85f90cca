//! The peer of the column map: the same requests written by a map that is compiled in.
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

/// Operations in a request.
pub(crate) const OPERATIONS: usize = 50;

/// The same map as settings, for [`super::people::HEADER`].
pub(crate) const SETTINGS: &str = r#"
[project]
name = "bench"

[source.hr]
files = "EXPORT"
format = "csv"
encoding = "utf-8"
delimiter = ","
key = "EmployeeNumber"

[source.hr.status]
column = "Status"
active = ["Active"]
inactive = ["Terminated"]

[source.hr.reference]
column = "ManagerEmployeeNumber"

[source.hr.columns]
externalId = "[EmployeeNumber]"
userName = "[WorkEmail]"
active = "[Status]"
displayName = 'Join(" ", [FirstName], [LastName])'
"name.givenName" = "[FirstName]"
"name.familyName" = "[LastName]"
title = "[JobTitle]"
userType = "[EmploymentType]"
'emails[type eq "work"].value' = "[WorkEmail]"
'phoneNumbers[type eq "work"].value' = "[WorkPhone]"
'phoneNumbers[type eq "mobile"].value' = "[MobilePhone]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber" = "[EmployeeNumber]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department" = "[Department]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division" = "[Division]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter" = "[CostCenter]"
"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager" = "[ManagerEmployeeNumber]"
"#;

#[derive(Serialize)]
struct Bulk<'a> {
    schemas: [&'a str; 1],
    #[serde(rename = "Operations")]
    operations: Vec<Operation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    method: &'static str,
    bulk_id: String,
    path: &'static str,
    data: User,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    schemas: [&'static str; 2],
    external_id: String,
    user_name: String,
    active: bool,
    display_name: String,
    name: Name,
    title: String,
    user_type: String,
    emails: [Typed; 1],
    phone_numbers: [Typed; 2],
    #[serde(rename = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")]
    enterprise: Enterprise,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    given_name: String,
    family_name: String,
}

#[derive(Serialize)]
struct Typed {
    r#type: &'static str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Enterprise {
    employee_number: String,
    department: String,
    division: String,
    cost_center: String,
    manager: Option<Manager>,
}

#[derive(Serialize)]
struct Manager {
    value: String,
}

fn operation(r: &csv::StringRecord) -> Operation {
    let cell = |at: usize| r.get(at).unwrap_or_default().to_owned();
    Operation {
        method: "POST",
        bulk_id: cell(0),
        path: "/Users",
        data: User {
            schemas: [
                "urn:ietf:params:scim:schemas:core:2.0:User",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ],
            external_id: cell(0),
            user_name: cell(6),
            active: &r[19] != "Terminated",
            display_name: format!("{} {}", &r[1], &r[2]),
            name: Name { given_name: cell(1), family_name: cell(2) },
            title: cell(7),
            user_type: cell(15),
            emails: [Typed { r#type: "work", value: cell(6) }],
            phone_numbers: [
                Typed { r#type: "work", value: cell(20) },
                Typed { r#type: "mobile", value: cell(21) },
            ],
            enterprise: Enterprise {
                employee_number: cell(0),
                department: cell(8),
                division: cell(9),
                cost_center: cell(10),
                manager: (!r[14].is_empty()).then(|| Manager { value: cell(14) }),
            },
        },
    }
}

/// Maps an export into requests, one a line of `out`.
pub(crate) fn map(export: &Path, out: &Path) -> Result<Duration> {
    let began = Instant::now();
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(1 << 20).from_path(export)?;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(out)?);
    let mut record = csv::StringRecord::new();
    let mut operations = Vec::with_capacity(OPERATIONS);
    let mut flush = |operations: Vec<Operation>| -> Result<()> {
        let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
        serde_json::to_writer(&mut out, &Bulk { schemas, operations })?;
        out.write_all(b"\n")?;
        Ok(())
    };
    while reader.read_record(&mut record)? {
        operations.push(operation(&record));
        if operations.len() == OPERATIONS {
            flush(std::mem::replace(&mut operations, Vec::with_capacity(OPERATIONS)))?;
        }
    }
    if !operations.is_empty() {
        flush(operations)?;
    }
    out.flush()?;
    Ok(began.elapsed())
}
