//! What happens to accounts when nothing goes wrong.
use std::collections::HashSet;

use hirewire_engine::target::{MatchKey, Step, Target as _};
use hirewire_engine::value::{AttributeValue as V, Attributes};
use hirewire_target::contract::Shape;
use jiff::civil::date;

use crate::admin::Admin;
use crate::place::{Kind, Place, change, create, eventually, find, held, one, read, text, update};

/// The cases every target must pass.
pub(crate) async fn contract(place: Place) {
    let kind = place.kind;
    let tag = place.tag.clone();
    let create = move |suffix: &str| {
        let mut attributes = Attributes::new();
        for (name, value) in [
            (if kind == Kind::Ad { "employeeID" } else { "employeeNumber" }, suffix.to_owned()),
            ("cn", format!("Contract {suffix}")),
            ("sn", "Contract".to_owned()),
            (if kind == Kind::Ad { "sAMAccountName" } else { "uid" }, suffix.to_owned()),
        ] {
            attributes.insert(name.into(), V::Text(value));
        }
        attributes
    };
    let shape = Shape {
        create: Box::new(create),
        key: place.key_name(),
        text: "title",
        reference: "manager",
        required: place.pick("sAMAccountName", "uid"),
        unique: place.pick("sAMAccountName", "uid"),
        recycle_bin: false,
    };
    // The contract's second owner of a unique value is to be refused, not called otherwise.
    let target = place.target_with(|c| c["name_taken"] = "refuse".into());
    hirewire_target::contract::check(&target, &shape, &tag).await;
}

pub(crate) async fn create_and_find(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let found = find(&target, place.key_name(), &place.key(1).to_uppercase()).await.unwrap();
    assert_eq!(found.iter().map(|a| &a.anchor).collect::<Vec<_>>(), [&anchor]);
    assert!(find(&target, place.key_name(), &place.key(9)).await.unwrap().is_empty());
    let wanted = ["displayName", "mail", "title", "accountDisabled", "parentDistinguishedName", "manager"];
    let account = read(&target, &anchor, &wanted).await.unwrap();
    assert_eq!(account.attributes["displayName"], text(&format!("Jürgen Müller {}", place.key(1))).unwrap());
    assert_eq!(account.attributes["accountDisabled"], V::Boolean(false));
    assert_eq!(account.attributes["parentDistinguishedName"].clone(), text(&place.unit).unwrap());
    assert!(!account.attributes.contains_key("manager"));
    let uuid = "00000000-0000-4000-8000-000000000000";
    assert!(read(&target, uuid, &wanted).await.is_none());
    assert!(read(&target, "no anchor at all", &wanted).await.is_none());
}

pub(crate) async fn second_apply_writes_nothing(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let changes = vec![
        change("title", text("Lead")),
        change("givenName", None),
        change("accountDisabled", Some(V::Boolean(true))),
        change("parentDistinguishedName", text(&place.other.to_uppercase().replace(',', ", "))),
    ];
    let first = update(&target, &anchor, changes.clone()).await.unwrap();
    assert!(first.changed);
    let dn = place.dn_in(1, &place.other);
    let version = place.admin.version(&dn).await;
    let second = update(&target, &anchor, changes).await.unwrap();
    assert!(!second.changed);
    let again = one(&target, Step::Create { attributes: place.person(2) }).await.unwrap();
    assert!(again.changed);
    assert_eq!(place.admin.version(&dn).await, version);
}

pub(crate) async fn disable_and_enable(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    person.insert("accountDisabled".into(), V::Text("True".into()));
    let anchor = create(&target, person).await;
    assert_eq!(held(&target, &anchor, "accountDisabled").await, Some(V::Boolean(true)));
    for disabled in [false, true, false] {
        let applied = update(&target, &anchor, vec![change("accountDisabled", Some(V::Boolean(disabled)))])
            .await
            .unwrap();
        assert!(applied.changed);
        assert_eq!(held(&target, &anchor, "accountDisabled").await, Some(V::Boolean(disabled)));
    }
    let applied = update(&target, &anchor, vec![change("accountDisabled", None)]).await.unwrap();
    assert!(!applied.changed);
}

