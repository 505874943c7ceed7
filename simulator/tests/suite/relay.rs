//! The relay does what a real one does: late, forged and forbidden commands move nothing, and 9C is not yet dark.

use crate::master::{VALID, ask, at, credentials, household, number, relay};
use hes_sim::meter::{Answer, Level, Meter, RelayState};

const TRIP: u8 = 0x1A;
const ALLOW: u8 = 0x1B;
const CLOSE: u8 = 0x1C;
const HOUR: i64 = 60 * 60 * 1000;

fn command(meter: &mut Meter, action: u8) -> Answer {
    ask(meter, 0x1C, &relay(action, VALID), at("2026-11-20T10:00:00")).unwrap()
}

fn refused(why: u8) -> Answer {
    Answer { control: 0xDC, data: vec![why], then_baud: None }
}

fn accepted() -> Answer {
    Answer { control: 0x9C, data: vec![], then_baud: None }
}

#[test]
fn a_trip_stops_the_energy_and_shows_in_the_status_word() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let word = |meter: &Meter| meter.item(0x0400_0503, now).unwrap();
    assert_eq!(word(&meter), [0, 0]);
    assert_eq!(command(&mut meter, TRIP), accepted());
    assert_eq!(word(&meter), [0x50, 0]);
    assert_eq!(meter.relay_state(now), RelayState::Open);
    let counted = |t| meter.item(0x0001_0000, t).unwrap();
    assert_eq!(counted(now), counted(now.plus(20 * HOUR)));
    assert_eq!(number(&meter.item(0x0203_0000, now).unwrap()), 0);
    assert_eq!(meter.item(0x1D00_0001, now), Some(vec![1, 0, 0]));
    assert_eq!(meter.item(0x1D00_0101, now).unwrap()[1..], [0x00, 0x10, 0x20, 0x11, 0x26][..]);
    // What was latched before the trip is untouched.
    assert_eq!(meter.item(0x0506_0101, now), household().item(0x0506_0101, now));
}

#[test]
fn after_a_close_the_counter_goes_on_from_where_it_stood() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    command(&mut meter, TRIP);
    let stood = number(&meter.item(0x0001_0000, now.plus(5 * HOUR)).unwrap());
    let closed_at = now.plus(5 * HOUR);
    assert_eq!(ask(&mut meter, 0x1C, &relay(CLOSE, VALID), closed_at), Some(accepted()));
    assert_eq!(number(&meter.item(0x0001_0000, closed_at).unwrap()), stood);
    assert!(number(&meter.item(0x0001_0000, closed_at.plus(12 * HOUR)).unwrap()) > stood);
    assert_eq!(meter.item(0x0400_0503, closed_at), Some(vec![0, 0]));
    assert_eq!(meter.item(0x1E00_0001, closed_at), Some(vec![1, 0, 0]));
}

#[test]
fn a_close_that_is_only_allowed_waits_for_the_button() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    command(&mut meter, TRIP);
    assert_eq!(command(&mut meter, ALLOW), accepted());
    assert_eq!(meter.relay_state(now), RelayState::Armed);
    assert_eq!(meter.item(0x0400_0503, now), Some(vec![0x10, 0]), "told to close, still open");
    meter.press_button(now.plus(HOUR));
    assert_eq!(meter.relay_state(now.plus(HOUR)), RelayState::Closed);
    meter.press_button(now.plus(2 * HOUR));
    assert_eq!(meter.relay_state(now.plus(2 * HOUR)), RelayState::Closed);
}

#[test]
fn the_button_alone_closes_nothing() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    command(&mut meter, TRIP);
    meter.press_button(now);
    assert_eq!(meter.relay_state(now), RelayState::Open);
}

#[test]
fn a_command_past_its_deadline_or_without_one_moves_nothing() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    for deadline in [[0, 0, 0, 0, 0, 0], [0, 59, 9, 0x20, 0x11, 0x26], [0, 0x59, 9, 0x20, 0x11, 0x26]] {
        assert_eq!(ask(&mut meter, 0x1C, &relay(TRIP, deadline), now), Some(refused(0x01)), "{deadline:02X?}");
    }
    assert_eq!(meter.relay_state(now), RelayState::Closed);
}

