//! `hirewire users`: the embedded directory's accounts.
use std::collections::BTreeSet;

use hirewire_engine::value::AttributeValue;
use hirewire_target::embedded::{EmbeddedDirectory, User, UserFilter, UserOrder, UserQuery};
use serde_json::{Map, Value, json};

use crate::cli::{Global, Output, UsersArgs};
use crate::context::Context;
use crate::output::{Printer, plain};
use crate::report::Report;

/// Runs the command.
pub(crate) fn run(global: &Global, arguments: &UsersArgs, printer: &mut Printer) -> Result<(), Report> {
    let context = Context::open_for_reading(global)?;
    let directories = directories(&context, arguments.job.as_deref())?;
    let query = UserQuery {
        filter: arguments.search.clone().map(UserFilter::Search),
        deleted: arguments.deleted,
        order: UserOrder::DisplayName,
        after: None,
        limit: if arguments.limit == 0 { usize::MAX >> 2 } else { arguments.limit },
    };
    let (mut users, mut count) = (Vec::new(), 0);
    for directory in &directories {
        users.extend(directory.list(&query)?.users);
        count += directory.count(query.filter.as_ref(), query.deleted)?;
    }
    if directories.len() > 1 {
        users.sort_by_key(|user| user.attributes.get("displayName").map(shown));
        users.truncate(query.limit);
    }
    if global.output == Output::Json {
        let users: Vec<Value> = users.iter().map(json_of).collect();
        return printer.json(&json!({ "count": count, "value": users }));
    }
    let header = ["number", "display name", "userPrincipalName", "state", "title", "department"];
    let rows = users.iter().map(|user| {
        let text = |name: &str| user.attributes.get(name).map(shown).unwrap_or_default();
        let enabled = user.attributes.get("accountEnabled") == Some(&AttributeValue::Boolean(true));
        let state = match (user.deleted, enabled) {
            (Some(_), _) => "deleted",
            (None, true) => "enabled",
            (None, false) => "disabled",
        };
        vec![
            text("employeeId"),
            text("displayName"),
            text("userPrincipalName"),
            state.to_owned(),
            text("jobTitle"),
            text("department"),
        ]
    });
    printer.table(&header, rows)?;
    printer.line("")?;
    printer.line(&format!("{} of {count} accounts", users.len()))
}

/// The embedded directories that the named job writes, or all of them.
fn directories<'c>(context: &'c Context, job: Option<&str>) -> Result<Vec<&'c EmbeddedDirectory>, Report> {
    let all = &context.project.file;
    let names: BTreeSet<&String> = match job {
        Some(_) => context.job_names(job)?.into_iter().map(|name| &all.job[name].target).collect(),
        None => all.target.keys().collect(),
    };
    let found: Vec<_> = names.into_iter().filter_map(|name| context.target(name)?.embedded()).collect();
    if found.is_empty() {
        return Err(Report::new("there is no embedded directory")
            .help("accounts of other targets are looked at with their own tools"));
    }
    Ok(found)
}

/// A user as Graph shows one: attribute names as members, the manager by object id.
pub(crate) fn json_of(user: &User) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), json!(user.id));
    members.insert("createdDateTime".into(), json!(user.created.to_string()));
    for (name, value) in &user.attributes {
        members.insert(name.clone(), value_json(value));
    }
    if let Some(deleted) = user.deleted {
        members.insert("deletedDateTime".into(), json!(deleted.to_string()));
    }
    Value::Object(members)
}

fn value_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Boolean(state) => json!(state),
        AttributeValue::Integer(number) => json!(number),
        AttributeValue::List(values) => Value::Array(values.iter().map(value_json).collect()),
        other => json!(shown(other)),
    }
}

/// A value on one line.
pub(crate) fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) | AttributeValue::Reference(text) => plain(text),
        AttributeValue::Boolean(true) => "True".into(),
        AttributeValue::Boolean(false) => "False".into(),
        AttributeValue::Integer(number) => number.to_string(),
        AttributeValue::DateTime(moment) => format!("{moment}Z"),
        AttributeValue::Binary(bytes) => format!("({} bytes)", bytes.len()),
        AttributeValue::List(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
    }
}
