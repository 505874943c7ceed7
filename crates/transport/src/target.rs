//! A link named on a command line.

use std::num::NonZeroU16;
use std::str::FromStr;

use hes_model::Endpoint;

/// Why a target was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Neither kind.
    #[error("{found:?} is not serial:PATH or tcp:HOST:PORT, such as serial:/dev/ttyUSB0 or tcp:192.168.1.10:8899")]
    Kind {
        /// What was given.
        found: String,
    },
    /// No path behind `serial:`.
    #[error("serial: needs the path of a port, such as serial:/dev/ttyUSB0")]
    NoPath,
    /// No host, or no port from 1 to 65535.
    #[error("tcp: needs HOST:PORT with a port from 1 to 65535, such as tcp:192.168.1.10:8899; found {found:?}")]
    HostPort {
        /// What was given.
        found: String,
    },
}

/// `serial:PATH` or `tcp:HOST:PORT` (an IPv6 address in brackets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(pub Endpoint);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(s: &str) -> Result<Self, TargetError> {
        match s.split_once(':') {
            Some(("serial", "")) => Err(TargetError::NoPath),
            Some(("serial", path)) => Ok(Self(Endpoint::Serial { path: path.to_owned() })),
            Some(("tcp", peer)) => host_port(peer).ok_or_else(|| TargetError::HostPort { found: peer.to_owned() }),
            _ => Err(TargetError::Kind { found: s.to_owned() }),
        }
    }
}

fn host_port(peer: &str) -> Option<Target> {
    let (host, port) = peer.rsplit_once(':')?;
    let port: NonZeroU16 = port.parse().ok()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then(|| Target(Endpoint::Dial { host: host.to_owned(), port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_a_port_or_a_peer() {
        assert_eq!("serial:/dev/ttyUSB0".parse(), Ok(Target(Endpoint::Serial { path: "/dev/ttyUSB0".into() })));
        let dial =
            |host: &str, port| Ok(Target(Endpoint::Dial { host: host.into(), port: NonZeroU16::new(port).unwrap() }));
        assert_eq!("tcp:meter.local:8899".parse(), dial("meter.local", 8899));
        assert_eq!("tcp:[::1]:8899".parse(), dial("::1", 8899));
    }

    #[test]
    fn a_target_that_is_none_says_how_one_looks() {
        for bad in ["", "/dev/ttyUSB0", "serial:", "tcp:", "tcp:host", "tcp:host:0", "tcp::99", "tcp:::1:99", "udp:h:1"]
        {
            let e = bad.parse::<Target>().unwrap_err();
            assert!(e.to_string().contains("serial:") || e.to_string().contains("tcp:"), "{bad}: {e}");
        }
    }
}
