//! The provisioning log: exact records, the filters that clients send, pages.
use hirewire_server::log::{Systems, record};
use hirewire_server::request::Version;
use hirewire_store::log::{
    LogAction, LogDetail, LogError, LogQuery, LogStatus, LogStep, ModifiedProperty, NewLogEntry, StepName,
};
use hirewire_store::{BatchResult, CycleKind, PersonResult};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::world::{JOB, OWNER, OWNER_APP, TENANT, World, bulk, person, sample};

const TYPE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn pairs(details: &Value, names: &[(&str, &str)]) -> Vec<(String, String)> {
    let real =
        |name: &str| names.iter().find(|(clean, _)| *clean == name).map_or(name, |(_, real)| real).to_owned();
    details
        .as_object()
        .expect("details")
        .iter()
        .map(|(name, value)| (real(name), value.as_str().expect("text").to_owned()))
        .collect()
}

/// Reads a sample record back into what the store keeps; descriptions are dropped where the standard wording says the same.
fn entry_of(sample: &Value) -> NewLogEntry {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let filled = |value: &Value| text(value).filter(|text| !text.is_empty());
    // The names as the engine knows them, before dots and colons are taken out.
    let department = format!("{TYPE}:department");
    let manager = format!("{TYPE}:manager");
    let names = [
        ("namefamilyName", "name.familyName"),
        ("namegivenName", "name.givenName"),
        ("passwordProfilepassword", "passwordProfile.password"),
        ("urnietfparamsscimschemasextensionenterprise20Userdepartment", department.as_str()),
        ("urnietfparamsscimschemasextensionenterprise20Usermanager", manager.as_str()),
    ];
    let steps = sample["provisioningSteps"].as_array().expect("steps").iter().map(|step| {
        let name = step["name"].as_str().expect("name");
        let own_words = step["details"]["SkipReason"] == "AttributeValidationFailed";
        LogStep {
            name: *StepName::ALL.iter().find(|known| known.as_str() == name).expect("a known step"),
            status: LogStatus::parse(step["status"].as_str().expect("status")).expect("a known status"),
            description: own_words.then(|| text(&step["description"])).flatten(),
            details: pairs(&step["details"], &names),
        }
    });
    let error = &sample["provisioningStatusInfo"]["errorInformation"];
    let mut target = pairs(&sample["targetIdentity"]["details"], &[]);
    target.retain(|(name, _)| name == "UserPrincipalName");
    NewLogEntry {
        time: sample["activityDateTime"].as_str().expect("time").parse().expect("time"),
        change: None,
        action: LogAction::parse(sample["provisioningAction"].as_str().expect("action"))
            .expect("a known action"),
        status: LogStatus::parse(sample["provisioningStatusInfo"]["status"].as_str().expect("status"))
            .expect("a known status"),
        duration: sample["durationInMilliseconds"].as_i64().expect("number"),
        upload: None,
        source: text(&sample["sourceIdentity"]["id"]).expect("id"),
        target: filled(&sample["targetIdentity"]["id"]),
        target_name: filled(&sample["targetIdentity"]["displayName"]),
        error_code: text(&error["errorCode"]),
        detail: LogDetail {
            modified: sample["modifiedProperties"]
                .as_array()
                .expect("list")
                .iter()
                .map(|each| ModifiedProperty {
                    name: text(&each["displayName"]).expect("name"),
                    old: text(&each["oldValue"]),
                    new: text(&each["newValue"]),
                })
                .collect(),
            steps: steps.collect(),
            error: text(&error["reason"]).map(|reason| LogError { reason, ..LogError::default() }),
            target,
            ..LogDetail::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_rendered_as_the_samples_of_every_outcome() {
    for number in 80..=88 {
        let world = World::strict().await;
        let sample: Value = serde_json::from_slice(&sample(&number.to_string())).expect("JSON");
        let job = world.app.store.job(JOB).expect("store").expect("job");
        let cycle = sample["cycleId"].as_str().expect("cycle");
        let cycle = world
            .app
            .store
            .begin_cycle(job.key, cycle, CycleKind::Incremental, Timestamp::now())
            .expect("cycle");
        let mut result = PersonResult::new(sample["sourceIdentity"]["id"].as_str().expect("id"));
        result.log.push(entry_of(&sample));
        let batch = BatchResult {
            job: job.key,
            cycle: Some(cycle),
            now: Timestamp::now(),
            people: vec![result],
            counts: None,
        };
        world.app.store.commit_batch(batch).expect("stored");
        let entry = world
            .app
            .store
            .log(&LogQuery { limit: 1, ..LogQuery::default() })
            .expect("page")
            .entries
            .remove(0);
        let version = if number == 88 { Version::Beta } else { Version::V1 };
        let systems = Systems::api(&TENANT.parse().expect("uuid"), OWNER_APP, "Microsoft Entra ID", false);
        let mut rendered = record(&entry, &systems, version);
        // Ids are the store's own.
        for pointer in ["/id", "/changeId", "/sourceSystem/id", "/targetSystem/id"] {
            *rendered.pointer_mut(pointer).expect("present") =
                sample.pointer(pointer).expect("present").clone();
        }
        assert_eq!(
            serde_json::to_string_pretty(&rendered).expect("JSON"),
            serde_json::to_string_pretty(&sample).expect("JSON"),
            "{number}"
        );
    }
}

async fn hits(world: &World, filter: &str) -> usize {
    let answer = world
        .get(&format!(
            "/beta/auditLogs/provisioning?$filter={}",
            filter.replace(' ', "%20").replace('+', "%2B")
        ))
        .await;
    assert_eq!(answer.status, 200, "{filter}: {}", answer.text);
    answer.json()["value"].as_array().expect("value").len()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_as_known_clients_send_them() {
    let world = World::open().await;
    world.upload(bulk(vec![person("1"), person("2"), person("1")])).await;
    let cycle = world.get("/v1.0/auditLogs/provisioning?$top=1").await.json()["value"][0]["cycleId"]
        .as_str()
        .expect("cycle")
        .to_owned();
    world.upload(bulk(vec![person("3")])).await;
    let all = world.get("/v1.0/auditLogs/provisioning").await.json();
    let one = &all["value"][0];
    let day = |days: i64| {
        (Timestamp::now() + SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string()
    };
    let (id, change) = (one["id"].as_str().expect("id"), one["changeId"].as_str().expect("change"));
    for (filter, expected) in [
        (format!("jobid eq '{JOB}'"), 4),
        (
            format!(
                "jobId eq '{JOB}' and statusInfo/status eq 'failure' and activityDateTime ge 2022-10-10T09:47:34Z"
            ),
            0,
        ),
        (format!("jobId eq '{JOB}' and sourceIdentity/id eq '1'"), 2),
        (format!("jobid eq '{JOB}' and cycleId ne '{cycle}'"), 1),
        (format!("cycleId eq '{cycle}'"), 3),
        (format!("activityDateTime ge 2024-01-01T08:14:07.123Z and servicePrincipal/id eq '{OWNER}'"), 4),
        (
            format!(
                "((contains(tolower(servicePrincipal/id), '7f1f') or contains(tolower(servicePrincipal/displayName), 'x')) and activityDateTime gt {} and activityDateTime lt {})",
                day(-1),
                day(1)
            ),
            4,
        ),
        (
            format!(
                "contains(tolower(servicePrincipal/displayName), 'northmere hr') and activityDateTime lt {}",
                day(-1)
            ),
            0,
        ),
        (format!("changeId eq '{change}'"), 1),
        (format!("id eq '{id}'"), 1),
        ("provisioningAction eq 'create'".into(), 3),
        ("action eq 'Create'".into(), 3),
        ("provisioningStatusInfo/status eq 'failure'".into(), 0),
        ("provisioningStatusInfo/status in ('success','skipped')".into(), 4),
        ("not (provisioningStatusInfo/status eq 'success')".into(), 1),
        ("sourceSystem/displayName eq 'API' and targetSystem/displayName eq 'Microsoft Entra ID'".into(), 4),
        (
            "startswith(targetIdentity/displayName,'Person') and endswith(targetIdentity/displayName,'2')"
                .into(),
            1,
        ),
        (
            "durationInMilliseconds gt 11 and provisioningStatusInfo/errorInformation/errorCode eq null"
                .into(),
            4,
        ),
        ("jobid eq 'API2AAD.none'".into(), 0),
        ("activityDateTime ge 2022-01-01T00:00:00+01:00".into(), 4),
    ] {
        assert_eq!(hits(&world, &filter).await, expected, "{filter}");
    }
    for filter in [
        "jobid eq",
        "jobid eq 'x",
        "modifiedProperties/any(x:x eq 1)",
        "foo eq 'x'",
        "durationInMilliseconds eq 'x'",
    ] {
        let answer =
            world.get(&format!("/v1.0/auditLogs/provisioning?$filter={}", filter.replace(' ', "%20"))).await;
        assert_eq!((answer.status, answer.message().as_str()), (400, "Invalid filter clause"), "{filter}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_survive_new_records_and_end() {
    let world = World::open().await;
    world.upload(bulk((0..7).map(|number| person(&number.to_string())).collect())).await;
    let location = format!("/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{JOB}'");
    let mut seen = Vec::new();
    let mut next = format!("{location}&$top=3&$count=true");
    let mut pages = 0;
    loop {
        let page = world.get(&next).await.expect(reqwest::StatusCode::OK).json();
        assert_eq!(page["@odata.context"], format!("{}/v1.0/$metadata#auditLogs/provisioning", world.base));
        seen.extend(
            page["value"]
                .as_array()
                .expect("value")
                .iter()
                .map(|record| record["sourceIdentity"]["id"].as_str().expect("id").to_owned()),
        );
        pages += 1;
        world.upload(bulk(vec![person(&format!("new{pages}"))])).await;
        match page["@odata.nextLink"].as_str() {
            Some(link) => next = link.strip_prefix(&world.base).expect("our host").to_owned(),
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (3, 7), "{seen:?}");
    assert!(seen.iter().all(|id| !id.starts_with("new")));
    let bad = world.get("/v1.0/auditLogs/provisioning?$skiptoken=nonsense").await;
    assert_eq!(bad.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_options_and_single_records() {
    let world = World::open().await;
    world.upload(bulk(vec![person("1"), person("2")])).await;
    let page = world.get("/v1.0/auditLogs/provisioning?$orderby=activityDateTime%20asc&$select=id,sourceIdentity&$skip=1&$count=true").await.json();
    assert_eq!((page["@odata.count"].as_u64(), page["value"].as_array().map(Vec::len)), (Some(2), Some(1)));
    let names: Vec<&String> = page["value"][0].as_object().expect("record").keys().collect();
    assert_eq!(names, ["id", "sourceIdentity"]);
    let v1 = world.get("/v1.0/auditLogs/provisioning?$top=1").await.json();
    let beta = world.get("/beta/auditLogs/provisioning?$top=1").await.json();
    for name in ["action", "statusInfo"] {
        assert_eq!(v1["value"][0][name], Value::Null);
        assert_ne!(beta["value"][0][name], Value::Null);
    }
    let count = world.get("/v1.0/auditLogs/provisioning/$count").await;
    assert_eq!((count.header("content-type"), count.text.as_str()), ("text/plain", "2"));
    let id = v1["value"][0]["id"].as_str().expect("id");
    let one = world.get(&format!("/v1.0/auditLogs/provisioning('{id}')")).await.json();
    assert_eq!(one["id"], json!(id));
    assert_eq!(world.get("/v1.0/auditLogs/provisioning/7").await.status, 404);
    let empty = world.get("/v1.0/auditLogs/provisioning?$top=0").await.json();
    assert_eq!((&empty["value"], &empty["@odata.nextLink"]), (&json!([]), &Value::Null));
    let bad = world.get("/v1.0/auditLogs/provisioning?$orderby=jobId").await;
    assert_eq!(bad.message(), "Invalid orderby clause");
}
