//! Sealing of secrets: AES-256-GCM under a random data key per secret, which is wrapped by the master key.
//!
//! A sealed secret is bound to its place (scope and name): moved to another row it does not open.
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::rand;
use secrecy::SecretSlice;
use zeroize::Zeroizing;

/// First byte of a sealed secret: the form described here.
const FORM: u8 = 1;
const KEY: usize = 32;
const NONCE: usize = 12;
const TAG: usize = 16;
const ID: usize = 8;
/// Form, key id, nonce and wrapped data key, nonce and text.
const WRAPPED_AT: usize = 1 + ID;
const TEXT_AT: usize = WRAPPED_AT + NONCE + KEY + TAG;

/// A secret could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key file could not be read or made.
    #[error("cannot {doing} the key file `{}`: {reason}", path.display())]
    KeyFile {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// Others than the owner may read the key file.
    #[error("the key file `{}` may be read by others (mode {mode:03o})", path.display())]
    KeyFileOpen {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A master key is 32 bytes, written as 64 hexadecimal digits.
    #[error("a master key has 64 hexadecimal digits, this one has another form")]
    KeyForm,
    /// The secret was sealed with another master key.
    #[error("the secret was sealed with another master key")]
    OtherKey,
    /// The sealed bytes were changed or cut, or belong to another name.
    #[error("the sealed secret is damaged or was moved to another name")]
    Damaged,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
}

impl SealError {
    /// What to do next, one sentence.
    pub fn help(&self) -> Option<String> {
        let text = match self {
            Self::KeyFileOpen { path, .. } => format!("chmod 600 {}", path.display()),
            Self::KeyForm => "make one with `openssl rand -hex 32`".into(),
            Self::OtherKey => "give the key that belongs to this database, or set the secret again".into(),
            Self::Damaged => "set the secret again".into(),
            Self::KeyFile { .. } | Self::NoRandom => return None,
        };
        Some(text)
    }
}

/// The key that wraps all data keys. Never printed; wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(Zeroizing<[u8; KEY]>);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// A fresh one.
    pub fn random() -> Result<Self, SealError> {
        let mut key = Self(Zeroizing::new([0; KEY]));
        fill(key.0.as_mut_slice())?;
        Ok(key)
    }

    /// From 64 hexadecimal digits; blanks and line ends around them do not matter.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let digits = text.trim().as_bytes();
        if digits.len() != KEY * 2 {
            return Err(SealError::KeyForm);
        }
        let digit = |byte: u8| (byte as char).to_digit(16).ok_or(SealError::KeyForm);
        let mut key = Self(Zeroizing::new([0; KEY]));
        for (byte, pair) in key.0.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(key)
    }

    /// From a file that only its owner may read; makes one with a fresh key when it is absent.
    pub fn load_or_create(path: &Path) -> Result<Self, SealError> {
        match std::fs::File::open(path) {
            Ok(file) => Self::load(path, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::create(path),
            Err(error) => Err(failed("open", path, &error)),
        }
    }

    fn load(path: &Path, file: std::fs::File) -> Result<Self, SealError> {
        refuse_readable_by_others(path, &file)?;
        let mut text = Zeroizing::new(String::new());
        file.take(1_024).read_to_string(&mut text).map_err(|error| failed("read", path, &error))?;
        Self::parse(&text)
    }

    fn create(path: &Path) -> Result<Self, SealError> {
        let key = Self::random()?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let text: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = Zeroizing::new(text);
        let mut file = options.open(path).map_err(|error| failed("make", path, &error))?;
        writeln!(file, "{}", text.as_str())
            .and_then(|()| file.sync_all())
            .map_err(|error| failed("write", path, &error))?;
        Ok(key)
    }

    /// Names the key without telling it.
    fn id(&self) -> [u8; ID] {
        let digest = aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            &[b"hirewire key ".as_slice(), self.0.as_slice()].concat(),
        );
        let mut id = [0; ID];
        id.copy_from_slice(&digest.as_ref()[..ID]);
        id
    }

    /// Seals `text` for the place `place`.
    pub fn seal(&self, place: &str, text: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut data_key = Zeroizing::new([0; KEY]);
        fill(data_key.as_mut_slice())?;
        let mut sealed = vec![FORM];
        sealed.extend_from_slice(&self.id());
        encrypt(self.0.as_slice(), place, data_key.as_slice(), &mut sealed)?;
        encrypt(data_key.as_slice(), place, text, &mut sealed)?;
        Ok(sealed)
    }

    /// Opens what [`MasterKey::seal`] sealed for the same place.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<SecretSlice<u8>, SealError> {
        if sealed.len() < TEXT_AT + NONCE + TAG || sealed[0] != FORM {
            return Err(SealError::Damaged);
        }
        if sealed[1..WRAPPED_AT] != self.id() {
            return Err(SealError::OtherKey);
        }
        let data_key = decrypt(self.0.as_slice(), place, &sealed[WRAPPED_AT..TEXT_AT])?;
        let text = decrypt(&data_key, place, &sealed[TEXT_AT..])?;
        Ok(SecretSlice::from(text.to_vec()))
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), SealError> {
    rand::fill(bytes).map_err(|_| SealError::NoRandom)
}

