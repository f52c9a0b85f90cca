//! The TLS client: which authorities are trusted, and our own certificate.
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;

use super::config::{ConfigError, Tls};

/// Reads the files and makes the client. Verification cannot be switched off.
pub(crate) fn client(tls: &Tls) -> Result<Arc<ClientConfig>, ConfigError> {
    let wrong = |setting, e: &dyn std::fmt::Display| ConfigError { setting, reason: e.to_string() };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong("tls", &e))?;
    let builder = match &tls.ca_file {
        None => builder.with_platform_verifier().map_err(|e| wrong("tls", &e))?,
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("tls.ca_file", file)? {
                roots.add(certificate).map_err(|e| wrong("tls.ca_file", &e))?;
            }
            builder.with_root_certificates(roots)
        }
    };
    let config = match (&tls.certificate_file, &tls.key_file) {
        (Some(chain), Some(key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|e| wrong("tls.key_file", &format!("{}: {e}", key_file.display())))?;
            let chain = certificates("tls.certificate_file", chain)?;
            builder.with_client_auth_cert(chain, key).map_err(|e| wrong("tls.certificate_file", &e))?
        }
        (None, None) => builder.with_no_client_auth(),
        _ => return Err(wrong("tls.key_file", &"certificate_file and key_file belong together")),
    };
    Ok(Arc::new(config))
}

fn certificates(setting: &'static str, file: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let wrong = |reason: String| ConfigError { setting, reason };
    let all: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(file).map_err(|e| wrong(format!("{}: {e}", file.display())))?.collect();
    let all = all.map_err(|e| wrong(format!("{}: {e}", file.display())))?;
    if all.is_empty() {
        return Err(wrong(format!("{} holds no certificate", file.display())));
    }
    Ok(all)
}
