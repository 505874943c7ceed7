//! Which "n-th last freeze" is the one of a given day.
//!
//! A meter counts its freezes from the newest back; it does not take the day for an answer. Usually the one of day D is
//! as many back as days have passed, but a meter that was without power at midnight has no freeze of that day, one whose
//! clock is off latched at another time, and midnight may pass while we ask. So an index is only a guess, and the time
//! inside the answer decides: this keeps what was learned and makes the next guess.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};

/// Guesses by reckoning days before the span is halved instead: a meter whose freezes jump about must not be asked
/// sixty times.
const RECKONED: usize = 3;

/// What stands under an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Latch {
    /// A freeze latched then.
    At(DateTime),
    /// The meter says there is none.
    Empty,
}

/// What to do next for a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for this index.
    Ask(u8),
    /// This index held it when last asked.
    Found(u8),
    /// It will come: the newest freeze is older.
    NotYet {
        /// The newest one.
        newest: Option<DateTime>,
    },
    /// It is not in the meter.
    NotHeld,
}

/// What is known of a meter's freezes in one dialogue.
#[derive(Debug)]
pub(super) struct Ledger {
    depth: u8,
    today: Date,
    latches: BTreeMap<u8, (Latch, usize)>,
    /// Grows with every entry: tells which of two entries was made first.
    entries: usize,
}

impl Ledger {
    pub(super) fn new(depth: u8, today: Date) -> Self {
        Self { depth, today, latches: BTreeMap::new(), entries: 0 }
    }

    /// Notes what stands under `index` now.
    pub(super) fn saw(&mut self, index: u8, latch: Latch) {
        self.entries += 1;
        if self.latches.get(&index).is_some_and(|(known, _)| *known != latch) {
            // A new freeze was latched meanwhile: everything moved on by one, and what was learned before is void.
            self.latches.clear();
        }
        self.latches.insert(index, (latch, self.entries));
    }

    /// Whether not even the newest freeze is there.
    pub(super) fn is_empty_meter(&self) -> bool {
        self.latches.get(&1).is_some_and(|(latch, _)| *latch == Latch::Empty)
    }

    /// The next step towards the freeze latched at 00:00 of `day`, after `asked` indices were asked for it.
    pub(super) fn next(&self, day: Date, asked: usize) -> Step {
        let wanted = day.to_datetime(Time::midnight());
        if let Some((&index, _)) = self.latches.iter().find(|(_, (latch, _))| *latch == Latch::At(wanted)) {
            return Step::Found(index);
        }
        let tomorrow = self.today.max(day).tomorrow().unwrap_or(Date::MAX);
        let newer = self.newer_than(wanted).unwrap_or((0, tomorrow, 0));
        let older = self.older_than(wanted);
        let (older_index, older_date, older_entry) = older.unwrap_or((self.depth.saturating_add(1), None, 0));
        if older_index <= newer.0.saturating_add(1) {
            return self.not_between(newer, (older_index, older_entry), day);
        }
        let behind = |from: Date, to: Date| (from - to).get_days();
        let reckoned = match older_date {
            Some(date) => i32::from(older_index) - behind(day, date),
            None => i32::from(newer.0) + behind(newer.1, day),
        };
        let (lowest, highest) = (newer.0 + 1, older_index - 1);
        let halved = i32::from(lowest.midpoint(highest));
        let guess = match reckoned {
            _ if asked >= RECKONED => halved,
            // Older than all that may be held, or beyond what the meter has: look into the middle.
            beyond if beyond > i32::from(highest) => match older {
                None => return Step::NotHeld,
                Some(_) => halved,
            },
            index => index,
        };
        Step::Ask(u8::try_from(guess).unwrap_or(lowest).clamp(lowest, highest))
    }

    /// Nothing lies between two neighbouring indices, so the day is not there, unless the older one was looked at before
    /// the newer one: a freeze latched in between would have moved the wanted one to the older index.
    fn not_between(&self, newer: (u8, Date, usize), (older, older_entry): (u8, usize), day: Date) -> Step {
        if newer.2 > older_entry && older_entry > 0 {
            return Step::Ask(older);
        }
        match self.latches.get(&1) {
            Some((Latch::At(newest), _)) if newer.0 == 0 => Step::NotYet { newest: Some(*newest) },
            _ if newer.0 == 0 && day >= self.today => Step::NotYet { newest: None },
            _ => Step::NotHeld,
        }
    }

    /// The highest index known to hold a later freeze, its day, and when it was seen.
    fn newer_than(&self, wanted: DateTime) -> Option<(u8, Date, usize)> {
        self.latches.iter().rev().find_map(|(&index, &(latch, entry))| match latch {
            Latch::At(at) if at > wanted => Some((index, at.date(), entry)),
            _ => None,
        })
    }

