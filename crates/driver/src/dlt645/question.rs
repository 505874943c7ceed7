//! One question to a meter, and the only answers taken for it.

use hes_dlt645::{
    Address, Answer, Command, Conversation, DataId, DateTime, Dialect, Direction, Dlt645, Errors, Frame, Heard,
    Mismatch, Service,
};
use hes_wire::Framing;

use crate::{Expect, Verdict};

/// Most bytes of an answer in several frames. The longest block of the standard has about two thousand.
pub(super) const LONGEST_ANSWER: usize = 16 * 1024;

/// Whose answers are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Station {
    /// The address asked; open digits match any meter.
    pub(crate) address: Address,
    /// Whether this meter is known to answer from the wildcard address although it was asked by its own.
    pub(crate) from_wildcard: FromWildcard,
}

/// What an answer from AA×6 to a full address is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FromWildcard {
    /// Somebody else's.
    Foreign,
    /// This meter's: its model is known for it.
    Own,
}

impl Station {
    /// Whoever is alone on the line.
    pub(crate) const ALONE: Self = Self { address: Address::WILDCARD, from_wildcard: FromWildcard::Own };

    fn conversation(self, dialect: Dialect, item: DataId) -> Conversation {
        let conversation = Conversation::new(dialect, self.address, item, LONGEST_ANSWER);
        match self.from_wildcard {
            FromWildcard::Foreign => conversation,
            FromWildcard::Own => conversation.from_wildcard_too(),
        }
    }
}

/// What a meter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// A data item.
    Item(DataId),
    /// Load-profile records from a time on.
    Records {
        /// The class of records.
        item: DataId,
        /// How many, two packed digits.
        records: u8,
        /// From when on.
        since: DateTime,
    },
    /// Its address.
    Address,
}

/// What the frame that was taken is to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// The end of the answer.
    Whole,
    /// A part; the next is to be asked for.
    Part,
    /// No.
    Refused(Errors),
    /// More than any answer has.
    TooLong,
}

/// Takes the answer to one question frame by frame, and nothing else. Which frame fits, and what to ask next, the
/// protocol's own [`Conversation`] knows.
#[derive(Debug)]
pub(crate) struct Wanted {
    open: Open,
    /// The frame taken last.
    frame: Vec<u8>,
    taken: Option<(Address, Came)>,
}

#[derive(Debug)]
enum Open {
    Item(Conversation),
    /// Only meters of 2007 know this question.
    Address {
        asked: Address,
        said: Option<Address>,
    },
}

impl Wanted {
    pub(crate) fn new(station: Station, dialect: Dialect, question: Question) -> Self {
        let open = match question {
            Question::Item(item) => Open::Item(station.conversation(dialect, item)),
            Question::Records { item, records, since } => {
                Open::Item(station.conversation(dialect, item).of_records(records, since))
            }
            Question::Address => Open::Address { asked: station.address, said: None },
        };
        Self { open, frame: Vec::new(), taken: None }
    }

    /// What to send now.
    pub(crate) fn command(&self) -> Command<'static> {
        match &self.open {
            Open::Item(conversation) => conversation.command(),
            Open::Address { .. } => Command::ReadAddress,
        }
    }

    /// The frame that was taken, from whom it came, and what it is to the question; once.
    pub(crate) fn take(&mut self) -> Option<(Vec<u8>, Address, Came)> {
        let (from, came) = self.taken.take()?;
        Some((std::mem::take(&mut self.frame), from, came))
    }

    /// What the meter said, free of frames, mask and identification.
    pub(crate) fn data(&self) -> Vec<u8> {
        match &self.open {
            Open::Item(conversation) => conversation.data().iter().collect(),
            Open::Address { said, .. } => said.map_or_else(Vec::new, |address| address.0.to_vec()),
        }
    }
}

impl Open {
    fn offer(&mut self, frame: &Frame<'_>) -> Result<Came, Verdict> {
        match self {
            Open::Item(conversation) => match conversation.offer(frame) {
                Heard::Complete => Ok(Came::Whole),
                Heard::Part => Ok(Came::Part),
                Heard::Refused(errors) => Ok(Came::Refused(errors)),
                Heard::TooLong => Ok(Came::TooLong),
                Heard::Foreign(Mismatch::Request) => Err(Verdict::Echo),
                Heard::Foreign(Mismatch::Address) => Err(Verdict::WrongAddress),
                Heard::Foreign(Mismatch::Service | Mismatch::Item | Mismatch::Sequence) | Heard::Over => {
                    Err(Verdict::WrongItem)
                }
            },
            Open::Address { asked, said } => {
                if frame.control.direction() == Direction::Request {
                    return Err(Verdict::Echo);
                }
                if !frame.address.answers(*asked) {
                    return Err(Verdict::WrongAddress);
                }
                match Answer::parse(Dialect::V2007, frame) {
                    Answer::Address { address } => {
                        *said = Some(address);
                        Ok(Came::Whole)
                    }
                    Answer::Refused { service: Service::ReadAddress, errors } => Ok(Came::Refused(errors)),
                    _ => Err(Verdict::WrongItem),
                }
            }
        }
    }
}

impl Expect for Wanted {
    fn framing(&self) -> &dyn Framing {
        &Dlt645
    }

    fn offer(&mut self, bytes: &[u8]) -> Verdict {
        let Ok(frame) = Frame::parse(bytes) else { return Verdict::WrongItem };
        match self.open.offer(&frame) {
            Ok(came) => {
                self.taken = Some((frame.address, came));
                self.frame = bytes.to_vec();
                Verdict::Done
            }
            Err(verdict) => verdict,
        }
    }
}
