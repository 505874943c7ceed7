//! System titles: who a meter or a client is to the cipher, Green Book clause 4.3.4.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use hes_wire::hex;

/// Octets of a system title.
pub const TITLE_OCTETS: usize = 8;

/// Why octets or text are not a system title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TitleError {
    /// Another number of octets.
    #[error("a system title has 8 octets, not {found}")]
    Length {
        /// Octets found.
        found: usize,
    },
    /// Text that is not hexadecimal.
    #[error("a system title is 16 hexadecimal digits")]
    Hex(#[from] hex::HexError),
}

/// A system title: three letters of the maker, five octets that make it unique.
///
/// It is half of the nonce, so two senders with one title and one key must not exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTitle(pub [u8; TITLE_OCTETS]);

impl SystemTitle {
    /// The title in exactly eight octets.
    pub fn from_octets(octets: &[u8]) -> Result<Self, TitleError> {
        octets.try_into().map(Self).map_err(|_| TitleError::Length { found: octets.len() })
    }
    /// The three letters of the maker, where they are letters.
    pub fn maker(&self) -> Option<&str> {
        let (letters, _) = self.0.split_at(3);
        letters.iter().all(u8::is_ascii_uppercase).then(|| str::from_utf8(letters).ok())?
    }
}

impl Display for SystemTitle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&hex::Hex(&self.0), f)
    }
}
impl Debug for SystemTitle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
impl FromStr for SystemTitle {
    type Err = TitleError;
    fn from_str(text: &str) -> Result<Self, TitleError> {
        // One more than fits, so that a title that is too long is told from one that is not hexadecimal.
        let mut octets = [0; TITLE_OCTETS + 1];
        Self::from_octets(hex::read(text, &mut octets)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_read_as_it_is_printed() {
        let title: SystemTitle = "4d 4d 4d 00 00 bc 61 4e".parse().unwrap();
        assert_eq!(title, SystemTitle(*b"MMM\0\0\xBC\x61\x4E"));
        assert_eq!((title.to_string().as_str(), title.maker()), ("4D4D4D0000BC614E", Some("MMM")));
        assert_eq!(title.to_string().parse(), Ok(title));
        assert_eq!(SystemTitle([0; 8]).maker(), None);
    }

    #[test]
    fn what_is_no_title_is_refused_by_its_reason() {
        assert_eq!("4d4d4d".parse::<SystemTitle>(), Err(TitleError::Length { found: 3 }));
        assert_eq!("4d4d4d0000bc614e00".parse::<SystemTitle>(), Err(TitleError::Length { found: 9 }));
        assert!(matches!("MMM00000".parse::<SystemTitle>(), Err(TitleError::Hex(_))));
    }
}
