//! Independent implementations of DL/T 645, for tests only.
//!
//! Both packages install a module called `dlt645`, so each has a folder of its own that is put on `PYTHONPATH`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{root, run as execute, succeeds, target_dir};

/// A peer: the folder below `target/peers` and the requirements file that pins it.
const PEERS: [&str; 2] = ["meter", "client"];

/// Installs every peer that is not there yet; answers the folder that holds them.
pub(crate) fn install() -> Result<PathBuf> {
    let python = python()?;
    let home = target_dir().join("peers");
    for peer in PEERS {
        let requirements = root().join("tests/peers").join(format!("{peer}.txt"));
        let wanted = std::fs::read(&requirements).with_context(|| format!("reading {}", requirements.display()))?;
        let folder = home.join(peer);
        let stamp = folder.join("installed.txt");
        if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
            continue;
        }
        execute(
            Command::new(&python)
                .args(["-m", "pip", "install", "--quiet", "--upgrade", "--disable-pip-version-check"])
                .args(["--root-user-action", "ignore", "--target"])
                .arg(&folder)
                .arg("--requirement")
                .arg(&requirements),
        )?;
        std::fs::write(&stamp, wanted).with_context(|| format!("writing {}", stamp.display()))?;
    }
    Ok(home)
}

/// The Python to use: `PYTHON`, `python3` or `python`, with pip.
pub(crate) fn python() -> Result<String> {
    let candidates = std::env::var("PYTHON").into_iter().chain(["python3".to_owned(), "python".to_owned()]);
    for candidate in candidates {
        if succeeds(Command::new(&candidate).args(["-m", "pip", "--version"])) {
            return Ok(candidate);
        }
    }
    bail!(
        "the independent peers need Python 3 with pip: install it (Debian: apt-get install python3-pip) and run again"
    )
}
