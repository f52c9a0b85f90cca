//! What goes wrong in a directory, and how it ends.
use std::time::{Duration, Instant};

use hirewire_engine::target::{Step, Target as _, TargetError};
use hirewire_engine::value::AttributeValue as V;
use hirewire_target::delivery::sealed_file::{KeyPair, open};
use hirewire_target::ldap::LdapTarget;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::admin::Admin;
use crate::parts;
use crate::place::{Kind, Place, change, create, find, held, one, read, refusal, text, update};

pub(crate) async fn name_taken_by_a_foreign_account(place: Place) {
    let target = place.target();
    let mut foreign = place.person(1);
    foreign.insert(place.key_name().into(), V::Text(place.key(99)));
    if place.kind == Kind::Ad {
        foreign.insert("sAMAccountName".into(), V::Text(place.key(98)));
        foreign.insert("userPrincipalName".into(), V::Text(format!("{}@corp.example", place.key(98))));
    } else {
        foreign.insert("mail".into(), V::Text("foreign@corp.example".into()));
    }
    let foreign = create(&target, foreign).await;
    let strict = place.target_with(|c| c["name_taken"] = "refuse".into());
    let (code, _, reason) = refusal(one(&strict, Step::Create { attributes: place.person(1) }).await);
    assert_eq!(code, "EntryConflict");
    assert!(reason.contains(&place.dn(1)), "the reason names what is taken: {reason}");
    if place.kind == Kind::Ad {
        another_name(&place, &target, &foreign).await;
    }
    // The same by renaming.
    let anchor = create(&target, place.person(2)).await;
    let name = place.pick("cn", "uid");
    let wanted = place.pick(format!("Jürgen Müller {}", place.key(1)), place.key(1));
    let (code, _, reason) = refusal(update(&strict, &anchor, vec![change(name, text(&wanted))]).await);
    // OpenLDAP's unique overlay speaks before the name does.
    assert!(
        code == "EntryConflict" && reason.contains(&wanted) || place.kind == Kind::Inet && code == "Conflict",
        "{code}: {reason}"
    );
}

/// Active Directory's `cn` gets the employee number where somebody else has the name; nobody else is touched.
async fn another_name(place: &Place, target: &LdapTarget, foreign: &str) {
    let before = place.admin.version(&place.dn(1)).await;
    let anchor = create(target, place.person(1)).await;
    assert_ne!(anchor, foreign);
    let name = format!("Jürgen Müller {0} ({0})", place.key(1));
    assert_eq!(held(target, &anchor, "cn").await, text(&name));
    assert_eq!(held(target, &anchor, "displayName").await, text(&format!("Jürgen Müller {}", place.key(1))));
    // Once more, by the same and by a new process: the same account.
    assert_eq!(create(target, place.person(1)).await, anchor);
    assert_eq!(create(&place.target(), place.person(1)).await, anchor);
    // The mapped name is as good as reached.
    let again = change("cn", text(&format!("Jürgen Müller {}", place.key(1))));
    assert!(!update(target, &anchor, vec![again]).await.unwrap().changed);
    assert_eq!(place.admin.version(&place.dn(1)).await, before);
    // Two of one name in the place they are moved to.
    let mut twin = place.person(1);
    for (name, value) in [
        ("employeeID", place.key(71)),
        ("sAMAccountName", place.key(71)),
        ("userPrincipalName", format!("{}@corp.example", place.key(71))),
        ("parentDistinguishedName", place.other.clone()),
    ] {
        twin.insert(name.into(), V::Text(value));
    }
    let twin = create(target, twin).await;
    let moved = update(target, &twin, vec![change("parentDistinguishedName", text(&place.unit))]).await;
    assert!(moved.unwrap().changed);
    assert_eq!(
        held(target, &twin, "cn").await,
        text(&format!("Jürgen Müller {} ({})", place.key(1), place.key(71)))
    );
}

/// Somebody disables an account by hand, or it is locked for a while after wrong passwords.
pub(crate) async fn administrator_locks(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let (name, value) =
        place.pick(("userAccountControl", "66050"), ("pwdAccountLockedTime", "20250101000000Z"));
    place.admin.set(&place.dn(1), name, &[value]).await;
    assert!(update(&target, &anchor, vec![change("title", text("Lead"))]).await.unwrap().changed);
    assert_eq!(place.admin.value(&place.dn(1), name).await.as_deref(), Some(value), "the lock stays");
    let state = held(&target, &anchor, "accountDisabled").await;
    assert_eq!(state, Some(V::Boolean(place.kind == Kind::Ad)), "a lock for a while is not disabled");
    let enable = vec![change("accountDisabled", Some(V::Boolean(false)))];
    assert_eq!(update(&target, &anchor, enable).await.unwrap().changed, place.kind == Kind::Ad);
    let expected = place.pick("66048", value);
    assert_eq!(place.admin.value(&place.dn(1), name).await.as_deref(), Some(expected), "other bits stay");
}

