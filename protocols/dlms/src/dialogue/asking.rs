//! One request and its answer, at the client.

use super::{BLOCK_OVERHEAD, Limits};
use crate::Effect;
use crate::actuation::{ActuationPermit, NeedsPermit};
use crate::apdu::{
    ActionAnswer, ActionRequest, ActionResponse, Apdu, ConfirmedServiceError, DataAccessResult, DataBlock,
    ExceptionResponse, GetRequest, GetResponse, GetResult, InvokeId, ReadAnswer, ReadRequest, ReadResponse, SetRequest,
    SetResponse, ShortBlock, Variable, tag,
};
use crate::axdr::{Data, Element, Sequence};
use crate::error::whole;

/// Why a request cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotAsk {
    /// It could move a relay.
    #[error(transparent)]
    NeedsPermit(#[from] NeedsPermit),
    /// It is a piece of something, or no request at all.
    #[error("only whole requests can be asked")]
    NotWhole,
    /// The server's APDUs are too short for it, even in pieces.
    #[error("the request does not fit into the server's APDUs of {max_pdu} octets")]
    TooLong {
        /// What the server takes.
        max_pdu: usize,
    },
}

/// What an APDU was to the open request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The answer is complete: see [`Asking::answer`].
    Complete,
    /// A piece came, or is wanted: send [`Asking::apdu`].
    GoOn,
    /// Nothing to this request: another invoke id, or another service. Wait on.
    Foreign,
    /// Nothing will come of it.
    Refused(Refusal),
    /// The request was over before.
    Over,
}

/// Why nothing will come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server did not deal with it.
    #[error("the server raised an exception: {0}")]
    Exception(ExceptionResponse),
    /// The server did not deal with it, in the words of short names.
    #[error("the server raised a service error: {}", .0.name().unwrap_or("unknown"))]
    ServiceError(ConfirmedServiceError),
    /// A block of another number than the next one.
    #[error("block {found} came where {expected} was due")]
    BlockNumber {
        /// Due.
        expected: u32,
        /// Came.
        found: u32,
    },
    /// The whole answer is longer than allowed.
    #[error("the answer is longer than {bound} octets")]
    TooLong {
        /// Octets allowed.
        bound: usize,
    },
    /// The pieces together are no answer.
    #[error("the blocks together are no answer")]
    NoAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Get {
        list: bool,
    },
    Set,
    Action {
        list: bool,
    },
    Read,
    /// Whatever comes with the tag of the answer is the answer.
    Other {
        answer: u8,
    },
}

/// A request on its way, and its answer as far as it is there.
#[derive(Debug)]
pub struct Asking {
    service: Service,
    invoke: InvokeId,
    limits: Limits,
    /// To send now.
    apdu: Vec<u8>,
    /// What of the request is still to be cut into blocks, and how much of it is sent.
    rest: Vec<u8>,
    sent: usize,
    /// The last block sent, or received.
    block: u32,
    /// Pieces of the answer; in the end all of it as a plain APDU.
    answer: Vec<u8>,
    /// Whether pieces of the answer have come.
    receiving: bool,
    over: bool,
}

impl Asking {
    /// Asks what cannot move a relay.
    pub fn new(request: &Apdu<'_>, limits: Limits) -> Result<Self, CannotAsk> {
        if request.plain_effect() == Effect::MayActuate {
            return Err(NeedsPermit.into());
        }
        Self::begin(request, limits)
    }

    /// Asks anything.
    pub fn with_permit(permit: ActuationPermit, request: &Apdu<'_>, limits: Limits) -> Result<Self, CannotAsk> {
        permit.spend();
        Self::begin(request, limits)
    }

