//! Users of the embedded directory: where testers look for the result (spec/inbound-api.md §5, row 48).
use serde_json::{Value, json};

use super::tenant::merge;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::{Collection, Filter, Literal, Operator, Query};
use crate::request::Request;

/// What Graph shows of a user when nothing was selected (spec/targets.md §1.4).
const DEFAULT: [&str; 11] = [
    "id",
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
];

/// `GET /users`.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut page = collection(app, request)?.page(&request.head.query)?;
    if request.head.query.select().is_empty() && app.settings.rules.is_strict() {
        page.value = page.value.into_iter().map(defaults).collect();
    }
    Ok(Answer::ok(&page.into_json()))
}

/// `GET /users/$count`.
pub fn count(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let count = collection(app, request)?.count(&request.head.query)?;
    Ok(Answer::text(count.to_string()))
}

/// `GET /users/{id or userPrincipalName}`.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let user = find(app, request.params.get("user"))?;
    let select = request.head.query.select();
    let user = match (select.is_empty(), app.settings.rules.is_strict()) {
        (true, true) => defaults(user),
        (true, false) => user,
        (false, _) => crate::odata::collection::selected(user, &select),
    };
    let mut body = json!({ "@odata.context": request.head.context("users/$entity") });
    merge(&mut body, user);
    Ok(Answer::ok(&body))
}

/// `GET /users/{user}/manager`.
pub fn manager(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let user = find(app, request.params.get("user"))?;
    let id = match &user["manager"] {
        Value::String(id) => id.as_str(),
        other => other["id"].as_str().unwrap_or_default(),
    };
    if id.is_empty() {
        return Err(ApiError::no_such_object("manager"));
    }
    let mut body = json!({ "@odata.context": request.head.context("directoryObjects/$entity"), "@odata.type": "#microsoft.graph.user" });
    merge(&mut body, find(app, id)?);
    Ok(Answer::ok(&body))
}

fn defaults(user: Value) -> Value {
    let Value::Object(mut members) = user else { return user };
    let kept = DEFAULT.map(|name| (name.to_owned(), members.swap_remove(name).unwrap_or(Value::Null)));
    Value::Object(kept.into_iter().collect())
}

fn find(app: &App, key: &str) -> Result<Value, ApiError> {
    for attribute in ["id", "userPrincipalName"] {
        if let Some(user) = app.service.users(Some((attribute, key)))?.into_iter().next() {
            return Ok(user);
        }
    }
    Err(ApiError::no_such_object(key))
}

fn collection(app: &App, request: &Request) -> Result<Collection, ApiError> {
    let equal = sole_equality(&request.head.query)?;
    let equal = equal.as_ref().map(|(path, value)| (path.as_str(), value.as_str()));
    Ok(Collection {
        objects: app.service.users(equal)?,
        context: request.head.context("users"),
        url: format!("{}/users", request.head.root()),
    })
}

/// `employeeId eq '204001'`, the query that testers send, need not read the whole directory.
fn sole_equality(query: &Query) -> Result<Option<(String, String)>, ApiError> {
    let Some(text) = query.given("filter") else { return Ok(None) };
    Ok(match Filter::parse(text)? {
        Filter::Compare { path, operator: Operator::Eq, value: Literal::Text(value) }
            if path.fold.is_none() && !path.text.contains('/') =>
        {
            Some((path.text, value))
        }
        _ => None,
    })
}