fn failed(doing: &'static str, path: &Path, error: &std::io::Error) -> SealError {
    SealError::KeyFile { doing, path: path.into(), reason: error.to_string() }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path, file: &std::fs::File) -> Result<(), SealError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(|error| failed("inspect", path, &error))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(SealError::KeyFileOpen { path: path.into(), mode }) }
}

/// Elsewhere the folder's access list decides.
#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path, _: &std::fs::File) -> Result<(), SealError> {
    Ok(())
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, SealError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| SealError::Damaged)
}

/// Appends nonce, encrypted text and tag to `out`.
fn encrypt(key: &[u8], place: &str, text: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
    let mut nonce = [0; NONCE];
    fill(&mut nonce)?;
    out.extend_from_slice(&nonce);
    let mut buffer = Zeroizing::new(text.to_vec());
    let tag = cipher(key)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place),
            buffer.as_mut_slice(),
        )
        .map_err(|_| SealError::Damaged)?;
    out.extend_from_slice(&buffer);
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

fn decrypt(key: &[u8], place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, text) = sealed.split_at_checked(NONCE).ok_or(SealError::Damaged)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Damaged)?;
    let mut buffer = Zeroizing::new(text.to_vec());
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(place), buffer.as_mut_slice())
        .map_err(|_| SealError::Damaged)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn opens_only_what_belongs_there() {
        let key = MasterKey::random().unwrap();
        for text in ["", "x", &"long ".repeat(1_000)] {
            let sealed = key.seal("a/b", text.as_bytes()).unwrap();
            assert_eq!(key.open("a/b", &sealed).unwrap().expose_secret(), text.as_bytes());
            assert_eq!(key.open("a/c", &sealed).unwrap_err(), SealError::Damaged);
            assert_eq!(MasterKey::random().unwrap().open("a/b", &sealed).unwrap_err(), SealError::OtherKey);
            for cut in 0..sealed.len() {
                assert!(key.open("a/b", &sealed[..cut]).is_err(), "cut at {cut}");
            }
            for at in 0..sealed.len() {
                let mut changed = sealed.clone();
                changed[at] ^= 1;
                assert!(key.open("a/b", &changed).is_err(), "changed at {at}");
            }
        }
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }

    #[test]
    fn key_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hirewire.key");
        let made = MasterKey::load_or_create(&path).unwrap();
        assert!(made == MasterKey::load_or_create(&path).unwrap());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            let error = MasterKey::load_or_create(&path).unwrap_err();
            assert_eq!(error, SealError::KeyFileOpen { path: path.clone(), mode: 0o644 });
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"ä".repeat(32)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(MasterKey::load_or_create(&path).unwrap_err(), SealError::KeyForm, "{text}");
        }
    }
}
