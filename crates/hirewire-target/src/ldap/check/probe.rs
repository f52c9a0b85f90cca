//! Trying out what cannot be asked: an account is made, changed, moved and deleted again.
use std::collections::HashSet;

use ldap3::Mod;

use super::super::LdapTarget;
use super::super::dn::Dn;
use super::super::error::Doing;
use super::rights::Right;
use super::{CheckRequest, Findings, Subject};

impl LdapTarget {
    /// Tries every container. A failed creation ends that container; a failed deletion names what is left behind.
    pub(super) async fn probe(&self, request: &CheckRequest, containers: &[Dn], findings: &mut Findings) {
        for (i, container) in containers.iter().enumerate() {
            let next = containers.get((i + 1) % containers.len()).filter(|next| !next.same(container));
            self.probe_container(request, container, next, findings).await;
        }
    }

    async fn probe_container(
        &self,
        request: &CheckRequest,
        container: &Dn,
        next: Option<&Dn>,
        findings: &mut Findings,
    ) {
        let mut random = [0u8; 5];
        if getrandom::fill(&mut random).is_err() {
            return findings.warn(Subject::Rights, "there is no randomness for a probe's name".into(), None);
        }
        let digits: String = random.iter().map(|b| format!("{b:02x}")).collect();
        let name = format!("hirewire-{digits}");
        let rdn = if self.dialect.is_ad() { "CN" } else { self.dialect.rdn.as_str() };
        let mut dn = Dn::child(container, rdn, &name).to_string();
        if let Err(failure) = self.pool.add(&dn, self.probe_attributes(&name), vec![]).await {
            let error = self.error(failure, Doing::Add, &dn);
            return findings.error(
                Subject::Rights,
                format!("a probe in `{container}`: {error}"),
                Some(self.grant(Right::Create, container).await),
            );
        }
        let mut fine = true;
        let change = vec![Mod::Replace(b"title".to_vec(), HashSet::from([b"Probe".to_vec()]))];
        if let Err(failure) = self.pool.modify(&dn, change, vec![]).await {
            fine = false;
            let error = self.error(failure, Doing::Modify, &dn);
            findings.error(
                Subject::Rights,
                format!("changing a probe in `{container}`: {error}"),
                Some(self.grant(Right::Write, container).await),
            );
        }
        fine &= self.probe_password(&dn, container, findings).await;
        if let Some(next) = next.filter(|_| request.moves || self.disabled_container.is_some()) {
            match self.pool.modify_dn(&dn, &format!("{rdn}={name}"), Some(&next.to_string())).await {
                Ok(()) => dn = Dn::child(next, rdn, &name).to_string(),
                Err(failure) => {
                    fine = false;
                    let error = self.error(failure, Doing::Rename, &dn);
                    let command = format!(
                        "{}\n{}",
                        self.grant(Right::Delete, container).await,
                        self.grant(Right::Create, next).await
                    );
                    findings.error(
                        Subject::Rights,
                        format!("moving a probe from `{container}` to `{next}`: {error}"),
                        Some(command),
                    );
                }
            }
        }
        if let Err(failure) = self.pool.delete(&dn).await {
            let error = self.error(failure, Doing::Delete, &dn);
            let command = Some(self.grant(Right::Delete, container).await);
            let message =
                format!("the probe `{dn}` could not be deleted and is still there, disabled: {error}");
            if request.deletes || request.moves {
                findings.error(Subject::Rights, message, command);
            } else {
                findings.warn(Subject::Rights, message, None);
            }
        } else if fine {
            findings
                .good(Subject::Rights, format!("a probe in `{container}` was created, changed and deleted"));
        }
    }

    /// Resets the probe's password, where first passwords are set apart from the creation or by Active Directory.
    async fn probe_password(&self, dn: &str, container: &Dn, findings: &mut Findings) -> bool {
        if !self.dialect.is_ad() && self.passwords.settings.is_none() {
            return true;
        }
        let Ok(password) = self.make_password(&[], 8).await else { return true };
        let answer = self.reset_password(dn, &password).await;
        let Err(failure) = answer else { return true };
        let error = self.error(failure, Doing::Password, dn);
        let command = Some(self.grant(Right::ResetPassword, container).await);
        findings.error(
            Subject::Rights,
            format!("setting a probe's password in `{container}`: {error}"),
            command,
        );
        false
    }

    fn probe_attributes(&self, name: &str) -> Vec<(Vec<u8>, HashSet<Vec<u8>>)> {
        let mut attributes: Vec<(&str, Vec<String>)> = vec![(
            "objectClass",
            ["top", "person", "organizationalPerson"]
                .map(str::to_owned)
                .into_iter()
                .chain(self.dialect.classes.iter().cloned())
                .collect(),
        )];
        let one = || vec![name.to_owned()];
        if self.dialect.is_ad() {
            attributes.extend([("sAMAccountName", one()), ("userAccountControl", vec!["546".to_owned()])]);
        } else {
            attributes.extend([("cn", one()), ("sn", one()), ("uid", one())]);
        }
        let bytes = |text: String| text.into_bytes();
        attributes
            .into_iter()
            .map(|(n, values)| (n.as_bytes().to_vec(), values.into_iter().map(bytes).collect()))
            .collect()
    }
}
