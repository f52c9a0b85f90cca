//! What a project says about an Active Directory or LDAP target.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::dn::Dn;
use crate::delivery::DeliveryConfig;
use crate::password::SecretSource;

/// An Active Directory or LDAP directory, as a project configures it.
///
/// ```toml
/// urls = ["ldaps://dc1.corp.example", "ldaps://dc2.corp.example"]
/// dialect = "active_directory"
/// base_dn = "DC=corp,DC=example"
/// container = "OU=People,DC=corp,DC=example"
/// disabled_container = "OU=Leavers,OU=People,DC=corp,DC=example"
/// bind = { method = "simple", name = "svc-hirewire@corp.example", password = { file = "ad.secret" } }
/// ```
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct LdapConfig {
    /// Servers of one domain, tried in this order: `ldaps://host[:636]` or `ldap://host[:389]`. All work stays on the
    /// first one that answers, because another domain controller may not yet know what was just written
    /// (spec/targets.md §2.1). Hosts are names or IPv4 addresses, as the certificate spells them.
    pub urls: Vec<String>,
    /// Which kind of directory answers.
    pub dialect: DialectName,
    /// Who we are.
    pub bind: Bind,
    /// Where matching looks: the domain or suffix.
    pub base_dn: String,
    /// Where accounts without a mapped `parentDistinguishedName` are created.
    pub container: String,
    /// Where an account goes when it is disabled; it comes back to its mapped or default container when it is enabled.
    #[serde(default)]
    pub disabled_container: Option<String>,
    /// What a deletion does.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// Transport security.
    #[serde(default)]
    pub tls: Tls,
    /// Reach the servers through an agent that dials in (`hirewire agent`), where they cannot be reached from here.
    #[serde(default)]
    pub agent: Option<AgentEndpoint>,
    /// Attribute that tells whether a found object is the person's own: AD `employeeID`, LDAP `employeeNumber`.
    #[serde(default)]
    pub matching_attribute: Option<String>,
    /// Attribute that names the object; LDAP only (`uid` unless set). Active Directory always uses `cn`.
    #[serde(default)]
    pub rdn_attribute: Option<String>,
    /// Object classes of a new account; AD `user`, LDAP `inetOrgPerson` unless set. Superior classes are added.
    #[serde(default)]
    pub object_classes: Vec<String>,
    /// What happens when another account has the name that a new or moved account is to have.
    #[serde(default)]
    pub name_taken: NameTaken,
    /// What happens when somebody else changed or deleted an account of ours.
    #[serde(default)]
    pub drift: Drift,
    /// How an LDAP directory without a standard flag marks an account as disabled. Ignored by Active Directory.
    #[serde(default)]
    pub account_lock: AccountLock,
    /// How a new account gets its password. Active Directory always sets a random one, even when this is absent.
    #[serde(default)]
    pub initial_password: Option<InitialPassword>,
    /// Groups whose membership follows from attributes of the account. Other groups are never touched.
    #[serde(default)]
    pub groups: Vec<GroupRule>,
    /// Longest wait for a connection with its TLS handshake and bind, in seconds.
    #[serde(default = "default_connect_seconds")]
    pub connect_seconds: u64,
    /// Longest wait for one answer, in seconds.
    #[serde(default = "default_answer_seconds")]
    pub answer_seconds: u64,
    /// After refused credentials no further attempt is made for so long, in seconds: repeated attempts lock accounts.
    #[serde(default = "default_bind_pause_seconds")]
    pub bind_pause_seconds: u64,
    /// Entries per page; Active Directory allows at most 1000.
    #[serde(default = "default_page_size")]
    pub page_size: u16,
    /// Accounts that are written at the same time over one connection.
    #[serde(default = "default_width")]
    pub width: usize,
    /// Connections to the server; requests are spread over them. One is enough: it carries `width` requests at a time,
    /// and Samba gets slower with more.
    #[serde(default = "default_connections")]
    pub connections: usize,
}

fn default_connect_seconds() -> u64 {
    10
}
fn default_answer_seconds() -> u64 {
    60
}
fn default_bind_pause_seconds() -> u64 {
    300
}
fn default_page_size() -> u16 {
    1000
}
fn default_width() -> usize {
    8
}
fn default_connections() -> usize {
    1
}

/// The two ways directories differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialectName {
    /// Microsoft Active Directory or Samba as its domain controller.
    ActiveDirectory,
    /// Any RFC 4511 directory with `inetOrgPerson` (RFC 2798), such as OpenLDAP.
    #[serde(rename = "inetOrgPerson")]
    InetOrgPerson,
}

