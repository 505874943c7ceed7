//! What a technician does with one meter on the table: find out who it is, read any item of it, send a frame by hand.

use hes_dlt645::{Address, DataId, Dialect, Direction, Dlt645, Errors, Frame, Service};
use hes_model::{CommAddress, ExchangeProof, Failure, FailureKind, MeterSpec, Protocol};
use hes_wire::Framing;

use super::dialogue::{Dialogue, LONGEST_DATA, Reply, patience};
use super::guard::ReadFrame;
use super::question::{Question, Station};
use super::{dialect_of, station_of};
use crate::{Env, Exchange, Expect, Verdict, heard};

/// Who is alone on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its address; `None` for a meter that answers under the wildcard and so does not tell.
    pub address: Option<CommAddress>,
}

/// Asks whoever is alone on the line for its address, control code 13 of 2007.
pub async fn read_address<L: Exchange, E: Env>(link: &mut L, env: &mut E) -> Result<CommAddress, Failure> {
    let mut dialogue = Dialogue::new(Station::ALONE, Dialect::V2007, link, env);
    match dialogue.ask(Question::Address, 6).await? {
        Reply::Data(answered) => {
            let address = answered.data.as_slice().try_into().map(Address).unwrap_or(answered.from);
            super::comm_address(address).ok_or_else(|| {
                Failure::new(FailureKind::WrongAddress, format!("{address} is not the address of one meter"))
            })
        }
        Reply::Refused(refusal) => Err(refusal.failure),
        Reply::Spoiled(failure) => Err(failure),
    }
}

/// Finds out what whoever is alone on the line speaks, and its address: 13 first, which only a 2007 meter understands,
/// then, if that is met with silence, the total energy of 1997 from the wildcard address.
pub async fn detect<L: Exchange, E: Env>(link: &mut L, env: &mut E) -> Result<Found, Failure> {
    match read_address(link, env).await {
        Ok(address) => return Ok(Found { protocol: Protocol::Dlt645v2007, address: Some(address) }),
        Err(failure) if failure.kind == FailureKind::NoReply => {}
        Err(failure) => return Err(failure),
    }
    let mut dialogue = Dialogue::new(Station::ALONE, Dialect::V1997, link, env);
    match dialogue.read(DataId::V1997(0x9010), 4).await? {
        Reply::Data(answered) => {
            Ok(Found { protocol: Protocol::Dlt645v1997, address: super::comm_address(answered.from) })
        }
        Reply::Refused(refusal) => Err(refusal.failure),
        Reply::Spoiled(failure) => Err(failure),
    }
}

/// What a meter said of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemAnswer {
    /// Its data.
    Data {
        /// Without identification and mask, all frames of it.
        data: Vec<u8>,
        /// Number of the exchange told before.
        proof: usize,
    },
    /// It refuses.
    Refused {
        /// Why.
        errors: Errors,
    },
}

/// Reads any data item, known to us or not; what it means is for the dissector.
///
/// The item must be of the meter's own dialect.
pub async fn read_item<L: Exchange, E: Env>(
    meter: &MeterSpec,
    item: DataId,
    link: &mut L,
    env: &mut E,
) -> Result<ItemAnswer, Failure> {
    let (station, _model) = station_of(meter)?;
    let dialect = dialect_of(meter.protocol);
    if item.dialect() != dialect {
        let detail = format!("{item} is not a data item of {}", meter.protocol);
        return Err(Failure::new(FailureKind::NotSupported, detail));
    }
    match Dialogue::new(station, dialect, link, env).read(item, LONGEST_DATA).await? {
        Reply::Data(answered) => Ok(ItemAnswer::Data { data: answered.data, proof: answered.proof }),
        Reply::Refused(refusal) => Ok(ItemAnswer::Refused { errors: refusal.errors }),
        Reply::Spoiled(failure) => Err(failure),
    }
}

/// Sends a frame that the guard let through, exactly as it is, and returns the frame that answers it.
pub async fn send_read<L: Exchange>(read: &ReadFrame, link: &mut L) -> Result<ExchangeProof, Failure> {
    let mut expect = AnswerTo { read, frame: Vec::new() };
    let exchanged = link
        .exchange(&read.bytes, &mut expect, patience(read.dialect, LONGEST_DATA))
        .await
        .map_err(|error| heard::failure(error, read.bytes.len()))?;
    let AnswerTo { frame, .. } = expect;
    let request = read.bytes.clone();
    Ok(ExchangeProof { request, answer: frame, sent_at: exchanged.sent_at, received_at: exchanged.received_at })
}

/// Takes the answer to a frame sent by hand: matched on bytes, as the frame may ask in ways of its own.
struct AnswerTo<'r> {
    read: &'r ReadFrame,
    frame: Vec<u8>,
}

impl AnswerTo<'_> {
    /// An answer repeats the item, and the number of a follow-up frame at its end; a refusal repeats neither.
    fn repeats_the_question(&self, answer: &Frame<'_>) -> bool {
        let ReadFrame { service, data: asked, dialect, .. } = self.read;
        let said: Vec<u8> = answer.data.iter().collect();
        let item = asked.get(..asked.len().min(dialect.item_bytes())).unwrap_or_default();
        let numbered = *service == Service::ReadFollow && *dialect == Dialect::V2007;
        said.starts_with(item) && (!numbered || said.last() == asked.last())
    }
}

impl Expect for AnswerTo<'_> {
    fn framing(&self) -> &dyn Framing {
        &Dlt645
    }

    fn offer(&mut self, bytes: &[u8]) -> Verdict {
        let Ok(answer) = Frame::parse(bytes) else { return Verdict::WrongItem };
        if answer.control.direction() == Direction::Request {
            return Verdict::Echo;
        }
        if !answer.address.answers(self.read.address) {
            return Verdict::WrongAddress;
        }
        let same_service = self.read.dialect.service(answer.control.function()) == Some(self.read.service);
        if !same_service || !(answer.control.is_abnormal() || self.repeats_the_question(&answer)) {
            return Verdict::WrongItem;
        }
        self.frame = bytes.to_vec();
        Verdict::Done
    }
}
