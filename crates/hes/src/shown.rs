//! Text on its way to a terminal: names, frames and answers from outside are shown, never obeyed.
//!
//! A control character in a customer's name could move the cursor, hide a line or change the terminal's title; one that
//! turns the writing direction could make a number read backwards. Here they become visible escapes. Everything that is
//! printed for people passes through this module; colours are added behind it.

use std::fmt::{self, Write};

/// Displays a value with everything that could steer a terminal made visible. Line breaks stay: they are ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, breaks: Breaks::Kept }, "{}", self.0)
    }
}

/// The same on one line: a line break becomes a blank, so that no value makes up a row of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnOneLine<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for OnOneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping { to: f, breaks: Breaks::Blank }, "{}", self.0)
    }
}

/// Whether a character could steer a terminal: a control character, or one that turns the writing direction.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breaks {
    Kept,
    Blank,
}

struct Escaping<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    breaks: Breaks,
}

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(steers) {
            let (plain, from) = rest.split_at(at);
            self.to.write_str(plain)?;
            let mut chars = from.chars();
            match chars.next() {
                Some('\n') if self.breaks == Breaks::Kept => self.to.write_char('\n')?,
                Some('\n' | '\r' | '\t') => self.to.write_char(' ')?,
                Some(steering) => write!(self.to, "{}", steering.escape_unicode())?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.to.write_str(rest)
    }
}

/// JSON whose strings show a terminal nothing it would obey. JSON itself escapes the characters below 20H only.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ForTerminals;

impl serde_json::ser::Formatter for ForTerminals {
    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, out: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(steers) {
            let (plain, from) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut chars = from.chars();
            if let Some(steering) = chars.next() {
                // All of them are of the basic plane: one escape each.
                write!(out, "\\u{:04x}", u32::from(steering))?;
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;

    const HOSTILE: &str = "王\u{1b}[2J\u{7}\u{9b}31m\r\n\u{202e}321\u{7f}";

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(Shown(HOSTILE).to_string(), "王\\u{1b}[2J\\u{7}\\u{9b}31m \n\\u{202e}321\\u{7f}");
        assert_eq!(OnOneLine(HOSTILE).to_string(), "王\\u{1b}[2J\\u{7}\\u{9b}31m  \\u{202e}321\\u{7f}");
        assert_eq!(Shown("台区 A1, 1.5 kWh").to_string(), "台区 A1, 1.5 kWh");
    }

    #[test]
    fn json_says_the_same_and_shows_nothing_that_steers() {
        let mut text = Vec::new();
        HOSTILE.serialize(&mut serde_json::Serializer::with_formatter(&mut text, ForTerminals)).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(!text.contains(steers), "{text:?}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), HOSTILE);
    }
}
