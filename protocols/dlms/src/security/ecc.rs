//! Elliptic curves: key pairs, ECDSA signatures, ECDH, Green Book clauses 9.2.3.4.4 to 9.2.3.4.6.
//!
//! Public keys are `x ‖ y`, signatures `r ‖ s`, each of the curve's length, without the octets that SEC 1 or DER add.
//! Signatures are made as RFC 6979 says, so no random numbers are asked for; whoever makes a key pair brings its own.

use std::fmt::{self, Debug, Formatter};

use p256::ecdsa::signature::{Signer, Verifier};
use p256::elliptic_curve::sec1::ToSec1Point;
use zeroize::Zeroizing;

use super::Curve;

/// Why octets are no key of a curve, or no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EccError {
    /// Another number of octets.
    #[error("{found} octets, {curve} takes {needed}")]
    Length {
        /// The curve.
        curve: Curve,
        /// Octets it takes.
        needed: usize,
        /// Octets found.
        found: usize,
    },
    /// A private key of zero, or above the order of the curve. Whoever draws keys at random draws again.
    #[error("not a private key of {0}")]
    PrivateKey(Curve),
    /// A point that is not on the curve.
    #[error("not a point on {0}")]
    NotOnCurve(Curve),
    /// Keys of two curves.
    #[error("one key is of {one}, the other of {other}")]
    Curves {
        /// Of this one.
        one: Curve,
        /// Of the other.
        other: Curve,
    },
    /// The signature is not of this key over these octets.
    #[error("the signature does not match")]
    Signature,
}

fn length(curve: Curve, needed: usize, octets: &[u8]) -> Result<(), EccError> {
    let found = octets.len();
    if found == needed { Ok(()) } else { Err(EccError::Length { curve, needed, found }) }
}

/// A private key. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct PrivateKey(Private);

#[derive(Clone)]
enum Private {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

/// What two key pairs have in common, the x coordinate of a point: `Z` of NIST SP 800-56A. Never used as a key itself.
pub struct SharedSecret(pub(super) Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// From its octets, big endian.
    pub fn new(curve: Curve, octets: &[u8]) -> Result<Self, EccError> {
        length(curve, curve.octets(), octets)?;
        let invalid = EccError::PrivateKey(curve);
        Ok(Self(match curve {
            Curve::P256 => Private::P256(p256::SecretKey::from_slice(octets).map_err(|_| invalid)?),
            Curve::P384 => Private::P384(p384::SecretKey::from_slice(octets).map_err(|_| invalid)?),
        }))
    }
    /// Its curve.
    pub const fn curve(&self) -> Curve {
        match self.0 {
            Private::P256(_) => Curve::P256,
            Private::P384(_) => Curve::P384,
        }
    }
    /// The public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        PublicKey(match &self.0 {
            Private::P256(key) => Public::P256(key.public_key()),
            Private::P384(key) => Public::P384(key.public_key()),
        })
    }
    /// Signs, with the hash of the curve.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.0 {
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(key).sign(message);
                signature.to_bytes().to_vec()
            }
            Private::P384(key) => {
                let signature: p384::ecdsa::Signature = p384::ecdsa::SigningKey::from(key).sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }
    /// Elliptic curve cofactor Diffie-Hellman; these curves have cofactor 1.
    pub fn agree(&self, peer: &PublicKey) -> Result<SharedSecret, EccError> {
        let shared = match (&self.0, &peer.0) {
            (Private::P256(own), Public::P256(peer)) => own.diffie_hellman(peer).raw_secret_bytes().to_vec(),
            (Private::P384(own), Public::P384(peer)) => own.diffie_hellman(peer).raw_secret_bytes().to_vec(),
            _ => return Err(EccError::Curves { one: self.curve(), other: peer.curve() }),
        };
        Ok(SharedSecret(Zeroizing::new(shared)))
    }
}

