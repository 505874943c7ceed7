//! Class 04: parameters, clock, run-status words; and what may be written.

use super::access::ProgrammingKey;
use super::encode::{self, Data};
use super::event::Kind;
use super::relay::Command;
use super::{Dialect, Measures, Meter, MeterSpec};
use crate::civil::{Civil, DAY};
use crate::load::{LoadKind, TARIFFS, periods, tariff_at};

pub(super) const DATE_AND_WEEKDAY: u32 = 0x0400_0101;
pub(super) const TIME: u32 = 0x0400_0102;
pub(super) const ADDRESS: u32 = 0x0400_0401;
const SETTLEMENT_DAY: u32 = 0x0400_0B01;
/// Writings a meter remembers; older ones than these never were.
const MOST_SETTINGS: usize = 256;

/// A parameter as somebody wrote it.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// True time of the writing.
    since: Civil,
    pub(super) item: u32,
    value: Vec<u8>,
}

/// The day and hour of the monthly settlement, and from when on.
#[derive(Debug, Clone, Copy)]
pub(super) struct SettlementRule {
    /// True time; `None`: always.
    pub(super) since: Option<Civil>,
    pub(super) day: i8,
    pub(super) hour: i8,
}

impl SettlementRule {
    /// As delivered: midnight of the first.
    const STANDARD: SettlementRule = SettlementRule { since: None, day: 1, hour: 0 };

    fn parse(since: Option<Civil>, bytes: &[u8]) -> Option<Self> {
        let [hour, day] = bytes else { return None };
        let (day, hour) = (encode::number(&[*day])?, encode::number(&[*hour])?);
        let known = (1..=28).contains(&day) && hour < 24;
        known.then_some(Self { since, day: i8::try_from(day).ok()?, hour: i8::try_from(hour).ok()? })
    }
}

impl Meter {
    /// Class 04.
    pub(super) fn parameter_item(&self, item: u32, truth: Civil) -> Option<Vec<u8>> {
        let data = Data::new();
        let one = |value: u64| Data::new().bcd(value, 1);
        let three_phase = self.phases == 3;
        Some(
            match item {
                DATE_AND_WEEKDAY => self.date(data, truth),
                TIME => self.time(data, truth),
                0x0400_0103 => one(15),
                // A sliding window as long as the period is a block.
                0x0400_0104 => one(15),
                0x0400_0105 => data.bcd(80, 2),
                0x0400_0106 | 0x0400_0107 => data.repeat(0, 5),
                // One year zone, one day table.
                0x0400_0201 | 0x0400_0202 => one(1),
                0x0400_0203 => one(periods().count() as u64),
                0x0400_0204 => one(TARIFFS as u64),
                0x0400_0205 => data.bcd(0, 2),
                0x0400_0206 => one(21),
                ADDRESS | 0x0400_0402 => data.bcd(self.address, 6),
                0x0400_0403 => data.text(&format!("{:012}", self.address), 32),
                0x0400_0404 => data.text(if three_phase { "3x220V" } else { "220V" }, 6),
                0x0400_0405 => data.text("5A", 6),
                0x0400_0406 => data.text("60A", 6),
                0x0400_0407 => data.text("1.0", 4),
                0x0400_0408 => data.text("2.0", 4),
                0x0400_0409 | 0x0400_040A => data.bcd(if three_phase { 400 } else { 1200 }, 3),
                0x0400_040B => data.text(if three_phase { "DTZY-SIM" } else { "DDZY-SIM" }, 10),
                0x0400_040C => data.text(&self.born.plus(-60 * DAY).datetime().date().to_string(), 10),
                0x0400_040D => data.text("DL/T645-2007", 16),
                0x0400_0501..=0x0400_0507 => self.status_word(data, (item & 0xFF) as u8, truth),
                0x0400_05FF => (1..=7).fold(data, |data, word| self.status_word(data, word, truth)),
                0x0400_0601 => data.raw(&[self.combination_words(truth).active]),
                0x0400_0602 => data.raw(&[self.combination_words(truth).reactive_1]),
                0x0400_0603 => data.raw(&[self.combination_words(truth).reactive_2]),
                // Which classes the profile records: all six. From when, how often.
                0x0400_0901 => data.raw(&[0b0011_1111]),
                0x0400_0A01 => data.bcd(0, 4),
                0x0400_0A02..=0x0400_0A07 => data.bcd(15, 2),
                SETTLEMENT_DAY => data.pair(0).pair(1),
                // Second and third settlement day: not used.
                0x0400_0B02 | 0x0400_0B03 => data.raw(&UNUSED),
                0x0400_1001 if self.prepaid => data.bcd(5_000, 4),
                0x0400_1002 if self.prepaid => data.bcd(1_000, 4),
                0x0400_1003 if self.prepaid => data.bcd(0, 4),
                // Year zones and day tables of both sets: from 1 January, day table 1.
                0x0401_0000 | 0x0402_0000 => data.bcd(1, 1).bcd(1, 1).bcd(1, 1),
                0x0401_0001 | 0x0402_0001 => {
                    periods().fold(data, |data, (hour, tariff)| data.bcd(tariff, 1).bcd(0, 1).bcd(hour, 1))
                }
                _ => return None,
            }
            .done(),
        )
    }