pub(crate) async fn disabled_container(place: Place) {
    let target = place.target_with(|c| c["disabled_container"] = place.leavers.clone().into());
    let anchor = create(&target, place.person(1)).await;
    let state = |disabled| vec![change("accountDisabled", Some(V::Boolean(disabled)))];
    assert!(update(&target, &anchor, state(true)).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.leavers));
    assert!(!update(&target, &anchor, state(true)).await.unwrap().changed);
    // The mapped container does not pull a leaver back.
    let mapped = vec![change("parentDistinguishedName", text(&place.other)), change("title", text("Gone"))];
    assert!(update(&target, &anchor, mapped.clone()).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.leavers));
    assert!(!update(&target, &anchor, mapped).await.unwrap().changed);
    let mut back = state(false);
    back.push(change("parentDistinguishedName", text(&place.other)));
    assert!(update(&target, &anchor, back).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.other));
    assert!(update(&target, &anchor, state(true)).await.unwrap().changed);
    assert!(update(&target, &anchor, state(false)).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.unit));
}

pub(crate) async fn move_and_rename(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let name = place.pick("cn", "uid");
    let new = format!("{}, renamed + \"moved\" #", place.key(1));
    let changes = vec![
        change(name, text(&new)),
        change("parentDistinguishedName", text(&place.other)),
        change("title", text("X")),
    ];
    assert!(update(&target, &anchor, changes.clone()).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, name).await, text(&new));
    assert_eq!(held(&target, &anchor, "parentDistinguishedName").await, text(&place.other));
    assert!(!update(&target, &anchor, changes).await.unwrap().changed);
    let case = vec![change(name, text(&new.to_uppercase()))];
    assert!(update(&target, &anchor, case.clone()).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, name).await, text(&new.to_uppercase()));
    assert!(!update(&target, &anchor, case).await.unwrap().changed);
}

pub(crate) async fn clear_attributes(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let clear = |new: Option<V>| {
        vec![change("title", new.clone()), change("mail", new.clone()), change("telephoneNumber", new)]
    };
    assert!(update(&target, &anchor, clear(text(""))).await.unwrap().changed);
    let account = read(&target, &anchor, &["title", "mail", "telephoneNumber", "displayName"]).await.unwrap();
    assert_eq!(account.attributes.keys().collect::<Vec<_>>(), ["displayName"]);
    for nothing in [None, text(""), Some(V::List(vec![]))] {
        assert!(!update(&target, &anchor, clear(nothing)).await.unwrap().changed);
    }
}

pub(crate) async fn manager_is_a_reference(place: Place) {
    let target = place.target();
    let boss = create(&target, place.person(1)).await;
    let anchor = create(&target, place.person(2)).await;
    let set = |to: &str| vec![change("manager", Some(V::Reference(to.into())))];
    assert!(update(&target, &anchor, set(&boss)).await.unwrap().changed);
    assert!(!update(&target, &anchor, set(&boss)).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "manager").await, Some(V::Reference(boss.clone())));
    // A loop and oneself are legal; the reference survives that the manager is moved.
    assert!(update(&target, &boss, set(&anchor)).await.unwrap().changed);
    assert!(
        update(&target, &boss, vec![change("parentDistinguishedName", text(&place.other))])
            .await
            .unwrap()
            .changed
    );
    let reference = Some(V::Reference(boss.clone()));
    // OpenLDAP's refint overlay mends references after it has answered.
    eventually("the reference follows", async || {
        (held(&target, &anchor, "manager").await == reference).then_some(())
    })
    .await;
    assert!(!update(&target, &anchor, set(&boss)).await.unwrap().changed);
    let key = MatchKey { attribute: "manager".into(), value: V::Reference(boss.clone()) };
    assert_eq!(target.find(&[key], &[]).await.unwrap()[0][0].anchor, anchor);
    assert!(update(&target, &anchor, vec![change("manager", None)]).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "manager").await, None);
}

