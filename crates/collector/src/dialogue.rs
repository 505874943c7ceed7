//! One dialogue with one meter: asks, asks at once again for what came damaged, and leaves it to be settled.

use hes_driver::{Exchange, perform};
use hes_model::{Failure, FailureKind, MeterSpec, Request};
use hes_store::StoreError;
use hes_validation::{Background, Limits};
use jiff::tz::TimeZone;

use crate::batch::{Asked, batches};
use crate::history::History;
use crate::notebook::Notebook;
use crate::settle::{Judged, Task};

/// What a dialogue needs to know besides its task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) meter: &'a MeterSpec,
    pub(crate) zone: &'a TimeZone,
    pub(crate) limits: &'a Limits,
    /// Times to ask at once again.
    pub(crate) at_once: u8,
    /// Most slots of one request.
    pub(crate) slots_per_request: usize,
}

/// How a dialogue went.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) ended: Result<(), Failure>,
    /// What was read in all of it.
    pub(crate) judged: Judged,
    /// Requests after the first.
    pub(crate) requests: usize,
}

/// Asks again at once for what came damaged or is suspect, and for the known values that contradict it, which join the
/// task; `ended` is how the dialogue went so far.
///
/// What is known reaches as far as what was asked: a meter that gives known values anew is held against those before.
pub(crate) async fn ask_again<L: Exchange>(
    task: &mut Task,
    terms: Terms<'_>,
    history: &History<'_>,
    background: &mut Background,
    link: &mut L,
    notes: &mut Notebook,
    mut ended: Result<(), Failure>,
) -> Result<Told, StoreError> {
    let mut requests = 0;
    let mut judged = task.judged(notes, background, terms.limits);
    let Some(series) = task.series else { return Ok(Told { ended, judged, requests }) };
    for _ in 0..terms.at_once {
        if !may_go_on(&ended, notes) {
            break;
        }
        let mut again = task.ask_again(&judged, notes, background);
        if ended.is_err() {
            again.extend(task.unanswered(notes));
            again.sort_unstable();
            again.dedup();
        }
        if again.is_empty() {
            break;
        }
        task.asked.extend(Asked::of(series, again.iter().copied(), terms.zone));
        for batch in batches(series, &again, terms.zone, terms.slots_per_request) {
            notes.next_dialogue();
            ended = ask(terms.meter, &batch.request, link, notes).await;
            requests += 1;
            if ended.is_err() {
                break;
            }
        }
        *background = history.around(task, notes, &terms).await?;
        judged = task.judged(notes, background, terms.limits);
    }
    Ok(Told { ended, judged, requests })
}

/// Asks once.
pub(crate) async fn ask<L: Exchange>(
    meter: &MeterSpec,
    request: &Request,
    link: &mut L,
    notes: &mut Notebook,
) -> Result<(), Failure> {
    perform(meter, request, link, notes).await
}

/// A meter that answered in this dialogue and then missed one question is asked once more; a silent one is not.
fn may_go_on(ended: &Result<(), Failure>, notes: &Notebook) -> bool {
    match ended {
        Ok(()) => true,
        Err(failure) => {
            matches!(failure.kind, FailureKind::NoReply | FailureKind::Incomplete) && !notes.proofs.is_empty()
        }
    }
}
