//! Whatever a line brings, a conversation keeps no more than its bound, and only what fits its question.
#![no_main]

use hes_dlt645::{Address, Control, Conversation, Data, DataId, Dialect, Frame, Heard};
use libfuzzer_sys::fuzz_target;

const BOUND: usize = 512;

fuzz_target!(|input: (bool, Vec<(bool, u8, Vec<u8>)>)| {
    let (old, frames) = input;
    let (dialect, item) = match old {
        true => (Dialect::V1997, DataId::V1997(0x901F)),
        false => (Dialect::V2007, DataId::V2007(0x0001_FF00)),
    };
    let asked = Address([1, 0, 0, 0, 0, 0]);
    let mut conversation = Conversation::new(dialect, asked, item, BOUND);
    let mut over = false;
    for (foreign, control, data) in frames {
        let address = if foreign { Address([2, 0, 0, 0, 0, 0]) } else { asked };
        let data = &data[..data.len().min(255)];
        let before = conversation.data().len();
        let frame = Frame { wake_bytes: 0, address, control: Control(control), data: Data::masked(data) };
        let heard = conversation.offer(&frame);
        assert!(conversation.data().len() <= BOUND);
        assert!(!over || heard == Heard::Over);
        match heard {
            Heard::Complete | Heard::Part => {
                assert!(!foreign && control & 0xC0 == 0x80);
                assert!(DataId::split(dialect, frame.data).is_some_and(|(own, _)| own == item));
            }
            Heard::Foreign(_) | Heard::Over => assert_eq!(conversation.data().len(), before),
            Heard::Refused(_) | Heard::TooLong => {}
        }
        over |= matches!(heard, Heard::Complete | Heard::Refused(_) | Heard::TooLong);
    }
});
