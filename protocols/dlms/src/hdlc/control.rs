//! Control octets: Green Book clause 8.4.3.

use std::fmt::{self, Display, Formatter};

/// What a frame is. Numbers of frames count modulo 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// I: carries a part of an APDU.
    Information {
        /// N(S), its own number.
        send: u8,
        /// N(R), the number expected next from the other side.
        receive: u8,
    },
    /// RR: ready; acknowledges all before N(R).
    ReceiveReady {
        /// N(R).
        receive: u8,
    },
    /// RNR: busy; acknowledges all before N(R).
    ReceiveNotReady {
        /// N(R).
        receive: u8,
    },
    /// SNRM: opens the link.
    SetNormalResponseMode,
    /// DISC: closes it.
    Disconnect,
    /// UA: agrees to either.
    UnnumberedAcknowledge,
    /// DM: the link is not open.
    DisconnectedMode,
    /// FRMR: what came cannot be repaired by repeating it.
    FrameReject,
    /// UI: information outside of the numbering, as pushes.
    UnnumberedInformation,
    /// Nothing this profile knows, as sent without P/F.
    Unknown(u8),
}

impl Kind {
    /// The standard's abbreviation.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Information { .. } => "I",
            Kind::ReceiveReady { .. } => "RR",
            Kind::ReceiveNotReady { .. } => "RNR",
            Kind::SetNormalResponseMode => "SNRM",
            Kind::Disconnect => "DISC",
            Kind::UnnumberedAcknowledge => "UA",
            Kind::DisconnectedMode => "DM",
            Kind::FrameReject => "FRMR",
            Kind::UnnumberedInformation => "UI",
            Kind::Unknown(_) => "unknown",
        }
    }
}

/// A control octet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Control {
    /// What the frame is.
    pub kind: Kind,
    /// Poll from a client, which asks for an answer; final from a server, which ends its turn.
    pub poll_final: bool,
}

/// The bit of poll and final.
const POLL_FINAL: u8 = 0x10;

impl Control {
    /// With poll or final set.
    pub const fn polling(kind: Kind) -> Self {
        Self { kind, poll_final: true }
    }
    /// From the octet as sent.
    pub const fn from_octet(octet: u8) -> Self {
        let kind = match octet & !POLL_FINAL {
            without if without & 0x01 == 0 => Kind::Information { send: without >> 1 & 7, receive: without >> 5 },
            without if without & 0x0F == 0x01 => Kind::ReceiveReady { receive: without >> 5 },
            without if without & 0x0F == 0x05 => Kind::ReceiveNotReady { receive: without >> 5 },
            0x83 => Kind::SetNormalResponseMode,
            0x43 => Kind::Disconnect,
            0x63 => Kind::UnnumberedAcknowledge,
            0x0F => Kind::DisconnectedMode,
            0x87 => Kind::FrameReject,
            0x03 => Kind::UnnumberedInformation,
            unknown => Kind::Unknown(unknown),
        };
        Self { kind, poll_final: octet & POLL_FINAL != 0 }
    }
    /// The octet to send.
    pub const fn octet(self) -> u8 {
        let without = match self.kind {
            Kind::Information { send, receive } => (receive & 7) << 5 | (send & 7) << 1,
            Kind::ReceiveReady { receive } => (receive & 7) << 5 | 0x01,
            Kind::ReceiveNotReady { receive } => (receive & 7) << 5 | 0x05,
            Kind::SetNormalResponseMode => 0x83,
            Kind::Disconnect => 0x43,
            Kind::UnnumberedAcknowledge => 0x63,
            Kind::DisconnectedMode => 0x0F,
            Kind::FrameReject => 0x87,
            Kind::UnnumberedInformation => 0x03,
            Kind::Unknown(octet) => octet & !POLL_FINAL,
        };
        if self.poll_final { without | POLL_FINAL } else { without }
    }
}

impl Display for Control {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        match self.kind {
            Kind::Information { send, receive } => write!(f, " N(S) {send} N(R) {receive}")?,
            Kind::ReceiveReady { receive } | Kind::ReceiveNotReady { receive } => write!(f, " N(R) {receive}")?,
            _ => {}
        }
        f.write_str(if self.poll_final { " P/F" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_octet_is_written_as_it_was_read() {
        for octet in 0..=u8::MAX {
            assert_eq!(Control::from_octet(octet).octet(), octet);
        }
    }

    #[test]
    fn the_octets_of_the_standard_have_their_names() {
        for (octet, name) in [
            (0x93, "SNRM"),
            (0x53, "DISC"),
            (0x73, "UA"),
            (0x1F, "DM"),
            (0x97, "FRMR"),
            (0x13, "UI"),
            (0x03, "UI"),
            (0x31, "RR"),
            (0x35, "RNR"),
            (0x10, "I"),
        ] {
            assert_eq!(Control::from_octet(octet).kind.name(), name);
        }
    }
}
