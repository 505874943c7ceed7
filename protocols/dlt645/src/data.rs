//! The data field as it travels: every byte is sent plus 33H.

use std::fmt::{self, Debug, Display, Formatter};
use std::hash::{Hash, Hasher};

/// What the sender adds to every data byte, DL/T 645-2007 clause 5.2.6.
pub const MASK: u8 = 0x33;

/// A view of data bytes that shows them unmasked, in wire order. Nothing is copied.
///
/// The bytes behind it are either as they came from the wire ([`Data::masked`]) or already free of the mask
/// ([`Data::plain`]: put together from several frames, or about to be sent); nobody who looks can tell the two apart.
#[derive(Clone, Copy, Default)]
pub struct Data<'a> {
    bytes: &'a [u8],
    /// In each of eight lanes, so that a whole number is unmasked at once.
    mask: u64,
}

impl<'a> Data<'a> {
    /// Looks at bytes as they came from the wire.
    #[inline]
    pub const fn masked(wire: &'a [u8]) -> Self {
        Self { bytes: wire, mask: u64::from_le_bytes([MASK; 8]) }
    }
    /// Looks at bytes that carry no mask.
    #[inline]
    pub const fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, mask: 0 }
    }
    #[inline]
    const fn unmask(self, wire: u8) -> u8 {
        let [mask, ..] = self.mask.to_le_bytes();
        wire.wrapping_sub(mask)
    }
    #[inline]
    const fn over(self, bytes: &'a [u8]) -> Self {
        Self { bytes, mask: self.mask }
    }
    /// How many bytes there are.
    #[inline]
    pub const fn len(self) -> usize {
        self.bytes.len()
    }
    /// Whether there are none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
    /// Where in `whole` these bytes stand; `None` where they are no part of it.
    pub fn offset_in(self, whole: Data<'_>) -> Option<usize> {
        let offset = self.bytes.as_ptr().addr().checked_sub(whole.bytes.as_ptr().addr())?;
        (offset.checked_add(self.len())? <= whole.len()).then_some(offset)
    }
    /// The byte at `index`.
    #[inline]
    pub fn get(self, index: usize) -> Option<u8> {
        self.bytes.get(index).map(|&byte| self.unmask(byte))
    }
    /// The last byte and everything before it.
    #[inline]
    pub fn split_last(self) -> Option<(u8, Self)> {
        self.bytes.split_last().map(|(&last, rest)| (self.unmask(last), self.over(rest)))
    }
    /// All bytes.
    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = u8> + ExactSizeIterator + Clone + use<'a> {
        self.bytes.iter().map(move |&byte| self.unmask(byte))
    }
    /// The first `at` bytes and the rest, or `None` where there are fewer.
    #[inline]
    pub fn split_at(self, at: usize) -> Option<(Self, Self)> {
        self.bytes.split_at_checked(at).map(|(head, tail)| (self.over(head), self.over(tail)))
    }
    /// The first `N` bytes, and the rest, or `None` where there are fewer.
    #[inline]
    pub fn take<const N: usize>(self) -> Option<([u8; N], Self)> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        Some((head.map(|byte| self.unmask(byte)), self.over(rest)))
    }
    /// All bytes, if there are exactly `N`.
    #[inline]
    pub fn exactly<const N: usize>(self) -> Option<[u8; N]> {
        self.take().and_then(|(bytes, rest)| rest.is_empty().then_some(bytes))
    }
    /// Up to eight bytes as one little-endian number; `None` where there are more.
    #[inline]
    pub fn packed(self) -> Option<u64> {
        // Each length is read on its own: a copy of a length known only at run time costs more than all the rest.
        let wire = match *self.bytes {
            [] => 0,
            [a] => a.into(),
            [a, b] => u16::from_le_bytes([a, b]).into(),
            [a, b, c] => u32::from_le_bytes([a, b, c, 0]).into(),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
            [a, b, c, d, e] => u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]),
            [a, b, c, d, e, f] => u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
            [a, b, c, d, e, f, g] => u64::from_le_bytes([a, b, c, d, e, f, g, 0]),
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => return None,
        };
        // All eight lanes are unmasked at once: no borrow may pass from one byte to the next, so the top bits are set
        // before the subtraction and put right after it. Lanes above the last byte are cleared.
        const TOPS: u64 = 0x8080_8080_8080_8080;
        let lanes = ((wire | TOPS) - self.mask) ^ (!(wire ^ self.mask) & TOPS);
        let unused = 64 - 8 * self.bytes.len();
        Some(if unused == 64 { 0 } else { lanes << unused >> unused })
    }
    /// Whether there is at least one byte and all are `byte`.
    pub fn is_all(self, byte: u8) -> bool {
        !self.is_empty() && self.iter().all(|own| own == byte)
    }
    /// Copies the bytes to the start of `out`; `None` where they do not fit.
    pub fn copy_to(self, out: &mut [u8]) -> Option<&[u8]> {
        let out = out.get_mut(..self.len())?;
        for (to, from) in out.iter_mut().zip(self.iter()) {
            *to = from;
        }
        Some(out)
    }
}

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
impl Eq for Data<'_> {}
impl Hash for Data<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|byte| byte.hash(state));
    }
}
impl Display for Data<'_> {
    /// The bytes in wire order, as upper-case hexadecimal digits.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}
impl Debug for Data<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_packed_number_has_the_unmasked_bytes(wire in prop::collection::vec(any::<u8>(), 0..12)) {
            for view in [Data::masked(&wire), Data::plain(&wire)] {
                let mut bytes: Vec<u8> = view.iter().collect();
                bytes.resize(8, 0);
                let expected = (wire.len() <= 8).then(|| u64::from_le_bytes(bytes[..8].try_into().unwrap()));
                prop_assert_eq!(view.packed(), expected);
            }
        }

        #[test]
        fn every_way_of_looking_shows_the_same_bytes(wire in prop::collection::vec(any::<u8>(), 4..12)) {
            let view = Data::masked(&wire);
            let bytes: Vec<u8> = wire.iter().map(|b| b.wrapping_sub(MASK)).collect();
            prop_assert_eq!(view, Data::plain(&bytes));
            prop_assert_eq!(view.iter().collect::<Vec<_>>(), bytes.clone());
            prop_assert_eq!((0..wire.len()).filter_map(|i| view.get(i)).collect::<Vec<_>>(), bytes.clone());
            prop_assert_eq!(view.split_last(), bytes.split_last().map(|(&last, rest)| (last, Data::plain(rest))));
            let mut copy = [0; 12];
            prop_assert_eq!(view.copy_to(&mut copy), Some(&bytes[..]));
            let (head, tail) = view.take::<4>().unwrap();
            prop_assert_eq!(tail.offset_in(view), Some(4));
            prop_assert_eq!(view.offset_in(tail), None);
            prop_assert_eq!([&head[..], &tail.iter().collect::<Vec<_>>()].concat(), bytes);
            prop_assert_eq!(view.exactly::<4>().is_some(), wire.len() == 4);
        }
    }
}
