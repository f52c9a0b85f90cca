//! `hirewire target check`: everything that would go wrong later, found before the first write, each with the command
//! that mends it.
mod certificate;
mod probe;
mod rights;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hirewire_engine::target::TargetError;
use ldap3::Scope;
use serde::Serialize;

use super::LdapTarget;
use super::config::Bind;
use super::connection::Query;
use super::dn::Dn;
use super::filter;

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Works, but slowly or not for long; or could not be told.
    Warning,
    /// Accounts will be refused.
    Error,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// Reaching a server and signing in.
    Connection,
    /// The server's certificate.
    Certificate,
    /// Base and containers.
    Container,
    /// What our account may do.
    Rights,
    /// Attributes the mapping names.
    Schema,
    /// Whether the matching attribute is indexed.
    Index,
    /// What the directory demands of passwords.
    PasswordPolicy,
    /// Groups of the rules.
    Group,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How serious.
    pub level: Level,
    /// About what.
    pub subject: Subject,
    /// One sentence for people.
    pub message: String,
    /// Commands that mend it, one a line, for whoever administers the directory.
    pub command: Option<String>,
}

/// What the mappings need, for [`LdapTarget::check`].
#[derive(Debug, Clone, Default)]
pub struct CheckRequest {
    /// Target attributes the mappings write; virtual ones may be among them.
    pub attributes: Vec<String>,
    /// Containers besides the configured ones that mappings put accounts into.
    pub containers: Vec<String>,
    /// Mappings move accounts between containers.
    pub moves: bool,
    /// Deletions are switched on.
    pub deletes: bool,
    /// Try it out: create an account `hirewire-check-…` in each container, change, move and delete it. Whatever cannot
    /// be deleted stays there, disabled, and is named.
    pub probe: bool,
}

/// Searches of an indexed attribute are faster than this on any server.
const SLOW_SEARCH: Duration = Duration::from_millis(250);

impl LdapTarget {
    /// Looks at connection, certificate, containers, schema, index, rights, password policy and groups.
    pub async fn check(&self, request: &CheckRequest) -> Vec<Finding> {
        let mut findings = Findings::default();
        let reachable = self.check_servers(&mut findings).await;
        if !reachable {
            return findings.all;
        }
        let containers = self.check_containers(request, &mut findings).await;
        self.check_schema(request, &mut findings).await;
        self.check_index(&mut findings).await;
        if self.dialect.is_ad() {
            self.check_rights(request, &containers, &mut findings).await;
        }
        if request.probe {
            self.probe(request, &containers, &mut findings).await;
        } else if !self.dialect.is_ad() || request.moves || request.deletes {
            let what = if self.dialect.is_ad() { "moving and deleting" } else { "our rights" };
            findings.warn(
                Subject::Rights,
                format!("{what} can only be checked by trying: check again with a probe"),
                None,
            );
        }
        let policy = self.read_password_policy().await;
        let complex = if policy.complex { ", three kinds of characters" } else { "" };
        findings.good(
            Subject::PasswordPolicy,
            format!("passwords have at least {} characters{complex}", policy.min_length),
        );
        self.check_groups(&mut findings).await;
        findings.all
    }

    /// Every server on its own; true when at least one can be used.
    async fn check_servers(&self, findings: &mut Findings) -> bool {
        let mut reachable = false;
        for address in self.pool.addresses() {
            let place = format!("{}:{}", address.host, address.port);
            match self.pool.open(address).await {
                Ok(connection) => {
                    reachable = true;
                    let who = match &self.config.bind {
                        Bind::Simple { name, .. } => name.as_str(),
                        Bind::External => "the client certificate",
                    };
                    findings.good(Subject::Connection, format!("{place} answers and accepts {who}"));
                    certificate::check(&place, connection.certificate().await.as_deref(), findings);
                }
                Err(failure) => {
                    let error = self.error(failure, super::error::Doing::Search, &place);
                    let stop = matches!(error, TargetError::Locked { .. });
                    findings.error(Subject::Connection, format!("{place}: {error}"), None);
                    if stop {
                        return false; // another attempt with the same password locks the account
                    }
                }
            }
        }
        reachable
    }

    /// Whether base and containers exist; gives the containers that do.
    async fn check_containers(&self, request: &CheckRequest, findings: &mut Findings) -> Vec<Dn> {
        let mut names: Vec<String> = vec![self.config.container.clone()];
        names.extend(self.config.disabled_container.clone());
        names.extend(request.containers.iter().cloned());
        let mut seen = BTreeSet::new();
        let mut containers = Vec::new();
        for name in std::iter::once(self.config.base_dn.clone()).chain(names) {
            let dn = match Dn::parse(&name) {
                Ok(dn) => dn,
                Err(error) => {
                    findings.error(Subject::Container, format!("`{name}`: {error}"), None);
                    continue;
                }
            };
            if !seen.insert(dn.key()) {
                continue;
            }
            let is_base = dn.same(&self.base);
            match self.read_object(&name, &["objectClass".to_owned()]).await {
                Ok(Some(_)) => {
                    findings.good(Subject::Container, format!("`{name}` is there"));
                    if !is_base || dn.same(&self.container) {
                        containers.push(dn);
                    }
                }
                Ok(None) => findings.error(
                    Subject::Container,
                    format!("`{name}` does not exist, or we may not see it"),
                    self.make_unit(&dn),
                ),
                Err(failure) => {
                    let error = self.error(failure, super::error::Doing::Search, &name);
                    findings.error(Subject::Container, format!("`{name}`: {error}"), None);
                }
            }
        }
        containers
    }

