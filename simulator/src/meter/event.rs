//! Events a meter remembers: relay movements, clock settings, programming, clearing, open covers, power-downs.
//!
//! What was done to the meter is kept; what merely happens to meters (a power-down now and then) is drawn from the seed.

use super::encode::Data;
use super::register::{Phase, Quantity, Rate};
use super::{Counter, Meter};
use crate::civil::{Civil, DAY, MINUTE};
use crate::seed::{about, draw};

/// A remembered event. `at` is true time.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) at: Civil,
    pub(super) operator: [u8; 4],
    /// What belongs to this kind: the items written, the clock before and after, registers as they stood.
    pub(super) detail: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trip,
    Close,
    Programming,
    MeterClear,
    DemandClear,
    EventClear,
    ClockSet,
    CoverOpen,
    TerminalCoverOpen,
    PowerDown,
}

impl Kind {
    /// The kind behind DI2, DI1 of class 03.
    fn of_class_03(di2: u8, di1: u8) -> Option<Self> {
        Some(match (di2, di1) {
            (0x11, 0x00) => Kind::PowerDown,
            (0x30, 0x00) => Kind::Programming,
            (0x30, 0x01) => Kind::MeterClear,
            (0x30, 0x02) => Kind::DemandClear,
            (0x30, 0x03) => Kind::EventClear,
            (0x30, 0x04) => Kind::ClockSet,
            (0x30, 0x0D) => Kind::CoverOpen,
            (0x30, 0x0E) => Kind::TerminalCoverOpen,
            _ => return None,
        })
    }
}

const ENERGY_BYTES: usize = 4;
/// A value and its time.
const DEMAND_BYTES: usize = 8;
/// Part of a relay record at which the copied registers begin.
const FIRST_COPY: usize = 3;
/// How long a cover stays open, and a power-down lasts.
const COVER_OPEN: i64 = 2 * MINUTE;
const POWER_DOWN: i64 = 3 * MINUTE;
/// How many records of a kind a meter keeps.
pub(super) const KEPT: u8 = 10;
/// Quantities that most records copy: forward, reverse, and the four quadrants.
const COPIED: [Counter; 6] = [
    Counter::Forward,
    Counter::Reverse,
    Counter::Quadrant1,
    Counter::Quadrant2,
    Counter::Quadrant3,
    Counter::Quadrant4,
];

