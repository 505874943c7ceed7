//! Reading registers of one moment (now, a settlement, a freeze) in as few exchanges as the meter allows.

use std::collections::BTreeMap;

use hes_dlt645::DataId;
use hes_dlt645::items::{History, Place, items};
use hes_model::{Failure, FailureKind, Obis};

use super::dialogue::{Dialogue, LONGEST_DATA, Refusal, Reply};
use super::taking::{self, Lack, Said, State, Taken};
use crate::{Blocks, Env, Exchange};

/// Most bytes of a value by its own identifier: a maximum demand and its time.
const LONGEST_VALUE: usize = 8;

/// What came of one register.
#[derive(Debug)]
pub(super) enum Finding {
    /// Its value, proved by an exchange.
    Value(Taken, usize),
    /// Why it has none.
    Missing(Obis, Failure),
}

/// One question, and the registers it is asked for.
struct Question {
    item: DataId,
    wanted: Vec<(Obis, Place)>,
}

impl Question {
    fn is_block(&self) -> bool {
        self.wanted.iter().any(|(_, place)| place.block == Some(self.item))
    }
    /// The same registers each by its own item, last one first, as all questions are kept.
    fn one_by_one(mut self) -> impl Iterator<Item = Question> {
        self.wanted.sort_by_key(|(_, place)| std::cmp::Reverse(place.single));
        let single =
            |(register, place): (Obis, Place)| Some(Question { item: place.single?, wanted: vec![(register, place)] });
        self.wanted.into_iter().filter_map(single)
    }
    fn can_be_split(&self) -> bool {
        self.is_block() && self.wanted.iter().all(|(_, place)| place.single.is_some())
    }
}

/// Reads `registers` as of `history` and adds what came of each to `findings`, also when the dialogue ends early.
///
/// A block brings more than was asked for; all of it comes out, because what belongs together must be judged together.
/// A block that the meter refuses, or sends in a form of its own, is asked for one by one, and no further block is tried
/// in this dialogue.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
    history: History,
    findings: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let mut refused = Vec::new();
    let already = findings.len();
    let ended = ask_all(dialogue, registers, history, findings, &mut refused).await;
    let read = findings.iter().skip(already).any(|finding| matches!(finding, Finding::Value(..)));
    let others = if read { Others::Came } else { Others::None };
    for (question, refusal) in refused {
        all_missing(&question, refused_as(refusal, history, others), findings);
    }
    ended
}

/// Whether other registers of the same moment came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    None,
    Came,
}

/// What is refused is told apart once all is asked: other registers of the same settlement show that it is there.
async fn ask_all<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
    history: History,
    findings: &mut Vec<Finding>,
    refused: &mut Vec<(Question, Refusal)>,
) -> Result<(), Failure> {
    let mut questions = questions(dialogue, registers, history, findings);
    while let Some(question) = questions.pop() {
        if dialogue.blocks == Blocks::OneByOne && question.can_be_split() {
            questions.extend(question.one_by_one());
            continue;
        }
        let longest = if question.is_block() { LONGEST_DATA } else { LONGEST_VALUE };
        match dialogue.read(question.item, longest).await? {
            Reply::Data(answered) => {
                let said = taking::said(question.item, &answered.data);
                if said.state == State::Damaged && question.can_be_split() {
                    dialogue.blocks = Blocks::OneByOne;
                    questions.push(question);
                } else {
                    take(&question, said, answered.proof, findings);
                }
            }
            Reply::Refused(refusal) if question.can_be_split() && !refusal.errors.not_authorised() => {
                dialogue.blocks = Blocks::OneByOne;
                questions.push(question);
            }
            Reply::Refused(refusal) => refused.push((question, refusal)),
            Reply::Spoiled(failure) => all_missing(&question, failure, findings),
        }
    }
    Ok(())
}

/// The questions to ask, last one first, so that energies, which every meter has, are asked for before all else.
fn questions<L: Exchange, E: Env>(
    dialogue: &Dialogue<'_, L, E>,
    registers: &[Obis],
    history: History,
    findings: &mut Vec<Finding>,
) -> Vec<Question> {
    let table = items(dialogue.dialect);
    let mut together: BTreeMap<DataId, Vec<(Obis, Place)>> = BTreeMap::new();
    for &register in registers {
        let place = table.place(register.0, history);
        match place.and_then(|place| Some((place.block.or(place.single)?, place))) {
            Some((item, place)) => together.entry(item).or_default().push((register, place)),
            None => findings.push(Finding::Missing(register, no_item())),
        }
    }
    let question = |(item, wanted): (DataId, Vec<(Obis, Place)>)| match wanted.as_slice() {
        // A block for one value only would be a longer answer for nothing.
        [(_, Place { single: Some(single), .. })] => Question { item: *single, wanted },
        _ => Question { item, wanted },
    };
    let mut questions: Vec<_> = together.into_iter().map(question).collect();
    questions.sort_by_key(|question| std::cmp::Reverse(question.item));
    questions
}

fn take(question: &Question, said: Said, proof: usize, findings: &mut Vec<Finding>) {
    for &(register, _) in &question.wanted {
        findings.extend(said.lacks(register).map(|lack| match lack {
            Lack::Unreadable(taken) => Finding::Value(taken, proof),
            Lack::Absent => {
                let detail = format!("the meter's answer to {} goes without it", question.item);
                Finding::Missing(register, Failure::new(FailureKind::NotSupported, detail))
            }
        }));
    }
    findings.extend(said.values.into_iter().map(|taken| Finding::Value(taken, proof)));
}

/// What "no such data" means: a register of now, or of a freeze or settlement that is there, is not in this meter. A
/// settlement of which nothing at all came may merely not have been latched yet by a meter that is new.
fn refused_as(refusal: Refusal, history: History, others: Others) -> Failure {
    match (history, others) {
        (History::Settlement(back), Others::None) if refusal.no_such_data() => {
            refusal.because(FailureKind::NotHeld, &format!("the meter has no settlement number {back}"))
        }
        _ => refusal.of_a_register(),
    }
}

fn all_missing(question: &Question, failure: Failure, findings: &mut Vec<Finding>) {
    findings.extend(question.wanted.iter().map(|&(register, _)| Finding::Missing(register, failure.clone())));
}

fn no_item() -> Failure {
    Failure::new(FailureKind::NotSupported, "the protocol has no data item for this register")
}