pub(crate) async fn several_values(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let name = place.pick("otherTelephone", "telephoneNumber");
    let list = |values: &[&str]| {
        vec![change(name, Some(V::List(values.iter().map(|v| V::Text((*v).into())).collect())))]
    };
    let now = async || {
        let texts = |v: V| if let V::Text(t) = v { t } else { panic!("{v:?}") };
        match held(&target, &anchor, name).await {
            None => HashSet::new(),
            Some(V::List(values)) => values.into_iter().map(texts).collect(),
            Some(value) => HashSet::from([texts(value)]),
        }
    };
    let set = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect::<HashSet<_>>();
    for values in [&["+1", "+2", "+3"][..], &["+3", "+1", "+4"], &["+4"], &["+5", "+6"], &[]] {
        assert!(update(&target, &anchor, list(values)).await.unwrap().changed, "{values:?}");
        assert_eq!(now().await, set(values));
        let mut turned: Vec<&str> = values.to_vec();
        turned.reverse();
        assert!(
            !update(&target, &anchor, list(&turned)).await.unwrap().changed,
            "order has no meaning: {values:?}"
        );
    }
    let single = place.pick("telephoneNumber", place.key_name());
    let answer = update(
        &target,
        &anchor,
        vec![change(single, Some(V::List(vec![V::Text("1".into()), V::Text("2".into())])))],
    )
    .await;
    let (code, attribute, _) = crate::place::refusal(answer);
    assert_eq!((code.as_str(), attribute.as_deref()), ("SchemaPropertyCanOnlyAcceptValue", Some(single)));
}

pub(crate) async fn delete_is_repeatable(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let delete = || Step::Delete { anchor: anchor.clone() };
    assert!(one(&target, delete()).await.unwrap().changed);
    assert!(read(&target, &anchor, &[]).await.is_none());
    assert!(!one(&target, delete()).await.unwrap().changed);
    let gone = update(&target, &anchor, vec![change("title", text("x"))]).await;
    assert_eq!(gone, Err(hirewire_engine::target::TargetError::Gone { anchor }));
}

pub(crate) async fn delete_can_disable_or_keep(place: Place) {
    let keep = place.target_with(|c| c["on_delete"] = "keep".into());
    let anchor = create(&keep, place.person(1)).await;
    assert!(!one(&keep, Step::Delete { anchor: anchor.clone() }).await.unwrap().changed);
    assert_eq!(held(&keep, &anchor, "accountDisabled").await, Some(V::Boolean(false)));
    let disable = place.target_with(|c| {
        c["on_delete"] = "disable".into();
        c["disabled_container"] = place.leavers.clone().into();
    });
    assert!(one(&disable, Step::Delete { anchor: anchor.clone() }).await.unwrap().changed);
    assert!(!one(&disable, Step::Delete { anchor: anchor.clone() }).await.unwrap().changed);
    let account = read(&keep, &anchor, &["accountDisabled", "parentDistinguishedName"]).await.unwrap();
    assert_eq!(account.attributes["accountDisabled"], V::Boolean(true));
    assert_eq!(account.attributes["parentDistinguishedName"], V::Text(place.leavers.clone()));
}

