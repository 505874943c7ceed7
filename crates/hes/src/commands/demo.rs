//! `hes demo`: a simulated fleet and a head-end that reads it, to look at within a minute.
//!
//! The fleet is another program, `hes-sim`, and speaks real bytes over real pseudo-terminals and sockets; the head-end is
//! the one of `hes serve`, in this process; the demo itself is an ordinary client of its API. Everything is in one
//! folder: a second start continues where the first was.

mod fleet;
mod live;
mod site;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::Common;
use crate::client::Client;
use crate::commands::serve::stop_on_signals;
use crate::exit::Exit;
use crate::output::Tone;
use crate::server::Server;
use crate::telemetry;
use crate::text::{help, say};

use self::fleet::Fleet;
use self::live::{Ended, View};
use self::site::Site;

#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[arg(long, value_name = "DIR", default_value = "hes-data/demo", help = help::demo_dir())]
    dir: PathBuf,
    #[arg(long, value_name = "FILE", help = help::demo_fleet())]
    fleet: Option<PathBuf>,
    #[arg(long, help = help::demo_once())]
    once: bool,
    #[arg(long, help = help::demo_until_complete())]
    until_complete: bool,
    #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400), help = help::demo_for())]
    seconds: Option<u64>,
}

impl Demo {
    pub(crate) fn run(self, common: &Common) -> anyhow::Result<Exit> {
        let site = Site::open(&self.dir, self.fleet.as_deref())?;
        let settings = site.settings()?;
        telemetry::start_in_file(&settings.log, &site.log_file("hes.log"))?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting the runtime")?;
        runtime.block_on(async {
            let signals = stop_on_signals()?;
            let out = common.output();
            out.toned(Tone::Head, say::demo_starting(site.folder().display()))?;

            let server = Server::prepare(settings.clone()).await?;
            let dial_in = *server.ready().dial_in.first().context("the demo's listener has no address")?;
            out.line(say::demo_server_up(server.ready().api))?;
            // A signal ends the watching first; the head-end and the fleet are stopped after it, in this order.
            let stop = CancellationToken::new();
            let mut serving = tokio::spawn(server.run(stop.clone()));

            let work = async {
                let mut fleet = Fleet::start(&site, dial_in).await?;
                out.line(say::demo_fleet_up(fleet.meters(), fleet.channels()))?;
                let watched = tokio::select! {
                    watched = self.watch(common, &site, &settings, &signals) => watched,
                    died = fleet.died(&site) => Err(died),
                };
                Ok::<_, anyhow::Error>((fleet, watched))
            };
            let worked = tokio::select! {
                worked = work => worked,
                ended = &mut serving => {
                    ended.context("the head-end ended in a panic")??;
                    anyhow::bail!(say::demo_server_ended(site.log_file("hes.log").display()));
                }
            };
            out.line(say::demo_stopping())?;
            stop.cancel();
            serving.await.context("the head-end ended in a panic")??;
            let (fleet, watched) = worked?;
            fleet.stop().await?;
            let ended = watched?;
            out.line(say::demo_stopped(site.folder().display()))?;
            Ok(match ended {
                Ended::Told | Ended::Complete => Exit::Done,
                // Whoever asked for completeness and got the time limit wants to know.
                Ended::TimeIsUp if self.wants_complete() => Exit::Partly,
                Ended::TimeIsUp => Exit::Done,
            })
        })
    }

    /// Fills the archive, makes the plans, shows what happens.
    async fn watch(
        &self,
        common: &Common,
        site: &Site,
        settings: &crate::settings::Settings,
        stop: &CancellationToken,
    ) -> anyhow::Result<Ended> {
        let out = common.output();
        let client = Client::new(settings, None)?;
        let imported = site.import(&client).await?;
        out.line(say::demo_imported(imported.areas, imported.channels, imported.meters))?;
        let added = site.add_plans(&client, settings.zone.time_zone()).await?;
        out.line(say::demo_plans(added.join(", ")))?;
        site.show_commands(out, &client).await?;
        let view = View::new(common, &client, settings, self.once);
        let until = self.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        view.run(until, self.wants_complete(), stop).await
    }

    fn wants_complete(&self) -> bool {
        self.until_complete || self.once
    }
}
