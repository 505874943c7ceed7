//! Takes a stream apart into lines of bounded length. Nothing in a line can stop the stream.

use std::io::{self, BufRead};

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
    if io::Read::take(&mut *input, limit).read_until(b'\n', line)? == 0 {
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
}
