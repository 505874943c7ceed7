//! Events a meter remembers: relay movements, clock settings, programming, clearing, open covers, power-downs.
//!
//! What was done to the meter is kept; what merely happens to meters (a power-down now and then) is drawn from the seed.

use super::encode::Data;
use super::register::{Quantity, Rate};
use super::{Counter, Meter};
use crate::civil::{Civil, DAY, MINUTE};
use crate::seed::{about, draw};

/// A remembered event. `at` is true time.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) kind: Kind,
    pub(super) at: Civil,
    pub(super) operator: [u8; 4],
    /// What belongs to this kind: the items written, the clock before and after.
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

/// How many records of a kind a meter keeps.
const KEPT: u8 = 10;
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
    pub(super) fn event_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        if (di2, di1, di0) == (0x01, 0x00, 0x00) {
            // Loss of voltage: times and minutes of each phase; none of these networks ever loses one.
            return Some(Data::new().bcd(0, 3 * 6).done());
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
        let part = |part: u8| -> Option<Data> {
            Some(match (part, event) {
                (1, event) => self.moment(Data::new(), event),
                (2, event) => Data::new().raw(&event.map_or([0; 4], |e| e.operator)),
                (n, event) => {
                    let counter = *COPIED.get(usize::from(n) - 3)?;
                    self.copied(Data::new(), counter, event)
                }
            })
        };
        match di1 {
            1..=8 => part(di1).map(Data::done),
            0xFF => (1..=8).try_fold(Data::new(), |data, n| Some(data.raw(&part(n)?.done()))).map(Data::done),
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
    }

    pub(super) fn remember(&mut self, kind: Kind, truth: Civil, operator: [u8; 4], detail: Vec<u8>) {
        self.change().events.push(Event { kind, at: truth, operator, detail });
    }

    /// Opens or closes a cover (back door).
    pub fn open_cover(&mut self, truth: Civil) {
        self.remember(Kind::CoverOpen, truth, [0; 4], Vec::new());
    }

    fn events(&self, kind: Kind, truth: Civil) -> Vec<Event> {
        let mut events = self.happened(kind, truth);
        let done = self.changed().into_iter().flat_map(|changed| &changed.events);
        events.extend(done.filter(|e| e.kind == kind && e.at <= truth).cloned());
        events
    }

    /// What happened without anybody doing it.
    fn happened(&self, kind: Kind, truth: Civil) -> Vec<Event> {
        let span_days = match kind {
            Kind::PowerDown => 90,
            // Opened once, by the fitter.
            Kind::TerminalCoverOpen => 100_000,
            _ => return Vec::new(),
        };
        let label = if kind == Kind::PowerDown { about::POWER_DOWN } else { about::COVER };
        let age_days = (truth.0 - self.born.0) / DAY;
        (0..=age_days / span_days)
            .map(|n| {
                let within = i64::try_from(draw(self.seed, label ^ n.cast_unsigned(), 60 * 24)).unwrap_or(0);
                let at = self.born.plus(n * span_days * DAY + within * MINUTE);
                Event { kind, at, operator: [0; 4], detail: Vec::new() }
            })
            .filter(|event| event.at <= truth)
            .collect()
    }

    /// A record laid out for its kind; one that never happened is all zeros.
    fn record(&self, kind: Kind, event: Option<&Event>) -> Vec<u8> {
        let operator = event.map_or([0; 4], |e| e.operator);
        let detail = event.map_or(&[][..], |e| &e.detail);
        let padded = |data: Data, bytes: usize, fill: u8| {
            let room = bytes.saturating_sub(detail.len());
            data.raw(detail.get(..bytes).unwrap_or(detail)).repeat(fill, room)
        };
        match kind {
            Kind::PowerDown => {
                let ended = event.map(|e| Event { at: e.at.plus(3 * MINUTE), ..e.clone() });
                self.moment(self.moment(Data::new(), event), ended.as_ref())
            }
            // The clock before and after.
            Kind::ClockSet => padded(Data::new().raw(&operator), 12, 0),
            // The first ten items written.
            Kind::Programming => padded(self.moment(Data::new(), event).raw(&operator), 40, 0xFF),
            Kind::EventClear => padded(self.moment(Data::new(), event).raw(&operator), 4, 0),
            Kind::CoverOpen | Kind::TerminalCoverOpen => {
                let ended = event.map(|e| Event { at: e.at.plus(2 * MINUTE), ..e.clone() });
                let data = self.moment(self.moment(Data::new(), event), ended.as_ref());
                let data = COPIED.into_iter().fold(data, |data, counter| self.copied(data, counter, event));
                COPIED.into_iter().fold(data, |data, counter| self.copied(data, counter, ended.as_ref()))
            }
            Kind::DemandClear => {
                let data = self.moment(Data::new(), event).raw(&operator);
                let totals = COPIED.into_iter().fold(data, |data, counter| match event {
                    Some(event) => {
                        let period = self.period_until(self.clock.shows(event.at));
                        self.demand_value(data, Quantity::Counted(counter), Rate::Total, period)
                    }
                    None => data.repeat(0, 8),
                });
                // The same six of each phase, which this meter does not keep.
                totals.repeat(0, 3 * 6 * 8)
            }
            Kind::MeterClear | Kind::Trip | Kind::Close => {
                let data = self.moment(Data::new(), event).raw(&operator);
                COPIED.into_iter().fold(data, |data, counter| self.copied(data, counter, event))
            }
        }
        .done()
    }

    fn moment(&self, data: Data, event: Option<&Event>) -> Data {
        match event {
            Some(event) => data.second(self.clock.shows(event.at)),
            None => data.repeat(0, 6),
        }
    }

    fn copied(&self, data: Data, counter: Counter, event: Option<&Event>) -> Data {
        match event {
            Some(event) => self.energy_value(data, Quantity::Counted(counter), Rate::Total, event.at),
            None => data.repeat(0, 4),
        }
    }
}
