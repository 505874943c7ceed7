//! GET: Green Book clause 9.3.7.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u32};

use super::{DataAccessResult, InvokeId, ResultBlock, Selected};
use crate::axdr::{Data, Element, Sequence, element};
use crate::error::{DecodeError, Parsed, fail};

/// Asks for attributes, or for the next piece of a long answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GetRequest<'a> {
    /// One attribute.
    Normal {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to read.
        attribute: Selected<'a>,
    },
    /// The next block.
    Next {
        /// As in the request that opened the reading.
        invoke: InvokeId,
        /// The number of the block just received.
        block: u32,
    },
    /// Several attributes.
    WithList {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to read.
        attributes: Sequence<'a, Selected<'a>>,
    },
}

impl GetRequest<'_> {
    /// Which request it is.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            GetRequest::Normal { invoke, .. }
            | GetRequest::Next { invoke, .. }
            | GetRequest::WithList { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            GetRequest::Normal { .. } => "get-request-normal",
            GetRequest::Next { .. } => "get-request-next",
            GetRequest::WithList { .. } => "get-request-with-list",
        }
    }
}

impl<'a> Element<'a> for GetRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match choice {
            1 => map(element, |attribute| Self::Normal { invoke, attribute }).parse(rest),
            2 => map(be_u32, |block| Self::Next { invoke, block }).parse(rest),
            3 => map(Sequence::parse, |attributes| Self::WithList { invoke, attributes }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, attribute } => {
                out.extend([1, invoke.0]);
                attribute.write(out);
            }
            Self::Next { invoke, block } => {
                out.extend([2, invoke.0]);
                out.extend(block.to_be_bytes());
            }
            Self::WithList { invoke, attributes } => {
                out.extend([3, invoke.0]);
                attributes.write(out);
            }
        }
    }
}

/// What reading one attribute brought: Get-Data-Result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GetResult<'a> {
    /// Its value.
    Data(Data<'a>),
    /// Why there is none.
    Error(DataAccessResult),
}

impl<'a> Element<'a> for GetResult<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, choice) = be_u8(input)?;
        match choice {
            0 => map(element, Self::Data).parse(rest),
            1 => map(element, Self::Error).parse(rest),
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
        }
    }
}

/// What reading brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GetResponse<'a> {
    /// One attribute.
    Normal {
        /// Of the request.
        invoke: InvokeId,
        /// What came of it.
        result: GetResult<'a>,
    },
    /// A piece of an answer too long for one APDU.
    WithDataBlock {
        /// Of the request.
        invoke: InvokeId,
        /// The piece.
        block: ResultBlock<'a>,
    },
    /// Several attributes, in the order asked.
    WithList {
        /// Of the request.
        invoke: InvokeId,
        /// What came of each.
        results: Sequence<'a, GetResult<'a>>,
    },
}

impl GetResponse<'_> {
    /// Of which request.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            GetResponse::Normal { invoke, .. }
            | GetResponse::WithDataBlock { invoke, .. }
            | GetResponse::WithList { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            GetResponse::Normal { .. } => "get-response-normal",
            GetResponse::WithDataBlock { .. } => "get-response-with-datablock",
            GetResponse::WithList { .. } => "get-response-with-list",
        }
    }
}

impl<'a> Element<'a> for GetResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match choice {
            1 => map(element, |result| Self::Normal { invoke, result }).parse(rest),
            2 => map(element, |block| Self::WithDataBlock { invoke, block }).parse(rest),
            3 => map(Sequence::parse, |results| Self::WithList { invoke, results }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, result } => {
                out.extend([1, invoke.0]);
                result.write(out);
            }
            Self::WithDataBlock { invoke, block } => {
                out.extend([2, invoke.0]);
                block.write(out);
            }
            Self::WithList { invoke, results } => {
                out.extend([3, invoke.0]);
                results.write(out);
            }
        }
    }
}
