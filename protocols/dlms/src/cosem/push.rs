//! What a meter sends unasked: class 40, Blue Book clause 4.4.8.

pub use super::profile::CaptureObject as PushObject;
use super::value::{enumeration, structure};
use crate::axdr::DateTime;

/// The class.
pub const CLASS: u16 = 40;
/// Array of [`PushObject`].
pub const PUSH_OBJECT_LIST: i8 = 2;
/// A [`Destination`].
pub const SEND_DESTINATION_AND_METHOD: i8 = 3;
/// Array of [`Window`].
pub const COMMUNICATION_WINDOW: i8 = 4;
/// Seconds it waits at most before it sends.
pub const RANDOMISATION_START_INTERVAL: i8 = 5;
/// How often it repeats.
pub const NUMBER_OF_RETRIES: i8 = 6;
/// Seconds between repetitions.
pub const REPETITION_DELAY: i8 = 7;
/// Sends now; the parameter is integer 0.
pub const PUSH: i8 = 1;

enumeration! {
    /// Over what it is sent.
    Transport {
        /// TCP.
        Tcp = 0,
        /// UDP.
        Udp = 1,
        /// FTP.
        Ftp = 2,
        /// SMTP.
        Smtp = 3,
        /// SMS.
        Sms = 4,
        /// HDLC.
        Hdlc = 5,
        /// M-Bus.
        MBus = 6,
        /// ZigBee.
        ZigBee = 7,
    }
    /// How it is written.
    Message {
        /// As APDUs in A-XDR.
        AXdr = 0,
        /// As APDUs in XML.
        Xml = 1,
    }
}

structure! {
    /// Where to, and how.
    Destination<'a> {
        /// Over what.
        transport: Transport,
        /// Whom: an address and port as text, a number.
        destination: &'a [u8],
        /// How it is written.
        message: Message,
    }
    /// When it may be sent.
    Window {
        /// From; parts may be left open.
        start: DateTime,
        /// To.
        end: DateTime,
    }
}
