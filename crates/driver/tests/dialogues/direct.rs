//! One meter on the table.

use hes_dlt645::Dialect;
use hes_driver::dlt645::direct::{Found, detect, read_address, send_read};
use hes_driver::dlt645::guard::read_frame;
use hes_driver::own_number;
use hes_model::{Failure, FailureKind, Protocol};

use crate::line::{Heard, Line, World, asked, block_on, frame, hex};
use crate::questions::{OWN, meter, start};

fn found(far_end: impl FnMut(&[u8]) -> Heard + Send) -> Result<Found, Failure> {
    let clock = start();
    block_on(detect(&mut Line::new(&clock, far_end), &mut World::new(&clock)))
}

#[test]
fn a_2007_meter_tells_its_address_whatever_it_answers_under() {
    for header in ["000000000161", "AAAAAAAAAAAA"] {
        let clock = start();
        let mut line = Line::new(&clock, |request: &[u8]| {
            assert_eq!(asked(request), (0x13, Vec::new()));
            Heard::Bytes(frame(header, 0x93, &hex("610100000000")))
        });
        let address = block_on(read_address(&mut line, &mut World::new(&clock)));
        assert_eq!(address.map(|a| a.to_string()), Ok("000000000161".to_owned()));
        assert_eq!(line.sent, [hex("FEFEFEFE68AAAAAAAAAAAA681300DF16")]);
    }
}

#[test]
fn silence_on_13_leads_to_1997_and_its_address() {
    let old = |header: &'static str| {
        move |request: &[u8]| match asked(request) {
            (0x01, data) if data == hex("1090") => Heard::Bytes(frame(header, 0x81, &hex("1090 79261400"))),
            _ => Heard::Bytes(Vec::new()),
        }
    };
    let named = Found { protocol: Protocol::Dlt645v1997, address: Some("010003635927".parse().unwrap()) };
    assert_eq!(found(old("010003635927")), Ok(named));
    let unnamed = Found { protocol: Protocol::Dlt645v1997, address: None };
    assert_eq!(found(old("AAAAAAAAAAAA")), Ok(unnamed));
}

#[test]
fn nobody_there_is_no_reply_and_a_dead_line_is_not_asked_twice() {
    assert_eq!(found(|_| Heard::Bytes(Vec::new())).unwrap_err().kind, FailureKind::NoReply);
    let mut asked = 0;
    let down = found(|_| {
        asked += 1;
        Heard::Down
    });
    assert_eq!((down.unwrap_err().kind, asked), (FailureKind::ChannelDown, 1));
}

#[test]
fn a_frame_by_hand_goes_out_as_it_is_and_only_its_answer_comes_back() {
    let read = read_frame(&frame("123456789012", 0x12, &hex("01003003 01")), Dialect::V2007).unwrap();
    let answer = frame("123456789012", 0x92, &hex("01003003 77 01"));
    let clock = start();
    let mut line = Line::new(&clock, |_: &[u8]| {
        let others = [
            frame("123456789012", 0x92, &hex("01003003 77 02")),
            frame("123456789012", 0x91, &hex("01003003 77 01")),
            frame("000000000001", 0x92, &hex("01003003 77 01")),
        ];
        Heard::Bytes([others.concat(), answer.clone()].concat())
    });
    let proof = block_on(send_read(&read, &mut line)).unwrap();
    assert_eq!((proof.request, proof.answer), (read.bytes, answer.clone()));
}

#[test]
fn a_refusal_and_an_item_of_two_bytes_answer_a_frame_by_hand() {
    let read = read_frame(&frame("000001234567", 0x11, &hex("11B6")), Dialect::V2007).unwrap();
    let clock = start();
    for answer in [frame("000001234567", 0xD1, &[0x02]), frame("000001234567", 0x91, &hex("11B6 2002"))] {
        let mut line = Line::new(&clock, |_: &[u8]| Heard::Bytes(answer.clone()));
        assert_eq!(block_on(send_read(&read, &mut line)).unwrap().answer, answer);
    }
}

/// The number a meter of this protocol tells that answers `answer` to the question for it.
fn number_of(protocol: Protocol, model: &str, answer: Vec<u8>) -> Result<Option<u64>, FailureKind> {
    let clock = start();
    let mut line = Line::new(&clock, |request: &[u8]| {
        let (_, data) = asked(request);
        assert!(data == hex("02040004") || data == hex("32C0"), "{data:02X?}");
        Heard::Bytes(answer.clone())
    });
    let number = block_on(own_number(&meter(protocol, model), &mut line, &mut World::new(&clock)));
    number.map_err(|failure| failure.kind)
}

#[test]
fn a_meter_tells_its_own_number_or_none() {
    let tells = |data: &str| frame(OWN, 0x91, &hex(&format!("02040004 {data}")));
    let of_2007 = |answer| number_of(Protocol::Dlt645v2007, "generic-2007", answer);
    assert_eq!(of_2007(tells("010203040506")), Ok(Some(60_504_030_201)));
    for unset in ["000000000000", "FFFFFFFFFFFF", "AAAAAAAAAAAA", "0102"] {
        assert_eq!(of_2007(tells(unset)), Ok(None), "{unset}");
    }
    assert_eq!(of_2007(frame(OWN, 0xD1, &[0x02])), Ok(None));
    assert_eq!(of_2007(frame(OWN, 0xD1, &[0x04])), Err(FailureKind::Refused));
    assert_eq!(of_2007(Vec::new()), Err(FailureKind::NoReply));
    let of_1997 = frame(OWN, 0x81, &hex("32C0 010203040506"));
    assert_eq!(number_of(Protocol::Dlt645v1997, "generic-1997", of_1997), Ok(Some(60_504_030_201)));
}
