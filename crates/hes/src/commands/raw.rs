//! `hes raw`: sends one frame as it is, and only if it can do nothing but read.
//!
//! The guard is the driver's: whatever could move a relay, write a parameter or set a clock is refused before the line
//! is opened.

use anyhow::Context;
use clap::Args;
use hes_dissect::Options;
use hes_driver::dlt645::direct::send_read;
use hes_driver::dlt645::{dialect_of, guard};
use hes_model::{ExchangeProof, Failure, Protocol};

use crate::cli::{Common, on_one_thread};
use crate::commands::dissected;
use crate::direct::DirectTarget;
use crate::exit::{Exit, UsageError};
use crate::hex::{self, Joined, Spaced};
use crate::output::{Output, Tone};
use crate::settings::Zone;
use crate::text::{help, say, told};

#[derive(Debug, Args)]
pub(crate) struct Raw {
    #[arg(long, value_name = "TARGET", help = help::direct(), long_help = help::direct_long())]
    direct: DirectTarget,
    #[arg(long, value_name = "PROTOCOL", default_value = "dlt645-2007", value_parser = protocol, help = help::protocol())]
    protocol: Protocol,
    #[arg(value_name = "HEX", required = true, help = help::raw_hex())]
    hex: Vec<String>,
}

/// A protocol by its stable name.
pub(crate) fn protocol(code: &str) -> Result<Protocol, String> {
    Protocol::from_code(code).ok_or_else(|| {
        let known: Vec<&str> = Protocol::ALL.iter().map(|protocol| protocol.code()).collect();
        say::protocol_unknown(code, known.join(", "))
    })
}

impl Raw {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let mut bytes = Vec::new();
        hex::read(&self.hex.concat(), &mut bytes).map_err(|error| UsageError(error.to_string()))?;
        let frame = guard::read_frame(&bytes, dialect_of(self.protocol)).with_context(say::raw_refused)?;
        let settings = common.settings()?;
        let bar = common.progress().waiting(say::asking());
        let answered = on_one_thread(async {
            let mut link = self.direct.open(&settings).await?;
            let answered = send_read(&frame, &mut link).await;
            link.close().await;
            Ok(answered)
        })?;
        bar.finish_and_clear();
        let out = common.output();
        match answered {
            Ok(exchange) if out.is_json() => out.document(&exchange_document(&exchange))?,
            Ok(exchange) => show_exchange(out, &settings.zone, &exchange)?,
            Err(failure) if out.is_json() => {
                out.document(&serde_json::json!({ "request": Joined(&bytes).to_string(), "failure": failure_document(&failure) }))?;
                return Ok(Exit::Failed);
            }
            Err(failure) => {
                let cause = crate::commands::report::cause(failure.kind.code());
                out.toned(Tone::Bad, format_args!("{cause}: {}", told(&failure.detail)))?;
                if !failure.bytes.is_empty() {
                    out.line(format_args!("{}", Spaced(&failure.bytes)))?;
                }
                return Ok(Exit::Failed);
            }
        }
        Ok(Exit::Done)
    }
}

/// An exchange for people: what was sent and answered.
pub(crate) fn show_exchange(out: Output, zone: &Zone, exchange: &ExchangeProof) -> anyhow::Result<()> {
    for (heading, at, bytes) in [
        (say::exchange_sent(), exchange.sent_at, &exchange.request),
        (say::exchange_answered(), exchange.received_at.0, &exchange.answer),
    ] {
        out.toned(Tone::Faint, format_args!("{heading} {}", zone.local(at)))?;
        out.line(format_args!("{}", Spaced(bytes)))?;
        dissected::write_all(&mut std::io::stdout().lock(), out, bytes, &Options::PERSON)?;
    }
    Ok(())
}

/// A failure for programs, its bytes in hexadecimal digits as everywhere.
pub(crate) fn failure_document(failure: &Failure) -> serde_json::Value {
    let mut document = serde_json::json!({ "kind": failure.kind, "detail": failure.detail });
    if !failure.bytes.is_empty() {
        document["bytes"] = Joined(&failure.bytes).to_string().into();
    }
    document
}

/// An exchange for programs.
pub(crate) fn exchange_document(exchange: &ExchangeProof) -> serde_json::Value {
    serde_json::json!({
        "request": Joined(&exchange.request).to_string(),
        "answer": Joined(&exchange.answer).to_string(),
        "sent_at": exchange.sent_at,
        "received_at": exchange.received_at,
    })
}
