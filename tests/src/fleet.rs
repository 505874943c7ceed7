//! A simulated fleet as a child process, and its back door.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::binaries;
use crate::process::Running;

/// A running `hes-sim`.
#[derive(Debug)]
pub struct Fleet {
    /// The process.
    pub running: Running,
    /// What it printed when it was up: its channels and where they answer.
    pub ready: Value,
    folder: tempfile::TempDir,
}

impl Fleet {
    /// Starts the fleet described by `toml`; modems dial `dial`, where the head-end listens.
    pub fn start(toml: &str, dial: Option<SocketAddr>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fleet.toml");
        std::fs::write(&file, toml).unwrap();
        let mut command = Command::new(binaries::hes_sim());
        command.arg("run").arg(&file).args(["--control", "127.0.0.1:0"]);
        command.arg("--archive").arg(folder.path()).arg("--ptys").arg(folder.path().join("ports"));
        if let Some(dial) = dial {
            command.args(["--dial", &dial.to_string()]);
        }
        let running = Running::start("hes-sim", &mut command);
        let ready = serde_json::from_str(&running.line()).expect("the ready line is JSON");
        Self { running, ready, folder }
    }

    /// One of the archive's files: `areas.csv`, `channels.csv`, `meters.csv`.
    pub fn archive(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Its folder: archive files, and `ports/` with the pseudo-terminals by channel name.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks the back door one thing.
    pub fn control(&self, request: &Value) -> Value {
        let address = self.ready["control"].as_str().expect("the back door is open");
        let mut door = TcpStream::connect(address).unwrap();
        door.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(door).read_line(&mut answer).unwrap();
        let answer: Value = serde_json::from_str(&answer).expect("the back door answers JSON");
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        answer
    }

    /// What a meter truly says for a data item now, in hexadecimal digits as it sends them: low byte first.
    pub fn item(&self, meter: &str, item: &str) -> String {
        let answer = self.control(&json!({ "op": "item", "meter": meter, "item": item }));
        answer["value"].as_str().unwrap_or_else(|| panic!("{meter} has no {item}: {answer}")).to_owned()
    }

    /// What a meter says it latched `back` days ago, 0 being today: total and four tariffs, in hundredths of a kWh.
    pub fn latched(&self, meter: &str, back: usize) -> [i64; 5] {
        // The newest freeze is number one.
        let fields = self.item(meter, &format!("050601{:02X}", back + 1));
        std::array::from_fn(|field| packed(&fields[8 * field..8 * field + 8]))
    }
}

/// The number in packed decimal digits, low byte first.
pub fn packed(low_first: &str) -> i64 {
    let bytes = low_first.as_bytes().chunks(2).rev().map(|byte| std::str::from_utf8(byte).unwrap());
    bytes.collect::<String>().parse().unwrap_or_else(|e| panic!("{low_first}: {e}"))
}
