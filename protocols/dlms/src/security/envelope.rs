//! Ciphered and signed APDUs as they are sent: what can be read of them without a key.

use std::fmt::{self, Debug, Formatter};

use nom::Parser;
use nom::number::complete::{be_u8, be_u32};

use super::SecurityControl;
use super::gcm::TAG_OCTETS;
use super::general::{GeneralFields, KeyInfo};
use crate::axdr::{octets, write_octets};
use crate::error::{DecodeError, Parsed, fail, whole};

const GENERAL_GLO: u8 = 0xDB;
const GENERAL_DED: u8 = 0xDC;
const GENERAL_CIPHERING: u8 = 0xDD;
const GENERAL_SIGNING: u8 = 0xDF;

/// Octets of a security header: control byte and invocation counter.
pub const HEADER_OCTETS: usize = 5;

/// Whose key: one that lasts, or one of this association.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keying {
    /// `glo-`: a global key, unicast or broadcast.
    Global,
    /// `ded-`: the dedicated key that came in the initiate request.
    Dedicated,
}

/// A security header, and what it is about: enciphered or plain data, the tag at its end if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secured<'a> {
    /// What was done.
    pub control: SecurityControl,
    /// The invocation counter.
    pub counter: u32,
    /// The data with its tag.
    pub data: &'a [u8],
}

impl<'a> Secured<'a> {
    /// All of `input`; too short for its header, or for the tag that the header promises, is [`DecodeError::Short`].
    pub fn parse(input: &'a [u8]) -> Result<Self, DecodeError> {
        let short = |_: nom::Err<DecodeError>| DecodeError::Short;
        let (data, (control, counter)) = (be_u8, be_u32).parse(input).map_err(short)?;
        let secured = Self { control: SecurityControl(control), counter, data };
        secured.split().map(|_| secured).ok_or(DecodeError::Short)
    }
    /// The data, and the tag where there is one; `None` if there should be one and is not.
    pub fn split(&self) -> Option<(&'a [u8], Option<&'a [u8; TAG_OCTETS]>)> {
        match self.control.protection().is_authenticated() {
            true => self.data.split_last_chunk().map(|(data, tag)| (data, Some(tag))),
            false => Some((self.data, None)),
        }
    }
    /// Header and data, without a length before them.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.control.0);
        out.extend(self.counter.to_be_bytes());
        out.extend(self.data);
    }
    fn with_length(input: &'a [u8]) -> Parsed<'a, Self> {
        let (after, inside) = octets(input)?;
        Self::parse(inside).map(|secured| (after, secured)).map_err(nom::Err::Error)
    }
    fn write_with_length(&self, out: &mut Vec<u8>) {
        crate::axdr::write_length(HEADER_OCTETS + self.data.len(), out);
        self.write(out);
    }
}

/// A ciphered or signed APDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope<'a> {
    /// A service with a tag of its own, `glo-get-request` and the like.
    Service {
        /// Which kind of key.
        keying: Keying,
        /// The plain service that must be inside.
        service: CipheredService,
        /// The protected APDU.
        secured: Secured<'a>,
    },
    /// `general-glo-ciphering`, `general-ded-ciphering`.
    General {
        /// Which kind of key.
        keying: Keying,
        /// System title of the sender. Some leave it empty, Italian meters for example.
        title: &'a [u8],
        /// The protected APDU.
        secured: Secured<'a>,
    },
    /// `general-ciphering`.
    Ciphering {
        /// Who sends what to whom.
        fields: GeneralFields<'a>,
        /// Which key; without it the global one.
        key_info: Option<KeyInfo<'a>>,
        /// The protected APDU.
        secured: Secured<'a>,
    },
    /// `general-signing`. The content may be a ciphered APDU itself.
    Signing {
        /// Who sends what to whom.
        fields: GeneralFields<'a>,
        /// The signed APDU.
        content: &'a [u8],
        /// ECDSA signature, r and s.
        signature: &'a [u8],
    },
}

/// A service that has ciphered forms of its own; ACCESS and DATA-NOTIFICATION, for example, have none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CipheredService(&'static Row);

