//! `hes decode`: frames explained field by field, one by one or as a stream of lines.
//!
//! A line in, an answer out, in the same order. Bad input is an answer too; only the end of the stream ends it.

mod lines;

use std::io::{BufReader, BufWriter, IsTerminal, Write};

use clap::{Args, ValueEnum};
use hes_dissect::dlms::{self, CipherKeys, Layer};
use hes_dissect::{Fields, Options, Rejected, Secrets, decode_line};

use crate::cli::Common;
use crate::commands::{dissected, dissected_dlms};
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
    #[arg(long, value_enum, value_name = "LAYER", help = help::decode_layer())]
    layer: Option<StatedLayer>,
    #[arg(long, value_name = "HEX", help = help::decode_key())]
    key: Option<String>,
    #[arg(long, value_name = "HEX", requires = "key", help = help::decode_auth_key())]
    auth_key: Option<String>,
    #[arg(long, value_name = "HEX", requires = "key", help = help::decode_system_title())]
    system_title: Option<String>,
    #[arg(long, help = help::decode_brief())]
    brief: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Dlt645,
    Dlms,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatedLayer {
    Hdlc,
    Wrapper,
    Apdu,
    Axdr,
}

/// How the lines are explained.
enum Explainer {
    Dlt645(Options),
    Dlms(dlms::Options),
}

/// What a line means.
enum Answer {
    Dlt645(hes_dissect::Decoded),
    Dlms(dlms::Decoded),
    Rejected(Rejected),
}

impl Explainer {
    fn line(&self, line: &str) -> Answer {
        match self {
            Explainer::Dlt645(options) => Answer::Dlt645(decode_line(line, options)),
            Explainer::Dlms(options) => Answer::Dlms(dlms::decode_line(line, options)),
        }
    }
}

impl Answer {
    fn is_ok(&self) -> bool {
        match self {
            Answer::Dlt645(decoded) => decoded.is_ok(),
            Answer::Dlms(decoded) => decoded.is_ok(),
            Answer::Rejected(_) => false,
        }
    }
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
        let out = common.output();
        let explainer = self.explainer()?;
        let from_input = match self.input.as_slice() {
            [] if std::io::stdin().is_terminal() => return Err(UsageError(say::decode_what()).into()),
            [] => true,
            [only] => only == "-",
            _ => false,
        };
        if from_input {
            let input = BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock());
            stream(input, &explainer, out)?;
            return Ok(Exit::Done);
        }
        let answer = explainer.line(&self.input.join(" "));
        let mut writer = std::io::stdout().lock();
        write_one(&mut writer, &answer, out)?;
        Ok(if answer.is_ok() { Exit::Done } else { Exit::Failed })
    }

    fn explainer(&self) -> anyhow::Result<Explainer> {
        let fields = if self.brief { Fields::Without } else { Fields::With };
        let secrets = Secrets::Shown;
        match self.protocol {
            Protocol::Dlt645 => {
                if self.layer.is_some() || self.key.is_some() {
                    return Err(UsageError(say::decode_only_dlms()).into());
                }
                let dialect = self.dialect.map(|dialect| match dialect {
                    Dialect::V2007 => hes_dissect::Dialect::V2007,
                    Dialect::V1997 => hes_dissect::Dialect::V1997,
                });
                Ok(Explainer::Dlt645(Options { dialect, secrets, fields }))
            }
            Protocol::Dlms => {
                if self.dialect.is_some() {
                    return Err(UsageError(say::decode_only_dlt645()).into());
                }
                let layer = self.layer.map(|layer| match layer {
                    StatedLayer::Hdlc => Layer::Hdlc,
                    StatedLayer::Wrapper => Layer::Wrapper,
                    StatedLayer::Apdu => Layer::Apdu,
                    StatedLayer::Axdr => Layer::Axdr,
                });
                Ok(Explainer::Dlms(dlms::Options { layer, keys: self.keys()?, secrets, fields }))
            }
        }
    }

    fn keys(&self) -> anyhow::Result<Option<CipherKeys>> {
        let Some(key) = &self.key else { return Ok(None) };
        let keys = CipherKeys::from_hex(key, self.auth_key.as_deref(), self.system_title.as_deref());
        keys.map(Some).map_err(|why| UsageError(why.to_string()).into())
    }
}

/// Explains every line of `input`, in order, until it ends.
///
/// What has been explained is written out whenever the input has nothing more at hand, so that a live stream is followed
/// and a big file is not written in small pieces.
fn stream<R: std::io::Read>(mut input: BufReader<R>, explainer: &Explainer, out: Output) -> anyhow::Result<()> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout().lock());
    let mut line = Vec::new();
    loop {
        let answer = match next_line(&mut input, &mut line)? {
            Next::End => break,
            Next::TooLong => too_long(),
            Next::Line => explainer.line(&String::from_utf8_lossy(&line)),
        };
        write_one(&mut writer, &answer, out)?;
        if input.buffer().is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()?;
    Ok(())
}

fn too_long() -> Answer {
    let detail = format!("the line is longer than {LINE_MAX_BYTES} bytes");
    Answer::Rejected(Rejected { ok: false, error: "line_too_long", detail })
}

/// One answer: a JSON object on a line, or text with an empty line behind.
fn write_one(writer: &mut dyn Write, answer: &Answer, out: Output) -> anyhow::Result<()> {
    if out.is_json() {
        match answer {
            Answer::Dlt645(decoded) => write_json(writer, decoded)?,
            Answer::Dlms(decoded) => write_json(writer, decoded)?,
            Answer::Rejected(rejected) => write_json(writer, rejected)?,
        }
        writer.write_all(b"\n")?;
        return Ok(());
    }
    match answer {
        Answer::Dlt645(hes_dissect::Decoded::Explained(explained)) => dissected::write(writer, out, explained)?,
        Answer::Dlms(dlms::Decoded::Explained(explained)) => dissected_dlms::write(writer, out, explained)?,
        Answer::Dlt645(hes_dissect::Decoded::Rejected(rejected))
        | Answer::Dlms(dlms::Decoded::Rejected(rejected))
        | Answer::Rejected(rejected) => {
            out.write_toned(writer, Tone::Bad, format_args!("{}: {}", rejected.error, told(&rejected.detail)))?;
        }
    }
    writeln!(writer)?;
    Ok(())
}
