//! The control byte, and what each function code means in which dialect.

use std::fmt::{self, Debug, Display, Formatter};

/// Which edition of the standard a frame follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// DL/T 645-2007: data items of four bytes.
    #[default]
    V2007,
    /// DL/T 645-1997: data items of two bytes.
    V1997,
}

/// Who speaks: bit 7 of the control byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The master asks.
    Request,
    /// The meter answers.
    Answer,
}

/// Whether another frame belongs to the same answer: bit 5 of the control byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Follow {
    /// This is the last or only frame.
    Last,
    /// The rest is to be asked for.
    More,
}

/// The control byte, DL/T 645-2007 clause 5.2.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Control(pub u8);

impl Control {
    const ANSWER: u8 = 0x80;
    const ABNORMAL: u8 = 0x40;
    const MORE: u8 = 0x20;
    const FUNCTION: u8 = 0x1F;

    /// Who speaks.
    pub const fn direction(self) -> Direction {
        if self.0 & Self::ANSWER == 0 { Direction::Request } else { Direction::Answer }
    }
    /// Whether the meter refuses: bit 6.
    pub const fn is_abnormal(self) -> bool {
        self.0 & Self::ABNORMAL != 0
    }
    /// Whether more frames follow: bit 5.
    pub const fn follow(self) -> Follow {
        if self.0 & Self::MORE == 0 { Follow::Last } else { Follow::More }
    }
    /// The function code, bits 0 to 4.
    pub const fn function(self) -> u8 {
        self.0 & Self::FUNCTION
    }
    /// The control byte of a request.
    pub const fn request(function: u8) -> Self {
        Self(function & Self::FUNCTION)
    }
    /// The control byte of a good answer.
    pub const fn answer(function: u8, follow: Follow) -> Self {
        let more = match follow {
            Follow::Last => 0,
            Follow::More => Self::MORE,
        };
        Self(function & Self::FUNCTION | Self::ANSWER | more)
    }
    /// The control byte of a refusal.
    pub const fn refusal(function: u8) -> Self {
        Self(function & Self::FUNCTION | Self::ANSWER | Self::ABNORMAL)
    }
}

impl Display for Control {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}
impl Debug for Control {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// What a function code asks for. Codes differ between the dialects, the services mostly do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// Security authentication and everything that goes through the security module. 2007 with its supplements.
    Security,
    /// Broadcast time.
    BroadcastTime,
    /// Read a data item.
    Read,
    /// Read the next frame of an answer.
    ReadFollow,
    /// Read the last answer again. 1997.
    ReadAgain,
    /// Read the communication address. 2007.
    ReadAddress,
    /// Write a data item.
    Write,
    /// Write the communication address.
    WriteAddress,
    /// Freeze. 2007.
    Freeze,
    /// Change the speed of the line.
    ChangeBaud,
    /// Change a password.
    ChangePassword,
    /// Clear the maximum demand.
    ClearDemand,
    /// Clear the meter. 2007.
    ClearMeter,
    /// Clear events. 2007.
    ClearEvents,
    /// Trip, close, alarm, keep power on. Supplement of 2007.
    Relay,
    /// Choose what the multi-function output shows. Supplement of 2007.
    MultiFunction,
}

/// What a request may do to the meter, as far as its control byte tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Only reads.
    Reads,
    /// Sets the clock, an address, a speed or a password, freezes or clears: never a relay.
    Sets,
    /// Could move a relay, or nobody can tell: relay control, every write, everything opaque, every unknown code.
    MayActuate,
}

const fn service_2007(function: u8) -> Option<Service> {
    Some(match function {
        0x03 => Service::Security,
        0x08 => Service::BroadcastTime,
        0x11 => Service::Read,
        0x12 => Service::ReadFollow,
        0x13 => Service::ReadAddress,
        0x14 => Service::Write,
        0x15 => Service::WriteAddress,
        0x16 => Service::Freeze,
        0x17 => Service::ChangeBaud,
        0x18 => Service::ChangePassword,
        0x19 => Service::ClearDemand,
        0x1A => Service::ClearMeter,
        0x1B => Service::ClearEvents,
        0x1C => Service::Relay,
        0x1D => Service::MultiFunction,
        _ => return None,
    })
}

const fn service_1997(function: u8) -> Option<Service> {
    Some(match function {
        0x01 => Service::Read,
        0x02 => Service::ReadFollow,
        0x03 => Service::ReadAgain,
        0x04 => Service::Write,
        0x08 => Service::BroadcastTime,
        0x0A => Service::WriteAddress,
        0x0C => Service::ChangeBaud,
        0x0F => Service::ChangePassword,
        0x10 => Service::ClearDemand,
        _ => return None,
    })
}

impl Dialect {
    /// The service of a function code; `None` for codes the dialect does not use.
    #[inline]
    pub const fn service(self, function: u8) -> Option<Service> {
        match self {
            Dialect::V2007 => service_2007(function),
            Dialect::V1997 => service_1997(function),
        }
    }
    /// The function code of a service; `None` where the dialect has no such service.
    pub fn code(self, service: Service) -> Option<u8> {
        (0..=Control::FUNCTION).find(|&function| self.service(function) == Some(service))
    }
    /// How many bytes name a data item.
    pub const fn item_bytes(self) -> usize {
        match self {
            Dialect::V2007 => 4,
            Dialect::V1997 => 2,
        }
    }
}

impl Service {
    /// What a request of this service may do to the meter.
    pub const fn effect(self) -> Effect {
        match self {
            Service::Read | Service::ReadFollow | Service::ReadAgain | Service::ReadAddress => Effect::Reads,
            Service::BroadcastTime
            | Service::WriteAddress
            | Service::Freeze
            | Service::ChangeBaud
            | Service::ChangePassword
            | Service::ClearDemand
            | Service::ClearMeter
            | Service::ClearEvents
            | Service::MultiFunction => Effect::Sets,
            Service::Security | Service::Write | Service::Relay => Effect::MayActuate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_of_a_control_byte_are_told_apart() {
        assert_eq!(Control(0xB2).direction(), Direction::Answer);
        assert_eq!(Control(0xB2).follow(), Follow::More);
        assert_eq!(Control(0xB2).function(), 0x12);
        assert!(Control(0xD1).is_abnormal());
        assert_eq!(Control::answer(0x12, Follow::More), Control(0xB2));
        assert_eq!(Control::answer(0x11, Follow::Last), Control(0x91));
        assert_eq!(Control::refusal(0x1C), Control(0xDC));
    }

    #[test]
    fn each_code_has_one_service_and_each_service_one_code() {
        for dialect in [Dialect::V2007, Dialect::V1997] {
            for function in 0..=0x1F {
                if let Some(service) = dialect.service(function) {
                    assert_eq!(dialect.code(service), Some(function));
                }
            }
        }
        assert_eq!(Dialect::V1997.code(Service::Relay), None);
        assert_eq!(Dialect::V2007.service(0x01), None);
    }
}
