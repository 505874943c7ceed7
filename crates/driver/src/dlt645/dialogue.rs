//! Questions and answers with one meter, one after the other: what every kind of reading is made of.

use std::time::Duration;

use hes_dlt645::{Address, Command, DataId, Dialect, Envelope, Errors, OVERHEAD};
use hes_model::{ExchangeProof, Failure, FailureKind, MeterClock, Obis, Observation, UtcMicros};

use super::question::{Came, LONGEST_ANSWER, Question, Station, Wanted};
use crate::{Blocks, Env, Exchange, Exchanged, Outcome, Patience, heard};

/// Longest time from a request's last byte to the answer's first, Td of clause 7.2.
const REPLY: Duration = Duration::from_millis(500);
/// Longest time between two bytes of an answer, Tb of clause 7.2.
const GAP: Duration = Duration::from_millis(500);
/// Wake-up bytes a meter was seen to send before an answer.
const ANSWER_WAKE_UP: usize = 7;
/// Most data bytes of an answer, clause 5.2.5.
pub(super) const LONGEST_DATA: usize = 200;
/// Questions in a row that may be spoiled before the dialogue is given up: the line, not the meter, is in trouble then.
const SPOILED_IN_A_ROW: u8 = 3;

/// A request never has more bytes than this, wake-up bytes apart.
const LONGEST_REQUEST: usize = OVERHEAD + 16;

/// How long an answer whose item has so many data bytes at the most may take.
pub(super) fn patience(dialect: Dialect, data_bytes: usize) -> Patience {
    let data_bytes = (dialect.item_bytes() + data_bytes).min(LONGEST_DATA);
    Patience { reply: REPLY, gap: GAP, answer_bytes: ANSWER_WAKE_UP + OVERHEAD + data_bytes }
}

/// What came of one question.
#[derive(Debug)]
pub(super) enum Reply {
    /// Data.
    Data(Answered),
    /// The meter said no.
    Refused(Refusal),
    /// No answer that could be used; the next question may still get one.
    Spoiled(Failure),
}

/// An accepted answer.
#[derive(Debug)]
pub(super) struct Answered {
    /// Its data without identification, all frames of it.
    pub(super) data: Vec<u8>,
    /// Who answered.
    pub(super) from: Address,
    /// Number of the proof.
    pub(super) proof: usize,
    /// When the question's last byte was out (of the first frame).
    pub(super) sent_at: UtcMicros,
    /// From there to the answer's first byte.
    pub(super) reply: Duration,
}

/// The meter said no.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Its error bits.
    pub(super) errors: Errors,
    /// What it refuses.
    of: Refused,
    /// As a failure, `refused`; the caller may know better what it means.
    pub(super) failure: Failure,
}

/// What a meter refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// What was asked for.
    Item,
    /// The rest of an answer it has begun: so it does have the item.
    Rest,
}

impl Refusal {
    fn new(errors: Errors, of: Refused, frame: &[u8]) -> Self {
        let detail = match of {
            Refused::Item => errors.to_string(),
            Refused::Rest => format!("the rest of the answer: {errors}"),
        };
        Self { errors, of, failure: Failure::new(FailureKind::Refused, detail).with_bytes(frame) }
    }
    /// Whether the meter has said, twice, that it does not have what was asked for. Nothing else it may refuse with, busy
    /// or without authority, says anything of the data.
    pub(super) fn no_such_data(&self) -> bool {
        self.of == Refused::Item && self.errors.no_such_data()
    }
    /// The same refusal under another cause.
    pub(super) fn because(self, kind: FailureKind, detail: &str) -> Failure {
        let Failure { detail: said, bytes, .. } = self.failure;
        Failure { kind, detail: format!("{detail}: {said}"), bytes }
    }
    /// What a refusal says of a value of now: without such data, the register is not in this meter.
    pub(super) fn of_a_register(self) -> Failure {
        if self.no_such_data() {
            self.because(FailureKind::NotSupported, "the meter has no such register")
        } else {
            self.failure
        }
    }
}

/// A dialogue with one meter.
pub(super) struct Dialogue<'a, L, E> {
    pub(super) station: Station,
    pub(super) dialect: Dialect,
    link: &'a mut L,
    pub(super) env: &'a mut E,
    /// Whether blocks are asked for; given up by a dialogue whose meter refuses one.
    pub(super) blocks: Blocks,
    proofs: usize,
    /// Whether the meter has said anything at all.
    alive: bool,
    spoiled: u8,
}

impl<'a, L: Exchange, E: Env> Dialogue<'a, L, E> {
    pub(super) fn new(station: Station, dialect: Dialect, link: &'a mut L, env: &'a mut E) -> Self {
        Self { station, dialect, link, env, blocks: Blocks::Together, proofs: 0, alive: false, spoiled: 0 }
    }

    /// Reads a data item; `data_bytes` is what its data may have at the most.
    pub(super) async fn read(&mut self, item: DataId, data_bytes: usize) -> Result<Reply, Failure> {
        self.ask(Question::Item(item), data_bytes).await
    }

