//! Key agreement: keys that both sides derive, Green Book clause 9.2.3.4.6 and NIST SP 800-56A.
//!
//! All schemes end in the concatenation key derivation: a hash over 1, the shared secret, what the key is for, and who
//! they are. A round of the hash is longer than any key, so one round is enough.

use sha2::{Digest, Sha256, Sha384};
use zeroize::Zeroizing;

use super::ecc::{EccError, PrivateKey, PublicKey, SharedSecret};
use super::keys::{Key, KeyError};
use super::wrap::KeyId;
use super::{Curve, Suite, SystemTitle};
use crate::axdr::write_octets;

/// What an agreed key is for: the last arc of `2.16.756.5.8.3.x`, Green Book table of cryptographic algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Enciphering.
    AesGcm,
    /// Wrapping other keys.
    AesWrap,
}

impl Algorithm {
    fn identifier(self, suite: Suite) -> [u8; 7] {
        let last = match (self, suite) {
            (Algorithm::AesGcm, Suite::Suite0 | Suite::Suite1) => 0,
            (Algorithm::AesGcm, Suite::Suite2) => 1,
            (Algorithm::AesWrap, Suite::Suite0 | Suite::Suite1) => 2,
            (Algorithm::AesWrap, Suite::Suite2) => 3,
        };
        [0x60, 0x85, 0x74, 0x05, 0x08, 0x03, last]
    }
}

/// The key agreement schemes that general-ciphering knows, as its key parameters name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// C(1e, 1s): a new key pair of the originator, the static one of the recipient.
    OnePassDiffieHellman,
    /// C(0e, 2s): the static key pairs of both; the transaction makes the key a new one.
    StaticUnifiedModel,
}

impl Scheme {
    /// From the key parameters of an agreed key.
    pub const fn from_parameters(parameters: &[u8]) -> Option<Self> {
        match parameters {
            [1] => Some(Scheme::OnePassDiffieHellman),
            [2] => Some(Scheme::StaticUnifiedModel),
            _ => None,
        }
    }
    /// The key parameters of an agreed key.
    pub const fn parameters(self) -> &'static [u8] {
        match self {
            Scheme::OnePassDiffieHellman => &[1],
            Scheme::StaticUnifiedModel => &[2],
        }
    }
}

/// Why no key can be agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// The suite has no curve.
    #[error("suite {0} has no key agreement")]
    Suite(Suite),
    /// A key is of a curve that the suite does not use.
    #[error("a key of {found}, suite {suite} uses another curve")]
    Curve {
        /// The suite.
        suite: Suite,
        /// Curve of the key.
        found: Curve,
    },
    /// The keys do not go together, or the signature of the other's is wrong.
    #[error(transparent)]
    Ecc(#[from] EccError),
    /// The derived octets are no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Who takes part, in the order in which both must name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parties {
    /// Party U: who starts. In a key agreement with the security setup object that is the client.
    pub originator: SystemTitle,
    /// Party V.
    pub recipient: SystemTitle,
}

/// The NIST concatenation key derivation, Green Book clause 9.2.3.4.6.5.
fn derive(
    suite: Suite,
    secret: &SharedSecret,
    algorithm: Algorithm,
    parties: [&[u8]; 2],
) -> Result<Key, AgreementError> {
    let [u, v] = parties;
    let parts = [&1_u32.to_be_bytes()[..], &secret.0, &algorithm.identifier(suite), u, v];
    let round = Zeroizing::new(match suite.curve().ok_or(AgreementError::Suite(suite))? {
        Curve::P256 => hash::<Sha256>(&parts),
        Curve::P384 => hash::<Sha384>(&parts),
    });
    let key = round.split_at_checked(suite.key_octets()).map_or(&[][..], |(key, _)| key);
    Ok(Key::new(key)?)
}

pub(super) fn hash<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().to_vec()
}

fn secret(suite: Suite, own: &PrivateKey, peer: &PublicKey) -> Result<SharedSecret, AgreementError> {
    let curve = suite.curve().ok_or(AgreementError::Suite(suite))?;
    for found in [own.curve(), peer.curve()] {
        if found != curve {
            return Err(AgreementError::Curve { suite, found });
        }
    }
    Ok(own.agree(peer)?)
}

/// Ephemeral unified model, C(2e, 0s): each side brings a new key pair, signed with its static signature key. How the
/// `key_agreement` method of the security setup object, class 64, renews a global key.
pub fn ephemeral_unified(
    suite: Suite,
    own: &PrivateKey,
    peer: &PublicKey,
    parties: Parties,
    algorithm: Algorithm,
) -> Result<Key, AgreementError> {
    let Parties { originator: SystemTitle(u), recipient: SystemTitle(v) } = parties;
    derive(suite, &secret(suite, own, peer)?, algorithm, [&u, &v])
}

/// One-pass Diffie-Hellman, C(1e, 1s): the originator's key pair is new, the recipient's is its static one. Both call
/// this, each with its own private key and the other's public one.
pub fn one_pass(suite: Suite, own: &PrivateKey, peer: &PublicKey, parties: Parties) -> Result<Key, AgreementError> {
    let Parties { originator: SystemTitle(u), recipient: SystemTitle(v) } = parties;
    derive(suite, &secret(suite, own, peer)?, Algorithm::AesGcm, [&u, &v])
}

/// Static unified model, C(0e, 2s): both key pairs are static, the transaction identifier makes the key a new one. It must
/// never come twice.
pub fn static_unified(
    suite: Suite,
    own: &PrivateKey,
    peer: &PublicKey,
    parties: Parties,
    transaction_id: &[u8],
) -> Result<Key, AgreementError> {
    let Parties { originator: SystemTitle(originator), recipient: SystemTitle(v) } = parties;
    let mut u = originator.to_vec();
    write_octets(transaction_id, &mut u);
    derive(suite, &secret(suite, own, peer)?, Algorithm::AesGcm, [&u, &v])
}