/// How the connection authenticates.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Bind {
    /// Name and password; only inside TLS, or on loopback.
    Simple {
        /// A DN; Active Directory also takes `user@domain` and `DOMAIN\user`.
        name: String,
        /// The password.
        password: SecretSource,
    },
    /// SASL EXTERNAL: the client certificate of [`Tls`] is the identity.
    External,
}

/// Transport security. The server's certificate is always verified.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct Tls {
    /// PEM file with the certificate authorities to trust; the system's when absent.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM file with our certificate chain, for SASL EXTERNAL.
    #[serde(default)]
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the key of `certificate_file`.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// Talk in clear to `ldap://` addresses that are not loopback: passwords and personal data can be read by everybody
    /// on the way. Without it `ldap://` means StartTLS, and clear text only on loopback where StartTLS is not offered.
    #[serde(default)]
    pub allow_clear_text_and_expose_passwords: bool,
}

/// Where `hirewire agent` dials in. LDAPS runs end to end through its connection: the agent sees no password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct AgentEndpoint {
    /// Address and port to listen on, `0.0.0.0:9636`.
    pub listen: String,
    /// What an agent must show: at least 16 characters, `openssl rand -hex 32`.
    pub token: SecretSource,
    /// PEM file with the endpoint's certificate chain.
    pub certificate_file: PathBuf,
    /// PEM file with its key.
    pub key_file: PathBuf,
}

/// What a deletion does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// Remove the object; Active Directory's recycle bin keeps it for a while where it is switched on.
    #[default]
    Delete,
    /// Disable the account (and move it to `disabled_container`).
    Disable,
    /// Leave the object as it is.
    Keep,
}

/// What happens when somebody else changed an account of ours in the directory. Each cycle then asks the directory what
/// changed since the last one: `uSNChanged` of Active Directory, `entryCSN` of OpenLDAP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It stays until the person changes in the source. The directory is not asked.
    #[default]
    Ignore,
    /// It stays, and the cycle warns of it.
    Report,
    /// It is set right in the same cycle.
    Correct,
}

/// What happens when a name is taken (spec/targets.md §2.6). Sign-in names and addresses are never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NameTaken {
    /// `cn`, where it names the object, gets the matching value, `Freya Ng (001042)`; `sAMAccountName` a number,
    /// `freya.ng2`. The display name stays.
    #[default]
    Append,
    /// The person is refused with `EntryConflict`, as Entra does.
    Refuse,
}

/// How an LDAP directory marks an account as disabled (spec/targets.md §4: there is no standard flag).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct AccountLock {
    /// The attribute that is present with `value` on a disabled account.
    pub attribute: String,
    /// Its value.
    pub value: String,
}

impl Default for AccountLock {
    /// The password policy overlay's permanent lock (draft-behera-ldap-password-policy §5.3.3).
    fn default() -> Self {
        Self { attribute: "pwdAccountLockedTime".into(), value: "000001010000Z".into() }
    }
}

/// How a new account gets its password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct InitialPassword {
    /// Characters at least; the directory's own policy may demand more.
    #[serde(default = "default_password_length")]
    pub length: usize,
    /// How an LDAP directory takes it. Active Directory always takes `unicodePwd`.
    #[serde(default)]
    pub method: PasswordMethod,
    /// Active Directory: the person must choose a new one at the first logon.
    #[serde(default)]
    pub change_at_logon: bool,
    /// Where it goes. Nowhere when absent: a help desk resets it.
    #[serde(default)]
    pub delivery: Option<DeliveryConfig>,
}

impl Default for InitialPassword {
    fn default() -> Self {
        Self {
            length: default_password_length(),
            method: PasswordMethod::default(),
            change_at_logon: false,
            delivery: None,
        }
    }
}

fn default_password_length() -> usize {
    16
}

/// How an LDAP directory takes a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordMethod {
    /// Password Modify extended operation (RFC 3062): the server hashes and applies its policy. One request more.
    #[default]
    PasswordModify,
    /// `userPassword` in the add request, in clear inside TLS: only for servers that hash it themselves
    /// (OpenLDAP `ppolicy_hash_cleartext`).
    Attribute,
}

/// Membership of one group that follows from an attribute.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct GroupRule {
    /// DN of the group.
    pub group: String,
    /// Attribute of the account that decides; every account when absent.
    #[serde(default)]
    pub attribute: Option<String>,
    /// Values of it that make a member, compared ignoring case; any value when empty.
    #[serde(default)]
    pub values: BTreeSet<String>,
    /// Disabled accounts stay members.
    #[serde(default)]
    pub keep_when_disabled: bool,
    /// Attribute of the group that holds the members' DNs.
    #[serde(default = "default_member_attribute")]
    pub member_attribute: String,
}

