//! One simulated meter: what it counts, latches, knows and answers, written from the standard.
//!
//! It shares the frame codec with the head-end and nothing else: what a data item means, how it is laid out and when it
//! is refused is this crate's own reading of DL/T 645, so that a mistake in the driver has nowhere to hide.
//!
//! A meter stores next to nothing. Its counters, freezes and profiles are functions of its seed and the time; only what
//! was *done* to it (a clock set, a relay opened, a register forced) is kept, in a box that most meters never get.

mod access;
mod dialect_1997;
mod dialect_2007;
mod disturbance;
mod encode;
mod event;
mod freeze;
mod instantaneous;
mod parameter;
mod profile;
mod register;
mod relay;
mod timepiece;

use std::collections::BTreeMap;

use crate::civil::{Civil, DAY};
use crate::load::{LoadKind, TARIFFS};
use crate::seed::{about, around, draw, mix};

pub use access::Level;
pub use disturbance::{Disturbance, Undisturbed};
pub use register::{Counter, Phase};
pub use relay::RelayState;

use register::CombinationWords;
use timepiece::Timepiece;

/// Which edition of the standard a meter speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Dialect {
    /// DL/T 645-1997.
    #[serde(rename = "1997")]
    Edition1997,
    /// DL/T 645-2007.
    #[serde(rename = "2007")]
    Edition2007,
}

/// What a meter has registers for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measures {
    /// Active energy only, and no demands: the common single-phase meter. It refuses the rest, and leaves its place in
    /// a block empty.
    Active,
    /// Everything the standard lists.
    Everything,
}

/// How a meter departs from the standard, as some in the field do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quirk {
    /// It refuses blocks (FF in a place of the item).
    NoBlocks,
    /// Its answers carry AA in every place of the address, however it was asked.
    AnswersFromWildcard,
    /// It gives each follow-up frame once: when one is lost, everything is to be asked again.
    ForgetsFollowUp,
}

/// What a meter is made of.
#[derive(Debug, Clone)]
pub struct MeterSpec {
    /// Twelve digits.
    pub address: u64,
    /// Which edition it speaks.
    pub dialect: Dialect,
    /// 1 or 3.
    pub phases: u8,
    /// Who is behind it.
    pub kind: LoadKind,
    /// What it has registers for.
    pub measures: Measures,
    /// How it departs from the standard.
    pub quirk: Option<Quirk>,
    /// Whether it holds a credit in money.
    pub prepaid: bool,
    /// When it was installed; drawn from the seed when absent.
    pub born: Option<Civil>,
    /// What its forward register showed when installed, in 0.01 kWh.
    pub start_digits: u32,
    /// How far its clock was off when the fleet started; drawn from the seed when absent.
    pub clock_offset_ms: Option<i64>,
    /// How fast its clock runs, in parts per million; drawn from the seed when absent.
    pub drift_ppm: Option<f64>,
    /// Most data bytes of one answer before it goes on in follow-up frames.
    pub max_data: u8,
}

/// A simulated meter.
#[derive(Debug)]
pub struct Meter {
    address: u64,
    seed: u64,
    born: Civil,
    clock: Timepiece,
    start_digits: u32,
    dialect: Dialect,
    phases: u8,
    kind: LoadKind,
    measures: Measures,
    quirk: Option<Quirk>,
    prepaid: bool,
    max_data: u8,
    follow: Option<Box<Follow>>,
    changed: Option<Box<Changed>>,
    asked: Vec<(u8, u32)>,
}

/// An answer too long for one frame, kept until something else is asked.
#[derive(Debug)]
struct Follow {
    /// The item as asked, wire order.
    item: Vec<u8>,
    /// What no frame has brought yet.
    rest: Vec<u8>,
    /// What the last follow-up frame brought; it may not have arrived.
    last: Vec<u8>,
    /// Follow-up frames so far.
    given: u8,
}

/// Everything that was done to a meter.
#[derive(Debug, Default)]
struct Changed {
    outages: Vec<Outage>,
    steps: Vec<Step>,
    /// Items that answer these bytes whatever the registers say.
    items: BTreeMap<u32, Vec<u8>>,
    /// Parameters as they were written, oldest first: what was latched under an earlier one stays what it was.
    parameters: Vec<parameter::Setting>,
    /// Forced freezes: item with DI0 = 00, and the day they were latched.
    frozen: BTreeMap<(u32, i64), Vec<u8>>,
    demand_cleared: Vec<Civil>,
    relay: relay::Commanded,
    access: access::Access,
    events: Vec<event::Event>,
    disturbances: Vec<disturbance::Disturbed>,
    immediate_freezes: Vec<Civil>,
    timed_freeze: Option<(freeze::Pattern, Civil)>,
    last_broadcast_day: Option<i64>,
}