impl Meter {
    /// Class 03: counts (last byte 00) and records (01 to 0A).
    pub(super) fn event_item(&self, [di3, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        if let Some(disturbance) = self.disturbance_item([di3, di2, di1, di0], truth) {
            return Some(disturbance);
        }
        let kind = Kind::of_class_03(di2, di1)?;
        let events = self.events(kind, truth);
        if di0 == 0 {
            return Some(Data::new().bcd(events.len() as u64, 3).done());
        }
        if di0 > KEPT {
            return None;
        }
        let event = events.iter().rev().nth(usize::from(di0) - 1);
        Some(self.record(kind, event))
    }

    /// Classes 1D and 1E: how often the relay opened or closed, and when, by whom, at which registers.
    pub(super) fn relay_event_item(&self, [di3, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        if di2 != 0 {
            return None;
        }
        let kind = if di3 == 0x1D { Kind::Trip } else { Kind::Close };
        let events = self.events(kind, truth);
        if (di1, di0) == (0, 1) {
            return Some(Data::new().bcd(events.len() as u64, 3).done());
        }
        if !(1..=KEPT).contains(&di0) {
            return None;
        }
        let event = events.iter().rev().nth(usize::from(di0) - 1);
        let part = |part: u8| -> Data {
            match part {
                1 => self.moment(Data::new(), event),
                2 => Data::new().raw(&event.map_or([0; 4], |e| e.operator)),
                n => {
                    let at = (usize::from(n) - FIRST_COPY) * ENERGY_BYTES;
                    let copy = event.and_then(|e| e.detail.get(at..at + ENERGY_BYTES));
                    Data::new().raw(copy.unwrap_or(&[0; ENERGY_BYTES]))
                }
            }
        };
        match di1 {
            1..=8 => Some(part(di1).done()),
            // Unlike parts, each ended by AA.
            0xFF => Some((1..=8).fold(Data::new(), |data, n| data.raw(&part(n).done()).separator()).done()),
            _ => None,
        }
    }

    /// Forgets events: all, or those one mask (DI3 DI2 DI1) names.
    pub(super) fn clear_events(&mut self, mask: [u8; 4]) {
        let [_, di1, di2, di3] = mask;
        let named = |kind: Kind| match (di3, di2, di1) {
            (0xFF, 0xFF, 0xFF) => true,
            (0x1D, ..) => kind == Kind::Trip,
            (0x1E, ..) => kind == Kind::Close,
            (0x03, di2, di1) => Kind::of_class_03(di2, di1) == Some(kind),
            _ => false,
        };
        self.change().events.retain(|event| event.kind == Kind::EventClear || !named(event.kind));
        match (di3, di2) {
            (0xFF, 0xFF) => self.forget_disturbances(None),
            (0x03, di2) => self.forget_disturbances(Some(di2)),
            _ => {}
        }
    }

    pub(super) fn remember(&mut self, kind: Kind, truth: Civil, operator: [u8; 4], detail: Vec<u8>) {
        self.change().events.push(Event { kind, at: truth, operator, detail });
    }

    /// Remembers an event with the registers that its record copies, as they stand.
    pub(super) fn remember_with_registers(&mut self, kind: Kind, truth: Civil, operator: [u8; 4]) {
        let detail = self.registers(kind, truth);
        self.remember(kind, truth, operator, detail);
    }

    /// Opens the cover for a moment (back door).
    pub fn open_cover(&mut self, truth: Civil) {
        self.remember_with_registers(Kind::CoverOpen, truth, [0; 4]);
    }

    /// The registers that the record of an event copies.
    pub(super) fn registers(&self, kind: Kind, at: Civil) -> Vec<u8> {
        let total = |data: Data, counter, at| self.energy_value(data, Quantity::Counted(counter), Rate::Total, at);
        let totals = |data: Data, at| COPIED.into_iter().fold(data, |data, counter| total(data, counter, at));
        // A phase that this meter does not have counts nothing.
        let of_phase = |data: Data, phase, counter| {
            let value = self.phase_energy(Quantity::Counted(counter), phase, at).unwrap_or(0);
            data.bcd(value.unsigned_abs(), ENERGY_BYTES)
        };
        let data = match kind {
            Kind::Trip | Kind::Close => totals(Data::new(), at),
            Kind::MeterClear => {
                [Phase::A, Phase::B, Phase::C].into_iter().fold(totals(Data::new(), at), |data, phase| {
                    COPIED.into_iter().fold(data, |data, counter| of_phase(data, phase, counter))
                })
            }
            Kind::DemandClear => {
                let period = self.period_until(self.clock.shows(at));
                let demand = |data, counter| self.demand_value(data, Quantity::Counted(counter), Rate::Total, period);
                COPIED.into_iter().fold(Data::new(), demand)
            }
            Kind::CoverOpen | Kind::TerminalCoverOpen => totals(totals(Data::new(), at), at.plus(COVER_OPEN)),
            Kind::Programming | Kind::EventClear | Kind::ClockSet | Kind::PowerDown => Data::new(),
        };
        data.done()
    }

    fn events(&self, kind: Kind, truth: Civil) -> Vec<Event> {
        let mut events = self.happened(kind, truth);
        let done = self.changed().into_iter().flat_map(|changed| &changed.events);
        events.extend(done.filter(|e| e.kind == kind && e.at <= truth).cloned());
        if kind == Kind::PowerDown {
            let made = self.power_downs(truth).map(|(at, to)| {
                let detail = Data::new().second(self.clock.shows(to)).done();
                Event { kind, at, operator: [0; 4], detail }
            });
            events.extend(made);
            events.sort_by_key(|event| event.at);
        }
        events
    }

    /// What happened without anybody doing it.
    fn happened(&self, kind: Kind, truth: Civil) -> Vec<Event> {
        let span_days = match kind {
            Kind::PowerDown => 90,
            // Opened once, by the fitter, whatever was cleared since.
            Kind::TerminalCoverOpen if !self.was_cleared() => 100_000,
            _ => return Vec::new(),
        };
        let label = if kind == Kind::PowerDown { about::POWER_DOWN } else { about::COVER };
        let age_days = (truth.0 - self.born.0) / DAY;
        (0..=age_days / span_days)
            .map(|n| {
                let within = i64::try_from(draw(self.seed, label ^ n.cast_unsigned(), 60 * 24)).unwrap_or(0);
                self.born.plus(n * span_days * DAY + within * MINUTE)
            })
            .filter(|at| *at <= truth)
            .map(|at| Event { kind, at, operator: [0; 4], detail: self.registers(kind, at) })
            .collect()
    }

    fn was_cleared(&self) -> bool {
        self.changed().is_some_and(|changed| changed.events.iter().any(|event| event.kind == Kind::MeterClear))
    }

    /// A record laid out for its kind; one that never happened is all zeros.
    fn record(&self, kind: Kind, event: Option<&Event>) -> Vec<u8> {
        let operator = event.map_or([0; 4], |e| e.operator);
        let detail = event.map_or(&[][..], |e| &e.detail);
        let padded = |data: Data, bytes: usize, fill: u8| {
            let room = bytes.saturating_sub(detail.len());
            data.raw(detail.get(..bytes).unwrap_or(detail)).repeat(fill, room)
        };
        let from_to = |lasted: i64| {
            let ended = event.map(|e| Event { at: e.at.plus(lasted), ..e.clone() });
            self.moment(self.moment(Data::new(), event), ended.as_ref())
        };
        let by_whom = || self.moment(Data::new(), event).raw(&operator);
        match kind {
            // One that was made knows its end.
            Kind::PowerDown if !detail.is_empty() => padded(self.moment(Data::new(), event), 6, 0),
            Kind::PowerDown => from_to(POWER_DOWN),
            // The clock before and after.
            Kind::ClockSet => padded(Data::new().raw(&operator), 12, 0),
            // The first ten items written.
            Kind::Programming => padded(by_whom(), 40, 0xFF),
            Kind::EventClear => padded(by_whom(), 4, 0),
            Kind::CoverOpen | Kind::TerminalCoverOpen => {
                padded(from_to(COVER_OPEN), 2 * COPIED.len() * ENERGY_BYTES, 0)
            }
            // Of the total and of each phase; a demand of phases this meter does not keep.
            Kind::DemandClear => padded(by_whom(), 4 * COPIED.len() * DEMAND_BYTES, 0),
            Kind::MeterClear => padded(by_whom(), 4 * COPIED.len() * ENERGY_BYTES, 0),
            Kind::Trip | Kind::Close => padded(by_whom(), COPIED.len() * ENERGY_BYTES, 0),
        }
        .done()
    }

    fn moment(&self, data: Data, event: Option<&Event>) -> Data {
        match event {
            Some(event) => data.second(self.clock.shows(event.at)),
            None => data.repeat(0, 6),
        }
    }
}