pub(crate) async fn many_at_once(place: Place) {
    let target = place.target();
    let steps: Vec<Step> = (0..120).map(|n| Step::Create { attributes: place.person(n) }).collect();
    let answers = target.apply(&steps).await;
    let anchors: Vec<String> = answers.into_iter().map(|a| a.unwrap().anchor).collect();
    let keys: Vec<MatchKey> = (0..120)
        .map(|n| MatchKey { attribute: place.key_name().into(), value: V::Text(place.key(n)) })
        .collect();
    let found = target.find(&keys, &[]).await.unwrap();
    for (n, accounts) in found.iter().enumerate() {
        assert_eq!(accounts.iter().map(|a| &a.anchor).collect::<Vec<_>>(), [&anchors[n]], "{n}");
    }
    let read = target.read(&anchors, &["title".into()]).await.unwrap();
    assert!(
        read.iter()
            .zip(&anchors)
            .all(|(account, anchor)| account.as_ref().is_some_and(|a| a.anchor == *anchor))
    );
    let steps: Vec<Step> = anchors
        .iter()
        .map(|a| Step::Update { anchor: a.clone(), changes: vec![change("title", text("T"))] })
        .collect();
    assert!(target.apply(&steps).await.iter().all(|a| a.as_ref().is_ok_and(|a| a.changed)));
    assert!(target.apply(&steps).await.iter().all(|a| a.as_ref().is_ok_and(|a| !a.changed)));
}

pub(crate) async fn enumerate_reads_pages(place: Place) {
    let target = place.target_with(|c| {
        c["page_size"] = 7.into();
        c["base_dn"] = place.unit.clone().into();
    });
    let boss = create(&target, place.person(0)).await;
    let steps: Vec<Step> = (1..30).map(|n| Step::Create { attributes: place.person(n) }).collect();
    let anchors: Vec<String> = target.apply(&steps).await.into_iter().map(|a| a.unwrap().anchor).collect();
    let steps: Vec<Step> = anchors
        .iter()
        .map(|a| Step::Update {
            anchor: a.clone(),
            changes: vec![change("manager", Some(V::Reference(boss.clone())))],
        })
        .collect();
    assert!(target.apply(&steps).await.iter().all(Result::is_ok));
    let fresh = place.target_with(|c| {
        c["page_size"] = 7.into();
        c["base_dn"] = place.unit.clone().into();
    });
    let mut seen = HashSet::new();
    let mut managed = 0;
    fresh
        .enumerate(&["manager".into(), "title".into()], &mut |account| {
            managed += usize::from(account.attributes.get("manager") == Some(&V::Reference(boss.clone())));
            assert!(seen.insert(account.anchor));
        })
        .await
        .unwrap();
    assert_eq!((seen.len(), managed), (30, 29));
}

pub(crate) async fn exists_looks_everywhere(place: Place) {
    let target = place.target();
    create(&target, place.person(1)).await;
    let key =
        |attribute: &str, value: &str| MatchKey { attribute: attribute.into(), value: V::Text(value.into()) };
    assert!(target.exists(&key("mail", &format!("{}@CORP.example", place.key(1)))).await.unwrap());
    assert!(!target.exists(&key("mail", "nobody@corp.example")).await.unwrap());
    assert!(!target.exists(&key("mail", "*")).await.unwrap());
    assert!(!target.exists(&key("mail", "")).await.unwrap());
    if place.kind == Kind::Ad {
        assert!(target.exists(&key("sAMAccountName", "administrator")).await.unwrap());
        assert!(target.exists(&key("sAMAccountName", "domain users")).await.unwrap(), "groups count");
    }
}

pub(crate) async fn repeated_create_finds_its_own(place: Place) {
    let target = place.target();
    let create = |n| Step::Create { attributes: place.person(n) };
    let first = one(&target, create(1)).await.unwrap();
    assert!(first.changed);
    let version = place.admin.version(&place.dn(1)).await;
    let second = one(&target, create(1)).await.unwrap();
    assert_eq!((second.anchor.as_str(), second.changed), (first.anchor.as_str(), false));
    assert_eq!(place.admin.version(&place.dn(1)).await, version);
    // An administrator moved it meanwhile: still the same person.
    place.admin.rename(&place.dn(1), place.pick("CN=Somebody", "uid=somebody"), Some(&place.other)).await;
    if place.kind == Kind::Inet {
        return; // a uid that an administrator changed is set back by the repeated create: nothing to compare
    }
    let third = one(&target, create(1)).await.unwrap();
    assert_eq!(third.anchor, first.anchor);
}

