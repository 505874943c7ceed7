//! What holds for values of every kind: what is written is read back.

use super::association::{AccessMode, AccessRights, AttributeAccess, ContextInfo, MethodAccess, Object, Partners};
use super::calendar::{Day, DayAction, Season, SpecialDay, Week};
use super::image::{Block, ImageToActivate, ImageTransferStatus, Initiate};
use super::limiter::{Actions, EmergencyProfile, MonitoredValue};
use super::prepayment::{
    AccountModeAndStatus, AccountStatus, ChargeScaling, ChargeTableElement, Commodity, CreditCharge, Currency,
    CurrencyUnit, PaymentMode, TokenShare, TokenStatus, UnitCharge,
};
use super::profile::CaptureObject;
use super::push::{Destination, Message, Transport, Window};
use super::sap::LogicalDevice;
use super::script::{ExecutionTime, Script, ScriptAction, ScriptService, ScriptStep};
use super::security_setup::{CertificateEntity, CertificateInfo, CertificateType, KeyId, KeyTransfer};
use super::{Bits, ScalerUnit, Unit, Value};
use crate::Obis;
use crate::apdu::{Apdu, GetResponse, ResultBlock};
use crate::axdr::{ClockStatus, Data, Date, DateTime, Element, Time, tag};

const NAME: Obis = Obis::new(1, 0, 1, 8, 0, 255);

macro_rules! read_back {
    ($($value:expr),* $(,)?) => {$({
        let value = $value;
        let wire = value.encode();
        let data = Data::decode(&wire).unwrap();
        assert_eq!(Value::read(data).as_ref(), Ok(&value));
        // A structure with a member less is refused, one with a member more is of a newer version.
        if let Data::Structure(list) = data {
            let members: Vec<Data> = list.iter().collect();
            let fewer = Data::Structure(members[..members.len() - 1].into());
            assert!(same_type(&value, fewer).is_err());
            let more = [&members[..], &[Data::Null]].concat();
            assert_eq!(same_type(&value, Data::Structure(more[..].into())).as_ref(), Ok(&value));
            assert!(same_type(&value, Data::Unsigned(1)).is_err());
        }
    })*};
}

fn same_type<'a, T: Value<'a>>(_: &T, data: Data<'a>) -> Result<T, super::WrongType> {
    T::read(data)
}

