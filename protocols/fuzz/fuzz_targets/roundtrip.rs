//! Requests and answers are what their frames said: typed and written again, the bytes are the same.
#![no_main]

use hes_dlt645::{
    Address, Answer, Command, Control, Data, Dialect, Direction, Effect, EncodeError, Envelope, Frame, MAX_FRAME,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, [u8; 6], u8, &[u8])| {
    let (old, address, control, data) = input;
    let dialect = if old { Dialect::V1997 } else { Dialect::V2007 };
    let data = &data[..data.len().min(255)];
    let (address, control) = (Address(address), Control(control));
    let frame = Frame { wake_bytes: 0, address, control, data: Data::plain(data) };
    let envelope = Envelope { dialect, address, wake_bytes: 0 };
    let mut out = [0; MAX_FRAME];
    let written = match control.direction() {
        Direction::Answer => Answer::parse(dialect, &frame).encode(&envelope, &mut out),
        Direction::Request => {
            let command = Command::parse(dialect, &frame);
            let written = command.encode(&envelope, &mut out);
            assert_eq!(written == Err(EncodeError::NeedsPermit), command.effect() == Effect::MayActuate);
            match written {
                Err(EncodeError::NeedsPermit) => return,
                written => written,
            }
        }
    };
    let again = Frame::parse(written.expect("what was parsed can be written")).expect("what was written is a frame");
    assert_eq!(again, frame);
});
