//! Finding the end of a value without looking at what it says.
//!
//! Without recursion: a fixed number of open levels bounds depth, every count is checked against the bytes left, and every
//! step takes at least one of them. So the work is linear in the input, whatever the input claims.

use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use super::{CompactArray, length, tag};
use crate::error::{DecodeError, Parsed, fail};

/// Most arrays and structures inside each other; the deepest standard attribute has six.
pub(crate) const MAX_DEPTH: usize = 16;

/// Octets of the contents of a type of fixed length.
pub(crate) const fn fixed_size(tag: u8) -> Option<usize> {
    Some(match tag {
        tag::NULL | tag::DONT_CARE => 0,
        tag::BOOLEAN
        | tag::BCD
        | tag::INTEGER
        | tag::UNSIGNED
        | tag::ENUM
        | tag::DELTA_INTEGER
        | tag::DELTA_UNSIGNED => 1,
        tag::LONG | tag::LONG_UNSIGNED | tag::DELTA_LONG | tag::DELTA_LONG_UNSIGNED => 2,
        tag::DOUBLE_LONG
        | tag::DOUBLE_LONG_UNSIGNED
        | tag::FLOAT32
        | tag::TIME
        | tag::DELTA_DOUBLE_LONG
        | tag::DELTA_DOUBLE_LONG_UNSIGNED => 4,
        tag::DATE => 5,
        tag::LONG64 | tag::LONG64_UNSIGNED | tag::FLOAT64 => 8,
        tag::DATE_TIME => 12,
        _ => return None,
    })
}

/// Octets of the contents of a type with a length of its own, length included.
pub(crate) fn sized<'a>(tag: u8, input: &'a [u8]) -> Parsed<'a, &'a [u8]> {
    let (rest, count) = length(input)?;
    let octets = match tag {
        tag::BIT_STRING => count.div_ceil(8),
        tag::OCTET_STRING | tag::VISIBLE_STRING | tag::UTF8_STRING => count,
        _ => return fail(DecodeError::Tag(tag)),
    };
    take(octets)(rest)
}

/// Walks over `count` values.
pub(crate) fn skip(count: usize, input: &[u8]) -> Parsed<'_, ()> {
    let mut left = [0_usize; MAX_DEPTH];
    let mut depth = 0;
    let mut rest = input;
    if let Some(outermost) = left.first_mut() {
        *outermost = count;
    }
    loop {
        match left.get_mut(depth) {
            Some(0) if depth == 0 => return Ok((rest, ())),
            Some(0) => {
                depth -= 1;
                continue;
            }
            Some(values) => *values -= 1,
            None => return fail(DecodeError::Depth),
        }
        let (contents, tag) = be_u8(rest)?;
        rest = match (tag, fixed_size(tag)) {
            (tag::ARRAY | tag::STRUCTURE, _) => {
                let (elements, count) = length(contents)?;
                if count > elements.len() {
                    return fail(DecodeError::Truncated);
                }
                depth += 1;
                match left.get_mut(depth) {
                    Some(level) => *level = count,
                    None => return fail(DecodeError::Depth),
                }
                elements
            }
            (tag::COMPACT_ARRAY, _) => CompactArray::parse(contents)?.0,
            (_, Some(size)) => take(size)(contents)?.0,
            (_, None) => sized(tag, contents)?.0,
        };
    }
}
