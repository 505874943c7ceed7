//! The meter's clock.

use std::time::Duration;

use hes_driver::{Outcome, perform};
use hes_model::{FailureKind, MeterClock, Protocol, Request, UtcMicros};
use jiff::civil::{DateTime, date};

use crate::line::{Clock, Heard, Line, World, asked, block_on, frame, hex, utc};
use crate::meter::Meter;
use crate::questions::{OWN, meter};

/// What the meter showed, and when by the host's time.
fn shown(world: &World) -> Option<(DateTime, UtcMicros)> {
    world.outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Clock { meter: MeterClock(meter), at, .. } => Some((*meter, *at)),
        _ => None,
    })
}

fn check(at: DateTime, behind: Duration) -> (World, usize) {
    let clock = Clock::at(at);
    let mut far_end = Meter::new(&clock);
    far_end.behind = behind;
    let mut world = World::new(&clock);
    let mut line = Line::new(&clock, |request: &[u8]| far_end.answer(request));
    let spec = meter(Protocol::Dlt645v2007, "generic-2007");
    assert_eq!(block_on(perform(&spec, &Request::Clock, &mut line, &mut world)), Ok(()));
    let sent = line.sent.len();
    (world, sent)
}

#[test]
fn the_offset_is_what_the_meter_shows_against_the_host_at_that_moment() {
    let (world, sent) = check(date(2026, 11, 24).at(10, 0, 0, 0), Duration::from_secs(90));
    let (meter, at) = shown(&world).unwrap();
    let offset = utc(meter).since(at);
    assert!((-91_500_000..=-89_500_000).contains(&offset), "{offset}");
    assert_eq!((sent, world.proofs().len()), (2, 2));
}

#[test]
fn date_and_time_are_put_together_right_at_every_instant_around_midnight() {
    let midnight = date(2026, 11, 25).at(0, 0, 0, 0);
    for millis in (-4000..4000).step_by(50) {
        let start = midnight.saturating_add(jiff::SignedDuration::from_millis(millis));
        let (world, sent) = check(start, Duration::ZERO);
        let (meter, at) = shown(&world).unwrap();
        let offset = utc(meter).since(at);
        assert!(offset.abs() <= 1_500_000, "{meter} when it was {at}");
        assert!(sent <= 3);
    }
}

#[test]
fn a_clock_that_shows_no_time_or_is_refused_is_a_failure_of_the_clock() {
    for (answer, kind) in [
        (frame(OWN, 0x91, &hex("01010004 02301326")), FailureKind::Clock),
        (frame(OWN, 0x91, &hex("01010004 02FF1126")), FailureKind::Clock),
        (frame(OWN, 0x91, &hex("01010004 0224")), FailureKind::Clock),
        (frame(OWN, 0xD1, &[0x02]), FailureKind::NotSupported),
    ] {
        let clock = Clock::at(date(2026, 11, 24).at(10, 0, 0, 0));
        let mut world = World::new(&clock);
        let mut line = Line::new(&clock, |_: &[u8]| Heard::Bytes(answer.clone()));
        let spec = meter(Protocol::Dlt645v2007, "generic-2007");
        assert_eq!(block_on(perform(&spec, &Request::Clock, &mut line, &mut world)), Ok(()));
        assert_eq!((world.missing()[0].0, world.missing()[0].2.kind), (None, kind));
        assert_eq!(shown(&world), None);
    }
}

#[test]
fn a_broadcast_carries_the_time_at_which_it_leaves_and_nobody_is_waited_for() {
    for protocol in Protocol::ALL {
        let clock = Clock::at(date(2026, 11, 24).at(10, 0, 0, 0));
        let mut line = Line::new(&clock, |_: &[u8]| panic!("a broadcast is not answered"));
        // Whoever is ahead in the queue keeps us waiting for ten seconds.
        line.turn = Duration::from_secs(10);
        let model = if protocol == Protocol::Dlt645v2007 { "generic-2007" } else { "generic-1997" };
        let ended =
            block_on(perform(&meter(protocol, model), &Request::BroadcastTime, &mut line, &mut World::new(&clock)));
        assert_eq!(ended, Ok(()));
        assert_eq!(asked(&line.sent[0]), (0x08, hex("100010 241126")));
        assert!(line.sent[0].starts_with(&hex("FEFEFEFE 68999999999999 6808")));
    }
}

#[test]
fn no_time_is_broadcast_close_to_midnight() {
    for (hour, minute) in [(23, 51), (23, 59), (0, 0), (0, 9)] {
        let clock = Clock::at(date(2026, 11, 24).at(hour, minute, 0, 0));
        let mut line = Line::new(&clock, |_: &[u8]| panic!("nothing is asked"));
        let spec = meter(Protocol::Dlt645v2007, "generic-2007");
        let ended = block_on(perform(&spec, &Request::BroadcastTime, &mut line, &mut World::new(&clock)));
        assert_eq!(ended.unwrap_err().kind, FailureKind::Clock);
        assert!(line.sent.is_empty());
    }
}

#[test]
fn a_broadcast_that_waited_for_its_turn_until_close_to_midnight_is_not_sent() {
    let clock = Clock::at(date(2026, 11, 24).at(23, 49, 50, 0));
    let mut line = Line::new(&clock, |_: &[u8]| panic!("nothing is asked"));
    line.turn = Duration::from_secs(20);
    let spec = meter(Protocol::Dlt645v2007, "generic-2007");
    let ended = block_on(perform(&spec, &Request::BroadcastTime, &mut line, &mut World::new(&clock)));
    assert_eq!(ended.unwrap_err().kind, FailureKind::Clock);
    assert!(line.sent.iter().all(Vec::is_empty), "{:02X?}", line.sent);
}
