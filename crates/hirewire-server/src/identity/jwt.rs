//! Signed tokens: the instance's own signing key, and checking the signatures of others.
use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value, json};

/// Bytes of a token at most.
const LONGEST_TOKEN: usize = 16 * 1024;

/// A key could not be made or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The operating system gave no randomness, or the library refused.
    #[error("a signing key could not be generated")]
    Generation,
    /// The stored bytes are no PKCS#8 RSA key.
    #[error(
        "the stored signing key is not a PKCS#8 RSA key; remove it to have a new one made, which ends all tokens given out so far"
    )]
    Unreadable,
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No JWT, or its signature or algorithm is not right.
    #[error("the token is malformed or its signature is wrong")]
    Malformed,
    /// Not yet or no longer valid.
    #[error("the token has expired or is not yet valid")]
    Time,
    /// Made for somebody else.
    #[error("the token's audience is another")]
    Audience,
    /// Not from an issuer we know.
    #[error("the token's issuer is unknown")]
    Issuer,
}

/// The instance's RS256 key. `Debug` shows its id only.
pub struct SigningKey {
    pair: KeyPair,
    kid: String,
    verify: DecodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new 2048-bit key.
    pub fn generate() -> Result<Self, KeyError> {
        KeyPair::generate(KeySize::Rsa2048).map(Self::new).map_err(|_| KeyError::Generation)
    }

    /// Reads a key written by [`Self::to_pkcs8`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        KeyPair::from_pkcs8(der).map(Self::new).map_err(|_| KeyError::Unreadable)
    }

    fn new(pair: KeyPair) -> Self {
        let public = pair.public_key();
        let modulus = public.modulus().big_endian_without_leading_zero();
        let exponent = public.exponent().big_endian_without_leading_zero();
        let kid = URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, modulus).as_ref()[..20]);
        let verify = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Self { pair, kid, verify }
    }

    /// PKCS#8 bytes: a secret, to be kept encrypted.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::Generation)?;
        Ok(der.as_ref().to_vec())
    }

    /// Id of the key in token headers and the JWKS.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs claims.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let header = json!({ "typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| KeyError::Generation)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// Checks the signature of a token of ours; the claims are still to be judged.
    pub fn verify(&self, token: &str) -> Result<Map<String, Value>, TokenFault> {
        verify(token, &self.verify, &[Algorithm::RS256])
    }

    /// The JSON Web Key Set.
    pub fn jwks(&self, issuer: &str) -> Value {
        let public = self.pair.public_key();
        json!({ "keys": [{
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid, "x5t": self.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            "issuer": issuer,
        }] })
    }
}

/// Checks a signature with one of the allowed algorithms (never the token's own choice alone) and gives the claims.
pub fn verify(
    token: &str,
    key: &DecodingKey,
    allowed: &[Algorithm],
) -> Result<Map<String, Value>, TokenFault> {
    if token.len() > LONGEST_TOKEN {
        return Err(TokenFault::Malformed);
    }
    let algorithm = jsonwebtoken::decode_header(token).map_err(|_| TokenFault::Malformed)?.alg;
    if !allowed.contains(&algorithm) {
        return Err(TokenFault::Malformed);
    }
    // Time, audience and issuer are judged by the caller: with the instance's clock and Graph's texts.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims::<&str>(&[]);
    jsonwebtoken::decode(token, key, &validation).map(|data| data.claims).map_err(|_| TokenFault::Malformed)
}

/// Reads the claims without checking the signature, to learn which issuer to ask.
pub fn unchecked_claims(token: &str) -> Result<Map<String, Value>, TokenFault> {
    if token.len() > LONGEST_TOKEN {
        return Err(TokenFault::Malformed);
    }
    jsonwebtoken::dangerous::insecure_decode::<Map<String, Value>>(token)
        .map(|data| data.claims)
        .map_err(|_| TokenFault::Malformed)
}

/// Judges `exp` and `nbf` with `now` in Unix seconds. `nbf` may be up to five minutes ahead: clocks differ.
pub fn check_time(claims: &Map<String, Value>, now: i64) -> Result<(), TokenFault> {
    let exp = claims.get("exp").and_then(Value::as_f64).ok_or(TokenFault::Time)?;
    let nbf = claims.get("nbf").and_then(Value::as_f64).unwrap_or(0.0);
    if now as f64 >= exp || nbf > (now + 300) as f64 {
        return Err(TokenFault::Time);
    }
    Ok(())
}

/// Whether `aud` (text or list) names one of `allowed`; a slash at the end does not count.
pub fn has_audience(claims: &Map<String, Value>, allowed: impl Fn(&str) -> bool) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => allowed(one.trim_end_matches('/')),
        Some(Value::Array(many)) => {
            many.iter().filter_map(Value::as_str).any(|one| allowed(one.trim_end_matches('/')))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_storage_and_checks_only_its_own_tokens() {
        let key = SigningKey::generate().expect("key");
        let token =
            key.sign(&json!({ "aud": "https://graph.microsoft.com/", "exp": 10, "nbf": 5 })).expect("token");
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().expect("der")).expect("key");
        assert_eq!(again.kid(), key.kid());
        let claims = again.verify(&token).expect("claims");
        assert!(has_audience(&claims, |aud| aud == "https://graph.microsoft.com"));
        assert_eq!(check_time(&claims, 9), Ok(()));
        assert_eq!(check_time(&claims, 10), Err(TokenFault::Time));
        let other = SigningKey::generate().expect("key");
        assert_eq!(other.verify(&token), Err(TokenFault::Malformed));
    }

    #[test]
    fn forged_tokens_are_refused() {
        let key = SigningKey::generate().expect("key");
        let token = key.sign(&json!({ "exp": 10 })).expect("token");
        let (head, rest) = token.split_once('.').expect("parts");
        let (_, signature) = rest.split_once('.').expect("parts");
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let hmac = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        let claims = URL_SAFE_NO_PAD.encode(r#"{"exp":99}"#);
        for forged in [
            String::new(),
            "a.b.c".into(),
            "x".repeat(100_000),
            format!("{head}.{claims}.{signature}"),
            format!("{none}.{claims}."),
            format!("{hmac}.{claims}.{signature}"),
        ] {
            assert_eq!(key.verify(&forged), Err(TokenFault::Malformed), "{forged:.40}");
        }
    }
}
