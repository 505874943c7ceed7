//! What may be sent by hand: exactly one frame, and one that can do nothing but read.
//!
//! A person's raw bytes are the one way around every permit, so this refuses whatever it does not know to be harmless,
//! and names the reason. It looks at bytes only; it sends nothing.

use hes_dlt645::{Address, Control, Data, Dialect, Direction, Dlt645, Frame, FrameError, Service};
use hes_wire::{Framing, Scan};

/// Wake-up bytes a frame may have in front: the standard's four, and what slow receivers were seen to need.
const MAX_WAKE_UP: usize = 16;

/// Why bytes may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotARead {
    /// Not exactly one whole frame.
    #[error("not one whole frame")]
    NotAFrame(#[from] FrameError),
    /// So many FE that they could hide what follows from whoever looks at them.
    #[error("{found} wake-up bytes; at most {MAX_WAKE_UP} are sent")]
    WakeUp {
        /// How many.
        found: usize,
    },
    /// Looks like a meter's answer.
    #[error("control code {control} is a meter's answer, not a question")]
    Answer {
        /// Of the frame.
        control: Control,
    },
    /// A service that is not reading.
    #[error("control code {control} does not read: only {allowed} may be sent by hand")]
    Service {
        /// Of the frame.
        control: Control,
        /// The codes that read in this dialect.
        allowed: &'static str,
    },
    /// More or fewer data bytes than such a question has.
    #[error("a question with control code {control} does not have {found} data bytes")]
    Length {
        /// Of the frame.
        control: Control,
        /// Data bytes.
        found: usize,
    },
    /// A second frame stands inside the first.
    #[error("a whole frame is hidden inside, at byte {offset}")]
    Hidden {
        /// Where it starts.
        offset: usize,
    },
}

/// A question that only reads, with what its answer must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFrame {
    /// The edition of the standard it follows.
    pub dialect: Dialect,
    /// Whom it asks.
    pub address: Address,
    /// What it asks for.
    pub service: Service,
    /// Its data, without mask.
    pub data: Vec<u8>,
    /// The bytes to send, as given.
    pub bytes: Vec<u8>,
}

/// Accepts bytes that are exactly one frame, and one that only reads.
pub fn read_frame(bytes: &[u8], dialect: Dialect) -> Result<ReadFrame, NotARead> {
    let frame = Frame::parse(bytes)?;
    if frame.wake_bytes > MAX_WAKE_UP {
        return Err(NotARead::WakeUp { found: frame.wake_bytes });
    }
    let control = frame.control;
    if control.direction() == Direction::Answer {
        return Err(NotARead::Answer { control });
    }
    // The whole control byte counts: a reading function with stray upper bits is not a reading code.
    let service = dialect.service(control.0);
    let lengths: &[usize] = match (dialect, service) {
        // With 4 bytes of item: number of blocks, and their time. With 2: an item of 1997 asked by the code of 2007.
        (Dialect::V2007, Some(Service::Read)) => &[2, 4, 5, 10],
        (Dialect::V2007, Some(Service::ReadFollow)) => &[5],
        (Dialect::V2007, Some(Service::ReadAddress)) => &[0],
        (Dialect::V1997, Some(Service::Read)) => &[2],
        (Dialect::V1997, Some(Service::ReadFollow)) => &[2],
        (Dialect::V1997, Some(Service::ReadAgain)) => &[0],
        (Dialect::V2007, _) => return Err(NotARead::Service { control, allowed: "11, 12 and 13" }),
        (Dialect::V1997, _) => return Err(NotARead::Service { control, allowed: "01, 02 and 03" }),
    };
    if !lengths.contains(&frame.data.len()) {
        return Err(NotARead::Length { control, found: frame.data.len() });
    }
    if let Some(offset) = hidden(bytes, frame.wake_bytes) {
        return Err(NotARead::Hidden { offset });
    }
    let service = service.unwrap_or(Service::Read);
    Ok(ReadFrame { dialect, address: frame.address, service, data: unmasked(frame.data), bytes: bytes.to_vec() })
}

/// Where a receiver that missed the start at `start` would find another whole frame.
fn hidden(bytes: &[u8], start: usize) -> Option<usize> {
    let starts = start + 1..bytes.len();
    starts.filter(|&at| bytes.get(at) == Some(&0x68)).find(|&at| {
        let rest = bytes.get(at..).unwrap_or_default();
        matches!(Dlt645.scan(rest), Scan::Frame(_))
    })
}

