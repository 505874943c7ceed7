//! Values: the choice `Data` of the Green Book, clause 9.5.

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::map;
use nom::number::complete::{be_f32, be_f64, be_i8, be_i16, be_i32, be_i64, be_u8, be_u16, be_u32, be_u64};

use super::walk::skip;
use super::{CompactArray, Date, DateTime, Element, List, Time, length, write_length, write_octets};
use crate::Obis;
use crate::error::{DecodeError, Parsed, fail, whole};

/// Tags of the types, Blue Book clause 4.1.5.
pub mod tag {
    #![expect(missing_docs, reason = "the names are those of the standard")]
    pub const NULL: u8 = 0x00;
    pub const ARRAY: u8 = 0x01;
    pub const STRUCTURE: u8 = 0x02;
    pub const BOOLEAN: u8 = 0x03;
    pub const BIT_STRING: u8 = 0x04;
    pub const DOUBLE_LONG: u8 = 0x05;
    pub const DOUBLE_LONG_UNSIGNED: u8 = 0x06;
    pub const OCTET_STRING: u8 = 0x09;
    pub const VISIBLE_STRING: u8 = 0x0A;
    pub const UTF8_STRING: u8 = 0x0C;
    pub const BCD: u8 = 0x0D;
    pub const INTEGER: u8 = 0x0F;
    pub const LONG: u8 = 0x10;
    pub const UNSIGNED: u8 = 0x11;
    pub const LONG_UNSIGNED: u8 = 0x12;
    pub const COMPACT_ARRAY: u8 = 0x13;
    pub const LONG64: u8 = 0x14;
    pub const LONG64_UNSIGNED: u8 = 0x15;
    pub const ENUM: u8 = 0x16;
    pub const FLOAT32: u8 = 0x17;
    pub const FLOAT64: u8 = 0x18;
    pub const DATE_TIME: u8 = 0x19;
    pub const DATE: u8 = 0x1A;
    pub const TIME: u8 = 0x1B;
    pub const DELTA_INTEGER: u8 = 0x1C;
    pub const DELTA_LONG: u8 = 0x1D;
    pub const DELTA_DOUBLE_LONG: u8 = 0x1E;
    pub const DELTA_UNSIGNED: u8 = 0x1F;
    pub const DELTA_LONG_UNSIGNED: u8 = 0x20;
    pub const DELTA_DOUBLE_LONG_UNSIGNED: u8 = 0x21;
    pub const DONT_CARE: u8 = 0xFF;

    /// The standard's name of the type of a tag.
    pub const fn name(tag: u8) -> Option<&'static str> {
        Some(match tag {
            NULL => "null-data",
            ARRAY => "array",
            STRUCTURE => "structure",
            BOOLEAN => "boolean",
            BIT_STRING => "bit-string",
            DOUBLE_LONG => "double-long",
            DOUBLE_LONG_UNSIGNED => "double-long-unsigned",
            OCTET_STRING => "octet-string",
            VISIBLE_STRING => "visible-string",
            UTF8_STRING => "utf8-string",
            BCD => "bcd",
            INTEGER => "integer",
            LONG => "long",
            UNSIGNED => "unsigned",
            LONG_UNSIGNED => "long-unsigned",
            COMPACT_ARRAY => "compact-array",
            LONG64 => "long64",
            LONG64_UNSIGNED => "long64-unsigned",
            ENUM => "enum",
            FLOAT32 => "float32",
            FLOAT64 => "float64",
            DATE_TIME => "date-time",
            DATE => "date",
            TIME => "time",
            DELTA_INTEGER => "delta-integer",
            DELTA_LONG => "delta-long",
            DELTA_DOUBLE_LONG => "delta-double-long",
            DELTA_UNSIGNED => "delta-unsigned",
            DELTA_LONG_UNSIGNED => "delta-long-unsigned",
            DELTA_DOUBLE_LONG_UNSIGNED => "delta-double-long-unsigned",
            DONT_CARE => "dont-care",
            _ => return None,
        })
    }
}

