//! SET: Green Book clause 9.3.8.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u32};

use super::{DataAccessResult, DataBlock, InvokeId, Selected};
use crate::axdr::{Data, Element, Sequence, element};
use crate::error::{DecodeError, Parsed, fail};

/// Writes attributes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SetRequest<'a> {
    /// One attribute.
    Normal {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to write.
        attribute: Selected<'a>,
        /// Its value.
        data: Data<'a>,
    },
    /// One attribute with a value too long for one APDU.
    FirstBlock {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to write.
        attribute: Selected<'a>,
        /// The first piece of its value.
        block: DataBlock<'a>,
    },
    /// The next piece.
    Block {
        /// As in the request that opened the writing.
        invoke: InvokeId,
        /// The piece.
        block: DataBlock<'a>,
    },
    /// Several attributes.
    WithList {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to write.
        attributes: Sequence<'a, Selected<'a>>,
        /// The values, in the same order.
        data: Sequence<'a, Data<'a>>,
    },
    /// Several attributes with values too long for one APDU.
    ListFirstBlock {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to write.
        attributes: Sequence<'a, Selected<'a>>,
        /// The first piece of the list of values.
        block: DataBlock<'a>,
    },
}

impl SetRequest<'_> {
    /// Which request it is.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            SetRequest::Normal { invoke, .. }
            | SetRequest::FirstBlock { invoke, .. }
            | SetRequest::Block { invoke, .. }
            | SetRequest::WithList { invoke, .. }
            | SetRequest::ListFirstBlock { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            SetRequest::Normal { .. } => "set-request-normal",
            SetRequest::FirstBlock { .. } => "set-request-with-first-datablock",
            SetRequest::Block { .. } => "set-request-with-datablock",
            SetRequest::WithList { .. } => "set-request-with-list",
            SetRequest::ListFirstBlock { .. } => "set-request-with-list-and-first-datablock",
        }
    }
}

impl<'a> Element<'a> for SetRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match choice {
            1 => map((element, element), |(attribute, data)| Self::Normal { invoke, attribute, data }).parse(rest),
            2 => {
                map((element, element), |(attribute, block)| Self::FirstBlock { invoke, attribute, block }).parse(rest)
            }
            3 => map(element, |block| Self::Block { invoke, block }).parse(rest),
            4 => map((Sequence::parse, Sequence::parse), |(attributes, data)| Self::WithList {
                invoke,
                attributes,
                data,
            })
            .parse(rest),
            5 => map((Sequence::parse, element), |(attributes, block)| Self::ListFirstBlock {
                invoke,
                attributes,
                block,
            })
            .parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, attribute, data } => {
                out.extend([1, invoke.0]);
                attribute.write(out);
                data.write(out);
            }
            Self::FirstBlock { invoke, attribute, block } => {
                out.extend([2, invoke.0]);
                attribute.write(out);
                block.write(out);
            }
            Self::Block { invoke, block } => {
                out.extend([3, invoke.0]);
                block.write(out);
            }
            Self::WithList { invoke, attributes, data } => {
                out.extend([4, invoke.0]);
                attributes.write(out);
                data.write(out);
            }
            Self::ListFirstBlock { invoke, attributes, block } => {
                out.extend([5, invoke.0]);
                attributes.write(out);
                block.write(out);
            }
        }
    }
}

/// What writing brought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SetResponse<'a> {
    /// One attribute.
    Normal {
        /// Of the request.
        invoke: InvokeId,
        /// How it ended.
        result: DataAccessResult,
    },
    /// A piece has arrived; the next may come.
    Block {
        /// Of the request.
        invoke: InvokeId,
        /// Which piece.
        block: u32,
    },
    /// The last piece has arrived, or the writing ends before.
    LastBlock {
        /// Of the request.
        invoke: InvokeId,
        /// How it ended.
        result: DataAccessResult,
        /// Which piece.
        block: u32,
    },
    /// The last piece of several attributes has arrived.
    LastBlockWithList {
        /// Of the request.
        invoke: InvokeId,
        /// How each ended.
        results: Sequence<'a, DataAccessResult>,
        /// Which piece.
        block: u32,
    },
    /// Several attributes.
    WithList {
        /// Of the request.
        invoke: InvokeId,
        /// How each ended.
        results: Sequence<'a, DataAccessResult>,
    },
}

impl SetResponse<'_> {
    /// Of which request.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            SetResponse::Normal { invoke, .. }
            | SetResponse::Block { invoke, .. }
            | SetResponse::LastBlock { invoke, .. }
            | SetResponse::LastBlockWithList { invoke, .. }
            | SetResponse::WithList { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            SetResponse::Normal { .. } => "set-response-normal",
            SetResponse::Block { .. } => "set-response-datablock",
            SetResponse::LastBlock { .. } => "set-response-last-datablock",
            SetResponse::LastBlockWithList { .. } => "set-response-last-datablock-with-list",
            SetResponse::WithList { .. } => "set-response-with-list",
        }
    }
}

impl<'a> Element<'a> for SetResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match choice {
            1 => map(element, |result| Self::Normal { invoke, result }).parse(rest),
            2 => map(be_u32, |block| Self::Block { invoke, block }).parse(rest),
            3 => map((element, be_u32), |(result, block)| Self::LastBlock { invoke, result, block }).parse(rest),
            4 => map((Sequence::parse, be_u32), |(results, block)| Self::LastBlockWithList { invoke, results, block })
                .parse(rest),
            5 => map(Sequence::parse, |results| Self::WithList { invoke, results }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, result } => out.extend([1, invoke.0, result.0]),
            Self::Block { invoke, block } => {
                out.extend([2, invoke.0]);
                out.extend(block.to_be_bytes());
            }
            Self::LastBlock { invoke, result, block } => {
                out.extend([3, invoke.0, result.0]);
                out.extend(block.to_be_bytes());
            }
            Self::LastBlockWithList { invoke, results, block } => {
                out.extend([4, invoke.0]);
                results.write(out);
                out.extend(block.to_be_bytes());
            }
            Self::WithList { invoke, results } => {
                out.extend([5, invoke.0]);
                results.write(out);
            }
        }
    }
}
