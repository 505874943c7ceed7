//! ACTION: Green Book clause 9.3.9.

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::{be_u8, be_u32};

use super::{ActionResult, DataBlock, GetResult, InvokeId, Method};
use crate::axdr::{Data, Element, Sequence, element, optional, write_optional};
use crate::error::{DecodeError, Parsed, fail};

/// Calls methods, or asks for the next piece of what one returns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActionRequest<'a> {
    /// One method.
    Normal {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to do.
        method: Method,
        /// With what.
        parameters: Option<Data<'a>>,
    },
    /// The next piece of a long answer.
    Next {
        /// As in the request that opened the action.
        invoke: InvokeId,
        /// The number of the block just received.
        block: u32,
    },
    /// Several methods.
    WithList {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to do.
        methods: Sequence<'a, Method>,
        /// With what, in the same order; null-data for nothing.
        parameters: Sequence<'a, Data<'a>>,
    },
    /// One method with parameters too long for one APDU.
    FirstBlock {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to do.
        method: Method,
        /// The first piece of the parameters.
        block: DataBlock<'a>,
    },
    /// Several methods with parameters too long for one APDU.
    ListFirstBlock {
        /// Comes back in the answer.
        invoke: InvokeId,
        /// What to do.
        methods: Sequence<'a, Method>,
        /// The first piece of the list of parameters.
        block: DataBlock<'a>,
    },
    /// The next piece of the parameters.
    Block {
        /// As in the request that opened the action.
        invoke: InvokeId,
        /// The piece.
        block: DataBlock<'a>,
    },
}

impl ActionRequest<'_> {
    /// Which request it is.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            ActionRequest::Normal { invoke, .. }
            | ActionRequest::Next { invoke, .. }
            | ActionRequest::WithList { invoke, .. }
            | ActionRequest::FirstBlock { invoke, .. }
            | ActionRequest::ListFirstBlock { invoke, .. }
            | ActionRequest::Block { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            ActionRequest::Normal { .. } => "action-request-normal",
            ActionRequest::Next { .. } => "action-request-next-pblock",
            ActionRequest::WithList { .. } => "action-request-with-list",
            ActionRequest::FirstBlock { .. } => "action-request-with-first-pblock",
            ActionRequest::ListFirstBlock { .. } => "action-request-with-list-and-first-pblock",
            ActionRequest::Block { .. } => "action-request-with-pblock",
        }
    }
}

impl<'a> Element<'a> for ActionRequest<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match choice {
            1 => map((element, optional(element)), |(method, parameters)| Self::Normal { invoke, method, parameters })
                .parse(rest),
            2 => map(be_u32, |block| Self::Next { invoke, block }).parse(rest),
            3 => map((Sequence::parse, Sequence::parse), |(methods, parameters)| Self::WithList {
                invoke,
                methods,
                parameters,
            })
            .parse(rest),
            4 => map((element, element), |(method, block)| Self::FirstBlock { invoke, method, block }).parse(rest),
            5 => map((Sequence::parse, element), |(methods, block)| Self::ListFirstBlock { invoke, methods, block })
                .parse(rest),
            6 => map(element, |block| Self::Block { invoke, block }).parse(rest),
            other => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, method, parameters } => {
                out.extend([1, invoke.0]);
                method.write(out);
                write_optional(*parameters, out, |parameters, out| parameters.write(out));
            }
            Self::Next { invoke, block } => {
                out.extend([2, invoke.0]);
                out.extend(block.to_be_bytes());
            }
            Self::WithList { invoke, methods, parameters } => {
                out.extend([3, invoke.0]);
                methods.write(out);
                parameters.write(out);
            }
            Self::FirstBlock { invoke, method, block } => {
                out.extend([4, invoke.0]);
                method.write(out);
                block.write(out);
            }
            Self::ListFirstBlock { invoke, methods, block } => {
                out.extend([5, invoke.0]);
                methods.write(out);
                block.write(out);
            }
            Self::Block { invoke, block } => {
                out.extend([6, invoke.0]);
                block.write(out);
            }
        }
    }
}

/// What came of one method: Action-Response-With-Optional-Data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActionAnswer<'a> {
    /// How it ended.
    pub result: ActionResult,
    /// What it returns, or why it returns nothing.
    pub returned: Option<GetResult<'a>>,
}

impl<'a> Element<'a> for ActionAnswer<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        map((element, optional(element)), |(result, returned)| Self { result, returned }).parse(input)
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.result.write(out);
        write_optional(self.returned, out, |returned, out| returned.write(out));
    }
}

/// What came of methods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ActionResponse<'a> {
    /// One method.
    Normal {
        /// Of the request.
        invoke: InvokeId,
        /// What came of it.
        answer: ActionAnswer<'a>,
    },
    /// A piece of an answer too long for one APDU.
    Block {
        /// Of the request.
        invoke: InvokeId,
        /// The piece.
        block: DataBlock<'a>,
    },
    /// Several methods, in the order asked.
    WithList {
        /// Of the request.
        invoke: InvokeId,
        /// What came of each.
        answers: Sequence<'a, ActionAnswer<'a>>,
    },
    /// A piece of the parameters has arrived; the next may come.
    Next {
        /// Of the request.
        invoke: InvokeId,
        /// Which piece.
        block: u32,
    },
}

impl ActionResponse<'_> {
    /// Of which request.
    pub const fn invoke(&self) -> InvokeId {
        match *self {
            ActionResponse::Normal { invoke, .. }
            | ActionResponse::Block { invoke, .. }
            | ActionResponse::WithList { invoke, .. }
            | ActionResponse::Next { invoke, .. } => invoke,
        }
    }
    pub(super) const fn name(&self) -> &'static str {
        match self {
            ActionResponse::Normal { .. } => "action-response-normal",
            ActionResponse::Block { .. } => "action-response-with-pblock",
            ActionResponse::WithList { .. } => "action-response-with-list",
            ActionResponse::Next { .. } => "action-response-next-pblock",
        }
    }
}

impl<'a> Element<'a> for ActionResponse<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (rest, (choice, invoke)) = (be_u8, element).parse(input)?;
        match (choice, rest) {
            // Quirk `no_return_flag`: some meters leave the flag of the absent return value out.
            (1, &[result]) => {
                let answer = ActionAnswer { result: ActionResult(result), returned: None };
                Ok((rest.split_at(1).1, Self::Normal { invoke, answer }))
            }
            (1, _) => map(element, |answer| Self::Normal { invoke, answer }).parse(rest),
            (2, _) => map(element, |block| Self::Block { invoke, block }).parse(rest),
            (3, _) => map(Sequence::parse, |answers| Self::WithList { invoke, answers }).parse(rest),
            (4, _) => map(be_u32, |block| Self::Next { invoke, block }).parse(rest),
            (other, _) => fail(DecodeError::Tag(other)),
        }
    }
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Normal { invoke, answer } => {
                out.extend([1, invoke.0]);
                answer.write(out);
            }
            Self::Block { invoke, block } => {
                out.extend([2, invoke.0]);
                block.write(out);
            }
            Self::WithList { invoke, answers } => {
                out.extend([3, invoke.0]);
                answers.write(out);
            }
            Self::Next { invoke, block } => {
                out.extend([4, invoke.0]);
                out.extend(block.to_be_bytes());
            }
        }
    }
}
