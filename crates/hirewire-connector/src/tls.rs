//! TLS towards the systems of a project: certificates are always verified, by the system's authorities or by the given ones.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use crate::failure::Failure;

/// A client configuration: the system's authorities, or only those of a PEM file.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<ClientConfig, Failure> {
    let wrong = |what: &str, e: &dyn std::fmt::Display| Failure::broken(format!("{what}: {e}"));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong("tls", &e))?;
    let builder = match ca_file {
        None => builder.with_platform_verifier().map_err(|e| wrong("tls", &e))?,
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(file)? {
                roots.add(certificate).map_err(|e| wrong("ca_file", &e))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    Ok(builder.with_no_client_auth())
}

/// The certificates of a PEM file; at least one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::broken(format!("ca_file {}: {e}", file.display()));
    let pem = std::fs::read(file).map_err(|e| wrong(&e))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|e| wrong(&e))?;
    if found.is_empty() {
        return Err(wrong(&"there is no certificate in it"));
    }
    Ok(found)
}

/// The bytes of a PEM file of certificate authorities.
pub(crate) fn pem(file: &Path) -> Result<Vec<u8>, Failure> {
    certificates(file)?;
    std::fs::read(file).map_err(|e| Failure::broken(format!("ca_file {}: {e}", file.display())))
}

/// An HTTP client that verifies certificates, follows no redirect (a token must not travel) and waits `seconds` at most.
pub(crate) fn http(ca_file: Option<&Path>, seconds: u64) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(client(ca_file)?)
        .connect_timeout(std::time::Duration::from_secs(10))
        .timeout(std::time::Duration::from_secs(seconds))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| Failure::broken(format!("no HTTP client can be made: {e}")))
}