fn default_member_attribute() -> String {
    "member".into()
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct ConfigError {
    /// The setting's name in the file.
    pub setting: &'static str,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl LdapConfig {
    /// Takes relative paths as relative to `base`, the project's folder.
    pub fn relative_to(&mut self, base: &std::path::Path) {
        let place = |path: &mut PathBuf| *path = base.join(&*path);
        if let Bind::Simple { password, .. } = &mut self.bind {
            password.relative_to(base);
        }
        if let Some(agent) = &mut self.agent {
            agent.token.relative_to(base);
            place(&mut agent.certificate_file);
            place(&mut agent.key_file);
        }
        [&mut self.tls.ca_file, &mut self.tls.certificate_file, &mut self.tls.key_file]
            .into_iter()
            .flatten()
            .for_each(place);
        if let Some(delivery) = self.initial_password.as_mut().and_then(|password| password.delivery.as_mut())
        {
            delivery.relative_to(base);
        }
    }

    /// Checks what can be checked without a server.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fail = |setting, reason: &str| Err(ConfigError { setting, reason: reason.into() });
        if self.urls.is_empty() {
            return fail("urls", "name at least one server, such as ldaps://dc1.corp.example");
        }
        for url in &self.urls {
            super::address::Address::parse(url).map_err(|reason| ConfigError { setting: "urls", reason })?;
        }
        let places = [
            ("base_dn", Some(&self.base_dn)),
            ("container", Some(&self.container)),
            ("disabled_container", self.disabled_container.as_ref()),
        ];
        let groups = self.groups.iter().map(|rule| ("groups", Some(&rule.group)));
        for (setting, dn) in places.into_iter().chain(groups) {
            if let Some(dn) = dn {
                Dn::parse(dn).map_err(|e| ConfigError { setting, reason: format!("`{dn}`: {e}") })?;
            }
        }
        if self.page_size == 0 || self.width == 0 || self.connections == 0 {
            return fail("page_size, width, connections", "must be at least 1");
        }
        if matches!(self.bind, Bind::External) && self.tls.certificate_file.is_none() {
            return fail("tls.certificate_file", "SASL EXTERNAL needs a client certificate and its key");
        }
        Ok(())
    }

    /// The attribute that tells whether an object is the person's own.
    pub fn matching_attribute(&self) -> &str {
        match (&self.matching_attribute, self.dialect) {
            (Some(name), _) => name,
            (None, DialectName::ActiveDirectory) => "employeeID",
            (None, DialectName::InetOrgPerson) => "employeeNumber",
        }
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        Duration::from_secs(self.answer_seconds.max(1))
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_seconds.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::{DialectName, LdapConfig, OnDelete};

    fn config(change: impl FnOnce(&mut serde_json::Value)) -> Result<LdapConfig, String> {
        let mut json = serde_json::json!({
            "urls": ["ldaps://dc1.corp.example"],
            "dialect": "active_directory",
            "base_dn": "DC=corp,DC=example",
            "container": "OU=People,DC=corp,DC=example",
            "bind": { "method": "simple", "name": "svc@corp.example", "password": { "file": "ad.secret" } },
        });
        change(&mut json);
        let config: LdapConfig = serde_json::from_value(json).map_err(|e| e.to_string())?;
        config.validate().map_err(|e| e.to_string())?;
        Ok(config)
    }

    #[test]
    fn defaults() {
        let config = config(|_| {}).unwrap();
        assert_eq!((config.page_size, config.connections, config.on_delete), (1000, 1, OnDelete::Delete));
        assert_eq!(config.matching_attribute(), "employeeID");
        assert_eq!(config.dialect, DialectName::ActiveDirectory);
        assert_eq!(config.account_lock.value, "000001010000Z");
    }

    #[test]
    fn mistakes_are_named() {
        for (pointer, value, named) in [
            ("/urls", serde_json::json!([]), "urls"),
            ("/urls", serde_json::json!(["https://dc1"]), "ldaps://"),
            ("/container", "People".into(), "container"),
            ("/base_dn", "corp.example".into(), "base_dn"),
            ("/bind", serde_json::json!({ "method": "external" }), "certificate"),
            ("/bind/method", "kerberos".into(), "kerberos"),
        ] {
            let answer = config(|json| {
                if let Some(place) = json.pointer_mut(pointer) {
                    *place = value.clone();
                }
            });
            let error = answer.unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        assert!(config(|json| json["pagesize"] = 10.into()).unwrap_err().contains("pagesize"));
        assert!(config(|json| json["width"] = 0.into()).unwrap_err().contains("width"));
    }

    #[test]
    fn the_schema_for_editors_knows_every_setting() {
        let schema = serde_json::to_value(schemars::schema_for!(LdapConfig)).unwrap();
        for name in ["urls", "bind", "container", "disabled_container", "initial_password", "groups", "tls"] {
            assert!(schema["properties"][name].is_object(), "{name}");
        }
    }
}
