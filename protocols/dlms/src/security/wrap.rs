//! AES key wrap, RFC 3394, and the data of the `key_transfer` and `key_agreement` methods of class 64.

use aes_kw::{KeyInit, KwAes128, KwAes256};
use nom::Parser;
use nom::bytes::complete::take;
use nom::multi::count;
use nom::number::complete::be_u8;
use zeroize::Zeroizing;

use super::keys::{Key, KeyError, Octets};
use crate::axdr::{octets, write_length, write_octets};
use crate::error::{DecodeError, Parsed, fail, whole};

/// What wrapping adds.
const WRAP_OCTETS: usize = 8;
const MAX_KEY_OCTETS: usize = 32;

/// Why a wrapped key cannot be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnwrapError {
    /// No wrapped key has this length.
    #[error("a wrapped key of {found} octets; they have 24 or 40")]
    Length {
        /// Octets found.
        found: usize,
    },
    /// The master key is another one, or a bit was changed.
    #[error("the wrapped key does not match the master key")]
    Integrity,
    /// What was inside is no key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Key {
    /// Wraps another key with this one.
    pub fn wrap(&self, key: &Key) -> Vec<u8> {
        let key = key.expose();
        let mut wrapped = vec![0; key.len() + WRAP_OCTETS];
        match self.octets() {
            Octets::Aes128(master) => KwAes128::new((&**master).into()).wrap_key(key, &mut wrapped),
            Octets::Aes256(master) => KwAes256::new((&**master).into()).wrap_key(key, &mut wrapped),
        }
        .expect("keys have a length that can be wrapped, and there is room for it");
        wrapped
    }
    /// Unwraps a key that was wrapped with this one.
    pub fn unwrap_key(&self, wrapped: &[u8]) -> Result<Key, UnwrapError> {
        let found = wrapped.len();
        let mut room = Zeroizing::new([0; MAX_KEY_OCTETS]);
        let key = match found {
            24 | 40 => room.get_mut(..found - WRAP_OCTETS),
            _ => None,
        };
        let key = key.ok_or(UnwrapError::Length { found })?;
        match self.octets() {
            Octets::Aes128(master) => KwAes128::new((&**master).into()).unwrap_key(wrapped, key),
            Octets::Aes256(master) => KwAes256::new((&**master).into()).unwrap_key(wrapped, key),
        }
        .map_err(|_| UnwrapError::Integrity)
        .and_then(|key| Ok(Key::new(key)?))
    }
}

/// A key by its identifier in the data of class 64, Blue Book clause 4.4.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyId {
    /// 0: global unicast encryption key.
    Unicast,
    /// 1: global broadcast encryption key.
    Broadcast,
    /// 2: authentication key.
    Authentication,
    /// 3: master key.
    Master,
}

impl KeyId {
    /// Its number.
    pub const fn number(self) -> u8 {
        match self {
            KeyId::Unicast => 0,
            KeyId::Broadcast => 1,
            KeyId::Authentication => 2,
            KeyId::Master => 3,
        }
    }
    /// By number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(KeyId::Unicast),
            1 => Some(KeyId::Broadcast),
            2 => Some(KeyId::Authentication),
            3 => Some(KeyId::Master),
            _ => None,
        }
    }
}

/// A key in the data of class 64: wrapped in `key_transfer`, a signed ephemeral public key in `key_agreement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyData<'a> {
    /// Which key it is or becomes.
    pub id: KeyId,
    /// Its octets.
    pub data: &'a [u8],
}

const ARRAY: u8 = 0x01;
const STRUCTURE: u8 = 0x02;
const ENUM: u8 = 0x16;
const OCTET_STRING: u8 = 0x09;

/// There are no more keys than these; whether one may come twice is for the object to say.
const MAX_KEYS: usize = 4;

