//! Recognising a module by what it says first. Pure: bytes in, a decision out.

use hes_model::{ChannelName, CommAddress, Registration};
use hes_wire::{Framing, Scan};

use super::Allowed;

/// What a protocol knows about first frames. This crate knows no protocol, so whoever starts the listener brings it.
pub trait Identify: Send + Sync + 'static {
    /// How frames stand in the stream.
    fn framing(&self) -> &dyn Framing;
    /// The sender of an answer frame; `None` for a frame that names no single meter, or is a master's.
    fn address_of(&self, frame: &[u8]) -> Option<CommAddress>;
    /// What makes a silent meter say its address, sent as it is.
    fn question(&self) -> Vec<u8>;
}

/// Whether more of the first packet may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Bytes are coming in.
    Flowing,
    /// Silence: a packet without an end mark is over, unless a longer one begins like it.
    Quiet,
    /// The time for identification is over.
    AllOfIt,
}

/// What the first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// One of ours.
    Known { channel: ChannelName, by: Registration },
    /// It said who it is, and is not on the list.
    Unknown(Registration),
    /// Not enough to tell.
    Undecided,
}

pub(super) fn look(bytes: &[u8], heard: Heard, allowed: &Allowed, identify: &dyn Identify) -> Look {
    let frame = first_frame(bytes, identify);
    let before_frame = frame.as_ref().map_or(bytes, |(start, _)| bytes.get(..*start).unwrap_or_default());
    let (packet, ended) = first_packet(before_frame);
    let ended = ended || frame.is_some();
    if let Some(channel) = allowed.by_packet(packet) {
        let over = match heard {
            Heard::Flowing => ended,
            Heard::Quiet => ended || !allowed.continues(packet),
            Heard::AllOfIt => true,
        };
        if over {
            return Look::Known { channel: channel.clone(), by: Registration::Packet(as_text(packet)) };
        }
    }
    if let Some((_, address)) = frame {
        let by = Registration::FirstFrame(address);
        return match allowed.by_address(address) {
            Some(channel) => Look::Known { channel: channel.clone(), by },
            // What the module says of itself tells more than the meter behind it.
            None if is_text(packet) => Look::Unknown(Registration::Packet(as_text(packet))),
            None => Look::Unknown(by),
        };
    }
    if heard == Heard::AllOfIt && is_text(packet) {
        return Look::Unknown(Registration::Packet(as_text(packet)));
    }
    Look::Undecided
}

/// Where the first frame that names its sender starts, and that sender.
fn first_frame(bytes: &[u8], identify: &dyn Identify) -> Option<(usize, CommAddress)> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
        match identify.framing().scan(rest) {
            Scan::NeedMore => return None,
            Scan::Skip(n, _) => at += n.max(1),
            Scan::Frame(range) => {
                if let Some(address) = rest.get(range.clone()).and_then(|frame| identify.address_of(frame)) {
                    return Some((at + range.start, address));
                }
                at += range.end.max(1);
            }
        }
    }
}

/// The first packet, and whether an end mark stands behind it.
fn first_packet(bytes: &[u8]) -> (&[u8], bool) {
    let bytes = bytes.trim_ascii_start();
    match bytes.iter().position(|b| matches!(b, b'\r' | b'\n' | 0 | 0xFE)) {
        Some(end) => (bytes.get(..end).unwrap_or_default().trim_ascii_end(), true),
        None => (bytes.trim_ascii_end(), false),
    }
}

fn is_text(packet: &[u8]) -> bool {
    !packet.is_empty() && std::str::from_utf8(packet).is_ok_and(|text| !text.chars().any(char::is_control))
}

