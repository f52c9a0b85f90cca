//! The targets that this program knows: a closed set, dispatched by name.
use std::path::Path;

use hirewire_engine::target::{Applied, Change, MatchKey, Step, Target, TargetError};
use hirewire_engine::value::Account;
use hirewire_target::embedded::{EmbeddedDirectory, EmbeddedOptions};

use hirewire_target::ldap::LdapTarget;

use crate::project::TargetSection;
use crate::report::Report;

/// A directory that accounts are written to.
pub(crate) enum AnyTarget {
    /// Hirewire's own directory.
    Embedded(EmbeddedDirectory),
    /// Active Directory or LDAP.
    Ldap(Box<LdapTarget>),
}

impl AnyTarget {
    /// Opens the target of a project. LDAP targets connect at their first use; `file` is the embedded directory's database
    /// in the state folder.
    pub(crate) fn open(
        section: &TargetSection,
        folder: &Path,
        state: &Path,
        file: &str,
    ) -> Result<Self, Report> {
        match section {
            TargetSection::Embedded { verified_domains } => {
                let options = EmbeddedOptions {
                    verified_domains: (!verified_domains.is_empty()).then(|| verified_domains.clone()),
                    ..EmbeddedOptions::default()
                };
                let path = state.join(file);
                EmbeddedDirectory::open(&path, options)
                    .map(Self::Embedded)
                    .map_err(|error| Report::new(error.to_string()).at(&path))
            }
            TargetSection::Ldap(config) => {
                let mut config = (**config).clone();
                config.relative_to(folder);
                let target = LdapTarget::new(config).map_err(|error| Report::new(error.to_string()))?;
                Ok(Self::Ldap(Box::new(target)))
            }
        }
    }

    /// What is left to do when a cycle's references are written: letters that waited for a manager. Returns how many
    /// could not be delivered.
    pub(crate) async fn finish_cycle(&self) -> usize {
        match self {
            Self::Embedded(_) => 0,
            Self::Ldap(target) => target.deliver_waiting().await,
        }
    }

    /// The embedded directory, if it is one.
    pub(crate) fn embedded(&self) -> Option<&EmbeddedDirectory> {
        match self {
            Self::Embedded(directory) => Some(directory),
            Self::Ldap(_) => None,
        }
    }
}

macro_rules! dispatch {
    ($self:ident, $target:ident => $call:expr) => {
        match $self {
            AnyTarget::Embedded($target) => $call.await,
            AnyTarget::Ldap($target) => $call.await,
        }
    };
}

impl Target for AnyTarget {
    async fn find(&self, keys: &[MatchKey], wanted: &[String]) -> Result<Vec<Vec<Account>>, TargetError> {
        dispatch!(self, target => target.find(keys, wanted))
    }

    async fn read(&self, anchors: &[String], wanted: &[String]) -> Result<Vec<Option<Account>>, TargetError> {
        dispatch!(self, target => target.read(anchors, wanted))
    }

    async fn enumerate(
        &self,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<(), TargetError> {
        dispatch!(self, target => target.enumerate(wanted, each))
    }

    fn may_be_listed(&self) -> bool {
        match self {
            Self::Embedded(target) => target.may_be_listed(),
            Self::Ldap(target) => target.may_be_listed(),
        }
    }

    fn settle(&self, account: &Account, changes: &mut Vec<Change>) {
        match self {
            Self::Embedded(target) => target.settle(account, changes),
            Self::Ldap(target) => target.settle(account, changes),
        }
    }

    async fn apply(&self, steps: &[Step]) -> Vec<Result<Applied, TargetError>> {
        dispatch!(self, target => target.apply(steps))
    }

    async fn exists(&self, key: &MatchKey) -> Result<bool, TargetError> {
        dispatch!(self, target => target.exists(key))
    }
}
