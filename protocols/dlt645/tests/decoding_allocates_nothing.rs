//! From bytes to typed readings without touching the heap, counted by the allocator itself.

use std::hint::black_box;

use hes_dlt645::items::items;
use hes_dlt645::{Answer, Command, Direction, Dlt645, Frame};
use hes_wire::{Framing, Scan};

/// Every published frame, one after the other.
fn stream() -> Vec<u8> {
    let vectors = include_str!("../vectors/dlt645.jsonl");
    let hex = vectors.lines().filter_map(|line| line.split("\"hex\": \"").nth(1)?.split('"').next());
    let mut bytes = vec![0; vectors.len()];
    let mut whole = Vec::new();
    for frame in hex {
        whole.extend_from_slice(hes_wire::hex::read(frame, &mut bytes).expect("vectors are hexadecimal"));
    }
    whole
}

/// Frames, and values read from them.
fn decode(mut stream: &[u8]) -> (usize, usize) {
    let (mut frames, mut values) = (0, 0);
    loop {
        match if stream.len() < 300 { Dlt645.settle(stream) } else { Dlt645.scan(stream) } {
            Scan::NeedMore => return (frames, values),
            Scan::Skip(n, _) => stream = &stream[n..],
            Scan::Frame(range) => {
                let frame = Frame::parse(&stream[range.clone()]).expect("what the scan found is a frame");
                let dialect = frame.likely_dialect();
                frames += 1;
                match frame.control.direction() {
                    Direction::Request => {
                        black_box(Command::parse(dialect, &frame));
                    }
                    Direction::Answer => {
                        if let Answer::Data { item, data, .. } = Answer::parse(dialect, &frame) {
                            values += items(dialect).read(item, data).map(black_box).count();
                        }
                    }
                }
                stream = &stream[range.end..];
            }
        }
    }
}

#[test]
fn a_frame_is_decoded_without_one_allocation() {
    let stream = stream();
    // The tables are compiled at first use.
    let first = decode(&stream);
    let mut second = (0, 0);
    let counted = allocation_counter::measure(|| second = decode(&stream));
    assert!(first.0 > 60 && first.1 > 30, "{first:?}");
    assert_eq!((second, counted.count_total), (first, 0));
}
