//! Mail through SMTP behind `smtp`, `office365`, `outlook`, `acsemail` and the built-in Smtp provider
//! (`spec/workflows.md` §11.4).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hirewire_workflow::content;
use hirewire_workflow::expression::{Value, member};
use hirewire_workflow::host::{Connector, ConnectorCall, Reply, Secrets, media_type};
use hirewire_workflow::run::Answer;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, Mailboxes, Message, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use schemars::JsonSchema;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::config::join;
use crate::failure::{Failure, done, respond};
use crate::secret::SecretReference;

/// A mail server.
///
/// ```toml
/// [connections.office365]
/// kind = "smtp"
/// host = "mail.contoso.com"
/// user = "hirewire@contoso.com"
/// password = { env = "HR_MAIL_PASSWORD" }
/// from = "HR <hr@contoso.com>"
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// The server's name, as its certificate spells it.
    pub host: String,
    /// 587 unless set. The connection is secured: STARTTLS, or TLS from the first byte on port 465. Only a server on this
    /// machine without `ca_file` is spoken to in clear.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name for the log-in, when the server wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretReference>,
    /// PEM file with the certificate authorities to trust; the system's when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Sender of every mail. A sender that a definition asks for becomes the address for answers.
    pub from: String,
}

fn default_port() -> u16 {
    587
}

impl SmtpConfig {
    pub(crate) fn relative_to(&mut self, base: &Path) {
        if let Some(password) = &mut self.password {
            password.relative_to(base);
        }
        join(&mut self.ca_file, base);
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if self.user.is_some() != self.password.is_some() {
            return Err("`user` and `password` belong together".into());
        }
        self.from.parse::<Mailbox>().map(drop).map_err(|e| format!("`from` is no address: {e}"))
    }
}

/// The mail operations.
pub(crate) struct MailConnector {
    config: SmtpConfig,
    vault: Arc<dyn Secrets>,
}

/// A mail as the different operations name its parts.
struct Mail<'c> {
    members: &'c Map<String, Json>,
}

/// The shape of the answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `office365`, `outlook`, `smtp`.
    Managed,
    /// `acsemail`.
    Communication,
    /// The built-in provider.
    Provider,
}

impl MailConnector {
    pub(crate) fn new(config: SmtpConfig, vault: Arc<dyn Secrets>) -> Self {
        Self { config, vault }
    }

    async fn answer(&self, call: &ConnectorCall) -> Result<Answer, Failure> {
        let path = call.path.trim_matches('/').to_ascii_lowercase();
        let kind = match path.as_str() {
            "mail" | "v2/mail" | "v3/mail" => Kind::Managed,
            "emails:sendgaversion" | "emails:send" => Kind::Communication,
            // The built-in operation brings its parts as parameters, the managed ones (`/SendEmailV3`) as a body.
            "sendemail" if call.body.is_none() => Kind::Provider,
            path if path.starts_with("sendemail") => Kind::Managed,
            _ => {
                return Err(Failure::missing(format!(
                    "the operation {} {} is not known here",
                    call.method, call.path
                )));
            }
        };
        let parts = match (&call.body, kind) {
            (_, Kind::Provider) => call.queries.clone(),
            (Some(Json::Object(body)), Kind::Communication) => flat(body),
            (Some(Json::Object(body)), _) => body.clone(),
            _ => return Err(Failure::bad("the mail has no body")),
        };
        let message = self.message(&Mail { members: &parts })?;
        let id = message.headers().get_raw("Message-ID").unwrap_or_default().to_owned();
        let host = format!("{}:{}", self.config.host, self.config.port);
        self.transport().await?.send(message).await.map_err(|e| {
            let text = format!("{host}: {e}");
            if e.is_permanent() { Failure::bad(text) } else { Failure::unreachable(text) }
        })?;
        Ok(match kind {
            Kind::Managed => respond(200, "application/json", None),
            Kind::Communication => {
                respond(202, "application/json", Some(json!({"id": id, "status": "Succeeded"})))
            }
            Kind::Provider => done(json!({"response": "sent"})),
        })
    }

    async fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
        let config = &self.config;
        let wrong = |e: &dyn std::fmt::Display| Failure::broken(format!("the mail server's TLS: {e}"));
        let tls = if config.ca_file.is_none() && crate::bind::is_loopback(&config.host) {
            Tls::None
        } else {
            let mut tls = TlsParameters::builder(config.host.clone());
            if let Some(file) = &config.ca_file {
                let pem = crate::tls::pem(file)?;
                tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(|e| wrong(&e))?);
            }
            let tls = tls.build().map_err(|e| wrong(&e))?;
            if config.port == 465 { Tls::Wrapper(tls) } else { Tls::Required(tls) }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.clone())
            .port(config.port)
            .tls(tls)
            .timeout(Some(Duration::from_secs(30)));
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let password = password.resolve(&self.vault).await?;
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(builder.build())
    }

    fn message(&self, mail: &Mail<'_>) -> Result<Message, Failure> {
        let from: Mailbox =
            self.config.from.parse().map_err(|e| Failure::broken(format!("`from` is no address: {e}")))?;
        let mut builder = Message::builder().from(from.clone()).subject(line(&mail.text(&["Subject"])));
        builder = builder.message_id(None);
        let to = mail.addresses(&["To"])?;
        if to.is_empty() && mail.addresses(&["Bcc", "BCC"])?.is_empty() {
            return Err(Failure::bad("the mail has no recipient"));
        }
        for mailbox in to {
            builder = builder.to(mailbox);
        }
        for mailbox in mail.addresses(&["Cc", "CC"])? {
            builder = builder.cc(mailbox);
        }
        for mailbox in mail.addresses(&["Bcc", "BCC"])? {
            builder = builder.bcc(mailbox);
        }
        let answers = mail.addresses(&["ReplyTo"])?;
        let asked = mail.addresses(&["From"])?;
        for mailbox in if answers.is_empty() { asked } else { answers } {
            if mailbox.email != from.email {
                builder = builder.reply_to(mailbox);
            }
        }
        let importance = mail.text(&["Importance"]).to_ascii_lowercase();
        if ["high", "low"].contains(&importance.as_str()) {
            builder = builder.header(Importance(importance));
        }
        let text = mail.text(&["Body"]);
        let html = mail.flag("IsHtml").unwrap_or(true);
        let kind = if html { ContentType::TEXT_HTML } else { ContentType::TEXT_PLAIN };
        let body = SinglePart::builder().header(kind).body(text);
        let attachments = mail.attachments()?;
        let done = if attachments.is_empty() {
            builder.singlepart(body)
        } else {
            let mut parts = MultiPart::mixed().singlepart(body);
            for attachment in attachments {
                parts = parts.singlepart(attachment);
            }
            builder.multipart(parts)
        };
        done.map_err(|e| Failure::bad(format!("the mail cannot be put together: {e}")))
    }
}

