//! The tenant itself: organization, domains, licences, and why there is no `/me` (spec/inbound-api.md §5, row 47).
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::app::App;
use crate::error::ApiError;
use crate::odata::Collection;
use crate::request::Request;
use crate::settings::Licence;

/// Service plan and SKU of P2 and Governance (spec/targets.md §1.10).
const P2: (&str, &str) = ("eec0eb4f-6444-4f95-aba0-50c24d67f998", "84a661c4-e949-4bd2-a560-ed7766fcaf2b");
const P1: &str = "41781fb2-bc02-4b7c-bd55-b576c07bb09d";
const GOVERNANCE: &str = "e866a266-3cff-43a3-acca-0c90a7e00c8b";
/// [U] SKU of Entra ID Governance; ours.
const GOVERNANCE_SKU: &str = "cf6b0d46-4093-4760-895e-9ca4f4f1b5a1";

fn tenant(app: &App) -> Value {
    let domains: Vec<Value> = app
        .settings
        .domains
        .iter()
        .enumerate()
        .map(|(at, name)| json!({ "capabilities": "Email, OfficeCommunicationsOnline", "isDefault": at == 0, "isInitial": at == 0, "name": name, "type": "Managed" }))
        .collect();
    json!({
        "id": app.settings.tenant,
        "displayName": app.settings.tenant_name,
        "tenantType": "AAD",
        "countryLetterCode": null,
        "onPremisesSyncEnabled": null,
        "technicalNotificationMails": [],
        "verifiedDomains": domains,
        "assignedPlans": service_plans(app).iter().map(|(id, name)| json!({ "capabilityStatus": "Enabled", "service": name, "servicePlanId": id })).collect::<Vec<_>>(),
    })
}

fn service_plans(app: &App) -> Vec<(&'static str, &'static str)> {
    let mut plans = vec![(P1, "AAD_PREMIUM"), (P2.0, "AAD_PREMIUM_P2")];
    if app.settings.licence == Licence::Governance {
        plans.push((GOVERNANCE, "Entra_Identity_Governance"));
    }
    plans
}

/// `GET /organization`.
pub fn organization(app: &App, request: &Request) -> Result<Answer, ApiError> {
    page(request, "organization", vec![tenant(app)])
}

/// `GET /organization/{id}`.
pub fn one_organization(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let id = request.params.get("id");
    if !app.settings.is_tenant(id) {
        return Err(ApiError::no_such_object(id));
    }
    let mut body = json!({ "@odata.context": request.head.context("organization/$entity") });
    merge(&mut body, tenant(app));
    Ok(Answer::ok(&body))
}

/// Appends the members of one object to another.
pub fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

/// `GET /domains`.
pub fn domains(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let domains = app.settings.domains.iter().enumerate().map(|(at, name)| {
        json!({ "authenticationType": "Managed", "id": name, "isAdminManaged": true, "isDefault": at == 0, "isInitial": at == 0, "isRoot": true, "isVerified": true, "supportedServices": ["Email"] })
    });
    page(request, "domains", domains.collect())
}

/// `GET /subscribedSkus`.
pub fn subscribed_skus(app: &App, request: &Request) -> Result<Answer, ApiError> {
    let (sku, part) = match app.settings.licence {
        Licence::Premium => (P2.1, "AAD_PREMIUM_P2"),
        Licence::Governance => (GOVERNANCE_SKU, "Microsoft_Entra_ID_Governance"),
    };
    let plans: Vec<Value> = service_plans(app)
        .iter()
        .map(|(id, name)| json!({ "servicePlanId": id, "servicePlanName": name, "provisioningStatus": "Success", "appliesTo": "User" }))
        .collect();
    let sku = json!({
        "id": format!("{}_{sku}", app.settings.tenant),
        "skuId": sku,
        "skuPartNumber": part,
        "capabilityStatus": "Enabled",
        "appliesTo": "User",
        "consumedUnits": 0,
        "prepaidUnits": { "enabled": 1_000_000, "suspended": 0, "warning": 0, "lockedOut": 0 },
        "servicePlans": plans,
    });
    page(request, "subscribedSkus", vec![sku])
}

/// `GET /me`: a token of an application stands for no user, as on the real service.
pub fn me(_: &App, request: &Request) -> Result<Answer, ApiError> {
    let caller = request.head.caller()?;
    match &caller.user {
        Some(upn) => Ok(Answer::ok(&json!({
            "@odata.context": request.head.context("users/$entity"),
            "id": caller.object_id,
            "userPrincipalName": upn,
            "displayName": upn,
        }))),
        None => Err(ApiError::bad_request("/me request is only valid with delegated authentication flow.")),
    }
}

fn page(request: &Request, name: &str, objects: Vec<Value>) -> Result<Answer, ApiError> {
    let collection = Collection {
        objects,
        context: request.head.context(name),
        url: format!("{}/{name}", request.head.root()),
    };
    Ok(Answer::ok(&collection.page(&request.head.query)?.into_json()))
}
