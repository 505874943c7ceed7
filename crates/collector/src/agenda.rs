//! What one channel has to do next. Pure: the store says what is missing, the clock what time it is.
//!
//! One dialogue a meter at a time; the most urgent class first, in it the plan of highest priority, in that the meter
//! that waited longest. A silent meter is left alone until its probe, which asks for one time only.

use std::collections::{BTreeMap, BTreeSet};

use hes_model::{Class, MeterId, Obis, PlanName, Priority, Series, UtcMicros};
use hes_store::Slot;
use tokio::time::Instant;

use crate::drift::Checks;
use crate::silence::{Silence, Standing};

/// Slots of one meter that one plan misses, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) meter: MeterId,
    pub(crate) plan: PlanName,
    pub(crate) what: What,
    pub(crate) class: Class,
    pub(crate) priority: Priority,
    /// Dialogues in vain before, for the slots where there were any.
    pub(crate) tried: BTreeMap<Slot, u32>,
}

/// What a piece of work is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// Slots of a series.
    Slots { series: Series, slots: Vec<(Obis, UtcMicros)> },
    /// The meter's clock.
    Clock,
}

/// How much of a meter's work to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// The newest time only: is the meter back?
    Probe,
}

/// What one channel has to do.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    work: BTreeMap<MeterId, Vec<Work>>,
    busy: BTreeSet<MeterId>,
    /// When each meter had its last turn, counted in turns.
    served: BTreeMap<MeterId, u64>,
    turns: u64,
}

impl Agenda {
    /// Takes what the store found missing, in place of what was known before.
    pub(crate) fn replace(&mut self, work: Vec<Work>) {
        // What is being asked right now looks missing until it is stored, so a busy meter keeps what was known of it.
        let busy = &self.busy;
        self.work.retain(|meter, _| busy.contains(meter));
        for piece in work {
            if !self.busy.contains(&piece.meter) {
                self.work.entry(piece.meter).or_default().push(piece);
            }
        }
    }

    /// The next piece of work that may be done now. Its meter is busy until [`Agenda::done`].
    pub(crate) fn next(&mut self, now: Instant, silence: &Silence) -> Option<(Work, Extent)> {
        let meter = *self
            .work
            .iter()
            .filter(|(meter, _)| !self.busy.contains(meter))
            .filter(|(meter, _)| !matches!(silence.standing(**meter, now), Standing::Wait(_)))
            .filter_map(|(meter, pieces)| Some((most_urgent(pieces)?.rank(), self.served.get(meter), meter)))
            .min()?
            .2;
        let pieces = self.work.get_mut(&meter)?;
        let rank = most_urgent(pieces)?.rank();
        let at = pieces.iter().position(|piece| piece.rank() == rank)?;
        let piece = pieces.remove(at);
        if pieces.is_empty() {
            self.work.remove(&meter);
        }
        self.turns += 1;
        self.served.insert(meter, self.turns);
        self.busy.insert(meter);
        let extent = match silence.standing(meter, now) {
            Standing::Probe => Extent::Probe,
            Standing::Answers | Standing::Wait(_) => Extent::Whole,
        };
        Some((piece, extent))
    }

    /// Takes back what did not fit into one dialogue; the meter is busy with the first part of it.
    pub(crate) fn put_back(&mut self, work: Work) {
        self.work.entry(work.meter).or_default().push(work);
    }

    /// Whether clock checks wait or are being made.
    pub(crate) fn clock_checks(&self) -> Checks {
        let waits = self.work.values().flatten().any(|piece| piece.what == What::Clock);
        if waits { Checks::Due } else { Checks::Made }
    }

    /// The meter's dialogue is over.
    pub(crate) fn done(&mut self, meter: MeterId) {
        self.busy.remove(&meter);
    }

    /// Pieces of work known and not begun.
    pub(crate) fn queued(&self) -> usize {
        self.work.values().map(Vec::len).sum()
    }

    /// Meters with a dialogue under way.
    pub(crate) fn busy(&self) -> &BTreeSet<MeterId> {
        &self.busy
    }

    /// Forgets meters that are no longer on the channel.
    pub(crate) fn retain(&mut self, keep: impl Fn(MeterId) -> bool) {
        self.work.retain(|meter, _| keep(*meter));
        self.served.retain(|meter, _| keep(*meter));
    }
}

impl Work {
    fn rank(&self) -> (Class, Priority) {
        (self.class, self.priority)
    }
}

fn most_urgent(pieces: &[Work]) -> Option<&Work> {
    pieces.iter().min_by_key(|piece| piece.rank())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RetryConfig;

    const NOW: UtcMicros = UtcMicros(1_800_000_000_000_000);

    fn piece(meter: i64, plan: &str, class: Class, priority: u8) -> Work {
        Work {
            meter: MeterId(meter),
            plan: PlanName::new(plan).expect("a name"),
            what: What::Slots { series: Series::Daily, slots: vec![(Obis([1, 0, 1, 8, 0, 255]), NOW)] },
            class,
            priority: Priority::try_from(priority).expect("0 to 9"),
            tried: BTreeMap::new(),
        }
    }

    fn silence() -> Silence {
        Silence::new(RetryConfig { jitter_percent: 0, ..RetryConfig::default() })
    }

    fn order(agenda: &mut Agenda, silence: &Silence) -> Vec<(i64, String)> {
        let mut order = Vec::new();
        while let Some((work, _)) = agenda.next(Instant::now(), silence) {
            order.push((work.meter.0, work.plan.to_string()));
            agenda.done(work.meter);
        }
        order
    }

    #[test]
    fn the_most_urgent_class_goes_first_then_priority_then_who_waited_longest() {
        let mut agenda = Agenda::default();
        agenda.replace(vec![
            piece(1, "old", Class::Backfill, 0),
            piece(1, "new", Class::Scheduled, 5),
            piece(2, "old", Class::Backfill, 0),
            piece(2, "new", Class::Scheduled, 5),
            piece(3, "first", Class::Scheduled, 1),
        ]);
        let named = |list: &[(i64, &str)]| list.iter().map(|(n, s)| (*n, (*s).to_owned())).collect::<Vec<_>>();
        assert_eq!(
            order(&mut agenda, &silence()),
            named(&[(3, "first"), (1, "new"), (2, "new"), (1, "old"), (2, "old")])
        );
    }

    #[test]
    fn a_meter_has_one_dialogue_at_a_time() {
        let mut agenda = Agenda::default();
        agenda.replace(vec![piece(1, "a", Class::Scheduled, 0), piece(1, "b", Class::Scheduled, 0)]);
        assert!(agenda.next(Instant::now(), &silence()).is_some());
        assert!(agenda.next(Instant::now(), &silence()).is_none());
        agenda.replace(vec![piece(1, "a", Class::Scheduled, 0)]);
        assert_eq!(agenda.queued(), 1, "what is being asked is not missing, and the rest is kept");
        agenda.done(MeterId(1));
        let (next, _) = agenda.next(Instant::now(), &silence()).expect("the rest");
        assert_eq!(next.plan.as_str(), "b");
    }

    #[test]
    fn a_silent_meter_is_left_alone_and_then_only_probed() {
        let mut agenda = Agenda::default();
        let mut silence = silence();
        let now = Instant::now();
        let next = silence.observed(MeterId(1), now);
        agenda.replace(vec![piece(1, "a", Class::Scheduled, 0)]);
        assert!(agenda.next(now, &silence).is_none());
        let (_, extent) = agenda.next(next, &silence).expect("its probe is due");
        assert_eq!(extent, Extent::Probe);
    }
}
