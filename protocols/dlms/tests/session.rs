//! A client and a meter made of this crate alone talk over a line that carries small frames: link, association with mutual
//! proof, ciphered services, blocks, a profile, release.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::num::NonZeroU32;
use std::time::Instant;

use hes_dlms::Obis;
use hes_dlms::acse::{Aare, ContextName, Diagnostic, Mechanism, Offer, Proposal, Release, ReleaseKind, reply_to_hls};
use hes_dlms::apdu::{
    ActionAnswer, ActionRequest, ActionResponse, ActionResult, Apdu, Attribute, Conformance, DataAccessResult,
    GetRequest, GetResponse, GetResult, InvokeId, Secret, Selected,
};
use hes_dlms::axdr::{ClockStatus, Data, Date, DateTime, List, Time};
use hes_dlms::cosem::profile::{
    self, BufferSelection, CaptureObject, Layout, Moment, MomentForm, NullData, RowOrder, Rows,
};
use hes_dlms::cosem::{ScalerUnit, Unit, Value, association, clock, register};
use hes_dlms::dialogue::{Answering, Asked, Asking, Heard, Limits};
use hes_dlms::hdlc::link::{Client, ClientEvent, Server, ServerEvent, Settings};
use hes_dlms::hdlc::{Address, Frame, Parameters};
use hes_dlms::security::{
    Credentials, Handshake, Key, Keys, Party, Protection, SecurityContext, SendCounter, ServiceKey, Suite, SystemTitle,
};

const CLIENT: SystemTitle = SystemTitle(*b"HES\0\0\0\0\x01");
const METER: SystemTitle = SystemTitle(*b"MTR\0\0\0\0\x02");
const CTOS: &[u8] = b"challenge of the client";
const STOC: &[u8] = b"challenge of the meter";
const ENERGY: Obis = Obis::new(1, 0, 1, 8, 0, 255);
const PROFILE: Obis = Obis::new(1, 0, 99, 1, 0, 255);
/// Longest APDU of either side: a profile needs many blocks.
const MAX_PDU: u16 = 200;
/// What ciphering puts around an APDU: tag, length, header, authentication tag.
const CIPHER_OCTETS: usize = 1 + 3 + 5 + 12;

fn keys() -> Keys {
    let key = |octet: u8| Key::new(&[octet; 16]).unwrap();
    Keys::new(Suite::Suite0, key(1)).unwrap().with_authentication(key(2)).unwrap()
}

fn counter() -> SendCounter {
    let mut counter = SendCounter::resume(0);
    counter.confirm(counter.reserve(NonZeroU32::new(1_000).unwrap()).unwrap());
    counter
}

fn written(apdu: &Apdu<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    apdu.encode(&mut out).unwrap();
    out
}

/// One end's ciphering.
struct Cipher {
    context: SecurityContext,
    counter: SendCounter,
}

impl Cipher {
    fn new(own: SystemTitle) -> Self {
        let context = SecurityContext::new(own, keys(), Protection::AuthenticatedEncrypted);
        Self { context, counter: counter() }
    }
    fn protect(&mut self, plain: &[u8]) -> Vec<u8> {
        self.context.protect(ServiceKey::Unicast, plain, self.counter.issue().unwrap()).unwrap()
    }
    fn open(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.context.open(apdu).unwrap().apdu
    }
}

const fn limits() -> Limits {
    Limits { max_pdu: MAX_PDU as usize - CIPHER_OCTETS, max_whole_octets: 100_000 }
}

/// A meter with a clock, an energy register and a load profile.
struct Meter {
    link: Server,
    cipher: Cipher,
    answering: Answering,
    challenge: Vec<u8>,
    proven: bool,
    rows: Vec<(DateTime, u32)>,
}

impl Meter {
    fn new(rows: i64) -> Self {
        let start = DateTime::new(Date::new(2026, 11, 1).unwrap(), Time::MIDNIGHT, Some(-60), ClockStatus(0));
        let address = Address::server(1, 17).unwrap();
        let parameters = Parameters { max_info_tx: 100, max_info_rx: 64, window_tx: 3, window_rx: 1 };
        Self {
            link: Server::new(Settings { parameters, ..Settings::server(address) }),
            cipher: Cipher::new(METER),
            answering: Answering::new(limits()),
            challenge: Vec::new(),
            proven: false,
            rows: (0..rows).map(|row| (start.plus_seconds(row * 900).unwrap(), 1_000)).collect(),
        }
    }

