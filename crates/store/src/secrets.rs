//! Secrets at rest: AES-256-GCM under a master key that never enters the database.
//!
//! Sealed form: version (1 byte), nonce (12), cipher text and tag. The associated data binds a secret to its database,
//! its meter and its kind, so a row copied elsewhere does not open. A sealed constant tells a wrong master key at once.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use hes_model::Secret;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const KEY_CHECK: &[u8] = b"this database opens with this key";

/// Why a master key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 64 hexadecimal digits.
    #[error("a master key is 64 hexadecimal digits (32 bytes), found {found} characters")]
    Format {
        /// How many characters there were. The characters themselves may be most of a key.
        found: usize,
    },
}

/// The key under which secrets are sealed. Never printed, wiped when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// A fresh random key.
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(&mut bytes[..]);
        Self(bytes)
    }
    /// The key written as 64 hexadecimal digits, white space around it ignored.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        let wrong = MasterKeyError::Format { found: text.chars().count() };
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong.clone())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong.clone())?;
        }
        Ok(Self(bytes))
    }
    /// The key as hexadecimal digits, to be written to its file once.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.iter().map(|b| format!("{b:02x}")).collect())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// A sealed secret did not open: another key, another place, or altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotOpened;

/// Seals and opens the secrets of one database.
pub(crate) struct Vault {
    cipher: Aes256Gcm,
    database: String,
}

impl Vault {
    pub(crate) fn new(key: &MasterKey, database: String) -> Self {
        let key: &Key<Aes256Gcm> = (&*key.0).into();
        Self { cipher: Aes256Gcm::new(key), database }
    }
    /// The constant that only the right key opens.
    pub(crate) fn key_check(&self) -> Vec<u8> {
        self.seal("key check", KEY_CHECK)
    }
    pub(crate) fn is_right_key(&self, key_check: &[u8]) -> bool {
        self.open("key check", key_check).is_ok_and(|s| s.expose() == KEY_CHECK)
    }
    pub(crate) fn seal_for_meter(&self, meter: i64, kind: &str, secret: &Secret) -> Vec<u8> {
        self.seal(&format!("meter {meter} {kind}"), secret.expose())
    }
    pub(crate) fn open_for_meter(&self, meter: i64, kind: &str, sealed: &[u8]) -> Result<Secret, NotOpened> {
        self.open(&format!("meter {meter} {kind}"), sealed)
    }

    fn aad(&self, place: &str) -> String {
        format!("hes {} {place}", self.database)
    }
    fn seal(&self, place: &str, plain: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE];
        rand::fill(&mut nonce[..]);
        let aad = self.aad(place);
        let payload = Payload { msg: plain, aad: aad.as_bytes() };
        let cipher_text =
            self.cipher.encrypt(&Nonce::from(nonce), payload).expect("AES-GCM refuses only messages of many gigabytes");
        [&[VERSION][..], &nonce, &cipher_text].concat()
    }
    fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret, NotOpened> {
        let Some((&VERSION, rest)) = sealed.split_first() else { return Err(NotOpened) };
        let Some((nonce, cipher_text)) = rest.split_first_chunk::<NONCE>() else { return Err(NotOpened) };
        let aad = self.aad(place);
        let payload = Payload { msg: cipher_text, aad: aad.as_bytes() };
        self.cipher.decrypt(&Nonce::from(*nonce), payload).map(Secret::new).map_err(|_| NotOpened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(key: &MasterKey) -> Vault {
        Vault::new(key, "db".to_owned())
    }

    #[test]
    fn a_secret_opens_only_for_its_meter_kind_database_and_key() {
        let key = MasterKey::generate();
        let secret = Secret::new(b"020637".to_vec());
        let sealed = vault(&key).seal_for_meter(7, "password", &secret);
        assert_eq!(vault(&key).open_for_meter(7, "password", &sealed), Ok(secret));
        assert_eq!(vault(&key).open_for_meter(8, "password", &sealed), Err(NotOpened));
        assert_eq!(vault(&key).open_for_meter(7, "key", &sealed), Err(NotOpened));
        assert_eq!(vault(&MasterKey::generate()).open_for_meter(7, "password", &sealed), Err(NotOpened));
        assert_eq!(Vault::new(&key, "other".to_owned()).open_for_meter(7, "password", &sealed), Err(NotOpened));
    }

    #[test]
    fn any_altered_byte_is_noticed_and_the_plain_text_is_not_in_the_sealed_form() {
        let key = MasterKey::generate();
        let sealed = vault(&key).seal_for_meter(7, "password", &Secret::new(b"020637".to_vec()));
        assert!(!sealed.windows(6).any(|w| w == b"020637"));
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert_eq!(vault(&key).open_for_meter(7, "password", &altered), Err(NotOpened), "byte {place}");
        }
        assert_eq!(vault(&key).open_for_meter(7, "password", &[]), Err(NotOpened));
    }

    #[test]
    fn a_key_is_read_from_hex_and_never_printed() {
        let key = MasterKey::generate();
        let hex = key.expose_hex();
        assert_eq!(*MasterKey::from_hex(&format!(" {}\n", *hex)).unwrap().0, *key.0);
        assert_eq!(format!("{key:?}"), "MasterKey(***)");
        let error = MasterKey::from_hex(&hex[1..]).unwrap_err().to_string();
        assert!(!error.contains(&hex[1..8]), "{error}");
    }
}
