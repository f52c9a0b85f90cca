//! objectConnections, beta: the link between a person and an account, read and cut (spec/inbound-api.md §6.7).
use serde_json::json;

use super::jobs;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::request::Request;

/// There is no list: 400.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    jobs::find(app, request)?;
    Err(ApiError::bad_request(
        "Object connections cannot be listed; name one: objectConnections('{objectId}').",
    ))
}

/// `GET …/objectConnections('{objectId}')`.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    let object = request.params.get("object");
    let found =
        app.service.object_connection(&job, object)?.ok_or_else(|| ApiError::no_such_object(object))?;
    Ok(Answer::ok(&json!({
        "@odata.context": request.head.context(&format!("servicePrincipals('{}')/synchronization/jobs('{}')/objectConnections/$entity", job.service_principal, job.id)),
        "objectId": found.object_id,
        "sourceAnchor": found.source_anchor,
        "targetAnchor": found.target_anchor,
        "displayName": found.display_name,
        "objectTypeName": found.object_type_name,
    })))
}

/// `DELETE …/objectConnections('{objectId}')`: 204 also for one that is not there, 409 while the job is active.
pub fn delete(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let job = jobs::find(app, request)?;
    app.service.cut_object_connection(&job, request.params.get("object"))?;
    Ok(Answer::no_content())
}
