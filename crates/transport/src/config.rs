//! Settings of links, with their defaults and units.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An option outside its accepted range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("transport.{key} = {found}: accepted are {min} to {max}")]
pub struct ConfigError {
    /// Section and option.
    pub key: &'static str,
    /// What was given.
    pub found: u32,
    /// The smallest value accepted.
    pub min: u32,
    /// The largest value accepted.
    pub max: u32,
}

/// `[transport]`: how links are opened, kept and given up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransportConfig {
    /// Sockets we open to serial servers and modems.
    pub dial: DialConfig,
    /// Sockets modules open to us.
    pub listener: ListenerConfig,
    /// Serial ports.
    pub serial: SerialConfig,
    /// Waiting before a link is opened again.
    pub backoff: BackoffConfig,
}

impl TransportConfig {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let Self { dial, listener, serial, backoff } = self;
        let ranges = [
            ("dial.connect_timeout_ms", dial.connect_timeout_ms, 100, 600_000),
            ("dial.write_timeout_ms", dial.write_timeout_ms, 100, 600_000),
            ("dial.keep_alive_idle_seconds", dial.keep_alive_idle_seconds, 1, 7200),
            ("dial.keep_alive_interval_seconds", dial.keep_alive_interval_seconds, 1, 600),
            ("dial.keep_alive_probes", dial.keep_alive_probes, 1, 20),
            ("listener.identify_timeout_ms", listener.identify_timeout_ms, 100, 600_000),
            ("listener.identify_max_bytes", listener.identify_max_bytes, 16, 65_536),
            ("listener.packet_quiet_ms", listener.packet_quiet_ms, 10, 60_000),
            ("listener.max_pending", listener.max_pending, 1, 100_000),
            ("listener.max_pending_per_peer", listener.max_pending_per_peer, 1, 100_000),
            ("listener.duplicate_proof_ms", listener.duplicate_proof_ms, 100, 600_000),
            ("listener.takeovers_max", listener.takeovers_max, 1, 1000),
            ("listener.takeover_window_seconds", listener.takeover_window_seconds, 1, 86_400),
            ("listener.unknown_kept", listener.unknown_kept, 1, 10_000),
            ("backoff.first_ms", backoff.first_ms, 10, 600_000),
            ("backoff.max_seconds", backoff.max_seconds, 1, 86_400),
            ("backoff.stable_seconds", backoff.stable_seconds, 0, 86_400),
        ];
        let settle = serial.port.iter().map(|port| ("serial.port.settle_ms", port.settle_ms, 0, 60_000));
        for (key, found, min, max) in ranges.into_iter().chain(settle) {
            if !(min..=max).contains(&found) {
                return Err(ConfigError { key, found, min, max });
            }
        }
        Ok(())
    }
}

/// `[transport.dial]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DialConfig {
    /// Longest time for name resolution and connection together.
    pub connect_timeout_ms: u32,
    /// Longest time a write may take before the link is given up.
    pub write_timeout_ms: u32,
    /// Silence after which the operating system asks whether the peer is still there. Dialled-in sockets too.
    pub keep_alive_idle_seconds: u32,
    /// Time between such questions.
    pub keep_alive_interval_seconds: u32,
    /// Unanswered questions after which the link is down.
    pub keep_alive_probes: u32,
}

impl Default for DialConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 10_000,
            write_timeout_ms: 10_000,
            keep_alive_idle_seconds: 60,
            keep_alive_interval_seconds: 10,
            keep_alive_probes: 3,
        }
    }
}

impl DialConfig {
    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms.into())
    }
    pub(crate) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms.into())
    }
}

/// `[transport.listener]`: where modules dial in, and what one may cost before it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerConfig {
    /// Addresses to listen on. None: no module can dial in.
    pub listen: Vec<SocketAddr>,
    /// Longest time from connection to identification.
    pub identify_timeout_ms: u32,
    /// Most bytes looked at before identification.
    pub identify_max_bytes: u32,
    /// Silence that ends a registration packet without a line end, and after which a silent module is asked for its address.
    pub packet_quiet_ms: u32,
    /// Most connections not yet identified, over all peers.
    pub max_pending: u32,
    /// Most connections not yet identified from one peer address.
    pub max_pending_per_peer: u32,
    /// How long a link has to prove itself alive when another claims its identity. Longer than its meters' longest answer.
    pub duplicate_proof_ms: u32,
    /// Take-overs of one channel within `takeover_window_seconds` after which two live modules are assumed.
    pub takeovers_max: u32,
    /// See `takeovers_max`.
    pub takeover_window_seconds: u32,
    /// Refused devices kept in the list of unknown devices; the one not seen for longest is forgotten first.
    pub unknown_kept: u32,
}

impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            identify_timeout_ms: 10_000,
            identify_max_bytes: 512,
            packet_quiet_ms: 500,
            max_pending: 1024,
            max_pending_per_peer: 32,
            duplicate_proof_ms: 5_000,
            takeovers_max: 3,
            takeover_window_seconds: 600,
            unknown_kept: 200,
        }
    }
}

impl ListenerConfig {
    pub(crate) fn identify_timeout(&self) -> Duration {
        Duration::from_millis(self.identify_timeout_ms.into())
    }
    pub(crate) fn identify_max_bytes(&self) -> usize {
        usize::try_from(self.identify_max_bytes).unwrap_or(usize::MAX)
    }
    pub(crate) fn packet_quiet(&self) -> Duration {
        Duration::from_millis(self.packet_quiet_ms.into())
    }
    pub(crate) fn duplicate_proof(&self) -> Duration {
        Duration::from_millis(self.duplicate_proof_ms.into())
    }
    pub(crate) fn takeover_window(&self) -> Duration {
        Duration::from_secs(self.takeover_window_seconds.into())
    }
}

/// `[transport.serial]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SerialConfig {
    /// Ports whose control lines matter: optical heads fed from them, RS-485 adapters switched by RTS.
    pub port: Vec<SerialPortConfig>,
}

impl SerialConfig {
    pub(crate) fn of(&self, path: &str) -> SerialPortConfig {
        self.port.iter().find(|p| p.path == path).cloned().unwrap_or_else(|| SerialPortConfig::plain(path))
    }
}

/// `[[transport.serial.port]]`: the control lines of one port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SerialPortConfig {
    /// Device path, as in the channel.
    pub path: String,
    /// DTR once the port is open.
    #[serde(default)]
    pub dtr: ModemLine,
    /// RTS once the port is open.
    #[serde(default)]
    pub rts: RtsMode,
    /// Wait between setting the lines and the first byte: an optical head charges from them.
    #[serde(default)]
    pub settle_ms: u32,
}

impl SerialPortConfig {
    pub(crate) fn plain(path: &str) -> Self {
        Self { path: path.to_owned(), dtr: ModemLine::Leave, rts: RtsMode::Leave, settle_ms: 0 }
    }
}

/// What to do with a control line of a serial port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModemLine {
    /// As the driver of the port leaves it.
    #[default]
    Leave,
    /// Raised.
    On,
    /// Lowered.
    Off,
}

/// What to do with RTS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RtsMode {
    /// As the driver of the port leaves it: adapters that find the direction themselves.
    #[default]
    Leave,
    /// Raised.
    On,
    /// Lowered.
    Off,
    /// Raised while we send, lowered to listen: half-duplex RS-485 transceivers without direction control of their own.
    Transmit,
}

/// `[transport.backoff]`: see [`Backoff`](crate::Backoff).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackoffConfig {
    /// Before the first new attempt.
    pub first_ms: u32,
    /// Never longer than this.
    pub max_seconds: u32,
    /// A link that was up this long starts the delay anew.
    pub stable_seconds: u32,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self { first_ms: 1000, max_seconds: 120, stable_seconds: 30 }
    }
}

impl BackoffConfig {
    pub(crate) fn first(&self) -> Duration {
        Duration::from_millis(self.first_ms.into())
    }
    pub(crate) fn max(&self) -> Duration {
        Duration::from_secs(self.max_seconds.into())
    }
    pub(crate) fn stable(&self) -> Duration {
        Duration::from_secs(self.stable_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_accepted_and_what_is_not_is_named_with_its_range() {
        let mut config = TransportConfig::default();
        assert_eq!(config.validate(), Ok(()));
        config.dial.connect_timeout_ms = 0;
        let wrong = config.validate().unwrap_err();
        assert_eq!(wrong.to_string(), "transport.dial.connect_timeout_ms = 0: accepted are 100 to 600000");
    }
}
