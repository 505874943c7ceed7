//! A disk that can be full: a file system of a few megabytes that only the program under test sees.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Running, finish};

/// Starts `command` with a file system of `megabytes` mounted on `mount`, an existing empty folder. Answers the program,
/// and the folder as the program sees it, reachable from here while it runs.
pub fn start_on_small_disk(name: &str, mount: &Path, megabytes: u32, command: &mut Command) -> (Running, PathBuf) {
    let running = Running::start(name, &mut unshared(mount, megabytes, command));
    let relative = mount.strip_prefix("/").expect("an absolute path");
    let inside = PathBuf::from(format!("/proc/{}/root", running.id())).join(relative);
    (running, inside)
}

/// Whether this machine lets us mount in a name space of our own.
pub fn available() -> bool {
    finish(&mut unshared(Path::new("/mnt"), 1, &mut Command::new("true"))).code == 0
}

/// `command` inside new user and mount name spaces with a tmpfs on `mount`. `exec` keeps the process id.
fn unshared(mount: &Path, megabytes: u32, command: &mut Command) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    shell.arg(r#"mount -t tmpfs -o size="$1"m none "$2" && shift 2 && exec "$@""#);
    shell.arg("sh").arg(megabytes.to_string()).arg(mount).arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        };
    }
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_fills_up_and_is_visible_from_outside() {
        assert!(available(), "unshare and tmpfs are needed");
        let folder = tempfile::tempdir().unwrap();
        let script = r#"dd if=/dev/zero of="$0/filler" bs=64k 2>/dev/null; echo full; cat"#;
        let mut command = Command::new("sh");
        let command = command.arg("-c").arg(script).arg(folder.path());
        let (running, inside) = start_on_small_disk("dd", folder.path(), 1, command);
        assert_eq!(running.line(), "full");
        assert_eq!(std::fs::metadata(inside.join("filler")).unwrap().len(), 1 << 20);
    }
}