    fn answer(&mut self, apdu: &[u8]) -> Vec<u8> {
        match Apdu::decode(apdu).unwrap() {
            Apdu::Aarq(aarq) => {
                let offer = Offer {
                    context: ContextName::LogicalNameCiphered,
                    mechanism: Mechanism::Gmac,
                    conformance: Conformance::from_octets([0x00, 0x1A, 0x1F]),
                    max_pdu: MAX_PDU,
                };
                offer.admits(&aarq).unwrap();
                self.cipher.context.set_peer(SystemTitle::from_octets(aarq.calling_ap_title.unwrap()).unwrap());
                self.challenge = aarq.authentication.unwrap().reveal().to_vec();
                let request = self.cipher.open(aarq.user_information.unwrap());
                let Ok(Apdu::InitiateRequest(request)) = Apdu::decode(&request) else { panic!("no initiate") };
                let response = Apdu::InitiateResponse(offer.answer(&request).unwrap());
                let initiate = self.cipher.protect(&written(&response));
                let aare = Aare::new(aarq.context, Aare::ACCEPTED, Diagnostic::AUTHENTICATION_REQUIRED, &initiate)
                    .with_system_title(&METER.0)
                    .with_authentication(Mechanism::Gmac, STOC);
                written(&Apdu::Aare(aare))
            }
            Apdu::Release(Release { kind: ReleaseKind::Request, .. }) => {
                let kind = ReleaseKind::Response;
                written(&Apdu::Release(Release { kind, reason: Some(0), user_information: None }))
            }
            _ => {
                let plain = self.cipher.open(apdu);
                let reply = match self.answering.request(&plain) {
                    Asked::Reply(reply) => reply,
                    Asked::Request(request) => self.serve(&request),
                };
                self.cipher.protect(&reply)
            }
        }
    }

    fn serve(&mut self, request: &[u8]) -> Vec<u8> {
        match Apdu::decode(request).unwrap() {
            Apdu::ActionRequest(ActionRequest::Normal { invoke, method, parameters }) => {
                assert_eq!((method.class, method.instance), (association::CLASS, association::CURRENT));
                let proof = parameters.and_then(|data| data.bytes()).unwrap();
                let (own, peer) = (
                    Party { title: Some(METER), challenge: STOC },
                    Party { title: Some(CLIENT), challenge: &self.challenge },
                );
                let handshake = Handshake::new(own, peer).unwrap();
                let keys = keys();
                handshake.check(&Credentials::Gmac(&keys), proof).unwrap();
                self.proven = true;
                let counter = self.cipher.counter.issue().unwrap();
                let answer = handshake.answer(&Credentials::Gmac(&keys), Some(counter)).unwrap();
                let returned = Some(GetResult::Data(Data::OctetString(&answer)));
                let answer = ActionAnswer { result: ActionResult::SUCCESS, returned };
                self.answering.answer(&Apdu::ActionResponse(ActionResponse::Normal { invoke, answer }))
            }
            Apdu::GetRequest(GetRequest::Normal { invoke, attribute }) => {
                let value = self.read(&attribute);
                let result = match &value {
                    Some(octets) if self.proven => GetResult::Data(Data::decode(octets).unwrap()),
                    Some(_) => GetResult::Error(DataAccessResult::READ_WRITE_DENIED),
                    None => GetResult::Error(DataAccessResult::OBJECT_UNDEFINED),
                };
                self.answering.answer(&Apdu::GetResponse(GetResponse::Normal { invoke, result }))
            }
            other => panic!("{other:?}"),
        }
    }

    fn read(&self, selected: &Selected<'_>) -> Option<Vec<u8>> {
        let Attribute { class, instance, number } = selected.attribute;
        Some(match (class, instance, number) {
            (clock::CLASS, _, clock::TIME) => self.rows.last()?.0.encode(),
            (register::REGISTER, ENERGY, register::VALUE) => Data::DoubleLongUnsigned(123_456).encode(),
            (register::REGISTER, ENERGY, register::SCALER_UNIT) => {
                ScalerUnit { scaler: -1, unit: Unit::WATT_HOUR }.encode()
            }
            (profile::CLASS, PROFILE, profile::BUFFER) => {
                let selection = selected.selection.map(|selection| BufferSelection::read(&selection).unwrap());
                let wanted = |at: &DateTime| match &selection {
                    Some(BufferSelection::Range { from: Moment::Civil(from), to: Moment::Civil(to), .. }) => {
                        let seconds = |moment: &DateTime| moment.local_seconds().unwrap();
                        (seconds(from)..=seconds(to)).contains(&seconds(at))
                    }
                    _ => true,
                };
                let kept: Vec<_> = self.rows.iter().filter(|(at, _)| wanted(at)).collect();
                // The first row says its time, the others leave it to the period.
                let cells: Vec<[Data<'_>; 2]> = kept
                    .iter()
                    .enumerate()
                    .map(|(at, (time, energy))| match at {
                        0 => [Data::OctetString(time.octets()), Data::DoubleLongUnsigned(*energy)],
                        _ => [Data::Null, Data::DeltaUnsigned(1)],
                    })
                    .collect();
                let rows: Vec<Data<'_>> = cells.iter().map(|row| Data::Structure(List::from(row))).collect();
                Data::Array(rows[..].into()).encode()
            }
            _ => return None,
        })
    }
}

/// The head-end's end, and the line between.
struct HeadEnd {
    link: Client,
    cipher: Cipher,
    meter: Meter,
    now: Instant,
    exchanges: usize,
}

impl HeadEnd {
    fn new(meter: Meter) -> Self {
        let (own, peer) = (Address::client(1).unwrap(), Address::server(1, 17).unwrap());
        let parameters = Parameters { max_info_tx: 80, max_info_rx: 120, window_tx: 1, window_rx: 7 };
        let link = Client::new(Settings { parameters, ..Settings::client(own, peer) });
        Self { link, cipher: Cipher::new(CLIENT), meter, now: Instant::now(), exchanges: 0 }
    }