    fn make_unit(&self, dn: &Dn) -> Option<String> {
        let unit = dn.naming_value("ou")?;
        Some(if self.dialect.is_ad() {
            format!("New-ADOrganizationalUnit -Name \"{unit}\" -Path \"{}\"", dn.parent())
        } else {
            format!("ldapadd <<<'dn: {dn}\nobjectClass: organizationalUnit\nou: {unit}'")
        })
    }

    async fn check_schema(&self, request: &CheckRequest, findings: &mut Findings) {
        let schema = match self.schema().await {
            Ok(schema) => schema,
            Err(error) => {
                return findings.error(Subject::Schema, format!("the schema cannot be read: {error}"), None);
            }
        };
        let mut missing = Vec::new();
        let names: Vec<&String> = request.attributes.iter().filter(|n| !self.is_virtual(n)).collect();
        for name in &names {
            match schema.get(name) {
                _ if self.dialect.is_secret(name) => {
                    findings.error(
                        Subject::Schema,
                        format!("`{name}` is set at random on creation and cannot be mapped"),
                        None,
                    );
                }
                None => missing.push(name.as_str()),
                Some(kind) if !kind.writable => {
                    findings.error(
                        Subject::Schema,
                        format!("`{}` is written by the server alone", kind.name),
                        None,
                    );
                }
                Some(_) => {}
            }
        }
        if !missing.is_empty() {
            let hint = if missing.iter().any(|n| n.to_ascii_lowercase().starts_with("extensionattribute")) {
                " (extensionAttribute1 to 15 come with the Exchange schema)"
            } else {
                ""
            };
            findings.error(
                Subject::Schema,
                format!("the schema does not have {}{hint}", missing.join(", ")),
                None,
            );
        } else if !names.is_empty() {
            findings.good(Subject::Schema, format!("the schema has all {} mapped attributes", names.len()));
        }
    }

    async fn check_index(&self, findings: &mut Findings) {
        let name = self.config.matching_attribute();
        let Ok(schema) = self.schema().await else { return };
        let Some(kind) = schema.get(name) else {
            return findings.error(
                Subject::Index,
                format!("the schema does not have the matching attribute `{name}`"),
                None,
            );
        };
        match kind.indexed {
            Some(true) => findings.good(Subject::Index, format!("`{name}` is indexed")),
            Some(false) => {
                let message = format!(
                    "`{name}` is not indexed: finding one person costs the server a walk over the whole domain, 60 to 90 times the cost of listing one"
                );
                findings.warn(Subject::Index, message, self.index_command(name).await);
            }
            None => {
                let filter = self.dialect.accounts_with(&filter::equal(name, b"hirewire-check"));
                let attributes = ["1.1".to_owned()];
                let query = Query {
                    base: &self.config.base_dn,
                    scope: Scope::Subtree,
                    filter: &filter,
                    attributes: &attributes,
                    limit: 1,
                    controls: vec![],
                };
                let started = Instant::now();
                let answer = self.pool.search(query).await;
                let took = started.elapsed();
                if answer.is_ok() && took > SLOW_SEARCH {
                    let message = format!(
                        "a search for `{name}` took {} ms: it seems not to be indexed",
                        took.as_millis()
                    );
                    findings.warn(
                        Subject::Index,
                        message,
                        Some(format!(
                            "index {name} eq    # slapd.conf; then slapindex, or olcDbIndex in cn=config"
                        )),
                    );
                } else {
                    findings
                        .good(Subject::Index, format!("a search for `{name}` took {} ms", took.as_millis()));
                }
            }
        }
    }

    async fn index_command(&self, name: &str) -> Option<String> {
        let context = self.root().await.ok()?.schema_context.clone()?;
        let filter = filter::equal("lDAPDisplayName", name.as_bytes());
        let attributes = ["searchFlags".to_owned()];
        let query = Query {
            base: &context,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &attributes,
            limit: 1,
            controls: vec![],
        };
        let entry = self.pool.search(query).await.ok()?.into_iter().next()?;
        let flags = entry.number("searchFlags").unwrap_or(0) | 1;
        Some(format!(
            "Set-ADObject -Identity \"{}\" -Replace @{{searchFlags={flags}}}    # as a schema administrator",
            entry.dn
        ))
    }
}

/// Findings as they are collected.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn good(&mut self, subject: Subject, message: String) {
        self.all.push(Finding { level: Level::Good, subject, message, command: None });
    }

    fn warn(&mut self, subject: Subject, message: String, command: Option<String>) {
        self.all.push(Finding { level: Level::Warning, subject, message, command });
    }

    fn error(&mut self, subject: Subject, message: String, command: Option<String>) {
        self.all.push(Finding { level: Level::Error, subject, message, command });
    }
}