pub(crate) async fn administrator_renames_and_moves(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let new = place.pick("CN=Renamed by hand", "uid=renamed-by-hand");
    place.admin.rename(&place.dn(1), new, Some(&place.other)).await;
    assert!(update(&target, &anchor, vec![change("title", text("Found"))]).await.unwrap().changed);
    assert_eq!(place.admin.value(&format!("{new},{}", place.other), "title").await.as_deref(), Some("Found"));
    assert!(one(&target, Step::Delete { anchor }).await.unwrap().changed);
}

pub(crate) async fn administrator_deletes(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    place.admin.delete(&place.dn(1)).await;
    let answer = update(&target, &anchor, vec![change("title", text("x"))]).await;
    assert_eq!(answer, Err(TargetError::Gone { anchor: anchor.clone() }));
    assert!(read(&target, &anchor, &["title"]).await.is_none());
    assert!(!one(&target, Step::Delete { anchor }).await.unwrap().changed);
}

pub(crate) async fn administrator_changes_the_attribute(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    place.admin.set(&place.dn(1), "title", &["By hand"]).await;
    assert_eq!(held(&target, &anchor, "title").await, text("By hand"));
    assert!(update(&target, &anchor, vec![change("title", text("Engineer"))]).await.unwrap().changed);
    place.admin.set(&place.dn(1), "title", &[]).await;
    assert!(!update(&target, &anchor, vec![change("title", None)]).await.unwrap().changed);
}

pub(crate) async fn container_missing(place: Place) {
    let target = place.target();
    let nowhere = format!("OU=nowhere,{}", place.unit);
    let mut person = place.person(1);
    person.insert("parentDistinguishedName".into(), V::Text(nowhere.clone()));
    let (code, attribute, reason) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("OperationsError", Some("parentDistinguishedName")));
    assert!(reason.contains("No superior reference"), "{reason}");
    let anchor = create(&target, place.person(2)).await;
    let (code, attribute, _) =
        refusal(update(&target, &anchor, vec![change("parentDistinguishedName", text(&nowhere))]).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("OperationsError", Some("parentDistinguishedName")));
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.unit));
}

pub(crate) async fn container_is_no_name(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    person.insert("parentDistinguishedName".into(), V::Text("Sales".into()));
    let (code, attribute, _) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!(
        (code.as_str(), attribute.as_deref()),
        ("UnprocessableEntity", Some("parentDistinguishedName"))
    );
    // Something that cannot hold accounts.
    create(&target, place.person(2)).await;
    let mut person = place.person(3);
    person.insert("parentDistinguishedName".into(), V::Text(place.dn(2)));
    let answer = one(&target, Step::Create { attributes: person }).await;
    assert!(answer.is_err() || place.kind == Kind::Inet, "{answer:?}");
}

pub(crate) async fn no_such_attribute(place: Place) {
    let target = place.target();
    let expected =
        place.pick("HybridSynchronizationActiveDirectoryCannotFindAttribute", "SchemaAttributeNotFound");
    let mut person = place.person(1);
    person.insert("extensionAttribute99".into(), V::Text("x".into()));
    let (code, attribute, _) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!((code.as_str(), attribute.as_deref()), (expected, Some("extensionAttribute99")));
    let anchor = create(&target, place.person(1)).await;
    let (code, _, _) =
        refusal(update(&target, &anchor, vec![change("extensionAttribute99", text("x"))]).await);
    assert_eq!(code, expected);
    let (code, _, _) = refusal(find(&target, "extensionAttribute99", "x").await);
    assert_eq!(code, expected);
    let (code, _, _) = refusal(find(&target, "accountDisabled", "True").await);
    assert_eq!(code, "NotImplemented");
    let secret = place.pick("unicodePwd", "userPassword");
    let (code, attribute, _) = refusal(update(&target, &anchor, vec![change(secret, text("hunter2"))]).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("NotPermitted", Some(secret)));
    assert!(read(&target, &anchor, &[secret]).await.unwrap().attributes.is_empty());
}

