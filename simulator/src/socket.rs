//! Buses behind sockets: serial servers that are called, modems that call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::seed::{about, draw};
use crate::session;

/// Callers a serial server takes at once; real ones take one to four.
const MOST_CALLERS: usize = 4;
/// First wait before a modem calls again; it doubles up to the channel's limit.
const FIRST_REDIAL: Duration = Duration::from_millis(500);
/// A call that lasted this long was a good one: the next wait is the first again.
const GOOD_CALL: Duration = Duration::from_secs(10);

/// How a modem says who it is, ready to send.
#[derive(Debug, Clone)]
pub(crate) enum Announcement {
    Packet(Vec<u8>),
    FirstFrame,
    Silent,
}

/// Serves callers until told to stop.
pub(crate) async fn listen(bus: Arc<Bus>, listener: TcpListener, stop: CancellationToken) {
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(ended) = calls.join_next(), if !calls.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(channel = bus.name(), %error, "a call broke off");
                }
            }
            accepted = listener.accept() => match accepted {
                // One too many is hung up on, as a serial server does.
                Ok((stream, _)) if calls.len() < MOST_CALLERS => {
                    let bus = Arc::clone(&bus);
                    calls.spawn(async move { talk(&bus, stream).await });
                }
                Ok((stream, peer)) => {
                    tracing::debug!(channel = bus.name(), %peer, "too many callers");
                    drop(stream);
                }
                Err(error) => {
                    tracing::warn!(channel = bus.name(), %error, "cannot accept a call");
                    tokio::time::sleep(FIRST_REDIAL).await;
                }
            },
        }
    }
}

/// Calls the head-end, again and again, until told to stop.
pub(crate) async fn dial(
    bus: Arc<Bus>,
    target: SocketAddr,
    announcement: Announcement,
    redial_max: Duration,
    stop: CancellationToken,
) {
    let mut wait = FIRST_REDIAL;
    let mut calls = 0;
    loop {
        let started = tokio::time::Instant::now();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = call(&bus, target, &announcement) => {}
        }
        if started.elapsed() >= GOOD_CALL {
            wait = FIRST_REDIAL;
        }
        calls += 1;
        // Modems that lost power together must not call together.
        let jitter = draw(calls, about::DIAL ^ bus.first_address().unwrap_or(0), 1 + millis(wait) / 2);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait + Duration::from_millis(jitter)) => {}
        }
        wait = (wait * 2).min(redial_max.max(FIRST_REDIAL));
    }
}

async fn call(bus: &Bus, target: SocketAddr, announcement: &Announcement) {
    if bus.is_dead() {
        return;
    }
    match TcpStream::connect(target).await {
        Ok(mut stream) => {
            let said = match announcement {
                Announcement::Packet(text) => stream.write_all(text).await,
                Announcement::FirstFrame => stream.write_all(&bus.announcement()).await,
                Announcement::Silent => Ok(()),
            };
            match said {
                Ok(()) => talk(bus, stream).await,
                Err(error) => tracing::debug!(channel = bus.name(), %error, "hung up on"),
            }
        }
        Err(error) => tracing::debug!(channel = bus.name(), %target, %error, "nobody takes the call"),
    }
}

async fn talk(bus: &Bus, stream: TcpStream) {
    // Answers are short and must not wait for more to come.
    drop(stream.set_nodelay(true));
    tokio::select! {
        biased;
        () = bus.hung_up() => tracing::debug!(channel = bus.name(), "the call is cut"),
        ended = session::serve(bus, stream) => match ended {
            Ok(()) => {}
            Err(error) => tracing::debug!(channel = bus.name(), %error, "the call ended"),
        },
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
