//! The head-end as a child process, used through its command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::binaries;
use crate::fleet::Fleet;
use crate::process::{Finished, Running, finish};

/// The time zone of every head-end: Beijing time.
pub const ZONE: &str = "Asia/Shanghai";

/// A head-end's folder: settings and data, running or not.
#[derive(Debug)]
pub struct Site {
    folder: tempfile::TempDir,
    settings: PathBuf,
    data_dir: PathBuf,
}

impl Site {
    /// A fresh folder whose settings use free ports, plus these settings (TOML) on top.
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("data");
        Self::at(folder, data_dir, more)
    }

    /// A client's view of a server whose data folder is reached by another path.
    pub fn seen_at(data_dir: PathBuf) -> Self {
        Self::at(tempfile::tempdir().unwrap(), data_dir, "")
    }

    fn at(folder: tempfile::TempDir, data_dir: PathBuf, more: &str) -> Self {
        let site = Self { settings: folder.path().join("hes.toml"), data_dir, folder };
        site.configure(more);
        site
    }

    /// Writes the settings anew.
    pub fn configure(&self, more: &str) {
        let data = &self.data_dir;
        let settings = format!(
            "zone = {ZONE:?}\ndata_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n[transport.listener]\nlisten = [\"127.0.0.1:0\"]\n{more}\n"
        );
        std::fs::write(&self.settings, settings).unwrap();
    }

    /// Where its database is.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `hes ARGUMENTS` with its settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binaries::hes());
        command.arg("--config").arg(&self.settings).args(["--lang", "en"]).args(arguments);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        finish(&mut self.command(arguments))
    }

    /// Runs a command with `--json` that must succeed, and reads what it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 0, "hes {arguments:?}: {}{}", done.output, done.errors);
        serde_json::from_str(&done.output).unwrap_or_else(|e| panic!("hes {arguments:?}: {e}: {}", done.output))
    }

    /// Starts the server and waits until it is up.
    pub fn serve(&self) -> Server<'_> {
        self.serve_with(|_| {})
    }

    /// Starts the server with a command changed by `prepare`.
    pub fn serve_with(&self, prepare: impl FnOnce(&mut Command)) -> Server<'_> {
        let mut command = self.command(&["serve"]);
        prepare(&mut command);
        self.up(Running::start("hes serve", &mut command))
    }

    /// Waits until a server that was started is up; it is used from this site.
    pub fn up(&self, running: Running) -> Server<'_> {
        let ready = serde_json::from_str(&running.line()).expect("the ready line is JSON");
        Server { site: self, running, ready }
    }

    /// Imports a fleet's areas, channels and meters.
    pub fn import(&self, fleet: &Fleet) {
        for (noun, file) in [("area", "areas.csv"), ("channel", "channels.csv"), ("meter", "meters.csv")] {
            let path = fleet.archive(file);
            self.json(&[noun, "import", path.to_str().unwrap()]);
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server<'a> {
    /// Its site.
    pub site: &'a Site,
    /// The process.
    pub running: Running,
    /// What it printed when it was up.
    pub ready: Value,
}

impl Server<'_> {
    /// Where its HTTP interface is.
    pub fn api(&self) -> SocketAddr {
        self.ready["api"].as_str().and_then(|a| a.parse().ok()).expect("the ready line names the API's address")
    }

    /// Where modules dial in.
    pub fn dial_in(&self) -> SocketAddr {
        self.ready["dial_in"][0].as_str().and_then(|a| a.parse().ok()).expect("the ready line names the listener")
    }
}

impl Server<'_> {
    /// `GET` of a path of the HTTP interface, which must answer 200 with JSON.
    pub fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.get_text(path)).unwrap_or_else(|e| panic!("GET {path}: {e}"))
    }

    /// What the event log holds of a kind, oldest first.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let page = self.get("/api/v1/events?limit=1000");
        page["items"].as_array().expect("a page of events").iter().filter(|e| e["kind"] == kind).cloned().collect()
    }

    /// `GET` of a path of the HTTP interface, which must answer 200.
    pub fn get_text(&self, path: &str) -> String {
        let token = std::fs::read_to_string(self.site.data_dir().join("api-token")).unwrap();
        let url = format!("http://{}{path}", self.api());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let request = reqwest::Client::new().get(&url).bearer_auth(token.trim());
            let answer = request.send().await.unwrap_or_else(|e| panic!("GET {path}: {e}"));
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            assert!(status.is_success(), "GET {path}: {status}: {body}");
            body
        })
    }
}
