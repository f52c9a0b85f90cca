//! A file of passwords that only the holder of a private key can read, not even the server that wrote it.
//!
//! # Format
//! One JSON object a line (`{"v":1,"anchor":…,"key":…,"nonce":…,"sealed":…}`, binary values in base64):
//!
//! * `key`: an X25519 public key made for this line alone;
//! * the shared secret of it and the recipient's key, through HKDF-SHA256 with salt `key ‖ recipient's public key` and
//!   info `hirewire sealed password v1`, is the AES-256-GCM key;
//! * `nonce`: 96 random bits; `anchor` is authenticated with the content (additional data);
//! * `sealed`: the encrypted JSON `{"account":…,"name":…,"password":…}` followed by the 16-byte tag.
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::agreement::{self, PrivateKey, UnparsedPublicKey, X25519};
use aws_lc_rs::hkdf;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{DeliveryError, Letter};
use crate::password::Password;

const INFO: &[u8] = b"hirewire sealed password v1";

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u8,
    anchor: String,
    key: String,
    nonce: String,
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Content {
    account: String,
    name: String,
    password: String,
}

/// A line that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The account's anchor.
    pub anchor: String,
    /// The name the person signs in with.
    pub account: String,
    /// The person's name.
    pub name: String,
    /// The password.
    pub password: Password,
}

/// The recipient's keys, both base64.
#[derive(Clone)]
pub struct KeyPair {
    /// For the server's configuration.
    pub public: String,
    /// For whoever hands passwords out; kept away from the server.
    pub private: Password,
}

impl KeyPair {
    /// Makes a new pair.
    ///
    /// # Errors
    /// When the cryptographic library fails, which it does only without randomness.
    pub fn generate() -> Result<Self, DeliveryError> {
        let mut seed = Zeroizing::new([0u8; 32]);
        getrandom::fill(seed.as_mut())
            .map_err(|e| DeliveryError(format!("the system's random numbers: {e}")))?;
        let private = PrivateKey::from_private_key(&X25519, seed.as_ref()).map_err(crypto)?;
        let public = private.compute_public_key().map_err(crypto)?;
        Ok(Self {
            public: BASE64.encode(public.as_ref()),
            private: Password::new(BASE64.encode(seed.as_ref())),
        })
    }
}

/// The file, open for appending.
#[derive(Debug)]
pub struct SealedFile {
    path: PathBuf,
    file: Mutex<File>,
    recipient: Vec<u8>,
}

impl SealedFile {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// When the key is no X25519 key or the file cannot be opened.
    pub fn new(path: &Path, public_key: &str) -> Result<Self, DeliveryError> {
        let recipient = BASE64
            .decode(public_key.trim())
            .ok()
            .filter(|key| key.len() == 32)
            .ok_or_else(|| DeliveryError("public_key must be 32 bytes in base64".into()))?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path).map_err(|e| DeliveryError(format!("{}: {e}", path.display())))?;
        Ok(Self { path: path.into(), file: Mutex::new(file), recipient })
    }

    /// Appends one sealed line and waits until the disk has it.
    ///
    /// # Errors
    /// When sealing or writing fails.
    pub fn append(&self, letter: &Letter) -> Result<(), DeliveryError> {
        let mut line = seal(&self.recipient, letter)?;
        line.push('\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(|e| DeliveryError(format!("{}: {e}", self.path.display())))
    }
}

fn seal(recipient: &[u8], letter: &Letter) -> Result<String, DeliveryError> {
    let ephemeral = PrivateKey::generate(&X25519).map_err(crypto)?;
    let public = ephemeral.compute_public_key().map_err(crypto)?;
    let key = derive(&ephemeral, recipient, public.as_ref(), recipient)?;
    let content = Content {
        account: letter.sign_in_name.clone(),
        name: letter.display_name.clone(),
        password: letter.password.expose().to_owned(),
    };
    let mut sealed =
        serde_json::to_vec(&content).map_err(|_| DeliveryError("the content is no JSON".into()))?;
    let nonce =
        key.seal_in_place_append_tag(Aad::from(letter.anchor.as_bytes()), &mut sealed).map_err(crypto)?;
    let line = Line {
        v: 1,
        anchor: letter.anchor.clone(),
        key: BASE64.encode(public.as_ref()),
        nonce: BASE64.encode(nonce.as_ref()),
        sealed: BASE64.encode(&sealed),
    };
    serde_json::to_string(&line).map_err(|_| DeliveryError("the line is no JSON".into()))
}

