//! What goes to standard output: a table for people or JSON for programs, never both.
//!
//! Colours only where standard output is a terminal and `NO_COLOR` is not set. Columns are aligned by display width,
//! so Chinese text lines up.
//!
//! This is the way to the terminal, and the one place where what others named is made harmless (see [`crate::shown`]).

use std::io::{BufWriter, IsTerminal, Stdout, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, presets};
use serde::Serialize;

use crate::shown::{ForTerminals, OnOneLine, Shown};

/// Bytes of a field shown on one row, and characters of its meaning.
const BYTES_A_ROW: usize = 12;
const MEANING_CHARS: usize = 48;

/// Where and how a command answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    terminal: bool,
    colour: bool,
}

impl Output {
    /// JSON or tables; colours where they make sense.
    pub(crate) fn new(json: bool, no_color: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { json, terminal, colour: !json && !no_color && terminal }
    }
    /// Whether JSON was asked for.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }
    /// Whether a person looks at a terminal, where lines can be drawn over.
    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }
    /// One JSON document on a line of its own.
    pub(crate) fn document<T: Serialize + ?Sized>(self, value: &T) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        write_json(&mut out, value)?;
        writeln!(out)?;
        Ok(())
    }
    /// A JSON array that is written item by item, for lists that need not fit into memory.
    pub(crate) fn array(self) -> anyhow::Result<JsonArray> {
        JsonArray::start(std::io::stdout())
    }
    /// A table for people.
    pub(crate) fn table(self, table: &Table) -> anyhow::Result<()> {
        self.write_table(&mut std::io::stdout().lock(), table)
    }
    /// A table for people, to a writer over standard output.
    pub(crate) fn write_table(self, out: &mut dyn Write, table: &Table) -> anyhow::Result<()> {
        table.render(self.colour, out)?;
        Ok(())
    }
    /// A line for people.
    pub(crate) fn line(self, text: impl std::fmt::Display) -> anyhow::Result<()> {
        writeln!(std::io::stdout().lock(), "{}", Shown(text))?;
        Ok(())
    }
    /// A line for people, coloured by what it means.
    pub(crate) fn toned(self, tone: Tone, text: impl std::fmt::Display) -> anyhow::Result<()> {
        self.write_toned(&mut std::io::stdout().lock(), tone, text)
    }
    /// A line for people, coloured by what it means, to a writer over standard output.
    pub(crate) fn write_toned(
        self,
        out: &mut dyn Write,
        tone: Tone,
        text: impl std::fmt::Display,
    ) -> anyhow::Result<()> {
        let style = if self.colour { tone.style() } else { Style::new() };
        writeln!(out, "{style}{}{style:#}", Shown(text))?;
        Ok(())
    }
}

/// A JSON value without the line's end.
pub(crate) fn write_json<T: Serialize + ?Sized>(out: &mut dyn Write, value: &T) -> anyhow::Result<()> {
    let mut json = serde_json::Serializer::with_formatter(out, ForTerminals);
    value.serialize(&mut json).map_err(std::io::Error::from)?;
    Ok(())
}

/// A JSON array in the making. Dropped before [`JsonArray::end`], it is visibly incomplete.
#[derive(Debug)]
pub(crate) struct JsonArray {
    out: BufWriter<Stdout>,
    separator: &'static str,
}

impl JsonArray {
    fn start(out: Stdout) -> anyhow::Result<Self> {
        let mut out = BufWriter::new(out);
        out.write_all(b"[")?;
        Ok(Self { out, separator: "" })
    }
    /// One more item.
    pub(crate) fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> anyhow::Result<()> {
        write!(self.out, "{}", self.separator)?;
        self.separator = ",\n";
        write_json(&mut self.out, value)
    }
    /// The end.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.out.write_all(b"]\n")?;
        self.out.flush()?;
        Ok(())
    }
}

/// What a row means, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
    Faint,
    Head,
}

impl Tone {
    pub(crate) fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Head => Style::new().bold(),
        }
    }
}

