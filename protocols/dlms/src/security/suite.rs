//! Security suites: which algorithms go together, Green Book clause 9.2.3.7.

use std::fmt::{self, Display, Formatter};

/// A security suite. What has another number is not a suite of the Green Book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suite {
    /// AES-GCM-128, AES-128 key wrap.
    Suite0,
    /// As suite 0, with ECDSA and ECDH on P-256 and SHA-256.
    Suite1,
    /// AES-GCM-256, AES-256 key wrap, ECDSA and ECDH on P-384, SHA-384.
    Suite2,
}

impl Suite {
    /// The suite of a number, as bits 0 to 3 of a security control byte and attribute 3 of class 64 carry it.
    pub const fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Suite::Suite0),
            1 => Some(Suite::Suite1),
            2 => Some(Suite::Suite2),
            _ => None,
        }
    }
    /// Its number.
    pub const fn id(self) -> u8 {
        match self {
            Suite::Suite0 => 0,
            Suite::Suite1 => 1,
            Suite::Suite2 => 2,
        }
    }
    /// Octets of its symmetric keys, the authentication key and the key encryption key too.
    pub const fn key_octets(self) -> usize {
        match self {
            Suite::Suite0 | Suite::Suite1 => 16,
            Suite::Suite2 => 32,
        }
    }
    /// The curve of its signatures and key agreements; suite 0 has none.
    pub const fn curve(self) -> Option<Curve> {
        match self {
            Suite::Suite0 => None,
            Suite::Suite1 => Some(Curve::P256),
            Suite::Suite2 => Some(Curve::P384),
        }
    }
}

impl Display for Suite {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id())
    }
}

/// An elliptic curve, with the hash that is used along with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256 with SHA-256.
    P256,
    /// NIST P-384 with SHA-384.
    P384,
}

impl Curve {
    /// Octets of a coordinate and of a private key; public keys and signatures have twice as many.
    pub const fn octets(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }
}

impl Display for Curve {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
        })
    }
}
