//! AES-GCM with nonces and tags of 96 bits, NIST SP 800-38D.

use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::U12;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::aes::{Aes128, Aes256};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};

use super::keys::{Key, Octets};

/// Octets of the authentication tag.
pub const TAG_OCTETS: usize = 12;

/// The tag that came is not the tag of these bytes under this key.
pub(super) struct TagMismatch;

type Gcm<Aes> = AesGcm<Aes, U12, U12>;

/// Enciphers in place and returns the tag.
pub(super) fn encrypt(key: &Key, nonce: [u8; 12], associated: &[u8], buffer: &mut [u8]) -> [u8; TAG_OCTETS] {
    let (nonce, buffer) = (Array(nonce), InOutBuf::from(buffer));
    let tag = match key.octets() {
        Octets::Aes128(key) => Gcm::<Aes128>::new((&**key).into()).encrypt_inout_detached(&nonce, associated, buffer),
        Octets::Aes256(key) => Gcm::<Aes256>::new((&**key).into()).encrypt_inout_detached(&nonce, associated, buffer),
    };
    tag.expect("an APDU is far below the 64 GiB that a nonce is good for").0
}

/// Checks the tag, in constant time, and only then deciphers in place.
pub(super) fn decrypt(
    key: &Key,
    nonce: [u8; 12],
    associated: &[u8],
    buffer: &mut [u8],
    tag: [u8; TAG_OCTETS],
) -> Result<(), TagMismatch> {
    let (nonce, buffer, tag) = (Array(nonce), InOutBuf::from(buffer), Array(tag));
    match key.octets() {
        Octets::Aes128(key) => {
            Gcm::<Aes128>::new((&**key).into()).decrypt_inout_detached(&nonce, associated, buffer, &tag)
        }
        Octets::Aes256(key) => {
            Gcm::<Aes256>::new((&**key).into()).decrypt_inout_detached(&nonce, associated, buffer, &tag)
        }
    }
    .map_err(|_| TagMismatch)
}

/// Enciphers or deciphers without a tag: the key stream is the same both ways.
pub(super) fn key_stream(key: &Key, nonce: [u8; 12], buffer: &mut [u8]) {
    let _tag_nobody_asked_for = encrypt(key, nonce, &[], buffer);
}
