//! Whatever way a stream of HDLC frames is cut into pieces, the same frames come out of it, and nothing waits for ever.
#![no_main]

use hes_dlms::hdlc::{FLAG, Frame, Hdlc, MAX_FRAME, Parameters};
use hes_wire::{Framing, Scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (cuts, stream) = input;
    let mut pieces = Vec::new();
    let mut rest = stream;
    for cut in cuts {
        let (piece, left) = rest.split_at(usize::from(cut).min(rest.len()));
        pieces.push(piece);
        rest = left;
    }
    pieces.push(rest);
    let found = frames(&pieces);
    assert_eq!(found, frames(&[stream]));
    for bytes in found {
        let (frame, behind) = Frame::parse_next(&bytes).expect("what was found is a frame");
        assert!(behind.is_empty());
        let mut again = Vec::new();
        frame.encode(&mut again).expect("what was read can be written");
        assert_eq!(Frame::parse(&again), Ok(frame));
        let _parameters = Parameters::parse(frame.information);
    }
});

fn frames(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut held, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        take(&mut held, &mut found, |held| Hdlc.scan(held));
        assert!(held.len() <= MAX_FRAME + 16 || held.iter().all(|&octet| octet == FLAG));
    }
    take(&mut held, &mut found, |held| Hdlc.settle(held));
    assert!(held.is_empty());
    found
}

fn take(held: &mut Vec<u8>, found: &mut Vec<Vec<u8>>, look: impl Fn(&[u8]) -> Scan) {
    loop {
        match look(held) {
            Scan::NeedMore => return,
            Scan::Skip(n, _) => drop(held.drain(..n)),
            Scan::Frame(range) => {
                found.push(held[range.clone()].to_vec());
                held.drain(..range.end);
            }
        }
    }
}
