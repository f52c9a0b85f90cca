//! What changed since a cursor.
use hirewire_engine::target::Step;
use hirewire_target::ldap::LdapTarget;
use hirewire_target::ldap::changes::{Changed, Cursor};

use crate::place::{Kind, Place, change, create, one, text, update};

async fn since(target: &LdapTarget, cursor: Option<&Cursor>) -> (Changed, Vec<String>) {
    let mut seen = Vec::new();
    let changed =
        target.changed_since(cursor, &["title".into()], &mut |a| seen.push(a.anchor)).await.unwrap();
    (changed, seen)
}

pub(crate) async fn changed_since(place: Place) {
    let target = place.target_with(|c| {
        if place.kind == Kind::Ad {
            c["bind"]["name"] = place.part.get("AD_ADMIN_DN").into();
        }
    });
    let first = create(&target, place.person(1)).await;
    let second = create(&target, place.person(2)).await;
    let (start, seen) = since(&target, None).await;
    assert!(start.full && seen.contains(&first) && seen.contains(&second));
    let cursor: Cursor = start.cursor.to_string().parse().unwrap();
    update(&target, &second, vec![change("title", text("New"))]).await.unwrap();
    let third = create(&target, place.person(3)).await;
    let (next, seen) = since(&target, Some(&cursor)).await;
    assert!(!next.full && seen.contains(&second) && seen.contains(&third), "{seen:?}");
    if place.kind == Kind::Ad {
        assert!(!seen.contains(&first));
        one(&target, Step::Delete { anchor: third.clone() }).await.unwrap();
        let (last, _) = since(&target, Some(&next.cursor)).await;
        assert!(last.deleted.contains(&third), "{:?}", last.deleted);
        let foreign = Cursor::Usn { invocation: "00000000-0000-0000-0000-000000000000".into(), number: 1 };
        assert!(since(&target, Some(&foreign)).await.0.full, "another database's numbers mean nothing");
    }
}
