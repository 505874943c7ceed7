//! The simulated fleet as a child process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::site::Site;
use crate::text::say;

/// Longest time until the fleet answers.
const START: Duration = Duration::from_secs(60);
/// Longest time it gets to end by itself.
const STOP: Duration = Duration::from_secs(10);
/// Longest ready line read.
const READY_MAX_BYTES: u64 = 16 << 20;

/// A running `hes-sim`. It ends with the demo, however the demo ends: the other end of its standard input is here.
#[derive(Debug)]
pub(super) struct Fleet {
    child: Child,
    /// Held open: the fleet ends when it closes.
    _stdin: Option<ChildStdin>,
    ready: Ready,
}

/// What of its ready line matters here.
#[derive(Debug, Deserialize)]
struct Ready {
    meters: usize,
    channels: Vec<serde::de::IgnoredAny>,
}

impl Fleet {
    /// Starts the fleet of the site; its modules dial `dial_in`. The archive is written when this returns.
    pub(super) async fn start(site: &Site, dial_in: SocketAddr) -> anyhow::Result<Self> {
        let program = program()?;
        let log = std::fs::File::create(site.log_file("hes-sim.log")).context("making the fleet's log")?;
        let mut child = Command::new(&program)
            .arg("run")
            .arg(site.fleet_file())
            .arg("--archive")
            .arg(site.archive_dir())
            .arg("--ptys")
            .arg(site.ports_dir())
            .args(["--dial", &dial_in.to_string()])
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // Its own group: Ctrl-C reaches the demo only, which ends the fleet after the head-end.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdout = child.stdout.take().context("the fleet's output is piped")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout).take(READY_MAX_BYTES);
        let read = tokio::time::timeout(START, reader.read_line(&mut line)).await;
        let failed = || say::demo_fleet_failed(site.log_file("hes-sim.log").display());
        read.with_context(failed)?.with_context(failed)?;
        let ready = serde_json::from_str(&line).with_context(failed)?;
        // Waiting for a child would close it.
        let stdin = child.stdin.take();
        Ok(Self { child, _stdin: stdin, ready })
    }

    /// Meters that answer, dead ones included.
    pub(super) fn meters(&self) -> usize {
        self.ready.meters
    }
    /// Lines they are on.
    pub(super) fn channels(&self) -> usize {
        self.ready.channels.len()
    }

    /// Waits until the fleet ends by itself, which it never should; why nothing more can be shown.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub(super) async fn died(&mut self, site: &Site) -> anyhow::Error {
        let log = site.log_file("hes-sim.log");
        match self.child.wait().await {
            Ok(status) => anyhow::anyhow!(say::demo_fleet_died(status, log.display())),
            Err(error) => anyhow::Error::new(error).context(say::demo_fleet_failed(log.display())),
        }
    }

    /// Tells the fleet to end, and waits until it has.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // It may have ended by itself meanwhile; waiting tells.
            if let Err(error) = kill(Pid::from_raw(id), Signal::SIGTERM) {
                tracing::debug!(%error, "the fleet could not be told to end");
            }
        }
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            self.child.kill().await.context("ending the fleet")?;
        }
        Ok(())
    }
}

/// `hes-sim`, beside this program.
fn program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("looking for this program's own folder")?;
    let program = own.parent().unwrap_or(Path::new(".")).join("hes-sim");
    anyhow::ensure!(program.is_file(), say::demo_no_fleet(program.display()));
    Ok(program)
}