pub(crate) async fn wrong_value_forms(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let (code, attribute, _) =
        refusal(update(&target, &anchor, vec![change("manager", text("Mr. Smith"))]).await);
    assert_eq!(
        (code.as_str(), attribute.as_deref()),
        ("SystemForCrossDomainIdentityManagementBadResponse", Some("manager"))
    );
    let (code, _, _) =
        refusal(update(&target, &anchor, vec![change("accountDisabled", text("perhaps"))]).await);
    assert_eq!(code, "SchemaPropertyCanOnlyAcceptValue");
    let (code, _, _) = refusal(update(&target, &anchor, vec![change(place.pick("cn", "uid"), None)]).await);
    assert_eq!(code, "MandatoryFieldsMissing");
    let mut nameless = place.person(2);
    nameless.remove(place.pick("cn", "uid"));
    let (code, attribute, _) = refusal(one(&target, Step::Create { attributes: nameless }).await);
    assert_eq!(
        (code.as_str(), attribute.as_deref()),
        ("MandatoryFieldsMissing", Some(place.pick("cn", "uid")))
    );
}

pub(crate) async fn one_bad_step_does_not_stop_the_others(place: Place) {
    let target = place.target();
    let mut bad = place.person(1);
    bad.insert("noSuchThing".into(), V::Text("x".into()));
    let steps = [place.person(0), bad, place.person(2)].map(|attributes| Step::Create { attributes });
    let answers = target.apply(&steps).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    refusal(answers[1].clone());
}

pub(crate) async fn manager_gone(place: Place) {
    let target = place.target();
    let boss = create(&target, place.person(1)).await;
    let anchor = create(&target, place.person(2)).await;
    place.admin.delete(&place.dn(1)).await;
    let change = change("manager", Some(V::Reference(boss)));
    let (code, attribute, _) = refusal(update(&target, &anchor, vec![change]).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("InvalidAnchor", Some("manager")));
}

pub(crate) async fn object_has_children(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let child = format!("CN=device,{}", place.dn(1));
    place.admin.add(&child, &[("objectClass", place.pick("nTFRSSubscriptions", "device"))]).await;
    let (code, _, reason) = refusal(one(&target, Step::Delete { anchor: anchor.clone() }).await);
    assert_eq!(code, "NotPermitted", "{reason}");
    place.admin.delete(&child).await;
    assert!(one(&target, Step::Delete { anchor }).await.unwrap().changed);
}

pub(crate) async fn duplicate_matches_are_reported(place: Place) {
    let target = place.target();
    for n in [1, 2] {
        let mut person = place.person(n);
        person.insert("description".into(), V::Text(format!("same {}", place.tag)));
        create(&target, person).await;
    }
    assert_eq!(
        find(&target, "description", &format!("SAME  {} ", place.tag)).await.unwrap_or_default().len() % 2,
        0
    );
    assert_eq!(find(&target, "description", &format!("Same {}", place.tag)).await.unwrap().len(), 2);
}

pub(crate) async fn filter_signs_in_keys(place: Place) {
    let target = place.target();
    create(&target, place.person(1)).await;
    for odd in ["*", &format!("{}*", place.tag), "x)(objectClass=*", "\\", "\0", "é", "(", ""] {
        assert!(find(&target, place.key_name(), odd).await.unwrap().is_empty(), "{odd:?}");
    }
}

pub(crate) async fn ad_account_name_rules(place: Place) {
    let target = place.target();
    for name in ["twenty-one-characters", "a@b", "ends.", "a/b"] {
        let mut person = place.person(1);
        person.insert("sAMAccountName".into(), V::Text(name.into()));
        let (_, attribute, _) = refusal(one(&target, Step::Create { attributes: person }).await);
        assert_eq!(attribute.as_deref(), Some("sAMAccountName"));
    }
    let anchor = create(&target, place.person(2)).await;
    let (_, attribute, _) =
        refusal(update(&target, &anchor, vec![change("sAMAccountName", text("a@b"))]).await);
    assert_eq!(attribute.as_deref(), Some("sAMAccountName"));
}

