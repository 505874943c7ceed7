//! `hes-sim`: runs a simulated fleet until it is told to stop.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use hes_sim::{Fleet, RunningChannel, StartOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Simulated DL/T 645 meters on pseudo-terminals and TCP.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a fleet; prints one JSON line when it answers.
    Run(Run),
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The fleet file (see config/fleets).
    fleet: PathBuf,
    /// Open the back door here; port 0 takes a free one. Loopback only.
    #[arg(long, value_name = "ADDR")]
    control: Option<SocketAddr>,
    /// Write areas.csv, channels.csv and meters.csv into this folder.
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Link the pseudo-terminals into this folder, by the channels' names.
    #[arg(long, value_name = "DIR")]
    ptys: Option<PathBuf>,
    /// Where the head-end listens for modems, instead of what the file says.
    #[arg(long, value_name = "ADDR")]
    dial: Option<SocketAddr>,
    /// End when standard input is closed too, as it is when whoever started this ends, however it ends.
    #[arg(long)]
    until_stdin_closes: bool,
}

/// What is printed when everything answers.
#[derive(serde::Serialize)]
struct Ready<'a> {
    ready: bool,
    meters: usize,
    now: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    control: Option<SocketAddr>,
    channels: &'a [RunningChannel],
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    let Args { command: Command::Run(args) } = Args::parse();
    run(args).await
}

async fn run(args: Run) -> anyhow::Result<()> {
    // Before anything is announced, so that a stop that comes at once is not missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let config = hes_sim::load(&args.fleet)?;
    let options = StartOptions { port_names: args.ptys, dial_target: args.dial };
    let running = Fleet::start(&config, &options).await?;
    let control = match args.control {
        Some(at) => Some(running.open_control(at).await?),
        None => None,
    };
    if let Some(folder) = &args.archive {
        hes_sim::archive::write(&running, folder)
            .with_context(|| format!("writing the archive to {}", folder.display()))?;
    }
    announce(&running, control)?;
    let starter_gone = async {
        match args.until_stdin_closes {
            // Its sender goes away at the end of the input.
            true => drop(stdin_closed().await),
            false => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = starter_gone => {}
    }
    running.stop().await;
    Ok(())
}

/// Answers at the end of standard input; what comes before it is passed over.
///
/// On a thread of its own, as a read that has begun can't be called off: the runtime would wait for it at its end.
fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, seen) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        if let Err(error) = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()) {
            tracing::warn!(%error, "standard input cannot be read");
        }
        drop(closed);
    });
    seen
}

fn announce(running: &hes_sim::RunningFleet, control: Option<SocketAddr>) -> anyhow::Result<()> {
    use std::io::Write as _;
    let channels = running.channels();
    let ready = Ready {
        ready: true,
        meters: channels.iter().map(|channel| channel.meters).sum(),
        now: running.fleet().clock().now().to_string(),
        control,
        channels,
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &ready)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}
