//! What our account may do in Active Directory, as the server computes it, and the commands that grant what is missing.
use std::collections::BTreeSet;

use ldap3::Scope;

use super::super::LdapTarget;
use super::super::config::Bind;
use super::super::connection::Query;
use super::super::dialect::ACCOUNT_DISABLED;
use super::super::dn::Dn;
use super::super::entry::Entry;
use super::super::filter;
use super::{CheckRequest, Findings, Subject};

/// Class `user` in access control entries.
const USER_CLASS: &str = "bf967aba-0de6-11d0-a285-00aa003049e2";
/// Extended right "Reset Password".
const RESET_PASSWORD: &str = "00299570-246d-11d0-a768-00aa006e0529";

/// Something an account may be allowed to do below a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Create accounts.
    Create,
    /// Write their attributes.
    Write,
    /// Set their passwords.
    ResetPassword,
    /// Delete them, which moving them away needs too.
    Delete,
}

impl LdapTarget {
    /// The commands that grant a right below a container.
    pub(crate) async fn grant(&self, right: Right, container: &Dn) -> String {
        let Bind::Simple { name, .. } = &self.config.bind else {
            return format!("grant {right:?} below `{container}` to the account of the client certificate");
        };
        if !self.dialect.is_ad() {
            return format!(
                "access to dn.subtree=\"{container}\" by dn.exact=\"{name}\" manage by * break    # slapd.conf, before the other rules"
            );
        }
        let (account, sid) = self.own_account(name).await;
        let (dsacls, sddl): (Vec<String>, String) = match right {
            Right::Create => {
                (vec![format!("/I:T /G \"{account}:CC;user\"")], format!("(OA;CI;CC;{USER_CLASS};;{sid})"))
            }
            Right::Write => (
                vec![format!("/I:S /G \"{account}:RPWP;;user\"")],
                format!("(OA;CIIO;RPWP;;{USER_CLASS};{sid})"),
            ),
            Right::ResetPassword => (
                vec![format!("/I:S /G \"{account}:CA;Reset Password;user\"")],
                format!("(OA;CIIO;CR;{RESET_PASSWORD};{USER_CLASS};{sid})"),
            ),
            Right::Delete => (
                vec![format!("/I:T /G \"{account}:DC;user\""), format!("/I:S /G \"{account}:SD;;user\"")],
                format!("(OA;CI;DC;{USER_CLASS};;{sid})(OA;CIIO;SD;;{USER_CLASS};{sid})"),
            ),
        };
        let mut lines: Vec<String> =
            dsacls.into_iter().map(|options| format!("dsacls \"{container}\" {options}")).collect();
        lines.push(format!(
            "samba-tool dsacl set --action=allow --objectdn=\"{container}\" --sddl=\"{sddl}\"    # on Samba"
        ));
        lines.join("\n")
    }

    /// Our account as `dsacls` and SDDL name it.
    async fn own_account(&self, bind_name: &str) -> (String, String) {
        let parts: Vec<String> = ["distinguishedName", "userPrincipalName", "sAMAccountName"]
            .iter()
            .map(|attribute| {
                filter::equal(attribute, bind_name.rsplit('\\').next().unwrap_or(bind_name).as_bytes())
            })
            .collect();
        let attributes = ["objectSid", "sAMAccountName"].map(str::to_owned);
        let filter = filter::any(&parts);
        let query = Query {
            base: &self.config.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &attributes,
            limit: 1,
            controls: vec![],
        };
        let entry = self.pool.search(query).await.ok().and_then(|found| found.into_iter().next());
        let sid = entry.as_ref().and_then(|e| sid_text(e.values("objectSid").first()?));
        let name = entry.as_ref().and_then(|e| e.text("sAMAccountName")).unwrap_or(bind_name).to_owned();
        let domain = self.base.naming_value("dc").unwrap_or_default().to_uppercase();
        let account = if name.contains(['@', '\\', '=']) { name } else { format!("{domain}\\{name}") };
        (account, sid.unwrap_or_else(|| "SID-OF-THE-SERVICE-ACCOUNT".into()))
    }

    /// Reads the effective rights the server computes for us (MS-ADTS §3.1.1.4.5).
    pub(super) async fn check_rights(
        &self,
        request: &CheckRequest,
        containers: &[Dn],
        findings: &mut Findings,
    ) {
        for container in containers {
            let name = container.to_string();
            let attributes = ["allowedChildClassesEffective".to_owned()];
            let Ok(Some(entry)) = self.read_object(&name, &attributes).await else { continue };
            let class = self.dialect.classes.last().map_or("user", String::as_str);
            if has(&entry, "allowedChildClassesEffective", class) {
                findings.good(Subject::Rights, format!("we may create accounts in `{name}`"));
            } else {
                let command = self.grant(Right::Create, container).await;
                findings.error(
                    Subject::Rights,
                    format!("we may not create accounts in `{name}`"),
                    Some(command),
                );
            }
            self.check_attribute_rights(request, container, findings).await;
        }
    }

