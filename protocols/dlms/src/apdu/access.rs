//! ACCESS, the unified service: Green Book clause 9.3.10.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::be_u8;

use super::{ActionResult, Attribute, DataAccessResult, LongInvokeId, Method, Selection};
use crate::axdr::{Data, Element, Sequence, element, octets, optional, write_octets, write_optional};
use crate::error::{DecodeError, Parsed, fail};

/// One of several things to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AccessSpecification<'a> {
    /// Read an attribute.
    Get(Attribute),
    /// Write it.
    Set(Attribute),
    /// Call a method.
    Action(Method),
    /// Read a part of an attribute.
    GetSelected(Attribute, Selection<'a>),
    /// Write a part of an attribute.
    SetSelected(Attribute, Selection<'a>),
}

impl<'a> Element<'a> for AccessSpecification<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            1 => map(element, Self::Get).parse(rest),
            2 => map(element, Self::Set).parse(rest),
            3 => map(element, Self::Action).parse(rest),
            4 => map((element, element), |(attribute, part)| Self::GetSelected(attribute, part)).parse(rest),
            5 => map((element, element), |(attribute, part)| Self::SetSelected(attribute, part)).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Get(attribute) => {
                out.push(1);
                attribute.write(out);
            }
            Self::Set(attribute) => {
                out.push(2);
                attribute.write(out);
            }
            Self::Action(method) => {
                out.push(3);
                method.write(out);
            }
            Self::GetSelected(attribute, selection) => {
                out.push(4);
                attribute.write(out);
                selection.write(out);
            }
            Self::SetSelected(attribute, selection) => {
                out.push(5);
                attribute.write(out);
                selection.write(out);
            }
        }
    }
}

/// Reads, writes and calls in one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccessRequest<'a> {
    /// Comes back in the answer.
    pub invoke: LongInvokeId,
    /// When it was sent; usually empty.
    pub date_time: &'a [u8],
    /// What to do.
    pub specifications: Sequence<'a, AccessSpecification<'a>>,
    /// With what, in the same order; null-data for what is read.
    pub data: Sequence<'a, Data<'a>>,
}

impl<'a> Element<'a> for AccessRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, octets, Sequence::parse, Sequence::parse), |(invoke, date_time, specifications, data)| Self {
            invoke,
            date_time,
            specifications,
            data,
        })
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.invoke.write(out);
        write_octets(self.date_time, out);
        self.specifications.write(out);
        self.data.write(out);
    }
}

/// How one of several things ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessResult {
    /// Reading.
    Get(DataAccessResult),
    /// Writing.
    Set(DataAccessResult),
    /// Calling.
    Action(ActionResult),
}

impl<'a> Element<'a> for AccessResult {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            1 => map(element, Self::Get).parse(rest),
            2 => map(element, Self::Set).parse(rest),
            3 => map(element, Self::Action).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Get(result) => out.extend([1, result.0]),
            Self::Set(result) => out.extend([2, result.0]),
            Self::Action(result) => out.extend([3, result.0]),
        }
    }
}

/// What came of all of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccessResponse<'a> {
    /// Of the request.
    pub invoke: LongInvokeId,
    /// When it was sent; usually empty.
    pub date_time: &'a [u8],
    /// What was asked, where the meter repeats it.
    pub specifications: Option<Sequence<'a, AccessSpecification<'a>>>,
    /// Values, in the order asked; null-data for what brings none.
    pub data: Sequence<'a, Data<'a>>,
    /// How each part ended.
    pub results: Sequence<'a, AccessResult>,
}

impl<'a> Element<'a> for AccessResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map(
            (element, octets, optional(Sequence::parse), Sequence::parse, Sequence::parse),
            |(invoke, date_time, specifications, data, results)| Self {
                invoke,
                date_time,
                specifications,
                data,
                results,
            },
        )
        .parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.invoke.write(out);
        write_octets(self.date_time, out);
        write_optional(self.specifications, out, |specifications, out| specifications.write(out));
        self.data.write(out);
        self.results.write(out);
    }
}
