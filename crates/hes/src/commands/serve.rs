//! `hes serve`: the head-end, until it is told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::exit::{self, Exit};
use crate::server::{Server, announce};
use crate::settings::DataDir;
use crate::telemetry;
use crate::text::{help, say};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[arg(long, value_name = "DIR", help = help::serve_data_dir())]
    data_dir: Option<PathBuf>,
    #[arg(long, value_name = "ADDRESS", help = help::serve_listen())]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let mut settings = common.settings()?;
        if let Some(data_dir) = self.data_dir {
            settings.data_dir = DataDir(data_dir);
        }
        if let Some(listen) = self.listen {
            settings.api.listen = listen;
        }
        settings.validate()?;
        telemetry::start(&settings.log)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
        let for_people = std::io::stdout().is_terminal() && !common.output().is_json();
        runtime.block_on(async {
            // Before anything is announced, so that a signal that comes at once is not missed.
            let stop = stop_on_signals()?;
            let server = Server::prepare(settings).await?;
            let ready = server.ready();
            tracing::info!(api = %ready.api, dial_in = ?ready.dial_in, version = env!("CARGO_PKG_VERSION"), "hes is up");
            if for_people {
                common.output().line(say::serving(ready.api))?;
            } else {
                announce(ready)?;
            }
            server.run(stop).await
        })?;
        Ok(Exit::Done)
    }
}

/// A token that the first SIGTERM or SIGINT cancels; the second ends the process at once.
pub(crate) fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if last {
                tracing::warn!("a second signal: the process ends at once");
                exit::at_once();
            }
            tracing::info!("stopping; a second signal ends the process at once");
            told.cancel();
        }
    });
    Ok(stop)
}
