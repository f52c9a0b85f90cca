//! Brings a new account's password to the one place the project names, and nowhere else.
pub mod mail;
pub mod sealed_file;
pub mod webhook;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::password::{Password, SecretSource};

/// Where a new account's password goes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "to", rename_all = "snake_case", deny_unknown_fields)]
pub enum DeliveryConfig {
    /// Appended to a file, readable only with the private key of whoever hands passwords out ([`sealed_file`]).
    #[serde(rename_all = "snake_case")]
    SealedFile {
        /// The file; made with mode 0600.
        path: PathBuf,
        /// The recipient's X25519 public key, base64 ([`sealed_file::KeyPair`]).
        public_key: String,
    },
    /// By e-mail to the person's manager.
    #[serde(rename_all = "snake_case")]
    ManagerMail(mail::MailConfig),
    /// By HTTPS POST to a service of the project's.
    #[serde(rename_all = "snake_case")]
    Webhook {
        /// `https://…`; `http://` only on loopback.
        url: String,
        /// Key of the HMAC-SHA256 signature in the header `x-hirewire-signature`.
        signing_secret: SecretSource,
        /// PEM file with the certificate authorities to trust; the system's when absent.
        #[serde(default)]
        ca_file: Option<PathBuf>,
    },
}

impl DeliveryConfig {
    /// Takes relative paths as relative to `base`, the project's folder.
    pub fn relative_to(&mut self, base: &std::path::Path) {
        match self {
            Self::SealedFile { path, .. } => *path = base.join(&*path),
            Self::ManagerMail(mail) => {
                mail.ca_file = mail.ca_file.take().map(|path| base.join(path));
                mail.password.iter_mut().for_each(|password| password.relative_to(base));
            }
            Self::Webhook { signing_secret, ca_file, .. } => {
                signing_secret.relative_to(base);
                *ca_file = ca_file.take().map(|path| base.join(path));
            }
        }
    }
}

/// What is delivered.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The account's anchor.
    pub anchor: String,
    /// The name the person signs in with: AD `userPrincipalName` or `sAMAccountName`, LDAP `uid`.
    pub sign_in_name: String,
    /// The person's name, for the reader.
    pub display_name: String,
    /// The manager's mail address, when the directory knows one.
    pub manager_mail: Option<String>,
    /// The password.
    pub password: Password,
}

/// A password could not be delivered; the text names the place, never the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the password was not delivered: {0}")]
pub struct DeliveryError(pub String);

/// A ready way of delivery.
#[derive(Debug)]
pub enum Delivery {
    /// See [`DeliveryConfig::SealedFile`].
    SealedFile(sealed_file::SealedFile),
    /// See [`DeliveryConfig::ManagerMail`].
    Mail(mail::Mailer),
    /// See [`DeliveryConfig::Webhook`].
    Webhook(webhook::Webhook),
}

impl Delivery {
    /// Makes it ready; opens files and reads keys, so that a mistake shows before the first account is created.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: &DeliveryConfig) -> Result<Self, DeliveryError> {
        match config {
            DeliveryConfig::SealedFile { path, public_key } => {
                sealed_file::SealedFile::new(path, public_key).map(Self::SealedFile)
            }
            DeliveryConfig::ManagerMail(config) => mail::Mailer::new(config).map(Self::Mail),
            DeliveryConfig::Webhook { url, signing_secret, ca_file } => {
                webhook::Webhook::new(url, signing_secret, ca_file.as_deref()).map(Self::Webhook)
            }
        }
    }

    /// True when a letter needs the manager's address, which is written only in a second pass.
    pub fn needs_manager(&self) -> bool {
        matches!(self, Self::Mail(_))
    }

    /// Delivers.
    ///
    /// # Errors
    /// What stood in the way.
    pub async fn deliver(&self, letter: &Letter) -> Result<(), DeliveryError> {
        match self {
            Self::SealedFile(file) => file.append(letter),
            Self::Mail(mailer) => mailer.send(letter).await,
            Self::Webhook(webhook) => webhook.post(letter).await,
        }
    }
}
