//! The back door: one JSON object a line in, one out, on loopback only.
//!
//! `{"op":"advance","seconds":900}` → `{"now":"2026-11-01T00:15:00"}`. What cannot be done is answered
//! `{"error":"…"}`; the connection stays, unless a line is no JSON. Meters are named by address, times are the fleet's civil time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::civil::{Civil, SECOND};
use crate::config::{ConfigError, check_baud, check_counter, check_drift, check_faults, check_rate, parse_address};
use crate::fault::{FaultConfig, Strike};
use crate::fleet::Fleet;
use crate::meter::{Counter, Dialect, Disturbance, Level, Meter, Phase, Undisturbed};
use crate::truth::{Counts, Hex};

/// Longest request line; a profile of bytes to force is far below.
const LONGEST_LINE: u64 = 64 * 1024;

/// What can be asked and done.
#[derive(Debug, serde::Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum Request {
    /// What time it is.
    Clock {},
    /// Moves the clock.
    Advance { seconds: i64 },
    /// Sets the clock.
    SetTime { to: Civil },
    /// Changes the clock's speed.
    SetRate { rate: f64 },
    /// What an item truly is, or was at `at`.
    Item { meter: String, item: Hex, at: Option<Civil> },
    /// Makes an item answer these bytes from now on.
    SetItem { meter: String, item: Hex, value: Hex },
    /// Lets an item be itself again.
    ClearItem { meter: String, item: Hex },
    /// Makes a daily freeze of one day answer these bytes.
    SetFreeze { meter: String, item: Hex, day: Civil, value: Hex },
    /// Makes a counter jump to this many hundredths of a kWh.
    SetCounter { meter: String, counter: Counter, hundredths: i64 },
    /// Strikes a meter's next answers, one fault each; `null` or `"good"` lets one pass.
    Fault { meter: String, faults: Vec<Strike> },
    /// Changes the rates of one channel or of all.
    Rates { channel: Option<String>, faults: FaultConfig },
    /// Kills or revives a meter.
    Dead { meter: String, dead: bool },
    /// Kills or revives a channel.
    DeadChannel { channel: String, dead: bool },
    /// Cuts the calls on a channel; a modem calls again.
    HangUp { channel: String },
    /// Presses the button on the meter.
    Button { meter: String },
    /// Presses or lets go the programming key.
    ProgrammingKey { meter: String, pressed: bool },
    /// Opens the meter's cover for a moment.
    OpenCover { meter: String },
    /// Lets something happen on the network before a meter.
    Event { meter: String, kind: Disturbance, phase: Option<Phase>, from: Option<Civil>, to: Civil },
    /// What the relay truly is.
    Relay { meter: String },
    /// Sets a meter's clock.
    SetClock { meter: String, shows: Civil },
    /// Changes how fast a meter's clock runs.
    SetDrift { meter: String, ppm: f64 },
    /// Lets a meter listen and answer at another speed.
    SetBaud { meter: String, baud: u32 },
    /// Sets a password.
    SetPassword { meter: String, level: Level, password: Hex },
    /// Puts another meter in a meter's place.
    Replace { meter: String, address: Option<String> },
    /// How often a meter, a channel or the fleet was asked, by control code.
    Asked { meter: Option<String>, channel: Option<String> },
    /// Counts of a channel or the fleet.
    Counts { channel: Option<String> },
    /// Remembered answers of a channel after a number.
    Sent {
        channel: String,
        #[serde(default)]
        after: u64,
    },
    /// Times on the wire of a channel.
    Wire { channel: String },
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("not a request: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("no meter {0}")]
    NoMeter(String),
    #[error("no channel {0}")]
    NoChannel(String),
    #[error("{what} has {expected} bytes, found {found}")]
    Length { what: &'static str, expected: &'static str, found: usize },
    #[error("{0} is no part of a daily freeze: expected 05060000 to 05060A00 or 05061000")]
    NoFreeze(Hex),
    #[error("channel {0} has no calls to hang up: its transport is a pseudo-terminal")]
    NoCalls(String),
    #[error(transparent)]
    Value(#[from] ConfigError),
    #[error(transparent)]
    Event(#[from] Undisturbed),
}

/// Why the back door was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It can do anything, so nobody outside may reach it.
    #[error("the back door opens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {at}")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

pub(crate) async fn open(at: SocketAddr) -> Result<TcpListener, ControlError> {
    if !at.ip().is_loopback() {
        return Err(ControlError::NotLoopback(at));
    }
    TcpListener::bind(at).await.map_err(|cause| ControlError::Listen { at, cause })
}

/// Takes requests until told to stop.
pub(crate) async fn serve(fleet: Arc<Fleet>, listener: TcpListener, stop: CancellationToken) {
    let mut visitors = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(ended) = visitors.join_next(), if !visitors.is_empty() => match ended {
                // A visitor who went away without a word is none of our business.
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a visit at the back door broke off"),
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let fleet = Arc::clone(&fleet);
                    visitors.spawn(async move { visit(&fleet, stream).await });
                }
                Err(error) => tracing::warn!(%error, "the back door does not open"),
            },
        }
    }
}