    /// Carries frames to and fro until something has happened at this end.
    fn event(&mut self) -> ClientEvent {
        loop {
            for frame in Frame::parse_all(&self.link.transmission()).flatten() {
                self.meter.link.receive(&frame, self.now);
            }
            while let Some(event) = self.meter.link.poll_event() {
                if let ServerEvent::Request(apdu) = event {
                    let answer = self.meter.answer(&apdu);
                    self.meter.link.answer(&answer).unwrap();
                }
            }
            for frame in Frame::parse_all(&self.meter.link.transmission()).flatten() {
                self.link.receive(&frame, self.now);
            }
            if let Some(event) = self.link.poll_event() {
                return event;
            }
        }
    }

    fn exchange(&mut self, apdu: &[u8]) -> Vec<u8> {
        assert!(apdu.len() <= MAX_PDU.into());
        self.exchanges += 1;
        self.link.send(apdu, self.now).unwrap();
        match self.event() {
            ClientEvent::Answer(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// Asks ciphered, however many blocks it takes.
    fn ask(&mut self, request: &Apdu<'_>) -> Vec<u8> {
        let mut asking = Asking::new(request, limits()).unwrap();
        loop {
            let apdu = self.cipher.protect(asking.apdu());
            let answer = self.exchange(&apdu);
            assert!(answer.len() <= MAX_PDU.into());
            let plain = self.cipher.open(&answer);
            match asking.offer(&plain) {
                Heard::Complete => return asking.answer().to_vec(),
                Heard::GoOn => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn get(&mut self, attribute: Selected<'_>) -> Vec<u8> {
        self.ask(&Apdu::GetRequest(GetRequest::Normal { invoke: InvokeId::confirmed(7), attribute }))
    }

    fn open(&mut self) {
        self.link.open(self.now);
        let ClientEvent::Opened(agreed) = self.event() else { panic!("the link is not open") };
        // Neither sends more than the other takes.
        let parameters = Parameters { max_info_tx: 64, max_info_rx: 100, window_tx: 1, window_rx: 3 };
        assert_eq!(agreed, parameters);
    }

    fn associate(&mut self) {
        let proposal = Proposal {
            context: ContextName::LogicalNameCiphered,
            mechanism: Mechanism::Gmac,
            authentication: Secret::new(CTOS),
            system_title: Some(&CLIENT.0),
            user: None,
            dedicated_key: None,
            conformance: Conformance::from_octets([0x00, 0x7E, 0x1F]),
            max_pdu: MAX_PDU,
        };
        let initiate = self.cipher.protect(&proposal.initiate());
        let answer = self.exchange(&proposal.aarq(&initiate));
        let Ok(Apdu::Aare(aare)) = Apdu::decode(&answer) else { panic!("no AARE") };
        let title = SystemTitle::from_octets(aare.responding_ap_title.unwrap()).unwrap();
        self.cipher.context.set_peer(title);
        let initiate = self.cipher.open(aare.user_information.unwrap());
        let agreed = proposal.judge(&aare, Apdu::decode(&initiate).ok().as_ref()).unwrap();
        assert_eq!(agreed.max_pdu, MAX_PDU);
        assert!(agreed.conformance.contains(Conformance::BLOCK_TRANSFER_WITH_GET | Conformance::SELECTIVE_ACCESS));

        let (own, peer) = (
            Party { title: Some(CLIENT), challenge: CTOS },
            Party { title: Some(title), challenge: agreed.challenge.unwrap() },
        );
        let handshake = Handshake::new(own, peer).unwrap();
        let keys = keys();
        let counter = self.cipher.counter.issue().unwrap();
        let proof = handshake.answer(&Credentials::Gmac(&keys), Some(counter)).unwrap();
        let answer = self.ask(&Apdu::ActionRequest(reply_to_hls(InvokeId::confirmed(1), &proof)));
        let Ok(Apdu::ActionResponse(ActionResponse::Normal { answer, .. })) = Apdu::decode(&answer) else { panic!() };
        assert_eq!(answer.result, ActionResult::SUCCESS);
        let Some(GetResult::Data(proof)) = answer.returned else { panic!("no proof") };
        handshake.check(&Credentials::Gmac(&keys), proof.bytes().unwrap()).unwrap();
    }
}

fn data(answer: &[u8]) -> Data<'_> {
    match Apdu::decode(answer) {
        Ok(Apdu::GetResponse(GetResponse::Normal { result: GetResult::Data(data), .. })) => data,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_meter_is_read_in_blocks_through_ciphered_services_over_small_frames() {
    let mut head_end = HeadEnd::new(Meter::new(300));
    head_end.open();
    head_end.associate();

    let time = head_end.get(Attribute::new(clock::CLASS, Obis::new(0, 0, 1, 0, 0, 255), clock::TIME).into());
    assert_eq!(data(&time).date_time(), head_end.meter.rows.last().map(|(at, _)| *at));

    let energy = head_end.get(Attribute::new(register::REGISTER, ENERGY, register::VALUE).into());
    let scaler = head_end.get(Attribute::new(register::REGISTER, ENERGY, register::SCALER_UNIT).into());
    let scaler_unit = ScalerUnit::read(data(&scaler)).unwrap();
    assert_eq!(scaler_unit.unit, Unit::WATT_HOUR);
    assert_eq!(register::Scaled::new(&data(&energy), scaler_unit).unwrap().to_string(), "12345.6");

    let before = head_end.exchanges;
    let buffer = Attribute::new(profile::CLASS, PROFILE, profile::BUFFER);
    let whole = head_end.get(buffer.into());
    assert!(head_end.exchanges > before + 5, "in blocks");
    let columns = [CaptureObject::CLOCK, CaptureObject::new(register::REGISTER, ENERGY, register::VALUE)];
    let layout = Layout {
        columns: &columns,
        capture_period_s: 900,
        null_data: NullData::AsBefore,
        order: RowOrder::OldestFirst,
    };
    let rows = |answer: &[u8]| {
        let mut rows = Rows::new(&data(answer), &layout).unwrap();
        let mut read = Vec::new();
        while let Some(row) = rows.next_row() {
            let row = row.unwrap();
            read.push((row[0].value.date_time().unwrap(), row[1].value.number::<u32>().unwrap()));
        }
        read
    };
    let read = rows(&whole);
    assert_eq!(read.iter().map(|(at, _)| *at).collect::<Vec<_>>(), {
        head_end.meter.rows.iter().map(|(at, _)| *at).collect::<Vec<_>>()
    });
    assert_eq!(read.last().map(|(_, energy)| *energy), Some(1_299));

    let (from, to) = (head_end.meter.rows[10].0, head_end.meter.rows[19].0);
    let range = BufferSelection::range(from, to);
    let parameters = range.parameters(MomentForm::OctetString);
    let parameters = Data::decode(&parameters).unwrap();
    let selection = Some(hes_dlms::apdu::Selection { selector: range.selector(), parameters });
    let part = rows(&head_end.get(Selected { attribute: buffer, selection }));
    assert_eq!((part.len(), part[0].0, part[9].0), (10, from, to));

    let release = Release { kind: ReleaseKind::Request, reason: Some(0), user_information: None };
    let answer = head_end.exchange(&written(&Apdu::Release(release)));
    assert!(matches!(Apdu::decode(&answer), Ok(Apdu::Release(Release { kind: ReleaseKind::Response, .. }))));
    head_end.link.close(head_end.now);
    assert!(matches!(head_end.event(), ClientEvent::Closed(hes_dlms::hdlc::link::Closed::InOrder)));
}

#[test]
fn a_client_that_skips_the_proof_reads_nothing() {
    let mut head_end = HeadEnd::new(Meter::new(1));
    head_end.open();
    head_end.meter.cipher.context.set_peer(CLIENT);
    head_end.cipher.context.set_peer(METER);
    let answer = head_end.get(Attribute::new(register::REGISTER, ENERGY, register::VALUE).into());
    let result = GetResult::Error(DataAccessResult::READ_WRITE_DENIED);
    let invoke = InvokeId::confirmed(7);
    assert_eq!(Apdu::decode(&answer), Ok(Apdu::GetResponse(GetResponse::Normal { invoke, result })));
}