/// A value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Data<'a> {
    /// No value; in a row of a profile: as in the row before.
    Null,
    /// Values of one type.
    Array(List<'a>),
    /// Values of any types.
    Structure(List<'a>),
    /// True or false.
    Boolean(bool),
    /// Bits, the first one sent in the highest bit of the first octet.
    BitString {
        /// How many bits count.
        bits: usize,
        /// The octets they stand in.
        octets: &'a [u8],
    },
    /// 32 bits, signed.
    DoubleLong(i32),
    /// 32 bits.
    DoubleLongUnsigned(u32),
    /// Octets.
    OctetString(&'a [u8]),
    /// ASCII by the standard, whatever the meter sends in the field.
    VisibleString(&'a [u8]),
    /// UTF-8 by the standard.
    Utf8String(&'a [u8]),
    /// One octet of packed decimal, as sent.
    Bcd(u8),
    /// 8 bits, signed.
    Integer(i8),
    /// 16 bits, signed.
    Long(i16),
    /// 8 bits.
    Unsigned(u8),
    /// 16 bits.
    LongUnsigned(u16),
    /// Values of one type, which is told once.
    CompactArray(CompactArray<'a>),
    /// 64 bits, signed.
    Long64(i64),
    /// 64 bits.
    Long64Unsigned(u64),
    /// One of a list.
    Enum(u8),
    /// IEEE 754, 32 bits.
    Float32(f32),
    /// IEEE 754, 64 bits.
    Float64(f64),
    /// Date and time with its own tag; most meters put it into an octet-string.
    DateTime(DateTime),
    /// A date.
    Date(Date),
    /// A time of day.
    Time(Time),
    /// A difference, 8 bits signed.
    DeltaInteger(i8),
    /// A difference, 16 bits signed.
    DeltaLong(i16),
    /// A difference, 32 bits signed.
    DeltaDoubleLong(i32),
    /// A difference, 8 bits.
    DeltaUnsigned(u8),
    /// A difference, 16 bits.
    DeltaLongUnsigned(u16),
    /// A difference, 32 bits.
    DeltaDoubleLongUnsigned(u32),
    /// Anything will do.
    DontCare,
}

impl<'a> Data<'a> {
    /// Reads bytes that are exactly one value.
    pub fn decode(input: &'a [u8]) -> Result<Self, DecodeError> {
        whole(input, Self::parse)
    }
    /// Writes the value with its tag.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    /// The tag of its type.
    pub const fn tag(&self) -> u8 {
        match self {
            Data::Null => tag::NULL,
            Data::Array(_) => tag::ARRAY,
            Data::Structure(_) => tag::STRUCTURE,
            Data::Boolean(_) => tag::BOOLEAN,
            Data::BitString { .. } => tag::BIT_STRING,
            Data::DoubleLong(_) => tag::DOUBLE_LONG,
            Data::DoubleLongUnsigned(_) => tag::DOUBLE_LONG_UNSIGNED,
            Data::OctetString(_) => tag::OCTET_STRING,
            Data::VisibleString(_) => tag::VISIBLE_STRING,
            Data::Utf8String(_) => tag::UTF8_STRING,
            Data::Bcd(_) => tag::BCD,
            Data::Integer(_) => tag::INTEGER,
            Data::Long(_) => tag::LONG,
            Data::Unsigned(_) => tag::UNSIGNED,
            Data::LongUnsigned(_) => tag::LONG_UNSIGNED,
            Data::CompactArray(_) => tag::COMPACT_ARRAY,
            Data::Long64(_) => tag::LONG64,
            Data::Long64Unsigned(_) => tag::LONG64_UNSIGNED,
            Data::Enum(_) => tag::ENUM,
            Data::Float32(_) => tag::FLOAT32,
            Data::Float64(_) => tag::FLOAT64,
            Data::DateTime(_) => tag::DATE_TIME,
            Data::Date(_) => tag::DATE,
            Data::Time(_) => tag::TIME,
            Data::DeltaInteger(_) => tag::DELTA_INTEGER,
            Data::DeltaLong(_) => tag::DELTA_LONG,
            Data::DeltaDoubleLong(_) => tag::DELTA_DOUBLE_LONG,
            Data::DeltaUnsigned(_) => tag::DELTA_UNSIGNED,
            Data::DeltaLongUnsigned(_) => tag::DELTA_LONG_UNSIGNED,
            Data::DeltaDoubleLongUnsigned(_) => tag::DELTA_DOUBLE_LONG_UNSIGNED,
            Data::DontCare => tag::DONT_CARE,
        }
    }

    /// The standard's name of its type.
    pub fn type_name(&self) -> &'static str {
        tag::name(self.tag()).unwrap_or_default()
    }

    /// A whole number of any width, enumerations included.
    pub fn integer(&self) -> Option<i128> {
        Some(match *self {
            Data::DoubleLong(n) | Data::DeltaDoubleLong(n) => n.into(),
            Data::DoubleLongUnsigned(n) | Data::DeltaDoubleLongUnsigned(n) => n.into(),
            Data::Integer(n) | Data::DeltaInteger(n) => n.into(),
            Data::Long(n) | Data::DeltaLong(n) => n.into(),
            Data::Unsigned(n) | Data::DeltaUnsigned(n) | Data::Enum(n) => n.into(),
            Data::LongUnsigned(n) | Data::DeltaLongUnsigned(n) => n.into(),
            Data::Long64(n) => n.into(),
            Data::Long64Unsigned(n) => n.into(),
            _ => return None,
        })
    }
    /// A whole number that fits the wanted type, whatever width the meter chose.
    pub fn number<N: TryFrom<i128>>(&self) -> Option<N> {
        self.integer().and_then(|number| number.try_into().ok())
    }
    /// Octets of a string of any kind.
    pub const fn bytes(&self) -> Option<&'a [u8]> {
        match *self {
            Data::OctetString(octets) | Data::VisibleString(octets) | Data::Utf8String(octets) => Some(octets),
            _ => None,
        }
    }
    /// Text of a string of any kind, if it is text.
    pub fn text(&self) -> Option<&'a str> {
        self.bytes().and_then(|octets| std::str::from_utf8(octets).ok())
    }
    /// The members of an array, a compact array or a structure.
    pub const fn list(&self) -> Option<List<'a>> {
        match *self {
            Data::Array(list) | Data::Structure(list) => Some(list),
            Data::CompactArray(compact) => Some(compact.elements()),
            _ => None,
        }
    }
    /// A logical name in an octet-string.
    pub fn obis(&self) -> Option<Obis> {
        match self {
            Data::OctetString(octets) => Obis::from_octets(octets),
            _ => None,
        }
    }
    /// Date and time, tagged as such or in an octet-string.
    pub fn date_time(&self) -> Option<DateTime> {
        match self {
            Data::DateTime(at) => Some(*at),
            Data::OctetString(octets) => DateTime::from_octets(octets),
            _ => None,
        }
    }
    /// True or false; some meters send a number.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Data::Boolean(truth) => Some(*truth),
            _ => self.integer().map(|number| number != 0),
        }
    }

    /// Reads a value of the given type, whose tag stood elsewhere.
    pub(crate) fn parse_untagged(tag: u8, input: &'a [u8]) -> Parsed<'a, Self> {
        let list = |input| -> Parsed<'a, List<'a>> {
            let (elements, count) = length(input)?;
            if count > elements.len() {
                return fail(DecodeError::Truncated);
            }
            let (rest, ()) = skip(count, elements)?;
            let taken = elements.len() - rest.len();
            Ok((rest, List::wire(count, elements.split_at(taken).0)))
        };
        match tag {
            tag::NULL => Ok((input, Data::Null)),
            tag::ARRAY => map(list, Data::Array).parse(input),
            tag::STRUCTURE => map(list, Data::Structure).parse(input),
            tag::BOOLEAN => map(be_u8, |octet| Data::Boolean(octet != 0)).parse(input),
            tag::BIT_STRING => {
                let (octets, bits) = length(input)?;
                map(take(bits.div_ceil(8)), |octets| Data::BitString { bits, octets }).parse(octets)
            }
            tag::DOUBLE_LONG => map(be_i32, Data::DoubleLong).parse(input),
            tag::DOUBLE_LONG_UNSIGNED => map(be_u32, Data::DoubleLongUnsigned).parse(input),
            tag::OCTET_STRING => map(super::octets, Data::OctetString).parse(input),
            tag::VISIBLE_STRING => map(super::octets, Data::VisibleString).parse(input),
            tag::UTF8_STRING => map(super::octets, Data::Utf8String).parse(input),
            tag::BCD => map(be_u8, Data::Bcd).parse(input),
            tag::INTEGER => map(be_i8, Data::Integer).parse(input),
            tag::LONG => map(be_i16, Data::Long).parse(input),
            tag::UNSIGNED => map(be_u8, Data::Unsigned).parse(input),
            tag::LONG_UNSIGNED => map(be_u16, Data::LongUnsigned).parse(input),
            tag::COMPACT_ARRAY => map(CompactArray::parse, Data::CompactArray).parse(input),
            tag::LONG64 => map(be_i64, Data::Long64).parse(input),
            tag::LONG64_UNSIGNED => map(be_u64, Data::Long64Unsigned).parse(input),
            tag::ENUM => map(be_u8, Data::Enum).parse(input),
            tag::FLOAT32 => map(be_f32, Data::Float32).parse(input),
            tag::FLOAT64 => map(be_f64, Data::Float64).parse(input),
            tag::DATE_TIME => map(DateTime::parse, Data::DateTime).parse(input),
            tag::DATE => map(Date::parse, Data::Date).parse(input),
            tag::TIME => map(Time::parse, Data::Time).parse(input),
            tag::DELTA_INTEGER => map(be_i8, Data::DeltaInteger).parse(input),
            tag::DELTA_LONG => map(be_i16, Data::DeltaLong).parse(input),
            tag::DELTA_DOUBLE_LONG => map(be_i32, Data::DeltaDoubleLong).parse(input),
            tag::DELTA_UNSIGNED => map(be_u8, Data::DeltaUnsigned).parse(input),
            tag::DELTA_LONG_UNSIGNED => map(be_u16, Data::DeltaLongUnsigned).parse(input),
            tag::DELTA_DOUBLE_LONG_UNSIGNED => map(be_u32, Data::DeltaDoubleLongUnsigned).parse(input),
            tag::DONT_CARE => Ok((input, Data::DontCare)),
            unknown => fail(DecodeError::Tag(unknown)),
        }
    }

    /// Writes the value without its tag.
    pub(crate) fn write_untagged(&self, out: &mut Vec<u8>) {
        match self {
            Data::Null | Data::DontCare => {}
            Data::Array(list) | Data::Structure(list) => {
                write_length(list.len(), out);
                list.write_elements(out);
            }
            Data::Boolean(truth) => out.push((*truth).into()),
            Data::BitString { bits, octets } => {
                write_length(*bits, out);
                out.extend_from_slice(octets);
            }
            Data::DoubleLong(n) | Data::DeltaDoubleLong(n) => out.extend(n.to_be_bytes()),
            Data::DoubleLongUnsigned(n) | Data::DeltaDoubleLongUnsigned(n) => out.extend(n.to_be_bytes()),
            Data::OctetString(octets) | Data::VisibleString(octets) | Data::Utf8String(octets) => {
                write_octets(octets, out);
            }
            Data::Bcd(n) | Data::Unsigned(n) | Data::Enum(n) | Data::DeltaUnsigned(n) => out.push(*n),
            Data::Integer(n) | Data::DeltaInteger(n) => out.extend(n.to_be_bytes()),
            Data::Long(n) | Data::DeltaLong(n) => out.extend(n.to_be_bytes()),
            Data::LongUnsigned(n) | Data::DeltaLongUnsigned(n) => out.extend(n.to_be_bytes()),
            Data::CompactArray(compact) => compact.write(out),
            Data::Long64(n) => out.extend(n.to_be_bytes()),
            Data::Long64Unsigned(n) => out.extend(n.to_be_bytes()),
            Data::Float32(n) => out.extend(n.to_be_bytes()),
            Data::Float64(n) => out.extend(n.to_be_bytes()),
            Data::DateTime(at) => out.extend(at.octets()),
            Data::Date(day) => out.extend(day.octets()),
            Data::Time(time) => out.extend(time.octets()),
        }
    }
}

