use std::sync::atomic::{AtomicI64, Ordering};

use hirewire_engine::target::{Change, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::{AttributeValue, Attributes};
use jiff::Timestamp;

use super::*;
use crate::contract::{self, Shape};

fn person(tag: &str) -> Attributes {
    let text = |value: String| AttributeValue::Text(value);
    Attributes::from([
        ("accountEnabled".into(), AttributeValue::Boolean(true)),
        ("displayName".into(), text(format!("Person {tag}"))),
        ("employeeId".into(), text(format!("E{tag}"))),
        ("mailNickname".into(), text(format!("nick.{tag}"))),
        ("userPrincipalName".into(), text(format!("{tag}@northmere.example"))),
    ])
}

fn with(tag: &str, attribute: &str, value: &str) -> Attributes {
    let mut attributes = person(tag);
    attributes.insert(attribute.into(), AttributeValue::Text(value.into()));
    attributes
}

async fn apply(directory: &EmbeddedDirectory, step: Step) -> Result<String, TargetError> {
    directory.apply(&[step]).await.remove(0).map(|applied| applied.anchor)
}

async fn create(directory: &EmbeddedDirectory, attributes: Attributes) -> Result<String, TargetError> {
    apply(directory, Step::Create { attributes }).await
}

async fn set(
    directory: &EmbeddedDirectory,
    anchor: &str,
    attribute: &str,
    new: Option<&str>,
) -> Result<String, TargetError> {
    let new = new.map(|text| AttributeValue::Text(text.into()));
    let changes = vec![Change { attribute: attribute.into(), old: None, new }];
    apply(directory, Step::Update { anchor: anchor.into(), changes }).await
}

fn code(result: Result<String, TargetError>) -> String {
    match result {
        Ok(_) => "done".into(),
        Err(TargetError::Refused { code, attribute, .. }) => {
            format!("{code} {}", attribute.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn passes_the_contract() {
    let shape = || Shape {
        create: Box::new(person),
        key: "employeeId",
        text: "department",
        reference: "manager",
        required: "displayName",
        unique: "userPrincipalName",
        recycle_bin: true,
    };
    contract::check(&EmbeddedDirectory::in_memory(EmbeddedOptions::default()).unwrap(), &shape(), "m").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory.db");
    contract::check(&EmbeddedDirectory::open(&path, EmbeddedOptions::default()).unwrap(), &shape(), "f")
        .await;
    contract::check(&EmbeddedDirectory::open(&path, EmbeddedOptions::default()).unwrap(), &shape(), "again")
        .await;
}

#[tokio::test]
async fn refuses_what_entra_refuses() {
    let options =
        EmbeddedOptions { verified_domains: Some(vec!["Northmere.example".into()]), ..Default::default() };
    let directory = EmbeddedDirectory::in_memory(options).unwrap();
    create(&directory, person("taken")).await.unwrap();
    let invalid = "AzureActiveDirectoryInvalidUserPrincipalName userPrincipalName";
    let cases = [
        (with("1", "userPrincipalName", "TAKEN@northmere.EXAMPLE"), "Conflict userPrincipalName"),
        (with("2", "userPrincipalName", "x@elsewhere.example"), invalid),
        (with("3", "userPrincipalName", "nobody"), invalid),
        (with("4", "userPrincipalName", "a@b@northmere.example"), invalid),
        (with("5", "userPrincipalName", "@northmere.example"), invalid),
        (with("6", "userPrincipalName", "a b@northmere.example"), invalid),
        (with("7", "userPrincipalName", ""), "MandatoryFieldsMissing userPrincipalName"),
        (with("8", "mailNickname", ""), "MandatoryFieldsMissing mailNickname"),
        (with("9", "accountEnabled", "perhaps"), "SchemaPropertyCanOnlyAcceptValue accountEnabled"),
        (with("10", "objectId", "x"), "SchemaPropertyCanOnlyAcceptValue objectId"),
        (with("11", "manager", "00000000-0000-4000-8000-000000000000"), "UnprocessableEntity manager"),
        (with("12", "accountEnabled", "False"), "done"),
        (with("13", "passwordProfile.password", "secret"), "done"),
    ];
    for (attributes, want) in cases {
        assert_eq!(code(create(&directory, attributes.clone()).await), want, "{attributes:?}");
    }
    let other = create(&directory, person("other")).await.unwrap();
    let cases = [
        ("userPrincipalName", Some("taken@northmere.example"), "Conflict userPrincipalName"),
        ("userPrincipalName", Some("x@elsewhere.example"), invalid),
        ("displayName", None, "MandatoryFieldsMissing displayName"),
        ("accountEnabled", None, "MandatoryFieldsMissing accountEnabled"),
        ("UserPrincipalName", Some("renamed@northmere.example"), "done"),
    ];
    for (attribute, value, want) in cases {
        assert_eq!(code(set(&directory, &other, attribute, value).await), want, "{attribute} {value:?}");
    }
    let user = directory.get("RENAMED@northmere.example").unwrap().unwrap();
    assert_eq!(user.id, other);
    assert_eq!(
        user.attributes.keys().filter(|name| name.eq_ignore_ascii_case("userPrincipalName")).count(),
        1
    );
    assert!(
        !directory
            .get("13@northmere.example")
            .unwrap()
            .unwrap()
            .attributes
            .keys()
            .any(|name| account::is_password(name))
    );
}

#[tokio::test]
async fn names_compare_folded_and_composed() {
    let directory = EmbeddedDirectory::in_memory(EmbeddedOptions::default()).unwrap();
    create(&directory, with("1", "userPrincipalName", "Zoe\u{308}@northmere.example")).await.unwrap();
    let composed = with("2", "userPrincipalName", "ZO\u{cb}@northmere.example");
    assert_eq!(code(create(&directory, composed).await), "Conflict userPrincipalName");
    assert!(directory.get("zo\u{eb}@northmere.example").unwrap().is_some());
    for (attribute, value, hits) in [
        ("employeeid", "e1", 1),
        ("jobTitle", "PLANNER", 1),
        ("otherMails", "B@x.example", 1),
        ("jobTitle", "Plan", 0),
    ] {
        let anchor = directory.get("zo\u{eb}@northmere.example").unwrap().unwrap().id;
        set(&directory, &anchor, "jobTitle", Some("Planner")).await.unwrap();
        let list = AttributeValue::List(
            ["a@x.example", "b@x.example"].map(|mail| AttributeValue::Text(mail.into())).into(),
        );
        let changes = vec![Change { attribute: "otherMails".into(), old: None, new: Some(list) }];
        apply(&directory, Step::Update { anchor, changes }).await.unwrap();
        let key = MatchKey { attribute: attribute.into(), value: AttributeValue::Text(value.into()) };
        assert_eq!(directory.find(&[key], &[]).await.unwrap()[0].len(), hits, "{attribute} {value}");
    }
}

static NOW: AtomicI64 = AtomicI64::new(1_800_000_000);

#[tokio::test]
async fn the_recycle_bin_keeps_thirty_days() {
    let clock = || Timestamp::from_second(NOW.load(Ordering::SeqCst)).unwrap();
    let directory = EmbeddedDirectory::in_memory(EmbeddedOptions { clock, ..Default::default() }).unwrap();
    let boss = create(&directory, person("boss")).await.unwrap();
    let report = create(&directory, with("report", "manager", &boss)).await.unwrap();
    assert_eq!(directory.reports(&boss).unwrap(), std::slice::from_ref(&report));
    apply(&directory, Step::Delete { anchor: boss.clone() }).await.unwrap();
    assert!(matches!(set(&directory, &boss, "jobTitle", Some("x")).await, Err(TargetError::Gone { .. })));

    // Somebody takes the name meanwhile: no way back until it is free.
    let heir = create(&directory, person("boss")).await.unwrap();
    let restore = Step::Restore { anchor: boss.clone() };
    assert_eq!(code(apply(&directory, restore.clone()).await), "Conflict userPrincipalName");
    let key = MatchKey { attribute: "employeeId".into(), value: AttributeValue::Text("Eboss".into()) };
    let found = directory.find(std::slice::from_ref(&key), &[]).await.unwrap();
    assert_eq!(found[0].iter().map(|account| account.anchor.as_str()).collect::<Vec<_>>(), [heir.as_str()]);
    set(&directory, &heir, "userPrincipalName", Some("heir@northmere.example")).await.unwrap();
    apply(&directory, restore.clone()).await.unwrap();

    apply(&directory, Step::Delete { anchor: boss.clone() }).await.unwrap();
    let counter = directory.change_counter().unwrap();
    NOW.fetch_add(30 * 86_400, Ordering::SeqCst);
    assert_eq!((directory.count(None, true).unwrap(), directory.purge_expired().unwrap()), (1, 0));
    NOW.fetch_add(1, Ordering::SeqCst);
    assert_eq!(directory.count(None, true).unwrap(), 0);
    assert_eq!(directory.get(&boss).unwrap(), None);
    assert!(matches!(apply(&directory, restore).await, Err(TargetError::Gone { .. })));
    assert_eq!(directory.purge_expired().unwrap(), 1);
    assert!(directory.change_counter().unwrap() > counter);
    assert!(!directory.get(&report).unwrap().unwrap().attributes.contains_key("manager"));
    assert!(!directory.purge(&report).unwrap(), "a live user cannot be purged");
}

#[tokio::test]
async fn lists_in_pages() {
    let directory = EmbeddedDirectory::in_memory(EmbeddedOptions::default()).unwrap();
    let before = directory.change_counter().unwrap();
    let steps: Vec<Step> = (0..25)
        .map(|n| Step::Create {
            attributes: with(&n.to_string(), "displayName", &format!("Name {:02}", n % 5)),
        })
        .collect();
    directory.apply(&steps).await.into_iter().for_each(|answer| assert!(answer.is_ok()));
    assert_eq!(directory.change_counter().unwrap(), before + 1);
    for order in [UserOrder::Id, UserOrder::DisplayName] {
        let mut query = UserQuery { order, limit: 7, ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = directory.list(&query).unwrap();
            seen.extend(page.users);
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        let ids: std::collections::BTreeSet<_> = seen.iter().map(|user| user.id.clone()).collect();
        assert_eq!((seen.len(), ids.len()), (25, 25), "{order:?}");
        if order == UserOrder::DisplayName {
            assert!(seen.is_sorted_by_key(|user| format!("{:?}", user.attributes["displayName"])));
        }
    }
    let count = |filter| directory.count(Some(&filter), false).unwrap();
    assert_eq!(count(UserFilter::EmployeeId("e7".into())), 1);
    assert_eq!(count(UserFilter::UserPrincipalName("7@NORTHMERE.example".into())), 1);
    assert_eq!(count(UserFilter::AccountEnabled(false)), 0);
    assert_eq!(count(UserFilter::Search("name 03".into())), 5);
    assert_eq!(count(UserFilter::Search("'; DROP TABLE users".into())), 0);
    let either = [UserFilter::EmployeeId("E1".into()), UserFilter::EmployeeId("E2".into())];
    assert_eq!(count(UserFilter::Or(either.to_vec())), 2);
    assert_eq!(count(UserFilter::And(either.to_vec())), 0);
    assert_eq!((count(UserFilter::And(vec![])), count(UserFilter::Or(vec![]))), (25, 0));
}

#[test]
fn other_files_stay_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    let error = EmbeddedDirectory::open(&path, EmbeddedOptions::default()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
}