pub(crate) async fn ad_duplicate_account_name(place: Place) {
    let target = place.target();
    create(&target, place.person(1)).await;
    let mut person = place.person(2);
    person.insert("sAMAccountName".into(), V::Text(place.key(1).to_uppercase()));
    let strict = place.target_with(|c| c["name_taken"] = "refuse".into());
    let (code, attribute, _) = refusal(one(&strict, Step::Create { attributes: person.clone() }).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("EntryConflict", Some("sAMAccountName")));
    let numbered = create(&target, person.clone()).await;
    let name = format!("{}2", place.key(1).to_uppercase());
    assert_eq!(held(&target, &numbered, "sAMAccountName").await, text(&name));
    assert_eq!(create(&target, person).await, numbered, "once more: the same account");
    let anchor = create(&target, place.person(3)).await;
    let (code, _, reason) =
        refusal(update(&target, &anchor, vec![change("sAMAccountName", text(&place.key(1)))]).await);
    assert_eq!(code, "EntryConflict", "{reason}");
}

pub(crate) async fn ad_value_too_long(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let long = "ü".repeat(65);
    for name in ["company", "department", "cn"] {
        let (code, attribute, reason) =
            refusal(update(&target, &anchor, vec![change(name, text(&long))]).await);
        assert_eq!(
            (code.as_str(), attribute.as_deref()),
            ("SystemForCrossDomainIdentityManagementBadResponse", Some(name))
        );
        assert!(reason.starts_with("ConstraintViolation-AtrErr") && reason.contains("64"), "{reason}");
    }
    assert!(update(&target, &anchor, vec![change("company", text(&"ü".repeat(64)))]).await.unwrap().changed);
    let answer = find(&target, "employeeID", &"9".repeat(40)).await;
    assert!(answer.unwrap().is_empty(), "a key too long to exist is not found");
}

pub(crate) async fn ad_password_policy_is_obeyed(place: Place) {
    let domain = place.part.get("AD_BASE_DN").to_owned();
    place.admin.set(&domain, "minPwdLength", &["40"]).await;
    let answer = one(&place.target(), Step::Create { attributes: place.person(1) }).await;
    // Raised behind the target's back, after it has read the policy: refused passwords get longer.
    let target = place.target();
    place.admin.set(&domain, "minPwdLength", &["12"]).await;
    let first = one(&target, Step::Create { attributes: place.person(2) }).await;
    place.admin.set(&domain, "minPwdLength", &["30"]).await;
    let second = one(&target, Step::Create { attributes: place.person(3) }).await;
    place.admin.set(&domain, "minPwdLength", &["7"]).await;
    assert!(answer.is_ok() && first.is_ok() && second.is_ok(), "{answer:?} {first:?} {second:?}");
}

pub(crate) async fn inet_unique_overlay(place: Place) {
    let target = place.target();
    create(&target, place.person(1)).await;
    let mut person = place.person(2);
    person.insert("mail".into(), V::Text(format!("{}@corp.example", place.key(1))));
    let (code, _, _) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!(code, "Conflict");
}

pub(crate) async fn inet_schema_violation(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    person.insert("homeDirectory".into(), V::Text("/home/x".into()));
    let (code, attribute, _) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!((code.as_str(), attribute.as_deref()), ("MandatoryFieldsMissing", Some("homeDirectory")));
    let mut person = place.person(1);
    person.insert("mail".into(), V::Text("jürgen@corp.example".into()));
    let (code, attribute, _) = refusal(one(&target, Step::Create { attributes: person }).await);
    assert_eq!(
        (code.as_str(), attribute.as_deref()),
        ("SystemForCrossDomainIdentityManagementBadResponse", Some("mail"))
    );
}

/// More accounts than an unpaged search may give (500).
pub(crate) async fn inet_size_limit(place: Place) {
    let target = place.target_with(|c| c["base_dn"] = place.unit.clone().into());
    let steps: Vec<Step> = (0..620).map(|n| Step::Create { attributes: place.person(n) }).collect();
    assert!(target.apply(&steps).await.iter().all(Result::is_ok));
    let mut count = 0;
    target.enumerate(&[], &mut |_| count += 1).await.unwrap();
    assert_eq!(count, 620);
}

/// A slapd of one's own, for tests that stop it.
async fn own_slapd() -> Place {
    let part = tokio::task::spawn_blocking(|| parts::start("openldap")).await.unwrap().unwrap();
    Place::on(Kind::Inet, part).await.unwrap()
}

