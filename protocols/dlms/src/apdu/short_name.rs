//! Services of older meters, whose attributes have short names: Green Book clauses 9.3.13 to 9.3.16.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u16};

use super::{DataAccessResult, Selection};
use crate::axdr::{Data, Element, Sequence, boolean, element, octets, optional, write_octets, write_optional};
use crate::error::{DecodeError, Parsed, fail};

/// A piece of a long request or answer, numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShortBlock<'a> {
    /// Whether it is the last.
    pub last: bool,
    /// Counts from 1.
    pub number: u16,
    /// The piece.
    pub raw: &'a [u8],
}

impl<'a> Element<'a> for ShortBlock<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((boolean, be_u16, octets), |(last, number, raw)| Self { last, number, raw }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.last.into());
        out.extend(self.number.to_be_bytes());
        write_octets(self.raw, out);
    }
}

/// What is read or written: Variable-Access-Specification.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variable<'a> {
    /// An attribute or a method, by its short name.
    Name(u16),
    /// A part of an attribute, or a method with its parameter.
    Parameterized(u16, Selection<'a>),
    /// The next piece of a long answer.
    BlockNumber(u16),
    /// A piece of a long reading request.
    ReadBlock(ShortBlock<'a>),
    /// A piece of a long writing request whose data stands beside.
    WriteBlock {
        /// Whether it is the last.
        last: bool,
        /// Counts from 1.
        number: u16,
    },
}

impl<'a> Element<'a> for Variable<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            2 => map(be_u16, Self::Name).parse(rest),
            4 => map((be_u16, element), |(name, part)| Self::Parameterized(name, part)).parse(rest),
            5 => map(be_u16, Self::BlockNumber).parse(rest),
            6 => map(element, Self::ReadBlock).parse(rest),
            7 => map((boolean, be_u16), |(last, number)| Self::WriteBlock { last, number }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Name(name) => {
                out.push(2);
                out.extend(name.to_be_bytes());
            }
            Self::Parameterized(name, part) => {
                out.push(4);
                out.extend(name.to_be_bytes());
                part.write(out);
            }
            Self::BlockNumber(number) => {
                out.push(5);
                out.extend(number.to_be_bytes());
            }
            Self::ReadBlock(block) => {
                out.push(6);
                block.write(out);
            }
            Self::WriteBlock { last, number } => {
                out.extend([7, (*last).into()]);
                out.extend(number.to_be_bytes());
            }
        }
    }
}

/// READ.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadRequest<'a> {
    /// What.
    pub variables: Sequence<'a, Variable<'a>>,
}

impl<'a> Element<'a> for ReadRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(Sequence::parse, |variables| Self { variables }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.variables.write(out);
    }
}

/// What reading one variable brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReadAnswer<'a> {
    /// Its value.
    Data(Data<'a>),
    /// Why there is none.
    Error(DataAccessResult),
    /// A piece of a long answer.
    Block(ShortBlock<'a>),
    /// A piece of the request has arrived.
    BlockNumber(u16),
}

impl<'a> Element<'a> for ReadAnswer<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            0 => map(element, Self::Data).parse(rest),
            1 => map(element, Self::Error).parse(rest),
            2 => map(element, Self::Block).parse(rest),
            3 => map(be_u16, Self::BlockNumber).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Data(data) => {
                out.push(0);
                data.write(out);
            }
            Self::Error(why) => out.extend([1, why.0]),
            Self::Block(block) => {
                out.push(2);
                block.write(out);
            }
            Self::BlockNumber(number) => {
                out.push(3);
                out.extend(number.to_be_bytes());
            }
        }
    }
}

/// What READ brought, in the order asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadResponse<'a> {
    /// Of each variable.
    pub answers: Sequence<'a, ReadAnswer<'a>>,
}

impl<'a> Element<'a> for ReadResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(Sequence::parse, |answers| Self { answers }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.answers.write(out);
    }
}

/// WRITE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteRequest<'a> {
    /// What.
    pub variables: Sequence<'a, Variable<'a>>,
    /// The values, in the same order.
    pub data: Sequence<'a, Data<'a>>,
}

impl<'a> Element<'a> for WriteRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((Sequence::parse, Sequence::parse), |(variables, data)| Self { variables, data }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.variables.write(out);
        self.data.write(out);
    }
}

/// What writing one variable brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteAnswer {
    /// Done.
    Success,
    /// Why not.
    Error(DataAccessResult),
    /// A piece of the request has arrived.
    BlockNumber(u16),
}

impl<'a> Element<'a> for WriteAnswer {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            0 => Ok((rest, Self::Success)),
            1 => map(element, Self::Error).parse(rest),
            2 => map(be_u16, Self::BlockNumber).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Success => out.push(0),
            Self::Error(why) => out.extend([1, why.0]),
            Self::BlockNumber(number) => {
                out.push(2);
                out.extend(number.to_be_bytes());
            }
        }
    }
}

/// What WRITE brought, in the order asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WriteResponse<'a> {
    /// Of each variable.
    pub answers: Sequence<'a, WriteAnswer>,
}

impl<'a> Element<'a> for WriteResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(Sequence::parse, |answers| Self { answers }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.answers.write(out);
    }
}

/// UNCONFIRMED WRITE: nobody says how it ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnconfirmedWriteRequest<'a> {
    /// What.
    pub variables: Sequence<'a, Variable<'a>>,
    /// The values, in the same order.
    pub data: Sequence<'a, Data<'a>>,
}

impl<'a> Element<'a> for UnconfirmedWriteRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((Sequence::parse, Sequence::parse), |(variables, data)| Self { variables, data }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.variables.write(out);
        self.data.write(out);
    }
}

/// INFORMATION REPORT: what a meter says unasked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InformationReport<'a> {
    /// When, as generalized time in ASCII.
    pub time: Option<&'a [u8]>,
    /// What of.
    pub variables: Sequence<'a, Variable<'a>>,
    /// The values, in the same order.
    pub data: Sequence<'a, Data<'a>>,
}

impl<'a> Element<'a> for InformationReport<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((optional(octets), Sequence::parse, Sequence::parse), |(time, variables, data)| Self {
            time,
            variables,
            data,
        })
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        write_optional(self.time, out, write_octets);
        self.variables.write(out);
        self.data.write(out);
    }
}
