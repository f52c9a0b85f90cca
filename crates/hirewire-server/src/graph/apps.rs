//! Service principals, applications, instantiation, granted permissions (spec/inbound-api.md §7).
use hirewire_store::App as StoredApp;
use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::templates;
use super::tenant::merge;
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::identity::{GRAPH_APP_ID, Permission};
use crate::odata::Collection;
use crate::path::named_key;
use crate::request::{Head, Request};
use crate::settings::Mode;

/// Object id of the service principal of Microsoft Graph; ours, the same in every tenant.
const GRAPH_OBJECT_ID: &str = "c0fdb3a1-6a1c-4b1e-9f37-1f9d2f6f0003";

/// A service principal of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Its object id.
    pub object_id: String,
    /// Its application's id.
    pub app_id: String,
    /// Its name.
    pub display_name: String,
    /// The gallery application it was made from.
    pub template: Option<String>,
}

/// The service principal of a path below which jobs live, when the caller may use it.
///
/// A caller whose permissions are limited to owned apps is refused as the backend refuses: 401 `UnknownError` in strict mode
/// (§2.4), 403 with the reason in open mode.
pub fn for_job(app: &App, head: &Head, key: &str) -> Result<Owner, ApiError> {
    let found = match resolve(app, key)? {
        None if below_applications(head) => with_application_id(app, key)?,
        found => found,
    };
    let found = found.ok_or_else(|| ApiError::no_such_object(key))?;
    if app.settings.rules.check_owners && !head.reaches_all() && !owns(app, head, &found)? {
        return Err(match app.settings.rules.mode {
            Mode::Strict => ApiError::unknown_refusal(),
            Mode::Open => ApiError::forbidden().with_detail(
                "NotOwner",
                Some("servicePrincipal".into()),
                "the caller's permission covers owned apps only, and its service principal does not own this one",
            ),
        });
    }
    Ok(Owner {
        object_id: found.object_id,
        app_id: found.app_id,
        display_name: found.name,
        template: found.template,
    })
}

/// Finds by object id, by `appId='…'`, and in open mode by appId where the object id belongs (§2.2).
fn resolve(app: &App, key: &str) -> Result<Option<StoredApp>, ApiError> {
    if let Some(app_id) = named_key(key, "appId") {
        return Ok(app.store.app(app_id)?.filter(|found| found.app_id.eq_ignore_ascii_case(app_id)));
    }
    let found = app.store.app(key)?;
    Ok(found.filter(|found| app.settings.rules.app_id_as_key || found.object_id.eq_ignore_ascii_case(key)))
}

/// Whether the path is `/{version}/applications/…`, whose key is the application's object id.
fn below_applications(head: &Head) -> bool {
    let segments = crate::path::segments(&head.path).unwrap_or_default();
    segments.get(1).is_some_and(|segment| segment.eq_ignore_ascii_case("applications"))
}

/// The app whose application has this object id.
fn with_application_id(app: &App, key: &str) -> Result<Option<StoredApp>, ApiError> {
    let Ok(wanted) = key.parse::<Uuid>() else { return Ok(None) };
    Ok(app.store.apps()?.into_iter().find(|found| application_id(app, &found.app_id) == wanted))
}

/// Whether the caller's service principal owns an app, or is it.
fn owns(app: &App, head: &Head, found: &StoredApp) -> Result<bool, ApiError> {
    let caller = head.caller()?;
    if caller.app_id.eq_ignore_ascii_case(&found.app_id) {
        return Ok(true);
    }
    let caller = app.store.app(&caller.app_id)?;
    Ok(caller.is_some_and(|caller| caller.owns.iter().any(|id| id.eq_ignore_ascii_case(&found.object_id))))
}

/// All apps that the caller may see.
fn visible(app: &App, head: &Head) -> Result<Vec<StoredApp>, ApiError> {
    let mut apps = app.store.apps()?;
    if app.settings.rules.check_owners && !head.reaches_all() {
        let mut seen = Vec::new();
        for found in apps {
            if owns(app, head, &found)? {
                seen.push(found);
            }
        }
        apps = seen;
    }
    Ok(apps)
}

fn service_principal_json(app: &App, found: &StoredApp) -> Value {
    json!({
        "id": found.object_id,
        "objectId": found.object_id,
        "accountEnabled": true,
        "appDisplayName": found.name,
        "appId": found.app_id,
        "appOwnerOrganizationId": app.settings.tenant,
        "applicationTemplateId": found.template,
        "appRoleAssignmentRequired": true,
        "displayName": found.name,
        "createdDateTime": found.created,
        "servicePrincipalNames": [found.app_id],
        "servicePrincipalType": "Application",
        "signInAudience": "AzureADMyOrg",
        "tags": if found.template.is_some() { json!(["WindowsAzureActiveDirectoryIntegratedApp"]) } else { json!([]) },
        "appRoles": [{ "allowedMemberTypes": ["User"], "description": "User", "displayName": "User", "id": "18d14569-c3bd-439b-9a66-3a2aee01d14f", "isEnabled": true, "origin": "Application", "value": null }],
        "keyCredentials": [],
        "passwordCredentials": [],
    })
}

