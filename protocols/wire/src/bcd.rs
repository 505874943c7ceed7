//! Packed decimal: two digits a byte, low byte first, as the meter protocols of the DL/T family send numbers.

/// Most digits one number may have here: sixteen, which always fit an `i64`.
pub const MAX_DIGITS: usize = 2 * MAX_BYTES;
/// Most bytes one number may have here.
pub const MAX_BYTES: usize = 8;

/// The number of one byte, 0 to 99, or `None` where a digit is above nine.
#[inline]
pub const fn from_byte(byte: u8) -> Option<u8> {
    let (high, low) = (byte >> 4, byte & 0x0F);
    if high > 9 || low > 9 { None } else { Some(high * 10 + low) }
}

/// The byte that shows `number`, or `None` above 99.
pub const fn to_byte(number: u8) -> Option<u8> {
    if number > 99 { None } else { Some(((number / 10) << 4) | (number % 10)) }
}

/// The number of sixteen packed digits, lowest digit in the lowest four bits, or `None` where a digit is above nine.
///
/// Works on all digits at once. In each pair the high digit counts sixteen where it should count ten: six of it are
/// taken away. Then the same for pairs of pairs, which count 256 for 100, and so on. It is the inner step of every
/// decoded reading.
#[inline]
pub const fn from_packed(packed: u64) -> Option<u64> {
    // A digit is above nine when its 8-bit is set and its 4-bit or 2-bit is.
    const EIGHTS: u64 = 0x8888_8888_8888_8888;
    if packed & ((packed << 1) | (packed << 2)) & EIGHTS != 0 {
        return None;
    }
    let pairs = packed - (16 - 10) * ((packed >> 4) & 0x0F0F_0F0F_0F0F_0F0F);
    let fours = pairs - (256 - 100) * ((pairs >> 8) & 0x00FF_00FF_00FF_00FF);
    let eights = fours - (65_536 - 10_000) * ((fours >> 16) & 0x0000_FFFF_0000_FFFF);
    Some(eights - ((1 << 32) - 100_000_000) * (eights >> 32))
}

/// The packed digits of `number`, the inverse of [`from_packed`]; `None` above sixteen digits.
pub const fn to_packed(number: u64) -> Option<u64> {
    let (mut rest, mut packed, mut shift) = (number, 0, 0);
    while rest != 0 {
        if shift == 64 {
            return None;
        }
        packed |= (rest % 10) << shift;
        rest /= 10;
        shift += 4;
    }
    Some(packed)
}

/// Writes `number` into `out`, low byte first, filled up with zeros. `None`, with `out` untouched, where it does not fit.
pub fn write_le(number: u64, out: &mut [u8]) -> Option<()> {
    let packed = to_packed(number)?.to_le_bytes();
    let (kept, rest) = packed.split_at(out.len().min(MAX_BYTES));
    if rest.iter().any(|&byte| byte != 0) {
        return None;
    }
    out.fill(0);
    for (to, &from) in out.iter_mut().zip(kept) {
        *to = from;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_byte_with_a_digit_above_nine_is_no_number() {
        for byte in 0..=u8::MAX {
            let expected = (byte >> 4 <= 9 && byte & 15 <= 9).then_some((byte >> 4) * 10 + (byte & 15));
            assert_eq!(from_byte(byte), expected);
            assert_eq!(from_packed(byte.into()), expected.map(u64::from));
            assert!(expected.is_none_or(|n| to_byte(n) == Some(byte)));
        }
        assert_eq!(to_byte(100), None);
    }

    #[test]
    fn a_number_that_does_not_fit_leaves_the_buffer_alone() {
        let mut out = [7; 2];
        assert_eq!(write_le(10_000, &mut out), None);
        assert_eq!(out, [7, 7]);
        assert_eq!(write_le(9_876, &mut out), Some(()));
        assert_eq!(out, [0x76, 0x98]);
        assert_eq!(write_le(u64::MAX, &mut [0; 9]), None);
    }

    proptest! {
        #[test]
        fn packing_is_the_inverse_of_unpacking(number in 0..10_u64.pow(16)) {
            prop_assert_eq!(from_packed(to_packed(number).unwrap()), Some(number));
        }

        #[test]
        fn unpacking_agrees_with_the_digits_one_by_one(packed: u64) {
            let text = format!("{packed:016x}");
            prop_assert_eq!(from_packed(packed), text.parse().ok());
        }

        #[test]
        fn every_packed_decimal_survives(packed in "[0-9]{16}") {
            let packed = u64::from_str_radix(&packed, 16).unwrap();
            prop_assert_eq!(to_packed(from_packed(packed).unwrap()), Some(packed));
        }
    }
}
