//! Passwords: how they are held, made and where configured ones come from.
//!
//! A password is never in a log, an error or a `Debug` text: [`Password`] prints as `[REDACTED]` and is wiped from
//! memory when it is dropped.
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::ldap::dn::fold;

/// A password in memory.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// Takes a text over.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Where a configured secret comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SecretSource {
    /// The text itself; better resolved from a secret store by whoever reads the file.
    Value(SecretText),
    /// The content of a file without its trailing line end, read at each use, so that it can be changed while running.
    File {
        /// The file.
        file: PathBuf,
    },
}

impl SecretSource {
    /// Takes a relative path as relative to `base`.
    pub fn relative_to(&mut self, base: &std::path::Path) {
        if let Self::File { file } = self {
            *file = base.join(&*file);
        }
    }
}

/// A secret text in a configuration file; never printed.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub struct SecretText(Password);

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(Password::new(text))
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl SecretSource {
    /// A secret given as text.
    pub fn value(text: impl Into<String>) -> Self {
        Self::Value(SecretText::from(text.into()))
    }

    /// The secret.
    ///
    /// # Errors
    /// Says which file cannot be read; never what is in it.
    pub fn resolve(&self) -> Result<Password, String> {
        match self {
            Self::Value(text) => Ok(text.0.clone()),
            Self::File { file } => {
                let text = std::fs::read_to_string(file)
                    .map_err(|e| format!("the secret file {} cannot be read: {e}", file.display()))?;
                let text = Zeroizing::new(text);
                Ok(Password::new(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
        }
    }
}

/// What a directory demands of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Characters at least (AD `minPwdLength`, ppolicy `pwdMinLength`).
    pub min_length: usize,
    /// Three of: upper case, lower case, digits, others; no part of the person's names
    /// (AD `pwdProperties` bit 1, DOMAIN_PASSWORD_COMPLEX).
    pub complex: bool,
}

/// The operating system gave no random numbers, or every candidate held one of the names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no password could be made: {0}")]
pub struct GenerateError(String);

/// Four classes without characters that are mistaken for one another on paper (0/O, 1/l/I).
const CLASSES: [&[u8]; 4] =
    [b"abcdefghijkmnopqrstuvwxyz", b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"23456789", b"!#%+-=?@_~"];
/// Longest password Active Directory's interactive logon takes.
const MAX_LENGTH: usize = 127;

/// Makes a random password of `length` characters, or more when the policy demands it: every class occurs, and no name
/// or part of a name of three and more letters is in it. The generator is the operating system's.
///
/// # Errors
/// [`GenerateError`] when there is no randomness.
pub fn generate(policy: PasswordPolicy, length: usize, names: &[&str]) -> Result<Password, GenerateError> {
    let length = length.max(policy.min_length).clamp(12, MAX_LENGTH);
    let forbidden: Vec<String> = names
        .iter()
        .flat_map(|n| n.split(|c: char| !c.is_alphanumeric()).map(fold))
        .filter(|part| part.chars().count() >= 3)
        .collect();
    for _ in 0..1000 {
        let candidate = candidate(length)?;
        let folded = Zeroizing::new(candidate.to_lowercase());
        if !forbidden.iter().any(|part| folded.contains(part.as_str())) {
            return Ok(Password::new(candidate.to_string()));
        }
    }
    Err(GenerateError("every candidate held a part of the person's names".into()))
}

fn candidate(length: usize) -> Result<Zeroizing<String>, GenerateError> {
    let all = Zeroizing::new(CLASSES.concat());
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for class in CLASSES {
        text.push(class[below(class.len())?]);
    }
    while text.len() < length {
        text.push(all[below(all.len())?]);
    }
    for i in (1..text.len()).rev() {
        let j = below(i + 1)?;
        text.swap(i, j);
    }
    Ok(Zeroizing::new(text.iter().map(|&b| char::from(b)).collect()))
}

/// A number below `end` (at most 256), all equally likely.
fn below(end: usize) -> Result<usize, GenerateError> {
    let limit = 256 - 256 % end;
    loop {
        let mut byte = [0u8; 1];
        getrandom::fill(&mut byte).map_err(|e| GenerateError(format!("the system's random numbers: {e}")))?;
        if usize::from(byte[0]) < limit {
            return Ok(usize::from(byte[0]) % end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CLASSES, Password, PasswordPolicy, SecretSource, generate};

    #[test]
    fn generated_passwords_obey_the_policy() {
        let policy = PasswordPolicy { min_length: 24, complex: true };
        let mut seen = std::collections::HashSet::new();
        for _ in 0..300 {
            let password = generate(policy, 16, &["Ann Lee", "a.l"]).unwrap();
            let text = password.expose();
            assert_eq!(text.len(), 24);
            assert!(CLASSES.iter().all(|class| text.bytes().any(|b| class.contains(&b))), "{text}");
            assert!(!text.to_lowercase().contains("ann") && !text.to_lowercase().contains("lee"));
            assert!(seen.insert(text.to_owned()));
        }
        assert_eq!(
            generate(PasswordPolicy { min_length: 0, complex: false }, 1, &[]).unwrap().expose().len(),
            12
        );
        assert_eq!(generate(policy, 9999, &[]).unwrap().expose().len(), 127);
    }

    #[test]
    fn secrets_are_not_printed() {
        let source: SecretSource = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(source.resolve().unwrap().expose(), "hunter2");
        let printed = format!("{source:?} {:?}", Password::new("hunter2".into()));
        assert!(!printed.contains("hunter2"), "{printed}");
        let missing: SecretSource = serde_json::from_str(r#"{"file": "/nonexistent/secret"}"#).unwrap();
        assert!(missing.resolve().unwrap_err().contains("/nonexistent/secret"));
    }
}
