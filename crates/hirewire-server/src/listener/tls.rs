//! Certificates of the listener: the administrator's own, or one made for loopback whose authority is exported.
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate could not be made, read or used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no PEM certificate or key.
    #[error("{path} holds no {what} in PEM form")]
    NoPem {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// The certificate and the key do not belong together, or the library refuses them.
    #[error("the certificate cannot be used: {0}")]
    Refused(#[from] rustls::Error),
    /// A certificate could not be generated.
    #[error("a certificate could not be generated: {0}")]
    Generation(#[from] rcgen::Error),
}

/// Reads a certificate chain and its key from PEM files.
pub fn from_files(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoPem { path: certificate.to_owned(), what: "certificate" })?;
    let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| TlsError::NoPem { path: key.to_owned(), what: "private key" })?;
    server_config(chain, key_der)
}

/// A generated certificate with the authority that signed it.
#[derive(Debug)]
pub struct Loopback {
    /// For the listener.
    pub config: Arc<ServerConfig>,
    /// The authority's certificate in PEM form, for clients to trust.
    pub ca_pem: String,
    /// Where that lies on disk.
    pub ca_file: PathBuf,
}

/// Makes a certificate for loopback names. The authority lives in `folder` (`ca.pem`, and `ca.key` readable by the owner only)
/// and is kept, so that clients trust it once; the server's certificate is made anew at each start.
pub fn loopback(folder: &Path, names: &[String]) -> Result<Loopback, TlsError> {
    fs::create_dir_all(folder).map_err(|source| TlsError::File { path: folder.to_owned(), source })?;
    let ca_file = folder.join("ca.pem");
    let key_file = folder.join("ca.key");
    if !ca_file.exists() || !key_file.exists() {
        let (ca, key) = new_authority()?;
        write_private(&key_file, key.as_bytes())?;
        fs::write(&ca_file, ca).map_err(|source| TlsError::File { path: ca_file.clone(), source })?;
    }
    let ca_pem = text(&ca_file)?;
    let issuer = Issuer::from_ca_cert_pem(&ca_pem, KeyPair::from_pem(&text(&key_file)?)?)?;
    let key = KeyPair::generate()?;
    let certificate = server_params(names)?.signed_by(&key, &issuer)?;
    let chain = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|_| TlsError::NoPem { path: key_file, what: "private key" })?;
    Ok(Loopback { config: server_config(chain, key)?, ca_pem, ca_file })
}

fn new_authority() -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "Hirewire local authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    set_validity(&mut params, 3_650);
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

fn server_params(names: &[String]) -> Result<CertificateParams, rcgen::Error> {
    let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    all.extend(names.iter().filter(|name| !all.contains(name)).cloned().collect::<Vec<_>>());
    let mut params = CertificateParams::new(all)?;
    params.distinguished_name.push(DnType::CommonName, "Hirewire");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Apple and Chromium refuse server certificates that live longer.
    set_validity(&mut params, 390);
    Ok(params)
}

/// Makes a certificate valid from yesterday for so many days.
fn set_validity(params: &mut CertificateParams, days: i64) {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let at = |offset: i64| {
        let date = today.saturating_add(jiff::Span::new().days(offset));
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = at(-1);
    params.not_after = at(days);
}

fn server_config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn text(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.map_err(|source| TlsError::File { path: path.to_owned(), source })
}
