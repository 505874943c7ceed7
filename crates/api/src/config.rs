//! `[api]` of the configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Why the configuration of the API was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The API has no TLS and one token: it stays on this machine.
    #[error("api.listen = {found}: only a loopback address (127.0.0.1 or [::1]) is accepted")]
    NotLoopback {
        /// What was given.
        found: SocketAddr,
    },
    /// Out of range.
    #[error("api.{key} = {found}: accepted are {min} to {max}")]
    Range {
        /// The option.
        key: &'static str,
        /// What was given.
        found: u64,
        /// Smallest value accepted.
        min: u64,
        /// Largest value accepted.
        max: u64,
    },
}

/// Where the API listens and what it takes from one client.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Loopback address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// File that holds the access token; empty: `api-token` in the data directory. Made at first start, mode 0600.
    pub token_file: PathBuf,
    /// Connections at once; more wait unaccepted.
    pub connections_max: u32,
    /// Requests in work at once; more are answered 503 `busy`.
    pub requests_max: u32,
    /// Time for one request to be answered; streams count until their first byte.
    pub request_timeout_ms: u64,
    /// Time for a request's head to arrive, and for the next piece of its body.
    pub read_timeout_ms: u64,
    /// Time a client may take nothing of an answer before it is cut off.
    pub write_stall_timeout_ms: u64,
    /// Largest body of an ordinary request.
    pub body_max_bytes: u64,
    /// Largest CSV file of one import.
    pub import_max_bytes: u64,
    /// Most rows of one import.
    pub import_max_rows: u64,
    /// Longest wait a client may ask for with `wait_seconds`.
    pub wait_max_seconds: u64,
    /// How long an on-demand read may wait for its turn and its answer before it expires.
    pub read_expiry_seconds: u64,
    /// How often the live view is sent.
    pub live_interval_ms: u64,
    /// How old the collection figures of the live view may be.
    pub live_figures_max_age_ms: u64,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8645)),
            token_file: PathBuf::new(),
            connections_max: 256,
            requests_max: 64,
            request_timeout_ms: 30_000,
            read_timeout_ms: 15_000,
            write_stall_timeout_ms: 30_000,
            body_max_bytes: 1 << 20,
            import_max_bytes: 64 << 20,
            import_max_rows: 200_000,
            wait_max_seconds: 60,
            read_expiry_seconds: 300,
            live_interval_ms: 1_000,
            live_figures_max_age_ms: 5_000,
        }
    }
}

impl ApiConfig {
    /// Checks what the types alone do not.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            return Err(ConfigError::NotLoopback { found: self.listen });
        }
        let ranges = [
            ("connections_max", u64::from(self.connections_max), 1, 10_000),
            ("requests_max", u64::from(self.requests_max), 1, 10_000),
            ("request_timeout_ms", self.request_timeout_ms, 100, 600_000),
            ("read_timeout_ms", self.read_timeout_ms, 100, 600_000),
            ("write_stall_timeout_ms", self.write_stall_timeout_ms, 100, 600_000),
            ("body_max_bytes", self.body_max_bytes, 1 << 10, 1 << 30),
            ("import_max_bytes", self.import_max_bytes, 1 << 10, 1 << 30),
            ("import_max_rows", self.import_max_rows, 1, 10_000_000),
            ("wait_max_seconds", self.wait_max_seconds, 1, 600),
            ("read_expiry_seconds", self.read_expiry_seconds, 1, 86_400),
            ("live_interval_ms", self.live_interval_ms, 100, 60_000),
            ("live_figures_max_age_ms", self.live_figures_max_age_ms, 100, 600_000),
        ];
        for (key, found, min, max) in ranges {
            if !(min..=max).contains(&found) {
                return Err(ConfigError::Range { key, found, min, max });
            }
        }
        Ok(())
    }
    /// The option of the same name.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
    /// The option of the same name.
    pub fn read_timeout(&self) -> Duration {
        Duration::from_millis(self.read_timeout_ms)
    }
    /// The option of the same name.
    pub fn write_stall_timeout(&self) -> Duration {
        Duration::from_millis(self.write_stall_timeout_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_can_reach_is_refused() {
        for open in ["0.0.0.0:8645", "[::]:8645", "192.168.1.5:8645"] {
            let config = ApiConfig { listen: open.parse().unwrap(), ..ApiConfig::default() };
            assert!(matches!(config.validate(), Err(ConfigError::NotLoopback { .. })), "{open}");
        }
        assert_eq!(ApiConfig::default().validate(), Ok(()));
    }

    #[test]
    fn an_option_out_of_range_is_named_with_what_is_accepted() {
        let config = ApiConfig { wait_max_seconds: 0, ..ApiConfig::default() };
        let message = config.validate().unwrap_err().to_string();
        assert_eq!(message, "api.wait_max_seconds = 0: accepted are 1 to 600");
    }
}
