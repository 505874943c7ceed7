//! What stands around protected APDUs: Green Book clause 9.2.7. The protection itself is [`crate::security`]'s.

use nom::Parser;
use nom::combinator::{map, rest};
use nom::number::complete::{be_u8, be_u32};

use crate::axdr::{Element, element, octets, optional, write_octets, write_optional};
use crate::error::{DecodeError, Parsed, fail, whole};

/// Octets of an authentication tag.
pub const TAG_LENGTH: usize = 12;

/// The security control octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityControl(pub u8);

impl SecurityControl {
    /// The tag is there.
    pub const AUTHENTICATED: u8 = 0x10;
    /// The contents are not readable.
    pub const ENCRYPTED: u8 = 0x20;
    /// Protected with the broadcast key.
    pub const BROADCAST: u8 = 0x40;
    /// Compressed before it was protected.
    pub const COMPRESSED: u8 = 0x80;

    /// 0, 1 or 2.
    pub const fn suite(self) -> u8 {
        self.0 & 0x0F
    }
    /// Whether it carries a tag.
    pub const fn is_authenticated(self) -> bool {
        self.0 & Self::AUTHENTICATED != 0
    }
    /// Whether its contents are ciphered.
    pub const fn is_encrypted(self) -> bool {
        self.0 & Self::ENCRYPTED != 0
    }
    /// Whether the broadcast key is used.
    pub const fn is_broadcast(self) -> bool {
        self.0 & Self::BROADCAST != 0
    }
    /// Whether the contents are compressed.
    pub const fn is_compressed(self) -> bool {
        self.0 & Self::COMPRESSED != 0
    }
}

/// A protected APDU behind its header: security control, invocation counter, contents, tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protected<'a> {
    /// How it is protected.
    pub control: SecurityControl,
    /// Never the same twice for a key and a direction.
    pub invocation_counter: u32,
    /// Ciphered, or plain where only authenticated.
    pub contents: &'a [u8],
    /// The authentication tag; empty where there is none.
    pub tag: &'a [u8],
}

impl<'a> Protected<'a> {
    /// Reads exactly these bytes.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        whole(input, |input| {
            let (end, (control, invocation_counter, body)) =
                (map(be_u8, SecurityControl), be_u32, rest).parse(input).map_err(short)?;
            let tagged = if control.is_authenticated() { TAG_LENGTH } else { 0 };
            let contents = body.len().checked_sub(tagged).ok_or(nom::Err::Error(DecodeError::Short))?;
            let (contents, tag) = body.split_at(contents);
            Ok((end, Self { control, invocation_counter, contents, tag }))
        })
    }
    /// Octets on the wire.
    fn len(&self) -> usize {
        5 + self.contents.len() + self.tag.len()
    }
    fn write(&self, out: &mut Vec<u8>) {
        crate::axdr::write_length(self.len(), out);
        out.push(self.control.0);
        out.extend(self.invocation_counter.to_be_bytes());
        out.extend_from_slice(self.contents);
        out.extend_from_slice(self.tag);
    }
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, body) = octets(input)?;
        Self::decode(body).map(|protected| (rest, protected)).map_err(nom::Err::Error)
    }
}

fn short(_: nom::Err<DecodeError>) -> nom::Err<DecodeError> {
    nom::Err::Error(DecodeError::Short)
}

/// Which keys protect an APDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySet {
    /// Those that stay.
    Global,
    /// The one agreed for this association.
    Dedicated,
}