async fn visit(fleet: &Fleet, stream: TcpStream) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).await?;
        if read == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let request: Result<Value, _> = serde_json::from_slice(&line);
        // Who does not speak JSON is no visitor: a web page, say, whose request has JSON further down.
        let is_visitor = request.is_ok();
        let answer = request.map_err(Refusal::from).and_then(|request| answer(fleet, request));
        let answer = answer.unwrap_or_else(|refusal| json!({ "error": refusal.to_string() }));
        let mut text = answer.to_string();
        text.push('\n');
        write.write_all(text.as_bytes()).await?;
        if !is_visitor {
            return Ok(());
        }
    }
}

fn answer(fleet: &Fleet, request: Value) -> Result<Value, Refusal> {
    let done = || json!({ "ok": true });
    Ok(match serde_json::from_value(request)? {
        Request::Clock {} => json!({ "now": fleet.clock().now() }),
        Request::Advance { seconds } => json!({ "now": fleet.clock().advance(seconds.saturating_mul(SECOND)) }),
        Request::SetTime { to } => {
            fleet.clock().set(to);
            json!({ "now": to })
        }
        Request::SetRate { rate } => {
            check_rate("rate", rate)?;
            fleet.clock().set_rate(rate);
            done()
        }
        Request::Item { meter, item, at } => {
            let item = item_number(&item)?;
            let value = with(fleet, &meter, |m, now| m.item(item, at.unwrap_or(now)))?;
            json!({ "value": value.map(Hex) })
        }
        Request::SetItem { meter, item, value } => {
            let item = own_item(fleet, &meter, &item)?;
            with(fleet, &meter, |m, _| m.force_item(item, value.0.clone()))?;
            done()
        }
        Request::ClearItem { meter, item } => {
            let item = own_item(fleet, &meter, &item)?;
            with(fleet, &meter, |m, _| m.release_item(item))?;
            done()
        }
        Request::SetFreeze { meter, item, day, value } => {
            let item = match own_item(fleet, &meter, &item)? {
                freeze if Meter::keeps_daily(freeze) => freeze,
                _ => return Err(Refusal::NoFreeze(item)),
            };
            with(fleet, &meter, |m, _| m.force_freeze(item, day, value.0.clone()))?;
            done()
        }
        Request::SetCounter { meter, counter, hundredths } => {
            check_counter("hundredths", hundredths)?;
            with(fleet, &meter, |m, now| m.set_counter(counter, hundredths, now))?;
            done()
        }
        Request::Fault { meter, faults } => {
            let (address, bus) = bus_of(fleet, &meter)?;
            bus.script(address, faults);
            done()
        }
        Request::Rates { channel, faults } => {
            check_faults("faults", &faults)?;
            for bus in buses(fleet, channel.as_deref())? {
                bus.set_faults(faults);
            }
            done()
        }
        Request::Dead { meter, dead } => {
            let (address, bus) = bus_of(fleet, &meter)?;
            bus.set_silent(address, dead);
            done()
        }
        Request::DeadChannel { channel, dead } => {
            bus(fleet, &channel)?.set_dead(dead);
            done()
        }
        Request::HangUp { channel } => {
            let bus = bus(fleet, &channel)?;
            if !fleet.takes_calls(bus) {
                return Err(Refusal::NoCalls(channel));
            }
            bus.hang_up();
            done()
        }
        Request::Button { meter } => {
            with(fleet, &meter, Meter::press_button)?;
            done()
        }
        Request::ProgrammingKey { meter, pressed } => {
            with(fleet, &meter, |m, _| m.press_programming_key(pressed))?;
            done()
        }
        Request::OpenCover { meter } => {
            with(fleet, &meter, Meter::open_cover)?;
            done()
        }
        Request::Event { meter, kind, phase, from, to } => {
            with(fleet, &meter, |m, now| m.disturb(kind, phase, from.unwrap_or(now), to))??;
            done()
        }
        Request::Relay { meter } => {
            with(fleet, &meter, |m, now| json!({ "relay": m.relay_state(now), "locked": m.is_locked(now) }))?
        }
        Request::SetClock { meter, shows } => {
            with(fleet, &meter, |m, now| m.set_clock(now, shows))?;
            done()
        }
        Request::SetDrift { meter, ppm } => {
            check_drift("ppm", ppm)?;
            with(fleet, &meter, |m, now| m.set_drift(now, ppm))?;
            done()
        }
        Request::SetBaud { meter, baud } => {
            check_baud("baud", baud)?;
            let (address, bus) = bus_of(fleet, &meter)?;
            bus.set_baud(address, baud);
            done()
        }
        Request::SetPassword { meter, level, password } => {
            let found = password.0.len();
            let password: [u8; 3] =
                password.0.try_into().map_err(|_| Refusal::Length { what: "a password", expected: "3", found })?;
            with(fleet, &meter, |m, _| m.set_password(level, password))?;
            done()
        }
        Request::Replace { meter, address } => {
            let address = parse_address("address", address.as_deref().unwrap_or(&meter))?;
            with(fleet, &meter, |m, now| m.replace(address, now))?;
            done()
        }
        Request::Asked { meter: Some(meter), .. } => {
            let asked = with(fleet, &meter, |m, _| m.asked().to_vec())?;
            json!({ "asked": by_code(asked) })
        }
        Request::Asked { meter: None, channel } => {
            let mut asked = Vec::new();
            for bus in buses(fleet, channel.as_deref())? {
                bus.for_each_meter(|meter| asked.extend_from_slice(meter.asked()));
            }
            json!({ "asked": by_code(asked) })
        }
        Request::Counts { channel } => {
            let mut sum = Counts::default();
            for bus in buses(fleet, channel.as_deref())? {
                sum.add(&bus.counts());
            }
            json!({ "counts": sum })
        }
        Request::Sent { channel, after } => json!({ "sent": bus(fleet, &channel)?.sent(after) }),
        Request::Wire { channel } => json!({ "wire": bus(fleet, &channel)?.wire() }),
    })
}

