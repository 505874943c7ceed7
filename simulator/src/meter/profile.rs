//! Class 06: the load profile, a record every 15 minutes.
//!
//! A record is A0 A0, the number of bytes up to the sum, the instant it was stored, six classes each ended by AA (one
//! that was not asked for is just its AA), the sum of everything before, E5.

use super::encode::{self, Data};
use super::register::{Quantity, Rate};
use super::{Counter, Measures, Meter};
use crate::civil::{Civil, DAY, QUARTER};

const START: [u8; 2] = [0xA0, 0xA0];
const END: u8 = 0xE5;
/// The class of reactive energies by quadrant.
const QUADRANTS: u8 = 5;
/// How far back the profile goes.
const DEPTH: i64 = 62 * DAY;
/// A request may ask for more blocks than any meter would send.
const MOST_RECORDS: u64 = 96;

impl Meter {
    /// Class 06 with what may follow the item in the request: number of records, and from when.
    pub(super) fn profile_item(&self, [_, di2, di1, di0]: [u8; 4], asked: &[u8], truth: Civil) -> Option<Vec<u8>> {
        let recorded = di2 <= 6 && !(di2 == QUADRANTS && self.measures == Measures::Active);
        if !recorded || di1 != 0 {
            return None;
        }
        let shown = self.clock.shows(truth);
        let newest = shown.floor(QUARTER);
        let born = self.clock.shows(self.born).plus(QUARTER).floor(QUARTER);
        let oldest = newest.plus(-DEPTH).max(born);
        let (count, from) = match asked {
            [] => (1, None),
            [count] => (encode::number(&[*count])?, None),
            [count, time @ ..] => (encode::number(&[*count])?, Some(encode::instant(time)?)),
        };
        let count = i64::try_from(count.clamp(1, MOST_RECORDS)).ok()?;
        let first = match (di0, from) {
            (0x00, _) => oldest,
            // From the first record at or after the time given.
            (0x01, Some(from)) => from.plus(QUARTER - 1).floor(QUARTER).max(oldest),
            (0x02, _) => newest.plus(-(count - 1) * QUARTER).max(oldest),
            _ => return None,
        };
        let records = (0..count).map(|n| first.plus(n * QUARTER)).take_while(|at| *at <= newest);
        let data = records.fold(Data::new(), |data, at| data.raw(&self.profile_record(di2, at)));
        (data.len() > 0).then(|| data.done())
    }

    /// One record of one class (1 to 6) or of all (0), stored at `shown` on the meter's clock.
    fn profile_record(&self, class: u8, shown: Civil) -> Vec<u8> {
        let truth = self.clock.truth(shown);
        let body = (1..=6).fold(Data::new().minute(shown), |data, n| {
            let data = if class == 0 || class == n { self.profile_class(n, data, truth) } else { data };
            data.separator()
        });
        let mut record = Data::new().raw(&START).raw(&[u8::try_from(body.len()).unwrap_or(0)]).raw(&body.done()).done();
        let sum = record.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        record.extend([sum, END]);
        record
    }

    fn profile_class(&self, class: u8, data: Data, truth: Civil) -> Data {
        let total = |data: Data, quantity| {
            if self.measures(quantity) { self.energy_value(data, quantity, Rate::Total, truth) } else { data.absent(4) }
        };
        // The quarter that ended with this record.
        let during = truth.plus(-QUARTER / 2);
        match class {
            1 => {
                let data = self.each_phase(data, 2, during, Meter::voltage);
                self.each_phase(data, 3, during, Meter::current).bcd(self.frequency(during), 2)
            }
            2 => self.variables(data, during),
            3 => [None, Some(0), Some(1), Some(2)].into_iter().fold(data, |data, n| {
                use super::register::Phase::{A, B, C};
                let phase = n.and_then(|n: usize| [A, B, C].get(n).copied());
                match self.power_factor(phase, during) {
                    Some(value) => data.signed(value, 2),
                    None => data.absent(2),
                }
            }),
            4 => [
                Quantity::Counted(Counter::Forward),
                Quantity::Counted(Counter::Reverse),
                Quantity::CombinedReactive1,
                Quantity::CombinedReactive2,
            ]
            .into_iter()
            .fold(data, total),
            // Left out as a whole.
            QUADRANTS if self.measures == Measures::Active => data,
            QUADRANTS => [Counter::Quadrant1, Counter::Quadrant2, Counter::Quadrant3, Counter::Quadrant4]
                .into_iter()
                .map(Quantity::Counted)
                .fold(data, total),
            _ => {
                // Demand of the quarter that ended.
                let active = self.active_power(None, during).unwrap_or(0);
                let reactive = self.reactive_power(None, during).unwrap_or(0);
                data.signed(active, 3).signed(reactive, 3)
            }
        }
    }
}
