//! A password by e-mail to the manager, over SMTP with a verified TLS connection.
use std::path::PathBuf;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{DeliveryError, Letter};
use crate::password::SecretSource;

/// The mail server and the words.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct MailConfig {
    /// The SMTP server's name, as its certificate spells it.
    pub host: String,
    /// 587 unless set. The connection is always secured: STARTTLS, or TLS from the first byte on port 465.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name for the log-in, when the server wants one.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// PEM file with the certificate authorities to trust; the system's when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Sender's address.
    pub from: String,
    /// Who gets the mail when the person has no manager with an address.
    pub fallback: String,
}

fn default_port() -> u16 {
    587
}

/// A ready mail client.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    fallback: Mailbox,
    host: String,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Mailer {
    /// Reads the configuration; does not connect yet.
    ///
    /// # Errors
    /// What is wrong in it.
    pub fn new(config: &MailConfig) -> Result<Self, DeliveryError> {
        let wrong = |what: &str, e: &dyn std::fmt::Display| DeliveryError(format!("mail {what}: {e}"));
        let mut tls = TlsParameters::builder(config.host.clone());
        if let Some(file) = &config.ca_file {
            let pem = std::fs::read(file).map_err(|e| wrong("ca_file", &e))?;
            let certificate = Certificate::from_pem(&pem).map_err(|e| wrong("ca_file", &e))?;
            tls = tls.add_root_certificate(certificate);
        }
        let tls = tls.build().map_err(|e| wrong("TLS", &e))?;
        let tls = if config.port == 465 { Tls::Wrapper(tls) } else { Tls::Required(tls) };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.clone())
            .port(config.port)
            .tls(tls)
            .timeout(Some(Duration::from_secs(30)));
        if let (Some(user), Some(password)) = (&config.user, &config.password) {
            let password = password.resolve().map_err(DeliveryError)?;
            builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self {
            transport: builder.build(),
            from: config.from.parse().map_err(|e| wrong("from", &e))?,
            fallback: config.fallback.parse().map_err(|e| wrong("fallback", &e))?,
            host: format!("{}:{}", config.host, config.port),
        })
    }

    /// Sends one mail and waits until the server has taken it.
    ///
    /// # Errors
    /// What the server said.
    pub async fn send(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let to = match &letter.manager_mail {
            Some(address) => address.parse().unwrap_or_else(|_| self.fallback.clone()),
            None => self.fallback.clone(),
        };
        let name: String = letter.display_name.chars().filter(|c| !c.is_control()).collect();
        let body = format!(
            "A new account is ready.\n\nPerson:   {name}\nSign in:  {}\nPassword: {}\n\nHand it over in person. It was not stored anywhere else.\n",
            letter.sign_in_name,
            letter.password.expose()
        );
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(format!("New account for {name}"))
            .header(ContentType::TEXT_PLAIN)
            .body(body)
            .map_err(|_| DeliveryError("the mail could not be put together".into()))?;
        self.transport.send(message).await.map_err(|e| DeliveryError(format!("{}: {e}", self.host)))?;
        Ok(())
    }
}