/// Opens one line with the recipient's private key (base64).
///
/// # Errors
/// When the line is damaged or was sealed for another key.
pub fn open(line: &str, private_key: &Password) -> Result<Opened, DeliveryError> {
    let broken = |what: &str| DeliveryError(format!("the line cannot be opened: {what}"));
    let line: Line = serde_json::from_str(line).map_err(|_| broken("not in the format of version 1"))?;
    if line.v != 1 {
        return Err(broken("not in the format of version 1"));
    }
    let bytes = |text: &str| BASE64.decode(text).map_err(|_| broken("damaged base64"));
    let seed = Zeroizing::new(
        BASE64.decode(private_key.expose().trim()).map_err(|_| broken("the key is no base64"))?,
    );
    let private =
        PrivateKey::from_private_key(&X25519, &seed).map_err(|_| broken("the key is no X25519 key"))?;
    let own = private.compute_public_key().map_err(crypto)?;
    let ephemeral = bytes(&line.key)?;
    let key = derive(&private, &ephemeral, &ephemeral, own.as_ref())?;
    let nonce =
        Nonce::try_assume_unique_for_key(&bytes(&line.nonce)?).map_err(|_| broken("damaged nonce"))?;
    let mut sealed = Zeroizing::new(bytes(&line.sealed)?);
    let plain = key
        .open_in_place(nonce, Aad::from(line.anchor.as_bytes()), &mut sealed)
        .map_err(|_| broken("it was changed, or sealed for another key"))?;
    let content: Content = serde_json::from_slice(plain).map_err(|_| broken("damaged content"))?;
    Ok(Opened {
        anchor: line.anchor,
        account: content.account,
        name: content.name,
        password: Password::new(content.password),
    })
}

fn derive(
    mine: &PrivateKey,
    theirs: &[u8],
    ephemeral: &[u8],
    recipient: &[u8],
) -> Result<RandomizedNonceKey, DeliveryError> {
    let salt = [ephemeral, recipient].concat();
    let wrong = || DeliveryError("the key agreement failed".into());
    agreement::agree(mine, UnparsedPublicKey::new(&X25519, theirs), wrong(), |shared| {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(shared);
        let mut key = Zeroizing::new([0u8; 32]);
        prk.expand(&[INFO], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(key.as_mut())).map_err(|_| wrong())?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| wrong())
    })
}

fn crypto<E>(_: E) -> DeliveryError {
    DeliveryError("the cryptographic library refused".into())
}

#[cfg(test)]
mod tests {
    use super::{KeyPair, SealedFile, open};
    use crate::delivery::Letter;
    use crate::password::Password;

    #[test]
    fn only_the_recipient_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passwords.sealed");
        let keys = KeyPair::generate().unwrap();
        let file = SealedFile::new(&path, &keys.public).unwrap();
        for i in 0..3 {
            let letter = Letter {
                anchor: format!("anchor-{i}"),
                sign_in_name: "freya.ng@corp.example".into(),
                display_name: "Freya Ng".into(),
                manager_mail: None,
                password: Password::new(format!("secret-{i}")),
            };
            file.append(&letter).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("secret-") && !text.contains("freya"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        let opened = open(lines[2], &keys.private).unwrap();
        assert_eq!((opened.anchor.as_str(), opened.password.expose()), ("anchor-2", "secret-2"));
        assert_eq!(opened.account, "freya.ng@corp.example");
        let other = KeyPair::generate().unwrap();
        assert!(open(lines[0], &other.private).is_err());
        assert!(open(&lines[0].replace("anchor-0", "anchor-1"), &keys.private).is_err());
        assert!(open("{}", &keys.private).is_err());
        assert!(SealedFile::new(&path, "c2hvcnQ=").is_err());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