macro_rules! ciphered_services {
    ($($plain:literal global $global:literal $global_name:literal dedicated $dedicated:literal $dedicated_name:literal;)*) => {
        /// The service that is ciphered, and with which keys: told by the tag alone.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct CipheredService {
            /// Tag of the plain service.
            pub plain: u8,
            /// Which keys.
            pub keys: KeySet,
        }

        impl CipheredService {
            /// From the tag of the ciphered APDU.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                Some(match tag {
                    $($global => Self { plain: $plain, keys: KeySet::Global },)*
                    $($dedicated => Self { plain: $plain, keys: KeySet::Dedicated },)*
                    _ => return None,
                })
            }
            /// From the tag of the plain service, where it may be ciphered with these keys.
            pub const fn of(plain: u8, keys: KeySet) -> Option<Self> {
                match plain {
                    $($plain)|* => Some(Self { plain, keys }),
                    _ => None,
                }
            }
            /// The tag of the ciphered APDU.
            pub const fn tag(self) -> u8 {
                match (self.plain, self.keys) {
                    $(($plain, KeySet::Global) => $global,)*
                    $(($plain, KeySet::Dedicated) => $dedicated,)*
                    _ => self.plain,
                }
            }
            /// The name of the ciphered service.
            pub const fn name(self) -> &'static str {
                match (self.plain, self.keys) {
                    $(($plain, KeySet::Global) => $global_name,)*
                    $(($plain, KeySet::Dedicated) => $dedicated_name,)*
                    _ => "ciphered",
                }
            }
        }

        #[cfg(test)]
        const PLAIN_TAGS: &[u8] = &[$($plain),*];
    };
}

ciphered_services! {
    0x01 global 0x21 "glo-initiate-request" dedicated 0x41 "ded-initiate-request";
    0x05 global 0x25 "glo-read-request" dedicated 0x45 "ded-read-request";
    0x06 global 0x26 "glo-write-request" dedicated 0x46 "ded-write-request";
    0x08 global 0x28 "glo-initiate-response" dedicated 0x48 "ded-initiate-response";
    0x0C global 0x2C "glo-read-response" dedicated 0x4C "ded-read-response";
    0x0D global 0x2D "glo-write-response" dedicated 0x4D "ded-write-response";
    0x0E global 0x2E "glo-confirmed-service-error" dedicated 0x4E "ded-confirmed-service-error";
    0x16 global 0x36 "glo-unconfirmed-write-request" dedicated 0x56 "ded-unconfirmed-write-request";
    0x18 global 0x38 "glo-information-report" dedicated 0x58 "ded-information-report";
    0xC0 global 0xC8 "glo-get-request" dedicated 0xD0 "ded-get-request";
    0xC1 global 0xC9 "glo-set-request" dedicated 0xD1 "ded-set-request";
    0xC2 global 0xCA "glo-event-notification-request" dedicated 0xD2 "ded-event-notification-request";
    0xC3 global 0xCB "glo-action-request" dedicated 0xD3 "ded-action-request";
    0xC4 global 0xCC "glo-get-response" dedicated 0xD4 "ded-get-response";
    0xC5 global 0xCD "glo-set-response" dedicated 0xD5 "ded-set-response";
    0xC7 global 0xCF "glo-action-response" dedicated 0xD7 "ded-action-response";
}

/// A service ciphered on its own: its tag, then the protected APDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ciphered<'a> {
    /// Which, and with which keys.
    pub service: CipheredService,
    /// What is protected.
    pub protected: Protected<'a>,
}

impl<'a> Ciphered<'a> {
    pub(super) fn parse(service: CipheredService, input: &'a [u8]) -> Parsed<'a, Self> {
        map(Protected::parse, |protected| Self { service, protected }).parse(input)
    }
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.protected.write(out);
    }
}

/// Any APDU, protected, with the title of who protected it: general-glo-ciphering and general-ded-ciphering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralProtected<'a> {
    /// Which keys.
    pub keys: KeySet,
    /// Who; may be empty where the association knows.
    pub system_title: &'a [u8],
    /// What is protected.
    pub protected: Protected<'a>,
}

impl<'a> GeneralProtected<'a> {
    pub(super) fn parse(keys: KeySet, input: &'a [u8]) -> Parsed<'a, Self> {
        map((octets, Protected::parse), |(system_title, protected)| Self { keys, system_title, protected })
            .parse(input)
    }
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write_octets(self.system_title, out);
        self.protected.write(out);
    }
    pub(super) const fn tag(&self) -> u8 {
        match self.keys {
            KeySet::Global => super::tag::GENERAL_GLO_CIPHERING,
            KeySet::Dedicated => super::tag::GENERAL_DED_CIPHERING,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self.keys {
            KeySet::Global => "general-glo-ciphering",
            KeySet::Dedicated => "general-ded-ciphering",
        }
    }
}

/// Who protected what for whom: the fields before the contents of general-ciphering and general-signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralHeader<'a> {
    /// Tells transactions apart.
    pub transaction_id: &'a [u8],
    /// Who protected it.
    pub originator: &'a [u8],
    /// For whom.
    pub recipient: &'a [u8],
    /// When; may be empty.
    pub date_time: &'a [u8],
    /// What else; may be empty.
    pub other_information: &'a [u8],
}