#[test]
fn what_is_written_is_read_back() {
    let moment = DateTime::new(Date::new(2024, 2, 29).unwrap(), Time::MIDNIGHT, None, ClockStatus(0));
    let bits = Bits { len: 3, octets: &[0xA0] };
    let script = ScriptAction { table: Obis::new(0, 0, 10, 0, 106, 255), selector: 1 };
    read_back![
        ScalerUnit { scaler: -3, unit: Unit::VOLT },
        CaptureObject::CLOCK,
        vec![CaptureObject::CLOCK, CaptureObject { index: 2, ..CaptureObject::CLOCK }],
        Partners { client: 16, server: 1 },
        ContextInfo {
            conformance: Bits { len: 24, octets: &[0, 0x50, 0x1F] },
            max_receive_pdu_size: 1,
            max_send_pdu_size: 2,
            dlms_version: 6,
            quality_of_service: 0,
            cyphering_info: &[],
        },
        LogicalDevice { sap: 1, name: b"HES0001" },
        ImageTransferStatus::VerificationFailed,
        ImageTransferStatus::Other(99),
        ImageToActivate { size: 10, identification: b"v2", signature: &[1] },
        Initiate { identifier: b"v2", size: 10 },
        Block { number: 3, value: &[1, 2] },
        Season { name: b"winter", start: moment, week_name: b"all" },
        Week { name: b"all", monday: 1, tuesday: 1, wednesday: 1, thursday: 1, friday: 1, saturday: 2, sunday: 2 },
        Day {
            day_id: 1,
            schedule: vec![DayAction { start_time: Time::MIDNIGHT, script_table: NAME, script_selector: 2 }],
        },
        SpecialDay { index: 1, date: Date::new(2024, 1, 1).unwrap(), day_id: 2 },
        MonitoredValue { class: 3, instance: NAME, attribute: 2 },
        EmergencyProfile { id: 1, activation_time: moment, duration: 60 },
        Actions { over: script.clone(), under: script },
        Script {
            identifier: 1,
            actions: vec![ScriptStep {
                service: ScriptService::Execute,
                class: 70,
                instance: NAME,
                index: 1,
                parameter: Data::Integer(0),
            }],
        },
        ExecutionTime { time: Time::MIDNIGHT, date: Date::from_wire([0xFF; 5]) },
        Destination { transport: Transport::Tcp, destination: b"10.0.0.1:4059", message: Message::AXdr },
        Window { start: moment, end: DateTime::OPEN },
        KeyTransfer { key: KeyId::Authentication, wrapped: &[7; 24] },
        CertificateInfo {
            entity: CertificateEntity::Server,
            certificate_type: CertificateType::Signature,
            serial_number: &[1],
            issuer: &[2],
            subject: &[3],
            subject_alternative_name: &[],
        },
        AccountModeAndStatus { mode: PaymentMode::Prepayment, status: AccountStatus::Active },
        CreditCharge { credit: NAME, charge: NAME, collection: bits },
        TokenShare { credit: NAME, proportion: 100 },
        Currency { name: b"CNY", scale: -2, unit: CurrencyUnit::Monetary },
        UnitCharge {
            scaling: ChargeScaling { commodity: 3, price: -4 },
            commodity: Commodity { class: 3, instance: NAME, attribute: 2 },
            table: vec![ChargeTableElement { index: &[1], charge_per_unit: -7 }],
        },
        TokenStatus { code: 1, data: bits },
        Object {
            class: 3,
            version: 0,
            instance: NAME,
            rights: AccessRights {
                attributes: vec![AttributeAccess { attribute: 2, mode: AccessMode::READ, selectors: Some(vec![1, 2]) }],
                methods: vec![MethodAccess { method: 1, mode: AccessMode::NONE }],
            },
        },
        Some(1_u8),
        None::<u8>,
    ];
}

#[test]
fn rights_are_read_by_the_version_of_the_association() {
    let authenticated_read = AccessMode(4);
    assert!(authenticated_read.can_read(1) && !authenticated_read.can_write(1));
    assert!(!AccessMode(4).can_read(3) && AccessMode(0b11).can_write(3));
    assert!(AccessMode(2).can_call(1) && !AccessMode(2).can_call(3));
}

#[test]
fn bits_are_counted_from_the_first_sent() {
    let bits = Bits { len: 10, octets: &[0b1000_0000, 0b0100_0000] };
    assert_eq!([bits.get(0), bits.get(1), bits.get(9), bits.get(10)], [Some(true), Some(false), Some(true), None]);
}

#[test]
fn objects_of_a_published_list_are_read_one_by_one() {
    // The second block of an object list begins with a whole object; the seventh is the clock.
    let block = crate::vectors::good_apdus().into_iter().find_map(|apdu| match Apdu::decode(&apdu) {
        Ok(Apdu::GetResponse(GetResponse::WithDataBlock {
            block: ResultBlock { number: 2, raw: Ok(raw), .. },
            ..
        })) => Some(raw.to_vec()),
        _ => None,
    });
    let wire = [&[tag::ARRAY, 7][..], &block.unwrap()].concat();
    let (_, data) = Data::parse(&wire).unwrap();
    let objects: Vec<Object> = super::association::objects(&data).unwrap().map(Result::unwrap).collect();
    let clock = objects.iter().find(|object| object.class == 8).unwrap();
    assert_eq!((objects.len(), clock.instance.to_string().as_str()), (7, "0.0.1.0.0.255"));
    assert!(clock.attribute(2).can_write(1) && !clock.attribute(1).can_write(1));
    assert!(!clock.understands(2, 1));
    let mut again = Vec::new();
    super::association::write_objects(objects.iter(), &mut again);
    let read_again = Data::decode(&again).unwrap();
    assert_eq!(super::association::objects(&read_again).unwrap().map(Result::unwrap).collect::<Vec<_>>(), objects);
}
