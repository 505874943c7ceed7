//! Requests and answers at the server, one association each.

use super::{BLOCK_OVERHEAD, Limits};
use crate::apdu::{ActionAnswer, ActionResult};
use crate::apdu::{
    ActionRequest, ActionResponse, Apdu, DataAccessResult, DataBlock, GetRequest, GetResponse, GetResult, InvokeId,
    ReadAnswer, ReadRequest, ReadResponse, ResultBlock, SetRequest, SetResponse, ShortBlock, Variable,
};
use crate::axdr::Element;

/// What to do about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Serve it: the whole request, plain. Its answer goes through [`Answering::answer`].
    Request(Vec<u8>),
    /// Send this: it was a piece, or asked for one.
    Reply(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Get,
    Set,
    SetList,
    Action,
    ActionList,
    Read,
}

/// A request that comes in pieces.
#[derive(Debug)]
struct Incoming {
    service: Service,
    invoke: InvokeId,
    /// The plain request as far as it is there.
    whole: Vec<u8>,
    block: u32,
}

/// An answer that goes out in pieces.
#[derive(Debug)]
struct Outgoing {
    service: Service,
    invoke: InvokeId,
    raw: Vec<u8>,
    sent: usize,
    block: u32,
}

/// A server's side of long requests and answers.
#[derive(Debug)]
pub struct Answering {
    limits: Limits,
    incoming: Option<Incoming>,
    outgoing: Option<Outgoing>,
    /// The last block of a SET, whose answer names it.
    last_block: Option<u32>,
}

