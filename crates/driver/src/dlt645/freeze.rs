//! Which "n-th last freeze" is the one of a given day.
//!
//! A meter counts its freezes from the newest back; it does not take the day for an answer. Usually the one of day D is
//! as many back as days have passed, but a meter that was without power at midnight has no freeze of that day, one whose
//! clock is off latched at another time, and midnight may pass while we ask. So an index is only a guess, and the time
//! inside the answer decides: this keeps what was learned and makes the next guess.
//!
//! That a day is not there is a verdict for good, so it is not built on a single answer: what stands on either side of
//! the gap is looked at twice. A time damaged under a right check sum, or a freeze latched between two questions, then
//! leads to another question and not to a lost day.

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
    seen: BTreeMap<u8, Seen>,
}

/// What stood under an index, and how often it was looked at.
#[derive(Debug, Clone, Copy)]
struct Seen {
    latch: Latch,
    times: usize,
}

/// An index known to be on one side of a day; 0 and the one beyond the memory are so without being looked at.
#[derive(Debug, Clone, Copy)]
struct Side {
    index: u8,
    day: Option<Date>,
    times: usize,
}

impl Ledger {
    pub(super) fn new(depth: u8, today: Date) -> Self {
        Self { depth, today, seen: BTreeMap::new() }
    }

    /// Notes what stands under `index` now.
    pub(super) fn saw(&mut self, index: u8, latch: Latch) {
        if self.seen.get(&index).is_some_and(|seen| seen.latch != latch) {
            // A freeze was latched meanwhile and moved everything on by one, or an answer was damaged: what was learned
            // before is void either way.
            self.seen.clear();
        }
        self.seen.entry(index).or_insert(Seen { latch, times: 0 }).times += 1;
    }

    /// The meter refused what stands under `index` as data it does not have. It was asked twice before that counted.
    pub(super) fn refused(&mut self, index: u8) {
        self.saw(index, Latch::Empty);
        self.saw(index, Latch::Empty);
    }

    /// Whether not even the newest freeze is there.
    pub(super) fn is_empty_meter(&self) -> bool {
        self.seen.get(&1).is_some_and(|seen| seen.latch == Latch::Empty)
    }

    /// The next step towards the freeze latched at 00:00 of `day`, after `asked` indices were asked for it.
    pub(super) fn next(&self, day: Date, asked: usize) -> Step {
        let wanted = day.to_datetime(Time::midnight());
        if let Some((&index, _)) = self.seen.iter().find(|(_, seen)| seen.latch == Latch::At(wanted)) {
            return Step::Found(index);
        }
        let behind = |from: Date, to: Date| (from - to).get_days();
        if behind(self.today, day) >= i32::from(self.depth) {
            return Step::NotHeld;
        }
        let (newer, older) = (self.newer_than(wanted), self.older_than(wanted));
        if older.index <= newer.index.saturating_add(1) {
            return self.not_between(newer, older, day);
        }
        let (lowest, highest) = (newer.index + 1, older.index - 1);
        let halved = i32::from(lowest.midpoint(highest));
        let reckoned = match (newer.day, older.day) {
            (_, Some(older_day)) => i32::from(older.index) - behind(day, older_day),
            (Some(newer_day), None) => i32::from(newer.index) + behind(newer_day, day),
            (None, None) => halved,
        };
        let guess = if asked >= RECKONED || reckoned > i32::from(highest) { halved } else { reckoned };
        Step::Ask(u8::try_from(guess).unwrap_or(lowest).clamp(lowest, highest))
    }

    /// Nothing lies between two neighbouring indices: the day is not there, if both hold what they did when looked at
    /// again.
    fn not_between(&self, newer: Side, older: Side, day: Date) -> Step {
        let newest = self.seen.get(&1).map(|seen| seen.latch);
        match newest {
            Some(Latch::At(newest)) if newer.index == 0 => return Step::NotYet { newest: Some(newest) },
            _ => {}
        }
        if let Some(once) = [newer, older].into_iter().find(|side| side.times == 1) {
            return Step::Ask(once.index);
        }
        if newer.index == 0 && day >= self.today { Step::NotYet { newest: None } } else { Step::NotHeld }
    }

    /// The highest index known to hold a later freeze.
    fn newer_than(&self, wanted: DateTime) -> Side {
        let newer = self.seen.iter().rev().find_map(|(&index, seen)| match seen.latch {
            Latch::At(at) if at > wanted => Some(Side { index, day: Some(at.date()), times: seen.times }),
            _ => None,
        });
        let tomorrow = self.today.max(wanted.date()).tomorrow().unwrap_or(Date::MAX);
        newer.unwrap_or(Side { index: 0, day: Some(tomorrow), times: 0 })
    }

    /// The lowest index known to hold an earlier freeze or none.
    fn older_than(&self, wanted: DateTime) -> Side {
        let older = self.seen.iter().find_map(|(&index, seen)| match seen.latch {
            Latch::At(at) if at < wanted => Some(Side { index, day: Some(at.date()), times: seen.times }),
            Latch::Empty => Some(Side { index, day: None, times: seen.times }),
            Latch::At(_) => None,
        });
        older.unwrap_or(Side { index: self.depth.saturating_add(1), day: None, times: 0 })
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
        assert_eq!(ledger.next(day, 2), Step::Ask(4), "11-21 stands there now; 11-20 may have moved to 5");
        ledger.saw(4, after.latch(4));
        assert_eq!(ledger.next(day, 3), Step::Ask(5));
        ledger.saw(5, after.latch(5));
        assert_eq!(ledger.next(day, 4), Step::Found(5));
    }

    #[test]
    fn one_damaged_time_loses_no_day() {
        let meter = Meter::latched(TODAY, 62, &[]);
        let day = date(2026, 11, 20);
        for damaged in [date(2026, 11, 10), date(2026, 11, 23), date(2027, 1, 1)] {
            for at_question in 0..3 {
                let mut ledger = Ledger::new(DEPTH, TODAY);
                let found = (0..).find_map(|asked| match ledger.next(day, asked) {
                    Step::Ask(index) if asked == at_question => {
                        ledger.saw(index, Latch::At(damaged.to_datetime(Time::midnight())));
                        None
                    }
                    Step::Ask(index) => {
                        ledger.saw(index, meter.latch(index));
                        None
                    }
                    step => Some(step),
                });
                assert_eq!(found, Some(Step::Found(5)), "{damaged} at question {at_question}");
            }
        }
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
            prop_assert!(asked <= 12, "{} questions", asked);
        }
    }
}
