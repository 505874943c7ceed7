//! A line of this machine used without any server: which one, how it is opened, and the world a dialogue on it sees.

use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use hes_driver::{Env, Outcome};
use hes_model::{Endpoint, LineSettings, Parity, UtcMicros};
use hes_transport::{DirectLink, Target, Transport, TransportMetrics};
use jiff::tz::TimeZone;

use crate::settings::Settings;
use crate::text::say;

/// Wake-up bytes the standard of 2007 names.
const WAKE_UP: u8 = 4;
/// Longest delay of a path that makes sense: power-line and radio concentrators.
const EXTRA_DELAY_MAX_MS: u32 = 120_000;

/// `serial:/dev/ttyUSB0?baud=9600&parity=none` or `tcp:192.168.1.10:8899?extra_delay_ms=2000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectTarget {
    endpoint: Endpoint,
    line: LineSettings,
    extra_delay: Duration,
    wake_up: u8,
}

impl FromStr for DirectTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (target, options) = text.split_once('?').unwrap_or((text, ""));
        let Target(endpoint) = target.parse().map_err(|error: hes_transport::TargetError| error.to_string())?;
        let (mut baud, mut data_bits, mut parity) =
            (LineSettings::DLT645.baud(), LineSettings::DLT645.data_bits(), LineSettings::DLT645.parity());
        let (mut extra_delay_ms, mut wake_up) = (0, WAKE_UP);
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key {
                "baud" => baud = number(key, value)?,
                "data_bits" => data_bits = number(key, value)?,
                "parity" => parity = parity_named(value)?,
                "extra_delay_ms" => extra_delay_ms = number(key, value)?,
                "wake_up" => wake_up = number(key, value)?,
                _ => return Err(say::target_option_unknown(key)),
            }
        }
        if extra_delay_ms > EXTRA_DELAY_MAX_MS {
            return Err(say::extra_delay_too_long(extra_delay_ms, EXTRA_DELAY_MAX_MS));
        }
        let line = LineSettings::new(baud, data_bits, parity).map_err(|error| error.to_string())?;
        Ok(Self { endpoint, line, extra_delay: Duration::from_millis(extra_delay_ms.into()), wake_up })
    }
}

fn number<T: FromStr>(key: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| say::target_option_no_number(key, value))
}

fn parity_named(name: &str) -> Result<Parity, String> {
    match name {
        "none" => Ok(Parity::None),
        "even" => Ok(Parity::Even),
        "odd" => Ok(Parity::Odd),
        _ => Err(say::parity_unknown(name)),
    }
}

impl DirectTarget {
    /// Opens the line, under the settings' time-outs.
    pub(crate) async fn open(&self, settings: &Settings) -> anyhow::Result<DirectLink> {
        let transport = Transport::new(settings.transport.clone(), TransportMetrics::unregistered());
        let line = transport.open(&self.endpoint, self.line).await.context(say::line_not_opened())?;
        Ok(DirectLink::new(line, self.extra_delay))
    }
    /// Speed and format of the line, as people write them.
    pub(crate) fn line(&self) -> String {
        let parity = match self.line.parity() {
            Parity::None => 'N',
            Parity::Even => 'E',
            Parity::Odd => 'O',
        };
        format!("{} {}{parity}1", self.line.baud(), self.line.data_bits())
    }
    /// The world of dialogues on this line.
    pub(crate) fn world(&self, zone: TimeZone) -> World {
        World { zone, wake_up: self.wake_up, outcomes: Vec::new() }
    }
}

/// The world of a dialogue for one person: everything it says is kept.
#[derive(Debug)]
pub(crate) struct World {
    zone: TimeZone,
    wake_up: u8,
    outcomes: Vec<Outcome>,
}

impl World {
    /// What dialogues have said so far, in order.
    pub(crate) fn into_outcomes(self) -> Vec<Outcome> {
        self.outcomes
    }
}

impl Env for World {
    fn now(&self) -> UtcMicros {
        jiff::Timestamp::now().into()
    }
    fn zone(&self) -> &TimeZone {
        &self.zone
    }
    fn wake_up(&self) -> u8 {
        self.wake_up
    }
    fn outcome(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_change_the_line() {
        let target: DirectTarget = "serial:/dev/ttyUSB0?baud=9600&parity=none&wake_up=0".parse().unwrap();
        assert_eq!(target.line, LineSettings::new(9600, 8, Parity::None).unwrap());
        assert_eq!(target.wake_up, 0);
        let target: DirectTarget = "tcp:localhost:8899?extra_delay_ms=2000".parse().unwrap();
        assert_eq!((target.line, target.extra_delay), (LineSettings::DLT645, Duration::from_secs(2)));
    }

    #[test]
    fn a_wrong_option_is_named() {
        for (target, part) in [
            ("serial:/dev/x?speed=9600", "speed"),
            ("serial:/dev/x?baud=fast", "fast"),
            ("serial:/dev/x?baud=1234", "1234"),
            ("serial:/dev/x?parity=mark", "mark"),
            ("tcp:h:1?extra_delay_ms=999999", "999999"),
            ("usb:x", "serial:"),
        ] {
            let error = target.parse::<DirectTarget>().unwrap_err();
            assert!(error.contains(part), "{target}: {error}");
        }
    }
}
