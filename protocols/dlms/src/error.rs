//! Why bytes are not what they should be.

use nom::IResult;
use nom::error::{ErrorKind, FromExternalError, ParseError};

/// What a parser of this crate returns: the rest and the value.
pub type Parsed<'a, T> = IResult<&'a [u8], T, DecodeError>;

/// Why bytes are not a value, an APDU or an association message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than a length, or the type, asks for.
    #[error("bytes are missing at the end")]
    Truncated,
    /// Bytes are left over.
    #[error("bytes are left after the end")]
    Trailing,
    /// No type, service or choice has this tag here.
    #[error("{0:#04x} is not a tag that may stand here")]
    Tag(u8),
    /// A length of a form that does not exist, or of more than four octets.
    #[error("a length has no valid form")]
    Length,
    /// Arrays and structures inside each other, deeper than any real object.
    #[error("arrays and structures are nested too deep")]
    Depth,
    /// Too short for what its security control byte promises.
    #[error("too short for a security header and its tag")]
    Short,
    /// A value outside of what its field allows.
    #[error("a value is outside of what its field allows")]
    Value,
    /// Another version of the protocol.
    #[error("version {0} is not known")]
    Version(u16),
}

impl DecodeError {
    /// The stable name, as in the output of `hes decode`.
    pub const fn code(self) -> &'static str {
        match self {
            DecodeError::Truncated => "truncated",
            DecodeError::Trailing => "trailing",
            DecodeError::Tag(_) => "tag",
            DecodeError::Length => "length",
            DecodeError::Depth => "depth",
            DecodeError::Short => "short",
            DecodeError::Value => "value",
            DecodeError::Version(_) => "version",
        }
    }
}

impl ParseError<&[u8]> for DecodeError {
    // Every nom parser used here fails for one reason only: the input ends.
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        DecodeError::Truncated
    }
    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}
impl FromExternalError<&[u8], DecodeError> for DecodeError {
    fn from_external_error(_: &[u8], _: ErrorKind, own: DecodeError) -> Self {
        own
    }
}

/// A parser's own failure.
pub(crate) fn fail<T>(error: DecodeError) -> Parsed<'static, T> {
    Err(nom::Err::Error(error))
}

/// Runs `parser` over bytes that must be exactly one `T`.
pub(crate) fn whole<'a, T>(input: &'a [u8], parser: impl FnOnce(&'a [u8]) -> Parsed<'a, T>) -> Result<T, DecodeError> {
    match parser(input) {
        Ok(([], value)) => Ok(value),
        Ok(_) => Err(DecodeError::Trailing),
        Err(nom::Err::Incomplete(_)) => Err(DecodeError::Truncated),
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => Err(error),
    }
}
