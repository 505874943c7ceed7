//! What a meter counts: energies by tariff, and maximum demands.
//!
//! Two flows are simulated, what the customer draws and what he delivers; every other quantity is a fixed share of one
//! of them, or a combination as the meter's combination words say.

use super::{Measures, Meter};
use crate::civil::{Civil, QUARTER};
use crate::load::{Load, TARIFFS, tariff_at};
use crate::seed::{about, draw};

/// A quantity counted by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Forward active energy.
    Forward,
    /// Reverse active energy.
    Reverse,
    /// Reactive energy, quadrant 1.
    Quadrant1,
    /// Reactive energy, quadrant 2.
    Quadrant2,
    /// Reactive energy, quadrant 3.
    Quadrant3,
    /// Reactive energy, quadrant 4.
    Quadrant4,
    /// Forward apparent energy.
    ForwardApparent,
    /// Reverse apparent energy.
    ReverseApparent,
}

/// A quantity as data items name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    Counted(Counter),
    CombinedActive,
    CombinedReactive1,
    CombinedReactive2,
}

/// One phase of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names are all there is to say")]
pub enum Phase {
    A,
    B,
    C,
}

/// Total or one tariff (from 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rate {
    Total,
    Tariff(usize),
}

/// A maximum demand in 0.1 W (var, VA), and the end of the period in which it occurred, on the meter's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) value: i64,
    pub(crate) at: Option<Civil>,
}

/// Milliwatt-hours in the last digit of an energy register, 0.01 kWh.
const DIGIT_MWH: i64 = 10_000;
/// An unsigned register of eight digits starts again here.
const UNSIGNED_MODULUS: i64 = 100_000_000;
/// A signed one gives its top bit to the sign.
const SIGNED_MODULUS: i64 = 80_000_000;

impl Counter {
    /// Which flow it follows and how much of it, in ‰.
    fn share(self) -> (Direction, i64) {
        match self {
            Counter::Forward => (Direction::Import, 1000),
            Counter::Reverse => (Direction::Export, 1000),
            Counter::Quadrant1 => (Direction::Import, 290),
            Counter::Quadrant4 => (Direction::Import, 35),
            Counter::Quadrant2 => (Direction::Export, 120),
            Counter::Quadrant3 => (Direction::Export, 25),
            Counter::ForwardApparent => (Direction::Import, 1048),
            Counter::ReverseApparent => (Direction::Export, 1010),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Import,
    Export,
}

impl Quantity {
    /// The quantity behind DI2 of the energies and demands.
    pub(crate) fn from_di2(di2: u8) -> Option<Self> {
        use Counter::{ForwardApparent, Quadrant1, Quadrant2, Quadrant3, Quadrant4, Reverse, ReverseApparent};
        Some(match di2 {
            0x00 => Quantity::CombinedActive,
            0x01 => Quantity::Counted(Counter::Forward),
            0x02 => Quantity::Counted(Reverse),
            0x03 => Quantity::CombinedReactive1,
            0x04 => Quantity::CombinedReactive2,
            0x05 => Quantity::Counted(Quadrant1),
            0x06 => Quantity::Counted(Quadrant2),
            0x07 => Quantity::Counted(Quadrant3),
            0x08 => Quantity::Counted(Quadrant4),
            0x09 => Quantity::Counted(ForwardApparent),
            0x0A => Quantity::Counted(ReverseApparent),
            _ => return None,
        })
    }

    /// Whether its register carries a sign.
    pub(crate) fn is_signed(self) -> bool {
        !matches!(self, Quantity::Counted(_))
    }

    /// The counters it is made of, each with +1 or -1, under a combination word (bit pairs add, subtract).
    fn parts(self, words: CombinationWords) -> Vec<(Counter, i64)> {
        use Counter::{Forward, Quadrant1, Quadrant2, Quadrant3, Quadrant4, Reverse};
        let of = |word: u8, counters: &[Counter]| {
            counters
                .iter()
                .enumerate()
                .filter_map(|(i, counter)| match (word >> (2 * i)) & 0b11 {
                    0b01 => Some((*counter, 1)),
                    0b10 => Some((*counter, -1)),
                    _ => None,
                })
                .collect()
        };
        const QUADRANTS: [Counter; 4] = [Quadrant1, Quadrant2, Quadrant3, Quadrant4];
        match self {
            Quantity::Counted(counter) => vec![(counter, 1)],
            Quantity::CombinedActive => of(words.active, &[Forward, Reverse]),
            Quantity::CombinedReactive1 => of(words.reactive_1, &QUADRANTS),
            Quantity::CombinedReactive2 => of(words.reactive_2, &QUADRANTS),
        }
    }
}

/// A demand period on the meter's clock. The quarter of an hour that ends with it belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DemandPeriod {
    pub(crate) from: Civil,
    pub(crate) to: Civil,
}

/// Parameters 04000601 to 04000603: what the combined quantities add and subtract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CombinationWords {
    pub(crate) active: u8,
    pub(crate) reactive_1: u8,
    pub(crate) reactive_2: u8,
}

