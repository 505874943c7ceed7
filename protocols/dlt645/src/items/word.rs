//! Words whose bits have names: run status, feature words.

use std::fmt::{self, Debug, Display, Formatter};
use std::sync::Arc;

use crate::Data;

/// Names for the bits of a word; shared by every item of its format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTable(Arc<Names>);

#[derive(Debug, PartialEq, Eq)]
struct Names {
    bytes: usize,
    bits: Box<[BitField]>,
}

/// One or several neighbouring bits with one meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BitField {
    /// The lowest bit; 0 is the lowest of the first byte sent.
    pub low: u8,
    /// How many bits.
    pub width: u8,
    /// The stable name.
    pub name: Box<str>,
    /// What the values mean, from 0 on; may be shorter than there are values.
    pub meanings: Box<[Box<str>]>,
    /// English label.
    pub en: Box<str>,
    /// Chinese label.
    pub zh: Box<str>,
}

impl WordTable {
    pub(super) fn new(bytes: usize, bits: Vec<BitField>) -> Self {
        Self(Arc::new(Names { bytes, bits: bits.into() }))
    }
    /// How many bytes the word has, 1 to 8.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }
    /// The named bits, lowest first. Bits without a name are reserved.
    pub fn bits(&self) -> &[BitField] {
        &self.0.bits
    }
}

/// A word as the meter sent it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// All bits.
    pub bits: u64,
    table: &'a WordTable,
}

impl<'a> Word<'a> {
    pub(super) fn new(table: &'a WordTable, data: Data<'a>) -> Self {
        Self { bits: data.packed().unwrap_or_default(), table }
    }
    /// The names of its bits.
    pub fn table(self) -> &'a WordTable {
        self.table
    }
    /// Every named part with its value, lowest bits first.
    pub fn parts(self) -> impl Iterator<Item = (&'a BitField, u64)> {
        self.table.bits().iter().map(move |field| (field, field.of(self.bits)))
    }
    /// The bits without a name that are set, lowest first.
    pub fn reserved(self) -> impl Iterator<Item = u8> {
        let named = self.table.bits().iter().fold(0, |named, field| named | field.mask());
        let unnamed = self.bits & !named;
        (0..64).filter(move |bit| unnamed >> bit & 1 == 1)
    }
    /// The value of the part called `name`.
    pub fn part(self, name: &str) -> Option<u64> {
        self.parts().find(|(field, _)| &*field.name == name).map(|(_, value)| value)
    }
}

impl BitField {
    /// Its value in a word.
    pub fn of(&self, word: u64) -> u64 {
        word.checked_shr(self.low.into()).unwrap_or(0) & ((1 << self.width) - 1)
    }
    fn mask(&self) -> u64 {
        ((1 << self.width) - 1) << self.low
    }
    /// What a value means, where the table says.
    pub fn meaning(&self, value: u64) -> Option<&str> {
        self.meanings.get(usize::try_from(value).ok()?).map(|text| &**text)
    }
}

impl Display for Word<'_> {
    /// Most significant digit first, as words are written: word 3 after a trip is `0050`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$X}", self.bits, width = 2 * self.table.bytes())
    }
}
impl Debug for Word<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}
