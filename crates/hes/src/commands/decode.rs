//! `hes decode`: frames explained field by field, one by one or as a stream of lines.
//!
//! A line in, an answer out, in the same order. Bad input is an answer too; only the end of the stream ends it.

mod lines;

use std::io::{BufReader, BufWriter, IsTerminal, Write};

use clap::{Args, ValueEnum};
use hes_dissect::{Decoded, Fields, Options, Rejected, Secrets, decode_line};

use crate::cli::Common;
use crate::commands::dissected;
use crate::exit::{Exit, UsageError};
use crate::output::{Output, Tone, write_json};
use crate::text::{help, say, told};

use self::lines::{LINE_MAX_BYTES, Next, next_line};

/// Bytes read and written at once.
const BUFFER_BYTES: usize = 1 << 18;

#[derive(Debug, Args)]
pub(crate) struct Decode {
    #[arg(value_name = "PROTOCOL", value_enum, help = help::decode_protocol())]
    protocol: Protocol,
    #[arg(value_name = "HEX|-", help = help::decode_input())]
    input: Vec<String>,
    #[arg(long, value_enum, value_name = "YEAR", help = help::decode_dialect())]
    dialect: Option<Dialect>,
    #[arg(long, help = help::decode_brief())]
    brief: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Dlt645,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Dialect {
    #[value(name = "2007")]
    V2007,
    #[value(name = "1997")]
    V1997,
}

impl Decode {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let Protocol::Dlt645 = self.protocol;
        let out = common.output();
        let options = self.options();
        let from_input = match self.input.as_slice() {
            [] if std::io::stdin().is_terminal() => return Err(UsageError(say::decode_what()).into()),
            [] => true,
            [only] => only == "-",
            _ => false,
        };
        if from_input {
            let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
            stream(input, &options, out)?;
            return Ok(Exit::Done);
        }
        let decoded = decode_line(&self.input.join(" "), &options);
        let mut writer = std::io::stdout().lock();
        write_one(&mut writer, &decoded, out)?;
        Ok(if decoded.is_ok() { Exit::Done } else { Exit::Failed })
    }

    fn options(&self) -> Options {
        Options {
            dialect: self.dialect.map(|dialect| match dialect {
                Dialect::V2007 => hes_dissect::Dialect::V2007,
                Dialect::V1997 => hes_dissect::Dialect::V1997,
            }),
            secrets: Secrets::Shown,
            fields: if self.brief { Fields::Without } else { Fields::With },
        }
    }
}

/// Explains every line of `input`, in order, until it ends.
///
/// What has been explained is written out whenever the input has nothing more at hand, so that a live stream is followed
/// and a big file is not written in small pieces.
fn stream<R: std::io::Read>(mut input: BufReader<R>, options: &Options, out: Output) -> anyhow::Result<()> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        let decoded = match next_line(&mut input, &mut line)? {
            Next::End => break,
            Next::TooLong => too_long(),
            Next::Line => decode_line(&String::from_utf8_lossy(&line), options),
        };
        write_one(&mut writer, &decoded, out)?;
        if input.buffer().is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn too_long() -> Decoded {
    let detail = format!("the line is longer than {LINE_MAX_BYTES} bytes");
    Decoded::Rejected(Rejected { ok: false, error: "line_too_long", detail })
}

/// One answer: a JSON object on a line, or tables with an empty line behind.
fn write_one(writer: &mut dyn Write, decoded: &Decoded, out: Output) -> anyhow::Result<()> {
    if out.is_json() {
        write_json(writer, decoded)?;
        writer.write_all(b"\n")?;
        return Ok(());
    }
    match decoded {
        Decoded::Explained(explained) => dissected::write(writer, out, explained)?,
        Decoded::Rejected(rejected) => {
            out.write_toned(writer, Tone::Bad, format_args!("{}: {}", rejected.error, told(&rejected.detail)))?;
        }
    }
    writeln!(writer)?;
    Ok(())
}