fn as_text(packet: &[u8]) -> String {
    String::from_utf8_lossy(packet).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::{self, ByToy, channel};
    use hes_model::DialIn;

    fn allowed() -> Allowed {
        let packet = |name: &str, text: &str| {
            channel(name, hes_model::Endpoint::DialIn(DialIn { registration: Registration::Packet(text.into()) }))
        };
        let nobody = packet("nobody", " \n");
        let meter = CommAddress::from_number(7).unwrap();
        let frame =
            channel("by-frame", hes_model::Endpoint::DialIn(DialIn { registration: Registration::FirstFrame(meter) }));
        Allowed::of(&[packet("one", "SIM-1"), packet("ten", "SIM-10"), nobody, frame]).0
    }

    fn name(look: Look) -> Option<String> {
        match look {
            Look::Known { channel, .. } => Some(channel.to_string()),
            _ => None,
        }
    }

    #[test]
    fn a_packet_with_an_end_mark_is_known_at_once() {
        for bytes in [&b"SIM-1\r\n"[..], b"SIM-1\0", b"\r\nSIM-1\n68", b"SIM-1\xFE\xFE"] {
            assert_eq!(name(look(bytes, Heard::Flowing, &allowed(), &ByToy)).as_deref(), Some("one"), "{bytes:02X?}");
        }
    }

    #[test]
    fn a_packet_that_begins_a_longer_one_is_not_taken_for_the_shorter() {
        assert_eq!(look(b"SIM-1", Heard::Flowing, &allowed(), &ByToy), Look::Undecided);
        assert_eq!(look(b"SIM-1", Heard::Quiet, &allowed(), &ByToy), Look::Undecided);
        assert_eq!(name(look(b"SIM-1", Heard::AllOfIt, &allowed(), &ByToy)).as_deref(), Some("one"));
        assert_eq!(name(look(b"SIM-10", Heard::Quiet, &allowed(), &ByToy)).as_deref(), Some("ten"));
        assert_eq!(look(b"SIM-100", Heard::Quiet, &allowed(), &ByToy), Look::Undecided);
        assert_eq!(
            look(b"SIM-100", Heard::AllOfIt, &allowed(), &ByToy),
            Look::Unknown(Registration::Packet("SIM-100".into()))
        );
    }

    #[test]
    fn a_packet_right_in_front_of_a_frame_is_known_by_the_packet() {
        let bytes = [&b"SIM-1"[..], &toy::frame(9, b"hello")].concat();
        assert_eq!(name(look(&bytes, Heard::Flowing, &allowed(), &ByToy)).as_deref(), Some("one"));
    }

    #[test]
    fn a_stranger_is_listed_under_its_packet_also_when_its_meter_has_answered() {
        let stranger = [&b"SIM-77\r\n"[..], &toy::frame(8, b"asked")].concat();
        let packet = Registration::Packet("SIM-77".into());
        assert_eq!(look(&stranger, Heard::Flowing, &allowed(), &ByToy), Look::Unknown(packet));
        let ours = [&b"SIM-77\r\n"[..], &toy::frame(7, b"asked")].concat();
        assert_eq!(name(look(&ours, Heard::Flowing, &allowed(), &ByToy)).as_deref(), Some("by-frame"));
    }

    #[test]
    fn the_first_frame_names_its_sender_behind_noise_and_masters_frames() {
        let bytes = [&b"\xFE\xFE"[..], &toy::frame(0, b"echo"), &toy::frame(7, b"I am")].concat();
        assert_eq!(name(look(&bytes, Heard::Flowing, &allowed(), &ByToy)).as_deref(), Some("by-frame"));
        let stranger = toy::frame(8, b"I am");
        let eight = CommAddress::from_number(8).unwrap();
        assert_eq!(look(&stranger, Heard::Flowing, &allowed(), &ByToy), Look::Unknown(Registration::FirstFrame(eight)));
    }

    #[test]
    fn half_a_frame_and_binary_noise_say_nothing() {
        let frame = toy::frame(7, b"I am");
        for n in 0..frame.len() {
            assert_eq!(look(&frame[..n], Heard::Quiet, &allowed(), &ByToy), Look::Undecided);
        }
        assert_eq!(look(&[1, 2, 0x80, 0xFF], Heard::AllOfIt, &allowed(), &ByToy), Look::Undecided);
        for silence in [&b""[..], b"\r\n", b"\0\0"] {
            assert_eq!(look(silence, Heard::AllOfIt, &allowed(), &ByToy), Look::Undecided);
        }
    }

    #[test]
    fn two_channels_with_one_registration_are_reported_and_the_first_keeps_it() {
        let dial_in = hes_model::Endpoint::DialIn(DialIn { registration: Registration::Packet("SAME".into()) });
        let (allowed, conflicts) = Allowed::of(&[channel("a", dial_in.clone()), channel("b", dial_in)]);
        assert_eq!(allowed.by_packet(b"SAME").map(ToString::to_string).as_deref(), Some("a"));
        assert_eq!(conflicts.len(), 1);
        assert_eq!(conflicts[0].second.as_str(), "b");
    }
}