/// A time without supply behind the meter.
#[derive(Debug, Clone, Copy)]
struct Outage {
    from: Civil,
    to: Option<Civil>,
}

/// A jump of a register that no energy explains.
#[derive(Debug, Clone, Copy)]
struct Step {
    at: Civil,
    counter: Counter,
    tariff: usize,
    by: i64,
}

/// A request as the meter hears it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Control code.
    pub control: u8,
    /// Data, 33H already taken off.
    pub data: &'a [u8],
    /// How it was addressed.
    pub addressed: Addressed,
}

/// How a frame reaches a meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressed {
    /// By its full address.
    Exactly,
    /// By some low digits and AA for the rest.
    Shortened,
    /// AA in every place: whoever is there.
    Anyone,
    /// 99 in every place: everybody, and nobody answers.
    Everybody,
}

/// What a meter answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Control code.
    pub control: u8,
    /// Data before 33H is added.
    pub data: Vec<u8>,
    /// The line's new speed once this answer is out.
    pub then_baud: Option<u32>,
}

impl Answer {
    fn new(control: u8, data: Vec<u8>) -> Self {
        Self { control, data, then_baud: None }
    }
}

/// Bits of the error byte.
mod refusal {
    pub(super) const OTHER: u8 = 0x01;
    pub(super) const NO_SUCH_DATA: u8 = 0x02;
    pub(super) const NOT_AUTHORISED: u8 = 0x04;
    pub(super) const BAUD: u8 = 0x08;
}

impl Meter {
    /// Makes a meter in a fleet of this seed that starts at `now`.
    pub fn new(spec: &MeterSpec, fleet_seed: u64, now: Civil) -> Self {
        let seed = mix(fleet_seed, about::METER ^ spec.address);
        let offset = spec.clock_offset_ms.unwrap_or_else(|| around(seed, about::CLOCK, 3_000));
        let drift_ppb = spec.drift_ppm.map_or_else(|| around(seed, about::DRIFT, 3_000), parts_per_billion);
        Self {
            address: spec.address,
            seed,
            born: spec.born.unwrap_or_else(|| installed(seed, now)),
            clock: Timepiece::new(now, offset, drift_ppb),
            start_digits: spec.start_digits,
            dialect: spec.dialect,
            phases: spec.phases,
            kind: spec.kind,
            measures: spec.measures,
            quirk: spec.quirk,
            prepaid: spec.prepaid,
            max_data: spec.max_data.clamp(*MAX_DATA.start(), *MAX_DATA.end()),
            follow: None,
            changed: None,
            asked: Vec::new(),
        }
    }

    /// Its address.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// The edition it speaks.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Who is behind it.
    pub fn kind(&self) -> LoadKind {
        self.kind
    }

    /// How it departs from the standard.
    pub fn quirk(&self) -> Option<Quirk> {
        self.quirk
    }

    /// When it was installed.
    pub fn born(&self) -> Civil {
        self.born
    }

    /// What its clock shows at true time `truth`.
    pub fn shows(&self, truth: Civil) -> Civil {
        self.clock.shows(truth)
    }

    /// How often it was asked, by control code.
    pub fn asked(&self) -> &[(u8, u32)] {
        &self.asked
    }

    /// Hears a request at true time `truth` and acts on it. `None`: it stays silent.
    pub fn answer(&mut self, question: Question<'_>, truth: Civil) -> Option<Answer> {
        self.count(question.control);
        self.respond(question, truth)
    }

    /// As [`answer`](Self::answer), without counting the question: this meter was not meant.
    pub(crate) fn respond(&mut self, question: Question<'_>, truth: Civil) -> Option<Answer> {
        match self.dialect {
            Dialect::Edition2007 => self.answer_2007(question, truth),
            Dialect::Edition1997 => self.answer_1997(question, truth),
        }
    }

    /// The value of a data item at true time `truth` as an undamaged meter sends it, without the item's own bytes.
    /// `None`: it has no such item. A two-byte item of 1997 stands in the low half.
    pub fn item(&self, item: u32, truth: Civil) -> Option<Vec<u8>> {
        match self.dialect {
            Dialect::Edition2007 => self.item_2007(item, truth),
            Dialect::Edition1997 => self.item_1997(u16::try_from(item).ok()?, truth),
        }
    }

    /// Makes a data item answer these bytes from now on.
    pub fn force_item(&mut self, item: u32, bytes: Vec<u8>) {
        self.change().items.insert(item, bytes);
    }

    /// Takes a forced or written value back.
    pub fn release_item(&mut self, item: u32) {
        let changed = self.change();
        changed.items.remove(&item);
        changed.parameters.retain(|setting| setting.item != item);
    }

