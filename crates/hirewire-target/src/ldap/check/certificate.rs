//! The server's certificate: until when it is good. Chain and name were verified by the connection.
use std::time::{SystemTime, UNIX_EPOCH};

use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Findings, Subject};

const DAY: i64 = 86_400;
/// Days before the end that a warning begins.
const SOON: i64 = 30;

/// Reads the certificate (DER) of `place`; `None` means that nothing is encrypted.
pub(super) fn check(place: &str, certificate: Option<&[u8]>, findings: &mut Findings) {
    let Some(der) = certificate else {
        let message = format!(
            "{place} is talked to in clear text: everybody on the way reads passwords and personal data"
        );
        return findings.warn(Subject::Certificate, message, None);
    };
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return findings.warn(
            Subject::Certificate,
            format!("the certificate of {place} cannot be read"),
            None,
        );
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX));
    let left = certificate.validity().not_after.timestamp().saturating_sub(now) / DAY;
    let message =
        format!("the certificate of {place} is signed by a trusted authority and is good for {left} days");
    if left < SOON {
        findings.warn(Subject::Certificate, message, Some("renew the certificate on the server".into()));
    } else {
        findings.good(Subject::Certificate, message);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Findings, Level};
    use super::check;

    #[test]
    fn clear_text_and_garbage() {
        let mut findings = Findings::default();
        check("dc1:389", None, &mut findings);
        check("dc1:636", Some(b"no certificate"), &mut findings);
        assert!(findings.all.iter().all(|f| f.level == Level::Warning) && findings.all.len() == 2);
    }
}