/// A value that may be long, in pieces of at most `chars` characters, each for a row of its own; at least one.
pub(crate) fn folded(text: &str, chars: usize) -> Vec<String> {
    let all: Vec<char> = text.chars().collect();
    let mut pieces: Vec<String> =
        all.chunks(chars).map(|piece| piece.iter().collect::<String>().trim_end().to_owned()).collect();
    if pieces.is_empty() {
        pieces.push(String::new());
    }
    pieces
}

/// On which side of its column a value stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows under a heading.
#[derive(Debug)]
pub(crate) struct Table {
    inner: comfy_table::Table,
    tones: Vec<Tone>,
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new<const N: usize>(columns: [(Align, String); N]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        inner.set_header(columns.iter().map(|(_, name)| OnOneLine(name).to_string()));
        for (column, (align, _)) in inner.column_iter_mut().zip(columns.iter()) {
            column.set_padding((0, 2));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        Self { inner, tones: Vec::new() }
    }
    /// One more row, on a line of its own whatever stands in its cells.
    pub(crate) fn row<const N: usize>(&mut self, tone: Tone, cells: [String; N]) {
        self.tones.push(tone);
        self.inner.add_row(cells.map(|cell| OnOneLine(cell).to_string()));
    }
    /// One field over as many rows as its bytes and its meaning need.
    pub(crate) fn field(&mut self, offset: usize, bytes: &str, plain: Option<&str>, name: &str, meaning: &str) {
        let bytes = folded(bytes, BYTES_A_ROW * 3);
        let plain = plain.map(|plain| folded(plain, BYTES_A_ROW * 3));
        let meaning = folded(meaning, MEANING_CHARS);
        let rows = bytes.len().max(plain.as_ref().map_or(0, Vec::len)).max(meaning.len());
        let piece = |pieces: &[String], row: usize| pieces.get(row).cloned().unwrap_or_default();
        for row in 0..rows {
            let (offset, name) = if row == 0 { (offset.to_string(), name.to_owned()) } else { Default::default() };
            match &plain {
                None => self.row(Tone::Plain, [offset, piece(&bytes, row), name, piece(&meaning, row)]),
                Some(plain) => {
                    let cells = [offset, piece(&bytes, row), piece(plain, row), name, piece(&meaning, row)];
                    self.row(Tone::Plain, cells);
                }
            }
        }
    }
    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.tones.is_empty()
    }
    /// Writes the heading and the rows.
    pub(crate) fn render(&self, colour: bool, out: &mut dyn Write) -> std::io::Result<()> {
        let tones = std::iter::once(Tone::Head).chain(self.tones.iter().copied());
        for (line, tone) in self.inner.lines().zip(tones) {
            let style = if colour { tone.style() } else { Style::new() };
            writeln!(out, "{style}{}{style:#}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A left-aligned column.
pub(crate) fn left(name: String) -> (Align, String) {
    (Align::Left, name)
}

/// A right-aligned column, for numbers.
pub(crate) fn right(name: String) -> (Align, String) {
    (Align::Right, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(table: &Table, colour: bool) -> String {
        let mut out = Vec::new();
        table.render(colour, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn chinese_cells_take_two_columns_a_character() {
        let mut table = Table::new([left("台区".into()), right("成功率".into())]);
        table.row(Tone::Good, ["城东一号".into(), "99.5 %".into()]);
        table.row(Tone::Bad, ["A1".into(), "7.0 %".into()]);
        assert_eq!(rendered(&table, false), "台区      成功率\n城东一号  99.5 %\nA1         7.0 %\n");
    }

    #[test]
    fn a_long_value_is_folded_and_an_empty_one_keeps_its_row() {
        assert_eq!(folded("68 01 02 03", 6), ["68 01", "02 03"]);
        assert_eq!(folded("", 6), [""]);
    }

    #[test]
    fn a_row_stays_one_line_and_is_coloured_as_a_whole() {
        let mut table = Table::new([left("meter".into())]);
        table.row(Tone::Bad, ["a\nb".into()]);
        assert_eq!(rendered(&table, true), "\u{1b}[1mmeter\u{1b}[0m\n\u{1b}[31ma b\u{1b}[0m\n");
    }
}
