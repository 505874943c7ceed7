//! Reproducible chance: every draw is a pure function of a seed and what is asked, so nothing needs to be stored.

/// A well-mixed 64-bit number from `seed` and `what` (the finaliser of SplitMix64 over both).
pub(crate) fn mix(seed: u64, what: u64) -> u64 {
    let mut z = seed ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number in `0..below` (0 when `below` is 0).
pub(crate) fn draw(seed: u64, what: u64, below: u64) -> u64 {
    // The high half is the better mixed one, and multiplying avoids the bias of a remainder.
    ((u128::from(mix(seed, what)) * u128::from(below)) >> 64).try_into().unwrap_or(0)
}

/// A signed number in `-amplitude..=amplitude`.
pub(crate) fn around(seed: u64, what: u64, amplitude: i64) -> i64 {
    let span = u64::try_from(amplitude.saturating_mul(2).saturating_add(1)).unwrap_or(1);
    i64::try_from(draw(seed, what, span)).unwrap_or(0) - amplitude
}

/// Labels of draws, so that two questions about one meter never share a number.
pub(crate) mod about {
    pub(crate) const METER: u64 = 0x01 << 56;
    pub(crate) const SIZE: u64 = 0x02 << 56;
    pub(crate) const VARIANT: u64 = 0x03 << 56;
    pub(crate) const DAY: u64 = 0x04 << 56;
    pub(crate) const HALF_HOUR: u64 = 0x05 << 56;
    pub(crate) const VOLTAGE: u64 = 0x06 << 56;
    pub(crate) const PHASE_SHARE: u64 = 0x07 << 56;
    pub(crate) const CLOCK: u64 = 0x08 << 56;
    pub(crate) const DRIFT: u64 = 0x09 << 56;
    pub(crate) const AGE: u64 = 0x0A << 56;
    pub(crate) const FREQUENCY: u64 = 0x0B << 56;
    pub(crate) const TEMPERATURE: u64 = 0x0C << 56;
    pub(crate) const POWER_DOWN: u64 = 0x0D << 56;
    pub(crate) const FAULT: u64 = 0x0E << 56;
    pub(crate) const WAKE: u64 = 0x0F << 56;
    pub(crate) const RECHARGE: u64 = 0x10 << 56;
    pub(crate) const EXPORT: u64 = 0x11 << 56;
    pub(crate) const DIAL: u64 = 0x12 << 56;
    pub(crate) const COVER: u64 = 0x13 << 56;
    pub(crate) const TURNAROUND: u64 = 0x14 << 56;
    pub(crate) const DEAD: u64 = 0x15 << 56;
    pub(crate) const CLOCK_OFF: u64 = 0x16 << 56;
    pub(crate) const REPLACEMENT: u64 = 0x17 << 56;
}
