//! TCP connections, ours to serial servers and modems; socket options for those of modules too.

use std::io;
use std::num::NonZeroU16;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};

use crate::{DialConfig, OpenError};

/// Connects to the first address of `host` that takes the connection.
pub(crate) async fn connect(host: &str, port: NonZeroU16, config: &DialConfig) -> Result<TcpStream, OpenError> {
    let after = config.connect_timeout();
    match tokio::time::timeout(after, first_that_answers(host, port, config)).await {
        Ok(connected) => connected,
        Err(_elapsed) => Err(OpenError::ConnectTimedOut { peer: peer(host, port), after }),
    }
}

async fn first_that_answers(host: &str, port: NonZeroU16, config: &DialConfig) -> Result<TcpStream, OpenError> {
    let resolve = |source| OpenError::Resolve { host: host.to_owned(), source };
    let addresses = lookup_host((host, port.get())).await.map_err(resolve)?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await.and_then(|stream| tune(&stream, config).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(e) => last = Some(e),
        }
    }
    match last {
        Some(source) => Err(OpenError::Connect { peer: peer(host, port), source }),
        None => Err(resolve(io::Error::from(io::ErrorKind::NotFound))),
    }
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
