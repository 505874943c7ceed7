//! Whether values of one energy register can follow each other: no shrinking counter, no more than the connection carries.

use std::cmp::Ordering;

use hes_model::{Obis, Quantity, RegisterKind, registers};

use crate::{Background, Known, Limits, Rule};

/// Whether the register counts energy delivered: electricity (A = 1), time integral (D = 8).
pub(crate) fn is_energy(register: Obis) -> bool {
    let Obis([medium, _, _, processing, ..]) = register;
    medium == 1 && processing == 8
}

/// Judges pairs of values of one register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Succession<'a> {
    pub(crate) kind: RegisterKind,
    pub(crate) background: &'a Background,
    pub(crate) limits: &'a Limits,
}

impl<'a> Succession<'a> {
    /// For registers whose values follow each other; `None` for gauges and the like.
    pub(crate) fn of(register: Obis, background: &'a Background, limits: &'a Limits) -> Option<Self> {
        let kind = registers().get(register)?.kind;
        let follows = is_energy(register) && matches!(kind, RegisterKind::Counter | RegisterKind::Balance);
        follows.then_some(Self { kind, background, limits })
    }

    /// Whether `later` can follow `earlier`; the rule it breaks if not. `earlier.at <= later.at`.
    pub(crate) fn check(&self, earlier: &Known, later: &Known) -> Result<(), Rule> {
        if earlier.at == later.at && earlier.series == later.series && earlier.series != hes_model::Series::Instant {
            // One latch has one value.
            return match earlier.value.compare(&later.value) {
                Some(Ordering::Equal) => Ok(()),
                _ => Err(Rule::Backwards),
            };
        }
        let scale = earlier.value.scale.max(later.value.scale);
        let (Some(old), Some(new)) = (earlier.value.rescaled(scale), later.value.rescaled(scale)) else {
            return Err(Rule::Malformed);
        };
        let moved = match self.kind {
            RegisterKind::Counter if new < old => self.over_the_top(old, new).ok_or(Rule::Backwards)?,
            _ => i128::from(new) - i128::from(old),
        };
        let elapsed = later.at.since(earlier.at).saturating_add(self.limits.slack_micros());
        if self.carries(moved.abs(), scale, elapsed) { Ok(()) } else { Err(Rule::BeyondConnection) }
    }

    /// The way from `old` through zero to `new`, if both are near the ends.
    fn over_the_top(&self, old: i64, new: i64) -> Option<i128> {
        let modulus = self.limits.counter.modulus();
        let near = modulus / 100 * i64::from(self.limits.counter.rollover_near_percent);
        (old >= modulus - near && old < modulus && new < near)
            .then(|| i128::from(new) + i128::from(modulus) - i128::from(old))
    }

    /// Whether the connection can carry `energy` (mantissa in kilo-units at `scale`) within `elapsed` microseconds.
    fn carries(&self, energy: i128, scale: u8, elapsed: i64) -> bool {
        const MICROS_PER_HOUR: i128 = 3_600_000_000;
        let watt_micros = i128::from(self.background.connection.max_watts).saturating_mul(elapsed.into());
        let limit = watt_micros.saturating_mul(10_i128.pow(u32::from(scale.min(Quantity::MAX_SCALE))));
        energy.saturating_mul(1000 * MICROS_PER_HOUR) <= limit
    }
}
