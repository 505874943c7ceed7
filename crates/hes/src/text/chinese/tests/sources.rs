//! The messages in the sources: string literals of two words and more that are not for logs, metrics or the database.

use std::path::{Path, PathBuf};

/// Where messages for people come from. What speaks to people itself has its texts in both languages in `text`.
const ROOTS: [&str; 13] = [
    "crates/api/src",
    "crates/billing/src",
    "crates/collector/src",
    "crates/dissect/src",
    "crates/driver/src",
    "crates/hes/src",
    "crates/model/src",
    "crates/reports/src",
    "crates/store/src",
    "crates/transport/src",
    "crates/validation/src",
    "protocols/dlt645/src",
    "protocols/wire/src",
];
/// Files without messages for people: texts in both languages, the documentation of columns, names of metrics, tables
/// that are read when the program is built and checked there.
const NOT_FOR_PEOPLE: [&str; 8] = [
    "hes/src/text",
    "hes/src/progress.rs",
    "hes/src/commands/demo/site.rs",
    "billing/src/row.rs",
    "billing/src/text.rs",
    "metrics.rs",
    "dlt645/src/items/table.rs",
    "dlt645/src/items/source.rs",
];
/// Calls whose texts are for logs, metrics, the database or a programmer.
const OTHER_CALLS: [&str; 18] = [
    "error!",
    "warn!",
    "info!",
    "debug!",
    "trace!",
    "panic!",
    "unreachable!",
    "assert!",
    "assert_eq!",
    "debug_assert!",
    "expect",
    "expect_err",
    "query",
    "query_as",
    "query_scalar",
    "Opts::new",
    "must_use",
    "serde",
];
/// Texts that are something else than a message: answers of tools, media types.
const NO_MESSAGES: [&str; 8] = [
    "PRAGMA user_version = {number}",
    "a permit that is not used lets nothing out",
    "Insert second",
    "Delete second",
    "Not synchronised",
    "Failed to deserialize query string: ",
    "dial_in packet:{packet}",
    "dial_in frame:{address}",
];

/// Words that stand in statements of the database only; some statements are put together of pieces.
const SQL: [&str; 17] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "FROM",
    "WHERE",
    "CONFLICT",
    "RETURNING",
    "NULL",
    "JOIN",
    "BETWEEN",
    "LIMIT",
    "PRAGMA",
    "AND",
    "r.slot",
    "until_day",
];

/// One message of the sources.
pub(super) struct Message {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) text: String,
}

/// Every message of the sources.
pub(super) fn messages() -> Vec<Message> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for of in ROOTS {
        for file in rust_files(&root.join(of)) {
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            if NOT_FOR_PEOPLE.iter().any(|part| name.contains(part)) || name.contains("/tests") {
                continue;
            }
            let source = std::fs::read_to_string(&file).unwrap();
            let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let literals = literals(code);
            for (at, literal) in literals.iter().enumerate() {
                // A Chinese text stands beside it: the message is in both languages already.
                let has_chinese =
                    literals.iter().skip(at.saturating_sub(1)).take(3).any(|near| super::is_chinese(&near.text));
                if is_message(&literal.text) && !has_chinese && !literal.in_other_call {
                    let line = code.get(..literal.at).unwrap_or_default().matches('\n').count() + 1;
                    found.push(Message { file: name.clone(), line, text: literal.text.clone() });
                }
            }
        }
    }
    assert!(found.len() > 300, "only {} messages were found: the scan is broken", found.len());
    found
}

/// A message with its varying parts unnamed.
pub(super) fn without_names(message: &str) -> String {
    let literal = |piece| match piece {
        super::Piece::Literal(text) => text,
        super::Piece::Varies(_) => "{}".to_owned(),
    };
    super::pieces(message).into_iter().map(literal).collect()
}

/// Two words at least, and no statement of a database.
fn is_message(text: &str) -> bool {
    let literal = without_names(text);
    let words = literal.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 1).count();
    let is_sql = SQL
        .iter()
        .any(|word| literal.split(|c: char| !(c.is_alphanumeric() || "_.?".contains(c))).any(|of| of == *word));
    let is_media_type = text.starts_with("text/");
    words > 1
        && !is_media_type
        && literal.contains(' ')
        && !super::is_chinese(text)
        && !is_sql
        && !NO_MESSAGES.contains(&text)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

struct Literal {
    at: usize,
    text: String,
    in_other_call: bool,
}

/// The string literals of a source, comments left out.
fn literals(code: &str) -> Vec<Literal> {
    let mut found = Vec::new();
    let mut calls: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        let first = rest.chars().next().unwrap();
        at += match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => {
                let end = if rest.starts_with("r#") { "\"#" } else { "\"" };
                let body = rest.find('"').unwrap() + 1;
                body + rest[body..].find(end).unwrap() + end.len()
            }
            '\'' => character(rest),
            '"' => {
                let (text, length) = string(rest);
                found.push(Literal { at, text, in_other_call: calls.iter().any(|other| *other) });
                length
            }
            '(' | '[' | '{' => {
                calls.push(is_other_call(code.get(..at).unwrap_or_default()));
                1
            }
            ')' | ']' | '}' => {
                calls.pop();
                1
            }
            other => other.len_utf8(),
        };
    }
    found
}

fn is_other_call(before: &str) -> bool {
    let name = before.trim_end();
    OTHER_CALLS.iter().any(|call| {
        name.strip_suffix(call).is_some_and(|front| !front.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    })
}

/// How long a character literal is; a lifetime is one character.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(1, |end| end + 4),
        (Some(_), Some((end, '\''))) => end + 1,
        _ => 1,
    }
}

/// A string literal's text and its length in the source.
fn string(rest: &str) -> (String, usize) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, at + 1),
            '\\' => match chars.next().map(|(_, escaped)| escaped) {
                Some('\n') => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some('n') => text.push('\n'),
                Some(escaped) => text.push(escaped),
                None => break,
            },
            c => text.push(c),
        }
    }
    (text, rest.len())
}
