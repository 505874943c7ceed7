//! What SNRM and UA negotiate: Green Book clause 8.4.5.3.2.

/// Sizes of information fields and windows, as the sender of the frame means transmit and receive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parameters {
    /// Longest information field it would send.
    pub max_info_tx: u16,
    /// Longest it can take.
    pub max_info_rx: u16,
    /// Most frames it would send in one go.
    pub window_tx: u8,
    /// Most it can take.
    pub window_rx: u8,
}

/// What holds where nothing is said.
impl Default for Parameters {
    fn default() -> Self {
        Self { max_info_tx: 128, max_info_rx: 128, window_tx: 1, window_rx: 1 }
    }
}

const FORMAT: u8 = 0x81;
const GROUP: u8 = 0x80;
const MAX_INFO_TX: u8 = 0x05;
const MAX_INFO_RX: u8 = 0x06;
const WINDOW_TX: u8 = 0x07;
const WINDOW_RX: u8 = 0x08;
/// Frames are numbered modulo 8: more than seven cannot be told apart.
const MAX_WINDOW: u8 = 7;

impl Parameters {
    /// Reads an information field. What is not understood is the default: a link is better than none, and meters send odd things.
    pub fn parse(information: &[u8]) -> Self {
        let mut parameters = Self::default();
        let [FORMAT, GROUP, length, rest @ ..] = information else { return parameters };
        let mut rest = rest.split_at(rest.len().min(usize::from(*length))).0;
        while let [identifier, length, behind @ ..] = rest {
            let Some((value, behind)) = behind.split_at_checked(usize::from(*length)) else { break };
            let value = value.iter().fold(0_u32, |n, &octet| n.saturating_mul(256).saturating_add(octet.into()));
            // Zero would forbid all traffic: it is not meant.
            if value > 0 {
                let size = u16::try_from(value).unwrap_or(u16::MAX);
                let window = u8::try_from(value).unwrap_or(MAX_WINDOW).min(MAX_WINDOW);
                match *identifier {
                    MAX_INFO_TX => parameters.max_info_tx = size,
                    MAX_INFO_RX => parameters.max_info_rx = size,
                    WINDOW_TX => parameters.window_tx = window,
                    WINDOW_RX => parameters.window_rx = window,
                    _ => {}
                }
            }
            rest = behind;
        }
        parameters
    }

    /// Appends the information field; sizes below 256 in one octet.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([FORMAT, GROUP]);
        let at = out.len();
        for (identifier, size) in [(MAX_INFO_TX, self.max_info_tx), (MAX_INFO_RX, self.max_info_rx)] {
            match u8::try_from(size) {
                Ok(short) => out.extend([identifier, 1, short]),
                Err(_) => {
                    let [high, low] = size.to_be_bytes();
                    out.extend([identifier, 2, high, low]);
                }
            }
        }
        for (identifier, window) in [(WINDOW_TX, self.window_tx), (WINDOW_RX, self.window_rx)] {
            out.extend([identifier, 4, 0, 0, 0, window]);
        }
        let length = (out.len() - at).to_le_bytes()[0];
        out.insert(at, length);
    }

    /// What holds for this side, once the peer has said `theirs`: neither sends more than the other takes.
    pub fn agreed(&self, theirs: &Self) -> Self {
        Self {
            max_info_tx: self.max_info_tx.min(theirs.max_info_rx),
            max_info_rx: self.max_info_rx.min(theirs.max_info_tx),
            window_tx: self.window_tx.min(theirs.window_rx),
            window_rx: self.window_rx.min(theirs.window_tx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bare_or_odd_field_gives_the_defaults_for_what_it_does_not_say() {
        let default = Parameters::default();
        assert_eq!(Parameters::parse(&[]), default);
        assert_eq!(Parameters::parse(&[0x81, 0x80, 0]), default);
        assert_eq!(Parameters::parse(&[0x81, 0x80, 3, 5, 1, 0xCA]), Parameters { max_info_tx: 0xCA, ..default });
        assert_eq!(Parameters::parse(&[0x81, 0x80, 3, 5, 1, 0]), default, "nothing could be sent");
        assert_eq!(Parameters::parse(&[0x81, 0x80, 40, 5, 9, 1]), default);
        assert_eq!(Parameters::parse(&[0x81, 0x80, 6, 7, 4, 0, 0, 1, 0]).window_tx, 7);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(tx in 1..=u16::MAX, rx in 1..=u16::MAX, window_tx in 1..=7_u8, window_rx in 1..=7_u8) {
            let parameters = Parameters { max_info_tx: tx, max_info_rx: rx, window_tx, window_rx };
            let mut out = Vec::new();
            parameters.encode(&mut out);
            prop_assert_eq!(Parameters::parse(&out), parameters);
        }

        #[test]
        fn both_sides_come_to_the_same_end(a: [u16; 2], b: [u16; 2]) {
            let (ours, theirs) = (
                Parameters { max_info_tx: a[0], max_info_rx: a[1], ..Parameters::default() },
                Parameters { max_info_tx: b[0], max_info_rx: b[1], ..Parameters::default() },
            );
            let (here, there) = (ours.agreed(&theirs), theirs.agreed(&ours));
            prop_assert_eq!((here.max_info_tx, here.max_info_rx), (there.max_info_rx, there.max_info_tx));
        }
    }
}
