//! The schema of a job: what is written is read back, nothing is merged, the template is a DELETE away.
use hirewire_server::Mode;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::world::{World, got, job_path};

fn path() -> String {
    format!("{}/schema", job_path())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_directory_stands_first() {
    let world = World::open().await;
    let schema = world.get(&path()).await.expect(StatusCode::OK).json();
    assert!(schema["@odata.context"].as_str().is_some_and(|context| context.ends_with("/schema/$entity")));
    assert_eq!(schema["directories"][0]["name"], "API");
    let object = &schema["directories"][0]["objects"][0];
    assert_eq!(object["name"], "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User");
    assert!(object["attributes"].as_array().is_some_and(|attributes| attributes.len() > 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_get_change_one_thing_and_put() {
    for mode in [Mode::Strict, Mode::Open] {
        let world = World::with(mode, |_| {}).await;
        let mut schema = world.get(&path()).await.json();
        let attribute = json!({ "anchor": false, "caseExact": false, "flowNullValues": false, "multivalued": false, "mutability": "ReadWrite",
            "name": "urn:ietf:params:scim:schemas:extension:northmere:1.0:User:HireDate", "required": false, "type": "String",
            "apiExpressions": [], "metadata": [], "referencedObjects": [] });
        let attributes =
            schema["directories"][0]["objects"][0]["attributes"].as_array_mut().expect("attributes");
        attributes.push(attribute);
        world.send(Method::PUT, &path(), &schema).await.expect(StatusCode::NO_CONTENT);
        assert_eq!(world.get(&path()).await.json(), schema, "{mode:?}");
        got(world.ask(Method::DELETE, &path())).await.expect(StatusCode::NO_CONTENT);
        assert_ne!(world.get(&path()).await.json(), schema);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_of_real_apps_survive() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/schema");
    let world = World::open().await;
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).expect("samples") {
        let file = entry.expect("entry").path();
        let Ok(bytes) = std::fs::read(&file) else { continue };
        let Ok(mut wanted) = serde_json::from_slice::<Value>(&bytes) else { continue };
        if !wanted["synchronizationRules"].is_array() {
            continue;
        }
        let answer = got(world.ask(Method::PUT, &path()).body(bytes)).await;
        if answer.status == 400 {
            assert!(!answer.json()["error"]["details"].as_array().expect("reasons").is_empty(), "{file:?}");
            continue;
        }
        assert_eq!(answer.status, 204, "{file:?}: {}", answer.text);
        let mut read = world.get(&path()).await.json();
        for value in [&mut read, &mut wanted] {
            value.as_object_mut().expect("object").shift_remove("@odata.context");
        }
        assert_eq!(read, wanted, "{file:?}");
        tried += 1;
    }
    assert!(tried > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_schema_is_400_with_the_place() {
    let world = World::open().await;
    for body in ["", "{", "[]", "{}", r#"{"synchronizationRules":[]}"#, r#"{"synchronizationRules":7}"#] {
        let answer = got(world.ask(Method::PUT, &path()).body(body)).await;
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (400, "The synchronization schema is invalid."),
            "{body}"
        );
        assert!(answer.json()["error"]["details"][0]["message"].is_string());
    }
    let mut schema = world.get(&path()).await.json();
    schema["synchronizationRules"][0]["mappingType"] = json!("Direct");
    world.send(Method::PUT, &path(), &schema).await.expect(StatusCode::NO_CONTENT);
    let strict = World::strict().await.send(Method::PUT, &path(), &schema).await;
    assert_eq!(strict.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn sdks_patch() {
    let world = World::open().await;
    let schema = world.get(&path()).await.json();
    world.send(Method::PATCH, &path(), &schema).await.expect(StatusCode::NO_CONTENT);
    let request =
        world.ask(Method::PATCH, &path()).header("prefer", "return=representation").body(schema.to_string());
    assert_eq!(got(request).await.expect(StatusCode::OK).json(), schema);
    let strict = World::strict().await.send(Method::PATCH, &path(), &schema).await;
    assert_eq!((strict.status, strict.code().as_str()), (404, "UnknownError"));
}

#[tokio::test(flavor = "multi_thread")]
async fn directories_are_listed_read_and_discovered() {
    let world = World::open().await;
    let list = world.get(&format!("{}/directories", path())).await.json();
    let id = list["value"][0]["id"].as_str().expect("id").to_owned();
    let one = world.get(&format!("{}/directories/{id}", path())).await.expect(StatusCode::OK).json();
    assert_eq!(one["name"], "API");
    let discovered = got(world.ask(Method::POST, &format!("{}/directories('{id}')/discover", path()))).await;
    let discovered = discovered.expect(StatusCode::OK).json();
    assert_ne!(discovered["discoveryDateTime"], one["discoveryDateTime"]);
    assert_eq!(world.get(&format!("{}/directories/none", path())).await.status, 404);
}
