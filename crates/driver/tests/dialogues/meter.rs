//! A scripted 2007 meter: it answers from what it is told to hold, by its own clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hes_model::{Obis, Quantity, Unit, registers};
use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time};

use crate::line::{Clock, Heard, asked, bcd, frame, hex, minute};
use crate::questions::OWN;

/// What to do with a request instead of answering it.
pub(crate) type Trick = Box<dyn FnMut(u8, &[u8]) -> Option<Heard> + Send>;

pub(crate) struct Meter {
    clock: Clock,
    /// How far its clock is behind.
    pub(crate) behind: Duration,
    /// Data by identification, highest byte first.
    pub(crate) items: BTreeMap<u32, Vec<u8>>,
    /// Refuses every identification with FF in it.
    pub(crate) refuses_blocks: bool,
    /// Days without a freeze of midnight.
    pub(crate) without: BTreeSet<Date>,
    /// The first day with a freeze.
    pub(crate) freezes_since: Date,
    /// Load-profile records it holds, by time.
    pub(crate) records: BTreeSet<DateTime>,
    /// Most data bytes of one frame, identification included.
    pub(crate) longest: usize,
    /// Comes before everything else.
    pub(crate) trick: Option<Trick>,
    rest: Vec<Vec<u8>>,
}

impl Meter {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            clock: clock.clone(),
            behind: Duration::ZERO,
            items: BTreeMap::new(),
            refuses_blocks: false,
            without: BTreeSet::new(),
            freezes_since: Date::constant(2026, 1, 1),
            records: BTreeSet::new(),
            longest: 200,
            trick: None,
            rest: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, item: u32, data: &str) -> Self {
        self.items.insert(item, hex(data));
        self
    }

    pub(crate) fn now(&self) -> DateTime {
        self.clock.civil().saturating_sub(jiff::SignedDuration::try_from(self.behind).unwrap())
    }

    pub(crate) fn answer(&mut self, request: &[u8]) -> Heard {
        let (control, data) = asked(request);
        if let Some(heard) = self.trick.as_mut().and_then(|trick| trick(control, &data)) {
            return heard;
        }
        Heard::Bytes(match (control, data.as_slice()) {
            (0x11, [a, b, c, d, argument @ ..]) => self.read([*d, *c, *b, *a], argument),
            (0x12, [_, _, _, _, seq]) => match self.rest.get(usize::from(*seq) - 1) {
                Some(part) => {
                    let more = usize::from(*seq) < self.rest.len();
                    let body = [&data[..4], part, &[*seq]].concat();
                    frame(OWN, if more { 0xB2 } else { 0x92 }, &body)
                }
                None => frame(OWN, 0xD2, &[0x02]),
            },
            _ => Vec::new(),
        })
    }

    fn read(&mut self, [d3, d2, d1, d0]: [u8; 4], argument: &[u8]) -> Vec<u8> {
        let id = [d0, d1, d2, d3];
        let data = match (d3, d2, d1, d0) {
            _ if self.refuses_blocks && [d2, d1].contains(&0xFF) => None,
            (0x05, 0x06, part, index) => self.freeze(part, index),
            (0x06, class, 0, which) => self.profile(class, which, argument),
            (0x04, 0x00, 0x01, 0x01) => {
                let today = self.now().date();
                let date = [today.day(), today.month()].map(|n| u64::from(n.unsigned_abs()));
                let year = u64::from(today.year().unsigned_abs() % 100);
                let weekday = u64::from(today.weekday().to_sunday_zero_offset().unsigned_abs());
                Some([weekday, date[0], date[1], year].into_iter().flat_map(|n| bcd(n, 1)).collect())
            }
            (0x04, 0x00, 0x01, 0x02) => {
                let now = self.now();
                let parts = [now.second(), now.minute(), now.hour()];
                Some(parts.into_iter().flat_map(|n| bcd(u64::from(n.unsigned_abs()), 1)).collect())
            }
            _ => self.items.get(&u32::from_be_bytes([d3, d2, d1, d0])).cloned(),
        };
        let Some(data) = data else { return frame(OWN, 0xD1, &[0x02]) };
        let (first, rest) = data.split_at(data.len().min(self.longest - 4));
        self.rest = rest.chunks(self.longest - 5).map(<[u8]>::to_vec).collect();
        let control = if self.rest.is_empty() { 0x91 } else { 0xB1 };
        frame(OWN, control, &[&id[..], first].concat())
    }

    /// The days it holds a freeze of, newest first.
    fn freezes(&self) -> Vec<Date> {
        let today = self.now().date();
        let days = std::iter::successors(Some(today), |day| day.yesterday().ok());
        days.take_while(|day| *day >= self.freezes_since).filter(|day| !self.without.contains(day)).take(62).collect()
    }

    fn freeze(&self, part: u8, index: u8) -> Option<Vec<u8>> {
        let day = *self.freezes().get(usize::from(index.checked_sub(1)?))?;
        let time = minute(day.to_datetime(Time::midnight()));
        let energies = |family: u64| (0..5).flat_map(move |tariff| bcd(energy_at(day, family, tariff), 4));
        match part {
            0x00 => Some(time),
            0x01 => Some(energies(1).collect()),
            0x02 => Some(energies(2).collect()),
            0xFF => {
                let parts = [time, energies(1).collect(), energies(2).collect()];
                Some(parts.into_iter().flat_map(|part| part.into_iter().chain([0xAA])).collect())
            }
            _ => None,
        }
    }

    fn profile(&self, class: u8, which: u8, argument: &[u8]) -> Option<Vec<u8>> {
        let held: Vec<DateTime> = match (which, argument) {
            (0x00, []) => self.records.first().copied().into_iter().collect(),
            (0x02, []) => self.records.last().copied().into_iter().collect(),
            (0x01, [records, minute @ ..]) => {
                let records = usize::from(records >> 4) * 10 + usize::from(records & 15);
                self.records.range(from_minute(minute)..).take(records).copied().collect()
            }
            _ => panic!("no such question: {which} {argument:02X?}"),
        };
        (!held.is_empty()).then(|| held.into_iter().flat_map(|at| record(at, class)).collect())
    }
}

