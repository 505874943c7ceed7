//! What holds for APDUs of every kind.

use proptest::prelude::*;

use super::*;
use crate::axdr::{Data, Sequence};
use crate::vectors;
use crate::{GatewayDirection, Obis};

const CLOCK: Attribute = Attribute::new(8, Obis::new(0, 0, 1, 0, 0, 255), 2);
const ADJUST: Method = Method::new(8, Obis::new(0, 0, 1, 0, 0, 255), 6);
const INVOKE: InvokeId = InvokeId(0xC1);

fn written(apdu: &Apdu<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    apdu.write(&mut out);
    out
}

/// An APDU of every form of every service that no published vector has.
fn unpublished() -> Vec<Vec<u8>> {
    let invoke = INVOKE;
    let selection = Selection { selector: 2, parameters: Data::Unsigned(1) };
    let selected = [Selected::from(CLOCK), Selected { attribute: CLOCK, selection: Some(selection) }];
    let methods = [ADJUST, ADJUST];
    let data = [Data::Null, Data::Long(-5)];
    let block = DataBlock { last: false, number: 1, raw: &[1, 2, 3] };
    let results = [DataAccessResult::SUCCESS, DataAccessResult::OTHER_REASON];
    let returned = Some(GetResult::Data(Data::Null));
    let answers = [
        ActionAnswer { result: ActionResult::SUCCESS, returned },
        ActionAnswer { result: ActionResult::OBJECT_UNDEFINED, returned: None },
    ];
    let access = [
        AccessSpecification::Get(CLOCK),
        AccessSpecification::Set(CLOCK),
        AccessSpecification::Action(ADJUST),
        AccessSpecification::GetSelected(CLOCK, selection),
        AccessSpecification::SetSelected(CLOCK, selection),
    ];
    let outcomes = [
        AccessResult::Get(DataAccessResult::SUCCESS),
        AccessResult::Set(DataAccessResult::OBJECT_UNDEFINED),
        AccessResult::Action(ActionResult::SUCCESS),
    ];
    let short = ShortBlock { last: true, number: 2, raw: &[9] };
    let variables = [
        Variable::Name(0xFA00),
        Variable::Parameterized(8, selection),
        Variable::BlockNumber(3),
        Variable::ReadBlock(short),
        Variable::WriteBlock { last: true, number: 4 },
    ];
    let read = [
        ReadAnswer::Data(Data::Unsigned(1)),
        ReadAnswer::Error(DataAccessResult::OBJECT_UNDEFINED),
        ReadAnswer::Block(short),
        ReadAnswer::BlockNumber(7),
    ];
    let wrote =
        [WriteAnswer::Success, WriteAnswer::Error(DataAccessResult::READ_WRITE_DENIED), WriteAnswer::BlockNumber(1)];
    let (variables, data): (Sequence<'_, _>, Sequence<'_, _>) = (variables[..].into(), data[..].into());
    let (attributes, methods) = (selected[..].into(), methods[..].into());
    let exception = ExceptionResponse { state_error: 1, service_error: 6, invocation_counter: Some(77) };
    let inside = [0xC0, 1, 0xC1, 0, 8, 0, 0, 1, 0, 0, 255, 2, 0];
    [
        Apdu::GetRequest(GetRequest::WithList { invoke, attributes }),
        Apdu::SetRequest(SetRequest::Normal { invoke, attribute: selected[1], data: Data::Unsigned(1) }),
        Apdu::SetRequest(SetRequest::FirstBlock { invoke, attribute: selected[0], block }),
        Apdu::SetRequest(SetRequest::Block { invoke, block }),
        Apdu::SetRequest(SetRequest::WithList { invoke, attributes, data }),
        Apdu::SetRequest(SetRequest::ListFirstBlock { invoke, attributes, block }),
        Apdu::SetResponse(SetResponse::Normal { invoke, result: results[0] }),
        Apdu::SetResponse(SetResponse::LastBlockWithList { invoke, results: results[..].into(), block: 3 }),
        Apdu::SetResponse(SetResponse::WithList { invoke, results: results[..].into() }),
        Apdu::ActionRequest(ActionRequest::Next { invoke, block: 1 }),
        Apdu::ActionRequest(ActionRequest::WithList { invoke, methods, parameters: data }),
        Apdu::ActionRequest(ActionRequest::FirstBlock { invoke, method: ADJUST, block }),
        Apdu::ActionRequest(ActionRequest::ListFirstBlock { invoke, methods, block }),
        Apdu::ActionRequest(ActionRequest::Block { invoke, block }),
        Apdu::ActionResponse(ActionResponse::Block { invoke, block }),
        Apdu::ActionResponse(ActionResponse::WithList { invoke, answers: answers[..].into() }),
        Apdu::ActionResponse(ActionResponse::Next { invoke, block: 9 }),
        Apdu::AccessRequest(AccessRequest {
            invoke: LongInvokeId::confirmed(5),
            date_time: &[],
            specifications: access[..].into(),
            data,
        }),
        Apdu::AccessResponse(AccessResponse {
            invoke: LongInvokeId(5),
            date_time: &[0; 12],
            specifications: Some(access[..].into()),
            data,
            results: outcomes[..].into(),
        }),
        Apdu::EventNotification(EventNotification { time: Some(&[0; 12]), attribute: CLOCK, value: Data::Null }),
        Apdu::EventNotification(EventNotification { time: None, attribute: CLOCK, value: Data::Boolean(true) }),
        Apdu::ExceptionResponse(exception),
        Apdu::ReadRequest(ReadRequest { variables }),
        Apdu::ReadResponse(ReadResponse { answers: read[..].into() }),
        Apdu::WriteRequest(WriteRequest { variables, data }),
        Apdu::WriteResponse(WriteResponse { answers: wrote[..].into() }),
        Apdu::UnconfirmedWriteRequest(UnconfirmedWriteRequest { variables, data }),
        Apdu::InformationReport(InformationReport { time: Some(b"20240229120000Z"), variables, data }),
        Apdu::InformationReport(InformationReport { time: None, variables, data }),
        Apdu::Gateway(Gateway {
            direction: GatewayDirection::Request,
            network: 1,
            physical_address: &[7; 4],
            apdu: &inside,
        }),
    ]
    .iter()
    .map(|apdu| {
        let wire = written(apdu);
        assert_eq!(Apdu::decode(&wire), Ok(*apdu), "made by the program and read back");
        wire
    })
    .collect()
}