pub(crate) async fn odd_names(place: Place) {
    let target = place.target();
    let name = place.pick("cn", "uid");
    for (n, odd) in [
        "Ng, Freya",
        "#1 \"Best\" <x>;y=z+w\\v",
        " lead and trail ",
        "山田 太郎",
        "O'Brien / Sons",
        "a*b(c)d",
    ]
    .iter()
    .enumerate()
    {
        let mut person = place.person(n);
        let odd = format!("{odd}{}", place.key(n));
        person.insert(name.into(), V::Text(odd.clone()));
        if place.kind == Kind::Ad {
            person.insert("sAMAccountName".into(), V::Text(place.key(n)));
        }
        let anchor = create(&target, person).await;
        let Some(V::Text(stored)) = held(&target, &anchor, name).await else { panic!("no name: {odd}") };
        assert_eq!(stored.trim(), odd.trim());
        let found = find(&target, name, &odd).await.unwrap();
        assert_eq!(found.iter().map(|a| &a.anchor).collect::<Vec<_>>(), [&anchor], "{odd}");
        assert!(update(&target, &anchor, vec![change("title", text("x"))]).await.unwrap().changed);
        assert!(one(&target, Step::Delete { anchor }).await.unwrap().changed);
    }
}

pub(crate) async fn groups_follow_rules(place: Place) {
    let group = format!("CN=sales {},{}", place.tag, place.unit);
    let foreign = format!("CN=foreign {},{}", place.tag, place.unit);
    let boss = create(&place.target(), place.person(0)).await;
    let seed = place.dn(0);
    for dn in [&group, &foreign] {
        let attributes = match place.kind {
            Kind::Ad => vec![("objectClass", "group")],
            Kind::Inet => vec![("objectClass", "groupOfNames"), ("member", seed.as_str())],
        };
        place.admin.add(dn, &attributes).await;
    }
    let target = place.target_with(|c| {
        if place.kind == Kind::Ad {
            c["bind"]["name"] = place.part.get("AD_ADMIN_DN").into();
        }
        c["groups"] =
            serde_json::json!([{ "group": group, "attribute": "title", "values": ["Sales", "Presales"] }]);
    });
    let members = async || {
        let entry = place.admin.read(&group).await.unwrap();
        entry
            .attrs
            .get("member")
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .filter(|m| m.contains(&place.key(1)))
            .count()
    };
    let mut person = place.person(1);
    person.insert("title".into(), V::Text("sales".into()));
    let anchor = create(&target, person).await;
    assert_eq!(members().await, 1);
    let version = place.admin.version(&group).await;
    assert!(!update(&target, &anchor, vec![change("title", text("sales"))]).await.unwrap().changed);
    assert_eq!(place.admin.version(&group).await, version);
    for (changes, count) in [
        (vec![change("title", text("Legal"))], 0),
        (vec![change("title", text("Presales"))], 1),
        (vec![change("accountDisabled", Some(V::Boolean(true)))], 0),
        (
            vec![
                change("accountDisabled", Some(V::Boolean(false))),
                change("parentDistinguishedName", text(&place.other)),
            ],
            1,
        ),
    ] {
        assert!(update(&target, &anchor, changes.clone()).await.unwrap().changed);
        assert_eq!(members().await, count, "{changes:?}");
        assert!(!update(&target, &anchor, changes).await.unwrap().changed);
    }
    assert!(read(&target, &boss, &[]).await.is_some());
}

pub(crate) async fn ad_new_account_can_sign_in(place: Place) {
    let keys = hirewire_target::delivery::sealed_file::KeyPair::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed");
    let target = place.target_with(|c| {
        c["initial_password"] = serde_json::json!({ "delivery": { "to": "sealed_file", "path": path, "public_key": keys.public } });
    });
    create(&target, place.person(1)).await;
    let line = std::fs::read_to_string(&path).unwrap();
    let opened = hirewire_target::delivery::sealed_file::open(line.trim(), &keys.private).unwrap();
    assert_eq!(opened.account, format!("{}@corp.example", place.key(1)));
    Admin::sign_in(place.part.get("AD_URL"), &opened.account, opened.password.expose()).await.unwrap();
    assert_eq!(place.admin.value(&place.dn(1), "userAccountControl").await.unwrap(), "512");
}