fn unmasked(data: Data<'_>) -> Vec<u8> {
    data.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(control: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes =
            vec![0x68, 0x12, 0x90, 0x78, 0x56, 0x34, 0x12, 0x68, control, u8::try_from(data.len()).unwrap()];
        bytes.extend(data.iter().map(|b| b.wrapping_add(0x33)));
        bytes.push(bytes.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
        bytes.push(0x16);
        bytes
    }
    fn reason(bytes: &[u8], dialect: Dialect) -> String {
        read_frame(bytes, dialect).unwrap_err().to_string()
    }
    const DI: [u8; 4] = [0x00, 0x00, 0x01, 0x00];

    #[test]
    fn the_reading_codes_of_each_dialect_pass() {
        for (control, data) in
            [(0x11, &DI[..]), (0x11, &[0, 0, 1, 0, 3, 0, 0, 1, 1, 26]), (0x12, &[0, 0, 1, 0, 1]), (0x13, &[])]
        {
            let read = read_frame(&frame(control, data), Dialect::V2007).unwrap();
            assert_eq!(read.data, data);
        }
        for (control, data) in [(0x01, &[0x10, 0x90][..]), (0x02, &[0x10, 0x90]), (0x03, &[])] {
            read_frame(&frame(control, data), Dialect::V1997).unwrap();
        }
        let woken = [&[0xFE; 4][..], &frame(0x11, &DI)].concat();
        assert_eq!(read_frame(&woken, Dialect::V2007).unwrap().bytes, woken);
    }

    #[test]
    fn every_other_control_byte_is_refused() {
        for control in 0..=u8::MAX {
            for data in [&[][..], &DI, &[0; 16]] {
                if !matches!(control, 0x11..=0x13) {
                    assert!(read_frame(&frame(control, data), Dialect::V2007).is_err(), "{control:02X}");
                }
                if !matches!(control, 0x01..=0x03) {
                    assert!(read_frame(&frame(control, data), Dialect::V1997).is_err(), "{control:02X}");
                }
            }
        }
        assert!(reason(&frame(0x1C, &[0; 16]), Dialect::V2007).contains("only 11, 12 and 13"));
        assert!(reason(&frame(0x14, &[0; 16]), Dialect::V2007).contains("control code 14 does not read"));
        assert!(reason(&frame(0x03, &[0; 32]), Dialect::V2007).contains("control code 03"), "security authentication");
        assert!(reason(&frame(0x91, &DI), Dialect::V2007).contains("a meter's answer"));
    }

    #[test]
    fn a_second_frame_behind_inside_or_before_is_refused() {
        let (read, trip) = (frame(0x11, &DI), frame(0x1C, &[0; 16]));
        for bytes in [[&read[..], &trip].concat(), [&trip[..], &read].concat(), [&read[..], &read].concat()] {
            assert!(read_frame(&bytes, Dialect::V2007).is_err());
        }
        assert!(read_frame(&[&read[..], &[0x00]].concat(), Dialect::V2007).is_err(), "trailing byte");
        assert!(read_frame(&[&read[..], &[0xFE]].concat(), Dialect::V2007).is_err(), "trailing wake-up byte");
        assert!(read_frame(&[&[0x00][..], &read].concat(), Dialect::V2007).is_err(), "garbage before");
        // The trip's bytes as the read's data: masked twice, so that they stand on the wire as they are.
        let inside: Vec<u8> = trip.iter().map(|b| b.wrapping_sub(0x33)).collect();
        assert!(reason(&frame(0x11, &inside), Dialect::V2007).contains("data bytes"));
        assert!(reason(&frame(0x02, &[0x10, 0x90, 1]), Dialect::V1997).contains("data bytes"), "1997 counts no parts");
        let many = [&[0xFE; 17][..], &read].concat();
        assert!(reason(&many, Dialect::V2007).contains("17 wake-up bytes"));
    }

    #[test]
    fn a_frame_that_starts_in_another_ones_address_is_refused() {
        // The outer frame reads; from its second start byte on, its bytes are a frame of their own.
        let mut bytes = vec![0x68, 1, 2, 3, 4, 5, 6, 0x68, 0x11, 0x0A, 1, 2, 3, 4, 0x68, 0x08, 0x03, 7, 8, 9];
        let inner: u8 = bytes[7..].iter().fold(0, |s: u8, b| s.wrapping_add(*b));
        bytes.push(inner);
        bytes.push(0x16);
        assert!(Frame::parse(&bytes[7..]).is_ok(), "the test's own inner frame");
        // The outer one ends at the same bytes only if both sums agree: the address makes up for the difference.
        let outer: u8 = bytes[..20].iter().fold(0, |s: u8, b| s.wrapping_add(*b));
        bytes[1] = bytes[1].wrapping_add(inner.wrapping_sub(outer));
        assert_eq!(read_frame(&bytes, Dialect::V2007), Err(NotARead::Hidden { offset: 7 }));
    }

    proptest! {
        #[test]
        fn what_passes_is_one_reading_frame(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            for dialect in [Dialect::V2007, Dialect::V1997] {
                if let Ok(read) = read_frame(&bytes, dialect) {
                    let control = Frame::parse(&read.bytes).unwrap().control.0;
                    prop_assert!(matches!(control, 0x01..=0x03 | 0x11..=0x13));
                }
            }
        }

        #[test]
        fn no_frame_with_another_code_passes_whatever_stands_around(
            control: u8,
            data in prop::collection::vec(any::<u8>(), 0..40),
            before in prop::collection::vec(any::<u8>(), 0..4),
            after in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let bytes = [before, frame(control, &data), after].concat();
            if read_frame(&bytes, Dialect::V2007).is_ok() {
                prop_assert!(matches!(control, 0x11..=0x13));
            }
        }
    }
}
