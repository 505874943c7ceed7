//! The LLC sublayer: three octets before an APDU, Green Book clause 8.3.

/// Who speaks: the two headers of the LLC sublayer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Llc {
    /// From a client: E6 E6 00.
    Command,
    /// From a server: E6 E7 00.
    Response,
}

impl Llc {
    /// The octets before the APDU.
    pub const fn octets(self) -> [u8; 3] {
        match self {
            Llc::Command => [0xE6, 0xE6, 0x00],
            Llc::Response => [0xE6, 0xE7, 0x00],
        }
    }

    /// Takes the header off. `None` for what has none: pushes of some meters repeat none in later pieces.
    ///
    /// Quirk `double_llc`: some meters send it twice before the AARE. No APDU begins with E6 E6 or E6 E7: as a gateway
    /// request these would be network E6 or E7 with an empty address.
    pub fn strip(information: &[u8]) -> (Option<Self>, &[u8]) {
        let mut found = None;
        let mut apdu = information;
        for _ in 0..2 {
            (found, apdu) = match apdu {
                [0xE6, 0xE6, 0x00, rest @ ..] => (Some(Llc::Command), rest),
                [0xE6, 0xE7, 0x00, rest @ ..] => (Some(Llc::Response), rest),
                _ => break,
            };
        }
        (found, apdu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_or_twice_it_is_taken_off() {
        assert_eq!(Llc::strip(&[0xE6, 0xE6, 0, 0x60]), (Some(Llc::Command), &[0x60][..]));
        assert_eq!(Llc::strip(&[0xE6, 0xE7, 0, 0xE6, 0xE7, 0, 0x61]), (Some(Llc::Response), &[0x61][..]));
        assert_eq!(Llc::strip(&[0xE6, 0x00, 4, 1]), (None, &[0xE6, 0x00, 4, 1][..]), "a gateway request");
        assert_eq!(Llc::strip(&[]), (None, &[][..]));
    }
}