/// Writes `array of structure { enum, octet-string }`, tags and all.
pub fn write_key_data(keys: &[KeyData<'_>], out: &mut Vec<u8>) {
    out.push(ARRAY);
    write_length(keys.len(), out);
    for KeyData { id, data } in keys {
        out.extend([STRUCTURE, 2, ENUM, id.number(), OCTET_STRING]);
        write_octets(data, out);
    }
}

/// Reads `array of structure { enum, octet-string }`, exactly.
pub fn parse_key_data(input: &[u8]) -> Result<Vec<KeyData<'_>>, DecodeError> {
    whole(input, |input| {
        let (rest, (tag, keys)) = (be_u8, be_u8).parse(input)?;
        match (tag, usize::from(keys)) {
            (ARRAY, keys) if keys <= MAX_KEYS => count(key_data, keys).parse(rest),
            (ARRAY, _) => fail(DecodeError::Value),
            _ => fail(DecodeError::Tag(tag)),
        }
    })
}

fn key_data(input: &[u8]) -> Parsed<'_, KeyData<'_>> {
    let (rest, head) = take(5_usize)(input)?;
    match *head {
        [STRUCTURE, 2, ENUM, number, OCTET_STRING] => {
            let Some(id) = KeyId::from_number(number) else { return fail(DecodeError::Value) };
            octets(rest).map(|(rest, data)| (rest, KeyData { id, data }))
        }
        _ => fail(DecodeError::Value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys() -> impl Strategy<Value = Key> {
        prop_oneof![
            prop::array::uniform16(any::<u8>()).prop_map(|octets| Key::new(&octets).unwrap()),
            prop::array::uniform32(any::<u8>()).prop_map(|octets| Key::new(&octets).unwrap()),
        ]
    }

    #[test]
    fn the_data_of_a_key_transfer_is_as_the_blue_book_has_it() {
        let master = Key::new(&[0; 16]).unwrap();
        let wrapped = master.wrap(&Key::new(&[1; 16]).unwrap());
        let keys = [KeyData { id: KeyId::Unicast, data: &wrapped }, KeyData { id: KeyId::Authentication, data: &[7] }];
        let mut wire = Vec::new();
        write_key_data(&keys, &mut wire);
        let expected = [&[1, 2, 2, 2, 0x16, 0, 9, 24][..], &wrapped, &[2, 2, 0x16, 2, 9, 1, 7]].concat();
        assert_eq!(wire, expected);
        assert_eq!(parse_key_data(&wire), Ok(keys.to_vec()));
    }

    #[test]
    fn data_that_is_no_key_transfer_is_refused_by_its_reason() {
        for (wire, error) in [
            (&[][..], DecodeError::Truncated),
            (&[2, 1], DecodeError::Tag(2)),
            (&[1, 5], DecodeError::Value),
            (&[1, 0xFF], DecodeError::Value),
            (&[1, 1, 2, 2, 0x16, 4, 9, 0], DecodeError::Value),
            (&[1, 1, 2, 3, 0x16, 0, 9, 0], DecodeError::Value),
            (&[1, 1, 2, 2, 0x16, 0, 9, 2, 0], DecodeError::Truncated),
            (&[1, 0, 0], DecodeError::Trailing),
        ] {
            assert_eq!(parse_key_data(wire), Err(error), "{wire:02x?}");
        }
    }

    #[test]
    fn a_wrapped_key_of_a_wrong_length_is_refused() {
        let master = Key::new(&[0; 16]).unwrap();
        for found in [0, 8, 16, 23, 25, 32, 39, 41, 48] {
            assert_eq!(master.unwrap_key(&vec![0; found]), Err(UnwrapError::Length { found }));
        }
    }

    proptest! {
        #[test]
        fn a_key_is_unwrapped_with_its_master_key_only_and_undamaged_only(
            (master, other, key) in (keys(), keys(), keys()),
            at in any::<prop::sample::Index>(),
        ) {
            let mut wrapped = master.wrap(&key);
            prop_assert_eq!(master.unwrap_key(&wrapped), Ok(key));
            prop_assume!(other != master);
            prop_assert_eq!(other.unwrap_key(&wrapped), Err(UnwrapError::Integrity));
            let bit = at.index(wrapped.len() * 8);
            wrapped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(master.unwrap_key(&wrapped), Err(UnwrapError::Integrity));
        }

        #[test]
        fn no_octets_panic(wire in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(keys) = parse_key_data(&wire) {
                let mut again = Vec::new();
                write_key_data(&keys, &mut again);
                prop_assert_eq!(parse_key_data(&again), Ok(keys));
            }
        }
    }
}