pub(crate) async fn inet_new_account_can_sign_in(place: Place) {
    for method in ["password_modify", "attribute"] {
        let keys = hirewire_target::delivery::sealed_file::KeyPair::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealed");
        let target = place.target_with(|c| {
            c["initial_password"] =
                serde_json::json!({ "method": method, "delivery": { "to": "sealed_file", "path": path, "public_key": keys.public } });
        });
        let n = usize::from(method == "attribute");
        let anchor = create(&target, place.person(n)).await;
        let line = std::fs::read_to_string(&path).unwrap();
        let opened = hirewire_target::delivery::sealed_file::open(line.trim(), &keys.private).unwrap();
        let sign_in =
            async || Admin::sign_in(place.part.get("LDAP_URL"), &place.dn(n), opened.password.expose()).await;
        sign_in().await.unwrap();
        let entry = place.admin.read(&place.dn(n)).await.unwrap();
        let stored = entry
            .attrs
            .get("userPassword")
            .map(|v| v[0].clone())
            .or_else(|| {
                entry.bin_attrs.get("userPassword").map(|v| String::from_utf8_lossy(&v[0]).into_owned())
            })
            .unwrap();
        assert!(
            stored.starts_with('{') && !stored.contains(opened.password.expose()),
            "the server stored a hash"
        );
        update(&target, &anchor, vec![change("accountDisabled", Some(V::Boolean(true)))]).await.unwrap();
        assert!(sign_in().await.is_err(), "a disabled account cannot sign in");
        update(&target, &anchor, vec![change("accountDisabled", Some(V::Boolean(false)))]).await.unwrap();
        sign_in().await.unwrap();
    }
}

pub(crate) async fn inet_one_name(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    person.retain(|name, _| !matches!(name.as_str(), "sn" | "cn" | "givenName"));
    person.insert("displayName".into(), V::Text("Madonna".into()));
    let anchor = create(&target, person).await;
    assert_eq!(held(&target, &anchor, "sn").await, text("Madonna"));
    let changes = vec![change("sn", text("Ciccone"))];
    assert!(update(&target, &anchor, changes).await.unwrap().changed);
    assert!(update(&target, &anchor, vec![change("sn", None)]).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "sn").await, text("Madonna"));
    assert!(!update(&target, &anchor, vec![change("sn", None)]).await.unwrap().changed);
}

pub(crate) async fn ad_foreign_control_bits_survive(place: Place) {
    let target = place.target();
    let anchor = create(&target, place.person(1)).await;
    let control = async || place.admin.value(&place.dn(1), "userAccountControl").await.unwrap();
    place.admin.set(&place.dn(1), "userAccountControl", &["66048"]).await;
    update(&target, &anchor, vec![change("accountDisabled", Some(V::Boolean(true)))]).await.unwrap();
    assert_eq!(control().await, "66050");
    place.admin.set(&place.dn(1), "userAccountControl", &["328194"]).await;
    update(&target, &anchor, vec![change("accountDisabled", Some(V::Boolean(false)))]).await.unwrap();
    assert_eq!(control().await, "328192");
}

pub(crate) async fn ad_expiry_dates(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    let at = V::DateTime(date(2031, 7, 1).at(0, 0, 0, 0));
    person.insert("accountExpires".into(), at.clone());
    let anchor = create(&target, person).await;
    assert_eq!(held(&target, &anchor, "accountExpires").await, Some(at.clone()));
    assert!(
        !update(&target, &anchor, vec![change("accountExpires", text("2031-07-01"))]).await.unwrap().changed
    );
    assert!(update(&target, &anchor, vec![change("accountExpires", None)]).await.unwrap().changed);
    assert_eq!(held(&target, &anchor, "accountExpires").await, None);
    assert!(!update(&target, &anchor, vec![change("accountExpires", None)]).await.unwrap().changed);
    let never = V::DateTime(date(9999, 12, 31).at(23, 59, 59, 0));
    assert!(!update(&target, &anchor, vec![change("accountExpires", Some(never))]).await.unwrap().changed);
    assert!(matches!(held(&target, &anchor, "whenCreated").await, Some(V::DateTime(_))));
}