impl Answering {
    /// Nothing is under way.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, incoming: None, outgoing: None, last_block: None }
    }

    /// Takes a request, deciphered. A new one ends whatever was under way.
    pub fn request(&mut self, apdu: &[u8]) -> Asked {
        let request = Apdu::decode(apdu);
        match request {
            Ok(Apdu::GetRequest(GetRequest::Next { invoke, block })) => {
                return self.next(Service::Get, invoke, block);
            }
            Ok(Apdu::ActionRequest(ActionRequest::Next { invoke, block })) => {
                return self.next(Service::Action, invoke, block);
            }
            Ok(Apdu::ReadRequest(ReadRequest { variables })) => {
                if let Some(Variable::BlockNumber(block)) = variables.iter().next() {
                    return self.next(Service::Read, InvokeId(0), block.into());
                }
            }
            Ok(Apdu::SetRequest(SetRequest::Block { invoke, block })) => return self.piece(invoke, block),
            Ok(Apdu::ActionRequest(ActionRequest::Block { invoke, block })) => return self.piece(invoke, block),
            _ => {}
        }
        (self.incoming, self.outgoing, self.last_block) = (None, None, None);
        match request {
            Ok(Apdu::SetRequest(SetRequest::FirstBlock { invoke, attribute, block })) => {
                self.first(Service::Set, invoke, &[0xC1, 1, invoke.0], |out| attribute.write(out), block)
            }
            Ok(Apdu::SetRequest(SetRequest::ListFirstBlock { invoke, attributes, block })) => {
                self.first(Service::SetList, invoke, &[0xC1, 4, invoke.0], |out| attributes.write(out), block)
            }
            Ok(Apdu::ActionRequest(ActionRequest::FirstBlock { invoke, method, block })) => {
                let head = |out: &mut Vec<u8>| {
                    method.write(out);
                    // Parameters follow.
                    out.push(1);
                };
                self.first(Service::Action, invoke, &[0xC3, 1, invoke.0], head, block)
            }
            Ok(Apdu::ActionRequest(ActionRequest::ListFirstBlock { invoke, methods, block })) => {
                self.first(Service::ActionList, invoke, &[0xC3, 3, invoke.0], |out| methods.write(out), block)
            }
            _ => Asked::Request(apdu.to_vec()),
        }
    }

    fn first(
        &mut self,
        service: Service,
        invoke: InvokeId,
        tag: &[u8],
        head: impl FnOnce(&mut Vec<u8>),
        block: DataBlock<'_>,
    ) -> Asked {
        let mut whole = tag.to_vec();
        head(&mut whole);
        self.incoming = Some(Incoming { service, invoke, whole, block: 0 });
        self.piece(invoke, block)
    }

    fn piece(&mut self, invoke: InvokeId, block: DataBlock<'_>) -> Asked {
        let Some(mut incoming) = self.incoming.take().filter(|incoming| incoming.invoke.id() == invoke.id()) else {
            return refused(Service::Set, invoke, DataAccessResult::NO_LONG_SET_IN_PROGRESS, block.number);
        };
        // Our acknowledgement got lost: it is said again.
        if block.number == incoming.block {
            let reply = acknowledged(incoming.service, invoke, block.number);
            self.incoming = Some(incoming);
            return reply;
        }
        if block.number != incoming.block.wrapping_add(1) {
            let why = DataAccessResult::DATA_BLOCK_NUMBER_INVALID;
            return refused(incoming.service, invoke, why, block.number);
        }
        if incoming.whole.len() + block.raw.len() > self.limits.max_whole_octets {
            return refused(incoming.service, invoke, DataAccessResult::LONG_SET_ABORTED, block.number);
        }
        incoming.block = block.number;
        incoming.whole.extend_from_slice(block.raw);
        if !block.last {
            let reply = acknowledged(incoming.service, invoke, block.number);
            self.incoming = Some(incoming);
            return reply;
        }
        if matches!(incoming.service, Service::Set | Service::SetList) {
            self.last_block = Some(block.number);
        }
        match Apdu::decode(&incoming.whole) {
            Ok(_) => Asked::Request(incoming.whole),
            Err(_) => {
                self.last_block = None;
                refused(incoming.service, invoke, DataAccessResult::TYPE_UNMATCHED, block.number)
            }
        }
    }

    /// The next piece of the answer, or the one before once more: block `acknowledged` is there.
    fn next(&mut self, service: Service, invoke: InvokeId, acknowledged: u32) -> Asked {
        let fits = |outgoing: &Outgoing| {
            outgoing.service == service && outgoing.invoke.id() == invoke.id() && outgoing.block == acknowledged
        };
        match self.outgoing.take() {
            Some(outgoing) if fits(&outgoing) => Asked::Reply(self.cut(outgoing)),
            other => {
                let why = match other {
                    None => DataAccessResult::NO_LONG_GET_IN_PROGRESS,
                    Some(_) => DataAccessResult::DATA_BLOCK_NUMBER_INVALID,
                };
                refused(service, invoke, why, acknowledged)
            }
        }
    }

    /// The first APDU of an answer: all of it, or its first block where it is too long for the client.
    pub fn answer(&mut self, answer: &Apdu<'_>) -> Vec<u8> {
        let answer = match (self.last_block.take(), *answer) {
            (Some(block), Apdu::SetResponse(SetResponse::Normal { invoke, result })) => {
                Apdu::SetResponse(SetResponse::LastBlock { invoke, result, block })
            }
            (Some(block), Apdu::SetResponse(SetResponse::WithList { invoke, results })) => {
                Apdu::SetResponse(SetResponse::LastBlockWithList { invoke, results, block })
            }
            (_, answer) => answer,
        };
        let whole = written(&answer);
        if self.limits.fits(&whole) {
            return whole;
        }
        let (service, invoke, raw) = match answer {
            Apdu::GetResponse(GetResponse::Normal { invoke, result: GetResult::Data(data) }) => {
                (Service::Get, invoke, data.encode())
            }
            Apdu::GetResponse(GetResponse::WithList { invoke, results }) => {
                let mut raw = Vec::new();
                results.write(&mut raw);
                (Service::Get, invoke, raw)
            }
            Apdu::ActionResponse(ActionResponse::Normal { invoke, answer }) => {
                let mut raw = Vec::new();
                answer.write(&mut raw);
                (Service::Action, invoke, raw)
            }
            Apdu::ActionResponse(ActionResponse::WithList { invoke, answers }) => {
                let mut raw = Vec::new();
                answers.write(&mut raw);
                (Service::Action, invoke, raw)
            }
            Apdu::ReadResponse(ReadResponse { answers }) => {
                let mut raw = Vec::new();
                answers.write(&mut raw);
                (Service::Read, InvokeId(0), raw)
            }
            // Nothing else is cut here; general block transfer can.
            _ => return whole,
        };
        self.cut(Outgoing { service, invoke, raw, sent: 0, block: 0 })
    }

    fn cut(&mut self, mut outgoing: Outgoing) -> Vec<u8> {
        // One octet more: that a piece follows, and not an error; READ has another one, for the number of answers.
        let piece = self.limits.piece(BLOCK_OVERHEAD + 1).unwrap_or(1);
        let (done, rest) = outgoing.raw.split_at(outgoing.sent);
        let raw = rest.split_at(rest.len().min(piece)).0;
        let sent = done.len() + raw.len();
        let (last, number) = (sent == outgoing.raw.len(), outgoing.block + 1);
        let invoke = outgoing.invoke;
        let apdu = match outgoing.service {
            Service::Action | Service::ActionList => {
                written(&Apdu::ActionResponse(ActionResponse::Block { invoke, block: DataBlock { last, number, raw } }))
            }
            Service::Read => {
                let number = u16::try_from(number).unwrap_or(u16::MAX);
                let answers = [ReadAnswer::Block(ShortBlock { last, number, raw })];
                written(&Apdu::ReadResponse(ReadResponse { answers: answers[..].into() }))
            }
            Service::Get | Service::Set | Service::SetList => {
                let block = ResultBlock { last, number, raw: Ok(raw) };
                written(&Apdu::GetResponse(GetResponse::WithDataBlock { invoke, block }))
            }
        };
        (outgoing.sent, outgoing.block) = (sent, number);
        self.outgoing = (!last).then_some(outgoing);
        apdu
    }
}