/// An ephemeral public key with its signature, as the data of an agreed key carries it, Green Book table C.2.
pub fn signed_ephemeral(ephemeral: &PublicKey, signer: &PrivateKey) -> Vec<u8> {
    let mut data = ephemeral.to_octets();
    data.extend(signer.sign(&data));
    data
}

/// The ephemeral public key out of the data of an agreed key; it is taken only if `signer` has signed it.
pub fn verified_ephemeral(data: &[u8], signer: &PublicKey) -> Result<PublicKey, EccError> {
    let curve = signer.curve();
    let (key, signature) = halves(curve, data)?;
    signer.verify(key, signature)?;
    PublicKey::new(curve, key)
}

/// As [`signed_ephemeral`], for the `key_agreement` method: the identifier of the key is signed too, Green Book table C.1.
pub fn signed_ephemeral_for(id: KeyId, ephemeral: &PublicKey, signer: &PrivateKey) -> Vec<u8> {
    let mut data = ephemeral.to_octets();
    data.extend(signer.sign(&named(id, &data)));
    data
}

/// As [`verified_ephemeral`], for the `key_agreement` method.
pub fn verified_ephemeral_for(id: KeyId, data: &[u8], signer: &PublicKey) -> Result<PublicKey, EccError> {
    let curve = signer.curve();
    let (key, signature) = halves(curve, data)?;
    signer.verify(&named(id, key), signature)?;
    PublicKey::new(curve, key)
}

fn named(id: KeyId, key: &[u8]) -> Vec<u8> {
    [&[id.number()], key].concat()
}

fn halves(curve: Curve, data: &[u8]) -> Result<(&[u8], &[u8]), EccError> {
    let needed = 4 * curve.octets();
    let found = data.len();
    let both = (found == needed).then(|| data.split_at(needed / 2));
    both.ok_or(EccError::Length { curve, needed, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTIES: Parties =
        Parties { originator: SystemTitle(*b"HES\0\0\0\0\x01"), recipient: SystemTitle(*b"MMM\0\0\0\0\x01") };

    fn pair(curve: Curve, octet: u8) -> PrivateKey {
        PrivateKey::new(curve, &vec![octet; curve.octets()]).unwrap()
    }

    #[test]
    fn both_sides_derive_one_key_and_each_scheme_another() {
        for (suite, curve) in [(Suite::Suite1, Curve::P256), (Suite::Suite2, Curve::P384)] {
            let (a, b) = (pair(curve, 1), pair(curve, 2));
            let both = |scheme: &dyn Fn(&PrivateKey, &PublicKey) -> Result<Key, AgreementError>| {
                let (ours, theirs) = (scheme(&a, &b.public()).unwrap(), scheme(&b, &a.public()).unwrap());
                assert_eq!(ours, theirs);
                assert_eq!(ours.expose().len(), suite.key_octets());
                ours
            };
            let swapped = Parties { originator: PARTIES.recipient, recipient: PARTIES.originator };
            let keys = [
                both(&|own, peer| one_pass(suite, own, peer, PARTIES)),
                both(&|own, peer| one_pass(suite, own, peer, swapped)),
                both(&|own, peer| ephemeral_unified(suite, own, peer, PARTIES, Algorithm::AesWrap)),
                both(&|own, peer| static_unified(suite, own, peer, PARTIES, &[1; 8])),
                both(&|own, peer| static_unified(suite, own, peer, PARTIES, &[2; 8])),
            ];
            for (n, key) in keys.iter().enumerate() {
                assert!(keys.iter().skip(n + 1).all(|other| other != key), "{n}");
            }
        }
    }

    #[test]
    fn a_suite_agrees_on_its_own_curve_only() {
        let (p256, p384) = (pair(Curve::P256, 1), pair(Curve::P384, 1));
        let agree = |suite, key: &PrivateKey| one_pass(suite, key, &key.public(), PARTIES).unwrap_err();
        assert_eq!(agree(Suite::Suite0, &p256), AgreementError::Suite(Suite::Suite0));
        let curve = |suite, found| AgreementError::Curve { suite, found };
        assert_eq!(agree(Suite::Suite1, &p384), curve(Suite::Suite1, Curve::P384));
        assert_eq!(agree(Suite::Suite2, &p256), curve(Suite::Suite2, Curve::P256));
    }

    #[test]
    fn an_ephemeral_key_is_taken_only_with_its_signature() {
        for curve in [Curve::P256, Curve::P384] {
            let (signer, ephemeral) = (pair(curve, 1), pair(curve, 2).public());
            let data = signed_ephemeral(&ephemeral, &signer);
            assert_eq!(data.len(), 4 * curve.octets());
            assert_eq!(verified_ephemeral(&data, &signer.public()), Ok(ephemeral.clone()));
            assert_eq!(verified_ephemeral(&data, &ephemeral), Err(EccError::Signature));
            for at in [0, data.len() / 2, data.len() - 1] {
                let mut damaged = data.clone();
                damaged[at] ^= 1;
                assert_eq!(verified_ephemeral(&damaged, &signer.public()), Err(EccError::Signature));
            }
            assert!(matches!(verified_ephemeral(&data[1..], &signer.public()), Err(EccError::Length { .. })));

            let named = signed_ephemeral_for(KeyId::Unicast, &ephemeral, &signer);
            assert_eq!(verified_ephemeral_for(KeyId::Unicast, &named, &signer.public()), Ok(ephemeral));
            let moved = verified_ephemeral_for(KeyId::Authentication, &named, &signer.public());
            assert_eq!(moved, Err(EccError::Signature), "signed for another key");
        }
    }
}
