//! A frame explained, for people: what it is about, its values, its fields.

use std::io::Write;

use hes_dissect::{Decoded, Explained, Item, Options, Piece, decode, pieces};

use crate::hex::Spaced;
use crate::output::{Output, Table, Tone, left, right};
use crate::text::{Language, column, language, say, told};

/// Explains everything in `bytes`, frame by frame; what is no frame is shown as bytes.
pub(crate) fn write_all(writer: &mut dyn Write, out: Output, bytes: &[u8], options: &Options) -> anyhow::Result<()> {
    for piece in pieces(bytes) {
        let part = bytes.get(piece.range()).unwrap_or_default();
        match piece {
            Piece::Loose(_) => out.write_toned(writer, Tone::Faint, say::loose_bytes(Spaced(part)))?,
            Piece::Frame(_) => match decode(part, options) {
                Decoded::Explained(explained) => write(writer, out, &explained)?,
                Decoded::Rejected(rejected) => out.write_toned(writer, Tone::Bad, told(rejected.detail))?,
            },
        }
    }
    Ok(())
}

/// A heading, the values and the fields.
pub(crate) fn write(writer: &mut dyn Write, out: Output, explained: &Explained) -> anyhow::Result<()> {
    let about = explained.title.as_ref().map(|label| pick(&label.en, &label.zh)).unwrap_or_default();
    let item = explained.di_label.as_ref().map(|label| pick(&label.en, &label.zh)).unwrap_or_default();
    let di = explained.di.as_deref().unwrap_or_default();
    let heading = [explained.protocol, &explained.link.address, about, di, item].join(" ").trim_end().to_owned();
    out.write_toned(writer, Tone::Head, heading)?;
    if let Some(items) = explained.items.as_deref().filter(|items| !items.is_empty()) {
        out.write_table(writer, &values(items))?;
    }
    if let Some(fields) = &explained.fields {
        let mut table = Table::new([
            right(column::offset()),
            left(column::bytes()),
            left(column::plain()),
            left(column::field()),
            left(column::meaning()),
        ]);
        for field in fields {
            let plain = field.plain.as_deref().map(parted).unwrap_or_default();
            let name = pick(&field.en, &field.zh);
            table.field(field.offset, &parted(&field.raw), Some(&plain), name, &told(&field.value));
        }
        out.write_table(writer, &table)?;
    }
    Ok(())
}

/// Values with their units, and the bits of words.
pub(crate) fn values(items: &[Item]) -> Table {
    let mut table = Table::new([
        left(column::name()),
        right(column::value()),
        left(column::unit()),
        left(column::time()),
        left(column::obis()),
    ]);
    for item in items {
        let (tone, value) = match (&item.value, item.no_value) {
            (Some(value), _) => (Tone::Good, value.clone()),
            (None, reason) => (Tone::Warn, say::no_value(told(reason.unwrap_or("-")))),
        };
        let name = pick(&item.en, &item.zh);
        let name = match &item.history {
            Some(history) => format!("{name}, {}", told(history)),
            None => name.to_owned(),
        };
        let time = item.occurred.clone().or_else(|| item.latched.clone()).unwrap_or_default();
        table.row(tone, [name, value, item.unit.clone(), time, item.obis.clone().unwrap_or_default()]);
        for bit in item.bits.iter().flatten() {
            let bits =
                if bit.width == 1 { bit.bit.to_string() } else { format!("{}-{}", bit.bit, bit.bit + bit.width - 1) };
            let name = format!("  {bits}: {}", pick(&bit.en, &bit.zh));
            let tone = if bit.value == 0 { Tone::Faint } else { Tone::Plain };
            let meaning = bit.meaning.as_ref().map(told).unwrap_or_default();
            table.row(tone, [name, bit.value.to_string(), String::new(), meaning, String::new()]);
        }
    }
    table
}

/// The text of the chosen language.
fn pick<'t>(en: &'t str, zh: &'t str) -> &'t str {
    match language() {
        Language::English => en,
        Language::Chinese => zh,
    }
}

/// Digits with a blank between bytes.
fn parted(hex: &str) -> String {
    let mut parted = String::with_capacity(hex.len() * 3 / 2);
    for (at, digit) in hex.chars().enumerate() {
        if at > 0 && at % 2 == 0 {
            parted.push(' ');
        }
        parted.push(digit);
    }
    parted
}