#[derive(PartialEq, Eq)]
struct Row {
    plain: u8,
    global: (u8, &'static str),
    dedicated: (u8, &'static str),
}

const fn row(plain: u8, global: (u8, &'static str), dedicated: (u8, &'static str)) -> Row {
    Row { plain, global, dedicated }
}

/// The list of APDUs, IEC 62056-5-3 clause 8.
static SERVICES: [Row; 16] = [
    row(0x01, (0x21, "glo-initiate-request"), (0x41, "ded-initiate-request")),
    row(0x05, (0x25, "glo-read-request"), (0x45, "ded-read-request")),
    row(0x06, (0x26, "glo-write-request"), (0x46, "ded-write-request")),
    row(0x08, (0x28, "glo-initiate-response"), (0x48, "ded-initiate-response")),
    row(0x0C, (0x2C, "glo-read-response"), (0x4C, "ded-read-response")),
    row(0x0D, (0x2D, "glo-write-response"), (0x4D, "ded-write-response")),
    row(0x0E, (0x2E, "glo-confirmed-service-error"), (0x4E, "ded-confirmed-service-error")),
    row(0x16, (0x36, "glo-unconfirmed-write-request"), (0x56, "ded-unconfirmed-write-request")),
    row(0x18, (0x38, "glo-information-report"), (0x58, "ded-information-report")),
    row(0xC0, (0xC8, "glo-get-request"), (0xD0, "ded-get-request")),
    row(0xC1, (0xC9, "glo-set-request"), (0xD1, "ded-set-request")),
    row(0xC2, (0xCA, "glo-event-notification-request"), (0xD2, "ded-event-notification-request")),
    row(0xC3, (0xCB, "glo-action-request"), (0xD3, "ded-action-request")),
    row(0xC4, (0xCC, "glo-get-response"), (0xD4, "ded-get-response")),
    row(0xC5, (0xCD, "glo-set-response"), (0xD5, "ded-set-response")),
    row(0xC7, (0xCF, "glo-action-response"), (0xD7, "ded-action-response")),
];

impl CipheredService {
    /// By the tag of the plain service.
    pub fn of_plain(tag: u8) -> Option<Self> {
        SERVICES.iter().find(|row| row.plain == tag).map(Self)
    }
    /// By the tag of one of its ciphered forms.
    pub fn of_ciphered(tag: u8) -> Option<(Self, Keying)> {
        SERVICES.iter().find_map(|row| match tag {
            _ if tag == row.global.0 => Some((Self(row), Keying::Global)),
            _ if tag == row.dedicated.0 => Some((Self(row), Keying::Dedicated)),
            _ => None,
        })
    }
    /// The tag of the plain service.
    pub const fn plain_tag(self) -> u8 {
        self.0.plain
    }
    /// The tag of a ciphered form.
    pub const fn tag(self, keying: Keying) -> u8 {
        self.form(keying).0
    }
    /// The name of a ciphered form.
    pub const fn name(self, keying: Keying) -> &'static str {
        self.form(keying).1
    }
    const fn form(self, keying: Keying) -> (u8, &'static str) {
        match keying {
            Keying::Global => self.0.global,
            Keying::Dedicated => self.0.dedicated,
        }
    }
}

impl Debug for CipheredService {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (_, name) = self.0.global;
        f.write_str(name.trim_start_matches("glo-"))
    }
}

