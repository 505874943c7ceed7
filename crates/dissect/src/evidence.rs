//! Stored exchanges explained: several frames back to back, and what an answer in several frames says as a whole.

use hes_dlt645::{Answer, DataId, Dialect, Follow, Frame};
use serde::Serialize;

use crate::decoded::{Item, Rejected};
use crate::{Decoded, Options, Piece, decode, item_values, pieces};

/// A stretch of bytes and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Heard {
    /// First byte, from 0.
    pub offset: usize,
    /// Bytes.
    pub len: usize,
    /// A frame explained, or bytes of no frame.
    pub meaning: Decoded,
}

/// All frames of an answer, and its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Every stretch, in wire order; together they are all of it.
    pub heard: Vec<Heard>,
    /// The values of an answer in several frames; those of a single frame stand with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<Item>>,
}

/// Explains bytes that may hold several frames: requests, or anything captured.
pub fn explain_bytes(bytes: &[u8], options: &Options) -> Vec<Heard> {
    let heard = |piece: Piece| {
        let range = piece.range();
        let part = bytes.get(range.clone()).unwrap_or_default();
        let meaning = match piece {
            Piece::Frame(_) => decode(part, options),
            Piece::Loose(_) => Decoded::Rejected(Rejected::new("no_frame", "these bytes are part of no frame")),
        };
        Heard { offset: range.start, len: range.len(), meaning }
    };
    pieces(bytes).into_iter().map(heard).collect()
}

/// Explains the frames of one answer, and puts their parts together.
pub fn explain_answer(bytes: &[u8], options: &Options) -> Conversation {
    Conversation { heard: explain_bytes(bytes, options), items: joined(bytes, options.dialect) }
}

/// The values of an answer in several frames; `None` for an answer in one, and where parts are missing.
fn joined(bytes: &[u8], dialect: Option<Dialect>) -> Option<Vec<Item>> {
    let mut whole: Option<(DataId, Vec<u8>)> = None;
    let mut parts = 0_u8;
    let mut open = Follow::More;
    for piece in pieces(bytes) {
        let Piece::Frame(range) = piece else { continue };
        let frame = Frame::parse(bytes.get(range)?).ok()?;
        let dialect = dialect.unwrap_or_else(|| frame.likely_dialect());
        let Answer::Data { item, data, seq, follow, .. } = Answer::parse(dialect, &frame) else { return None };
        let (own, all) = whole.get_or_insert_with(|| (item, Vec::new()));
        let in_order = seq.is_none_or(|seq| seq == parts);
        if *own != item || !in_order || open == Follow::Last {
            return None;
        }
        all.extend(data.iter());
        parts = parts.checked_add(1)?;
        open = follow;
    }
    match (whole, parts, open) {
        (Some((item, data)), 2.., Follow::Last) => Some(item_values(item, &data)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(control: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x68, 0x61, 0x01, 0, 0, 0, 0, 0x68, control, u8::try_from(data.len()).unwrap()];
        bytes.extend(data.iter().map(|b| b.wrapping_add(0x33)));
        bytes.push(bytes.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
        bytes.push(0x16);
        bytes
    }
    const BLOCK: [u8; 4] = [0x00, 0xFF, 0x01, 0x00];

    #[test]
    fn the_parts_of_an_answer_say_what_they_say_together() {
        let first = frame(0xB1, &[&BLOCK[..], &[0x10, 0, 0, 0, 0x20]].concat());
        let second = frame(0xB2, &[&BLOCK[..], &[0, 0], &[1]].concat());
        let third = frame(0x92, &[&BLOCK[..], &[0], &[2]].concat());
        let all = explain_answer(&[&[0x00][..], &first, &second, &third].concat(), &Options::RECORD);
        assert_eq!(all.heard.len(), 4);
        assert!(!all.heard[0].meaning.is_ok());
        let values: Vec<_> = all.items.unwrap().into_iter().map(|item| (item.name, item.value.unwrap())).collect();
        assert_eq!(values, [("total".to_owned(), "0.10".to_owned()), ("tariff1".to_owned(), "0.20".to_owned())]);
        for missing in [[&first[..], &third].concat(), [&first[..], &second].concat(), [&second[..], &third].concat()] {
            assert_eq!(explain_answer(&missing, &Options::RECORD).items, None);
        }
    }

    #[test]
    fn a_single_frame_needs_no_putting_together() {
        let whole = frame(0x91, &[&BLOCK[..], &[0x10, 0, 0, 0]].concat());
        let answer = explain_answer(&whole, &Options::RECORD);
        assert_eq!(answer.items, None);
        let Decoded::Explained(explained) = &answer.heard[0].meaning else { panic!("a good frame") };
        assert_eq!(explained.items.as_ref().map(Vec::len), Some(1));
    }
}
