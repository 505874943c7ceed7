//! Bytes as people write them. Nothing here allocates: text is printed through [`Display`], and read into a caller's buffer.

use std::fmt::{self, Debug, Display, Formatter};

/// Shows bytes as upper-case hexadecimal digits without separators.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hex<'a>(pub &'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
impl Debug for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// Why text is not bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// Neither a hexadecimal digit nor white space.
    #[error("{found:?} is not a hexadecimal digit")]
    Digit {
        /// The first such character.
        found: char,
    },
    /// A byte with one digit.
    #[error("a byte has one digit only")]
    HalfByte,
    /// More bytes than there is room for.
    #[error("more than {room} bytes")]
    TooLong {
        /// Bytes that would fit.
        room: usize,
    },
}

/// Reads hexadecimal text into `out` and returns the bytes written.
///
/// White space may stand between bytes, and a dash or colon, as captures are printed; upper and lower case are equal.
pub fn read<'o>(text: &str, out: &'o mut [u8]) -> Result<&'o [u8], HexError> {
    let room = out.len();
    let mut bytes = out.iter_mut();
    let mut written = 0;
    let mut high: Option<u8> = None;
    for found in text.chars() {
        if found.is_whitespace() || found == '-' || found == ':' {
            if high.is_some() {
                return Err(HexError::HalfByte);
            }
            continue;
        }
        let digit = found.to_digit(16).and_then(|d| u8::try_from(d).ok()).ok_or(HexError::Digit { found })?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                *bytes.next().ok_or(HexError::TooLong { room })? = (high << 4) | digit;
                written += 1;
                None
            }
        };
    }
    match high {
        Some(_) => Err(HexError::HalfByte),
        None => Ok(out.split_at(written).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn captures_are_read_as_they_are_printed() {
        let mut out = [0; 4];
        assert_eq!(read("68 aA-16:FE\n", &mut out), Ok(&[0x68, 0xAA, 0x16, 0xFE][..]));
        assert_eq!(read("", &mut out), Ok(&[][..]));
        assert_eq!(read("6", &mut out), Err(HexError::HalfByte));
        assert_eq!(read("6 8", &mut out), Err(HexError::HalfByte));
        assert_eq!(read("6G", &mut out), Err(HexError::Digit { found: 'G' }));
        assert_eq!(read("0102030405", &mut out), Err(HexError::TooLong { room: 4 }));
    }

    proptest! {
        #[test]
        fn printed_bytes_are_read_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut out = [0; 40];
            prop_assert_eq!(read(&Hex(&bytes).to_string(), &mut out), Ok(&bytes[..]));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let mut out = [0; 8];
            if let Ok(bytes) = read(&text, &mut out) {
                prop_assert!(bytes.len() * 2 <= text.len());
            }
        }
    }
}