impl Meter {
    /// Whether the meter has a register for this.
    pub(crate) fn measures(&self, quantity: Quantity) -> bool {
        use Quantity::{CombinedActive, Counted};
        let active = matches!(quantity, CombinedActive | Counted(Counter::Forward | Counter::Reverse));
        active || self.measures == Measures::Everything
    }

    /// An energy register at true time `truth`, in units of 0.01 kWh (kvarh, kVAh).
    pub(crate) fn energy(&self, quantity: Quantity, rate: Rate, truth: Civil) -> i64 {
        let sum: i64 = quantity
            .parts(self.combination_words(truth))
            .into_iter()
            .map(|(counter, sign)| sign * self.counter(counter, rate, truth))
            .sum();
        if quantity.is_signed() { sum % SIGNED_MODULUS } else { sum.rem_euclid(UNSIGNED_MODULUS) }
    }

    /// The energy of one phase, in units of 0.01 kWh; `None` for a phase the meter does not have.
    pub(crate) fn phase_energy(&self, quantity: Quantity, phase: Phase, truth: Civil) -> Option<i64> {
        let share = self.phase_share(phase)?;
        let sum = |sum: i64, (counter, sign): (Counter, i64)| {
            let (direction, of_flow) = counter.share();
            let flow: i64 = (0..TARIFFS).map(|t| self.flow(direction, t, truth)).sum();
            sum + sign * digits(flow, of_flow * share, 1_000_000)
        };
        Some(quantity.parts(self.combination_words(truth)).into_iter().fold(0, sum))
    }

    /// Which part of the load is on `phase`, in ‰.
    pub(crate) fn phase_share(&self, phase: Phase) -> Option<i64> {
        let a = 280 + i64::try_from(draw(self.seed, about::PHASE_SHARE, 100)).unwrap_or(0);
        let b = 280 + i64::try_from(draw(self.seed, about::PHASE_SHARE ^ 1, 100)).unwrap_or(0);
        match (self.phases, phase) {
            (1, Phase::A) => Some(1000),
            (1, _) => None,
            (_, Phase::A) => Some(a),
            (_, Phase::B) => Some(b),
            (_, Phase::C) => Some(1000 - a - b),
        }
    }

    /// The largest mean power over a quarter of an hour in a demand period: total, then each tariff.
    pub(crate) fn demands(&self, quantity: Quantity, period: DemandPeriod) -> [Demand; 1 + TARIFFS] {
        let parts = |words: CombinationWords| -> Vec<(Load, i64)> {
            let of_load = |(counter, sign): (Counter, i64)| {
                let (direction, share) = counter.share();
                Some((self.load(direction)?, sign * share))
            };
            quantity.parts(words).into_iter().filter_map(of_load).collect()
        };
        let mut words = self.combination_words(self.clock.truth(period.from));
        let mut added = parts(words);
        let mut best = [Demand { value: 0, at: None }; 1 + TARIFFS];
        // What flowed before the meter was there is not its own.
        let from = period.from.max(self.clock.shows(self.born));
        let first = from.floor(QUARTER);
        let mut start = if first < from { first.plus(QUARTER) } else { first };
        let mut begun = self.clock.truth(start);
        while start.plus(QUARTER) <= period.to {
            let end = start.plus(QUARTER);
            let ended = self.clock.truth(end);
            let in_force = self.combination_words(ended);
            if in_force != words {
                (words, added) = (in_force, parts(in_force));
            }
            let sum: i64 = added.iter().map(|(load, share)| self.supplied(load, begun, ended) * share / 1000).sum();
            // Four quarters make an hour; 100 mW are the last digit.
            let value = sum * 4 / 100;
            for rate in [0, 1 + tariff_at(start)] {
                if value.abs() > best[rate].value.abs() {
                    best[rate] = Demand { value, at: Some(end) };
                }
            }
            (start, begun) = (end, ended);
        }
        best
    }

