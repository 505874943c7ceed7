//! Chinese for what the libraries say.
//!
//! Libraries speak English: in logs, in the HTTP interface, in what they store about a failure. A person who chose Chinese
//! reads all of it in Chinese, so the command line looks it up by its English text in `config/chinese.toml`. What is not
//! found there stays English rather than being lost; a test reads the sources of every crate so that nothing is missing.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use super::{Language, language};

const TABLE: &str = include_str!("../../../../config/chinese.toml");
/// Longest text looked up; anything longer is data.
const TEXT_MAX_BYTES: usize = 4096;
/// How deep texts stand within texts: a cause in a detail in a refusal.
const DEPTH_MAX: u8 = 6;
/// What joins texts that each have a meaning of their own, loosest first, and what joins them in Chinese.
const JOINTS: [(&str, &str); 3] = [("; ", ";"), (": ", ":"), (", ", ",")];

/// What a library said, in the language of this process.
pub(crate) fn told(english: impl std::fmt::Display) -> String {
    let english = english.to_string();
    match language() {
        Language::English => english,
        Language::Chinese => in_chinese(&english).unwrap_or(english),
    }
}

/// The Chinese of a text, `None` where nothing of it is known.
fn in_chinese(english: &str) -> Option<String> {
    if english.len() > TEXT_MAX_BYTES { None } else { look_up(english, DEPTH_MAX) }
}

fn look_up(text: &str, depth: u8) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    let phrases = PHRASES.get_or_init(phrases);
    phrases.iter().find_map(|phrase| phrase.say(text, depth)).or_else(|| joined(text, depth))
}

/// The Chinese of texts that were joined: as much of them as is known, but of a mere list all or nothing.
fn joined(text: &str, depth: u8) -> Option<String> {
    let (joint, in_chinese) = JOINTS.into_iter().find(|(joint, _)| text.contains(joint))?;
    let parts: Vec<&str> = text.split(joint).collect();
    let said: Vec<Option<String>> = parts.iter().map(|part| look_up(part, depth)).collect();
    let known = said.iter().flatten().count();
    if known == 0 || (joint == ", " && known < parts.len()) {
        return None;
    }
    let parts = parts.into_iter().zip(said).map(|(part, said)| said.unwrap_or_else(|| part.to_owned()));
    Some(parts.collect::<Vec<_>>().join(in_chinese))
}

static PHRASES: OnceLock<Vec<Phrase>> = OnceLock::new();

/// The table, what leaves least open first.
fn phrases() -> Vec<Phrase> {
    let table: HashMap<String, String> = toml::from_str(TABLE).expect("a test reads the table");
    let mut phrases: Vec<Phrase> = table.iter().map(|(english, chinese)| Phrase::new(english, chinese)).collect();
    phrases.sort_by(|a, b| (b.literal_bytes(), &a.english).cmp(&(a.literal_bytes(), &b.english)));
    phrases
}

/// One message: literal text and what varies between, in both languages.
#[derive(Debug)]
struct Phrase {
    english: Vec<Piece>,
    chinese: Vec<Piece>,
}

/// A piece of a message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Literal(String),
    Varies(String),
}

impl Phrase {
    fn new(english: &str, chinese: &str) -> Self {
        Self { english: pieces(english), chinese: pieces(chinese) }
    }

    fn literal_bytes(&self) -> usize {
        self.english.iter().map(|piece| if let Piece::Literal(text) = piece { text.len() } else { 0 }).sum()
    }

    /// The Chinese of `text`, if this is the message it came from.
    fn say(&self, text: &str, depth: u8) -> Option<String> {
        let mut found = Vec::new();
        if !matches(&self.english, text, 0, &mut found) {
            return None;
        }
        let said = self.chinese.iter().map(|piece| match piece {
            Piece::Literal(literal) => literal.clone(),
            Piece::Varies(name) => {
                let part = found.iter().find(|(of, _)| of == name).and_then(|(_, at)| text.get(at.clone()));
                let part = part.unwrap_or_default();
                look_up(part, depth).unwrap_or_else(|| part.to_owned())
            }
        });
        Some(said.collect())
    }
}

/// Whether `text` from `at` on is these pieces; where each part that varies stands.
fn matches(pieces: &[Piece], text: &str, at: usize, found: &mut Vec<(String, Range<usize>)>) -> bool {
    let Some(rest) = text.get(at..) else { return false };
    match pieces {
        [] => rest.is_empty(),
        [Piece::Literal(literal), more @ ..] => {
            rest.starts_with(literal) && matches(more, text, at + literal.len(), found)
        }
        [Piece::Varies(name), more @ ..] => {
            let ends: Box<dyn Iterator<Item = usize>> = match more {
                [Piece::Literal(next), ..] => Box::new(rest.match_indices(next.as_str()).map(|(end, _)| end)),
                _ => Box::new(std::iter::once(rest.len())),
            };
            for end in ends.filter(|end| *end > 0) {
                let number = rest.get(..end).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()));
                if name.starts_with('#') && !number {
                    continue;
                }
                found.push((name.clone(), at..at + end));
                if matches(more, text, at + end, found) {
                    return true;
                }
                found.pop();
            }
            false
        }
    }
}

/// Parts a message at its `{names}`.
fn pieces(message: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = message;
    while let Some((literal, (name, behind))) =
        rest.split_once('{').and_then(|(literal, behind)| Some((literal, behind.split_once('}')?)))
    {
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Varies(name.to_owned()));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
    }
    pieces
}

#[cfg(test)]
mod tests;
