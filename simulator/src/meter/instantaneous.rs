//! Class 02: what flows at this moment. Power is the slope of the energy curve; voltage wanders a little around 220 V.

use super::Meter;
use super::encode::Data;
use super::register::{Direction, Phase};
use crate::civil::{Civil, DAY, MINUTE, QUARTER};
use crate::load::LoadKind;
use crate::seed::{about, around};

const PHASES: [Phase; 3] = [Phase::A, Phase::B, Phase::C];
/// Milliwatts in the last digit of a power, 0.1 W.
const DIGIT_MW: i64 = 100;

/// A gauge in register digits, of the total or one phase.
pub(super) type Gauge = fn(&Meter, Option<Phase>, Civil) -> Option<i64>;

impl Meter {
    /// Class 02.
    pub(super) fn instantaneous_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        if di2 == 0x80 {
            return (di1 == 0).then(|| self.single(di0, truth)).flatten();
        }
        let (gauge, bytes, signed, has_total): (Gauge, usize, bool, bool) = match di2 {
            0x01 => (Meter::voltage, 2, false, false),
            0x02 => (Meter::current, 3, true, false),
            0x03 => (Meter::active_power, 3, true, true),
            0x04 => (Meter::reactive_power, 3, true, true),
            0x05 => (Meter::apparent_power, 3, false, true),
            0x06 => (Meter::power_factor, 2, true, true),
            0x07 => (Meter::phase_angle, 2, false, false),
            0x08 => (Meter::voltage_distortion, 2, false, false),
            0x09 => (Meter::current_distortion, 2, false, false),
            _ => return None,
        };
        let value = |data: Data, phase| match gauge(self, phase, truth) {
            Some(value) if signed => data.signed(value, bytes),
            Some(value) => data.bcd(value.unsigned_abs(), bytes),
            None => data.absent(bytes),
        };
        let phases = || PHASES.into_iter().map(Some);
        match (di1, di0) {
            (0, 0) if has_total => Some(value(Data::new(), None)),
            (1..=3, 0) => phases().nth(usize::from(di1) - 1).map(|phase| value(Data::new(), phase)),
            (0xFF, 0) if has_total => Some(std::iter::once(None).chain(phases()).fold(Data::new(), value)),
            (0xFF, 0) => Some(phases().fold(Data::new(), value)),
            _ => None,
        }
        .map(Data::done)
    }

    /// Signed three-byte gauges, total first; a phase the meter does not have is "no value".
    pub(super) fn total_and_phases(&self, data: Data, truth: Civil, gauge: Gauge) -> Data {
        std::iter::once(None).chain(PHASES.into_iter().map(Some)).fold(data, |data, phase| {
            match gauge(self, phase, truth) {
                Some(value) => data.signed(value, 3),
                None => data.absent(3),
            }
        })
    }

    pub(super) fn each_phase(&self, data: Data, bytes: usize, truth: Civil, gauge: Gauge) -> Data {
        PHASES.into_iter().fold(data, |data, phase| match gauge(self, Some(phase), truth) {
            Some(value) if bytes == 3 => data.signed(value, bytes),
            Some(value) => data.bcd(value.unsigned_abs(), bytes),
            None => data.absent(bytes),
        })
    }

    /// In 0.1 V.
    pub(super) fn voltage(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let phase = phase?;
        self.phase_share(phase)?;
        let quarter = truth.0.div_euclid(QUARTER).cast_unsigned();
        Some(2_205 + around(self.seed, about::VOLTAGE ^ (quarter << 2) ^ phase as u64, 45))
    }

    /// In mA.
    pub(super) fn current(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let power = self.active_power(phase, truth)?;
        let apparent = self.apparent_power(phase, truth)?;
        let voltage = self.voltage(phase, truth)?;
        // 0.1 VA over 0.1 V are amperes.
        Some((apparent * 1000 / voltage.max(1)).min(79_999) * power.signum())
    }

    /// In 0.1 W; negative when delivered.
    pub(super) fn active_power(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let net = self.power(Direction::Import, truth) - self.power(Direction::Export, truth);
        let share = phase.map_or(Some(1000), |phase| self.phase_share(phase))?;
        Some(net * share / 1000 / DIGIT_MW)
    }

    /// In 0.1 var.
    pub(super) fn reactive_power(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        // As the reactive counters share the flows: 0.29 - 0.035 of what is drawn, 0.12 - 0.025 of what is delivered.
        let power = self.active_power(phase, truth)?;
        Some(if power >= 0 { power * 255 / 1000 } else { power * 95 / 1000 })
    }

    /// In 0.1 VA.
    pub(super) fn apparent_power(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let active = self.active_power(phase, truth)?;
        let reactive = self.reactive_power(phase, truth)?;
        Some((active * active + reactive * reactive).isqrt())
    }

    /// In 0.001.
    pub(super) fn power_factor(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let apparent = self.apparent_power(phase, truth)?;
        let active = self.active_power(phase, truth)?;
        Some(if apparent == 0 { 1000 } else { (active * 1000 / apparent).clamp(-1000, 1000) })
    }

    /// In 0.01 Hz.
    pub(super) fn frequency(&self, truth: Civil) -> u64 {
        let minute = truth.0.div_euclid(MINUTE).cast_unsigned();
        // The network's, so the same for all meters.
        u64::try_from(5_000 + around(0, about::FREQUENCY ^ minute, 4)).unwrap_or(5_000)
    }

    fn phase_angle(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        // The reactive share is fixed, so the angle is: 14.3 degrees drawing, 185.4 delivering.
        let power = self.active_power(Some(phase?), truth)?;
        Some(if power >= 0 { 143 } else { 1_854 })
    }

    fn voltage_distortion(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        let quarter = truth.0.div_euclid(QUARTER).cast_unsigned();
        self.phase_share(phase?)?;
        Some(180 + around(self.seed, about::VOLTAGE ^ (quarter << 4) ^ 0b1000, 60))
    }

    fn current_distortion(&self, phase: Option<Phase>, truth: Civil) -> Option<i64> {
        Some(self.voltage_distortion(phase, truth)? * 4)
    }

    /// Class 02 80: values there is one of.
    fn single(&self, di0: u8, truth: Civil) -> Option<Vec<u8>> {
        let data = Data::new();
        Some(
            match di0 {
                // A neutral carries the load of a single-phase meter, and next to nothing in a balanced network.
                0x01 if self.phases == 1 => data.signed(self.current(Some(Phase::A), truth)?, 3),
                0x01 => data.signed(self.current(Some(Phase::A), truth)? / 20, 3),
                0x02 => data.bcd(self.frequency(truth), 2),
                0x03 | 0x04 => data.signed(self.active_power(None, truth)?, 3),
                0x05 => data.signed(self.reactive_power(None, truth)?, 3),
                0x06 => data.bcd(self.apparent_power(None, truth)?.unsigned_abs(), 3),
                0x07 => data.signed(self.temperature(truth), 2),
                0x08 => data.bcd(362, 2),
                0x09 => data.bcd(601, 2),
                0x0A => data.bcd(u64::try_from((truth.0 - self.born.0) / MINUTE / 2_000).unwrap_or(0), 4),
                _ => return None,
            }
            .done(),
        )
    }

    /// In 0.1 °C: warmer by day and in summer, colder on a few winter nights than zero.
    fn temperature(&self, truth: Civil) -> i64 {
        let day_of_year = i64::from(truth.datetime().day_of_year());
        let from_midsummer = (day_of_year - 200).abs().min(365 - (day_of_year - 200).abs());
        let from_afternoon = (truth.of_day() - DAY * 14 / 24).abs() / MINUTE;
        let day = truth.day().cast_unsigned();
        330 - from_midsummer * 3 / 2 - from_afternoon / 8 + around(self.seed, about::TEMPERATURE ^ day, 30)
    }

    /// Credit left, in 0.01 kWh and 0.01 yuan: a customer who pays in whenever it runs low.
    pub(super) fn credit(&self, truth: Civil) -> Credit {
        let used = self.energy(super::register::Quantity::CombinedActive, super::register::Rate::Total, truth);
        let recharge = 15_000 + i64::try_from(crate::seed::draw(self.seed, about::RECHARGE, 25_000)).unwrap_or(0);
        let spent_fen = used * PRICE_FEN_PER_KWH / 100;
        let money = recharge - spent_fen.rem_euclid(recharge);
        Credit { money, energy: money * 100 / PRICE_FEN_PER_KWH }
    }

    /// Whether more is delivered than drawn.
    pub(super) fn delivers(&self, truth: Civil) -> bool {
        self.kind == LoadKind::Solar && self.power(Direction::Export, truth) > self.power(Direction::Import, truth)
    }
}

const PRICE_FEN_PER_KWH: i64 = 59;

/// What a prepaid meter still holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credit {
    pub(super) money: i64,
    pub(super) energy: i64,
}
