//! Who is next: classes in strict order, rotation over meters inside a class, ageing below the people who wait. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use hes_model::Class;
use tokio::time::Instant;

use super::MeterKey;

/// Classes that age, the one that gains most first. A question gains one class for each ageing time it waits, up to
/// [`Class::Clock`]: what a person waits for is never overtaken by what a plan wants.
const AGEING: [(Class, Class); 2] = [(Class::Scheduled, Class::Clock), (Class::Backfill, Class::Scheduled)];

/// A question in line.
#[derive(Debug)]
pub(super) struct InLine<T> {
    /// The class it was asked in.
    pub(super) class: Class,
    pub(super) meter: MeterKey,
    pub(super) asked: Instant,
    pub(super) item: T,
}

#[derive(Debug)]
struct Aged<T> {
    question: InLine<T>,
    /// When it came to the class it is in now.
    since: Instant,
}

/// One class: the meters in turn, and each one's questions in the order they came.
#[derive(Debug)]
struct Ring<T> {
    turn: VecDeque<MeterKey>,
    questions: HashMap<MeterKey, VecDeque<Aged<T>>>,
}

impl<T> Default for Ring<T> {
    fn default() -> Self {
        Self { turn: VecDeque::new(), questions: HashMap::new() }
    }
}

impl<T> Ring<T> {
    fn push(&mut self, aged: Aged<T>) {
        let meter = aged.question.meter;
        let of_meter = self.questions.entry(meter).or_default();
        if of_meter.is_empty() {
            self.turn.push_back(meter);
        }
        of_meter.push_back(aged);
    }

    /// The next question of the first meter in turn that is open; that meter then goes to the end.
    fn pop(&mut self, open: impl Fn(MeterKey) -> bool) -> Option<InLine<T>> {
        let at = self.turn.iter().position(|meter| open(*meter))?;
        let meter = self.turn.remove(at)?;
        let of_meter = self.questions.get_mut(&meter)?;
        let aged = of_meter.pop_front();
        if of_meter.is_empty() {
            self.questions.remove(&meter);
        } else {
            self.turn.push_back(meter);
        }
        aged.map(|aged| aged.question)
    }

    /// Takes out what has been here for `age`.
    fn take_aged(&mut self, now: Instant, age: Duration) -> Vec<InLine<T>> {
        let mut taken = Vec::new();
        for meter in &self.turn {
            let Some(of_meter) = self.questions.get_mut(meter) else { continue };
            while of_meter.front().is_some_and(|aged| now.saturating_duration_since(aged.since) >= age) {
                taken.extend(of_meter.pop_front().map(|aged| aged.question));
            }
        }
        self.questions.retain(|_, of_meter| !of_meter.is_empty());
        let questions = &self.questions;
        self.turn.retain(|meter| questions.contains_key(meter));
        taken
    }
}

/// Everything in line on one channel.
#[derive(Debug)]
pub(super) struct Line<T> {
    ageing: Duration,
    rings: [Ring<T>; Class::ALL.len()],
}

impl<T> Line<T> {
    pub(super) fn new(ageing: Duration) -> Self {
        Self { ageing, rings: std::array::from_fn(|_| Ring::default()) }
    }

    pub(super) fn push(&mut self, question: InLine<T>) {
        let (class, since) = (question.class, question.asked);
        self.ring(class).push(Aged { question, since });
    }

    /// The next question to a meter that is `open`.
    pub(super) fn pop(&mut self, now: Instant, open: impl Fn(MeterKey) -> bool) -> Option<InLine<T>> {
        let ageing = self.ageing;
        for (from, to) in AGEING {
            for question in self.ring(from).take_aged(now, ageing) {
                self.ring(to).push(Aged { question, since: now });
            }
        }
        self.rings.iter_mut().find_map(|ring| ring.pop(&open))
    }

    /// Every meter that somebody wants to ask.
    pub(super) fn meters(&self) -> impl Iterator<Item = MeterKey> {
        self.rings.iter().flat_map(|ring| ring.turn.iter().copied())
    }

    /// Takes everything out, in no order.
    pub(super) fn take_all(&mut self) -> Vec<InLine<T>> {
        let rings = self.rings.iter_mut().flat_map(|ring| std::mem::take(ring).questions.into_values());
        rings.flatten().map(|aged| aged.question).collect()
    }

