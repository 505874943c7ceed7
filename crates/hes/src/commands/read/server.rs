//! A read through the server: it waits for its turn on the meter's channel, ahead of planned work.

use std::time::Duration;

use hes_api::dto::reads::{ReadFailure, ReadRequest, ReadState, ReadStatus, ReadValue, ReadWhat};
use hes_model::{Failure, MeterNo};
use tokio::time::Instant;

use crate::cli::{Common, on_one_thread};
use crate::client::Client;
use crate::exit::Exit;
use crate::output::Tone;
use crate::settings::Zone;
use crate::text::say;

use super::answer::{Answer, Missing, Value};

/// One long poll; the server allows more, a proxy in between may not.
const POLL: Duration = Duration::from_secs(20);

/// Asks, waits, shows.
pub(super) fn read(common: &Common, meter: MeterNo, what: ReadWhat, wait: Duration) -> anyhow::Result<Exit> {
    let client = common.client()?;
    let bar = common.progress().waiting(say::reading(&meter));
    let status = on_one_thread(ask(&client, &ReadRequest { meter, what }, wait))?;
    bar.finish_and_clear();
    let zone = common.settings()?.zone;
    let answer = answer(&zone, &status);
    let out = common.output();
    if out.is_json() {
        out.document(&status)?;
    } else {
        answer.show(out, status.meter.as_str())?;
        if let Some(seq) = status.values.iter().find_map(|value| value.seq) {
            out.toned(Tone::Faint, say::proof_hint(seq))?;
        }
        if status.state == ReadState::Expired {
            out.toned(Tone::Bad, say::read_expired())?;
        }
    }
    Ok(answer.exit())
}

/// The server's answer in the words both ways share.
fn answer(zone: &Zone, status: &ReadStatus) -> Answer {
    let value = |ReadValue { value, seq, .. }: &ReadValue| Value {
        register: value.register,
        alias: value.alias.clone(),
        series: value.series.clone(),
        slot: Some(zone.local(value.slot)),
        quantity: value.quantity,
        no_value: value.no_value.clone(),
        occurred: value.occurred,
        rules: Some(value.rules.clone()),
        seq: *seq,
    };
    let missing = |failure: &ReadFailure| Missing {
        register: failure.register,
        slot: None,
        failure: Failure::new(failure.kind, failure.detail.clone()),
    };
    Answer {
        values: status.values.iter().map(value).collect(),
        missing: status.failures.iter().map(missing).collect(),
        clock: status.clock.clone(),
    }
}

async fn ask(client: &Client, request: &ReadRequest, wait: Duration) -> anyhow::Result<ReadStatus> {
    let give_up = Instant::now() + wait;
    let mut status: ReadStatus = client.post(&["reads"], request).await?;
    let id = status.id.to_string();
    while !status.state.is_final() {
        let left = give_up.saturating_duration_since(Instant::now());
        if left.is_zero() {
            anyhow::bail!(say::read_not_ended(status.id, wait.as_secs()));
        }
        // Whole seconds, at least one: a poll of nothing would be a busy loop.
        let seconds = left.min(POLL).as_secs().max(1);
        status = client.get(&["reads", &id], &[("wait_seconds", seconds.to_string())]).await?;
    }
    Ok(status)
}
