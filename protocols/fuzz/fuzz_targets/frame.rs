//! A frame is what it was parsed from: consumed and rest are the input, and encoding gives the same bytes back.
#![no_main]

use hes_dlt645::{Dialect, Dlt645, Effect, EncodeError, Frame, MAX_FRAME};
use hes_wire::{Framing, Scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut consumed = 0;
    loop {
        let rest = &input[consumed..];
        match Dlt645.settle(rest) {
            Scan::NeedMore => break,
            Scan::Skip(n, _) => {
                assert!(n > 0);
                consumed += n;
            }
            Scan::Frame(range) => {
                check(&rest[range.clone()]);
                check(&rest[..range.end]);
                consumed += range.end;
            }
        }
    }
    assert_eq!(consumed, input.len());
});

fn check(bytes: &[u8]) {
    let frame = Frame::parse(bytes).expect("the scan said so");
    for dialect in [Dialect::V2007, Dialect::V1997] {
        let mut out = vec![0; frame.wake_bytes + MAX_FRAME];
        match frame.encode(dialect, &mut out) {
            Ok(written) => assert_eq!(written, bytes),
            Err(error) => assert_eq!((error, frame.effect(dialect)), (EncodeError::NeedsPermit, Effect::MayActuate)),
        }
    }
}