    /// Weekday (0 is Sunday), day, month, year: wire order.
    pub(super) fn date(&self, data: Data, truth: Civil) -> Data {
        let at = self.clock.shows(truth).datetime();
        data.pair(at.weekday().to_sunday_zero_offset()).pair(at.day()).pair(at.month()).year(at.year())
    }

    /// Second, minute, hour: wire order.
    pub(super) fn time(&self, data: Data, truth: Civil) -> Data {
        let at = self.clock.shows(truth).datetime();
        data.pair(at.second()).pair(at.minute()).pair(at.hour())
    }

    /// A forced or written parameter as it stood at true time `truth`; `None`: as delivered.
    pub(super) fn parameter(&self, item: u32, truth: Civil) -> Option<&[u8]> {
        let written = || {
            let settings = &self.changed()?.parameters;
            settings.iter().rev().find(|s| s.item == item && s.since <= truth).map(|s| s.value.as_slice())
        };
        self.forced(item).or_else(written)
    }

    /// When the monthly settlement was due, the rule of today first.
    pub(super) fn settlement_rules(&self) -> impl Iterator<Item = SettlementRule> {
        let forced = self.forced(SETTLEMENT_DAY).and_then(|bytes| SettlementRule::parse(None, bytes));
        let settings = self.changed().map_or(&[][..], |changed| &changed.parameters);
        let written = settings.iter().rev().filter(|s| s.item == SETTLEMENT_DAY);
        let written = written.filter_map(|s| SettlementRule::parse(Some(s.since), &s.value));
        forced.into_iter().chain(written).chain([SettlementRule::STANDARD])
    }

    /// Takes a written parameter over: those that this meter goes by. It refuses what would be read back and change nothing.
    pub(super) fn write(&mut self, item: u32, value: &[u8], operator: [u8; 4], truth: Civil) -> Result<(), Unwritten> {
        match item {
            DATE_AND_WEEKDAY | TIME => self.write_clock(item, value, operator, truth)?,
            ADDRESS if self.programming_key() == ProgrammingKey::Released => return Err(Unwritten::NotAllowed),
            ADDRESS => self.write_address(value)?,
            _ => {
                self.parameter_item(item, truth).ok_or(Unwritten::NoSuchParameter)?;
                if !may_be(item, value) {
                    return Err(Unwritten::BadValue);
                }
                self.set_parameter(item, value, truth);
            }
        }
        if self.dialect == Dialect::Edition2007 {
            self.remember(Kind::Programming, truth, operator, item.to_le_bytes().to_vec());
        }
        Ok(())
    }

    fn set_parameter(&mut self, item: u32, value: &[u8], truth: Civil) {
        let settings = &mut self.change().parameters;
        if settings.len() == MOST_SETTINGS {
            settings.remove(0);
        }
        settings.push(Setting { since: truth, item, value: value.to_vec() });
    }

    pub(super) fn write_address(&mut self, value: &[u8]) -> Result<(), Unwritten> {
        match (value.len(), encode::number(value)) {
            (6, Some(address)) if address < BROADCAST => {
                self.address = address;
                Ok(())
            }
            _ => Err(Unwritten::BadValue),
        }
    }