/// `Importance`, RFC 2156.
#[derive(Clone)]
struct Importance(String);

impl Header for Importance {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Importance")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}

/// A header holds one line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `acsemail`'s nested members as the plain ones.
fn flat(body: &Map<String, Json>) -> Map<String, Json> {
    let mut out = Map::new();
    let inner = |outer: &str, key: &str| {
        member(body, outer).and_then(Json::as_object).and_then(|o| member(o, key)).cloned()
    };
    for (outer, key, name) in [
        ("recipients", "to", "To"),
        ("recipients", "cc", "Cc"),
        ("recipients", "bcc", "Bcc"),
        ("content", "subject", "Subject"),
        ("content", "html", "Body"),
    ] {
        if let Some(value) = inner(outer, key) {
            out.insert(name.into(), value);
        }
    }
    if !out.contains_key("Body") {
        out.insert("Body".into(), inner("content", "plainText").unwrap_or_default());
        out.insert("IsHtml".into(), Json::Bool(false));
    }
    for (key, name) in [
        ("importance", "Importance"),
        ("replyTo", "ReplyTo"),
        ("senderAddress", "From"),
        ("attachments", "Attachments"),
    ] {
        if let Some(value) = member(body, key) {
            out.insert(name.into(), value.clone());
        }
    }
    out
}

impl Mail<'_> {
    fn get(&self, names: &[&str]) -> Option<&Json> {
        names.iter().find_map(|n| member(self.members, n)).filter(|v| !v.is_null())
    }

    fn text(&self, names: &[&str]) -> String {
        self.get(names).map(|v| Value::from(v).to_text().into_owned()).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.get(&[name]).map(|v| Value::from(v).to_text().eq_ignore_ascii_case("true"))
    }

    /// Addresses as text with `;` or `,`, or as a list of `{address, displayName}`.
    fn addresses(&self, names: &[&str]) -> Result<Vec<Mailbox>, Failure> {
        let wrong =
            |text: &str| Failure::bad(format!("'{}' in '{}' is no mail address", line(text), names[0]));
        match self.get(names) {
            Some(Json::Array(list)) => list
                .iter()
                .map(|one| {
                    let text = match one {
                        Json::Object(o) => {
                            member(o, "address").map(|v| Value::from(v).to_text().into_owned())
                        }
                        other => Some(Value::from(other).to_text().into_owned()),
                    };
                    let text = text.unwrap_or_default();
                    text.trim().parse().map_err(|_| wrong(&text))
                })
                .collect(),
            Some(other) => {
                let text = Value::from(other).to_text().into_owned();
                let mut out = Vec::new();
                for part in text.split(';').map(str::trim).filter(|p| !p.is_empty()) {
                    let part = part.trim_end_matches(',');
                    out.extend(part.parse::<Mailboxes>().map_err(|_| wrong(part))?);
                }
                Ok(out)
            }
            None => Ok(Vec::new()),
        }
    }

    /// `{Name, ContentBytes}`, `{FileName, ContentData, ContentType}`, `{name, contentInBase64, contentType}`.
    fn attachments(&self) -> Result<Vec<SinglePart>, Failure> {
        let list = self.get(&["Attachments", "Attachment"]).and_then(Json::as_array);
        let mut out = Vec::new();
        for one in list.into_iter().flatten().filter_map(Json::as_object) {
            let get = |names: &[&str]| names.iter().find_map(|n| member(one, n)).filter(|v| !v.is_null());
            let text = |names: &[&str]| get(names).map(|v| Value::from(v).to_text().into_owned());
            let name = line(&text(&["Name", "FileName"]).unwrap_or_else(|| "attachment".into()));
            let bytes = match get(&["ContentBytes", "ContentData", "contentInBase64"]) {
                // Text is base64 where it is that, else it is the content.
                Some(Json::String(text)) => {
                    STANDARD.decode(text.trim()).unwrap_or_else(|_| text.clone().into_bytes())
                }
                other => content::encode(other).map(|(bytes, _)| bytes).unwrap_or_default(),
            };
            let kind = text(&["ContentType"]).unwrap_or_else(|| media_type(&name).to_owned());
            let kind = ContentType::parse(&kind).map_err(|_| {
                Failure::bad(format!("'{}' is no content type of an attachment", line(&kind)))
            })?;
            out.push(Attachment::new(name).body(bytes, kind));
        }
        Ok(out)
    }
}

impl Connector for MailConnector {
    fn call(&self, call: ConnectorCall) -> Reply<'_, Answer> {
        Box::pin(async move { self.answer(&call).await.unwrap_or_else(Answer::from) })
    }
}