    fn begin(request: &Apdu<'_>, limits: Limits) -> Result<Self, CannotAsk> {
        let (service, invoke) = match request {
            Apdu::GetRequest(GetRequest::Normal { invoke, .. }) => (Service::Get { list: false }, *invoke),
            Apdu::GetRequest(GetRequest::WithList { invoke, .. }) => (Service::Get { list: true }, *invoke),
            Apdu::SetRequest(SetRequest::Normal { invoke, .. } | SetRequest::WithList { invoke, .. }) => {
                (Service::Set, *invoke)
            }
            Apdu::ActionRequest(ActionRequest::Normal { invoke, .. }) => (Service::Action { list: false }, *invoke),
            Apdu::ActionRequest(ActionRequest::WithList { invoke, .. }) => (Service::Action { list: true }, *invoke),
            Apdu::ReadRequest(_) => (Service::Read, InvokeId(0)),
            Apdu::WriteRequest(_) => (Service::Other { answer: tag::WRITE_RESPONSE }, InvokeId(0)),
            Apdu::AccessRequest(_) => (Service::Other { answer: tag::ACCESS_RESPONSE }, InvokeId(0)),
            Apdu::Aarq(_) => (Service::Other { answer: tag::AARE }, InvokeId(0)),
            _ => return Err(CannotAsk::NotWhole),
        };
        let mut apdu = Vec::new();
        request.write(&mut apdu);
        let mut asking = Self {
            service,
            invoke,
            limits,
            apdu,
            rest: Vec::new(),
            sent: 0,
            block: 0,
            answer: Vec::new(),
            receiving: false,
            over: false,
        };
        if !limits.fits(&asking.apdu) {
            asking.cut(request)?;
        }
        Ok(asking)
    }

    /// Makes the first block of a request that is too long.
    fn cut(&mut self, request: &Apdu<'_>) -> Result<(), CannotAsk> {
        let too_long = CannotAsk::TooLong { max_pdu: self.limits.max_pdu };
        let invoke = self.invoke;
        // What the blocks carry, and how long the part before them is.
        let (rest, head) = match request {
            Apdu::SetRequest(SetRequest::Normal { attribute, data, .. }) => (written(data), written(attribute).len()),
            Apdu::SetRequest(SetRequest::WithList { attributes, data, .. }) => {
                (list_written(data), list_written(attributes).len())
            }
            Apdu::ActionRequest(ActionRequest::Normal { method, parameters: Some(data), .. }) => {
                (written(data), written(method).len())
            }
            Apdu::ActionRequest(ActionRequest::WithList { methods, parameters, .. }) => {
                (list_written(parameters), list_written(methods).len())
            }
            _ => return Err(too_long),
        };
        let piece = self.limits.piece(BLOCK_OVERHEAD + head).ok_or(too_long)?;
        self.rest = rest;
        self.sent = piece.min(self.rest.len());
        self.block = 1;
        let block = DataBlock { last: self.is_sent(), number: 1, raw: self.rest.split_at(self.sent).0 };
        let first = match *request {
            Apdu::SetRequest(SetRequest::Normal { attribute, .. }) => {
                Apdu::SetRequest(SetRequest::FirstBlock { invoke, attribute, block })
            }
            Apdu::SetRequest(SetRequest::WithList { attributes, .. }) => {
                Apdu::SetRequest(SetRequest::ListFirstBlock { invoke, attributes, block })
            }
            Apdu::ActionRequest(ActionRequest::Normal { method, .. }) => {
                Apdu::ActionRequest(ActionRequest::FirstBlock { invoke, method, block })
            }
            Apdu::ActionRequest(ActionRequest::WithList { methods, .. }) => {
                Apdu::ActionRequest(ActionRequest::ListFirstBlock { invoke, methods, block })
            }
            _ => return Err(too_long),
        };
        self.apdu.clear();
        first.write(&mut self.apdu);
        Ok(())
    }

    fn is_sent(&self) -> bool {
        self.sent == self.rest.len()
    }

    /// What to send now, and to send again where it got lost.
    pub fn apdu(&self) -> &[u8] {
        &self.apdu
    }

