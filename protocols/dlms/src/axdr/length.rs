//! Lengths and counts, IEC 61334-6 clause 6.1: one octet below 128, else the number of octets and then the length.

use nom::bytes::complete::take;
use nom::number::complete::be_u8;

use crate::error::{DecodeError, Parsed, fail};

/// Most octets a length may have: the standard's lists and strings stay far below.
const MAX_LENGTH_OCTETS: u8 = 4;

/// Reads a length or a count.
pub(crate) fn length(input: &[u8]) -> Parsed<'_, usize> {
    let (rest, first) = be_u8(input)?;
    if first < 0x80 {
        return Ok((rest, usize::from(first)));
    }
    let octets = first & 0x7F;
    if octets == 0 || octets > MAX_LENGTH_OCTETS {
        return fail(DecodeError::Length);
    }
    let (rest, octets) = take(octets)(rest)?;
    let length = octets.iter().fold(0_u64, |n, &octet| n << 8 | u64::from(octet));
    Ok((rest, usize::try_from(length).map_err(|_| nom::Err::Error(DecodeError::Length))?))
}

/// Reads a length and that many octets.
pub(crate) fn octets(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (rest, length) = length(input)?;
    take(length)(rest)
}

/// Writes a length in its shortest form.
pub(crate) fn write_length(length: usize, out: &mut Vec<u8>) {
    let octets = length.to_be_bytes();
    match length {
        0..0x80 => out.extend(octets.last()),
        _ => {
            let significant = octets.split_at(length.leading_zeros() as usize / 8).1;
            out.push(0x80 | significant.len().to_le_bytes()[0]);
            out.extend(significant);
        }
    }
}

/// Writes octets with their length before them.
pub(crate) fn write_octets(octets: &[u8], out: &mut Vec<u8>) {
    write_length(octets.len(), out);
    out.extend_from_slice(octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::whole;
    use proptest::prelude::*;

    #[test]
    fn forms_that_do_not_exist_are_refused() {
        for (wire, error) in [
            (&[0x80][..], DecodeError::Length),
            (&[0x85, 0, 0, 0, 0, 1], DecodeError::Length),
            (&[0xFF], DecodeError::Length),
            (&[0x82, 1], DecodeError::Truncated),
            (&[], DecodeError::Truncated),
        ] {
            assert_eq!(whole(wire, length), Err(error));
        }
        assert_eq!(whole(&[0x82, 0, 5], length), Ok(5), "longer than need be, yet a length");
    }

    proptest! {
        #[test]
        fn a_written_length_is_read_back(wanted in 0..=u32::MAX) {
            let mut out = Vec::new();
            write_length(wanted as usize, &mut out);
            prop_assert_eq!(whole(&out, length), Ok(wanted as usize));
        }
    }
}
