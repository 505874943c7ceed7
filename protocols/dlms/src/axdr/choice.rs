//! Presence flags and truth values, IEC 61334-6 clauses 6.5 and 6.12.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::be_u8;

use super::Element;
use crate::error::{DecodeError, Parsed, fail};

/// Reads the flag of an OPTIONAL field, and the field where it is there.
pub(crate) fn optional<'a, T>(
    mut parser: impl Parser<&'a [u8], Output = T, Error = DecodeError>,
) -> impl FnMut(&'a [u8]) -> Parsed<'a, Option<T>> {
    move |input| match be_u8(input)? {
        (rest, 0) => Ok((rest, None)),
        (rest, 1) => map(|input| parser.parse(input), Some).parse(rest),
        (_, other) => fail(DecodeError::Tag(other)),
    }
}

/// Writes the flag of an OPTIONAL field, and the field where it is there.
pub(crate) fn write_optional<T>(value: Option<T>, out: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            write(value, out);
        }
    }
}

/// Reads a BOOLEAN: zero is false, anything else is meant to be true.
pub(crate) fn boolean(input: &[u8]) -> Parsed<'_, bool> {
    map(be_u8, |octet| octet != 0).parse(input)
}

/// Reads one element of a service.
pub(crate) fn element<'a, T: Element<'a>>(input: &'a [u8]) -> Parsed<'a, T> {
    T::parse(input)
}
