//! Service principals, applications, templates, granted permissions, users, the tenant: what set-up scripts do.
use hirewire_server::Mode;
use hirewire_server::bootstrap::bootstrap;
use hirewire_server::settings::Licence;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{CLIENT, CLIENT_OBJECT, OWNER, OWNER_APP, TENANT, World, bulk, got, person};

async fn values(world: &World, path: &str) -> Vec<Value> {
    let page = world.get(path).await.expect(StatusCode::OK).json();
    page["value"].as_array().expect("value").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_find_the_app() {
    let world = World::open().await;
    for (filter, expected) in [
        (format!("id eq '{OWNER}' or appId eq '{OWNER}'"), vec![OWNER]),
        (format!("id eq '{OWNER_APP}' or appId eq '{OWNER_APP}'"), vec![OWNER]),
        (format!("appId eq '{OWNER_APP}'"), vec![OWNER]),
        ("displayName eq 'northmere HR to Entra'".into(), vec![OWNER]),
        ("startswith(displayName,'Northmere')".into(), vec![OWNER]),
        ("servicePrincipalType eq 'ManagedIdentity'".into(), vec![]),
        (
            "appId eq '00000003-0000-0000-c000-000000000000'".into(),
            vec!["c0fdb3a1-6a1c-4b1e-9f37-1f9d2f6f0003"],
        ),
    ] {
        let found = values(&world, &format!("/v1.0/servicePrincipals?$filter={filter}&$select=id")).await;
        let ids: Vec<&str> = found.iter().map(|each| each["id"].as_str().expect("id")).collect();
        assert_eq!(ids, expected, "{filter}");
        assert!(found.iter().all(|each| each.as_object().is_some_and(|members| members.len() == 1)));
    }
    let first = values(&world, "/v1.0/servicePrincipals?$top=1&$count=true").await;
    assert_eq!(first[0]["id"], OWNER, "the order of making");
    for name in ["appOwnerOrganizationId", "servicePrincipalType", "tags", "accountEnabled", "appRoles"] {
        assert_ne!(first[0][name], Value::Null, "{name}");
    }
    let found = values(&world, "/v1.0/servicePrincipals?$search=%22displayName:hr%22").await;
    assert_eq!(found.len(), 1);
    assert_eq!(world.get("/v1.0/servicePrincipals/$count").await.text, "3");
    let one = world.get(&format!("/v1.0/servicePrincipals(appId='{OWNER_APP}')")).await.json();
    assert_eq!(one["id"], OWNER);
    let application = values(&world, "/v1.0/applications").await.remove(0);
    let by_id =
        world.get(&format!("/v1.0/applications/{}", application["id"].as_str().expect("id"))).await.json();
    assert_eq!(by_id["appId"], OWNER_APP);
    assert_eq!(world.get("/v1.0/servicePrincipals/nobody").await.code(), "Request_ResourceNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_set_up_as_the_documentation_does() {
    let world = World::open().await;
    let filter = "displayName%20eq%20'API-driven%20provisioning%20to%20Microsoft%20Entra%20ID'";
    let template = values(&world, &format!("/v1.0/applicationTemplates?$filter={filter}")).await.remove(0);
    let id = template["id"].as_str().expect("id");
    assert_eq!(id, "40d8f01e-b0d7-4b4f-938b-05190712e598");
    let path = format!("/v1.0/applicationTemplates/{id}/instantiate");
    let made = world
        .send(Method::POST, &path, &json!({ "displayName": "New HR" }))
        .await
        .expect(StatusCode::CREATED)
        .json();
    let sp = made["servicePrincipal"]["id"].as_str().expect("id");
    assert_eq!(made["application"]["appId"], made["servicePrincipal"]["appId"]);
    let base = format!("/v1.0/servicePrincipals/{sp}/synchronization");
    let templates = values(&world, &format!("{base}/templates")).await;
    assert_eq!(templates[0]["id"], "API2AAD");
    assert!(templates[0]["schema"]["directories"].is_array());
    let job = world
        .send(Method::POST, &format!("{base}/jobs"), &json!({ "templateId": "API2AAD" }))
        .await
        .expect(StatusCode::CREATED)
        .json();
    let job = format!("{base}/jobs/{}", job["id"].as_str().expect("id"));
    world
        .send(
            Method::PUT,
            &format!("{base}/secrets"),
            &json!({ "value": [{ "key": "SyncAll", "value": "false" }] }),
        )
        .await
        .expect(StatusCode::NO_CONTENT);
    got(world.ask(Method::POST, &format!("{job}/start"))).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(
        world.get(&job).await.json()["schedule"],
        json!({ "expiration": null, "interval": "PT40M", "state": "Active" })
    );
    let owned = world.app.store.app(CLIENT).expect("store").expect("client").owns;
    assert_eq!(owned, [sp], "the maker owns it");
    got(world.ask(Method::DELETE, &format!("/v1.0/servicePrincipals/{sp}")))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert_eq!(world.get(&job).await.status, 404);
    for (path, body) in [
        ("/v1.0/applicationTemplates/none/instantiate", json!({ "displayName": "x" })),
        (path.as_str(), json!({})),
    ] {
        assert!(world.send(Method::POST, path, &body).await.status >= 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_granted_as_the_powershell_tutorial_does() {
    let world = World::open().await;
    let graph =
        values(&world, "/v1.0/servicePrincipals?$filter=appId eq '00000003-0000-0000-c000-000000000000'")
            .await
            .remove(0);
    let role = graph["appRoles"]
        .as_array()
        .expect("roles")
        .iter()
        .find(|role| role["value"] == "AuditLog.Read.All")
        .expect("the role");
    let path = format!("/v1.0/servicePrincipals/{OWNER}/appRoleAssignments");
    let body = json!({ "principalId": OWNER, "resourceId": graph["id"], "appRoleId": role["id"] });
    let made = world.send(Method::POST, &path, &body).await.expect(StatusCode::CREATED).json();
    assert_eq!(world.send(Method::POST, &path, &body).await.status, 400, "it exists");
    assert_eq!(values(&world, &path).await.len(), 1);
    let permissions = |id: &str| world.app.store.app(id).expect("store").expect("app").permissions;
    assert_eq!(permissions(OWNER), ["AuditLog.Read.All"]);
    let assignment = format!("{path}/{}", made["id"].as_str().expect("id"));
    got(world.ask(Method::DELETE, &assignment)).await.expect(StatusCode::NO_CONTENT);
    assert!(permissions(OWNER).is_empty());
    let wrong = json!({ "principalId": CLIENT_OBJECT, "resourceId": graph["id"], "appRoleId": role["id"] });
    assert_eq!(world.send(Method::POST, &path, &wrong).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn testers_look_for_users() {
    let world = World::open().await;
    world.upload(bulk(vec![person("1"), person("2")])).await;
    let found = values(&world, "/v1.0/users?$filter=employeeId eq '2'").await;
    assert_eq!((found.len(), found[0]["userPrincipalName"].as_str()), (1, Some("2@northmere.example")));
    let by_name = world.get("/v1.0/users/1@NORTHMERE.example?$select=employeeId").await.json();
    assert_eq!(by_name["employeeId"], "1");
    assert_eq!(
        values(&world, "/v1.0/users?$filter=accountEnabled eq true and startswith(displayName,'person')")
            .await
            .len(),
        2
    );
    assert_eq!(world.get("/v1.0/users/$count").await.text, "2");
    assert_eq!(world.get("/v1.0/users/nobody").await.status, 404);
    assert_eq!(world.get("/v1.0/users/1@northmere.example/manager").await.status, 404);
    let strict = World::strict().await;
    strict.upload(bulk(vec![person("1")])).await;
    let user = values(&strict, "/v1.0/users").await.remove(0);
    assert_eq!(
        (user.as_object().map(|members| members.len()), &user["employeeId"]),
        (Some(11), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_describes_itself() {
    let world = World::with(Mode::Open, |settings| {
        settings.licence = Licence::Governance;
        settings.domains.push("northmere.onmicrosoft.com".into());
    })
    .await;
    let organization = values(&world, "/v1.0/organization").await.remove(0);
    assert_eq!(
        (organization["id"].as_str(), organization["verifiedDomains"].as_array().map(Vec::len)),
        (Some(TENANT), Some(2))
    );
    assert_eq!(values(&world, "/v1.0/domains").await[0]["isDefault"], true);
    let plans = values(&world, "/v1.0/subscribedSkus").await.remove(0)["servicePlans"].to_string();
    assert!(plans.contains("e866a266-3cff-43a3-acca-0c90a7e00c8b"));
    assert_eq!(world.get("/v1.0/me").await.status, 400);
    let metadata = got(world.client.get(world.url("/v1.0/$metadata"))).await;
    assert!(metadata.header("content-type").starts_with("application/xml"));
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        assert_eq!(got(world.client.get(world.url(path))).await.status, 200, "{path}");
    }
    assert!(got(world.client.get(world.url("/openapi.json"))).await.text.contains(&world.base));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_ready_in_one_call() {
    let world = World::open().await;
    let app = world.app.clone();
    let made =
        tokio::task::spawn_blocking(move || bootstrap(&app, "Trial", "API2AAD").expect("bootstrapped"))
            .await
            .expect("no panic");
    let lines: std::collections::HashMap<_, _> =
        made.environment(&world.base, None, None).into_iter().collect();
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", &lines["AZURE_CLIENT_ID"]),
        ("client_secret", &lines["HIREWIRE_CLIENT_SECRET"]),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let token = got(world.client.post(&lines["HIREWIRE_TOKEN_URL"]).form(&fields))
        .await
        .expect(StatusCode::OK)
        .json();
    let token = token["access_token"].as_str().expect("token");
    let request = world
        .client
        .post(&lines["HIREWIRE_BULK_UPLOAD_URL"])
        .bearer_auth(token)
        .header("content-type", "application/scim+json");
    got(request.body(bulk(vec![person("1")]))).await.expect(StatusCode::ACCEPTED);
    assert!(!format!("{made:?}").contains(&lines["HIREWIRE_CLIENT_SECRET"]));
}
