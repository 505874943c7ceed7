//! A full disk stops reading loudly and loses nothing: when there is room again, collection goes on to the end.

use std::io::Write;

use hes_tests::fleet::Fleet;
use hes_tests::head_end::Site;
use hes_tests::past::{self, complete, connect, missing};
use hes_tests::process::wait_for;
use hes_tests::small_disk::start_on_small_disk;

#[test]
fn a_full_disk_stops_reading_loudly_and_collection_ends_whole_once_there_is_room() {
    let fleet = Fleet::start(&past::slow(), None);
    let site = Site::new("");
    std::fs::create_dir(site.data_dir()).unwrap();
    let mut serve = site.command(&["serve"]);
    let (running, data) = start_on_small_disk("hes serve", site.data_dir(), 8, &mut serve);
    let outside = Site::seen_at(data.clone());
    let server = outside.up(running);
    past::plan(&outside, &fleet);
    connect(&outside, &fleet);
    wait_for("the first readings", || server.running.errors().contains("is up").then_some(()));

    let filler = data.join("filler");
    fill(&filler);
    wait_for("a word about the full disk", || server.running.errors().contains("no room left").then_some(()));
    assert!(missing(&server) > 0, "the disk was filled too late for this test");
    assert!(server.get_text("/metrics").contains("hes_store_"), "a full disk must not take the metrics with it");

    std::fs::remove_file(filler).unwrap();
    assert_eq!(complete(&server).len(), past::SLOTS);
}

/// Writes until not one byte more goes in.
fn fill(path: &std::path::Path) {
    let mut filler = std::fs::File::create(path).expect("a place for the filler");
    for size in [1 << 16, 1 << 12, 1] {
        while filler.write_all(&vec![0; size]).is_ok() {}
    }
}
