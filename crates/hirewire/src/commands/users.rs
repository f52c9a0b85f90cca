//! `hirewire users`: the embedded directory's accounts.
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
    let directory = directory(&context)?;
    let query = UserQuery {
        filter: arguments.search.clone().map(UserFilter::Search),
        deleted: arguments.deleted,
        order: UserOrder::DisplayName,
        after: None,
        limit: if arguments.limit == 0 { usize::MAX >> 2 } else { arguments.limit },
    };
    let page = directory.list(&query)?;
    let count = directory.count(query.filter.as_ref(), query.deleted)?;
    if global.output == Output::Json {
        let users: Vec<Value> = page.users.iter().map(json_of).collect();
        return printer.json(&json!({ "count": count, "value": users }));
    }
    let header = ["number", "display name", "userPrincipalName", "state", "title", "department"];
    let rows = page.users.iter().map(|user| {
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
    printer.line(&format!("{} of {count} accounts", page.users.len()))
}

/// The project's embedded directory.
pub(crate) fn directory(context: &Context) -> Result<&EmbeddedDirectory, Report> {
    let mut targets = context.project.file.target.keys().filter_map(|name| context.target(name)?.embedded());
    targets.next().ok_or_else(|| {
        Report::new("the project has no embedded directory")
            .help("accounts of other targets are looked at with their own tools")
    })
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
