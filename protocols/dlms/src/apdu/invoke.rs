//! Which answer belongs to which request: Green Book clause 9.3.6 and 9.5.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u32};

use crate::axdr::Element;
use crate::error::Parsed;

/// Invoke-id-and-priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvokeId(pub u8);

impl InvokeId {
    const CONFIRMED: u8 = 0x40;
    const HIGH_PRIORITY: u8 = 0x80;

    /// A confirmed service of high priority, as clients commonly ask. Only the low four bits of `id` count.
    pub const fn confirmed(id: u8) -> Self {
        Self(Self::HIGH_PRIORITY | Self::CONFIRMED | id & 0x0F)
    }
    /// The number, 0 to 15.
    pub const fn id(self) -> u8 {
        self.0 & 0x0F
    }
    /// Whether an answer is wanted.
    pub const fn is_confirmed(self) -> bool {
        self.0 & Self::CONFIRMED != 0
    }
    /// Whether it goes before those of normal priority.
    pub const fn is_high_priority(self) -> bool {
        self.0 & Self::HIGH_PRIORITY != 0
    }
    /// The next number, same class and priority.
    pub const fn next(self) -> Self {
        Self(self.0 & 0xF0 | (self.0 + 1) & 0x0F)
    }
}

impl<'a> Element<'a> for InvokeId {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(be_u8, Self).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }
}

/// Long-invoke-id-and-priority, of ACCESS and DATA-NOTIFICATION.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LongInvokeId(pub u32);

impl LongInvokeId {
    const BREAK_ON_ERROR: u32 = 1 << 29;
    const CONFIRMED: u32 = 1 << 30;
    const HIGH_PRIORITY: u32 = 1 << 31;
    const ID: u32 = 0x00FF_FFFF;

    /// A confirmed service of high priority. Only the low 24 bits of `id` count.
    pub const fn confirmed(id: u32) -> Self {
        Self(Self::HIGH_PRIORITY | Self::CONFIRMED | id & Self::ID)
    }
    /// The number.
    pub const fn id(self) -> u32 {
        self.0 & Self::ID
    }
    /// Whether an answer is wanted.
    pub const fn is_confirmed(self) -> bool {
        self.0 & Self::CONFIRMED != 0
    }
    /// Whether the parts of an ACCESS after a failed one are left undone.
    pub const fn breaks_on_error(self) -> bool {
        self.0 & Self::BREAK_ON_ERROR != 0
    }
}

impl<'a> Element<'a> for LongInvokeId {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(be_u32, Self).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_be_bytes());
    }
}
