//! Bytes as people write them.

use std::fmt;

/// Why digits are no bytes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HexError {
    #[error("no hexadecimal digits")]
    Empty,
    #[error("character {found:?} at position {position} is not a hexadecimal digit")]
    Digit { found: char, position: usize },
    #[error("an odd number of hexadecimal digits, {digits}")]
    Odd { digits: usize },
}

/// Turns digits into bytes, replacing what `bytes` held. White space, dashes and colons may stand between digits, as
/// captures are printed.
pub(crate) fn read(digits: &str, bytes: &mut Vec<u8>) -> Result<(), HexError> {
    bytes.clear();
    let mut high = None;
    for (at, &byte) in digits.as_bytes().iter().enumerate() {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'-' | b':' => continue,
            _ if byte.is_ascii_whitespace() => continue,
            _ => {
                let found = digits[at..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                return Err(HexError::Digit { found, position: digits[..at].chars().count() + 1 });
            }
        };
        high = match high {
            None => Some(value),
            Some(high) => {
                bytes.push(high << 4 | value);
                None
            }
        };
    }
    match (high, bytes.is_empty()) {
        (Some(_), _) => Err(HexError::Odd { digits: 2 * bytes.len() + 1 }),
        (None, true) => Err(HexError::Empty),
        (None, false) => Ok(()),
    }
}

/// Shows bytes as digits, parted by blanks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spaced<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Spaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for byte in self.0 {
            write!(f, "{separator}{byte:02X}")?;
            separator = " ";
        }
        Ok(())
    }
}

/// Shows bytes as digits without anything between.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joined<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_parted_and_of_any_case() {
        let mut bytes = Vec::new();
        read(" fe FE\t68-aA\r", &mut bytes).unwrap();
        assert_eq!(bytes, [0xFE, 0xFE, 0x68, 0xAA]);
        assert_eq!(Spaced(&bytes).to_string(), "FE FE 68 AA");
    }

    #[test]
    fn what_is_no_digit_is_named_with_its_place() {
        let mut bytes = Vec::new();
        assert_eq!(read("68电", &mut bytes), Err(HexError::Digit { found: '电', position: 3 }));
        assert_eq!(read("681", &mut bytes), Err(HexError::Odd { digits: 3 }));
        assert_eq!(read("  ", &mut bytes), Err(HexError::Empty));
    }
}