    /// The lowest index known to hold an earlier freeze or none, its day, and when it was seen.
    fn older_than(&self, wanted: DateTime) -> Option<(u8, Option<Date>, usize)> {
        self.latches.iter().find_map(|(&index, &(latch, entry))| match latch {
            Latch::At(at) if at < wanted => Some((index, Some(at.date()), entry)),
            Latch::Empty => Some((index, None, entry)),
            Latch::At(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use jiff::civil::date;
    use proptest::prelude::*;

    const DEPTH: u8 = 62;

    /// A meter's freezes, newest first.
    struct Meter(Vec<DateTime>);

    impl Meter {
        fn latch(&self, index: u8) -> Latch {
            self.0.get(usize::from(index) - 1).map_or(Latch::Empty, |&at| Latch::At(at))
        }
        /// A freeze at 00:00 of each of the last `days` days, but for those `days ago` in `without`.
        fn latched(today: Date, days: i32, without: &[i32]) -> Self {
            let kept = (0..days).filter(|ago| !without.contains(ago));
            Self(kept.map(|ago| today.checked_sub(ago.days()).unwrap().to_datetime(Time::midnight())).collect())
        }
    }

    /// Asks until the ledger is sure; the answer and how many questions it took.
    fn find(meter: &Meter, ledger: &mut Ledger, day: Date) -> (Step, usize) {
        for asked in 0.. {
            match ledger.next(day, asked) {
                Step::Ask(index) => ledger.saw(index, meter.latch(index)),
                step => return (step, asked),
            }
        }
        unreachable!("an open range does not end");
    }

    const TODAY: Date = date(2026, 11, 24);

    #[test]
    fn a_meter_without_gaps_is_asked_once_a_day() {
        let meter = Meter::latched(TODAY, 62, &[]);
        let mut ledger = Ledger::new(DEPTH, TODAY);
        for (ago, index) in [(0, 1), (1, 2), (30, 31), (61, 62)] {
            let day = TODAY.checked_sub(ago.days()).unwrap();
            assert_eq!(find(&meter, &mut ledger, day), (Step::Found(index), 1), "{day}");
        }
        assert_eq!(find(&meter, &mut ledger, date(2026, 9, 1)), (Step::NotHeld, 0), "older than its memory");
    }

    #[test]
    fn a_day_after_a_gap_is_found_and_the_gap_itself_is_not_held() {
        let meter = Meter::latched(TODAY, 40, &[3, 4]);
        assert_eq!(find(&meter, &mut Ledger::new(DEPTH, TODAY), date(2026, 11, 18)), (Step::Found(5), 2));
        assert_eq!(find(&meter, &mut Ledger::new(DEPTH, TODAY), date(2026, 11, 20)).0, Step::NotHeld);
    }

    #[test]
    fn todays_freeze_that_is_not_latched_yet_is_not_given_up() {
        let meter = Meter::latched(TODAY.yesterday().unwrap(), 40, &[]);
        let newest = Some(TODAY.yesterday().unwrap().to_datetime(Time::midnight()));
        assert_eq!(find(&meter, &mut Ledger::new(DEPTH, TODAY), TODAY).0, Step::NotYet { newest });
        let empty = Meter(Vec::new());
        assert_eq!(find(&empty, &mut Ledger::new(DEPTH, TODAY), TODAY).0, Step::NotYet { newest: None });
        assert_eq!(find(&empty, &mut Ledger::new(DEPTH, TODAY), TODAY.yesterday().unwrap()).0, Step::NotHeld);
    }

    #[test]
    fn a_freeze_latched_at_another_time_of_the_day_is_not_that_of_midnight() {
        let noon = date(2026, 11, 23).at(12, 0, 0, 0);
        let meter = Meter(vec![date(2026, 11, 24).at(0, 0, 0, 0), noon, date(2026, 11, 22).at(0, 0, 0, 0)]);
        assert_eq!(find(&meter, &mut Ledger::new(DEPTH, TODAY), date(2026, 11, 23)).0, Step::NotHeld);
    }

    #[test]
    fn a_freeze_latched_between_two_questions_does_not_hide_the_day() {
        let (before, after) = (Meter::latched(TODAY, 40, &[2]), Meter::latched(TODAY.tomorrow().unwrap(), 41, &[3]));
        let day = date(2026, 11, 20);
        let mut ledger = Ledger::new(DEPTH, TODAY);
        assert_eq!(ledger.next(day, 0), Step::Ask(5));
        ledger.saw(5, before.latch(5));
        assert_eq!(ledger.next(day, 1), Step::Ask(4), "11-19 stands there, for the one day without");
        ledger.saw(4, after.latch(4));
        assert_eq!(ledger.next(day, 2), Step::Ask(5), "11-21 stands there now; 11-20 may have moved to 5");
        ledger.saw(5, after.latch(5));
        assert_eq!(ledger.next(day, 3), Step::Found(5));
    }

    proptest! {
        #[test]
        fn every_held_day_is_found_and_no_other(
            days in 1..62_i32,
            without in prop::collection::vec(0..62_i32, 0..30),
            ago in 0..70_i32,
        ) {
            let meter = Meter::latched(TODAY, days, &without);
            let day = TODAY.checked_sub(ago.days()).unwrap();
            let held = meter.0.iter().position(|at| at.date() == day);
            let (step, asked) = find(&meter, &mut Ledger::new(DEPTH, TODAY), day);
            match held {
                Some(at) => prop_assert_eq!(step, Step::Found(u8::try_from(at + 1).unwrap())),
                None => prop_assert!(matches!(step, Step::NotHeld | Step::NotYet { .. }), "{:?}", step),
            }
            prop_assert!(asked <= 10, "{} questions", asked);
        }
    }
}