    /// The whole answer as one plain APDU, once it is complete.
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// Judges an APDU, deciphered. Whatever does not fit leaves the request open.
    pub fn offer(&mut self, apdu: &[u8]) -> Heard {
        if self.over {
            return Heard::Over;
        }
        let Ok(heard) = Apdu::decode(apdu) else { return Heard::Foreign };
        let judged = match (self.service, heard) {
            (_, Apdu::ExceptionResponse(exception)) => Heard::Refused(Refusal::Exception(exception)),
            (_, Apdu::ConfirmedServiceError(error)) => Heard::Refused(Refusal::ServiceError(error)),
            (Service::Get { list }, Apdu::GetResponse(get)) if get.invoke().id() == self.invoke.id() => {
                self.offer_get(list, get, apdu)
            }
            (Service::Set, Apdu::SetResponse(set)) if set.invoke().id() == self.invoke.id() => {
                self.offer_set(set, apdu)
            }
            (Service::Action { list }, Apdu::ActionResponse(action)) if action.invoke().id() == self.invoke.id() => {
                self.offer_action(list, action, apdu)
            }
            (Service::Read, Apdu::ReadResponse(read)) => self.offer_read(read, apdu),
            (Service::Other { answer }, other) if other.tag() == answer => self.complete(apdu),
            _ => Heard::Foreign,
        };
        self.over = matches!(judged, Heard::Complete | Heard::Refused(_));
        judged
    }

    fn offer_get(&mut self, list: bool, get: GetResponse<'_>, apdu: &[u8]) -> Heard {
        match (get, list) {
            (GetResponse::Normal { .. }, false) | (GetResponse::WithList { .. }, true) if !self.receiving => {
                self.complete(apdu)
            }
            // A refusal ends a long answer too, and a list as a whole.
            (GetResponse::Normal { result: GetResult::Error(_), .. }, _) => self.complete(apdu),
            (GetResponse::WithDataBlock { block, .. }, _) => match block.raw {
                Err(why) => {
                    let result = GetResult::Error(why);
                    self.complete_with(&Apdu::GetResponse(GetResponse::Normal { invoke: self.invoke, result }))
                }
                Ok(raw) => {
                    let piece = DataBlock { last: block.last, number: block.number, raw };
                    // Choice and, for one attribute, that a value follows.
                    let head: &[u8] = if list { &[3, self.invoke.0] } else { &[1, self.invoke.0, 0] };
                    match self.collect(piece, tag::GET_RESPONSE, head) {
                        Ok(true) => self.complete_whole(),
                        Ok(false) => {
                            let next = GetRequest::Next { invoke: self.invoke, block: block.number };
                            self.send(&Apdu::GetRequest(next))
                        }
                        Err(refusal) => Heard::Refused(refusal),
                    }
                }
            },
            _ => Heard::Foreign,
        }
    }

    fn offer_set(&mut self, set: SetResponse<'_>, apdu: &[u8]) -> Heard {
        let invoke = self.invoke;
        match set {
            SetResponse::Normal { .. } | SetResponse::WithList { .. } => self.complete(apdu),
            SetResponse::Block { block, .. } => {
                self.next_block(block, |block| Apdu::SetRequest(SetRequest::Block { invoke, block }))
            }
            SetResponse::LastBlock { result, .. } => {
                self.complete_with(&Apdu::SetResponse(SetResponse::Normal { invoke, result }))
            }
            SetResponse::LastBlockWithList { results, .. } => {
                self.complete_with(&Apdu::SetResponse(SetResponse::WithList { invoke, results }))
            }
        }
    }

    fn offer_action(&mut self, list: bool, action: ActionResponse<'_>, apdu: &[u8]) -> Heard {
        let invoke = self.invoke;
        match action {
            ActionResponse::Normal { .. } | ActionResponse::WithList { .. } => self.complete(apdu),
            ActionResponse::Next { block, .. } => {
                self.next_block(block, |block| Apdu::ActionRequest(ActionRequest::Block { invoke, block }))
            }
            ActionResponse::Block { block, .. } => {
                let head: &[u8] = &[if list { 3 } else { 1 }, invoke.0];
                match self.collect(block, tag::ACTION_RESPONSE, head) {
                    Ok(true) => self.complete_action(list),
                    Ok(false) => {
                        let next = ActionRequest::Next { invoke, block: block.number };
                        self.send(&Apdu::ActionRequest(next))
                    }
                    Err(refusal) => Heard::Refused(refusal),
                }
            }
        }
    }

    /// Quirk `bare_return_value`: some meters put the return value alone into the blocks of one method, without the
    /// result before it.
    fn complete_action(&mut self, list: bool) -> Heard {
        if !list && Apdu::decode(&self.answer).is_err() {
            let raw = self.answer.split_off(3);
            let bare = Data::decode(&raw).map(GetResult::Data).or_else(|_| whole(&raw, flagged));
            let Ok(returned) = bare else { return Heard::Refused(Refusal::NoAnswer) };
            let answer = ActionAnswer { result: crate::apdu::ActionResult::SUCCESS, returned: Some(returned) };
            return self.complete_with(&Apdu::ActionResponse(ActionResponse::Normal { invoke: self.invoke, answer }));
        }
        self.complete_whole()
    }

