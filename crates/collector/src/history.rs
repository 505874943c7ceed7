//! What is known of one meter while a dialogue with it is judged.
//!
//! Most of it is the store's: good values around those that were read, the last check of the clock. Where that would
//! convict a value and the meter itself could tell better, the meter is asked: for its clock, when the check is old; for
//! its own number, when its values contradict what is known, as those of a meter do that was put in another's place.

use std::collections::BTreeSet;

use hes_driver::{Exchange, own_number};
use hes_model::{ChannelName, CommAddress, MeterNo, Obis, Protocol, Request, Series};
use hes_store::StoreError;
use hes_validation::{Background, DemandTimes, Identity};

use crate::dialogue::{Terms, ask};
use crate::ledger::{Ledger, Metered};
use crate::notebook::{Notebook, wall_clock};
use crate::settle::{Task, clock_reading};

/// Times a meter has to tell another number before it is believed to be another meter: damage may look like one.
const TOLD: usize = 2;

/// One meter's history, as far as it bears on a dialogue.
#[derive(Debug)]
pub(crate) struct History<'a> {
    ledger: Ledger<'a>,
    meter: &'a Metered,
    clock_offset_seconds: Option<i64>,
    /// Whether it is this meter at all.
    pub(crate) identity: Identity,
    /// The number it tells, when that is another meter's.
    pub(crate) other_number: Option<u64>,
}

impl<'a> History<'a> {
    /// `identity` is as the last dialogue left it.
    pub(crate) fn of(meter: &'a Metered, identity: Identity, ledger: Ledger<'a>) -> Self {
        Self { ledger, meter, clock_offset_seconds: None, identity, other_number: None }
    }

    /// What is known around everything asked so far; nothing is looked up when nothing was read. Whether it is this meter
    /// at all is left open: no second answer would change it.
    pub(crate) async fn around(
        &self,
        task: &Task,
        notes: &Notebook,
        terms: &Terms<'_>,
    ) -> Result<Background, StoreError> {
        let registers: BTreeSet<Obis> = notes.values.iter().map(|value| value.register).collect();
        let known = match (task.series, task.asked.span()) {
            (Some(series), Some(span)) if !registers.is_empty() => {
                self.ledger.known(self.meter.id, series, &registers, span).await?
            }
            _ => Default::default(),
        };
        Ok(Background {
            zone: terms.zone.clone(),
            connection: terms.limits.connection(&self.meter.spec.model, self.meter.transformers),
            demand_times: match self.meter.spec.protocol {
                Protocol::Dlt645v2007 => DemandTimes::Told,
                Protocol::Dlt645v1997 => DemandTimes::Apart,
            },
            identity: Identity::Unquestioned,
            clock_offset_seconds: self.clock_offset_seconds,
            receipts: notes.receipts(),
            known,
        })
    }

    /// Takes in how far the clock is off. A check that would convict values is made anew in this dialogue when it is old,
    /// or when the time was broadcast since; if that fails, nothing is held against the clock.
    pub(crate) async fn look_at_clock<L: Exchange>(
        &mut self,
        series: Series,
        channel: &ChannelName,
        terms: &Terms<'_>,
        link: &mut L,
        notes: &mut Notebook,
    ) -> Result<(), StoreError> {
        let Some((offset, at)) = self.ledger.last_clock(self.meter.id).await? else { return Ok(()) };
        if !terms.limits.is_too_far_off(offset, series) {
            return Ok(());
        }
        let age = wall_clock().since(at);
        let is_old = u128::from(age.unsigned_abs()) > terms.limits.clock_check_max_age().as_micros();
        let set_since = self.ledger.last_broadcast(channel).await?.is_some_and(|broadcast| broadcast >= at);
        if !is_old && !set_since {
            self.clock_offset_seconds = Some(offset);
            return Ok(());
        }
        aside(notes, async |notes| {
            // How it went shows in what was noted.
            ask(terms.meter, &Request::Clock, link, notes).await.ok()
        })
        .await;
        self.clock_offset_seconds = notes.clock.map(|seen| clock_reading(&seen, terms.zone).offset_ms / 1000);
        Ok(())
    }

    /// Asks the meter for its own number. Where it tells none, what was thought of it before stands.
    pub(crate) async fn look_at_number<L: Exchange>(&mut self, terms: &Terms<'_>, link: &mut L, notes: &mut Notebook) {
        if !terms.limits.compares_numbers() {
            self.identity = Identity::Unquestioned;
            return;
        }
        let mut told = None;
        for _ in 0..TOLD {
            let number = aside(notes, async |notes| own_number(terms.meter, link, notes).await.ok().flatten()).await;
            match number {
                Some(number) if is_own(number, &self.meter.no, self.meter.spec.address) => {
                    self.identity = Identity::Unquestioned;
                    return;
                }
                Some(number) if told.is_none_or(|told| told == number) => told = Some(number),
                _ => return,
            }
        }
        self.other_number = told;
        self.identity = Identity::Another;
    }
}

/// Whether a number a meter tells is that of a meter in the archive. Utilities put more in front of the twelve digits that a
/// meter can tell, or number by address.
fn is_own(number: u64, no: &MeterNo, address: CommAddress) -> bool {
    let no = no.as_str();
    let front = no.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let twelve = front.max(no.len().saturating_sub(12));
    let end = no.get(twelve..).and_then(|digits| digits.parse().ok());
    number == address.number() || end == Some(number)
}

/// A question beside what was asked for: its evidence is kept, its failure is nobody's.
async fn aside<T>(notes: &mut Notebook, question: impl AsyncFnOnce(&mut Notebook) -> T) -> T {
    notes.next_dialogue();
    let missing = notes.missing.len();
    let answer = question(notes).await;
    notes.missing.truncate(missing);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_archive_s_if_it_is_its_end_or_the_address() {
        let told = |number, no: &str| is_own(number, &no.parse().unwrap(), "645000000001".parse().unwrap());
        for (number, no) in [
            (77, "77"),
            (77, "0077"),
            (77, "SG-000000000077"),
            (645_000_000_001, "M8"),
            (910_004_920_760, "1330910004920760"),
        ] {
            assert!(told(number, no), "{number} of {no}");
        }
        for (number, no) in [(77, "177"), (77, "SG-770"), (7, "M"), (645_000_000_002, "645000000001")] {
            assert!(!told(number, no), "{number} of {no}");
        }
    }
}
