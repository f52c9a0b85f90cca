//! Who may do what, and over which line.
use std::time::Instant;

use hirewire_engine::target::{Step, TargetError};
use hirewire_target::ldap::{LdapConfig, LdapTarget};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::place::{Kind, Place, change, create, find, one, refusal, text, update};

fn locked<T: std::fmt::Debug>(answer: Result<T, TargetError>) -> String {
    match answer {
        Err(TargetError::Locked { code, reason }) => {
            assert_eq!(code, "AuthenticationFailed");
            reason
        }
        other => panic!("not locked: {other:?}"),
    }
}

pub(crate) async fn wrong_password_locks(place: Place) {
    let target = place.target_with(|c| c["bind"]["password"] = "not-the-password-9".into());
    let reason = locked(find(&target, place.key_name(), "x").await);
    assert!(!reason.contains("not-the-password-9"), "{reason}");
    // No second attempt: it would lock the account.
    let started = Instant::now();
    for _ in 0..5 {
        locked(one(&target, Step::Create { attributes: place.person(1) }).await);
    }
    assert!(started.elapsed().as_millis() < 200, "answered from memory");
    let printed = format!("{:?}", place.config_json());
    let config: LdapConfig = serde_json::from_value(place.config_json()).unwrap();
    assert!(
        printed.contains("Passw0rd") && !format!("{config:?}").contains("Passw0rd"),
        "a configuration does not print its secrets"
    );
    create(&place.target(), place.person(1)).await;
}

pub(crate) async fn empty_password_is_refused(place: Place) {
    let target = place.target_with(|c| c["bind"]["password"] = "".into());
    locked(find(&target, place.key_name(), "x").await);
}

pub(crate) async fn wrong_authority_is_refused(place: Place) {
    let other = place.pick(crate::parts::slapd().unwrap(), crate::parts::samba().unwrap());
    let file = other.folder.join("tls/ca.pem");
    let target = place.target_with(|c| c["tls"]["ca_file"] = file.to_string_lossy().into_owned().into());
    let reason = locked(find(&target, place.key_name(), "x").await);
    assert!(reason.contains("certificate"), "{reason}");
    let system = place.target_with(|c| c["tls"] = serde_json::json!({}));
    locked(find(&system, place.key_name(), "x").await);
    if place.kind == Kind::Inet {
        // The right authority, but another name than the certificate's.
        let url = place.part.get("LDAP_URL").replace("127.0.0.1", "127.0.0.2");
        let json = place.target_with(|c| c["urls"] = serde_json::json!([url]));
        assert!(find(&json, place.key_name(), "x").await.is_err());
    }
    let missing = serde_json::from_value::<LdapConfig>({
        let mut c = place.config_json();
        c["tls"]["ca_file"] = "/nonexistent/ca.pem".into();
        c
    });
    assert_eq!(LdapTarget::new(missing.unwrap()).err().map(|e| e.setting), Some("tls.ca_file"));
}

pub(crate) async fn starttls_works(place: Place) {
    let url = place.part.get(place.pick("AD_URL_STARTTLS", "LDAP_URL_STARTTLS")).to_owned();
    let target = place.target_with(|c| c["urls"] = serde_json::json!([url]));
    create(&target, place.person(1)).await;
    let wrong = place.target_with(|c| {
        c["urls"] = serde_json::json!([url]);
        c["tls"] = serde_json::json!({});
    });
    locked(find(&wrong, place.key_name(), "x").await);
}

/// A server off loopback that does not offer StartTLS: nothing is sent in clear.
pub(crate) async fn clear_text_is_refused(place: Place) {
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let outside = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).map(|a| a.ip());
    let Ok(address) = outside else { panic!("this machine has no address besides loopback to test with") };
    assert!(!address.is_loopback(), "this machine has no address besides loopback to test with");
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel::<Vec<u8>>();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = vec![0u8; 1024];
            while let Ok(n) = stream.read(&mut buffer).await {
                if n == 0 {
                    break;
                }
                let _ = sender.send(buffer[..n].to_vec());
                let _ = stream.write_all(&[0x30, 12, 2, 1, buffer[4], 0x78, 7, 10, 1, 2, 4, 0, 4, 0]).await;
            }
        }
    });
    let target = place.target_with(|c| c["urls"] = serde_json::json!([format!("ldap://{address}:{port}")]));
    let reason = locked(find(&target, place.key_name(), "x").await);
    assert!(reason.contains("StartTLS"), "{reason}");
    let mut sent = Vec::new();
    while let Ok(bytes) = seen.try_recv() {
        sent.extend(bytes);
    }
    let password = place.part.get("LDAP_PASSWORD").as_bytes();
    assert!(
        !sent.is_empty() && !sent.windows(password.len()).any(|w| w == password),
        "the password was not sent"
    );
}

