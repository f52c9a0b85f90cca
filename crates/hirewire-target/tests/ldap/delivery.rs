//! First passwords go to the configured place, and nowhere else.
use hirewire_engine::value::AttributeValue as V;
use hirewire_target::delivery::sealed_file::{KeyPair, open};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::admin::Admin;
use crate::parts;
use crate::place::{Place, change, create, eventually, update};

pub(crate) async fn sealed_file(place: Place) {
    let keys = KeyPair::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sealed");
    let target = place.target_with(|c| {
        c["initial_password"] =
            serde_json::json!({ "length": 20, "delivery": { "to": "sealed_file", "path": path, "public_key": keys.public } });
    });
    for n in 0..3 {
        create(&target, place.person(n)).await;
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 3);
    for line in text.lines() {
        let opened = open(line, &keys.private).unwrap();
        assert_eq!(opened.password.expose().len(), 20);
        assert!(!format!("{opened:?}").contains(opened.password.expose()));
    }
}

pub(crate) async fn mail_to_the_manager(place: Place) {
    let smtp = tokio::task::spawn_blocking(|| parts::start("smtp-sink")).await.unwrap().unwrap();
    let mails = |folder: &str| {
        let files = std::fs::read_dir(format!("{folder}/new")).into_iter().flatten().flatten();
        files.map(|f| std::fs::read_to_string(f.path()).unwrap()).collect::<Vec<_>>()
    };
    let folder = smtp.get("SMTP_MAIL_DIR").to_owned();
    let target = place.target_with(|c| {
        c["initial_password"] = serde_json::json!({ "delivery": {
            "to": "manager_mail", "host": "127.0.0.1", "port": smtp.get("SMTP_PORT").parse::<u16>().unwrap(),
            "ca_file": smtp.get("SMTP_CA_FILE"), "from": "hirewire@corp.example", "fallback": "helpdesk@corp.example",
        }});
    });
    let boss = create(&target, place.person(1)).await;
    let report = create(&target, place.person(2)).await;
    assert!(mails(&folder).is_empty(), "the manager is written in a second pass: the letter waits");
    update(&target, &report, vec![change("manager", Some(V::Reference(boss)))]).await.unwrap();
    let mail = eventually("no mail to the manager", async || mails(&folder).into_iter().next()).await;
    assert!(mail.contains(&format!("X-RcptTo: {}@corp.example", place.key(1))), "{mail}");
    let body = mail.replace("=3D", "=");
    let password = body
        .lines()
        .find_map(|l| l.strip_prefix("Password: "))
        .unwrap_or_else(|| panic!("{mail}"))
        .trim()
        .to_owned();
    Admin::sign_in(place.part.get("LDAP_URL"), &place.dn(2), &password).await.unwrap();
    assert_eq!(target.deliver_waiting().await, 0);
    let mail = eventually("no mail to the help desk", async || {
        mails(&folder).into_iter().find(|m| m.contains("X-RcptTo: helpdesk@"))
    })
    .await;
    assert!(mail.contains(&place.key(1)));
    // A server whose certificate is not verified gets nothing.
    let wrong = place.target_with(|c| {
        c["initial_password"] = serde_json::json!({ "delivery": {
            "to": "manager_mail", "host": "127.0.0.1", "port": smtp.get("SMTP_PORT").parse::<u16>().unwrap(),
            "from": "hirewire@corp.example", "fallback": "helpdesk@corp.example",
        }});
    });
    create(&wrong, place.person(3)).await;
    assert_eq!(wrong.deliver_waiting().await, 1, "kept in memory");
    assert_eq!(mails(&folder).len(), 2);
}

pub(crate) async fn webhook(place: Place) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, mut seen) = tokio::sync::mpsc::unbounded_channel::<String>();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut text = String::new();
            let mut buffer = [0u8; 4096];
            while !text.contains("\"password\"") {
                let n = stream.read(&mut buffer).await.unwrap_or(0);
                if n == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..n]));
            }
            let _ = stream
                .write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await;
            let _ = sender.send(text);
        }
    });
    let target = place.target_with(|c| {
        c["initial_password"] = serde_json::json!({ "delivery": {
            "to": "webhook", "url": format!("http://127.0.0.1:{port}/new"), "signing_secret": "key",
        }});
    });
    let anchor = create(&target, place.person(1)).await;
    let request = seen.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("x-hirewire-signature: sha256="), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["anchor"], anchor);
    Admin::sign_in(place.part.get("LDAP_URL"), &place.dn(1), body["password"].as_str().unwrap())
        .await
        .unwrap();
    let off_loopback = serde_json::from_value(serde_json::json!({
        "to": "webhook", "url": "http://example.org/new", "signing_secret": "key",
    }));
    assert!(hirewire_target::delivery::Delivery::new(&off_loopback.unwrap()).is_err());
}
