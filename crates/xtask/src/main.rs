//! The front door for people: `cargo xtask demo`, `test`, `lint`, `bench`, `fuzz`, `peers`.
//!
//! Each command does all its own set-up, so that a fresh clone on a fresh machine needs nothing but cargo,
//! a C compiler and Python.

mod command;
mod demo;
mod fuzz;
mod lint;
mod peers;
mod test;

use anyhow::{Result, bail};

const HELP: &str = "\
Usage: cargo xtask COMMAND [ARGUMENTS]

  demo [HES DEMO OPTIONS]  build everything, start the simulated fleet and the head-end, show the live summary
  test [FILTER]            format and lint checks, then every test: unit, end to end, independent peers
  lint                     rustfmt, clippy with warnings as errors, cargo deny
  bench [NAME]             benchmarks; each prints a ratio against a limit or a peer measured in the same run
  fuzz [TARGET] [SECONDS]  fuzz targets, 600 seconds each unless told otherwise
  peers                    install the independent DL/T 645 implementations the tests talk to
";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    match command {
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "lint" => lint::run(),
        "bench" => test::bench(rest),
        "fuzz" => fuzz::run(rest),
        "peers" => peers::install().map(|_| ()),
        "help" | "--help" | "-h" => {
            eprint!("{HELP}");
            Ok(())
        }
        other => bail!("there is no command {other:?}\n\n{HELP}"),
    }
}