fn written(apdu: &Apdu<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    apdu.write(&mut out);
    out
}

fn acknowledged(service: Service, invoke: InvokeId, block: u32) -> Asked {
    Asked::Reply(written(&match service {
        Service::Action | Service::ActionList => Apdu::ActionResponse(ActionResponse::Next { invoke, block }),
        _ => Apdu::SetResponse(SetResponse::Block { invoke, block }),
    }))
}

fn refused(service: Service, invoke: InvokeId, why: DataAccessResult, block: u32) -> Asked {
    Asked::Reply(written(&match service {
        Service::Get => {
            let block = ResultBlock { last: true, number: block, raw: Err(why) };
            Apdu::GetResponse(GetResponse::WithDataBlock { invoke, block })
        }
        Service::Set | Service::SetList => Apdu::SetResponse(SetResponse::LastBlock { invoke, result: why, block }),
        Service::Action | Service::ActionList => {
            let answer = ActionAnswer { result: ActionResult::LONG_ACTION_ABORTED, returned: None };
            Apdu::ActionResponse(ActionResponse::Normal { invoke, answer })
        }
        Service::Read => {
            let answers = [ReadAnswer::Error(why)];
            return Asked::Reply(written(&Apdu::ReadResponse(ReadResponse { answers: answers[..].into() })));
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Obis;
    use crate::actuation::ActuationPermit;
    use crate::apdu::{Attribute, Method, Selected};
    use crate::axdr::Data;
    use crate::dialogue::{Asking, CannotAsk, Heard, Refusal};
    use proptest::prelude::*;

    const INVOKE: InvokeId = InvokeId::confirmed(3);
    const CLOCK: Attribute = Attribute::new(8, Obis::new(0, 0, 1, 0, 0, 255), 2);

    fn limits(max_pdu: usize) -> Limits {
        Limits { max_pdu, max_whole_octets: 4_000 }
    }

    /// Asks over a line on which every APDU is heard once, and returns the request as the server saw it and the answer.
    fn converse(
        request: &Apdu<'_>,
        answer: &Apdu<'_>,
        client: Limits,
        server: Limits,
    ) -> (Vec<u8>, Result<Vec<u8>, Refusal>) {
        let mut asking = Asking::with_permit(ActuationPermit::for_round_trip(), request, client).unwrap();
        let mut answering = Answering::new(server);
        let mut seen = Vec::new();
        for _ in 0..5_000 {
            assert!(client.fits(asking.apdu()), "no request is longer than the server takes");
            let reply = match answering.request(asking.apdu()) {
                Asked::Reply(reply) => reply,
                Asked::Request(whole) => {
                    seen = whole;
                    answering.answer(answer)
                }
            };
            assert!(server.fits(&reply), "no answer is longer than the client takes");
            match asking.offer(&reply) {
                Heard::Complete => return (seen, Ok(asking.answer().to_vec())),
                Heard::GoOn => {}
                Heard::Refused(why) => return (seen, Err(why)),
                other => panic!("{other:?}"),
            }
        }
        panic!("no end")
    }

    fn get() -> Apdu<'static> {
        Apdu::GetRequest(GetRequest::Normal { invoke: INVOKE, attribute: CLOCK.into() })
    }

    #[test]
    fn a_lost_acknowledgement_is_said_again() {
        let data = [7; 100];
        let set = SetRequest::Normal { invoke: INVOKE, attribute: CLOCK.into(), data: Data::OctetString(&data) };
        let asking = Asking::new(&Apdu::SetRequest(set), limits(64)).unwrap();
        let mut answering = Answering::new(limits(64));
        let first = answering.request(asking.apdu());
        assert!(matches!(first, Asked::Reply(_)));
        // The first block once more begins anew, and is answered alike.
        assert_eq!(answering.request(asking.apdu()), first);
    }

    #[test]
    fn foreign_answers_leave_the_request_open() {
        let mut asking = Asking::new(&get(), limits(0)).unwrap();
        let other = GetResponse::Normal { invoke: INVOKE.next(), result: GetResult::Data(Data::Null) };
        assert_eq!(asking.offer(&written(&Apdu::GetResponse(other))), Heard::Foreign);
        assert_eq!(asking.offer(&[0xFF]), Heard::Foreign);
        let own = GetResponse::Normal { invoke: INVOKE, result: GetResult::Data(Data::Null) };
        assert_eq!(asking.offer(&written(&Apdu::GetResponse(own))), Heard::Complete);
        assert_eq!(asking.offer(&written(&Apdu::GetResponse(own))), Heard::Over);
    }

    #[test]
    fn a_block_out_of_order_an_error_inside_and_an_endless_answer_end_the_request() {
        let block = |number, raw| {
            let block = ResultBlock { last: false, number, raw };
            written(&Apdu::GetResponse(GetResponse::WithDataBlock { invoke: INVOKE, block }))
        };
        let mut asking = Asking::new(&get(), limits(0)).unwrap();
        assert_eq!(asking.offer(&block(1, Ok(&[1]))), Heard::GoOn);
        let wrong = Refusal::BlockNumber { expected: 2, found: 3 };
        assert_eq!(asking.offer(&block(3, Ok(&[1]))), Heard::Refused(wrong));

        let mut asking = Asking::new(&get(), limits(0)).unwrap();
        assert_eq!(asking.offer(&block(1, Err(DataAccessResult::LONG_GET_ABORTED))), Heard::Complete);
        let result = GetResult::Error(DataAccessResult::LONG_GET_ABORTED);
        let plain = Apdu::GetResponse(GetResponse::Normal { invoke: INVOKE, result });
        assert_eq!(Apdu::decode(asking.answer()), Ok(plain));

        let mut asking = Asking::new(&get(), limits(0)).unwrap();
        let heard = (1..10).map(|number| asking.offer(&block(number, Ok(&[1; 900])))).last();
        assert_eq!(heard, Some(Heard::Over));
    }

    #[test]
    fn an_exception_refuses_and_pieces_cannot_be_asked() {
        let mut asking = Asking::new(&get(), limits(0)).unwrap();
        let heard = asking.offer(&[0xD8, 1, 2]);
        assert!(matches!(heard, Heard::Refused(Refusal::Exception(exception)) if exception.service_error == 2));
        let next = Apdu::GetRequest(GetRequest::Next { invoke: INVOKE, block: 1 });
        assert_eq!(Asking::new(&next, limits(0)).unwrap_err(), CannotAsk::NotWhole);
        let relay = Method::new(70, Obis::new(0, 0, 96, 3, 10, 255), 1);
        let open = ActionRequest::Normal { invoke: INVOKE, method: relay, parameters: Some(Data::Integer(0)) };
        let refused = Asking::new(&Apdu::ActionRequest(open), limits(0)).unwrap_err();
        assert!(matches!(refused, CannotAsk::NeedsPermit(_)));
    }

    #[test]
    fn a_bare_return_value_in_blocks_is_understood() {
        let method = Method::new(15, Obis::new(0, 0, 40, 0, 0, 255), 1);
        let action = ActionRequest::Normal { invoke: INVOKE, method, parameters: None };
        for raw in [&[9_u8, 2, 7, 8][..], &[1, 0, 9, 2, 7, 8], &[0, 1, 0, 9, 2, 7, 8]] {
            let mut asking = Asking::new(&Apdu::ActionRequest(action), limits(0)).unwrap();
            let block = DataBlock { last: true, number: 1, raw };
            let answer = written(&Apdu::ActionResponse(ActionResponse::Block { invoke: INVOKE, block }));
            assert_eq!(asking.offer(&answer), Heard::Complete);
            let returned = Some(GetResult::Data(Data::OctetString(&[7, 8])));
            let answer = ActionAnswer { result: ActionResult::SUCCESS, returned };
            let plain = Apdu::ActionResponse(ActionResponse::Normal { invoke: INVOKE, answer });
            assert_eq!(Apdu::decode(asking.answer()), Ok(plain));
        }
    }

    proptest! {
        #[test]
        fn long_values_are_read_written_and_returned_whole(
            asked in prop::collection::vec(any::<u8>(), 0..600),
            returned in prop::collection::vec(any::<u8>(), 0..600),
            client in prop_oneof![Just(0_usize), 60..300_usize],
            server in prop_oneof![Just(0_usize), 14..300_usize],
        ) {
            let (asked, returned) = (Data::OctetString(&asked), Data::OctetString(&returned));
            let method = Method::new(18, Obis::new(0, 0, 44, 0, 0, 255), 2);
            let several = [Selected::from(CLOCK), CLOCK.into()];
            let (values, results) = ([asked, asked], [GetResult::Data(returned), GetResult::Data(returned)]);
            let done = [DataAccessResult::SUCCESS, DataAccessResult::TYPE_UNMATCHED];
            let answer = ActionAnswer { result: ActionResult::SUCCESS, returned: Some(GetResult::Data(returned)) };
            let invoke = INVOKE;
            for (request, answer) in [
                (get(), Apdu::GetResponse(GetResponse::Normal { invoke, result: GetResult::Data(returned) })),
                (
                    Apdu::GetRequest(GetRequest::WithList { invoke, attributes: several[..].into() }),
                    Apdu::GetResponse(GetResponse::WithList { invoke, results: results[..].into() }),
                ),
                (
                    Apdu::SetRequest(SetRequest::Normal { invoke, attribute: CLOCK.into(), data: asked }),
                    Apdu::SetResponse(SetResponse::Normal { invoke, result: DataAccessResult::SUCCESS }),
                ),
                (
                    Apdu::SetRequest(SetRequest::WithList { invoke, attributes: several[..].into(), data: values[..].into() }),
                    Apdu::SetResponse(SetResponse::WithList { invoke, results: done[..].into() }),
                ),
                (
                    Apdu::ActionRequest(ActionRequest::Normal { invoke, method, parameters: Some(asked) }),
                    Apdu::ActionResponse(ActionResponse::Normal { invoke, answer }),
                ),
            ] {
                let (seen, heard) = converse(&request, &answer, limits(client), limits(server));
                prop_assert_eq!(Apdu::decode(&seen), Ok(request));
                let heard = heard.unwrap();
                prop_assert_eq!(Apdu::decode(&heard), Ok(answer));
            }
        }

        #[test]
        fn no_apdus_panic_either_side(apdus in prop::collection::vec(prop::collection::vec(prop_oneof![0_u8..8, 0xC0_u8..0xC8, any::<u8>()], 0..30), 0..20)) {
            let mut asking = Asking::new(&get(), limits(64)).unwrap();
            let mut answering = Answering::new(limits(20));
            for apdu in apdus {
                let _heard = asking.offer(&apdu);
                let _asked = answering.request(&apdu);
            }
        }
    }
}