pub(crate) async fn ad_binary_and_ranges(place: Place) {
    let target = place.target();
    let mut person = place.person(1);
    let photo = vec![0xff, 0xd8, 0x00, 0x41];
    person.insert("thumbnailPhoto".into(), V::Binary(photo.clone()));
    let anchor = create(&target, person).await;
    assert_eq!(held(&target, &anchor, "thumbnailPhoto").await, Some(V::Binary(photo)));
    // Bytes that happen to be UTF-8 stay bytes.
    place.admin.set_bytes(&place.dn(1), "thumbnailPhoto", b"plain").await;
    assert_eq!(held(&target, &anchor, "thumbnailPhoto").await, Some(V::Binary(b"plain".to_vec())));
    assert_eq!(held(&target, &anchor, "objectGUID").await, text(&anchor));
    let found = find(&target, "objectGUID", &anchor.to_uppercase()).await.unwrap();
    assert_eq!(found[0].anchor, anchor);
    // More values than one answer holds (MaxValRange 1500).
    let numbers: Vec<String> = (0..1700).map(|n| format!("+{n}")).collect();
    let list = V::List(numbers.iter().map(|n| V::Text(n.clone())).collect());
    assert!(
        update(&target, &anchor, vec![change("otherTelephone", Some(list.clone()))]).await.unwrap().changed
    );
    let Some(V::List(values)) = held(&target, &anchor, "otherTelephone").await else { panic!("no list") };
    assert_eq!(values.len(), 1700);
    assert!(!update(&target, &anchor, vec![change("otherTelephone", Some(list))]).await.unwrap().changed);
}

/// Needs a domain of its own: the recycle bin cannot be switched off again.
pub(crate) async fn ad_recycle_bin_is_looked_into(_: Place) {
    let part = tokio::task::spawn_blocking(|| crate::parts::start("samba-ad")).await.unwrap().unwrap();
    let place = Place::on(Kind::Ad, part).await.unwrap();
    let partitions = format!("CN=Partitions,CN=Configuration,{}", place.part.get("AD_BASE_DN"));
    // Samba lets only the machine itself switch it on.
    let folder = place.part.folder.display().to_string();
    let ldif = format!(
        "dn:\nchangetype: modify\nadd: enableOptionalFeature\nenableOptionalFeature: {partitions}:766ddcd8-acd0-445e-f3b9-a7f9b6744f2a\n"
    );
    let file = place.part.folder.join("recycle.ldif");
    std::fs::write(&file, ldif).unwrap();
    let output = std::process::Command::new("ldbmodify")
        .args([&format!("--configfile={folder}/etc/smb.conf"), "-H", &format!("{folder}/private/sam.ldb")])
        .arg(&file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let target = place.target_with(|c| c["bind"]["name"] = place.part.get("AD_ADMIN_DN").into());
    let anchor = create(&target, place.person(1)).await;
    assert!(one(&target, Step::Delete { anchor: anchor.clone() }).await.unwrap().changed);
    let deleted = read(&target, &anchor, &["title"]).await.expect("it is in the recycle bin");
    assert!(deleted.soft_deleted);
    let gone = update(&target, &anchor, vec![change("title", text("x"))]).await;
    assert_eq!(gone, Err(hirewire_engine::target::TargetError::Gone { anchor: anchor.clone() }));
    let again = one(&target, Step::Delete { anchor: anchor.clone() }).await.unwrap();
    assert!(!again.changed);
    // Samba 4.17 cannot restore from its own recycle bin; the refusal is passed on.
    assert!(one(&target, Step::Restore { anchor }).await.is_err());
}
