//! DLMS explained, for people: what it is about, then everything it says as an indented list.

use std::io::Write;

use hes_dissect::dlms::{Explained, Object, Tree, label};

use crate::output::{Output, Table, Tone, left, right};
use crate::text::{Language, column, language, told};

/// A heading, what the bytes say, and the fields of the outermost layer.
pub(crate) fn write(writer: &mut dyn Write, out: Output, explained: &Explained) -> anyhow::Result<()> {
    let layer = format!("{:?}", explained.layer).to_lowercase();
    let heading = [explained.protocol, &layer, about(&explained.meaning)].join(" ");
    out.write_toned(writer, Tone::Head, heading.trim_end())?;
    object(writer, out, &explained.meaning, 0)?;
    if let Some(fields) = &explained.fields {
        let mut table = Table::new([
            right(column::offset()),
            left(column::bytes()),
            left(column::field()),
            left(column::meaning()),
        ]);
        for field in fields {
            let name = match language() {
                Language::English => &field.en,
                Language::Chinese => &field.zh,
            };
            table.field(field.offset, &field.raw, None, name, &told(&field.value));
        }
        out.write_table(writer, &table)?;
    }
    Ok(())
}

/// The service, wherever it stands.
fn about(meaning: &Object) -> &str {
    match (meaning.text("type"), meaning.get("message")) {
        (Some(service), _) => service,
        (None, Some(Tree::Object(message))) => message.text("type").unwrap_or_default(),
        _ => "",
    }
}

fn name(key: &'static str) -> &'static str {
    match (label(key), language()) {
        (Some((english, _)), Language::English) => english,
        (Some((_, chinese)), Language::Chinese) => chinese,
        (None, _) => key,
    }
}

fn object(writer: &mut dyn Write, out: Output, of: &Object, depth: usize) -> anyhow::Result<()> {
    for (key, value) in of.iter() {
        let tone = match key {
            "error" | "undeciphered" => Tone::Bad,
            "quirk" | "detail" => Tone::Warn,
            _ => Tone::Plain,
        };
        tree(writer, out, name(key), value, depth, tone)?;
    }
    Ok(())
}

/// A part: on one line if it can be said there, else a line for each part of it, further in.
fn tree(writer: &mut dyn Write, out: Output, key: &str, of: &Tree, depth: usize, tone: Tone) -> anyhow::Result<()> {
    let indent = "  ".repeat(depth);
    if let Some(short) = one_line(of) {
        out.write_toned(writer, tone, format_args!("{indent}{key}: {short}"))?;
        return Ok(());
    }
    out.write_toned(writer, tone, format_args!("{indent}{key}:"))?;
    match of {
        Tree::Object(parts) => match (parts.get("t"), parts.get("v")) {
            // A value: its members, under its type.
            (Some(Tree::Text(_)), Some(Tree::List(members))) => list(writer, out, members, depth + 1)?,
            _ => object(writer, out, parts, depth + 1)?,
        },
        Tree::List(members) => list(writer, out, members, depth + 1)?,
        _ => {}
    }
    Ok(())
}

fn list(writer: &mut dyn Write, out: Output, members: &[Tree], depth: usize) -> anyhow::Result<()> {
    for (at, member) in members.iter().enumerate() {
        tree(writer, out, &(at + 1).to_string(), member, depth, Tone::Plain)?;
    }
    Ok(())
}

/// Most characters of what is said on one line.
const SHORT: usize = 100;

fn one_line(of: &Tree) -> Option<String> {
    Some(match of {
        Tree::Null => "-".to_owned(),
        Tree::Bool(truth) => truth.to_string(),
        Tree::Signed(number) => number.to_string(),
        Tree::Unsigned(number) => number.to_string(),
        Tree::Float(number) => number.to_string(),
        Tree::Text(text) => told(text),
        Tree::List(members) if members.iter().all(|member| matches!(member, Tree::Text(_))) => {
            members.iter().filter_map(one_line).collect::<Vec<_>>().join(", ")
        }
        Tree::List(_) => return None,
        Tree::Object(parts) => {
            if let (Some(Tree::Text(kind)), value) = (parts.get("t"), parts.get("v")) {
                let value = value.map(one_line).unwrap_or_else(|| Some(String::new()))?;
                let text = parts.text("text").map(|text| format!(" = {text}")).unwrap_or_default();
                return Some(format!("{kind} {value}{text}").trim_end().to_owned());
            }
            let parts = parts.iter().map(|(key, value)| one_line(value).map(|value| format!("{} {value}", name(key))));
            let short = parts.collect::<Option<Vec<_>>>()?.join(", ");
            return (short.chars().count() <= SHORT).then_some(short);
        }
    })
}
