//! TCP connections, ours to serial servers and modems; socket options for those of modules too.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{DialConfig, OpenError};

/// Connects to the first address of `host` that takes the connection. Each address gets an equal share of the time that
/// is left, so that one that swallows packets does not cost the others theirs.
pub(crate) async fn connect(host: &str, port: NonZeroU16, config: &DialConfig) -> Result<TcpStream, OpenError> {
    let after = config.connect_timeout();
    let end = Instant::now() + after;
    let timed_out = || OpenError::ConnectTimedOut { peer: peer(host, port), after };
    let resolve = |source| OpenError::Resolve { host: host.to_owned(), source };

    let found = timeout_at(end, lookup_host((host, port.get()))).await.map_err(|_elapsed| timed_out())?;
    let addresses: Vec<SocketAddr> = found.map_err(resolve)?.collect();
    let mut last = resolve(io::Error::from(io::ErrorKind::NotFound));
    for (address, left) in addresses.iter().zip((1..=addresses.len()).rev()) {
        let share = end.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(u32::MAX);
        last = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => match tune(&stream, config) {
                Ok(()) => return Ok(stream),
                Err(source) => OpenError::Connect { peer: peer(host, port), source },
            },
            Ok(Err(source)) => OpenError::Connect { peer: peer(host, port), source },
            Err(_elapsed) => timed_out(),
        };
    }
    Err(last)
}

/// Sends small frames at once, and finds out about a dead peer without traffic.
pub(crate) fn tune(stream: &TcpStream, config: &DialConfig) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let idle = Duration::from_secs(config.keep_alive_idle_seconds.max(1).into());
    let interval = Duration::from_secs(config.keep_alive_interval_seconds.max(1).into());
    let probes = config.keep_alive_probes.max(1);
    let keep_alive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes);
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(&keep_alive)?;
    // Keep-alive does not run while sent bytes are unacknowledged; without this that takes a quarter of an hour to show.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(idle + interval * probes))?;
    Ok(())
}

fn peer(host: &str, port: NonZeroU16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
