//! A real server for commands that need one, ended with its test.

use std::io::BufRead;
use std::process::{Child, Command, Stdio};

use crate::program::{Ran, hes, run_with};

/// A running `hes serve` on a fresh data folder.
pub(crate) struct Served {
    folder: tempfile::TempDir,
    server: Child,
    /// Where its HTTP interface is.
    pub(crate) api: String,
}

impl Served {
    /// Starts it and waits until it is up.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let settings = format!("data_dir = {data:?}\n[api]\nlisten = \"127.0.0.1:0\"\n");
        std::fs::write(folder.path().join("hes.toml"), settings).unwrap();
        let mut serve = hes(&["serve"]);
        serve.env("HES_CONFIG", folder.path().join("hes.toml"));
        serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = serve.spawn().unwrap();
        let mut ready = String::new();
        std::io::BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        Self { folder, server, api: ready["api"].as_str().unwrap().to_owned() }
    }

    /// `hes ARGS` with the server's settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = hes(args);
        command.env("HES_CONFIG", self.folder.path().join("hes.toml"));
        command
    }

    /// Runs `hes ARGS` to its end with these bytes on standard input.
    pub(crate) fn run(&self, args: &[&str], input: &[u8]) -> Ran {
        run_with(&mut self.command(args), input)
    }

    /// Imports an area, a channel and one meter with this customer's name.
    pub(crate) fn with_meter(self, customer_name: &str) -> Self {
        let meter = format!(
            "meter_no,protocol,address,channel,area,service_point,customer,customer_name\nM1,dlt645-2007,1,b,A,P1,C1,{customer_name}\n"
        );
        for (noun, csv) in
            [("area", "code\nA\n"), ("channel", "name,kind,host,port\nb,dial,127.0.0.1,9\n"), ("meter", &meter)]
        {
            let ran = self.run(&[noun, "import", "-"], csv.as_bytes());
            assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
        }
        self
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A server that has ended already can't be killed; either way it is waited for.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}
