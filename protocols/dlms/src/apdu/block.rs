//! Blocks: pieces of long values and lists (Green Book clause 9.3.7 to 9.3.9), and of whole APDUs (clause 9.3.5).

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u16, be_u32};

use super::DataAccessResult;
use crate::axdr::{Element, boolean, element, octets, write_octets};
use crate::error::{DecodeError, Parsed, fail};

/// A piece of what a request carries, or of what a method returns: DataBlock-SA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataBlock<'a> {
    /// Whether it is the last.
    pub last: bool,
    /// Counts from 1.
    pub number: u32,
    /// The piece; it may end anywhere.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> for DataBlock<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((boolean, be_u32, octets), |(last, number, raw)| Self { last, number, raw }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.last.into());
        out.extend(self.number.to_be_bytes());
        write_octets(self.raw, out);
    }
}

/// A piece of what was read, or why there is none: DataBlock-G.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultBlock<'a> {
    /// Whether it is the last.
    pub last: bool,
    /// Counts from 1.
    pub number: u32,
    /// The piece, which may end anywhere, or why the reading ends here.
    pub raw: Result<&'a [u8], DataAccessResult>,
}

impl<'a> Element<'a> for ResultBlock<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (last, number, choice)) = (boolean, be_u32, be_u8).parse(input)?;
        let (rest, raw) = match choice {
            0 => map(octets, Ok).parse(rest)?,
            1 => map(element, Err).parse(rest)?,
            other => return fail(DecodeError::Tag(other)),
        };
        Ok((rest, Self { last, number, raw }))
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.last.into());
        out.extend(self.number.to_be_bytes());
        match self.raw {
            Ok(raw) => {
                out.push(0);
                write_octets(raw, out);
            }
            Err(why) => {
                out.push(1);
                why.write(out);
            }
        }
    }
}

/// A piece of an APDU: General-Block-Transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneralBlock<'a> {
    /// Whether it is the last.
    pub last: bool,
    /// Whether the sender goes on without waiting.
    pub streaming: bool,
    /// How many blocks the sender of this one can take in one go, 0 to 63; 0 where nothing is acknowledged.
    pub window: u8,
    /// Counts from 1; 0 carries nothing.
    pub number: u16,
    /// The last block that arrived in order.
    pub acknowledged: u16,
    /// The piece.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> for GeneralBlock<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((be_u8, be_u16, be_u16, octets), |(control, number, acknowledged, raw)| Self {
            last: control & 0x80 != 0,
            streaming: control & 0x40 != 0,
            window: control & 0x3F,
            number,
            acknowledged,
            raw,
        })
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.last) << 7 | u8::from(self.streaming) << 6 | self.window & 0x3F);
        out.extend(self.number.to_be_bytes());
        out.extend(self.acknowledged.to_be_bytes());
        write_octets(self.raw, out);
    }
}