impl<'a> Element<'a> for GeneralHeader<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(
            (octets, octets, octets, octets, octets),
            |(transaction_id, originator, recipient, date_time, other_information)| Self {
                transaction_id,
                originator,
                recipient,
                date_time,
                other_information,
            },
        )
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        for field in
            [self.transaction_id, self.originator, self.recipient, self.date_time, self.other_information]
        {
            write_octets(field, out);
        }
    }
}

/// How the receiver gets the key: Green Book clause 9.2.7.2.4.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyInfo<'a> {
    /// It has it: 0 the global unicast key, 1 the broadcast key.
    Identified(u8),
    /// It is here, wrapped.
    Wrapped {
        /// With which: 0 the master key.
        kek: u8,
        /// The wrapped key.
        key: &'a [u8],
    },
    /// It is agreed upon.
    Agreed {
        /// 01 for the scheme 1e,1s; 02 for 0e,2s.
        parameters: &'a [u8],
        /// The ephemeral public key and its signature, or nothing.
        data: &'a [u8],
    },
}

impl<'a> Element<'a> for KeyInfo<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            0 => map(be_u8, Self::Identified).parse(rest),
            1 => map((be_u8, octets), |(kek, key)| Self::Wrapped { kek, key }).parse(rest),
            2 => map((octets, octets), |(parameters, data)| Self::Agreed { parameters, data }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Identified(key) => out.extend([0, *key]),
            Self::Wrapped { kek, key } => {
                out.extend([1, *kek]);
                write_octets(key, out);
            }
            Self::Agreed { parameters, data } => {
                out.push(2);
                write_octets(parameters, out);
                write_octets(data, out);
            }
        }
    }
}

/// Any APDU, protected for a third party or with a key that is told: general-ciphering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralCiphering<'a> {
    /// Who, for whom, when.
    pub header: GeneralHeader<'a>,
    /// With which key; absent where both know.
    pub key: Option<KeyInfo<'a>>,
    /// What is protected.
    pub protected: Protected<'a>,
}

impl<'a> Element<'a> for GeneralCiphering<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, optional(element), Protected::parse), |(header, key, protected)| Self {
            header,
            key,
            protected,
        })
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.header.write(out);
        write_optional(self.key, out, |key, out| key.write(out));
        self.protected.write(out);
    }
}

/// Any APDU, signed: general-signing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralSigning<'a> {
    /// Who, for whom, when.
    pub header: GeneralHeader<'a>,
    /// What is signed.
    pub contents: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

impl<'a> Element<'a> for GeneralSigning<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, octets, octets), |(header, contents, signature)| Self { header, contents, signature })
            .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.header.write(out);
        write_octets(self.contents, out);
        write_octets(self.signature, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_ciphered_services_are_those_of_the_standard() {
        for &plain in PLAIN_TAGS {
            for keys in [KeySet::Global, KeySet::Dedicated] {
                let service = CipheredService::of(plain, keys).unwrap();
                assert_eq!(CipheredService::from_tag(service.tag()), Some(service));
                assert_ne!(service.tag(), plain);
            }
        }
        assert_eq!(CipheredService::of(0x60, KeySet::Global), None);
        assert_eq!(CipheredService::from_tag(0xC0), None);
    }

    #[test]
    fn what_is_too_short_for_its_header_or_tag_is_refused() {
        assert_eq!(Protected::decode(&[0x20, 0, 0, 0]), Err(DecodeError::Short));
        assert_eq!(Protected::decode(&[0x30, 0, 0, 0, 1, 1, 2, 3]), Err(DecodeError::Short));
        assert!(Protected::decode(&[0x20, 0, 0, 0, 1]).is_ok_and(|protected| protected.tag.is_empty()));
    }
}