impl Debug for PrivateKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
impl Debug for SharedSecret {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A public key, a point on its curve.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(Public);

#[derive(Clone, PartialEq, Eq)]
enum Public {
    P256(p256::PublicKey),
    P384(p384::PublicKey),
}

impl PublicKey {
    /// From `x ‖ y`; a point that is not on the curve is refused.
    pub fn new(curve: Curve, octets: &[u8]) -> Result<Self, EccError> {
        length(curve, 2 * curve.octets(), octets)?;
        let mut sec1 = Vec::with_capacity(1 + octets.len());
        sec1.push(0x04);
        sec1.extend_from_slice(octets);
        let invalid = EccError::NotOnCurve(curve);
        Ok(Self(match curve {
            Curve::P256 => Public::P256(p256::PublicKey::from_sec1_bytes(&sec1).map_err(|_| invalid)?),
            Curve::P384 => Public::P384(p384::PublicKey::from_sec1_bytes(&sec1).map_err(|_| invalid)?),
        }))
    }
    /// Its curve.
    pub const fn curve(&self) -> Curve {
        match self.0 {
            Public::P256(_) => Curve::P256,
            Public::P384(_) => Curve::P384,
        }
    }
    /// `x ‖ y`.
    pub fn to_octets(&self) -> Vec<u8> {
        // Uncompressed: 04, x and y. A public key is never the point at infinity, which has neither.
        let without_prefix = |sec1: &[u8]| sec1.split_first().map(|(_, point)| point.to_vec()).unwrap_or_default();
        match &self.0 {
            Public::P256(key) => without_prefix(key.to_sec1_point(false).as_bytes()),
            Public::P384(key) => without_prefix(key.to_sec1_point(false).as_bytes()),
        }
    }
    /// Verifies a signature over a message, with the hash of the curve.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), EccError> {
        let curve = self.curve();
        length(curve, 2 * curve.octets(), signature)?;
        match &self.0 {
            Public::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| p256::ecdsa::VerifyingKey::from(key).verify(message, &signature)),
            Public::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .and_then(|signature| p384::ecdsa::VerifyingKey::from(key).verify(message, &signature)),
        }
        .map_err(|_| EccError::Signature)
    }
}

impl Debug for PublicKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Debug::fmt(&hes_wire::Hex(&self.to_octets()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CURVES: [Curve; 2] = [Curve::P256, Curve::P384];

    #[test]
    fn what_is_no_key_is_refused_by_its_reason() {
        for curve in CURVES {
            let (needed, zero) = (curve.octets(), vec![0; 2 * curve.octets()]);
            let private = |octets: &[u8]| PrivateKey::new(curve, octets).map(|_| ());
            assert_eq!(private(&zero[..needed]), Err(EccError::PrivateKey(curve)));
            assert_eq!(private(&vec![0xFF; needed]), Err(EccError::PrivateKey(curve)), "above the order");
            for found in [0, needed - 1, needed + 1] {
                assert_eq!(private(&vec![1; found]), Err(EccError::Length { curve, needed, found }));
            }
            let public = |octets: &[u8]| PublicKey::new(curve, octets).map(|_| ());
            assert_eq!(public(&zero), Err(EccError::NotOnCurve(curve)));
            let mut point = PrivateKey::new(curve, &vec![1; needed]).unwrap().public().to_octets();
            assert_eq!((point.len(), public(&point)), (2 * needed, Ok(())));
            point[0] ^= 1;
            assert_eq!(public(&point), Err(EccError::NotOnCurve(curve)));
            let found = needed;
            assert_eq!(public(&point[..needed]), Err(EccError::Length { curve, needed: 2 * needed, found }));
        }
    }

    #[test]
    fn nothing_of_a_private_key_or_a_secret_is_printed() {
        for curve in CURVES {
            let key = PrivateKey::new(curve, &vec![0xA5; curve.octets()]).unwrap();
            let printed = format!("{key:?} {:?}", key.agree(&key.public()).unwrap());
            assert_eq!(printed, "*** ***");
        }
    }

    #[test]
    fn keys_of_two_curves_agree_on_nothing() {
        let [p256, p384] = CURVES.map(|curve| PrivateKey::new(curve, &vec![1; curve.octets()]).unwrap());
        let curves = EccError::Curves { one: Curve::P256, other: Curve::P384 };
        assert_eq!(p256.agree(&p384.public()).unwrap_err(), curves);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_signature_is_of_one_key_over_one_message(
            curve in prop_oneof![Just(Curve::P256), Just(Curve::P384)],
            seed in prop::array::uniform32(1_u8..),
            message in prop::collection::vec(any::<u8>(), 1..40),
            at in any::<prop::sample::Index>(),
        ) {
            let octets: Vec<u8> = seed.into_iter().cycle().map(|octet| octet & 0x7F).take(curve.octets()).collect();
            let key = PrivateKey::new(curve, &octets).unwrap();
            let signature = key.sign(&message);
            prop_assert_eq!(signature.len(), 2 * curve.octets());
            prop_assert_eq!(key.public().verify(&message, &signature), Ok(()));
            let mut damaged = [&message[..], &signature].concat();
            let bit = at.index(damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (message, signature) = damaged.split_at(message.len());
            prop_assert_eq!(key.public().verify(message, signature), Err(EccError::Signature));
        }
    }
}
