//! One database, one server; and a copy of it taken while it works.

use hes_tests::fleet::Fleet;
use hes_tests::head_end::Site;
use hes_tests::past::{self, complete, connect, missing, planned_site, sound};

#[test]
fn a_second_server_on_one_database_is_refused_and_told_what_to_do() {
    let site = Site::new("");
    let first = site.serve();
    let second = site.run(&["serve"]);
    assert_eq!(second.code, 1, "{}", second.errors);
    assert!(
        second.errors.contains(site.data_dir().to_str().unwrap_or_default()),
        "the folder is named: {}",
        second.errors
    );
    assert!(second.output.is_empty(), "a refused server must not announce itself: {}", second.output);
    // The first one is not disturbed, and its death frees the database at once.
    assert_eq!(first.get("/healthz")["status"], "ok");
    let mut first = first;
    first.running.kill();
    drop(first);
    site.serve();
}

#[test]
fn a_backup_taken_under_load_restores_to_a_sound_store_that_ends_like_an_undisturbed_one() {
    let fleet = Fleet::start(&past::slow(), None);
    let site = planned_site(&fleet);
    let mut server = site.serve();
    connect(&site, &fleet);
    let backup = site.folder().join("backup.db");
    let at_backup = loop {
        let open = missing(&server);
        if open < past::SLOTS as u64 {
            break open;
        }
    };
    site.json(&["db", "backup", backup.to_str().unwrap()]);
    let undisturbed = complete(&server);
    assert!(at_backup > 0, "everything was collected before the backup was taken");
    assert!(server.running.terminate().success());
    drop(server);

    site.json(&["db", "restore", backup.to_str().unwrap()]);
    let server = site.serve();
    assert_eq!(complete(&server), undisturbed);
    sound(server);
}

#[test]
fn a_restore_into_a_running_servers_folder_is_refused() {
    let site = Site::new("");
    let server = site.serve();
    let backup = site.folder().join("backup.db");
    site.json(&["db", "backup", backup.to_str().unwrap()]);
    let refused = site.run(&["db", "restore", backup.to_str().unwrap()]);
    assert_eq!(refused.code, 1, "{}{}", refused.output, refused.errors);
    assert_eq!(server.get("/healthz")["status"], "ok");
}
