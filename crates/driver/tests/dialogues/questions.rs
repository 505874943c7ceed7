//! Only the answer to the question is taken, and what was heard instead decides the cause.

use hes_dlt645::DataId;
use hes_driver::dlt645::direct::{ItemAnswer, read_item};
use hes_model::{Failure, FailureKind, MeterSpec, ModelName, Protocol};
use jiff::civil::date;

use crate::line::{Clock, Heard, Line, World, asked, block_on, frame, hex};

pub(crate) const OWN: &str = "123456789012";
const ENERGY: DataId = DataId::V2007(0x0001_0000);

pub(crate) fn meter(protocol: Protocol, model: &str) -> MeterSpec {
    MeterSpec { protocol, address: OWN.parse().unwrap(), model: ModelName::new(model).unwrap(), password: None }
}

pub(crate) fn start() -> Clock {
    Clock::at(date(2026, 11, 24).at(10, 0, 0, 0))
}

/// Reads the total energy from a far end.
fn read(far_end: impl FnMut(&[u8]) -> Heard + Send) -> (Result<ItemAnswer, Failure>, World) {
    read_as("generic-2007", far_end)
}

fn read_as(model: &str, far_end: impl FnMut(&[u8]) -> Heard + Send) -> (Result<ItemAnswer, Failure>, World) {
    let clock = start();
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, far_end);
    let answer = block_on(read_item(&meter(Protocol::Dlt645v2007, model), ENERGY, &mut line, &mut world));
    (answer, world)
}

fn good() -> Vec<u8> {
    frame(OWN, 0x91, &hex("00000100 56341200"))
}

/// What the failure is when these bytes come back.
fn failure_on(bytes: Vec<u8>) -> Failure {
    read(move |_| Heard::Bytes(bytes.clone())).0.unwrap_err()
}

#[test]
fn a_good_answer_is_taken_and_proved_with_the_bytes_on_the_line() {
    let (answer, world) = read(|request| {
        assert_eq!(asked(request), (0x11, hex("00000100")));
        Heard::Bytes([vec![0xFE; 4], good()].concat())
    });
    assert_eq!(answer, Ok(ItemAnswer::Data { data: hex("56341200"), proof: 0 }));
    let proof = world.proofs()[0];
    assert_eq!(proof.request, [vec![0xFE; 4], frame(OWN, 0x11, &hex("00000100"))].concat());
    assert!(proof.answer.ends_with(&good()));
}

#[test]
fn echo_strangers_and_late_answers_are_skipped_until_the_answer_comes() {
    let (answer, _) = read(|request| {
        let before = [
            request.to_vec(),
            frame("123456789013", 0x91, &hex("00000100 99999999")),
            frame(OWN, 0x91, &hex("00000200 99999999")),
            frame(OWN, 0x92, &hex("00000100 99999999 01")),
            frame(OWN, 0x93, &hex("129078563412")),
            frame("AAAAAAAAAAAA", 0x91, &hex("00000100 99999999")),
            vec![0x68, 0x68, 0x00, 0xFE],
        ];
        Heard::Bytes([before.concat(), good()].concat())
    });
    assert_eq!(answer, Ok(ItemAnswer::Data { data: hex("56341200"), proof: 0 }));
}

#[test]
fn what_came_instead_of_the_answer_is_the_cause() {
    let mut damaged = good();
    damaged[12] ^= 0x04;
    for (bytes, kind) in [
        (Vec::new(), FailureKind::NoReply),
        (frame(OWN, 0x11, &hex("00000100")), FailureKind::NoReply),
        (good()[..9].to_vec(), FailureKind::Incomplete),
        (vec![0x00, 0xFF, 0x13], FailureKind::Incomplete),
        (damaged, FailureKind::Checksum),
        (frame("123456789013", 0x91, &hex("00000100 56341200")), FailureKind::WrongAddress),
        (frame("AAAAAAAAAAAA", 0x91, &hex("00000100 56341200")), FailureKind::WrongAddress),
        (frame(OWN, 0x91, &hex("00000200 56341200")), FailureKind::WrongItem),
        (frame(OWN, 0x81, &hex("00000100 56341200")), FailureKind::WrongItem),
        (frame(OWN, 0x92, &hex("00000100 56341200")), FailureKind::WrongItem),
        (frame(OWN, 0xD4, &[0x02]), FailureKind::WrongItem),
        (frame(OWN, 0x91, &hex("0000")), FailureKind::WrongItem),
    ] {
        assert_eq!(failure_on(bytes.clone()).kind, kind, "{bytes:02X?}");
    }
}

