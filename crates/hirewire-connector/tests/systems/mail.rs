//! Mail, on a real SMTP server.
use serde_json::json;

use crate::{Connection, parts};

fn connection(ca: Option<&str>) -> Connection {
    let part = parts::smtp();
    let mut config = json!({"kind": "smtp", "host": part.get("SMTP_HOST"), "port": part.get("SMTP_PORT").parse::<u16>().expect("port"),
        "from": "HR <hr@contoso.example>"});
    if let Some(ca) = ca {
        config["ca_file"] = json!(ca);
    }
    Connection::open(config, &[])
}

/// The mail with this subject, as it was received.
fn received(subject: &str) -> String {
    let folder = std::path::Path::new(parts::smtp().get("SMTP_MAIL_DIR")).join("new");
    let found = std::fs::read_dir(folder).expect("the mail folder").flatten().find_map(|file| {
        let text = std::fs::read_to_string(file.path()).ok()?;
        text.contains(&format!("Subject: {subject}")).then_some(text)
    });
    found.unwrap_or_else(|| panic!("no mail with the subject {subject}"))
}

pub(crate) async fn mails_arrive() {
    let part = parts::smtp();
    let mail = connection(Some(part.get("SMTP_CA_FILE")));
    let body = json!({"To": "a@x.example; Bea <b@x.example>", "Cc": "c@x.example", "Bcc": "d@x.example", "Subject": "office one",
        "Body": "<p>Hello Zoe</p>", "Importance": "High", "From": "boss@contoso.example",
        "Attachments": [{"Name": "people.csv", "ContentBytes": "aWQKMQo="}]});
    assert_eq!(mail.call("POST", "/v2/Mail", json!({}), Some(body)).await.status, 200);
    let text = received("office one");
    for wanted in [
        "hr@contoso.example",
        "Reply-To: boss@contoso.example",
        "Importance: high",
        "text/html",
        "people.csv",
        "\nid\n1\n",
        "X-RcptTo: a@x.example, b@x.example, c@x.example, d@x.example",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    assert!(!text.contains("Bcc:"), "{text}");
    let body = json!({"senderAddress": "DoNotReply@x.example", "recipients": {"to": [{"address": "e@x.example"}]},
        "content": {"subject": "communication", "plainText": "plain words"}});
    let sent =
        mail.call("POST", "/emails:sendGAVersion", json!({"api-version": "2023-03-31"}), Some(body)).await;
    assert_eq!((sent.status, &sent.body["status"]), (202, &json!("Succeeded")));
    assert!(received("communication").contains("plain words"));
    mail.provider("sendEmail", json!({"from": "x@x.example", "to": "f@x.example", "subject": "builtin", "body": "text", "isHTML": false,
        "attachment": [{"fileName": "a.txt", "contentData": "plain!", "contentType": "text/plain"}]})).await;
    assert!(received("builtin").contains("text/plain"));
    // A line end in a subject makes no header.
    let body = json!({"To": "g@x.example", "Subject": "injected\r\nX-Evil: yes", "Body": "x"});
    mail.ok("POST", "/v2/Mail", json!({}), Some(body)).await;
    assert!(!received("injected").contains("\nX-Evil"));
    for body in [json!({"Subject": "nobody"}), json!({"To": "no address", "Subject": "x"})] {
        assert_eq!(mail.call("POST", "/v2/Mail", json!({}), Some(body)).await.status, 400);
    }
}

pub(crate) async fn wrong_certificate_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let stranger = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("certificate");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, stranger.cert.pem()).expect("written");
    let mail = connection(file.to_str());
    let body = json!({"To": "a@x.example", "Subject": "not trusted", "Body": "x"});
    let answer = mail.answer("POST", "/v2/Mail", json!({}), Some(body)).await;
    assert!(matches!(answer, hirewire_workflow::run::Answer::Fault { .. }), "{answer:?}");
}