    async fn check_attribute_rights(&self, request: &CheckRequest, container: &Dn, findings: &mut Findings) {
        let name = container.to_string();
        let attributes = ["allowedAttributesEffective".to_owned()];
        let filter = self.dialect.accounts_with("(!(adminCount=1))");
        let query = Query {
            base: &name,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &attributes,
            limit: 1,
            controls: vec![],
        };
        let found = self.pool.search(query).await.ok().and_then(|found| found.into_iter().next());
        let Some(account) = found else {
            return findings.warn(Subject::Rights, format!("there is no account below `{name}` yet, so what we may write there is not known; a probe would tell"), None);
        };
        let mut needed: BTreeSet<&str> =
            request.attributes.iter().map(String::as_str).filter(|n| !self.is_virtual(n)).collect();
        if request.attributes.iter().any(|n| n.eq_ignore_ascii_case(ACCOUNT_DISABLED))
            || self.config.disabled_container.is_some()
        {
            needed.insert("userAccountControl");
        }
        if self.passwords.settings.as_ref().is_some_and(|s| s.change_at_logon) {
            needed.insert("pwdLastSet");
        }
        let missing: Vec<&str> =
            needed.into_iter().filter(|n| !has(&account, "allowedAttributesEffective", n)).collect();
        if missing.is_empty() {
            return findings.good(
                Subject::Rights,
                format!("we may write all mapped attributes of accounts below `{name}`"),
            );
        }
        let message = format!("we may not write {} of accounts below `{name}`", missing.join(", "));
        findings.error(Subject::Rights, message, Some(self.grant(Right::Write, container).await));
    }

    /// Whether the rules' groups exist and may be changed.
    pub(super) async fn check_groups(&self, findings: &mut Findings) {
        for rule in &self.config.groups {
            let attributes = ["objectClass", "allowedAttributesEffective"].map(str::to_owned);
            match self.read_object(&rule.group, &attributes).await {
                Ok(Some(entry))
                    if self.dialect.is_ad()
                        && !has(&entry, "allowedAttributesEffective", &rule.member_attribute) =>
                {
                    let account = match &self.config.bind {
                        Bind::Simple { name, .. } => self.own_account(name).await.0,
                        Bind::External => "SERVICE-ACCOUNT".into(),
                    };
                    let command =
                        format!("dsacls \"{}\" /G \"{account}:RPWP;{}\"", rule.group, rule.member_attribute);
                    findings.error(
                        Subject::Group,
                        format!("we may not change the members of `{}`", rule.group),
                        Some(command),
                    );
                }
                Ok(Some(_)) => findings.good(Subject::Group, format!("`{}` is there", rule.group)),
                Ok(None) => findings.error(
                    Subject::Group,
                    format!("`{}` does not exist, or we may not see it", rule.group),
                    None,
                ),
                Err(failure) => {
                    let error = self.error(failure, super::super::error::Doing::Group, &rule.group);
                    findings.error(Subject::Group, format!("`{}`: {error}", rule.group), None);
                }
            }
        }
    }
}

fn has(entry: &Entry, attribute: &str, value: &str) -> bool {
    entry.values(attribute).iter().any(|held| held.eq_ignore_ascii_case(value.as_bytes()))
}

/// `S-1-5-21-…` of a security identifier's bytes (MS-DTYP §2.4.2).
pub(crate) fn sid_text(bytes: &[u8]) -> Option<String> {
    let (&[revision, count], rest) = bytes.split_first_chunk::<2>()?;
    let (authority, rest) = rest.split_first_chunk::<6>()?;
    if rest.len() != usize::from(count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0u64, |sum, &b| sum << 8 | u64::from(b));
    let mut text = format!("S-{revision}-{authority}");
    for part in rest.chunks_exact(4) {
        let number = u32::from_le_bytes(part.try_into().ok()?);
        text.push_str(&format!("-{number}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::sid_text;

    #[test]
    fn security_identifiers() {
        let bytes = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0];
        assert_eq!(sid_text(&bytes).as_deref(), Some("S-1-5-32-544"));
        for bad in [&bytes[..15], &[][..], &[1, 9, 0, 0, 0, 0, 0, 5][..]] {
            assert_eq!(sid_text(bad), None);
        }
    }
}