pub(crate) async fn inet_server_restarts(_: Place) {
    let mut place = own_slapd().await;
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    place.part.down();
    let answer = one(&target, Step::Create { attributes: place.person(2) }).await;
    assert!(
        matches!(&answer, Err(TargetError::Retry { code, .. }) if code == "EndpointUnavailable"),
        "{answer:?}"
    );
    place.part.up().unwrap();
    assert!(one(&target, Step::Create { attributes: place.person(2) }).await.unwrap().changed);
    assert!(update(&target, &anchor, vec![change("title", text("after"))]).await.unwrap().changed);
    // In the middle of a batch: whatever was answered, a second apply completes it and nothing is there twice.
    let steps: Vec<Step> = (10..400).map(|n| Step::Create { attributes: place.person(n) }).collect();
    let script = place.part.clone();
    let restart = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(30));
        let mut script = script;
        script.down();
        script.up().unwrap();
    });
    let first = target.apply(&steps).await;
    restart.await.unwrap();
    assert!(first.iter().all(|a| matches!(a, Ok(_) | Err(TargetError::Retry { .. }))), "{first:?}");
    let second = target.apply(&steps).await;
    assert!(second.iter().all(Result::is_ok), "{second:?}");
    for (before, after) in first.iter().zip(&second) {
        if let Ok(before) = before {
            assert_eq!(before.anchor, after.as_ref().unwrap().anchor);
        }
    }
}

/// A domain controller that goes away in the middle of a batch and comes back.
pub(crate) async fn ad_server_restarts(_: Place) {
    let part = tokio::task::spawn_blocking(|| parts::start("samba-ad")).await.unwrap().unwrap();
    let place = Place::on(Kind::Ad, part).await.unwrap();
    let target = place.target();
    create(&target, place.person(0)).await;
    let steps: Vec<Step> = (1..60).map(|n| Step::Create { attributes: place.person(n) }).collect();
    let script = place.part.clone();
    let restart = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(60));
        let mut script = script;
        script.down();
        // Its services race one another for their ports now and then.
        (0..8).find_map(|_| script.up().ok()).expect("it comes back");
    });
    let first = target.apply(&steps).await;
    restart.await.unwrap();
    assert!(first.iter().all(|a| matches!(a, Ok(_) | Err(TargetError::Retry { .. }))), "{first:?}");
    let second = target.apply(&steps).await;
    assert!(second.iter().all(Result::is_ok), "{second:?}");
    for (before, after) in first.iter().zip(&second) {
        if let Ok(before) = before {
            assert_eq!(before.anchor, after.as_ref().unwrap().anchor);
        }
    }
    let admin = Admin::sign_in(
        place.part.get("AD_URL"),
        place.part.get("AD_ADMIN_DN"),
        place.part.get("AD_PASSWORD"),
    );
    let names = admin.await.unwrap().names(&place.unit, "(objectClass=user)").await;
    assert_eq!(names.len(), 60, "everybody once");
}

pub(crate) async fn inet_server_hangs(_: Place) {
    let place = own_slapd().await;
    let target = place.target_with(|c| {
        c["answer_seconds"] = 1.into();
        c["connect_seconds"] = 1.into();
    });
    let anchor = create(&target, place.person(1)).await;
    place.part.signal("STOP");
    let started = Instant::now();
    let steps = [
        Step::Create { attributes: place.person(2) },
        Step::Update { anchor: anchor.clone(), changes: vec![change("title", text("x"))] },
    ];
    let answers = target.apply(&steps).await;
    assert!(started.elapsed() < Duration::from_secs(15), "time-outs hold: {:?}", started.elapsed());
    for answer in &answers {
        assert!(matches!(answer, Err(TargetError::Retry { .. })), "{answer:?}");
    }
    place.part.signal("CONT");
    let answers = target.apply(&steps).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(place.admin.names(&place.unit, &format!("(uid={})", place.key(2))).await.len(), 1);
}

pub(crate) async fn inet_second_server_takes_over(_: Place) {
    let mut place = own_slapd().await;
    let second = place.part.get("LDAP_URL").to_owned();
    let target = place.target_with(|c| c["urls"] = serde_json::json!(["ldaps://127.0.0.1:1", second]));
    let anchor = create(&target, place.person(1)).await;
    assert!(read(&target, &anchor, &[]).await.is_some());
    place.part.down();
    place.part.up().unwrap();
    assert!(read(&target, &anchor, &[]).await.is_some(), "a search is asked again on a new connection");
}

