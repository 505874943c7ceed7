//! The command line: the options every command has, the list of commands, and the help in the chosen language.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::client::Client;
use crate::commands;
use crate::exit::Exit;
use crate::output::Output;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::text::{Language, help, language};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "hes", version, about = help::hes(), after_long_help = help::exit_codes())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    command: Verb,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    #[arg(long, global = true, display_order = 900, help = help::json())]
    json: bool,
    #[arg(long, global = true, display_order = 901, value_name = "LANG", help = help::lang())]
    lang: Option<Language>,
    #[arg(long, global = true, display_order = 902, value_name = "FILE", env = "HES_CONFIG", hide_env_values = true, help = help::config_file())]
    config: Option<PathBuf>,
    #[arg(long, global = true, display_order = 903, value_name = "URL", env = "HES_SERVER", hide_env_values = true, help = help::server())]
    server: Option<String>,
    #[arg(long, global = true, display_order = 904, help = help::quiet())]
    quiet: bool,
}

impl Common {
    /// Where answers go.
    pub(crate) fn output(&self) -> Output {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Output::new(self.json, no_color)
    }
    /// Whether long work shows progress.
    pub(crate) fn progress(&self) -> Progress {
        if self.quiet || self.json { Progress::Quiet } else { Progress::Shown }
    }
    /// The settings: the file named by `--config`, or the defaults.
    pub(crate) fn settings(&self) -> anyhow::Result<Settings> {
        match &self.config {
            Some(file) => Settings::load(file),
            None => Ok(Settings::default()),
        }
    }
    /// A client of the server these settings point to.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.settings()?, self.server.as_deref())
    }
    /// The file named by `--config`.
    pub(crate) fn config_file(&self) -> Option<&std::path::Path> {
        self.config.as_deref()
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(about = help::serve(), long_about = help::serve_long())]
    Serve(commands::serve::Serve),
    #[command(about = help::demo(), long_about = help::demo_long())]
    Demo(commands::demo::Demo),
    #[command(about = help::read(), long_about = help::read_long())]
    Read(commands::read::Read),
    #[command(about = help::raw(), long_about = help::raw_long())]
    Raw(commands::raw::Raw),
    #[command(about = help::decode(), long_about = help::decode_long())]
    Decode(commands::decode::Decode),
    #[command(about = help::meter(), subcommand)]
    Meter(commands::meter::MeterCommand),
    #[command(about = help::channel(), subcommand)]
    Channel(commands::channel::ChannelCommand),
    #[command(about = help::area(), subcommand)]
    Area(commands::area::AreaCommand),
    #[command(about = help::register(), subcommand)]
    Register(commands::register::RegisterCommand),
    #[command(about = help::plans(), subcommand)]
    Plan(commands::plan::PlanCommand),
    #[command(about = help::reports(), subcommand)]
    Report(commands::report::Report),
    #[command(about = help::export(), subcommand)]
    Export(commands::export::Export),
    #[command(about = help::evidence())]
    Evidence(commands::evidence::EvidenceCommand),
    #[command(about = help::event(), subcommand)]
    Event(commands::event::EventCommand),
    #[command(about = help::status())]
    Status(commands::status::StatusCommand),
    #[command(about = help::log(), subcommand)]
    Log(commands::log::LogCommand),
    #[command(about = help::db(), subcommand)]
    Db(commands::db::DbCommand),
    #[command(about = help::config(), subcommand)]
    Config(commands::config::Config),
    #[command(about = help::completions())]
    Completions(commands::completions::Completions),
}

impl Cli {
    /// Parses the arguments. The error is a mistake in them, or help that was asked for.
    pub(crate) fn parse_localised(args: &[std::ffi::OsString]) -> Result<Self, clap::Error> {
        let mut command = localised();
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }

    /// Runs the command.
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        let Self { common, command } = self;
        match command {
            Verb::Serve(command) => command.run(&common),
            Verb::Demo(command) => command.run(&common),
            Verb::Read(command) => command.run(&common),
            Verb::Raw(command) => command.run(&common),
            Verb::Decode(command) => command.run(&common),
            Verb::Meter(command) => command.run(&common),
            Verb::Channel(command) => command.run(&common),
            Verb::Area(command) => command.run(&common),
            Verb::Register(command) => command.run(&common),
            Verb::Plan(command) => command.run(&common),
            Verb::Report(command) => command.run(&common),
            Verb::Export(command) => command.run(&common),
            Verb::Evidence(command) => command.run(&common),
            Verb::Event(command) => command.run(&common),
            Verb::Status(command) => command.run(&common),
            Verb::Log(command) => command.run(&common),
            Verb::Db(command) => command.run(&common),
            Verb::Config(command) => command.run(&common),
            Verb::Completions(command) => command.run(),
        }
    }
}

/// Runs a command that waits for sockets: on one thread, which is all that a client needs.
pub(crate) fn on_one_thread<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?.block_on(work)
}

/// The command line with headings and built-in options in the chosen language.
pub(crate) fn localised() -> Command {
    dressed(Cli::command(), Depth::Root)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Root,
    Below,
}

/// Gives a command and everything below it the headings, the help option and the template of the chosen language.
fn dressed(command: Command, depth: Depth) -> Command {
    let asks_for_help = Arg::new("help").short('h').long("help").action(ArgAction::Help).display_order(990);
    let mut command =
        command.disable_help_flag(true).disable_help_subcommand(true).arg(asks_for_help.help(help::help()));
    if depth == Depth::Root {
        let asks_for_version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
        command = command.disable_version_flag(true).arg(asks_for_version.display_order(991).help(help::version()));
    }
    if language() == Language::Chinese {
        command = command
            .help_template("{before-help}{about-with-newline}\n用法: {usage}\n\n{all-args}{after-help}")
            .subcommand_help_heading("命令")
            .mut_args(|arg| {
                let heading = if arg.is_positional() { "参数" } else { "选项" };
                arg.help_heading(heading)
            });
    }
    let names: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, |sub| dressed(sub, Depth::Below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        localised().debug_assert();
    }

    /// Every command and every option says what it is for.
    #[test]
    fn nothing_is_without_help() {
        fn check(command: &Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no help");
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{path} {} has no help", arg.get_id());
            }
            for sub in command.get_subcommands() {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        check(&localised(), "hes");
    }
}
