//! Everything the command line says, in English and in Chinese.
//!
//! A message is one entry of a table with both texts: an entry with one of them missing does not compile. The language
//! is chosen once, before the arguments are parsed, because the help texts are messages too. Log lines are not here:
//! they are English, and stable, because machines filter them.

use std::ffi::OsString;
use std::sync::OnceLock;

/// Declares messages: a function each, with its arguments, and both texts as format strings over them.
macro_rules! messages {
    ($($name:ident($($arg:ident),*) { en: $en:literal, zh: $zh:literal })*) => {$(
        pub(crate) fn $name($($arg: impl std::fmt::Display),*) -> String {
            match $crate::text::language() {
                $crate::text::Language::English => format!($en),
                $crate::text::Language::Chinese => format!($zh),
            }
        }
    )*};
}

mod chinese;
pub(crate) mod column;
pub(crate) mod help;
pub(crate) mod say;

pub(crate) use self::chinese::told;

/// A language the command line speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    #[value(name = "en")]
    English,
    #[value(name = "zh")]
    Chinese,
}

/// The language of this process as reports name it.
pub(crate) fn report_language() -> hes_reports::Lang {
    match language() {
        Language::English => hes_reports::Lang::En,
        Language::Chinese => hes_reports::Lang::Zh,
    }
}

static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// The language of this process; English until [`choose`] was called.
pub(crate) fn language() -> Language {
    LANGUAGE.get().copied().unwrap_or(Language::English)
}

/// Chooses the language for the rest of the process: `--lang` among the arguments, else the environment's locale.
pub(crate) fn choose(args: &[OsString], locale: Option<&str>) {
    let chosen = from_arguments(args).unwrap_or_else(|| from_locale(locale));
    // The first choice stands: main makes it once.
    LANGUAGE.get_or_init(|| chosen);
}

/// Looks for `--lang zh` or `--lang=zh` without judging the rest; clap reports a wrong value afterwards.
fn from_arguments(args: &[OsString]) -> Option<Language> {
    let mut args = args.iter().filter_map(|arg| arg.to_str()).take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--lang=") {
            Some(value) => Some(value),
            None if arg == "--lang" => args.next(),
            None => None,
        };
        match value {
            Some("zh") => return Some(Language::Chinese),
            Some("en") => return Some(Language::English),
            _ => {}
        }
    }
    None
}

fn from_locale(locale: Option<&str>) -> Language {
    match locale {
        Some(locale) if locale.to_ascii_lowercase().starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn the_option_wins_over_the_locale_and_stops_at_the_double_dash() {
        assert_eq!(from_arguments(&args("hes --lang zh status")), Some(Language::Chinese));
        assert_eq!(from_arguments(&args("hes status --lang=en")), Some(Language::English));
        assert_eq!(from_arguments(&args("hes raw -- --lang zh")), None);
        assert_eq!(from_locale(Some("zh_CN.UTF-8")), Language::Chinese);
        assert_eq!(from_locale(Some("C.UTF-8")), Language::English);
        assert_eq!(from_locale(None), Language::English);
    }
}