/// Servers that answer every request after the bind with one result code, or with nonsense.
pub(crate) async fn fake_servers(place: Place) {
    for (code, kind) in [(51u8, "TooManyRequests"), (52, "EndpointUnavailable"), (80, "InternalServerError")]
    {
        let target = fake(&place, Some(code)).await;
        let answer = one(&target, Step::Create { attributes: place.person(1) }).await;
        assert!(
            matches!(&answer, Err(TargetError::Retry { code, .. }) if code == kind),
            "{code}: {answer:?}"
        );
    }
    for code in [10u8, 53, 11, 12] {
        let target = fake(&place, Some(code)).await;
        refusal(one(&target, Step::Create { attributes: place.person(1) }).await);
    }
    let target = fake(&place, None).await;
    let answer = one(&target, Step::Create { attributes: place.person(1) }).await;
    assert!(matches!(answer, Err(TargetError::Retry { .. })), "{answer:?}");
}

async fn fake(place: &Place, code: Option<u8>) -> LdapTarget {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0u8; 4096];
                while let Ok(n) = stream.read(&mut buffer).await {
                    if n < 8 {
                        return;
                    }
                    // SEQUENCE length, INTEGER length id, operation: requests of this test fit in one packet.
                    let short = buffer[1] < 0x80;
                    let at = if short { 2 } else { 2 + usize::from(buffer[1] & 0x7f) };
                    let (id, op) = (buffer[at + 2], buffer[at + 3]);
                    let reply: Vec<u8> = match (op, code) {
                        (0x60, _) => vec![0x30, 12, 2, 1, id, 0x61, 7, 10, 1, 0, 4, 0, 4, 0],
                        (0x77, _) => vec![0x30, 12, 2, 1, id, 0x78, 7, 10, 1, 2, 4, 0, 4, 0],
                        (_, None) => vec![0x30, 12, 2, 1, id, 0x65, 7, 4, 1, 0, 4, 0, 4, 0, 0xff, 0xff],
                        (op, Some(code)) => {
                            let answer = match op {
                                0x63 => 0x65,
                                0x68 => 0x69,
                                0x66 => 0x67,
                                other => other + 1,
                            };
                            vec![0x30, 12, 2, 1, id, answer, 7, 10, 1, code, 4, 0, 4, 0]
                        }
                    };
                    if stream.write_all(&reply).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    place.target_with(|c| c["urls"] = serde_json::json!([format!("ldap://127.0.0.1:{port}")]))
}

/// A domain controller that stops answering in the middle of a batch: nothing is lost, nothing is there twice, and the
/// password that was handed over is the one that works.
pub(crate) async fn ad_server_hangs(_: Place) {
    let part = tokio::task::spawn_blocking(|| parts::start("samba-ad")).await.unwrap().unwrap();
    let place = Place::on(Kind::Ad, part).await.unwrap();
    let keys = KeyPair::generate().unwrap();
    let path = place.part.folder.join("sealed");
    let target = place.target_with(|c| {
        c["answer_seconds"] = 2.into();
        c["connect_seconds"] = 2.into();
        c["initial_password"] =
            serde_json::json!({ "delivery": { "to": "sealed_file", "path": path, "public_key": keys.public } });
    });
    create(&target, place.person(0)).await;
    let steps: Vec<Step> = (1..60).map(|n| Step::Create { attributes: place.person(n) }).collect();
    let script = place.part.clone();
    let hang = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(60));
        script.signal("STOP");
        std::thread::sleep(Duration::from_secs(5));
        script.signal("CONT");
    });
    let first = target.apply(&steps).await;
    hang.await.unwrap();
    assert!(first.iter().all(|a| matches!(a, Ok(_) | Err(TargetError::Retry { .. }))), "{first:?}");
    let second = target.apply(&steps).await;
    assert!(second.iter().all(Result::is_ok), "{second:?}");
    assert_eq!(place.admin.names(&place.unit, "(objectClass=user)").await.len(), 60);
    let sealed = std::fs::read_to_string(&path).unwrap();
    let mut latest = std::collections::HashMap::new();
    for line in sealed.lines() {
        let opened = open(line, &keys.private).unwrap();
        latest.insert(opened.account, opened.password);
    }
    assert_eq!(latest.len(), 60, "every account's password was handed over");
    for (account, password) in latest {
        let signed_in = Admin::sign_in(place.part.get("AD_URL"), &account, password.expose()).await;
        assert!(signed_in.is_ok(), "{account}: {:?}", signed_in.err());
    }
}
