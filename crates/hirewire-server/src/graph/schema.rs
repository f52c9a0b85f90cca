//! The schema of a job: read, replace, go back to the template; its directories, operators and functions
//! (spec/inbound-api.md §6.3, §6.4, spec/synchronization-schema.md §1, §7, §8).
use hirewire_expression::functions as expression_functions;
use hirewire_schema::check::check;
use hirewire_schema::json::Layout;
use hirewire_schema::{Document, Finding, Severity};
use hirewire_store::Job;
use http::StatusCode;
use serde_json::{Value, json};

use super::tenant::merge;
use super::{apps, jobs, templates, upload};
use crate::answer::{Answer, JSON};
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Collection;
use crate::request::Request;

/// The job's schema document; the template's when none was saved.
fn load(app: &App, job: &Job) -> Result<Document, ApiError> {
    match app.store.schema(job.key, None)? {
        Some((_, text)) => Document::parse(text.as_bytes()).map_err(ApiError::unavailable),
        None => templates::document(&job.template).ok_or_else(ApiError::no_such_job),
    }
}

/// The job's schema document as JSON.
pub fn document(app: &App, job: &Job) -> Result<Value, ApiError> {
    serde_json::from_str(&load(app, job)?.to_text(Layout::Compact)).map_err(ApiError::unavailable)
}

fn context(request: &Request, job: &Job, rest: &str) -> String {
    request.head.context(&format!(
        "servicePrincipals('{}')/synchronization/jobs('{}')/schema{rest}",
        job.service_principal, job.id
    ))
}

/// `GET …/schema`: member by member as it was written.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let context = context(request, &job, "/$entity");
    let select = request.head.query.select();
    if select.is_empty() {
        return Ok(Answer::bytes(StatusCode::OK, JSON, load(app, &job)?.to_answer(&context)));
    }
    let mut body = json!({ "@odata.context": context });
    merge(&mut body, crate::odata::collection::selected(document(app, &job)?, &select));
    Ok(Answer::ok(&body))
}

/// `PUT …/schema`: replaces all of it, nothing is merged.
pub fn put(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    save(app, request, &job)
}

/// `PATCH …/schema`, which SDKs send for PUT: 404 `UnknownError` in strict mode [S].
pub fn patch(app: &App, request: &Request) -> Result<Answer, ApiError> {
    if !app.settings.rules.lenient_routes {
        return Err(ApiError::unknown_route(&request.head.uri()));
    }
    let job = jobs::find(app, request)?;
    let saved = save(app, request, &job)?;
    let prefer = request.head.header("prefer").unwrap_or_default().to_ascii_lowercase();
    if prefer.contains("return=representation") { get(app, request) } else { Ok(saved) }
}

/// `DELETE …/schema`: back to the template's.
pub fn delete(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    reset(app, &job, &saved_by(request), request.head.ids.received)?;
    Ok(Answer::no_content())
}

/// Gives a job its template's schema again.
pub fn reset(app: &App, job: &Job, who: &str, now: jiff::Timestamp) -> Result<(), ApiError> {
    let text = templates::schema_text(&job.template).ok_or_else(ApiError::no_such_job)?;
    app.store.save_schema(job.key, &text, who, now)?;
    app.service.changed(job);
    Ok(())
}

fn saved_by(request: &Request) -> String {
    let caller = request.head.caller.as_ref();
    caller.map_or_else(String::new, |caller| caller.user.clone().unwrap_or_else(|| caller.name.clone()))
}

fn save(app: &App, request: &Request, job: &Job) -> Result<Answer, ApiError> {
    let document = Document::parse(&request.body).map_err(|error| {
        let message = error.to_string();
        invalid_schema().with_detail("Schema", None, message).with_hint(error.help())
    })?;
    let tolerated = judge(&document, app.settings.rules.is_strict())?;
    let text = document.to_text(Layout::Compact);
    app.store.save_schema(job.key, &text, &saved_by(request), request.head.ids.received)?;
    app.service.changed(job);
    Ok(upload::with_warnings(Answer::no_content(), &tolerated))
}

/// 400 for what cannot be worked with, in strict mode also for unknown members (§6.3 [I]); gives what was tolerated.
fn judge(document: &Document, strict: bool) -> Result<Vec<String>, ApiError> {
    let notes = check(&document.schema());
    let wrong =
        |note: &&Finding| note.severity == Severity::Error || (strict && note.rule == "unknown-member");
    let mut refused = notes.iter().filter(wrong).take(20).peekable();
    if refused.peek().is_none() {
        return Ok(notes.iter().map(|note| format!("{}: {}", note.path, note.message)).collect());
    }
    Err(refused.fold(invalid_schema(), |error, note| {
        error
            .with_detail(note.rule, Some(note.path.clone()), note.message.clone())
            .with_hint(note.help.clone())
    }))
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
    merge(&mut found, json!({ "discoveryDateTime": request.head.ids.received }));
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
    let value = hirewire_schema::operator::filter_operators();
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