impl<'a> Element<'a> for Data<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, tag) = be_u8(input)?;
        Self::parse_untagged(tag, rest)
    }
    fn skip(input: &'a [u8]) -> Parsed<'a, ()> {
        skip(1, input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.tag());
        self.write_untagged(out);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::axdr::walk::MAX_DEPTH;
    use proptest::prelude::*;

    #[test]
    fn a_number_of_any_width_fits_where_its_value_fits() {
        assert_eq!(Data::Unsigned(200).number::<u32>(), Some(200));
        assert_eq!(Data::Long64Unsigned(u64::MAX).number::<u32>(), None);
        assert_eq!(Data::Integer(-1).number::<u8>(), None);
        assert_eq!(Data::OctetString(&[1]).number::<u8>(), None);
    }

    #[test]
    fn depth_is_bounded_and_a_deep_value_within_it_is_read() {
        let nested = |levels: usize| [[tag::ARRAY, 1].repeat(levels), vec![tag::UNSIGNED, 1]].concat();
        assert!(Data::decode(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(Data::decode(&nested(MAX_DEPTH + 1)), Err(DecodeError::Depth));
        assert_eq!(Data::decode(&nested(100_000)), Err(DecodeError::Depth));
    }

    #[test]
    fn a_count_that_lies_is_refused_before_any_work() {
        assert_eq!(Data::decode(&[tag::ARRAY, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]), Err(DecodeError::Truncated));
        assert_eq!(Data::decode(&[tag::OCTET_STRING, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0]), Err(DecodeError::Truncated));
    }

    /// Bytes of a value, mostly.
    pub(crate) fn any_value() -> impl Strategy<Value = Vec<u8>> {
        let octets = |max| prop::collection::vec(any::<u8>(), 0..max);
        let with_length = move |tag: u8| {
            octets(200).prop_map(move |octets| {
                let mut out = vec![tag];
                write_octets(&octets, &mut out);
                out
            })
        };
        let fixed = prop::sample::select(vec![
            (0x00, 0),
            (0x05, 4),
            (0x06, 4),
            (0x0D, 1),
            (0x0F, 1),
            (0x10, 2),
            (0x11, 1),
            (0x12, 2),
            (0x14, 8),
            (0x15, 8),
            (0x16, 1),
            (0x17, 4),
            (0x18, 8),
            (0x19, 12),
            (0x1A, 5),
            (0x1B, 4),
            (0x1C, 1),
            (0x1D, 2),
            (0x1E, 4),
            (0x1F, 1),
            (0x20, 2),
            (0x21, 4),
            (0xFF, 0),
        ])
        .prop_flat_map(|(tag, size)| {
            prop::collection::vec(any::<u8>(), size).prop_map(move |contents| [vec![tag], contents].concat())
        });
        let leaf = prop_oneof![
            4 => fixed,
            1 => with_length(tag::OCTET_STRING),
            1 => with_length(tag::VISIBLE_STRING),
            1 => with_length(tag::UTF8_STRING),
            1 => any::<bool>().prop_map(|truth| vec![tag::BOOLEAN, truth.into()]),
            1 => (octets(20)).prop_map(|octets| {
                let mut out = vec![tag::BIT_STRING];
                write_length(octets.len() * 8, &mut out);
                [out, octets].concat()
            }),
        ];
        leaf.prop_recursive(5, 60, 10, |inner| {
            (prop::sample::select(vec![tag::ARRAY, tag::STRUCTURE]), prop::collection::vec(inner, 0..10)).prop_map(
                |(tag, members)| {
                    let mut out = vec![tag];
                    write_length(members.len(), &mut out);
                    [out, members.concat()].concat()
                },
            )
        })
    }

    /// Written member by member, not copied.
    fn rebuilt(data: &Data<'_>) -> Vec<u8> {
        match data {
            Data::Array(list) | Data::Structure(list) => {
                let mut out = vec![data.tag()];
                write_length(list.len(), &mut out);
                for member in list.iter() {
                    out.extend(rebuilt(&member));
                }
                out
            }
            other => other.encode(),
        }
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_it_was_read(wire in any_value()) {
            let data = Data::decode(&wire).unwrap();
            prop_assert_eq!(data.encode(), wire.clone());
            prop_assert_eq!(rebuilt(&data), wire);
        }

        #[test]
        fn a_cut_value_is_an_error(wire in any_value(), at: prop::sample::Index) {
            prop_assert!(Data::decode(&wire[..at.index(wire.len())]).is_err());
        }

        #[test]
        fn no_bytes_panic_and_lists_are_as_long_as_they_say(wire in prop::collection::vec(prop_oneof![0_u8..0x1C, any::<u8>()], 0..80)) {
            if let Ok(data) = Data::decode(&wire) {
                if let Some(list) = data.list() {
                    prop_assert_eq!(list.iter().count(), list.len());
                }
                prop_assert!(Data::decode(&rebuilt(&data)).is_ok());
            }
        }
    }
}