fn every_form() -> Vec<Vec<u8>> {
    [unpublished(), vectors::good_apdus()].concat()
}

#[test]
fn every_form_of_every_service_is_written_as_it_was_read() {
    for wire in every_form() {
        let apdu = Apdu::decode(&wire).unwrap();
        assert_eq!(written(&apdu), wire, "{}", apdu.name());
        assert_eq!(apdu.tag(), wire[0]);
    }
}

#[test]
fn a_cut_or_lengthened_apdu_is_refused() {
    for wire in every_form() {
        let apdu = Apdu::decode(&wire).unwrap();
        // What a gateway carries is not its affair, a counter may be left out, and so may the flag of a return value.
        if matches!(apdu, Apdu::Gateway(_) | Apdu::ExceptionResponse(_) | Apdu::ActionResponse(_)) {
            continue;
        }
        for end in 0..wire.len() {
            assert!(Apdu::decode(&wire[..end]).is_err(), "{} cut at {end}", apdu.name());
        }
        assert!(Apdu::decode(&[&wire[..], &[0]].concat()).is_err(), "{} and one more", apdu.name());
    }
}

#[test]
fn secrets_are_not_printed() {
    for wire in every_form() {
        let apdu = Apdu::decode(&wire).unwrap();
        let secret = match &apdu {
            Apdu::InitiateRequest(initiate) => initiate.dedicated_key.map(|key| key.reveal()),
            Apdu::Aarq(aarq) => aarq.authentication.map(|value| value.reveal()),
            _ => None,
        };
        if let Some(secret) = secret {
            assert!(!format!("{apdu:?}").contains(&format!("{secret:?}")));
        }
    }
}

proptest! {
    #[test]
    fn a_changed_apdu_is_refused_or_means_what_it_says(
        wire in prop::sample::select(every_form()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut changed = wire;
        for (at, octet) in changes {
            let at = at.index(changed.len());
            changed[at] = octet;
        }
        if let Ok(apdu) = Apdu::decode(&changed) {
            // Not octet for octet: a length may have a longer form than need be, and fields nobody knows are skipped.
            let again = written(&apdu);
            let read = Apdu::decode(&again);
            // NaN is not itself.
            prop_assert_eq!(format!("{:?}", read.as_ref()), format!("{:?}", Ok::<_, &DecodeError>(&apdu)));
            prop_assert_eq!(written(&read.unwrap()), again);
        }
    }

    #[test]
    fn no_bytes_panic(tag: u8, rest in prop::collection::vec(prop_oneof![0_u8..0x20, any::<u8>()], 0..60)) {
        let _read = Apdu::decode(&[&[tag], &rest[..]].concat());
    }
}
