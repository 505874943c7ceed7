//! Tag, length, contents: as much of BER as ACSE needs.

use crate::axdr::{octets, write_length, write_octets};
use crate::error::{DecodeError, Parsed};
use nom::number::complete::be_u8;

/// One element. Every tag of ACSE fits into one octet.
pub(super) struct Tlv<'a> {
    pub(super) tag: u8,
    pub(super) contents: &'a [u8],
}

fn tlv(input: &[u8]) -> Parsed<'_, Tlv<'_>> {
    let (rest, tag) = be_u8(input)?;
    let (rest, contents) = octets(rest)?;
    Ok((rest, Tlv { tag, contents }))
}

/// Hands every element of `input` to `each`, in order.
pub(super) fn for_each<'a>(
    mut input: &'a [u8],
    mut each: impl FnMut(Tlv<'a>) -> Result<(), DecodeError>,
) -> Result<(), nom::Err<DecodeError>> {
    while !input.is_empty() {
        let (rest, element) = tlv(input)?;
        each(element).map_err(nom::Err::Error)?;
        input = rest;
    }
    Ok(())
}

/// The contents of the one element with `tag` that `input` is.
pub(super) fn only(tag: u8, input: &[u8]) -> Result<&[u8], DecodeError> {
    match crate::error::whole(input, tlv)? {
        element if element.tag == tag => Ok(element.contents),
        element => Err(DecodeError::Tag(element.tag)),
    }
}

/// A number of one octet or more.
pub(super) fn integer(contents: &[u8]) -> Result<u8, DecodeError> {
    match contents {
        [] => Err(DecodeError::Truncated),
        [zeros @ .., last] if zeros.iter().all(|&octet| octet == 0) => Ok(*last),
        _ => Err(DecodeError::Value),
    }
}

/// Appends an element.
pub(super) fn write(tag: u8, contents: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    write_octets(contents, out);
}

/// Appends an element inside of another.
pub(super) fn write_inside(outer: u8, inner: u8, contents: &[u8], out: &mut Vec<u8>) {
    let mut element = Vec::with_capacity(contents.len() + 4);
    write(inner, contents, &mut element);
    write(outer, &element, out);
}

/// Appends the length and the fields of a message whose tag is written.
pub(super) fn write_body(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fields(&mut body);
    write_length(body.len(), out);
    out.extend(body);
}