/// The service principal of Microsoft Graph, which permissions are granted on (§3.2).
fn graph_json() -> Value {
    json!({
        "id": GRAPH_OBJECT_ID,
        "objectId": GRAPH_OBJECT_ID,
        "accountEnabled": true,
        "appDisplayName": "Microsoft Graph",
        "appId": GRAPH_APP_ID,
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "applicationTemplateId": null,
        "displayName": "Microsoft Graph",
        "servicePrincipalType": "Application",
        "tags": [],
        "appRoles": Permission::app_roles(),
    })
}

fn application_json(app: &App, found: &StoredApp) -> Value {
    json!({
        "id": application_id(app, &found.app_id),
        "objectId": application_id(app, &found.app_id),
        "appId": found.app_id,
        "applicationTemplateId": found.template,
        "createdDateTime": found.created,
        "displayName": found.name,
        "signInAudience": "AzureADMyOrg",
        "publisherDomain": app.settings.domains.first(),
        "identifierUris": [],
        "tags": [],
        "requiredResourceAccess": [],
    })
}

/// Object id of an application; made from the appId, since only the service principal's is stored.
fn application_id(app: &App, app_id: &str) -> Uuid {
    Uuid::new_v5(&app.settings.tenant, app_id.to_ascii_lowercase().as_bytes())
}

fn service_principal_collection(app: &App, request: &Request) -> Result<Collection, ApiError> {
    let mut objects: Vec<Value> =
        visible(app, &request.head)?.iter().map(|found| service_principal_json(app, found)).collect();
    // Last, so that scripts that take the first get an app of theirs.
    objects.push(graph_json());
    Ok(Collection {
        objects,
        context: request.head.context("servicePrincipals"),
        url: format!("{}/servicePrincipals", request.head.root()),
    })
}

/// `GET /servicePrincipals`.
pub fn service_principals(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&service_principal_collection(app, request)?.page(&request.head.query)?.into_json()))
}

/// `GET /servicePrincipals/$count`.
pub fn count_service_principals(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::text(service_principal_collection(app, request)?.count(&request.head.query)?.to_string()))
}

/// `GET /servicePrincipals/{id}` and `(appId='…')`.
pub fn service_principal(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let key = request.params.get("sp");
    let graph = key.eq_ignore_ascii_case(GRAPH_OBJECT_ID)
        || named_key(key, "appId").is_some_and(|id| id == GRAPH_APP_ID);
    let object =
        if graph { graph_json() } else { service_principal_json(app, &find(app, &request.head, key)?) };
    entity(request, "servicePrincipals/$entity", object)
}

fn find(app: &App, head: &Head, key: &str) -> Result<StoredApp, ApiError> {
    let found = resolve(app, key)?.ok_or_else(|| ApiError::no_such_object(key))?;
    if app.settings.rules.check_owners && !head.reaches_all() && !owns(app, head, &found)? {
        return Err(ApiError::forbidden());
    }
    Ok(found)
}

fn entity(request: &Request, context: &str, object: Value) -> Result<Answer, ApiError> {
    let mut body = json!({ "@odata.context": request.head.context(context) });
    merge(&mut body, crate::odata::collection::selected(object, &request.head.query.select()));
    Ok(Answer::ok(&body))
}

fn application_collection(app: &App, request: &Request) -> Result<Collection, ApiError> {
    Ok(Collection {
        objects: visible(app, &request.head)?.iter().map(|found| application_json(app, found)).collect(),
        context: request.head.context("applications"),
        url: format!("{}/applications", request.head.root()),
    })
}

/// `GET /applications`.
pub fn applications(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::ok(&application_collection(app, request)?.page(&request.head.query)?.into_json()))
}

/// `GET /applications/$count`.
pub fn count_applications(app: &App, request: &Request) -> Result<Answer, ApiError> {
    Ok(Answer::text(application_collection(app, request)?.count(&request.head.query)?.to_string()))
}

/// `GET /applications/{id}` and `(appId='…')`.
pub fn application(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let found = find_application(app, request)?;
    entity(request, "applications/$entity", application_json(app, &found))
}

fn find_application(app: &App, request: &Request) -> Result<StoredApp, ApiError> {
    let key = request.params.get("sp");
    let wanted = key.parse::<Uuid>().ok();
    let by_id = visible(app, &request.head)?
        .into_iter()
        .find(|found| Some(application_id(app, &found.app_id)) == wanted);
    by_id.map_or_else(|| find(app, &request.head, key), Ok)
}