    fn write_clock(&mut self, item: u32, value: &[u8], operator: [u8; 4], truth: Civil) -> Result<(), Unwritten> {
        let shown = self.clock.shows(truth);
        let now = shown.datetime();
        let wanted = match (item, value) {
            (DATE_AND_WEEKDAY, [_weekday, day, month, year]) => {
                encode::instant(&[0, 0, *day, *month, *year]).map(|date| date.plus(shown.of_day()))
            }
            (TIME, [second, minute, hour]) => {
                let today = Data::new().pair(now.day()).pair(now.month()).year(now.year()).done();
                encode::instant(&[&[*second, *minute, *hour][..], &today].concat())
            }
            _ => None,
        };
        let wanted = wanted.ok_or(Unwritten::BadValue)?;
        let detail = Data::new().second(shown).second(wanted).done();
        self.clock.set(truth, wanted);
        self.remember(Kind::ClockSet, truth, operator, detail);
        Ok(())
    }

    fn status_word(&self, data: Data, word: u8, truth: Civil) -> Data {
        if let Some(forced) = self.forced(0x0400_0500 | u32::from(word)) {
            return data.raw(forced);
        }
        let reverse = u16::from(self.delivers(truth));
        let bits: u16 = match word {
            // Block demand; direction of active power.
            1 => 1 << 1 | reverse << 4,
            2 if self.phases == 3 => reverse | reverse << 1 | reverse << 2,
            2 => reverse,
            3 => self.relay_word(truth),
            word => self.disturbance_word(word, truth),
        };
        data.raw(&bits.to_le_bytes())
    }

    fn relay_word(&self, truth: Civil) -> u16 {
        let commanded = self.commanded();
        let bit = |set: bool, n: u32| u16::from(set) << n;
        let kind = if self.prepaid { 0b10 } else { 0b00 };
        bit(self.relay_is_open(truth), 4)
            | bit(commanded.open == Command::Open, 6)
            | bit(commanded.alarm, 7)
            | bit(self.programming_key() == ProgrammingKey::Pressed, 3)
            | kind << 8
            | bit(commanded.keep_power, 12)
    }

    /// 1997's meter status C020: clock battery, directions; bit 4 is the direction of active power.
    pub(super) fn status_1997(&self, truth: Civil) -> u8 {
        u8::from(self.delivers(truth)) << 4
    }

    /// The tariff in force, from 1.
    pub fn tariff(&self, truth: Civil) -> usize {
        tariff_at(self.clock.shows(truth)) + 1
    }
}

impl MeterSpec {
    /// A single-phase household meter of 2007 as delivered.
    pub fn household(address: u64) -> Self {
        Self {
            address,
            dialect: Dialect::Edition2007,
            phases: 1,
            kind: LoadKind::Household,
            measures: Measures::Everything,
            quirk: None,
            prepaid: false,
            born: None,
            start_digits: 0,
            clock_offset_ms: None,
            drift_ppm: None,
            max_data: 200,
        }
    }
}

const BROADCAST: u64 = 999_999_999_999;

/// Why a write was not taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unwritten {
    NoSuchParameter,
    /// Of another length, no decimal digits, out of range, or never to be written.
    BadValue,
    /// The programming key is not pressed.
    NotAllowed,
}

/// Whether a parameter that the meter goes by may have this value.
fn may_be(item: u32, value: &[u8]) -> bool {
    match item {
        // Pairs of bits that add (01), subtract (10) or leave out (00).
        0x0400_0601..=0x0400_0603 => matches!(value, [word] if (0..4).all(|n| (word >> (2 * n)) & 0b11 != 0b11)),
        SETTLEMENT_DAY => SettlementRule::parse(None, value).is_some(),
        // There is one settlement a month: the second and third stay unused.
        0x0400_0B02 | 0x0400_0B03 => value == UNUSED,
        // The number on the nameplate; it need not be the address.
        0x0400_0402 => value.len() == 6 && encode::number(value).is_some(),
        _ => false,
    }
}

/// A settlement day that is none.
const UNUSED: [u8; 2] = [0x99, 0x99];
