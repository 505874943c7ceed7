//! Takes a stream apart into lines and each line into the bytes to decode.
//!
//! A line is hexadecimal digits, or a JSON object with `hex` and what else the vector files have. Nothing in a line can
//! stop the stream: what is wrong with it is a result like any other.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use serde::Deserialize;

use crate::hex::HexError;

/// Longest line taken. The longest frames known are 64 KiB, 128 Ki digits; a vector's other members come on top.
pub(super) const LINE_MAX_BYTES: usize = 1 << 20;

/// What came of looking for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, without its end.
    Line,
    /// A line longer than [`LINE_MAX_BYTES`]; it was skipped to its end.
    TooLong,
    /// The stream is over.
    End,
}

/// Reads the next line into `line`, which is cleared first.
pub(super) fn next_line<R: BufRead>(input: &mut R, line: &mut Vec<u8>) -> io::Result<Next> {
    line.clear();
    let limit = u64::try_from(LINE_MAX_BYTES + 1).unwrap_or(u64::MAX);
    if input.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Next::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LINE_MAX_BYTES {
        line.clear();
        input.skip_until(b'\n')?;
        return Ok(Next::TooLong);
    }
    Ok(Next::Line)
}

/// A line that gives no bytes to decode.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum LineError {
    #[error("the line is empty")]
    Empty,
    #[error("the line is longer than {LINE_MAX_BYTES} bytes")]
    TooLong,
    #[error("not a JSON object with a text member \"hex\": {cause}")]
    Json { cause: String },
    #[error(transparent)]
    Hex(#[from] HexError),
}

impl LineError {
    /// The stable name of what is wrong.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            LineError::Empty => "empty",
            LineError::TooLong => "line_too_long",
            LineError::Json { .. } => "json",
            LineError::Hex(_) => "hex",
        }
    }
}

/// What a line asks for.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Asked<'a> {
    /// The bytes, as digits.
    #[serde(borrow)]
    pub(super) hex: Cow<'a, str>,
    /// The protocol with its dialect, where the line says so.
    #[serde(default, borrow)]
    pub(super) protocol: Option<Cow<'a, str>>,
}

/// Looks at a line: a JSON object, or digits.
pub(super) fn parse(line: &[u8]) -> Result<Asked<'_>, LineError> {
    match line.trim_ascii() {
        [] => Err(LineError::Empty),
        line @ [b'{', ..] => serde_json::from_slice(line).map_err(|cause| LineError::Json { cause: cause.to_string() }),
        line => match std::str::from_utf8(line) {
            Ok(text) => Ok(Asked { hex: Cow::Borrowed(text), protocol: None }),
            Err(error) => {
                let position = error.valid_up_to() + 1;
                Err(HexError::Digit { found: char::REPLACEMENT_CHARACTER, position }.into())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Result<String, &'static str>> {
        let (mut input, mut line, mut found) = (input, Vec::new(), Vec::new());
        loop {
            match next_line(&mut input, &mut line).unwrap() {
                Next::Line => found.push(Ok(String::from_utf8_lossy(&line).into_owned())),
                Next::TooLong => found.push(Err("too long")),
                Next::End => return found,
            }
        }
    }

    #[test]
    fn a_line_too_long_is_skipped_and_the_next_one_read() {
        let longest = "6".repeat(LINE_MAX_BYTES);
        let input = format!("{longest}\n{longest}6\n16\n{longest}68");
        assert_eq!(all(input.as_bytes()), [Ok(longest), Err("too long"), Ok("16".into()), Err("too long")]);
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(all(b"68\n\n16"), [Ok("68".into()), Ok(String::new()), Ok("16".into())]);
    }

    #[test]
    fn a_vector_is_taken_as_it_is() {
        let asked = parse(br#" {"protocol":"dlt645-1997","hex":"68","expect":{"di":"9010"},"note":""} "#).unwrap();
        assert_eq!(asked, Asked { hex: "68".into(), protocol: Some("dlt645-1997".into()) });
        for bad in [&b"{"[..], b"{}", br#"{"hex":7}"#, br#"{"hex":"68"} x"#] {
            assert_eq!(parse(bad).unwrap_err().kind(), "json");
        }
    }
}
