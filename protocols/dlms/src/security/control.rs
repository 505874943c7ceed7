//! The security control byte: what was done to an APDU, Green Book clause 9.2.7.2.4.

use super::Suite;

const AUTHENTICATED: u8 = 0x10;
const ENCRYPTED: u8 = 0x20;
const BROADCAST: u8 = 0x40;
const COMPRESSED: u8 = 0x80;
const SUITE: u8 = 0x0F;

/// What keeps an APDU from being read or changed by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Nothing.
    None,
    /// Can be read, not changed.
    Authenticated,
    /// Can be changed by whoever knows or guesses what it says. Some push profiles have no more.
    Encrypted,
    /// Neither read nor changed.
    AuthenticatedEncrypted,
}

impl Protection {
    /// From the two bits.
    pub const fn new(authenticated: bool, encrypted: bool) -> Self {
        match (authenticated, encrypted) {
            (false, false) => Protection::None,
            (true, false) => Protection::Authenticated,
            (false, true) => Protection::Encrypted,
            (true, true) => Protection::AuthenticatedEncrypted,
        }
    }
    /// Whether a tag follows the data.
    pub const fn is_authenticated(self) -> bool {
        matches!(self, Protection::Authenticated | Protection::AuthenticatedEncrypted)
    }
    /// Whether the data is enciphered.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Protection::Encrypted | Protection::AuthenticatedEncrypted)
    }
    /// Whether this is everything that `asked` asks for.
    pub const fn covers(self, asked: Protection) -> bool {
        (self.is_authenticated() || !asked.is_authenticated()) && (self.is_encrypted() || !asked.is_encrypted())
    }
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Protection::None => "no protection",
            Protection::Authenticated => "authentication",
            Protection::Encrypted => "encryption",
            Protection::AuthenticatedEncrypted => "authentication and encryption",
        }
    }
}

/// Which global key was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySet {
    /// The unicast key of the meter, or the dedicated or agreed key.
    Unicast,
    /// The broadcast key of a group.
    Broadcast,
}

/// A security control byte, as it came: every value can be held, what is wrong with it is found when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityControl(pub u8);

impl SecurityControl {
    /// A control byte for what is not compressed.
    pub const fn new(suite: Suite, protection: Protection, keys: KeySet) -> Self {
        let mut octet = suite.id();
        if protection.is_authenticated() {
            octet |= AUTHENTICATED;
        }
        if protection.is_encrypted() {
            octet |= ENCRYPTED;
        }
        if matches!(keys, KeySet::Broadcast) {
            octet |= BROADCAST;
        }
        Self(octet)
    }
    /// The number of the suite, known or not.
    pub const fn suite_id(self) -> u8 {
        self.0 & SUITE
    }
    /// The suite.
    pub const fn suite(self) -> Option<Suite> {
        Suite::from_id(self.suite_id())
    }
    /// Authentication, encryption, both, none.
    pub const fn protection(self) -> Protection {
        Protection::new(self.0 & AUTHENTICATED != 0, self.0 & ENCRYPTED != 0)
    }
    /// Which key.
    pub const fn keys(self) -> KeySet {
        if self.0 & BROADCAST == 0 { KeySet::Unicast } else { KeySet::Broadcast }
    }
    /// Whether the APDU was compressed (ITU-T V.44) before it was enciphered.
    pub const fn is_compressed(self) -> bool {
        self.0 & COMPRESSED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_the_control_byte_has_its_meaning() {
        let usual = SecurityControl::new(Suite::Suite0, Protection::AuthenticatedEncrypted, KeySet::Unicast);
        assert_eq!(usual, SecurityControl(0x30));
        let all = SecurityControl(0xF2);
        assert_eq!((all.suite(), all.protection()), (Some(Suite::Suite2), Protection::AuthenticatedEncrypted));
        assert_eq!((all.keys(), all.is_compressed()), (KeySet::Broadcast, true));
        assert_eq!(SecurityControl(0x13).suite(), None);
        assert_eq!(SecurityControl(0x11).protection(), Protection::Authenticated);
        assert_eq!(SecurityControl(0x20).protection(), Protection::Encrypted);
        assert_eq!(SecurityControl(0x00).protection(), Protection::None);
    }

    #[test]
    fn less_protection_does_not_cover_more() {
        use Protection::{Authenticated, AuthenticatedEncrypted, Encrypted, None};
        for asked in [None, Authenticated, Encrypted, AuthenticatedEncrypted] {
            assert!(AuthenticatedEncrypted.covers(asked) && asked.covers(None) && asked.covers(asked));
        }
        assert!(!Authenticated.covers(Encrypted) && !Encrypted.covers(Authenticated));
        assert!(!None.covers(Encrypted) && !Encrypted.covers(AuthenticatedEncrypted));
    }
}
