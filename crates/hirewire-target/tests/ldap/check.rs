//! `hirewire target check`.
use hirewire_target::ldap::check::{CheckRequest, Finding, Level, Subject};

use crate::place::{Kind, Place, create};

fn request(place: &Place) -> CheckRequest {
    let attributes = [
        place.key_name(),
        "cn",
        "displayName",
        "title",
        "manager",
        "accountDisabled",
        "parentDistinguishedName",
    ];
    CheckRequest {
        attributes: attributes.map(str::to_owned).to_vec(),
        containers: vec![place.other.clone()],
        moves: true,
        deletes: true,
        probe: true,
    }
}

fn errors(findings: &[Finding]) -> Vec<&Finding> {
    findings.iter().filter(|f| f.level == Level::Error).collect()
}

pub(crate) async fn healthy(place: Place) {
    let target = place.target();
    create(&target, place.person(1)).await;
    let findings = target.check(&request(&place)).await;
    assert!(errors(&findings).is_empty(), "{findings:#?}");
    for subject in [
        Subject::Connection,
        Subject::Certificate,
        Subject::Container,
        Subject::Rights,
        Subject::Schema,
        Subject::PasswordPolicy,
    ] {
        assert!(
            findings.iter().any(|f| f.subject == subject && f.level == Level::Good),
            "{subject:?}: {findings:#?}"
        );
    }
    let left = place.admin.names(&place.unit, "(cn=hirewire-*)").await;
    assert!(left.is_empty(), "the probe cleaned up: {left:?}");
    let wrong = place.target_with(|c| c["container"] = format!("OU=nowhere,{}", place.unit).into());
    let findings = wrong.check(&request(&place)).await;
    assert!(
        errors(&findings).iter().any(|f| f.subject == Subject::Container && f.command.is_some()),
        "{findings:#?}"
    );
    let refused = place.target_with(|c| c["bind"]["password"] = "wrong-password-1".into());
    let findings = refused.check(&request(&place)).await;
    assert_eq!(
        findings.iter().map(|f| (f.level, f.subject)).collect::<Vec<_>>(),
        [(Level::Error, Subject::Connection)]
    );
}

pub(crate) async fn reader_misses_rights(place: Place) {
    create(&place.target(), place.person(1)).await;
    let name = place.part.get(place.pick("AD_PLAIN_DN", "LDAP_READER_DN")).to_owned();
    let target = place.target_with(|c| c["bind"]["name"] = name.into());
    let findings = target.check(&request(&place)).await;
    let rights: Vec<&Finding> =
        errors(&findings).into_iter().filter(|f| f.subject == Subject::Rights).collect();
    assert!(!rights.is_empty(), "{findings:#?}");
    for finding in rights {
        let command = finding.command.as_deref().unwrap_or_else(|| panic!("{finding:?}"));
        let expected = place.pick("dsacls \"OU=", "access to dn.subtree=\"ou=");
        assert!(command.starts_with(expected), "{command}");
    }
}

/// The commands of the findings, carried out, mend what was found.
pub(crate) async fn ad_findings_name_commands(place: Place) {
    create(&place.target(), place.person(1)).await;
    let name = place.part.get("AD_PLAIN_DN").to_owned();
    let target = place.target_with(|c| c["bind"]["name"] = name.into());
    let findings = target.check(&request(&place)).await;
    let index = findings.iter().find(|f| f.subject == Subject::Index).unwrap();
    assert_eq!(index.level, Level::Warning, "employeeID is not indexed unless somebody did it");
    assert!(index.command.as_deref().unwrap().contains("CN=Employee-ID,CN=Schema"), "{index:?}");
    assert_eq!(place.kind, Kind::Ad);
    for _ in 0..4 {
        let findings = target.check(&request(&place)).await;
        let commands: Vec<String> = errors(&findings)
            .iter()
            .filter_map(|f| f.command.as_deref())
            .flat_map(str::lines)
            .filter(|line| line.starts_with("samba-tool"))
            .map(str::to_owned)
            .collect();
        if commands.is_empty() {
            assert!(errors(&findings).is_empty(), "{findings:#?}");
            return;
        }
        for command in commands {
            let folder = place.part.folder.display().to_string();
            let command = format!("{command} -H {folder}/private/sam.ldb -s {folder}/etc/smb.conf")
                .replace("    # on Samba", "");
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    panic!("the commands do not mend it");
}
