//! `hes serve` and the signals of a service manager.

use hes_tests::head_end::Site;
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
