//! `hes serve` and the signals of a service manager.

use std::io::Read;
use std::net::TcpListener;
use std::process::{Child, Stdio};

use hes_tests::head_end::Site;
use hes_tests::process::wait_for;
use nix::sys::signal::Signal;

#[test]
fn a_signal_ends_the_server_in_order_and_the_next_start_finds_everything() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let site = Site::new("");
        let mut server = site.serve();
        let key = std::fs::read(site.data_dir().join("master-key")).expect("the key was made");
        server.running.signal(signal);
        assert!(server.running.wait().success(), "{}", server.running.errors());
        assert!(server.running.errors().contains("the database is closed"), "{}", server.running.errors());
        let mut server = site.serve();
        assert!(server.running.terminate().success());
        assert_eq!(std::fs::read(site.data_dir().join("master-key")).expect("the key is there"), key);
    }
}

#[test]
fn a_second_signal_ends_a_stop_under_way_at_once_and_says_so() {
    for (first, second) in [(Signal::SIGTERM, Signal::SIGTERM), (Signal::SIGINT, Signal::SIGINT)] {
        // A meter that takes the call and never answers: the exchange under way keeps the server from ending.
        let mute = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let site = Site::new("[collector.turnstile]\nfinish_seconds = 60\n[collector]\nshutdown_seconds = 60\n");
        let mut server = site.serve();
        import_mute_meter(&site, mute.local_addr().expect("it listens").port());
        let (mut line, _) = mute.accept().expect("the server calls");
        let mut read = site.command(&["read", "M1", "voltage_a"]);
        let reading = read.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        line.read_exact(&mut [0; 16]).expect("a question");

        server.running.signal(first);
        wait_for("the stop to be announced", || server.running.errors().contains("stopping").then_some(()));
        assert_eq!(server.running.ended(), None, "the exchange on the wire is waited for");
        server.running.signal(second);
        assert_eq!(server.running.wait().code(), Some(130), "{}", server.running.errors());
        let said = server.running.errors();
        assert!(said.contains("ended at once") && !said.contains("the database is closed"), "{said}");
        end(reading);

        let mut server = site.serve();
        assert_eq!(site.json(&["meter", "list"])[0]["meter_no"], "M1", "what was stored is there");
        server.running.kill();
        assert_eq!(site.run(&["db", "check"]).code, 0);
    }
}

/// A meter behind a serial server on `port`, which is given all the time in the world.
fn import_mute_meter(site: &Site, port: u16) {
    let import = |noun: &str, text: &str| {
        let path = site.folder().join("import.csv");
        std::fs::write(&path, text).expect("a place for the file");
        site.json(&[noun, "import", &path.display().to_string()]);
    };
    import("area", "code,name\nA1,One\n");
    let row = "protocol,address,channel,area,service_point\nM1,dlt645-2007,000000000001,line,A1,S1\n";
    import("channel", &format!("name,kind,host,port,extra_delay_ms\nline,dial,127.0.0.1,{port},600000\n"));
    import("meter", &format!("meter_no,{row}"));
}

/// Nobody waits for what a command has to say.
fn end(mut command: Child) {
    drop(command.kill());
    drop(command.wait());
}

#[test]
fn the_folder_and_its_secrets_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new("");
    let _server = site.serve();
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(site.data_dir()), 0o700);
    for secret in ["master-key", "api-token"] {
        assert_eq!(mode(&site.data_dir().join(secret)), 0o600, "{secret}");
    }
}

#[test]
fn a_lost_master_key_is_not_replaced_and_a_wrong_one_is_told() {
    let site = Site::new("");
    let mut server = site.serve();
    assert!(server.running.terminate().success());
    std::fs::remove_file(site.data_dir().join("master-key")).expect("the key was there");
    let lost = site.run(&["serve"]);
    assert_eq!(lost.code, 1);
    assert!(lost.errors.contains("HES_MASTER_KEY"), "{}", lost.errors);
    let mut wrong = site.command(&["serve"]);
    let wrong = hes_tests::process::finish(wrong.env("HES_MASTER_KEY", "00".repeat(32)));
    assert_eq!(wrong.code, 1, "{}", wrong.errors);
    assert!(!wrong.errors.contains(&"00".repeat(32)), "a key is never printed");
}