    /// Asks, and asks for the rest of the answer as long as there is one.
    ///
    /// "No such data" ends a slot for good, and carries no item: one that comes late, or twice, from the question before
    /// looks like the answer to this one. So it counts only when the same question is met with it twice in a row. What
    /// has arrived before a question goes out is dropped by the link; to be taken wrongly, two stale refusals would have to
    /// arrive one after the other, each while its question is open and before the true answer.
    ///
    /// Fails when the dialogue is over: the channel is gone, or the meter is silent. A meter that has answered before may
    /// be silent once: some are about items they do not have.
    pub(super) async fn ask(&mut self, question: Question, data_bytes: usize) -> Result<Reply, Failure> {
        match self.ask_once(question, data_bytes).await? {
            Reply::Refused(refusal) if refusal.no_such_data() => self.ask_once(question, data_bytes).await,
            reply => Ok(reply),
        }
    }

    async fn ask_once(&mut self, question: Question, data_bytes: usize) -> Result<Reply, Failure> {
        match self.conversation(question, data_bytes).await {
            Ok(reply) => {
                self.spoiled = 0;
                Ok(reply)
            }
            Err(failure) => {
                self.spoiled += 1;
                let over = match failure.kind {
                    FailureKind::ChannelDown | FailureKind::Interrupted => true,
                    FailureKind::NoReply => !self.alive || self.spoiled > 1,
                    _ => self.spoiled >= SPOILED_IN_A_ROW,
                };
                if over { Err(failure) } else { Ok(Reply::Spoiled(failure)) }
            }
        }
    }

    async fn conversation(&mut self, question: Question, data_bytes: usize) -> Result<Reply, Failure> {
        let mut wanted = Wanted::new(self.station, self.dialect, question);
        let (mut transcript, first) = self.exchange(&mut wanted, data_bytes).await?;
        self.alive = true;
        let (mut came, mut of) = (first, Refused::Item);
        loop {
            match came {
                Came::Whole => return Ok(Reply::Data(self.prove(transcript, wanted.data()))),
                Came::Refused(errors) => return Ok(Reply::Refused(Refusal::new(errors, of, transcript.last_frame()))),
                Came::TooLong => return Err(endless()),
                Came::Part => {
                    let (further, next) = self.further(&mut wanted).await?;
                    transcript.append(further);
                    (came, of) = (next, Refused::Rest);
                }
            }
        }
    }

    /// Asks for the next frame of an answer; once more when it does not come whole, so that one lost frame does not cost all
    /// of them. Its number says which is meant. 1997 has no numbers: who asks again there may be given the next but one.
    async fn further(&mut self, wanted: &mut Wanted) -> Result<(Transcript, Came), Failure> {
        match self.exchange(wanted, LONGEST_DATA).await {
            Err(failure) if self.dialect == Dialect::V2007 && is_of_the_frame(failure.kind) => {
                self.exchange(wanted, LONGEST_DATA).await
            }
            heard => heard,
        }
    }

    /// Asks for what is wanted next, and hears one frame of the answer.
    async fn exchange(&mut self, wanted: &mut Wanted, data_bytes: usize) -> Result<(Transcript, Came), Failure> {
        let request = self.encoded(&wanted.command())?;
        let exchanged = self
            .link
            .exchange(&request, wanted, patience(self.dialect, data_bytes))
            .await
            .map_err(|error| heard::failure(error, request.len()))?;
        let (answer, from, came) = wanted.take().expect("an exchange ends well only by a frame that was taken");
        Ok((Transcript { request, answer, last_frame: 0, from, first: exchanged, last: exchanged }, came))
    }

    fn encoded(&self, command: &Command<'_>) -> Result<Vec<u8>, Failure> {
        let wake_bytes = usize::from(self.env.wake_up());
        let envelope = Envelope { dialect: self.dialect, address: self.station.address, wake_bytes };
        let mut buffer = vec![0; wake_bytes + LONGEST_REQUEST];
        let encoded = command.encode(&envelope, &mut buffer);
        encoded.map(<[u8]>::to_vec).map_err(|error| Failure::new(FailureKind::NotSupported, error.to_string()))
    }

    fn prove(&mut self, transcript: Transcript, data: Vec<u8>) -> Answered {
        let Transcript { request, answer, from, first, last, .. } = transcript;
        let proof = self.proofs;
        self.proofs += 1;
        let proven = ExchangeProof { request, answer, sent_at: first.sent_at, received_at: last.received_at };
        self.env.outcome(Outcome::Exchange(proven));
        Answered { data, from, proof, sent_at: first.sent_at, reply: first.reply }
    }

    /// Hands out a value.
    pub(super) fn value(&mut self, observation: Observation) {
        self.env.outcome(Outcome::Value(observation));
    }

    /// Says that a value will not come, and why.
    pub(super) fn missing(&mut self, register: Obis, slot: Option<MeterClock>, failure: Failure) {
        self.env.outcome(Outcome::Missing { register: Some(register), slot, failure });
    }
}

/// Whether a failure is one frame's, and another may do better.
fn is_of_the_frame(kind: FailureKind) -> bool {
    !matches!(kind, FailureKind::ChannelDown | FailureKind::Interrupted)
}

/// What went over the line for one question, follow-up frames included.
struct Transcript {
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Where its last frame begins.
    last_frame: usize,
    from: Address,
    first: Exchanged,
    last: Exchanged,
}

impl Transcript {
    fn append(&mut self, later: Transcript) {
        self.request.extend(later.request);
        self.last_frame = self.answer.len();
        self.answer.extend(later.answer);
        self.last = later.last;
    }
    fn last_frame(&self) -> &[u8] {
        self.answer.get(self.last_frame..).unwrap_or_default()
    }
}

fn endless() -> Failure {
    Failure::new(FailureKind::Incomplete, format!("the answer goes on after {LONGEST_ANSWER} bytes or 255 frames"))
}
