//! Active Directory and LDAP as targets: one adapter, two dialects.
//!
//! ```text
//! LdapTarget ─▶ read ┐                       ┌▶ schema (what the directory says of its attributes)
//!            ─▶ write ├▶ pool ─▶ connection ─▶│ server 1 (all work stays there) · server 2 · …
//!            ─▶ check ┘   every failure ─▶ error: retry · refused · locked · gone
//! ```
//!
//! Invariants: every write is preceded by a read of the same object, so applying a step twice writes nothing the second
//! time; a write whose outcome is unknown is read back before it is tried again; objects are addressed by `objectGUID`
//! or `entryUUID`, never by a remembered name; a password leaves the process only to the directory, inside TLS, and by
//! the configured way of delivery.
mod account_state;
mod address;
pub mod changes;
pub mod check;
pub mod config;
mod connection;
mod create;
mod delete;
mod dialect;
pub mod dn;
mod entry;
mod error;
mod filter;
mod first_password;
mod groups;
mod pool;
mod read;
mod references;
mod root;
mod schema;
mod syntax;
mod taken;
mod tls;
mod update;
mod write;

use hirewire_engine::target::{Applied, Change, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::Account;

use config::ConfigError;
pub use config::LdapConfig;
use dialect::Dialect;
use dn::Dn;
use first_password::FirstPasswords;
use groups::Rule;
use pool::Pool;
use references::Names;
use root::Root;
use schema::Schema;
use taken::Given;
pub(crate) use tls::client as tls_client;

/// Active Directory or an RFC 4511 directory with `inetOrgPerson`, as a [`Target`].
///
/// Virtual attributes besides those of the directory's schema: `accountDisabled` (true or false) and
/// `parentDistinguishedName`. Attributes of name syntax, such as `manager`, are references: the anchor of the object
/// they name. An attribute with one value is that value, with several a list.
pub struct LdapTarget {
    config: LdapConfig,
    dialect: Dialect,
    base: Dn,
    container: Dn,
    disabled_container: Option<Dn>,
    rules: Vec<Rule>,
    pool: Pool,
    names: Names,
    given: Given,
    passwords: FirstPasswords,
    root: tokio::sync::OnceCell<Root>,
    schema: tokio::sync::RwLock<Option<std::sync::Arc<Schema>>>,
}

impl LdapTarget {
    /// Checks the configuration and reads its files; connects at the first use.
    ///
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub fn new(config: LdapConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        let name = |setting, text: &str| {
            Dn::parse(text).map_err(|e| ConfigError { setting, reason: format!("`{text}`: {e}") })
        };
        let disabled_container =
            config.disabled_container.as_deref().map(|dn| name("disabled_container", dn)).transpose()?;
        Ok(Self {
            dialect: Dialect::new(&config),
            base: name("base_dn", &config.base_dn)?,
            container: name("container", &config.container)?,
            disabled_container,
            rules: config.groups.iter().map(Rule::new).collect(),
            pool: Pool::new(&config)?,
            names: Names::default(),
            given: Given::default(),
            passwords: FirstPasswords::new(config.initial_password.as_ref())?,
            root: tokio::sync::OnceCell::new(),
            schema: tokio::sync::RwLock::new(None),
            config,
        })
    }

    /// Sends first passwords that wait for a manager who was not written; call it at the end of a cycle.
    ///
    /// Returns how many could not be delivered and are still kept.
    pub async fn deliver_waiting(&self) -> usize {
        self.passwords.deliver_waiting().await
    }
}

impl Target for LdapTarget {
    async fn find(&self, keys: &[MatchKey], wanted: &[String]) -> Result<Vec<Vec<Account>>, TargetError> {
        Box::pin(self.find_accounts(keys, wanted)).await
    }

    async fn read(&self, anchors: &[String], wanted: &[String]) -> Result<Vec<Option<Account>>, TargetError> {
        Box::pin(self.read_accounts(anchors, wanted)).await
    }

    async fn enumerate(
        &self,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<(), TargetError> {
        let filter = self.dialect.accounts_with("");
        Box::pin(self.list_accounts(&filter, wanted, each)).await
    }

    fn may_be_listed(&self) -> bool {
        true
    }

    fn settle(&self, account: &Account, changes: &mut Vec<Change>) {
        self.settled(account, changes);
    }

    async fn apply(&self, steps: &[Step]) -> Vec<Result<Applied, TargetError>> {
        Box::pin(self.apply_steps(steps)).await
    }

    async fn exists(&self, key: &MatchKey) -> Result<bool, TargetError> {
        Box::pin(self.holds(key)).await
    }
}