#[test]
fn a_broken_channel_and_a_lost_turn_are_told_apart_from_the_meter() {
    assert_eq!(read(|_| Heard::Down).0.unwrap_err().kind, FailureKind::ChannelDown);
    assert_eq!(read(|_| Heard::Interrupted).0.unwrap_err().kind, FailureKind::Interrupted);
}

#[test]
fn a_refusal_is_an_answer_with_its_bits_by_name() {
    let (answer, world) = read(|_| Heard::Bytes(frame(OWN, 0xD1, &[0x06])));
    let Ok(ItemAnswer::Refused { errors }) = answer else { panic!("{answer:?}") };
    assert_eq!(errors.names().count(), 2);
    assert!(errors.no_such_data());
    assert!(world.proofs().is_empty(), "a refusal proves no reading");
}

#[test]
fn an_answer_under_the_wildcard_is_this_meters_only_where_its_model_says_so() {
    let wildcard = || Heard::Bytes(frame("AAAAAAAAAAAA", 0x91, &hex("00000100 56341200")));
    assert_eq!(read(|_| wildcard()).0.unwrap_err().kind, FailureKind::WrongAddress);
    assert!(read_as("wildcard-answers-2007", |_| wildcard()).0.is_ok());
}

#[test]
fn an_answer_in_several_frames_is_put_together_and_is_one_proof() {
    let (answer, world) = read(|request| {
        Heard::Bytes(match asked(request) {
            (0x11, _) => frame(OWN, 0xB1, &hex("00000100 0102")),
            (0x12, data) if data == hex("00000100 01") => {
                [frame(OWN, 0xB2, &hex("00000100 FFFF 02")), frame(OWN, 0xB2, &hex("00000100 0304 01"))].concat()
            }
            (0x12, data) if data == hex("00000100 02") => frame(OWN, 0x92, &hex("00000100 05 02")),
            other => panic!("{other:02X?}"),
        })
    });
    assert_eq!(answer, Ok(ItemAnswer::Data { data: hex("0102030405"), proof: 0 }));
    let proof = world.proofs()[0];
    assert_eq!(world.proofs().len(), 1);
    assert_eq!(proof.request.iter().filter(|b| **b == 0x16).count(), 3, "three requests");
    assert!(proof.answer.ends_with(&frame(OWN, 0x92, &hex("00000100 05 02"))));
}

#[test]
fn an_answer_whose_rest_is_lost_or_refused_or_never_ends_is_no_answer() {
    let first = |request: &[u8], then: Heard| match asked(request) {
        (0x11, _) => Heard::Bytes(frame(OWN, 0xB1, &hex("00000100 0102"))),
        _ => then,
    };
    let lost = read(|request| first(request, Heard::Bytes(Vec::new()))).0.unwrap_err();
    assert_eq!(lost.kind, FailureKind::NoReply);
    let refused = read(|request| first(request, Heard::Bytes(frame(OWN, 0xD2, &[0x02]))));
    assert!(matches!(refused.0, Ok(ItemAnswer::Refused { errors }) if errors.no_such_data()));
    assert!(refused.1.proofs().is_empty());
    let endless = read(|request| {
        let (control, mut data) = asked(request);
        data.splice(4..4, [0; 190]);
        Heard::Bytes(frame(OWN, 0xA0 | control, &data))
    });
    assert_eq!(endless.0.unwrap_err().kind, FailureKind::Incomplete);
    assert!(endless.1.proofs().is_empty());
}

#[test]
fn an_item_of_the_other_edition_is_not_sent() {
    let clock = start();
    let mut line = Line::new(&clock, |_: &[u8]| panic!("nothing is asked"));
    let meter = meter(Protocol::Dlt645v2007, "generic-2007");
    let answer = block_on(read_item(&meter, DataId::V1997(0x9010), &mut line, &mut World::new(&clock)));
    assert_eq!(answer.unwrap_err().kind, FailureKind::NotSupported);
}
