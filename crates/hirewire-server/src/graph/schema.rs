//! The schema of a job: read, replace, go back to the template; its directories, operators and functions
//! (spec/inbound-api.md §6.3, §6.4, spec/synchronization-schema.md §1, §7, §8).
use hirewire_expression::functions as expression_functions;
use hirewire_store::Job;
use serde_json::{Value, json};

use super::templates;
use super::tenant::merge;
use super::{apps, jobs};
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Collection;
use crate::request::Request;

/// Operators of scoping filters: name, arity, types. The first eight are the documented answer, the others the portal's.
const OPERATORS: [(&str, &str, &[&str]); 14] = [
    ("EQUALS", "Binary", &["Integer", "String"]),
    ("IS FALSE", "Unary", &["Boolean"]),
    ("IS NOT NULL", "Unary", &["Integer", "String", "Binary", "Boolean"]),
    ("IS NULL", "Unary", &["Integer", "String", "Binary", "Boolean"]),
    ("IS TRUE", "Unary", &["Boolean"]),
    ("NOT EQUALS", "Binary", &["Integer", "String"]),
    ("NOT REGEX MATCH", "Binary", &["Integer", "String"]),
    ("REGEX MATCH", "Binary", &["Integer", "String"]),
    ("GREATER THAN", "Binary", &["Integer", "DateTime"]),
    ("GREATER THAN OR EQUALS", "Binary", &["Integer", "DateTime"]),
    ("LESS THAN", "Binary", &["Integer", "DateTime"]),
    ("LESS THAN OR EQUALS", "Binary", &["Integer", "DateTime"]),
    ("INCLUDES", "Binary", &["String"]),
    ("IN", "Binary", &["String"]),
];

/// The job's schema document as JSON; the template's when none was saved.
pub fn document(app: &App, job: &Job) -> Result<Value, ApiError> {
    let text = match app.store.schema(job.key, None)? {
        Some((_, text)) => text,
        None => templates::schema_text(&job.template).ok_or_else(ApiError::no_such_job)?,
    };
    serde_json::from_str(&text).map_err(ApiError::unavailable)
}

fn context(request: &Request, job: &Job, rest: &str) -> String {
    request.head.context(&format!(
        "servicePrincipals('{}')/synchronization/jobs('{}')/schema{rest}",
        job.service_principal, job.id
    ))
}

/// `GET …/schema`.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let mut body = json!({ "@odata.context": context(request, &job, "/$entity") });
    merge(&mut body, crate::odata::collection::selected(document(app, &job)?, &request.head.query.select()));
    Ok(Answer::ok(&body))
}

/// `PUT …/schema`: replaces all of it, nothing is merged.
pub fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    save(app, request, &job)?;
    Ok(Answer::no_content())
}

/// `PATCH …/schema`, which SDKs send for PUT: 404 `UnknownError` in strict mode [S].
pub fn patch(app: &App, request: &Request) -> Result<Answer, ApiError> {
    if !app.settings.rules.lenient_routes {
        return Err(ApiError::unknown_route(&request.head.uri()));
    }
    let job = jobs::find(app, request)?;
    save(app, request, &job)?;
    let returns = request
        .head
        .header("prefer")
        .is_some_and(|prefer| prefer.to_ascii_lowercase().contains("return=representation"));
    if returns { get(app, request) } else { Ok(Answer::no_content()) }
}

/// `DELETE …/schema`: back to the template's.
pub fn delete(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let text = templates::schema_text(&job.template).ok_or_else(ApiError::no_such_job)?;
    app.store.save_schema(job.key, &text, &saved_by(request), request.head.ids.received)?;
    app.service.changed(&job);
    Ok(Answer::no_content())
}

fn saved_by(request: &Request) -> String {
    request
        .head
        .caller
        .as_ref()
        .map_or_else(String::new, |caller| caller.user.clone().unwrap_or_else(|| caller.name.clone()))
}

