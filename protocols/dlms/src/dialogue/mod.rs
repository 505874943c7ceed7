//! Long requests and answers: block transfer both ways, kept out of everybody else's sight.
//!
//! [`Asking`] takes one whole request and gives back one whole answer, however many APDUs that needs; [`Answering`] is the
//! server's side of it. Whoever uses them sees only the plain forms of GET, SET, ACTION and READ. [`GeneralTransfer`] does
//! the same for APDUs of any kind, ciphered ones included: Green Book clauses 9.3.5 and 9.3.7 to 9.3.9.

mod answering;
mod asking;
mod general;

pub use answering::{Answering, Asked};
pub use asking::{Asking, CannotAsk, Heard, Refusal};
pub use general::{Broken, GeneralTransfer};

/// What the ends agreed about sizes, and what this end bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest APDU the other end takes, what protects it already taken off; 0 for no limit.
    pub max_pdu: usize,
    /// Longest whole APDU that is put together.
    pub max_whole_octets: usize,
}

/// Sixty-four kilobytes for a piece, a megabyte for the whole.
impl Default for Limits {
    fn default() -> Self {
        Self { max_pdu: 0xFFFF, max_whole_octets: 1 << 20 }
    }
}

impl Limits {
    /// Octets of a piece beside `overhead` others, length included; `None` where not even one fits.
    fn piece(&self, overhead: usize) -> Option<usize> {
        /// The longest length that is written before a piece of an APDU with a limit.
        const LENGTH: usize = 3;
        match self.max_pdu {
            0 => Some(usize::MAX),
            max_pdu => max_pdu.checked_sub(overhead + LENGTH).filter(|&piece| piece > 0),
        }
    }
    fn fits(&self, apdu: &[u8]) -> bool {
        self.max_pdu == 0 || apdu.len() <= self.max_pdu
    }
}

/// Octets around a piece: tag, choice, invoke id, last block, block number.
const BLOCK_OVERHEAD: usize = 3 + 5;
