//! One question to a meter, and the only answers taken for it.

use hes_dlt645::{
    Address, Answer, Command, Control, DataId, Dialect, Direction, Dlt645, Errors, Follow, Frame, Service,
};
use hes_wire::Framing;

use crate::{Expect, Verdict};

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

    fn answers(self, from: Address) -> bool {
        from.answers(self.address) || (self.from_wildcard == FromWildcard::Own && from == Address::WILDCARD)
    }
}

/// What the meter said, free of frame, mask and identification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Data of the item asked for, or a part of it.
    Data {
        /// The bytes.
        data: Vec<u8>,
        /// Whether another part is to be asked for.
        follow: Follow,
    },
    /// Its address.
    Address(Address),
    /// No.
    Refused(Errors),
}

/// Takes the answer to one question, and nothing else.
///
/// A refusal carries no data item, in either dialect: it is taken for the answer to this question because it comes from
/// the meter asked, while nothing else is open. The link must not ask a meter while an answer may still be under way.
#[derive(Debug)]
pub(crate) struct Wanted {
    station: Station,
    dialect: Dialect,
    service: Service,
    item: Option<DataId>,
    seq: Option<u8>,
    /// The accepted frame.
    pub(crate) frame: Vec<u8>,
    /// From whom it came, and what it said.
    pub(crate) said: Option<(Address, Said)>,
}

impl Wanted {
    /// What answers `command`; `None` where nothing does, or nothing that we could match.
    pub(crate) fn new(station: Station, dialect: Dialect, command: &Command<'_>) -> Option<Self> {
        let (service, item, seq) = match *command {
            Command::Read { item, .. } => (Service::Read, Some(item), None),
            Command::ReadFollow { item, seq } => (Service::ReadFollow, Some(item), seq),
            Command::ReadAddress => (Service::ReadAddress, None, None),
            _ => return None,
        };
        Some(Self { station, dialect, service, item, seq, frame: Vec::new(), said: None })
    }

    fn judge(&self, control: Control, answer: Answer<'_>) -> Option<Said> {
        match answer {
            Answer::Data { service, item, data, seq, follow }
                if (service, Some(item), seq) == (self.service, self.item, self.seq) =>
            {
                Some(Said::Data { data: data.iter().collect(), follow })
            }
            Answer::Address { address } if self.service == Service::ReadAddress => Some(Said::Address(address)),
            Answer::Refused { service, errors } if service == self.service && control.is_abnormal() => {
                Some(Said::Refused(errors))
            }
            _ => None,
        }
    }
}

impl Expect for Wanted {
    fn framing(&self) -> &dyn Framing {
        &Dlt645
    }

    fn offer(&mut self, bytes: &[u8]) -> Verdict {
        let Ok(frame) = Frame::parse(bytes) else { return Verdict::WrongItem };
        if frame.control.direction() == Direction::Request {
            return Verdict::Echo;
        }
        if !self.station.answers(frame.address) {
            return Verdict::WrongAddress;
        }
        match self.judge(frame.control, Answer::parse(self.dialect, &frame)) {
            Some(said) => {
                self.said = Some((frame.address, said));
                self.frame = bytes.to_vec();
                Verdict::Done
            }
            None => Verdict::WrongItem,
        }
    }
}