    fn offer_read(&mut self, read: ReadResponse<'_>, apdu: &[u8]) -> Heard {
        let mut answers = read.answers.iter();
        match (answers.next(), answers.next()) {
            (Some(ReadAnswer::Block(ShortBlock { last, number, raw })), None) => {
                let piece = DataBlock { last, number: number.into(), raw };
                match self.collect(piece, tag::READ_RESPONSE, &[]) {
                    Ok(true) => self.complete_whole(),
                    Ok(false) => {
                        let next = [Variable::BlockNumber(number)];
                        self.send(&Apdu::ReadRequest(ReadRequest { variables: next[..].into() }))
                    }
                    Err(refusal) => Heard::Refused(refusal),
                }
            }
            _ => self.complete(apdu),
        }
    }

    /// Keeps a piece of the answer. True with the last.
    fn collect(&mut self, piece: DataBlock<'_>, tag: u8, head: &[u8]) -> Result<bool, Refusal> {
        if !self.receiving {
            self.receiving = true;
            self.block = 0;
            self.answer.clear();
            self.answer.push(tag);
            self.answer.extend_from_slice(head);
        }
        let expected = self.block.wrapping_add(1);
        if piece.number != expected {
            return Err(Refusal::BlockNumber { expected, found: piece.number });
        }
        let bound = self.limits.max_whole_octets;
        if self.answer.len() + piece.raw.len() > bound {
            return Err(Refusal::TooLong { bound });
        }
        self.block = piece.number;
        self.answer.extend_from_slice(piece.raw);
        Ok(piece.last)
    }

    /// The server has the block it names: the next one follows.
    fn next_block(&mut self, acknowledged: u32, request: impl FnOnce(DataBlock<'_>) -> Apdu<'_>) -> Heard {
        if acknowledged != self.block || self.is_sent() {
            return Heard::Refused(Refusal::BlockNumber { expected: self.block, found: acknowledged });
        }
        // That a piece fits was found out for the first block, which has more before it.
        let piece = self.limits.piece(BLOCK_OVERHEAD).unwrap_or(1);
        let (done, rest) = self.rest.split_at(self.sent);
        let raw = rest.split_at(rest.len().min(piece)).0;
        self.block += 1;
        self.sent = done.len() + raw.len();
        self.apdu.clear();
        request(DataBlock { last: self.sent == self.rest.len(), number: self.block, raw }).write(&mut self.apdu);
        Heard::GoOn
    }

    fn send(&mut self, request: &Apdu<'_>) -> Heard {
        self.apdu.clear();
        request.write(&mut self.apdu);
        Heard::GoOn
    }

    fn complete(&mut self, apdu: &[u8]) -> Heard {
        self.answer.clear();
        self.answer.extend_from_slice(apdu);
        Heard::Complete
    }

    fn complete_with(&mut self, answer: &Apdu<'_>) -> Heard {
        let mut whole = Vec::new();
        answer.write(&mut whole);
        self.answer = whole;
        Heard::Complete
    }

    fn complete_whole(&mut self) -> Heard {
        match Apdu::decode(&self.answer) {
            Ok(_) => Heard::Complete,
            Err(_) => Heard::Refused(Refusal::NoAnswer),
        }
    }
}

/// A return value with the flag that it is there.
fn flagged<'a>(input: &'a [u8]) -> crate::Parsed<'a, GetResult<'a>> {
    let (rest, returned) = crate::axdr::optional(crate::axdr::element)(input)?;
    Ok((rest, returned.unwrap_or(GetResult::Error(DataAccessResult::SUCCESS))))
}

fn written<'a>(element: &impl Element<'a>) -> Vec<u8> {
    let mut out = Vec::new();
    element.write(&mut out);
    out
}

fn list_written<'a, T: Element<'a>>(list: &Sequence<'a, T>) -> Vec<u8> {
    let mut out = Vec::new();
    list.write(&mut out);
    out
}
