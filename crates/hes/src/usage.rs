//! What is said about a command line that cannot be understood, and help that was asked for: in the chosen language, and
//! in JSON where that was chosen.

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::error::{ContextKind, ErrorKind};

use crate::output;
use crate::shown::Shown;
use crate::text::{Language, language, say, told};

/// clap's own words in help, and ours.
const WORDS_OF_HELP: [(&str, &str); 7] = [
    ("[OPTIONS]", "[选项]"),
    ("<COMMAND>", "<命令>"),
    ("[COMMAND]", "[命令]"),
    ("[default: ", "[默认: "),
    ("[possible values: ", "[可选: "),
    ("Possible values:", "可选:"),
    ("[env: ", "[环境变量: "),
];

/// Prints what clap has to say; the code the process ends with.
pub(crate) fn print(error: &clap::Error, args: &[OsString]) -> ExitCode {
    let asked_for_help = !error.use_stderr();
    let is_help = asked_for_help || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let printed = match (is_help, asked_for_help) {
        (true, true) => write_help(error, &mut std::io::stdout().lock(), std::io::stdout().is_terminal()),
        (true, false) => write_help(error, &mut std::io::stderr().lock(), std::io::stderr().is_terminal()),
        (false, _) if asks_for_json(args) => write_json(error),
        (false, _) => writeln!(std::io::stderr().lock(), "{}", Shown(text(error))),
    };
    // Nobody is left to tell when the reader went away.
    drop(printed);
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

fn write_help(error: &clap::Error, out: &mut dyn Write, terminal: bool) -> std::io::Result<()> {
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let help = error.render();
    let help = if colour { help.ansi().to_string() } else { help.to_string() };
    out.write_all(words(help).as_bytes())?;
    out.flush()
}

fn write_json(error: &clap::Error) -> std::io::Result<()> {
    let told = serde_json::json!({ "error": message(error), "causes": [] });
    let mut stderr = std::io::stderr().lock();
    output::write_json(&mut stderr, &told).map_err(std::io::Error::other)?;
    writeln!(stderr)
}

/// Looks for `--json` without judging the rest.
fn asks_for_json(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

/// What is wrong, how the command is used, and where more is told.
fn text(error: &clap::Error) -> String {
    let mut text = format!("hes: {}", message(error));
    if let Some(usage) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage = usage.trim_start_matches("Usage:").trim();
        text.push_str(&format!("\n\n{}", say::usage(words(usage.to_owned()))));
    }
    text.push_str(&format!("\n\n{}", say::usage_more()));
    text
}

/// clap's words in the chosen language.
fn words(text: String) -> String {
    match language() {
        Language::English => text,
        Language::Chinese => WORDS_OF_HELP.iter().fold(text, |text, (english, chinese)| text.replace(english, chinese)),
    }
}

/// What is wrong.
fn message(error: &clap::Error) -> String {
    let said = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let (argument, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => say::usage_value_missing(argument),
        ErrorKind::InvalidValue => say::usage_value_unknown(value, argument, said(ContextKind::ValidValue)),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(told).unwrap_or_default();
            say::usage_value_refused(value, argument, why)
        }
        ErrorKind::UnknownArgument => {
            with_suggestion(say::usage_unknown_argument(argument), said(ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let unknown = say::usage_unknown_command(said(ContextKind::InvalidSubcommand));
            with_suggestion(unknown, said(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::NoEquals => say::usage_value_missing(argument),
        ErrorKind::TooManyValues => say::usage_too_many_values(value, argument),
        ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => say::usage_too_few_values(argument),
        ErrorKind::ArgumentConflict => {
            let prior = said(ContextKind::PriorArg);
            if prior.is_empty() || prior == argument {
                say::usage_twice(argument)
            } else {
                say::usage_conflict(argument, prior)
            }
        }
        ErrorKind::MissingRequiredArgument => say::usage_required(words(argument)),
        ErrorKind::MissingSubcommand => say::usage_no_command(said(ContextKind::ValidSubcommand)),
        ErrorKind::InvalidUtf8 => say::usage_not_text(),
        _ => told(error.to_string().trim_start_matches("error: ").lines().next().unwrap_or_default()),
    }
}

fn with_suggestion(message: String, suggested: String) -> String {
    if suggested.is_empty() { message } else { format!("{message}{}", say::usage_suggestion(suggested)) }
}
