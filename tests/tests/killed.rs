//! Nothing committed is lost, nothing is stored twice, and what is missing is asked again, wherever the server is killed.
//!
//! Each run ends with a store that must equal that of a run nobody disturbed: the same values, one version each.

use std::os::unix::process::ExitStatusExt;

use hes_tests::fleet::Fleet;
use hes_tests::past::{self, complete, connect, missing, planned_site, sound};
use nix::libc::SIGABRT;

/// Reads a person asks for before a fail point counts as never passed.
const MOST_READS: usize = 40;

#[test]
fn a_server_killed_at_any_fail_point_ends_with_the_store_of_an_undisturbed_run() {
    let fleet = Fleet::start(past::FAST, None);
    let undisturbed = {
        let site = planned_site(&fleet);
        let server = site.serve();
        connect(&site, &fleet);
        complete(&server)
    };
    assert_eq!(undisturbed.len(), past::SLOTS);

    // The first passing, and a later one when the work is under way. A point that is not passed fails the test.
    let points = hes_failpoint::KNOWN.iter().flat_map(|point| [(*point, 1), (*point, later_passing(point))]);
    for (point, nth) in points.collect::<std::collections::BTreeSet<_>>() {
        let site = planned_site(&fleet);
        let mut server = site.serve_with(|command| {
            command.env("HES_FAIL_POINT", format!("{point}:{nth}"));
        });
        connect(&site, &fleet);
        // Some points are passed by reads a person asked for only.
        for _ in 0..MOST_READS {
            if server.running.ended().is_some() {
                break;
            }
            drop(site.run(&["read", "000000000003", "voltage_a", "--wait", "2"]));
        }
        assert!(server.running.ended().is_some(), "{point}:{nth} was never passed");
        assert_eq!(server.running.wait().signal(), Some(SIGABRT), "{point}:{nth}: {}", server.running.errors());
        drop(server);
        let server = site.serve();
        assert_eq!(complete(&server), undisturbed, "{point}:{nth}");
        sound(server);
    }
}

/// On-demand reads are few; batches and dialogues are many.
fn later_passing(point: &str) -> u64 {
    if point.ends_with("read_taken") || point.ends_with("finish_read") { 2 } else { 4 }
}

#[test]
fn a_server_killed_at_fifty_random_moments_ends_with_the_store_of_an_undisturbed_run() {
    // Lines as slow as real ones, so that there is work at every moment.
    let fleet = Fleet::start(&past::slow(), None);
    let undisturbed = {
        let site = planned_site(&fleet);
        let server = site.serve();
        connect(&site, &fleet);
        complete(&server)
    };
    let site = planned_site(&fleet);
    let mut moment = Moments(0x5eed_2026);
    let mut under_work = 0;
    for _ in 0..50 {
        let mut server = site.serve();
        connect(&site, &fleet);
        std::thread::park_timeout(std::time::Duration::from_millis(moment.next(250)));
        if missing(&server) > 0 {
            under_work += 1;
        }
        server.running.kill();
    }
    let server = site.serve();
    assert_eq!(complete(&server), undisturbed);
    sound(server);
    assert!(under_work >= 25, "only {under_work} of 50 kills came while something was missing");
}

/// Moments that are random and the same in every run: a linear congruential generator.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}