/// `DELETE /servicePrincipals/{id}` and `/applications/{id}`: the app goes with its jobs.
pub fn delete(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let found = find_application(app, request)?;
    for job in app.store.jobs()? {
        if job.service_principal.eq_ignore_ascii_case(&found.object_id) {
            app.service.retire(&job)?;
            app.store.delete_job(job.key, request.head.ids.received)?;
        }
    }
    app.store.delete_app(&found.app_id)?;
    Ok(Answer::no_content())
}

/// `POST /applicationTemplates/{id}/instantiate`; readable at once.
pub fn instantiate(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.params.get("template");
    let template = templates::application_template(id).ok_or_else(|| ApiError::no_such_object(id))?;
    let body: Value = request.json()?;
    let name = body["displayName"]
        .as_str()
        .map(str::trim)
        .filter(|name| !name.is_empty() && name.chars().count() <= 120);
    let name = name.ok_or_else(|| {
        ApiError::bad_request(
            "The request body must contain the member 'displayName' of 1 to 120 characters.",
        )
    })?;
    let made = StoredApp {
        app_id: Uuid::new_v4().to_string(),
        object_id: Uuid::new_v4().to_string(),
        name: name.to_owned(),
        template: Some(template.id.to_owned()),
        created: request.head.ids.received,
        permissions: Vec::new(),
        owns: Vec::new(),
    };
    app.store.put_app(made.clone())?;
    // Whoever makes an app owns it: the `.OwnedBy` permissions then reach it.
    if let Some(mut maker) = app.store.app(&request.head.caller()?.app_id)? {
        maker.owns.push(made.object_id.clone());
        app.store.put_app(maker)?;
    }
    Ok(Answer::json(
        StatusCode::CREATED,
        &json!({
            "@odata.context": request.head.context("microsoft.graph.applicationServicePrincipal"),
            "application": application_json(app, &made),
            "servicePrincipal": service_principal_json(app, &made),
        }),
    ))
}

fn assignment_json(found: &StoredApp, permission: Permission) -> Value {
    json!({
        "id": assignment_id(found, permission),
        "appRoleId": permission.id(),
        "createdDateTime": found.created,
        "deletedDateTime": null,
        "principalDisplayName": found.name,
        "principalId": found.object_id,
        "principalType": "ServicePrincipal",
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": GRAPH_OBJECT_ID,
    })
}

fn assignment_id(found: &StoredApp, permission: Permission) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/{}", found.object_id, permission.id()).as_bytes())
}

fn granted(found: &StoredApp) -> impl Iterator<Item = Permission> {
    found.permissions.iter().filter_map(|value| Permission::from_value(value))
}

/// `GET …/appRoleAssignments`.
pub fn role_assignments(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let found = find(app, &request.head, request.params.get("sp"))?;
    let collection = Collection {
        objects: granted(&found).map(|permission| assignment_json(&found, permission)).collect(),
        context: request
            .head
            .context(&format!("servicePrincipals('{}')/appRoleAssignments", found.object_id)),
        url: format!("{}/servicePrincipals/{}/appRoleAssignments", request.head.root(), found.object_id),
    };
    Ok(Answer::ok(&collection.page(&request.head.query)?.into_json()))
}

/// `POST …/appRoleAssignments` with `{principalId, resourceId, appRoleId}`.
pub fn assign_role(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut found = find(app, &request.head, request.params.get("sp"))?;
    let body: Value = request.json()?;
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    let permission = Permission::from_id(text("appRoleId"))
        .ok_or_else(|| ApiError::bad_request("Permission being assigned was not found on application."))?;
    if !text("resourceId").eq_ignore_ascii_case(GRAPH_OBJECT_ID)
        || !text("principalId").eq_ignore_ascii_case(&found.object_id)
    {
        return Err(ApiError::bad_request(
            "The principal must be the service principal of the path, and the resource that of Microsoft Graph.",
        ));
    }
    if granted(&found).any(|known| known == permission) {
        return Err(ApiError::bad_request("Permission being assigned already exists on the object."));
    }
    found.permissions.push(permission.value().to_owned());
    app.store.put_app(found.clone())?;
    let mut body = json!({ "@odata.context": request.head.context("appRoleAssignments/$entity") });
    merge(&mut body, assignment_json(&found, permission));
    Ok(Answer::json(StatusCode::CREATED, &body))
}

/// `DELETE …/appRoleAssignments/{id}`.
pub fn revoke_role(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let mut found = find(app, &request.head, request.params.get("sp"))?;
    let id = request.params.get("assignment");
    let permission = granted(&found)
        .find(|permission| assignment_id(&found, *permission).to_string().eq_ignore_ascii_case(id));
    let permission = permission.ok_or_else(|| ApiError::no_such_object(id))?;
    found.permissions.retain(|value| Permission::from_value(value) != Some(permission));
    app.store.put_app(found)?;
    Ok(Answer::no_content())
}