pub(crate) async fn reader_may_not_write(place: Place) {
    let name = place.part.get(place.pick("AD_PLAIN_DN", "LDAP_READER_DN")).to_owned();
    let anchor = create(&place.target(), place.person(1)).await;
    let target = place.target_with(|c| c["bind"]["name"] = name.into());
    assert_eq!(find(&target, place.key_name(), &place.key(1)).await.unwrap().len(), 1);
    let expected =
        place.pick("HybridSynchronizationActiveDirectoryInsufficientAccessRights", "InsufficientRights");
    let answers = [
        one(&target, Step::Create { attributes: place.person(2) }).await,
        update(&target, &anchor, vec![change("title", text("x"))]).await,
        update(&target, &anchor, vec![change("parentDistinguishedName", text(&place.other))]).await,
        one(&target, Step::Delete { anchor }).await,
    ];
    for answer in answers {
        let (code, _, reason) = refusal(answer);
        assert_eq!(code, expected, "{reason}");
    }
}

fn least(place: &Place) -> LdapTarget {
    place.target_with(|c| c["bind"]["name"] = place.part.get("AD_BIND_DN").into())
}

pub(crate) async fn ad_least_privilege_suffices(place: Place) {
    let target = least(&place);
    let boss = create(&target, place.person(1)).await;
    let anchor = create(&target, place.person(2)).await;
    let changes = vec![
        change("title", text("Lead")),
        change("department", text("R&D")),
        change("manager", Some(hirewire_engine::value::AttributeValue::Reference(boss))),
        change("accountDisabled", text("True")),
        change("cn", text(&format!("New name {}", place.tag))),
    ];
    assert!(update(&target, &anchor, changes).await.unwrap().changed);
}

pub(crate) async fn ad_least_privilege_and_no_more(place: Place) {
    let target = least(&place);
    let anchor = create(&target, place.person(1)).await;
    let expected = "HybridSynchronizationActiveDirectoryInsufficientAccessRights";
    let mut elsewhere = place.person(2);
    elsewhere.insert("parentDistinguishedName".into(), text(place.part.get("AD_ELSEWHERE_DN")).unwrap());
    let answers = [
        one(&target, Step::Create { attributes: elsewhere }).await,
        one(&target, Step::Delete { anchor: anchor.clone() }).await,
        update(&target, &anchor, vec![change("parentDistinguishedName", text(&place.other))]).await,
    ];
    for answer in answers {
        let (code, _, reason) = refusal(answer);
        assert_eq!(code, expected, "{reason}");
    }
}

/// SASL EXTERNAL: the client certificate is the identity, and nobody else's certificate is.
pub(crate) async fn inet_external_bind(_: Place) {
    let mut part = tokio::task::spawn_blocking(|| crate::parts::start("openldap")).await.unwrap().unwrap();
    let folder = part.folder.clone();
    let shell = |script: &str| {
        let output =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    part.down();
    shell(
        "sed -i 's/^TLSVerifyClient never/TLSVerifyClient try\\nauthz-regexp \"^cn=hirewire$\" \"cn=hirewire,ou=services,dc=example,dc=org\"/' slapd.conf
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=hirewire -keyout client.key -out client.req
         echo 'extendedKeyUsage = clientAuth' > client.ext
         openssl x509 -req -in client.req -extfile client.ext -CA tls/ca.pem -CAkey tls/ca.key -CAcreateserial -days 9 -out client.pem",
    );
    part.up().unwrap();
    let place = Place::on(Kind::Inet, part).await.unwrap();
    let external = |c: &mut serde_json::Value| {
        c["bind"] = serde_json::json!({ "method": "external" });
        c["tls"]["certificate_file"] = folder.join("client.pem").display().to_string().into();
        c["tls"]["key_file"] = folder.join("client.key").display().to_string().into();
    };
    let target = place.target_with(external);
    let anchor = create(&target, place.person(1)).await;
    assert!(update(&target, &anchor, vec![change("title", text("x"))]).await.unwrap().changed);
    // A certificate that the server does not know signs nobody in.
    shell(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=hirewire -keyout client.key -out client.pem -days 9",
    );
    let stranger = place.target_with(external);
    assert!(find(&stranger, place.key_name(), &place.key(1)).await.is_err());
}
