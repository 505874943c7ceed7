//! An APDU is what it says: typed and written again it is the same, and the ends of dialogues bear it.
#![no_main]

use hes_dlms::apdu::{Apdu, Attribute, GetRequest, InvokeId};
use hes_dlms::dialogue::{Answering, Asking, GeneralTransfer, Limits};
use hes_dlms::{Effect, Obis};
use libfuzzer_sys::fuzz_target;

const BOUND: usize = 2_000;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_pdu: 64, max_whole_octets: BOUND };
    let attribute = Attribute::new(7, Obis::new(1, 0, 99, 1, 0, 255), 2).into();
    let get = Apdu::GetRequest(GetRequest::Normal { invoke: InvokeId(0xC1), attribute });
    let mut asking = Asking::new(&get, limits).expect("a reading");
    let _heard = asking.offer(bytes);
    assert!(asking.answer().len() <= BOUND.max(bytes.len()));
    let _asked = Answering::new(limits).request(bytes);

    let Ok(apdu) = Apdu::decode(bytes) else { return };
    if let Apdu::GeneralBlockTransfer(block) = &apdu {
        let _whole = GeneralTransfer::new(limits, 1).receive(block);
    }
    let mut written = Vec::new();
    if apdu.encode(&mut written).is_err() {
        assert_eq!(apdu.effect(), Effect::MayActuate);
        return;
    }
    let again = Apdu::decode(&written).expect("what was written is an APDU");
    let mut twice = Vec::new();
    again.encode(&mut twice).expect("what could be written can be again");
    // As octets: not-a-number is not itself.
    assert_eq!(written, twice);
});