fn save(app: &App, request: &Request, job: &Job) -> Result<(), ApiError> {
    let mut document: Value = request.json()?;
    if let Value::Object(members) = &mut document {
        members.shift_remove("@odata.context");
    }
    check(app, &document)?;
    let text = serde_json::to_string(&document).map_err(ApiError::unavailable)?;
    app.store.save_schema(job.key, &text, &saved_by(request), request.head.ids.received)?;
    app.service.changed(job);
    Ok(())
}

fn check(_: &App, document: &Value) -> Result<(), ApiError> {
    if !document.is_object() {
        return Err(invalid_schema());
    }
    Ok(())
}

fn invalid_schema() -> ApiError {
    ApiError::bad_request("The synchronization schema is invalid.")
}

fn directory_list(app: &App, job: &Job) -> Result<Vec<Value>, ApiError> {
    let mut document = document(app, job)?;
    Ok(document["directories"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

fn is_directory(directory: &Value, key: &str) -> bool {
    ["id", "name"]
        .iter()
        .any(|name| directory[*name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(key)))
}

/// `GET …/schema/directories`.
pub fn directories(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let collection = Collection {
        objects: directory_list(app, &job)?,
        context: context(request, &job, "/directories"),
        url: format!("{}/schema/directories", super::uploads::job_url(&request.head, &job)),
    };
    Ok(Answer::ok(&collection.page(&request.head.query)?.into_json()))
}

/// `GET …/schema/directories/{id}`.
pub fn directory(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let key = request.params.get("directory");
    let found = directory_list(app, &job)?.into_iter().find(|directory| is_directory(directory, key));
    let mut body = json!({ "@odata.context": context(request, &job, "/directories/$entity") });
    merge(&mut body, found.ok_or_else(|| ApiError::no_such_object(key))?);
    Ok(Answer::ok(&body))
}

/// `POST …/schema/directories/{id}/discover`: what the runtime finds, else the directory as it stands, freshly dated.
pub fn discover(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let key = request.params.get("directory");
    let known = directory_list(app, &job)?.into_iter().find(|directory| is_directory(directory, key));
    let known = known.ok_or_else(|| ApiError::no_such_object(key))?;
    let mut found = app.service.discover(&job, known["id"].as_str().unwrap_or(key))?.unwrap_or(known);
    found["discoveryDateTime"] = json!(request.head.ids.received);
    let mut body = json!({ "@odata.context": request.head.context("microsoft.graph.directoryDefinition") });
    merge(&mut body, found);
    Ok(Answer::ok(&body))
}

/// The job or the app of a function's path must be within the caller's reach.
fn check_reach(app: &App, request: &Request) -> Result<(), ApiError> {
    if request.params.get("job").is_empty() {
        return apps::for_job(app, &request.head, request.params.get("sp")).map(|_| ());
    }
    jobs::find(app, request).map(|_| ())
}

/// `GET …/schema/filterOperators()`.
pub fn filter_operators(app: &App, request: &Request) -> Result<Answer, ApiError> {
    check_reach(app, request)?;
    let value: Vec<Value> = OPERATORS
        .iter()
        .map(|(name, arity, types)| {
            json!({ "id": name, "name": name, "arity": arity, "multivaluedComparisonType": "All", "supportedAttributeTypes": types })
        })
        .collect();
    let context = request.head.context("Collection(filterOperatorSchema)");
    Ok(Answer::ok(&json!({ "@odata.context": context, "value": value })))
}

/// `GET …/schema/functions()`: every function of the expression language.
pub fn functions(app: &App, request: &Request) -> Result<Answer, ApiError> {
    check_reach(app, request)?;
    let value: Vec<Value> = expression_functions()
        .iter()
        .map(|function| {
            let parameters: Vec<Value> = function
                .parameters
                .iter()
                .map(|parameter| {
                    json!({ "name": parameter.name, "required": parameter.required, "allowMultipleOccurrences": parameter.repeating, "repeating": parameter.repeating, "type": parameter.kind.name() })
                })
                .collect();
            json!({ "id": function.name, "name": function.name, "parameters": parameters })
        })
        .collect();
    let context = request.head.context("Collection(attributeMappingFunctionSchema)");
    Ok(Answer::ok(&json!({ "@odata.context": context, "value": value })))
}
