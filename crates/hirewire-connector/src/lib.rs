//! Speaks to the systems that workflows connect to: blob storage, SQL, SFTP, mail, SharePoint, Key Vault, automation jobs.
//!
//! A project binds each connection of its workflows to one system (`[connections.NAME]`, [`ConnectionConfig`]);
//! [`open`] makes a [`hirewire_workflow::host::Connector`] of it. An adapter takes a connector's call as the definition
//! makes it (method, path, queries, body), does it against the real system and answers in the service's shape
//! (`spec/workflows.md` §11). What the managed connector and the built-in service provider of a Standard app call by
//! different names is the same operation here.
//!
//! Closed by default: a path cannot leave the configured container or folder, certificates and host keys are verified,
//! secrets come by reference and are never printed.

mod automation;
mod bind;
mod config;
mod failure;
mod file;
mod graph;
mod mail;
mod secret;
mod sql;
mod tls;
mod vault;

pub use automation::{AutomationConfig, RunbookConfig};
pub use bind::{Surroundings, example, kinds_for, open};
pub use config::{ConnectionConfig, HttpConfig};
pub use file::{AzureBlobConfig, AzureLogin, FolderConfig, S3Config, SftpConfig, SftpLogin};
pub use graph::SharePointConfig;
pub use mail::SmtpConfig;
pub use secret::SecretReference;
pub use sql::SqlConfig;
pub use vault::VaultConfig;
