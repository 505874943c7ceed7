//! `hes`: the head-end as one program. Parses the command line, loads the settings, wires the parts, reports errors.
//!
//! Only this crate reads the environment and ends the process.

mod cli;
mod client;
mod commands;
mod day;
mod direct;
mod exit;
mod hex;
mod output;
mod progress;
mod server;
mod settings;
mod shown;
mod telemetry;
mod text;
mod usage;

use std::io::Write;
use std::process::ExitCode;

use crate::cli::Cli;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    text::choose(&args, locale().as_deref());
    let cli = match Cli::parse_localised(&args) {
        Ok(cli) => cli,
        Err(error) => return usage::print(&error, &args),
    };
    let output = cli.common.output();
    match arm_fail_point().and_then(|()| cli.run()) {
        Ok(exit) => exit.code().into(),
        Err(error) if exit::reader_went_away(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error, output);
            exit::code_of(&error).into()
        }
    }
}

/// Arms the fail point of `HES_FAIL_POINT`, as `name` or `name:nth`. A build without fail points refuses the variable:
/// a test that relied on it would prove nothing.
fn arm_fail_point() -> anyhow::Result<()> {
    let Some(armed) = std::env::var("HES_FAIL_POINT").ok().filter(|armed| !armed.is_empty()) else { return Ok(()) };
    let (name, nth) = armed.split_once(':').unwrap_or((&armed, "1"));
    let nth: u64 =
        nth.parse().map_err(|_| anyhow::anyhow!("HES_FAIL_POINT={armed}: accepted is NAME or NAME:COUNT"))?;
    anyhow::ensure!(hes_failpoint::KNOWN.contains(&name), "HES_FAIL_POINT={armed}: no fail point has this name");
    #[cfg(feature = "fail-points")]
    hes_failpoint::arm(name, nth);
    #[cfg(not(feature = "fail-points"))]
    anyhow::bail!("HES_FAIL_POINT={name}:{nth}: this program was built without the feature fail-points");
    #[cfg(feature = "fail-points")]
    Ok(())
}

/// The locale for messages, as POSIX orders the variables.
fn locale() -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// Says on standard error what went wrong, with the whole chain of causes.
fn report(error: &anyhow::Error, output: output::Output) {
    let chain: Vec<String> = error.chain().map(text::told).collect();
    let Some((first, causes)) = chain.split_first() else { return };
    let mut stderr = std::io::stderr().lock();
    let written = if output.is_json() {
        let told = serde_json::json!({ "error": first, "causes": causes });
        output::write_json(&mut stderr, &told).map_err(std::io::Error::other).and_then(|()| writeln!(stderr))
    } else {
        let chain: Vec<&str> = std::iter::once(first).chain(causes).map(String::as_str).collect();
        writeln!(stderr, "hes: {}", shown::Shown(chain.join(": ")))
    };
    // Nobody is left to tell when standard error is gone.
    drop(written);
}