    fn ring(&mut self, class: Class) -> &mut Ring<T> {
        let [order, on_demand, clock, scheduled, backfill] = &mut self.rings;
        match class {
            Class::Order => order,
            Class::OnDemand => on_demand,
            Class::Clock => clock,
            Class::Scheduled => scheduled,
            Class::Backfill => backfill,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_model::MeterId;

    const AGE: Duration = Duration::from_secs(30);

    struct Bench {
        line: Line<&'static str>,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            Self { line: Line::new(AGE), now: Instant::now() }
        }
        fn ask(&mut self, class: Class, meter: i64, item: &'static str) {
            let meter = MeterKey::Meter(MeterId(meter));
            self.line.push(InLine { class, meter, asked: self.now, item });
        }
        fn next(&mut self) -> Option<&'static str> {
            self.line.pop(self.now, |_| true).map(|q| q.item)
        }
        fn rest(&mut self) -> Vec<&'static str> {
            std::iter::from_fn(|| self.next()).collect()
        }
    }

    #[test]
    fn the_most_urgent_class_goes_first_whenever_it_came() {
        let mut b = Bench::new();
        for (class, item) in [
            (Class::Backfill, "backfill"),
            (Class::Scheduled, "scheduled"),
            (Class::OnDemand, "on demand"),
            (Class::Clock, "clock"),
            (Class::Order, "order"),
        ] {
            b.ask(class, 1, item);
        }
        assert_eq!(b.rest(), ["order", "on demand", "clock", "scheduled", "backfill"]);
    }

    #[test]
    fn meters_take_turns_inside_a_class_and_each_keeps_its_own_order() {
        let mut b = Bench::new();
        for item in ["a1", "a2", "a3"] {
            b.ask(Class::Scheduled, 1, item);
        }
        b.ask(Class::Scheduled, 2, "b1");
        b.ask(Class::Scheduled, 3, "c1");
        b.ask(Class::Scheduled, 3, "c2");
        assert_eq!(b.rest(), ["a1", "b1", "c1", "a2", "c2", "a3"]);
    }

    #[test]
    fn a_meter_that_asks_again_at_once_waits_for_all_others() {
        let mut b = Bench::new();
        b.ask(Class::Scheduled, 1, "busy");
        b.ask(Class::Scheduled, 2, "patient");
        assert_eq!(b.next(), Some("busy"));
        b.ask(Class::Scheduled, 1, "busy again");
        assert_eq!(b.rest(), ["patient", "busy again"]);
    }

    #[test]
    fn backfill_gains_a_class_for_each_ageing_time_and_stays_below_people() {
        let mut b = Bench::new();
        b.ask(Class::Backfill, 1, "old");
        b.now += AGE;
        b.ask(Class::Scheduled, 2, "new");
        b.ask(Class::OnDemand, 3, "person");
        assert_eq!(b.next(), Some("person"));
        // Aged into `Scheduled` behind the one that stood there already.
        assert_eq!(b.rest(), ["new", "old"]);

        b.ask(Class::Backfill, 1, "older");
        b.now += AGE;
        assert_eq!(b.line.pop(b.now, |_| false).map(|q| q.item), None);
        b.now += AGE;
        b.ask(Class::Scheduled, 2, "new");
        b.ask(Class::OnDemand, 3, "person");
        assert_eq!(b.rest(), ["person", "older", "new"]);
    }

    #[test]
    fn endless_scheduled_work_cannot_starve_backfill() {
        let mut b = Bench::new();
        b.ask(Class::Backfill, 1, "backfill");
        let mut turns = 0;
        loop {
            b.ask(Class::Scheduled, 2, "scheduled");
            turns += 1;
            assert!(turns <= 152, "backfill must have had its turn");
            b.now += Duration::from_millis(200);
            if b.next() == Some("backfill") {
                break;
            }
        }
        assert!(turns >= 150, "30 s of turns of 200 ms each go by before it ages");
    }

    #[test]
    fn a_closed_meter_keeps_its_place_and_delays_nobody() {
        let mut b = Bench::new();
        b.ask(Class::Order, 1, "closed");
        b.ask(Class::Backfill, 2, "open");
        let closed = MeterKey::Meter(MeterId(1));
        assert_eq!(b.line.pop(b.now, |m| m != closed).map(|q| q.item), Some("open"));
        assert!(b.line.pop(b.now, |m| m != closed).is_none());
        assert_eq!(b.line.meters().collect::<Vec<_>>(), [closed]);
        assert_eq!(b.next(), Some("closed"));
    }

    #[test]
    fn everything_in_line_can_be_sent_home() {
        let mut b = Bench::new();
        b.ask(Class::Order, 1, "x");
        b.ask(Class::Backfill, 1, "y");
        assert_eq!(b.line.take_all().len(), 2);
        assert_eq!(b.next(), None);
    }
}
