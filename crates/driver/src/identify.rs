//! Who is at the other end of a line that was just opened: for modules that dial in and say nothing by themselves.

use hes_dlt645::{Address, Answer, Command, Dialect, Direction, Dlt645, Envelope, Frame, OVERHEAD};
use hes_model::CommAddress;
use hes_wire::Framing;

use crate::dlt645::comm_address;

/// Wake-up bytes before the question, as the standard says for masters.
const WAKE_UP: usize = 4;

/// How frames stand in what comes.
pub fn framing() -> &'static dyn Framing {
    &Dlt645
}

/// "Read address" to whoever is alone on the line, DL/T 645-2007 clause 7.3; wake-up bytes included.
pub fn question() -> Vec<u8> {
    let envelope = Envelope { dialect: Dialect::V2007, address: Address::WILDCARD, wake_bytes: WAKE_UP };
    let mut frame = [0; WAKE_UP + OVERHEAD];
    Command::ReadAddress.encode(&envelope, &mut frame).expect("a read without data fits").to_vec()
}

/// The meter a frame comes from; `None` for a master's frame, and for one that names no single meter.
///
/// In an answer to [`question`] the address in the data counts: the one in the header may be the wildcard again.
pub fn address_of(frame: &[u8]) -> Option<CommAddress> {
    let frame = Frame::parse(frame).ok()?;
    if frame.control.direction() == Direction::Request {
        return None;
    }
    match Answer::parse(Dialect::V2007, &frame) {
        Answer::Address { address } => comm_address(address),
        _ => comm_address(frame.address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn the_question_is_the_published_frame_behind_four_wake_up_bytes() {
        assert_eq!(question(), hex("FEFEFEFE68AAAAAAAAAAAA681300DF16"));
    }

    #[test]
    fn a_meters_frame_names_it_and_nothing_else_does() {
        let meter = |text: &str| address_of(&hex(text)).map(|address| address.to_string());
        assert_eq!(meter("6861010000000068910833333433593333338A16").as_deref(), Some("000000000161"));
        assert_eq!(meter("68AAAAAAAAAAAA689306943433333333F916").as_deref(), Some("000000000161"), "by its data");
        assert_eq!(meter("68AAAAAAAAAAAA6893069434333333330016"), None, "a damaged frame");
        assert_eq!(meter("68AAAAAAAAAAAA6891063334343533339916"), None, "a meter that answers from the wildcard");
        assert_eq!(meter("68610100000000681104333434351716"), None, "a master's frame");
    }
}
