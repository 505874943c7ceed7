//! What a line knows of the protocols on it.
//!
//! Buses, sessions and sockets meet devices here only: how frames are cut out of bytes, who is asked, what he answers, and
//! what a fault makes of an answer that no change of bytes alone could. A protocol is a variant of each enum below, and a
//! module with what they delegate to.

use hes_wire::Framing;

use crate::civil::Civil;
use crate::dlt645;
use crate::meter::Meter;

/// What everything on one line speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// DL/T 645, both editions.
    Dlt645,
}

impl Protocol {
    /// How its frames stand in a stream of bytes.
    pub(crate) fn framing(self) -> &'static dyn Framing {
        match self {
            Protocol::Dlt645 => dlt645::FRAMING,
        }
    }

    /// Reads a whole frame; `None`: it asks nothing.
    pub(crate) fn question(self, frame: &[u8]) -> Option<Question<'_>> {
        match self {
            Protocol::Dlt645 => dlt645::Question::parse(frame).map(Question::Dlt645),
        }
    }
}

/// A question, read once for all devices of the line.
#[derive(Debug)]
pub(crate) enum Question<'f> {
    Dlt645(dlt645::Question<'f>),
}

impl Question<'_> {
    /// What kind of question it is, as the ledger and `asked` count.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Question::Dlt645(question) => question.control,
        }
    }

    /// What is asked, as the ledger keeps it.
    pub(crate) fn data(&self) -> &[u8] {
        match self {
            Question::Dlt645(question) => &question.data,
        }
    }
}

/// An answer ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Wake-up bytes, then the frame.
    pub(crate) bytes: Vec<u8>,
    /// How many wake-up bytes.
    pub(crate) lead: usize,
    /// The device's speed once the answer is out.
    pub(crate) then_baud: Option<u32>,
}

/// A device on a line.
#[derive(Debug)]
pub(crate) enum Device {
    Dlt645(Meter),
}

impl Device {
    /// The number it goes by in fleet files, at the back door and in every draw.
    pub(crate) fn address(&self) -> u64 {
        match self {
            Device::Dlt645(meter) => meter.address(),
        }
    }

    /// Hears a question, which may be meant for another, and acts on it. `None`: it stays silent.
    pub(crate) fn answer(&mut self, question: &Question<'_>, wake_bytes: usize, now: Civil) -> Option<Reply> {
        match (self, question) {
            (Device::Dlt645(meter), Question::Dlt645(question)) => dlt645::answer(meter, question, wake_bytes, now),
        }
    }

    /// What it says when it takes a question for another device for its own.
    pub(crate) fn answer_for_another(
        &mut self,
        question: &Question<'_>,
        wake_bytes: usize,
        now: Civil,
    ) -> Option<Reply> {
        match (self, question) {
            (Device::Dlt645(meter), Question::Dlt645(question)) => {
                dlt645::answer_for_another(meter, question, wake_bytes, now)
            }
        }
    }

    /// Whether it could be mistaken for another: it speaks as the other does.
    pub(crate) fn is_like(&self, other: &Device) -> bool {
        match (self, other) {
            (Device::Dlt645(one), Device::Dlt645(other)) => one.dialect() == other.dialect(),
        }
    }

    /// What it says to something else than what was asked; `None` where that has no meaning.
    pub(crate) fn wrong_item(
        &self,
        question: &Question<'_>,
        reply: &Reply,
        chance: u64,
        now: Civil,
    ) -> Option<Vec<u8>> {
        match (self, question) {
            (Device::Dlt645(meter), Question::Dlt645(question)) => {
                dlt645::wrong_item(meter, question, reply, chance, now)
            }
        }
    }

    /// Its answer from another address.
    pub(crate) fn wrong_address(&self, reply: &Reply, chance: u64) -> Option<Vec<u8>> {
        match self {
            Device::Dlt645(meter) => dlt645::wrong_address(meter, reply, chance),
        }
    }

    /// Its answer, damaged such that no check of the frame notices; `None` where nothing of it can be.
    pub(crate) fn compensated(&self, question: &Question<'_>, reply: &Reply, chance: u64) -> Option<Vec<u8>> {
        match (self, question) {
            (Device::Dlt645(_), Question::Dlt645(question)) => dlt645::compensated(question, reply, chance),
        }
    }

    /// What it sends unasked to say who it is.
    pub(crate) fn announcement(&self) -> Vec<u8> {
        match self {
            Device::Dlt645(meter) => dlt645::announcement(meter),
        }
    }

    /// The DL/T 645 meter it is.
    pub(crate) fn meter(&self) -> Option<&Meter> {
        match self {
            Device::Dlt645(meter) => Some(meter),
        }
    }

    pub(crate) fn meter_mut(&mut self) -> Option<&mut Meter> {
        match self {
            Device::Dlt645(meter) => Some(meter),
        }
    }
}
