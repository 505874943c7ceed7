//! Accepting connections: how many, how long each may dawdle, and an orderly end.
//!
//! `axum::serve` has no limit on the time a request head may take and none on connections, so the accept loop is ours.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::routes;
use crate::stall::StallGuard;
use crate::state::{Parts, State};
use crate::{ApiConfig, ConfigError};

/// How long answers in work may go on after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(5);
/// Pause after `accept` failed (out of file descriptors): the backlog waits meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
/// Largest request head; ours fit in a fraction.
const HEAD_MAX_BYTES: usize = 64 * 1024;

/// Why the API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The configuration is not usable.
    #[error("the [api] section of the configuration is not usable")]
    Config(#[from] ConfigError),
    /// The port is taken, most often by another server.
    #[error("cannot listen on {listen} (is another hes running? set api.listen to another port)")]
    Listen {
        /// Where.
        listen: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Checks the configuration and takes the port.
pub async fn bind(config: &ApiConfig) -> Result<TcpListener, BindError> {
    config.validate()?;
    let listen = config.listen;
    TcpListener::bind(listen).await.map_err(|source| BindError::Listen { listen, source })
}

/// Why the API cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A metric of that name is registered already: two servers on one registry.
    #[error("the API's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Serves the API until `stop`, then lets answers in work finish for a bounded time.
///
/// Not cancel safe: dropped, it leaves its connections to their tasks.
pub async fn serve(listener: TcpListener, parts: Parts, stop: CancellationToken) -> Result<(), ServeError> {
    let config = parts.config.clone();
    let routes = routes::router(State::new(parts, stop.clone())?);
    accept_all(listener, routes, &config, stop).await;
    Ok(())
}

async fn accept_all(listener: TcpListener, routes: Router, config: &ApiConfig, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(usize::try_from(config.connections_max).unwrap_or(usize::MAX)));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, permit)) => {
                let connection = Connection { stream, permit, routes: routes.clone(), stop: stop.clone() };
                connections.spawn(connection.run(config.read_timeout(), config.write_stall_timeout()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the API could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "answers still in work at shutdown were cut off");
    }
}

/// Waits for a free slot first, so that what is beyond the limit stays in the listener's backlog. Cancel safe.
async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed");
    let (stream, _peer) = listener.accept().await?;
    Ok((stream, permit))
}

struct Connection {
    stream: TcpStream,
    permit: OwnedSemaphorePermit,
    routes: Router,
    stop: CancellationToken,
}

impl Connection {
    async fn run(self, read_timeout: Duration, write_stall_timeout: Duration) {
        let Self { stream, permit, routes, stop } = self;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY on an API connection");
        }
        let io = TokioIo::new(StallGuard::new(stream, write_stall_timeout));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(read_timeout)
            .max_buf_size(HEAD_MAX_BYTES)
            .serve_connection(io, TowerToHyperService::new(routes));
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => {
                serving.as_mut().graceful_shutdown();
                tokio::time::timeout(DRAIN, serving.as_mut()).await.unwrap_or(Ok(()))
            }
            ended = serving.as_mut() => ended,
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "an API connection ended early");
        }
        drop(permit);
    }
}