#[test]
fn the_deadline_counts_in_the_meters_clock() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    meter.set_clock(now, now.plus(2 * HOUR));
    let in_an_hour = [0, 0, 0x11, 0x20, 0x11, 0x26];
    assert_eq!(ask(&mut meter, 0x1C, &relay(TRIP, in_an_hour), now), Some(refused(0x01)));
}

#[test]
fn keep_power_refuses_trips_until_it_ends() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    assert_eq!(command(&mut meter, 0x3A), accepted());
    assert_eq!(command(&mut meter, TRIP), refused(0x01));
    assert_eq!(meter.item(0x0400_0503, now), Some(vec![0, 0x10]));
    assert_eq!(command(&mut meter, 0x3B), accepted());
    assert_eq!(command(&mut meter, TRIP), accepted());
}

#[test]
fn the_alarm_comes_and_goes() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    command(&mut meter, 0x2A);
    assert_eq!(meter.item(0x0400_0503, now), Some(vec![0x80, 0]));
    command(&mut meter, 0x2B);
    assert_eq!(meter.item(0x0400_0503, now), Some(vec![0, 0]));
}

#[test]
fn wrong_passwords_lock_the_meter_for_a_day_even_for_the_right_one() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    meter.set_password(Level(2), [0x37, 0x06, 0x02]);
    let mut right = relay(TRIP, VALID);
    right[1..4].copy_from_slice(&[0x37, 0x06, 0x02]);
    for _ in 0..3 {
        assert_eq!(ask(&mut meter, 0x1C, &relay(TRIP, VALID), now), Some(refused(0x04)));
    }
    assert!(meter.is_locked(now));
    assert_eq!(ask(&mut meter, 0x1C, &right, now), Some(refused(0x04)));
    let next_day = now.plus(25 * HOUR);
    assert_eq!(ask(&mut meter, 0x1C, &right, next_day), Some(accepted()));
    assert_eq!(meter.relay_state(next_day), RelayState::Open);
}

#[test]
fn a_weaker_level_than_control_needs_is_refused() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let weak = [&credentials(4)[..], &[TRIP, 0], &VALID].concat();
    assert_eq!(ask(&mut meter, 0x1C, &weak, now), Some(refused(0x04)));
}

#[test]
fn a_slow_relay_is_still_closed_when_the_command_was_accepted() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    meter.set_relay_delay(10_000);
    assert_eq!(command(&mut meter, TRIP), accepted());
    assert_eq!(meter.item(0x0400_0503, now), Some(vec![0x40, 0]), "told, not yet done");
    assert_eq!(meter.item(0x0400_0503, now.plus(10_000)), Some(vec![0x50, 0]));
}

#[test]
fn a_close_that_a_trip_took_back_never_was() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    command(&mut meter, TRIP);
    meter.set_relay_delay(60_000);
    command(&mut meter, CLOSE);
    command(&mut meter, TRIP);
    let later = now.plus(HOUR);
    assert_eq!(meter.relay_state(later), RelayState::Open);
    assert_eq!(meter.item(0x1E00_0001, later), Some(vec![0, 0, 0]), "it did not close");
    assert_eq!(meter.item(0x1D00_0001, later), Some(vec![1, 0, 0]), "nor open again");
}

#[test]
fn a_password_is_changed_by_who_knows_the_old_one() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let change = |old: [u8; 3], new: [u8; 3]| [&[2, 0x0C, 0, 4, 2][..], &old, &[2], &new].concat();
    let wrong = ask(&mut meter, 0x18, &change([9; 3], [1, 2, 3]), now).unwrap();
    assert_eq!((wrong.control, wrong.data), (0xD8, vec![0x04]));
    let done = ask(&mut meter, 0x18, &change([0; 3], [1, 2, 3]), now).unwrap();
    assert_eq!((done.control, done.data), (0x98, vec![2, 1, 2, 3]));
    assert_eq!(command(&mut meter, TRIP), refused(0x04));
}
