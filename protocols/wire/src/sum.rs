//! The arithmetic check sum of the DL/T family.

/// The sum of all bytes, modulo 256.
///
/// It sees any single damaged byte, but not two that cancel out, nor bytes that changed places: what it lets through
/// must be caught by matching and plausibility.
pub fn sum8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, &byte| sum.wrapping_add(byte))
}

#[cfg(test)]
mod tests {
    use super::sum8;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn one_changed_byte_changes_the_sum(bytes in prop::collection::vec(any::<u8>(), 1..64), at: prop::sample::Index, by in 1..=u8::MAX) {
            let mut damaged = bytes.clone();
            let at = at.index(bytes.len());
            damaged[at] = damaged[at].wrapping_add(by);
            prop_assert_ne!(sum8(&bytes), sum8(&damaged));
        }
    }
}
