//! A wrapped APDU is what its length says, in a datagram and in a stream.
#![no_main]

use hes_dlms::wrapper::{HEADER, Wrapper, WrapperStream};
use hes_wire::{Framing, Scan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8])| {
    let (max_apdu, bytes) = input;
    let stream = WrapperStream { max_apdu };
    match (stream.scan(bytes), Wrapper::decode(bytes)) {
        (Scan::Frame(range), _) => {
            let wrapper = Wrapper::decode(&bytes[range.clone()]).expect("what was found is one");
            assert_eq!((range.start, range.end), (0, HEADER + wrapper.apdu.len()));
            assert!(wrapper.apdu.len() <= usize::from(max_apdu));
            let mut again = Vec::new();
            wrapper.encode(&mut again).expect("what was read can be written");
            assert_eq!(again, bytes[range]);
        }
        (Scan::NeedMore, decoded) => assert!(decoded.is_err()),
        (Scan::Skip(skipped, _), decoded) => {
            assert!(skipped > 0);
            assert!(decoded.is_err() || decoded.is_ok_and(|wrapper| wrapper.apdu.len() > usize::from(max_apdu)));
        }
    }
});