impl<'a> Envelope<'a> {
    /// Whether an APDU with this first octet is ciphered or signed.
    pub fn starts_with(tag: u8) -> bool {
        CipheredService::of_ciphered(tag).is_some()
            || matches!(tag, GENERAL_GLO | GENERAL_DED | GENERAL_CIPHERING | GENERAL_SIGNING)
    }
    /// Reads an APDU, exactly.
    pub fn parse(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        whole(apdu, Self::parser)
    }
    fn parser(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, tag) = be_u8(input)?;
        match tag {
            GENERAL_GLO => Self::general(Keying::Global, input),
            GENERAL_DED => Self::general(Keying::Dedicated, input),
            GENERAL_CIPHERING => {
                let (after, (fields, key_info, secured)) =
                    (GeneralFields::parse, KeyInfo::parse_optional, Secured::with_length).parse(input)?;
                Ok((after, Envelope::Ciphering { fields, key_info, secured }))
            }
            GENERAL_SIGNING => {
                let (after, (fields, content, signature)) = (GeneralFields::parse, octets, octets).parse(input)?;
                Ok((after, Envelope::Signing { fields, content, signature }))
            }
            _ => match CipheredService::of_ciphered(tag) {
                Some((service, keying)) => {
                    let (after, secured) = Secured::with_length(input)?;
                    Ok((after, Envelope::Service { keying, service, secured }))
                }
                None => fail(DecodeError::Tag(tag)),
            },
        }
    }
    fn general(keying: Keying, input: &'a [u8]) -> Parsed<'a, Self> {
        let (after, (title, secured)) = (octets, Secured::with_length).parse(input)?;
        Ok((after, Envelope::General { keying, title, secured }))
    }
    /// The first octet.
    pub const fn tag(&self) -> u8 {
        match self {
            Envelope::Service { keying, service, .. } => service.tag(*keying),
            Envelope::General { keying: Keying::Global, .. } => GENERAL_GLO,
            Envelope::General { keying: Keying::Dedicated, .. } => GENERAL_DED,
            Envelope::Ciphering { .. } => GENERAL_CIPHERING,
            Envelope::Signing { .. } => GENERAL_SIGNING,
        }
    }
    /// What the standard calls it.
    pub const fn name(&self) -> &'static str {
        match self {
            Envelope::Service { keying, service, .. } => service.name(*keying),
            Envelope::General { keying: Keying::Global, .. } => "general-glo-ciphering",
            Envelope::General { keying: Keying::Dedicated, .. } => "general-ded-ciphering",
            Envelope::Ciphering { .. } => "general-ciphering",
            Envelope::Signing { .. } => "general-signing",
        }
    }
    /// What is protected, unless it is signed only.
    pub const fn secured(&self) -> Option<Secured<'a>> {
        match *self {
            Envelope::Service { secured, .. }
            | Envelope::General { secured, .. }
            | Envelope::Ciphering { secured, .. } => Some(secured),
            Envelope::Signing { .. } => None,
        }
    }
    /// The APDU as octets.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut apdu = Vec::new();
        self.write(&mut apdu);
        apdu
    }
    /// Writes the APDU.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        match self {
            Envelope::Service { secured, .. } => secured.write_with_length(out),
            Envelope::General { title, secured, .. } => {
                write_octets(title, out);
                secured.write_with_length(out);
            }
            Envelope::Ciphering { fields, key_info, secured } => {
                fields.write(out);
                KeyInfo::write_optional(key_info.as_ref(), out);
                secured.write_with_length(out);
            }
            Envelope::Signing { fields, content, signature } => {
                fields.write(out);
                write_octets(content, out);
                write_octets(signature, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::KeySet;
    use super::*;
    use proptest::prelude::*;

    /// The list of APDUs in IEC 62056-5-3: a plain service, ciphered with a global key, with the dedicated key.
    const TAGS: [[u8; 3]; 16] = [
        [0x01, 0x21, 0x41],
        [0x05, 0x25, 0x45],
        [0x06, 0x26, 0x46],
        [0x08, 0x28, 0x48],
        [0x0C, 0x2C, 0x4C],
        [0x0D, 0x2D, 0x4D],
        [0x0E, 0x2E, 0x4E],
        [0x16, 0x36, 0x56],
        [0x18, 0x38, 0x58],
        [0xC0, 0xC8, 0xD0],
        [0xC1, 0xC9, 0xD1],
        [0xC2, 0xCA, 0xD2],
        [0xC3, 0xCB, 0xD3],
        [0xC4, 0xCC, 0xD4],
        [0xC5, 0xCD, 0xD5],
        [0xC7, 0xCF, 0xD7],
    ];

    #[test]
    fn every_service_has_its_two_ciphered_tags_and_no_other_tag_is_one() {
        for [service, global, dedicated] in TAGS {
            let service = CipheredService::of_plain(service).unwrap();
            assert_eq!([Keying::Global, Keying::Dedicated].map(|keying| service.tag(keying)), [global, dedicated]);
            let base = |keying| service.name(keying).split_at(4).1;
            assert_eq!(base(Keying::Global), base(Keying::Dedicated));
            assert_eq!(format!("{service:?}"), base(Keying::Global));
        }
        for tag in 0..=u8::MAX {
            let plain = TAGS.iter().find_map(|&[service, global, dedicated]| match tag {
                _ if tag == global => Some((Keying::Global, service)),
                _ if tag == dedicated => Some((Keying::Dedicated, service)),
                _ => None,
            });
            let general = [0xDB, 0xDC, 0xDD, 0xDF].contains(&tag);
            assert_eq!(Envelope::starts_with(tag), plain.is_some() || general, "{tag:#04x}");
            match Envelope::parse(&[tag, 5, 0x20, 0, 0, 0, 7]) {
                Ok(Envelope::Service { keying, service, secured }) => {
                    assert_eq!(Some((keying, service.plain_tag())), plain);
                    assert_eq!(secured, Secured { control: SecurityControl(0x20), counter: 7, data: &[] });
                }
                Err(_) => assert_eq!(plain, None),
                Ok(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(CipheredService::of_plain(0xD9), None, "ACCESS is only in the general forms");
    }

    #[test]
    fn what_is_no_envelope_is_refused_by_its_reason() {
        for (apdu, error) in [
            (&[][..], DecodeError::Truncated),
            (&[0xC0, 1, 2], DecodeError::Tag(0xC0)),
            (&[0xC8, 6, 0x30, 0, 0, 0, 7], DecodeError::Truncated),
            (&[0xC8, 4, 0x30, 0, 0, 0], DecodeError::Short),
            (&[0xC8, 5, 0x20, 0, 0, 0, 7, 0], DecodeError::Trailing),
            (&[0xC8, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x30], DecodeError::Truncated),
            (&[0xC8, 9, 0x30, 0, 0, 0, 1, 0xAA, 0xBB, 0xCC, 0xDD], DecodeError::Short),
            (&[0xDB, 9, 1, 2, 5, 0x20, 0, 0, 0, 7], DecodeError::Truncated),
            (&[0xDD, 0, 0, 0, 0, 0, 2, 5, 0x20, 0, 0, 0, 7], DecodeError::Tag(2)),
            (&[0xDD, 0, 0, 0, 0, 0, 1, 3, 5, 0x20, 0, 0, 0, 7], DecodeError::Tag(3)),
            (&[0xDD, 0, 0, 0, 0, 0, 1, 0, 2, 5, 0x20, 0, 0, 0, 7], DecodeError::Value),
            (&[0xDD, 0, 0, 0, 0, 0, 1, 1, 9, 0, 5, 0x20, 0, 0, 0, 7], DecodeError::Value),
        ] {
            assert_eq!(Envelope::parse(apdu), Err(error), "{apdu:02x?}");
        }
    }

    fn fields() -> impl Strategy<Value = [Vec<u8>; 5]> {
        let field = prop::collection::vec(any::<u8>(), 0..20);
        [field.clone(), field.clone(), field.clone(), field.clone(), field]
    }

    proptest! {
        #[test]
        fn every_form_is_read_as_it_was_written(
            [a, b, c, d, e] in fields(),
            (control, counter, data) in (any::<u8>(), any::<u32>(), prop::collection::vec(any::<u8>(), TAG_OCTETS..300)),
            form in 0..10_u8,
        ) {
            let secured = Secured { control: SecurityControl(control), counter, data: &data };
            let fields = GeneralFields {
                transaction_id: &a, originator: &b, recipient: &c, date_time: &d, other_information: &e,
            };
            let ciphering = |key_info| Envelope::Ciphering { fields, key_info, secured };
            let envelope = match form {
                0 => Envelope::Service { keying: Keying::Global, service: CipheredService::of_plain(0xC4).unwrap(), secured },
                1 => Envelope::Service { keying: Keying::Dedicated, service: CipheredService::of_plain(0x01).unwrap(), secured },
                2 => Envelope::General { keying: Keying::Global, title: &a, secured },
                3 => Envelope::General { keying: Keying::Dedicated, title: &[], secured },
                4 => ciphering(None),
                5 => ciphering(Some(KeyInfo::Identified(KeySet::Unicast))),
                6 => ciphering(Some(KeyInfo::Identified(KeySet::Broadcast))),
                7 => ciphering(Some(KeyInfo::Wrapped { key: &b })),
                8 => ciphering(Some(KeyInfo::Agreed { parameters: &a, data: &e })),
                _ => Envelope::Signing { fields, content: &data, signature: &e },
            };
            let wire = envelope.to_vec();
            prop_assert_eq!(Envelope::parse(&wire), Ok(envelope));
            for end in 0..wire.len() {
                prop_assert!(Envelope::parse(&wire[..end]).is_err(), "a cut APDU is none");
            }
        }

        #[test]
        fn no_octets_panic(tag in any::<u8>(), rest in prop::collection::vec(any::<u8>(), 0..80)) {
            let apdu = [&[tag], &rest[..]].concat();
            if let Ok(envelope) = Envelope::parse(&apdu) {
                let written = envelope.to_vec();
                prop_assert_eq!(Envelope::parse(&written), Ok(envelope));
            }
        }
    }
}
