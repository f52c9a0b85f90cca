//! What changed in the directory since a moment: administrators' changes, without listing everybody.
use std::fmt;
use std::str::FromStr;

use hirewire_engine::target::TargetError;
use hirewire_engine::value::Account;
use ldap3::controls::RawControl;

use super::LdapTarget;
use super::entry::{Entry, guid_text};
use super::error::{Doing, refused};

/// Show deleted objects (spec/targets.md §2.8).
const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";

/// A position in the directory's changes; kept as text between runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// Active Directory: update sequence number of one domain controller's database (`invocationId`). Numbers of
    /// another controller, or of one restored from a backup, mean nothing.
    Usn {
        /// The database's identity.
        invocation: String,
        /// The greatest number seen.
        number: u64,
    },
    /// LDAP: change sequence number (`contextCSN`) or `modifyTimestamp`.
    Csn(String),
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usn { invocation, number } => write!(f, "usn:{invocation}:{number}"),
            Self::Csn(csn) => write!(f, "csn:{csn}"),
        }
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no cursor of an LDAP target");
        match text.split_once(':').ok_or_else(wrong)? {
            ("usn", rest) => {
                let (invocation, number) = rest.rsplit_once(':').ok_or_else(wrong)?;
                Ok(Self::Usn { invocation: invocation.into(), number: number.parse().map_err(|_| wrong())? })
            }
            ("csn", csn) => Ok(Self::Csn(csn.into())),
            _ => Err(wrong()),
        }
    }
}

/// What [`LdapTarget::changed_since`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Where to go on the next time.
    pub cursor: Cursor,
    /// Everything was listed: there was no cursor, or it was another server's. Accounts that were not handed over are
    /// gone.
    pub full: bool,
    /// Anchors of deleted accounts, as far as we may see them (Active Directory: read access to `CN=Deleted Objects`).
    pub deleted: Vec<String>,
}

impl LdapTarget {
    /// What the project wants done about others' changes.
    pub fn drift(&self) -> super::config::Drift {
        self.config.drift
    }

    /// Hands over every account that was added, changed or moved since `cursor`, and some that were not: changes of the
    /// last second may come twice. Changes while reading come the next time.
    ///
    /// # Errors
    /// As [`hirewire_engine::target::Target::enumerate`].
    pub async fn changed_since(
        &self,
        cursor: Option<&Cursor>,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<Changed, TargetError> {
        if self.dialect.is_ad() {
            self.usn_changes(cursor, wanted, each).await
        } else {
            self.csn_changes(cursor, wanted, each).await
        }
    }

    async fn usn_changes(
        &self,
        cursor: Option<&Cursor>,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<Changed, TargetError> {
        let root = self
            .read_root(&["highestCommittedUSN", "dsServiceName"])
            .await
            .map_err(|f| self.error(f, Doing::Search, ""))?;
        let unreadable = || {
            refused("OperationsError", "the domain controller does not tell its update sequence number", None)
        };
        let number =
            root.number("highestCommittedUSN").and_then(|n| u64::try_from(n).ok()).ok_or_else(unreadable)?;
        let service = root.text("dsServiceName").ok_or_else(unreadable)?.to_owned();
        let service = self
            .read_object(&service, &["invocationId".to_owned()])
            .await
            .map_err(|f| self.error(f, Doing::Search, ""))?;
        let invocation = service
            .as_ref()
            .and_then(|e| guid_text(e.values("invocationId").first()?))
            .ok_or_else(unreadable)?;
        let since = match cursor {
            Some(Cursor::Usn { invocation: known, number: since })
                if *known == invocation && *since <= number =>
            {
                Some(*since)
            }
            _ => None,
        };
        let next = Cursor::Usn { invocation, number };
        let Some(since) = since else {
            self.list_accounts(&self.dialect.accounts_with(""), wanted, each).await?;
            return Ok(Changed { cursor: next, full: true, deleted: Vec::new() });
        };
        let newer = format!("(uSNChanged>={})", since.saturating_add(1));
        self.list_accounts(&self.dialect.accounts_with(&newer), wanted, each).await?;
        Ok(Changed { cursor: next, full: false, deleted: self.deleted_since(&newer).await })
    }

    async fn deleted_since(&self, newer: &str) -> Vec<String> {
        let mut deleted = Vec::new();
        let control = RawControl { ctype: SHOW_DELETED.into(), crit: false, val: None };
        let filter = format!("(&(isDeleted=TRUE)(objectClass=user){newer})");
        let mut take = |entry: Entry| deleted.extend(self.anchor_of(&entry));
        let attributes = [self.dialect.anchor.to_owned()];
        let base = self
            .root()
            .await
            .ok()
            .and_then(|root| root.domain.clone())
            .unwrap_or_else(|| self.config.base_dn.clone());
        if let Err(failure) =
            self.pool.search_paged(&base, &filter, &attributes, vec![control], &mut take).await
        {
            tracing::debug!(?failure, "deleted objects cannot be read");
        }
        deleted
    }

    async fn csn_changes(
        &self,
        cursor: Option<&Cursor>,
        wanted: &[String],
        each: &mut (dyn FnMut(Account) + Send),
    ) -> Result<Changed, TargetError> {
        let attributes = ["contextCSN", "modifyTimestamp"].map(str::to_owned);
        let suffix = self
            .read_object(&self.config.base_dn, &attributes)
            .await
            .map_err(|f| self.error(f, Doing::Search, &self.config.base_dn))?;
        let latest = |entry: &Entry| {
            let texts = entry.values("contextCSN").iter().filter_map(|v| std::str::from_utf8(v).ok());
            texts.min().map(str::to_owned) // of several servers, the one that is furthest behind
        };
        let next = suffix.as_ref().and_then(latest);
        let since = match (cursor, &next) {
            (Some(Cursor::Csn(since)), Some(_)) if is_csn(since) => Some(since.clone()),
            _ => None,
        };
        let next = Cursor::Csn(next.unwrap_or_default());
        let Some(since) = since else {
            self.list_accounts(&self.dialect.accounts_with(""), wanted, each).await?;
            return Ok(Changed { cursor: next, full: true, deleted: Vec::new() });
        };
        let newer = format!("(entryCSN>={since})");
        self.list_accounts(&self.dialect.accounts_with(&newer), wanted, each).await?;
        Ok(Changed { cursor: next, full: false, deleted: Vec::new() })
    }
}

/// `20260301120000.123456Z#000000#000#000000`: nothing in it that means something in a filter.
fn is_csn(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'.' | b'Z' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::{Cursor, is_csn};

    #[test]
    fn cursors_survive_as_text() {
        for text in [
            "usn:6f9619ff-8b86-d011-b42d-00c04fc964ff:4711",
            "csn:20260301120000.123456Z#000000#000#000000",
            "csn:",
        ] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        for text in ["", "usn:x", "usn:x:y", "delta:1"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
        assert!(is_csn("20260301120000.123456Z#000000#000#000000") && !is_csn("2)(uid=*") && !is_csn(""));
    }
}