/// The energy frozen on a day, in hundredths of kWh: tells day, family and tariff apart.
pub(crate) fn energy_at(day: Date, family: u64, tariff: u64) -> u64 {
    u64::from(day.day_of_year().unsigned_abs()) * 1000 + family * 10 + tariff
}

/// The energy recorded at a time, in hundredths of kWh.
pub(crate) fn energy_in_record(at: DateTime) -> u64 {
    let minutes = u64::from(at.hour().unsigned_abs()) * 60 + u64::from(at.minute().unsigned_abs());
    u64::from(at.day().unsigned_abs()) * 10_000 + minutes
}

/// `A0 A0`, length, time, six classes each ended by AA, sum, `E5`.
pub(crate) fn record(at: DateTime, class: u8) -> Vec<u8> {
    let has = |own: u8| class == 0 || class == own;
    let mut body = minute(at);
    if has(1) {
        body.extend([bcd(2201, 2), vec![0xFF; 4], vec![0xFF; 9], bcd(5000, 2)].concat());
    }
    body.extend([0xAA, 0xAA, 0xAA]);
    if has(4) {
        for part in [energy_in_record(at), 7, 0, 0] {
            body.extend(bcd(part, 4));
        }
    }
    body.extend([0xAA, 0xAA, 0xAA]);
    let mut record = vec![0xA0, 0xA0, u8::try_from(body.len() + 1).unwrap()];
    record.extend(body);
    record.push(record.iter().fold(0, |sum: u8, b| sum.wrapping_add(*b)));
    record.push(0xE5);
    record
}

fn from_minute(wire: &[u8]) -> DateTime {
    let [minute, hour, day, month, year] =
        [0, 1, 2, 3, 4].map(|at| i8::try_from((wire[at] >> 4) * 10 + (wire[at] & 15)).unwrap());
    Date::new(2000 + i16::from(year), month, day).unwrap().at(hour, minute, 0, 0)
}

/// Every so many minutes, `from` included, `to` not.
pub(crate) fn every(minutes: i64, from: DateTime, to: DateTime) -> Vec<DateTime> {
    std::iter::successors(Some(from), |at| Some(at.saturating_add(minutes.minutes())))
        .take_while(|at| *at < to)
        .collect()
}

pub(crate) fn register(alias: &str) -> Obis {
    registers().by_name(alias).unwrap_or_else(|| panic!("no register {alias}")).obis
}

pub(crate) fn all(aliases: &[&str]) -> Vec<Obis> {
    aliases.iter().map(|alias| register(alias)).collect()
}

pub(crate) fn number(mantissa: u64, scale: u8, unit: Unit) -> hes_model::Observed {
    hes_model::Observed::Number(Quantity::new(i64::try_from(mantissa).unwrap(), scale, unit))
}

pub(crate) fn kwh(hundredths: u64) -> hes_model::Observed {
    number(hundredths, 2, Unit::Kwh)
}