/// Sums by control code, written as two hexadecimal digits.
fn by_code(asked: Vec<(u8, u32)>) -> BTreeMap<String, u64> {
    asked.into_iter().fold(BTreeMap::new(), |mut sums, (code, n)| {
        *sums.entry(format!("{code:02X}")).or_default() += u64::from(n);
        sums
    })
}

/// An item as people write it, high byte first: four bytes, or two in 1997.
fn item_number(item: &Hex) -> Result<u32, Refusal> {
    match *item.0.as_slice() {
        [di3, di2, di1, di0] => Ok(u32::from_be_bytes([di3, di2, di1, di0])),
        [di1, di0] => Ok(u32::from_be_bytes([0, 0, di1, di0])),
        _ => Err(Refusal::Length { what: "an item", expected: "2 or 4", found: item.0.len() }),
    }
}

/// An item of the width this meter's edition has; any other it would never be asked for.
fn own_item(fleet: &Fleet, meter: &str, item: &Hex) -> Result<u32, Refusal> {
    let (width, expected) = match with(fleet, meter, |m, _| m.dialect())? {
        Dialect::Edition2007 => (4, "4"),
        Dialect::Edition1997 => (2, "2"),
    };
    match item.0.len() {
        found if found == width => item_number(item),
        found => Err(Refusal::Length { what: "an item of this meter", expected, found }),
    }
}

fn with<R>(fleet: &Fleet, meter: &str, act: impl FnMut(&mut Meter, Civil) -> R) -> Result<R, Refusal> {
    let address = parse_address("meter", meter)?;
    fleet.with_meter(address, act).ok_or_else(|| Refusal::NoMeter(meter.to_owned()))
}

fn bus_of<'f>(fleet: &'f Fleet, meter: &str) -> Result<(u64, &'f Arc<Bus>), Refusal> {
    let address = parse_address("meter", meter)?;
    let bus = fleet.bus_of(address).ok_or_else(|| Refusal::NoMeter(meter.to_owned()))?;
    Ok((address, bus))
}

fn bus<'f>(fleet: &'f Fleet, channel: &str) -> Result<&'f Arc<Bus>, Refusal> {
    fleet.bus(channel).ok_or_else(|| Refusal::NoChannel(channel.to_owned()))
}

/// One channel, or all.
fn buses<'f>(fleet: &'f Fleet, channel: Option<&str>) -> Result<&'f [Arc<Bus>], Refusal> {
    match channel {
        Some(name) => bus(fleet, name).map(std::slice::from_ref),
        None => Ok(fleet.buses()),
    }
}
