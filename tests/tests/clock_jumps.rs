//! The host's clock jumps by hours while meters are read: nothing is lost, nothing doubled, and it no longer counts as proven.

use hes_tests::clock::ShiftedClock;
use hes_tests::fleet::Fleet;
use hes_tests::head_end::Site;
use hes_tests::past::{self, complete, connect, planned_site, sound};
use hes_tests::process::wait_for;
use serde_json::json;

const HOUR: i64 = 3600;

#[test]
fn a_clock_that_jumps_costs_no_reading_and_doubles_none() {
    let fleet = Fleet::start(&past::slow(), None);
    let undisturbed = {
        let site = planned_site(&fleet);
        let server = site.serve();
        connect(&site, &fleet);
        complete(&server)
    };
    let site = planned_site(&fleet);
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    connect(&site, &fleet);
    for shift in [-2, 3, -1, 0] {
        clock.set(shift * HOUR);
        assert_eq!(
            site.run(&["read", "000000000003", "voltage_a"]).code,
            0,
            "shifted by {shift} h: {}",
            server.running.errors()
        );
    }
    assert_eq!(complete(&server), undisturbed);
    sound(server);
}

#[test]
fn a_clock_that_jumps_is_told_to_people_and_no_longer_counts_as_proven() {
    let site = Site::new("[collector.clock]\nhost_proof = \"operator\"\nsettle_minutes = 1\n");
    let clock = ShiftedClock::new(site.folder());
    let server = site.serve_with(|command| clock.govern(command));
    let proven = || server.get("/api/v1/status")["clock"]["proven"] == json!(true);
    wait_for("the operator's word to count", || proven().then_some(()));
    clock.set(2 * HOUR);
    wait_for("the jump to be seen", || (!proven()).then_some(()));
    wait_for("the jump to be in the event log", || {
        server.get_text("/api/v1/events?limit=1000").contains("host_clock").then_some(())
    });
}
