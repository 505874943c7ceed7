//! Writing values as a meter does: packed BCD, low byte first, sign in the top bit of the last byte.

use crate::civil::Civil;

/// The data of an answer while it is put together (before +33H, which is the frame's business).
#[derive(Debug, Default)]
pub(crate) struct Data(Vec<u8>);

/// The sign bit of a signed item: the top bit of its last byte.
const SIGN: u8 = 0x80;
/// Ends each part of a block whose parts differ in kind.
pub(crate) const SEPARATOR: u8 = 0xAA;

impl Data {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `value` in `bytes` bytes; what does not fit rolls over, as a counter does.
    pub(crate) fn bcd(mut self, mut value: u64, bytes: usize) -> Self {
        for _ in 0..bytes {
            self.0.push(packed(value % 100));
            value /= 100;
        }
        self
    }

    /// A signed value; its magnitude must leave the sign bit free, which is cleared before.
    pub(crate) fn signed(mut self, value: i64, bytes: usize) -> Self {
        self = self.bcd(value.unsigned_abs(), bytes);
        if let Some(top) = self.0.last_mut() {
            *top &= !SIGN;
            if value < 0 {
                *top |= SIGN;
            }
        }
        self
    }

    /// A value the meter has no sensor for.
    pub(crate) fn absent(self, bytes: usize) -> Self {
        self.repeat(0xFF, bytes)
    }

    pub(crate) fn repeat(mut self, byte: u8, times: usize) -> Self {
        self.0.extend(std::iter::repeat_n(byte, times));
        self
    }

    /// YYMMDDhhmm, minutes first on the wire.
    pub(crate) fn minute(self, at: Civil) -> Self {
        let at = at.datetime();
        self.pair(at.minute()).pair(at.hour()).pair(at.day()).pair(at.month()).year(at.year())
    }

    /// YYMMDDhhmmss, seconds first on the wire.
    pub(crate) fn second(self, at: Civil) -> Self {
        self.pair(at.datetime().second()).minute(at)
    }

    /// A two-digit number as one byte.
    pub(crate) fn pair(self, value: i8) -> Self {
        self.bcd(u64::try_from(value).unwrap_or(0), 1)
    }

    /// The last two digits of a year.
    pub(crate) fn year(self, year: i16) -> Self {
        self.bcd(u64::try_from(year).unwrap_or(0), 1)
    }

    /// Text in a field of `bytes` bytes: last character first, the field's end filled with NUL.
    pub(crate) fn text(mut self, text: &str, bytes: usize) -> Self {
        let mut field = vec![0; bytes];
        for (slot, byte) in field.iter_mut().rev().zip(text.bytes()) {
            *slot = byte;
        }
        self.0.append(&mut field);
        self
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn separator(self) -> Self {
        self.repeat(SEPARATOR, 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn done(self) -> Vec<u8> {
        self.0
    }
}

fn packed(two_digits: u64) -> u8 {
    u8::try_from(((two_digits / 10) << 4) | (two_digits % 10)).unwrap_or(0xFF)
}

/// Reads packed BCD, low byte first; `None` when a digit is above 9.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.iter().rev().try_fold(0_u64, |sum, byte| {
        let (high, low) = (u64::from(byte >> 4), u64::from(byte & 0x0F));
        (high < 10 && low < 10).then(|| sum.checked_mul(100)?.checked_add(high * 10 + low))?
    })
}

/// Reads ss mm hh DD MM YY or, without its first byte, mm hh DD MM YY; years are those of this century.
pub(crate) fn instant(bytes: &[u8]) -> Option<Civil> {
    let (second, rest) = match bytes {
        [ss, rest @ ..] if rest.len() == 5 => (number(&[*ss])?, rest),
        rest if rest.len() == 5 => (0, rest),
        _ => return None,
    };
    let part = |i: usize| i8::try_from(number(rest.get(i..=i)?)?).ok();
    let year = 2000 + i16::from(part(4)?);
    jiff::civil::DateTime::new(year, part(3)?, part(2)?, part(1)?, part(0)?, i8::try_from(second).ok()?, 0)
        .ok()
        .map(Civil::from_datetime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_low_byte_first_and_carry_their_sign_in_the_top_bit() {
        assert_eq!(Data::new().bcd(123_456, 4).done(), [0x56, 0x34, 0x12, 0x00]);
        assert_eq!(Data::new().signed(-5006, 3).done(), [0x06, 0x50, 0x80]);
        assert_eq!(number(&[0x56, 0x34, 0x12, 0x00]), Some(123_456));
        assert_eq!(number(&[0x5A]), None);
    }

    #[test]
    fn a_counter_beyond_its_digits_rolls_over() {
        assert_eq!(Data::new().bcd(1_0000_0001, 4).done(), [0x01, 0, 0, 0]);
    }

    #[test]
    fn instants_survive_the_round_trip() {
        let at: Civil = "2017-06-05T10:22:51".parse().unwrap();
        let wire = Data::new().second(at).done();
        assert_eq!(wire, [0x51, 0x22, 0x10, 0x05, 0x06, 0x17]);
        assert_eq!(instant(&wire), Some(at));
        assert_eq!(instant(&wire[1..]).unwrap().to_string(), "2017-06-05T10:22:00");
        assert_eq!(instant(&[0, 0, 0, 0x31, 0x02, 0x26]), None);
    }

    #[test]
    fn text_is_sent_last_character_first() {
        assert_eq!(Data::new().text("220V", 6).done(), [0, 0, b'V', b'0', b'2', b'2']);
    }
}