    /// Forces what a daily freeze of one day says. `item` is the item with its last byte (which freeze) set to 00.
    pub fn force_freeze(&mut self, item: u32, latched: Civil, bytes: Vec<u8>) {
        self.change().frozen.insert((item & !0xFF, latched.day()), bytes);
    }

    /// Makes a counter show `digits` (in 0.01 kWh) from true time `truth` on; it then goes on counting.
    /// The step is spread over the tariffs, so that they still add up, and none goes below nought.
    pub fn set_counter(&mut self, counter: Counter, digits: i64, truth: Civil) {
        let quantity = register::Quantity::Counted(counter);
        let by = digits - self.energy(quantity, register::Rate::Total, truth);
        let shown = std::array::from_fn(|tariff| self.counter(counter, register::Rate::Tariff(tariff), truth));
        for (tariff, by) in spread(by, shown).into_iter().enumerate() {
            self.change().steps.push(Step { at: truth, counter, tariff, by });
        }
    }

    /// Sets the clock at true time `truth`.
    pub fn set_clock(&mut self, truth: Civil, shown: Civil) {
        self.clock.set(truth, shown);
    }

    /// Changes the clock's drift from `truth` on.
    pub fn set_drift(&mut self, truth: Civil, ppm: f64) {
        self.clock.set_drift(truth, parts_per_billion(ppm));
    }

    /// Puts another meter in its place at `truth`: new counters, no history, the address given.
    pub fn replace(&mut self, address: u64, truth: Civil) {
        let asked = std::mem::take(&mut self.asked);
        *self = Self {
            address,
            seed: mix(self.seed, about::REPLACEMENT),
            born: truth,
            clock: Timepiece::new(truth, 0, 0),
            start_digits: 0,
            follow: None,
            changed: None,
            asked,
            ..*self
        };
    }

    fn count(&mut self, control: u8) {
        match self.asked.iter_mut().find(|(code, _)| *code == control) {
            Some((_, times)) => *times += 1,
            None => self.asked.push((control, 1)),
        }
    }

    fn changed(&self) -> Option<&Changed> {
        self.changed.as_deref()
    }

    fn change(&mut self) -> &mut Changed {
        self.changed.get_or_insert_with(Box::default)
    }

    fn forced(&self, item: u32) -> Option<&[u8]> {
        self.changed()?.items.get(&item).map(Vec::as_slice)
    }

    /// The combination words in force at true time `truth`.
    fn combination_words(&self, truth: Civil) -> CombinationWords {
        let word = |item: u32, standard: u8| match self.parameter(item, truth) {
            Some([word]) => *word,
            _ => standard,
        };
        // A house with panels is billed on the difference, everybody else on the sum.
        let active = if self.kind == LoadKind::Solar { 0x09 } else { 0x05 };
        CombinationWords {
            active: word(0x0400_0601, active),
            reactive_1: word(0x0400_0602, 0x05),
            reactive_2: word(0x0400_0603, 0x50),
        }
    }
}

/// A step of the total over its tariffs: evenly upwards, and downwards in proportion to what each has.
fn spread(by: i64, shown: [i64; TARIFFS]) -> [i64; TARIFFS] {
    let all: i128 = shown.iter().copied().map(i128::from).sum();
    let tariffs = i64::try_from(TARIFFS).unwrap_or(1);
    let mut steps = shown.map(|has| match by {
        0.. => by / tariffs,
        _ => i64::try_from(i128::from(by) * i128::from(has) / all.max(1)).unwrap_or(0),
    });
    let mut left = by - steps.iter().sum::<i64>();
    for (step, has) in steps.iter_mut().zip(shown) {
        let take = if left < 0 { left.max(-(has + *step)) } else { left };
        *step += take;
        left -= take;
    }
    steps
}

/// When a meter was installed: on a day that its seed alone decides, so that a fleet which follows the wall shows the
/// same counters after a restart. A fleet that starts before any such day could have passed is as old as it needs.
fn installed(seed: u64, now: Civil) -> Civil {
    const FIRST_DAY: i64 = 16_436; // 2015-01-01
    const LAST_AGE_DAYS: i64 = 430; // more than twelve settlements
    let day = i64::try_from(draw(seed, about::AGE, 2_000)).unwrap_or(0);
    let noon = Civil::midnight(FIRST_DAY + day).plus(DAY / 2);
    if noon.plus(LAST_AGE_DAYS * DAY) < now { noon } else { now.plus(-(LAST_AGE_DAYS + day) * DAY) }
}

/// Data bytes one frame of an answer may have at most: with less than room for an item, some bytes of it and a sequence
/// number it would never end, and the standard allows no more than 200.
pub(crate) const MAX_DATA: std::ops::RangeInclusive<u8> = 16..=200;

fn parts_per_billion(ppm: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a drift is small, and a saturating cast is fine where it is not"
    )]
    let ppb = (ppm * 1000.0) as i64;
    ppb
}
