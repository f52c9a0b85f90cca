//! Registered applications as the token endpoint sees them: permissions, certificates, federated credentials, secrets.
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hirewire_store::{CredentialKind, NewCredential};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use x509_parser::public_key::PublicKey;

use crate::app::App;
use crate::error::ApiError;
use crate::identity::Permissions;
use crate::settings::FederatedCredential;

/// An application that may ask for tokens.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `appId`, the client id.
    pub app_id: String,
    /// Object id of its service principal.
    pub object_id: String,
    /// Its name.
    pub display_name: String,
    /// What it was granted.
    pub permissions: Permissions,
    /// Certificates that are valid now.
    pub certificates: Vec<Certificate>,
    /// Other issuers' tokens that stand for it.
    pub federated: Vec<FederatedCredential>,
}

/// The public half of a registered certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `x5t`.
    pub thumbprint_sha1: String,
    /// `x5t#S256`.
    pub thumbprint_sha256: String,
    /// Public key as JWK JSON text.
    pub jwk: String,
}

/// What a secret is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretCheck {
    /// One of the application's valid ones.
    Right,
    /// The application has only expired ones.
    Expired,
    /// None of its.
    Wrong,
}

impl App {
    /// The application with this client id.
    pub fn registration(&self, client_id: &str, now: Timestamp) -> Result<Option<Registration>, ApiError> {
        let Some(app) = self.store.app(client_id)?.filter(|app| app.app_id.eq_ignore_ascii_case(client_id))
        else {
            return Ok(None);
        };
        let credentials = self.store.credentials(&app.app_id)?;
        let valid = credentials
            .into_iter()
            .filter(|credential| credential.expires.is_none_or(|expires| expires > now));
        let certificates = valid
            .filter_map(|credential| {
                Some(Certificate {
                    thumbprint_sha1: credential.thumbprint_sha1?,
                    thumbprint_sha256: credential.thumbprint_sha256?,
                    jwk: credential.jwk?,
                })
            })
            .collect();
        let federated = self
            .settings
            .federated
            .iter()
            .filter(|credential| credential.app_id.eq_ignore_ascii_case(&app.app_id));
        Ok(Some(Registration {
            federated: federated.cloned().collect(),
            permissions: app.permissions.iter().map(String::as_str).collect(),
            app_id: app.app_id,
            object_id: app.object_id,
            display_name: app.name,
            certificates,
        }))
    }

    /// Compares a secret with the hashes of the application's valid ones; takes some 20 ms each.
    pub fn check_secret(
        &self,
        app_id: &str,
        secret: &SecretString,
        now: Timestamp,
    ) -> Result<SecretCheck, ApiError> {
        if self.store.verify_secret(app_id, secret.expose_secret(), now)?.is_some() {
            return Ok(SecretCheck::Right);
        }
        let credentials = self.store.credentials(app_id)?;
        let mut secrets =
            credentials.iter().filter(|credential| credential.kind == CredentialKind::Secret).peekable();
        let all_expired = secrets.peek().is_some()
            && secrets.all(|secret| secret.expires.is_some_and(|expires| expires <= now));
        Ok(if all_expired { SecretCheck::Expired } else { SecretCheck::Wrong })
    }
}

/// A certificate cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No X.509 certificate.
    #[error("the file holds no X.509 certificate in PEM or DER form")]
    Unreadable,
    /// Not an RSA key.
    #[error("the certificate's key is not RSA; client assertions are signed with RS256 or PS256")]
    NotRsa,
}

/// The credential of a certificate in PEM or DER form, with the moment it expires.
pub fn certificate_credential(bytes: &[u8]) -> Result<(NewCredential, Option<Timestamp>), CertificateError> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    let der = CertificateDer::from_pem_slice(bytes).map_or_else(|_| bytes.to_vec(), |der| der.to_vec());
    let (_, certificate) =
        x509_parser::parse_x509_certificate(&der).map_err(|_| CertificateError::Unreadable)?;
    let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed() else {
        return Err(CertificateError::NotRsa);
    };
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let credential = NewCredential::Certificate {
        thumbprint_sha1: encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref()),
        thumbprint_sha256: encode(digest(&SHA256, &der).as_ref()),
        jwk: json!({ "kty": "RSA", "n": encode(without_zeros(key.modulus)), "e": encode(without_zeros(key.exponent)) }).to_string(),
    };
    let expires = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok();
    Ok((credential, expires))
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
