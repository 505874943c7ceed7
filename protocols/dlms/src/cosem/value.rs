//! Values of attributes as types, and back: what [`Data`] says, put into words.
//!
//! Reading forgives what the field does: a number of another width is a number, a date-time may or may not have its own
//! tag, a structure of a newer version may have more members. Writing does as the Blue Book says.

use crate::Obis;
use crate::axdr::{Data, Date, DateTime, Element, Time, tag, write_length};

/// A value does not have the type its attribute must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{found} where {expected} must stand")]
pub struct WrongType {
    /// What must stand there.
    pub expected: &'static str,
    /// What does.
    pub found: &'static str,
}

impl WrongType {
    pub(super) fn new(expected: &'static str, found: &Data<'_>) -> Self {
        Self { expected, found: found.type_name() }
    }
}

/// The value of an attribute, of a part of it, or of a method's parameter.
pub trait Value<'a>: Sized {
    /// What `data` says.
    fn read(data: Data<'a>) -> Result<Self, WrongType>;
    /// Appends it as a [`Data`] with its tag.
    fn append(&self, out: &mut Vec<u8>);
    /// It as a [`Data`].
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append(&mut out);
        out
    }
}

macro_rules! numbers {
    ($($type:ty, $variant:ident, $name:literal;)*) => {$(
        impl<'a> Value<'a> for $type {
            fn read(data: Data<'a>) -> Result<Self, WrongType> {
                data.number().ok_or_else(|| WrongType::new($name, &data))
            }
            fn append(&self, out: &mut Vec<u8>) {
                Data::$variant(*self).write(out);
            }
        }
    )*};
}

numbers! {
    u8, Unsigned, "unsigned";
    i8, Integer, "integer";
    u16, LongUnsigned, "long-unsigned";
    i16, Long, "long";
    u32, DoubleLongUnsigned, "double-long-unsigned";
    i32, DoubleLong, "double-long";
    u64, Long64Unsigned, "long64-unsigned";
    i64, Long64, "long64";
}

impl<'a> Value<'a> for bool {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        data.boolean().ok_or_else(|| WrongType::new("boolean", &data))
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::Boolean(*self).write(out);
    }
}

impl<'a> Value<'a> for Data<'a> {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        Ok(data)
    }
    fn append(&self, out: &mut Vec<u8>) {
        Element::write(self, out);
    }
}

impl<'a> Value<'a> for &'a [u8] {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        data.bytes().ok_or_else(|| WrongType::new("octet-string", &data))
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::OctetString(self).write(out);
    }
}

impl<'a> Value<'a> for Obis {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        data.obis().ok_or_else(|| WrongType::new("octet-string of six octets", &data))
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::OctetString(self.octets()).write(out);
    }
}

macro_rules! moments {
    ($($type:ident, $octets:literal, $name:literal;)*) => {$(
        /// In an octet-string, as all attributes have it.
        impl<'a> Value<'a> for $type {
            fn read(data: Data<'a>) -> Result<Self, WrongType> {
                let wrong = || WrongType::new($name, &data);
                match data {
                    Data::$type(moment) => Ok(moment),
                    Data::OctetString(octets) => octets.try_into().map($type::from_wire).map_err(|_| wrong()),
                    _ => Err(wrong()),
                }
            }
            fn append(&self, out: &mut Vec<u8>) {
                Data::OctetString(self.octets()).write(out);
            }
        }
    )*};
}

moments! {
    DateTime, 12, "octet-string of a date-time";
    Date, 5, "octet-string of a date";
    Time, 4, "octet-string of a time";
}

/// Bits in the order sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits<'a> {
    /// How many.
    pub len: usize,
    /// The octets they stand in, the first in the highest bit.
    pub octets: &'a [u8],
}

impl Bits<'_> {
    /// Bit `at`, counted from the first sent.
    pub fn get(&self, at: usize) -> Option<bool> {
        let octet = self.octets.get(at / 8).filter(|_| at < self.len)?;
        Some(octet >> (7 - at % 8) & 1 == 1)
    }
}

impl<'a> Value<'a> for Bits<'a> {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        match data {
            Data::BitString { bits, octets } => Ok(Self { len: bits, octets }),
            _ => Err(WrongType::new("bit-string", &data)),
        }
    }
    fn append(&self, out: &mut Vec<u8>) {
        Data::BitString { bits: self.len, octets: self.octets }.write(out);
    }
}

/// An array; a compact array reads the same.
impl<'a, T: Value<'a>> Value<'a> for Vec<T> {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        let (Data::Array(_) | Data::CompactArray(_)) = data else { return Err(WrongType::new("array", &data)) };
        data.list().into_iter().flatten().map(T::read).collect()
    }
    fn append(&self, out: &mut Vec<u8>) {
        out.push(tag::ARRAY);
        write_length(self.len(), out);
        self.iter().for_each(|element| element.append(out));
    }
}

/// Null-data where there is nothing.
impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    fn read(data: Data<'a>) -> Result<Self, WrongType> {
        match data {
            Data::Null => Ok(None),
            some => T::read(some).map(Some),
        }
    }
    fn append(&self, out: &mut Vec<u8>) {
        match self {
            None => Data::Null.write(out),
            Some(value) => value.append(out),
        }
    }
}

/// Declares a structure, member by member.
macro_rules! structure {
    ($(
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)? { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name $(<$life>)? {
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl<'de $(, $life)?> crate::cosem::Value<'de> for $name $(<$life>)? where $('de: $life, $life: 'de)? {
            fn read(data: crate::axdr::Data<'de>) -> Result<Self, crate::cosem::WrongType> {
                let short = || crate::cosem::WrongType {
                    expected: concat!("structure of ", stringify!($name)),
                    found: data.type_name(),
                };
                let crate::axdr::Data::Structure(list) = data else { return Err(short()) };
                let mut members = list.iter();
                Ok(Self { $($field: crate::cosem::Value::read(members.next().ok_or_else(short)?)?,)* })
            }
            fn append(&self, out: &mut Vec<u8>) {
                const MEMBERS: usize = [$(stringify!($field)),*].len();
                out.push(crate::axdr::tag::STRUCTURE);
                crate::axdr::write_length(MEMBERS, out);
                $(crate::cosem::Value::append(&self.$field, out);)*
            }
        }
    )*};
}

/// Declares an enumeration; what the standard does not name is kept.
macro_rules! enumeration {
    ($(
        $(#[$doc:meta])*
        $name:ident { $($(#[$item_doc:meta])* $item:ident = $code:literal,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
            /// Not of the standard.
            Other(u8),
        }

        impl $name {
            /// From the number.
            pub const fn from_code(code: u8) -> Self {
                match code {
                    $($code => Self::$item,)*
                    other => Self::Other(other),
                }
            }
            /// The number.
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$item => $code,)*
                    Self::Other(code) => code,
                }
            }
        }

        impl<'a> crate::cosem::Value<'a> for $name {
            fn read(data: crate::axdr::Data<'a>) -> Result<Self, crate::cosem::WrongType> {
                data.number().map(Self::from_code).ok_or(crate::cosem::WrongType {
                    expected: "enum",
                    found: data.type_name(),
                })
            }
            fn append(&self, out: &mut Vec<u8>) {
                crate::axdr::Element::write(&crate::axdr::Data::Enum(self.code()), out);
            }
        }
    )*};
}

pub(super) use {enumeration, structure};
