//! Symmetric keys: wiped when dropped, never printed.

use std::fmt::{self, Debug, Formatter};

use ctutils::CtEq;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KeySet, Suite};

/// Why octets are not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No AES key has this length.
    #[error("a key of {found} octets; keys have 16, in suite 2 they have 32")]
    Length {
        /// Octets found.
        found: usize,
    },
    /// A key that another suite would have.
    #[error("the {role} has {found} octets, suite {suite} takes {}", suite.key_octets())]
    Suite {
        /// Which key.
        role: KeyRole,
        /// The suite it was meant for.
        suite: Suite,
        /// Octets found.
        found: usize,
    },
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyRole {
    /// Global unicast encryption key, GUEK; or what stands in its place for one message: a wrapped or agreed key.
    Unicast,
    /// Dedicated key, of one association.
    Dedicated,
    /// Global broadcast encryption key, GBEK.
    Broadcast,
    /// Authentication key, GAK.
    Authentication,
    /// Master key, the key encryption key, KEK.
    Master,
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyRole::Unicast => "encryption key",
            KeyRole::Dedicated => "dedicated key",
            KeyRole::Broadcast => "broadcast encryption key",
            KeyRole::Authentication => "authentication key",
            KeyRole::Master => "master key",
        })
    }
}

/// An AES key of 128 or 256 bits. Prints as stars; compares in constant time.
#[derive(Clone)]
pub struct Key(Octets);

#[derive(Clone)]
pub(super) enum Octets {
    Aes128(Zeroizing<[u8; 16]>),
    Aes256(Zeroizing<[u8; 32]>),
}

impl Key {
    /// Takes a copy of the octets; the caller's own are the caller's to wipe.
    pub fn new(octets: &[u8]) -> Result<Self, KeyError> {
        match octets.len() {
            16 => {
                let mut key = Zeroizing::new([0; 16]);
                key.copy_from_slice(octets);
                Ok(Self(Octets::Aes128(key)))
            }
            32 => {
                let mut key = Zeroizing::new([0; 32]);
                key.copy_from_slice(octets);
                Ok(Self(Octets::Aes256(key)))
            }
            found => Err(KeyError::Length { found }),
        }
    }
    /// The octets, for the one place that uses them. Not for logs.
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Octets::Aes128(key) => &key[..],
            Octets::Aes256(key) => &key[..],
        }
    }
    /// What the key is called where counters are kept.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest: [u8; 32] = Sha256::digest(self.expose()).into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Fingerprint([a, b, c, d, e, f, g, h])
    }
    pub(super) fn octets(&self) -> &Octets {
        &self.0
    }
    /// The key, if it has the length that the suite takes.
    pub(super) fn fit(self, suite: Suite, role: KeyRole) -> Result<Self, KeyError> {
        let found = self.expose().len();
        if found == suite.key_octets() { Ok(self) } else { Err(KeyError::Suite { role, suite, found }) }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).to_bool()
    }
}
impl Eq for Key {}
impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Tells keys apart without showing them: the start of a hash. A key that is replaced has another one, and so counts anew.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 8]);

impl Debug for Fingerprint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&hes_wire::Hex(&self.0), f)
    }
}

/// The keys of one security context: a suite, and keys that fit it.
#[derive(Debug, Clone)]
pub struct Keys {
    suite: Suite,
    unicast: Key,
    broadcast: Option<Key>,
    authentication: Option<Key>,
}

impl Keys {
    /// A context with an encryption key only, as some push profiles are. Nothing in it can be authenticated.
    pub fn new(suite: Suite, unicast: Key) -> Result<Self, KeyError> {
        Ok(Self { suite, unicast: unicast.fit(suite, KeyRole::Unicast)?, broadcast: None, authentication: None })
    }
    /// With an authentication key.
    pub fn with_authentication(self, key: Key) -> Result<Self, KeyError> {
        Ok(Self { authentication: Some(key.fit(self.suite, KeyRole::Authentication)?), ..self })
    }
    /// With the broadcast key of a group of meters.
    pub fn with_broadcast(self, key: Key) -> Result<Self, KeyError> {
        Ok(Self { broadcast: Some(key.fit(self.suite, KeyRole::Broadcast)?), ..self })
    }
    /// The same authentication under another encryption key: a dedicated, wrapped or agreed one.
    pub fn under(&self, key: Key) -> Result<Self, KeyError> {
        Ok(Self { unicast: key.fit(self.suite, KeyRole::Unicast)?, broadcast: None, ..self.clone() })
    }
    /// The suite.
    pub const fn suite(&self) -> Suite {
        self.suite
    }
    /// The authentication key, if there is one.
    pub const fn authentication(&self) -> Option<&Key> {
        self.authentication.as_ref()
    }
    /// The encryption key of a set, if there is one.
    pub const fn encryption(&self, set: KeySet) -> Option<&Key> {
        match set {
            KeySet::Unicast => Some(&self.unicast),
            KeySet::Broadcast => self.broadcast.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_key_is_printed() {
        let key = Key::new(&[0xA5; 32]).unwrap();
        let keys = Keys::new(Suite::Suite2, key.clone()).unwrap().with_authentication(key.clone()).unwrap();
        let printed = format!("{key:?} {keys:?} {keys:#?}").to_lowercase();
        assert!(!printed.contains("165") && !printed.contains("a5"), "{printed}");
    }

    #[test]
    fn a_key_of_a_wrong_length_is_refused_by_its_reason() {
        for found in [0, 8, 15, 17, 24, 33] {
            assert_eq!(Key::new(&vec![1; found]).unwrap_err(), KeyError::Length { found });
        }
        let (short, long) = (Key::new(&[1; 16]).unwrap(), Key::new(&[1; 32]).unwrap());
        let (role, suite) = (KeyRole::Unicast, Suite::Suite2);
        assert_eq!(Keys::new(suite, short.clone()).unwrap_err(), KeyError::Suite { role, suite, found: 16 });
        let (role, suite) = (KeyRole::Authentication, Suite::Suite1);
        let wrong = Keys::new(suite, short).unwrap().with_authentication(long).unwrap_err();
        assert_eq!(wrong.to_string(), "the authentication key has 32 octets, suite 1 takes 16");
        assert_eq!(wrong, KeyError::Suite { role, suite, found: 32 });
    }
}
