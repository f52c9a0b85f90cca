//! Synchronization templates and the two gallery applications (spec/inbound-api.md §6.6, §7).
use hirewire_schema::json::Layout;
use hirewire_schema::{Document, TEMPLATES, Template};
use serde_json::{Value, json};

use super::apps::{self, Owner};
use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::{Collection, Page};
use crate::request::Request;

/// A gallery application from which apps are made.
#[derive(Debug)]
pub struct ApplicationTemplate {
    /// Its GUID [S].
    pub id: &'static str,
    /// Its name today.
    pub display_name: &'static str,
    /// The synchronization template of its jobs.
    pub template: &'static str,
}

const APPLICATIONS: [ApplicationTemplate; 2] = [
    ApplicationTemplate {
        id: "40d8f01e-b0d7-4b4f-938b-05190712e598",
        display_name: "API-driven provisioning to Microsoft Entra ID",
        template: "API2AAD",
    },
    ApplicationTemplate {
        id: "ec7c5431-5d84-453f-80d3-e3385e284eef",
        display_name: "API-driven provisioning to on-premises Active Directory",
        template: "API2AD",
    },
];

/// Ids of all synchronization templates.
pub fn ids() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|template| template.id)
}

/// The template's id in its own spelling.
pub fn by_id(id: &str) -> Option<&'static str> {
    Template::find(id).map(|template| template.id)
}

/// A gallery application by its GUID.
pub fn application_template(id: &str) -> Option<&'static ApplicationTemplate> {
    APPLICATIONS.iter().find(|known| known.id.eq_ignore_ascii_case(id))
}

/// The GUID of the gallery application whose jobs have this template.
pub fn application_of(template: &str) -> Option<&'static str> {
    APPLICATIONS.iter().find(|application| application.template == template).map(|application| application.id)
}

fn template_json(id: &str, app_id: &str) -> Value {
    let schema =
        schema_text(id).and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or(Value::Null);
    let gallery = APPLICATIONS.iter().find(|application| application.template == id);
    json!({
        "id": id,
        "applicationId": app_id,
        "default": true,
        "description": null,
        "discoverable": false,
        "factoryTag": id,
        "metadata": [
            { "key": "galleryApplicationIdentifier", "value": gallery.map(|gallery| gallery.id) },
            { "key": "isOAuthEnabled", "value": "False" },
            { "key": "isSynchronizationAgentRequired", "value": if id == "API2AD" { "True" } else { "False" } },
            { "key": "isSynchronizationInPreview", "value": "False" },
        ],
        "schema": schema,
    })
}

/// The templates of an app. An app of the gallery has the one it was made for; our own further templates are shown besides
/// in open mode.
pub fn all(app: &App, owner: &Owner) -> Vec<Value> {
    let made_for = APPLICATIONS.iter().find(|gallery| Some(gallery.id) == owner.template.as_deref());
    let made_for = made_for.map(|gallery| gallery.template);
    let strict = app.settings.rules.is_strict();
    let shown = |id: &&'static str| match made_for {
        Some(template) if strict => *id == template,
        _ => !strict || APPLICATIONS.iter().any(|gallery| gallery.template == *id),
    };
    let mut ids: Vec<&str> = ids().filter(shown).collect();
    ids.sort_by_key(|id| Some(*id) != made_for);
    ids.into_iter().map(|id| template_json(id, &owner.app_id)).collect()
}

/// `GET …/synchronization/templates`.
pub fn list(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let page = Collection {
        objects: all(app, &owner),
        context: request
            .head
            .context(&format!("servicePrincipals('{}')/synchronization/templates", owner.object_id)),
        url: format!(
            "{}/servicePrincipals/{}/synchronization/templates",
            request.head.root(),
            owner.object_id
        ),
    };
    Ok(Answer::ok(&page.page(&request.head.query)?.into_json()))
}

/// `GET …/templates/{id}`.
pub fn get(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let id = find(request)?;
    let mut body = json!({ "@odata.context": request.head.context(&format!("servicePrincipals('{}')/synchronization/templates/$entity", owner.object_id)) });
    super::tenant::merge(&mut body, template_json(id, &owner.app_id));
    Ok(Answer::ok(&body))
}

/// `GET …/templates/{id}/schema`.
pub fn schema(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let owner = apps::for_job(app, &request.head, request.params.get("sp"))?;
    let id = find(request)?;
    let mut body = json!({ "@odata.context": request.head.context(&format!("servicePrincipals('{}')/synchronization/templates('{id}')/schema/$entity", owner.object_id)) });
    super::tenant::merge(&mut body, template_json(id, &owner.app_id)["schema"].take());
    Ok(Answer::ok(&body))
}

fn find(request: &Request) -> Result<&'static str, ApiError> {
    let id = request.params.get("template");
    by_id(id).ok_or_else(|| ApiError::not_found("No synchronization template with this identifier exists."))
}

fn application_json(application: &ApplicationTemplate) -> Value {
    json!({
        "id": application.id,
        "displayName": application.display_name,
        "description": null,
        "publisher": "Hirewire",
        "categories": ["humanResources"],
        "homePageUrl": null,
        "logoUrl": null,
        "supportedProvisioningTypes": ["sync"],
        "supportedSingleSignOnModes": [],
    })
}

/// `GET /applicationTemplates`.
pub fn applications(_: &App, request: &Request) -> Result<Answer, ApiError> {
    let collection = Collection {
        objects: APPLICATIONS.iter().map(application_json).collect(),
        context: request.head.context("applicationTemplates"),
        url: format!("{}/applicationTemplates", request.head.root()),
    };
    let page: Page = collection.page(&request.head.query)?;
    Ok(Answer::ok(&page.into_json()))
}

/// `GET /applicationTemplates/{id}`.
pub fn application(_: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.params.get("template");
    let found = application_template(id).ok_or_else(|| ApiError::no_such_object(id))?;
    let mut body = json!({ "@odata.context": request.head.context("applicationTemplates/$entity") });
    super::tenant::merge(&mut body, application_json(found));
    Ok(Answer::ok(&body))
}

/// The schema document of a template.
pub fn document(template: &str) -> Option<Document> {
    Template::find(template)?.document().ok()
}

/// The schema document that a new job of a template gets, as text.
pub fn schema_text(template: &str) -> Option<String> {
    Some(document(template)?.to_text(Layout::Compact))
}
