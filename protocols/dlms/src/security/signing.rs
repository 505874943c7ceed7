//! General-signing: an APDU that anybody with a public key can prove to be from its sender, Green Book clause 9.2.7.2.5.
//!
//! A signature has no counter, so it tells who, not when: what keeps a signed APDU from being replayed is the ciphering
//! inside it, or its transaction identifier and date.

use super::Envelope;
use super::ecc::{EccError, PrivateKey, PublicKey};
use super::general::GeneralFields;

/// What is signed: the fields with their lengths, and the content without one. Two public implementations have it so; no
/// example with its key is published.
fn signed_octets(fields: &GeneralFields<'_>, content: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    fields.write(&mut octets);
    octets.extend_from_slice(content);
    octets
}

/// The general-signing APDU around `content`, plain or ciphered.
pub fn sign_apdu(fields: GeneralFields<'_>, content: &[u8], key: &PrivateKey) -> Vec<u8> {
    let signature = key.sign(&signed_octets(&fields, content));
    Envelope::Signing { fields, content, signature: &signature }.to_vec()
}

/// The content of a general-signing APDU, if its signature is of `signer`.
pub fn verify_signed<'a>(
    fields: &GeneralFields<'_>,
    content: &'a [u8],
    signature: &[u8],
    signer: &PublicKey,
) -> Result<&'a [u8], EccError> {
    signer.verify(&signed_octets(fields, content), signature)?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::super::Curve;
    use super::*;

    #[test]
    fn a_signed_apdu_is_verified_as_it_was_signed_and_not_otherwise() {
        for curve in [Curve::P256, Curve::P384] {
            let key = PrivateKey::new(curve, &vec![1; curve.octets()]).unwrap();
            let fields =
                GeneralFields { transaction_id: &[1; 8], originator: b"HES\0\0\0\0\x01", ..Default::default() };
            let mut apdu = sign_apdu(fields, &[0xC0, 1, 0xC1, 0], &key);
            let verify = |apdu: &[u8]| match Envelope::parse(apdu) {
                Ok(Envelope::Signing { fields, content, signature }) => {
                    verify_signed(&fields, content, signature, &key.public()).map(<[u8]>::to_vec).ok()
                }
                _ => None,
            };
            assert_eq!(verify(&apdu), Some(vec![0xC0, 1, 0xC1, 0]));
            // A few of the octets: verifying is slow in a debug build.
            for at in (0..apdu.len()).step_by(5) {
                apdu[at] ^= 1;
                assert_eq!(verify(&apdu), None, "octet {at}");
                apdu[at] ^= 1;
            }
        }
    }
}
