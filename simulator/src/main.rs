//! `hes-sim`: runs a simulated fleet until it is told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use hes_sim::{Fleet, LoadError, RunningChannel, StartError, StartOptions};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Simulated DL/T 645 meters on pseudo-terminals and TCP.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Tell errors as JSON too: {"error": "…"} on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a fleet; prints one JSON line when it answers.
    Run(Run),
    /// Say whether a fleet file is good, without opening anything.
    Check {
        /// The fleet file (every key is in config/fleets/every-key.toml).
        fleet: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The fleet file (every key is in config/fleets/every-key.toml).
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

/// What is printed of a good file.
#[derive(serde::Serialize)]
struct Checked {
    ok: bool,
    channels: usize,
    meters: usize,
}

/// The fleet file is wrong: another run would end the same.
const WRONG_FILE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .init();
    let args = Args::parse();
    let ended = match args.command {
        Command::Run(run_args) => run(run_args).await,
        Command::Check { fleet } => check(&fleet, args.json),
    };
    let Err(error) = ended else { return ExitCode::SUCCESS };
    // With all its causes, and no backtrace: it is for who wrote the file.
    let text = format!("{error:#}");
    if args.json {
        eprintln!("{}", serde_json::json!({ "error": text }));
    } else {
        eprintln!("error: {text}");
    }
    ExitCode::from(if error.is::<LoadError>() { WRONG_FILE } else { 1 })
}

fn check(path: &Path, json: bool) -> anyhow::Result<()> {
    let fleet = Fleet::build(&hes_sim::load(path)?).map_err(|cause| LoadError::config(path, cause))?;
    let checked = Checked { ok: true, channels: fleet.buses().len(), meters: fleet.meter_count() };
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, &checked)?;
        writeln!(out)?;
    } else {
        writeln!(
            out,
            "{} is a good fleet: {} meters on {} channels",
            path.display(),
            checked.meters,
            checked.channels
        )?;
    }
    Ok(())
}

async fn run(args: Run) -> anyhow::Result<()> {
    // Before anything is announced, so that a stop that comes at once is not missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let config = hes_sim::load(&args.fleet)?;
    let options = StartOptions { port_names: args.ptys, dial_target: args.dial };
    let running = Fleet::start(&config, &options).await.map_err(|error| match error {
        StartError::Config(cause) => LoadError::config(&args.fleet, cause).into(),
        error @ StartError::Open { .. } => anyhow::Error::new(error),
    })?;
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
