//! A wall clock that a test can set for one program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::binaries::root;

/// The wall clock of the programs it was put under.
#[derive(Debug)]
pub struct ShiftedClock {
    file: PathBuf,
}

impl ShiftedClock {
    /// A clock that is right so far; its state is a file in `folder`.
    pub fn new(folder: &Path) -> Self {
        let clock = Self { file: folder.join("clock-shift") };
        clock.set(0);
        clock
    }

    /// Puts a program that is about to start under this clock.
    pub fn govern(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library()).env("SHIFTED_CLOCK_FILE", &self.file);
    }

    /// From now on the program sees the true time plus so many seconds.
    pub fn set(&self, seconds: i64) {
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, seconds.to_string()).unwrap();
        std::fs::rename(&fresh, &self.file).unwrap();
    }
}

/// `tests/clock/shifted.c`, compiled once a test program.
fn library() -> &'static Path {
    static LIBRARY: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("shifted.so");
        let source = root().join("tests/clock/shifted.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut build = Command::new(&compiler);
        build.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
        let built = build.output().unwrap_or_else(|e| panic!("no C compiler {compiler}: {e}"));
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        (folder, library)
    });
    &LIBRARY.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::finish;

    #[test]
    fn a_program_under_a_shifted_clock_sees_another_day() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ShiftedClock::new(folder.path());
        let year = |clock: &ShiftedClock| {
            let mut date = Command::new("date");
            clock.govern(date.arg("+%s"));
            finish(&mut date).output.trim().parse::<i64>().unwrap()
        };
        let before = year(&clock);
        clock.set(86_400);
        assert!(year(&clock) - before >= 86_400);
    }
}
