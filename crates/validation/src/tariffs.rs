//! The tariffs of one latch against their total: the only rule that sees damage inside an otherwise possible value.

use std::collections::BTreeMap;

use hes_model::{Obis, Observed, Quantity, Reading, Series, UtcMicros};

use crate::Limits;

/// What the sum says about a latch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    /// Total and tariffs agree: each of them is confirmed.
    Agrees,
    /// They do not: none of them can be trusted, as nobody can tell which is wrong.
    Disagrees,
}

/// By tariff (0 is the total): where in the list, and what number.
type Group = BTreeMap<u8, (usize, Quantity)>;

/// Whole groups of total and tariffs among `readings`: for each member's index, what its group's sum says.
///
/// A group is whole when one exchange brought the total and every tariff from 1 up to the highest. Fewer tariffs than
/// the meter has can only be told apart from damage by the meter's block, so values of several exchanges are no group.
pub(crate) fn sums(readings: &[(&Reading, usize)], limits: &Limits) -> BTreeMap<usize, Sum> {
    let mut groups: BTreeMap<(Obis, Series, UtcMicros, usize), Group> = BTreeMap::new();
    for (index, (reading, proof)) in readings.iter().enumerate() {
        if let (true, Observed::Number(value)) = (crate::succession::is_energy(reading.register), &reading.value) {
            let key = (reading.register.with_tariff(0), reading.series, reading.slot, *proof);
            groups.entry(key).or_default().insert(reading.register.tariff(), (index, *value));
        }
    }
    let mut verdicts = BTreeMap::new();
    for group in groups.values() {
        if let Some(sum) = sum_of(group, limits) {
            verdicts.extend(group.values().map(|(index, _)| (*index, sum)));
        }
    }
    verdicts
}

fn sum_of(group: &Group, limits: &Limits) -> Option<Sum> {
    let (_, total) = group.get(&0)?;
    let tariffs = u8::try_from(group.len() - 1).ok()?;
    let whole = tariffs >= 2 && group.keys().copied().eq(0..=tariffs);
    if !whole {
        return None;
    }
    let scale = group.values().map(|(_, value)| value.scale).max()?;
    let total = i128::from(total.rescaled(scale)?);
    let mut sum = 0_i128;
    for (_, (_, value)) in group.range(1..) {
        sum += i128::from(value.rescaled(scale)?);
    }
    // Every register is cut off after its last digit, so n tariffs lack up to n - 1 digits of their total.
    let tolerance = i128::from(tariffs) - 1 + i128::from(limits.tariffs.extra_digits);
    // Total and tariffs roll over each on its own.
    let modulus = i128::from(limits.counter.modulus());
    let apart = (total - sum).rem_euclid(modulus);
    let agrees = apart <= tolerance || modulus - apart <= tolerance;
    Some(if agrees { Sum::Agrees } else { Sum::Disagrees })
}