    /// Mean power of the running quarter of an hour in milliwatts; 0 while the relay is open.
    pub(crate) fn power(&self, direction: Direction, truth: Civil) -> i64 {
        if self.relay_is_open(truth) {
            return 0;
        }
        let start = truth.floor(QUARTER);
        self.load(direction).map_or(0, |load| {
            (0..TARIFFS).map(|t| load.energy(t, start.plus(QUARTER)) - load.energy(t, start)).sum::<i64>() * 4
        })
    }

    /// One counter with everything that was ever added to it by other than energy; not yet rolled over.
    pub(super) fn counter(&self, counter: Counter, rate: Rate, truth: Civil) -> i64 {
        let of_tariff = |tariff: usize| {
            let (direction, share) = counter.share();
            let stepped: i64 = self
                .changed()
                .iter()
                .flat_map(|changed| &changed.steps)
                .filter(|s| s.counter == counter && s.tariff == tariff && s.at <= truth)
                .map(|s| s.by)
                .sum();
            let started = if counter == Counter::Forward { i64::from(self.start_digits) / 4 } else { 0 };
            started + digits(self.flow(direction, tariff, truth), share, 1000) + stepped
        };
        match rate {
            // The total is the sum of what the tariffs show, so that a bill adds up to the last digit.
            Rate::Total => (0..TARIFFS).map(of_tariff).sum(),
            Rate::Tariff(tariff) if tariff < TARIFFS => of_tariff(tariff),
            Rate::Tariff(_) => 0,
        }
    }

    /// Energy in one direction and tariff since the meter was installed, in milliwatt-hours.
    fn flow(&self, direction: Direction, tariff: usize, truth: Civil) -> i64 {
        let Some(load) = self.load(direction) else { return 0 };
        let truth = truth.max(self.born);
        let between = |from: Civil, to: Civil| load.energy(tariff, to) - load.energy(tariff, from);
        let cut: i64 = self
            .changed()
            .iter()
            .flat_map(|changed| &changed.outages)
            // Before it was cleared there is nothing to take an outage from.
            .map(|outage| (outage.from.max(self.born), outage.to.map_or(truth, |to| to.min(truth))))
            .filter(|(off, on)| off < on)
            .map(|(off, on)| between(off, on))
            .sum();
        between(self.born, truth) - cut
    }

    /// Energy of all tariffs between two instants at most a quarter of an hour apart, as far as the supply was on.
    fn supplied(&self, load: &Load, from: Civil, to: Civil) -> i64 {
        let between = |from: Civil, to: Civil| {
            let of = |tariff: usize| load.energy(tariff, to) - load.energy(tariff, from);
            // Only the tariff in force counts, unless it changes on the way.
            let running = tariff_at(from);
            if tariff_at(to.plus(-1)) == running { of(running) } else { (0..TARIFFS).map(of).sum() }
        };
        let cut: i64 = self
            .changed()
            .iter()
            .flat_map(|changed| &changed.outages)
            .map(|outage| (outage.from.max(from), outage.to.map_or(to, |end| end.min(to))))
            .filter(|(off, on)| off < on)
            .map(|(off, on)| between(off, on))
            .sum();
        between(from, to) - cut
    }

    fn load(&self, direction: Direction) -> Option<Load> {
        match direction {
            Direction::Import => Some(Load::import(self.kind, self.seed)),
            Direction::Export => Load::export(self.kind, self.seed),
        }
    }
}

/// `flow × num ÷ den` in register digits, rounded down.
fn digits(flow_mwh: i64, num: i64, den: i64) -> i64 {
    let scaled = i128::from(flow_mwh) * i128::from(num) / (i128::from(den) * i128::from(DIGIT_MWH));
    i64::try_from(scaled).unwrap_or(i64::MAX)
}
