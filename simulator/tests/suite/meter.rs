//! What a meter says must hang together: the same energy, whichever item tells it.

use crate::master::{SEED, VALID, ask, at, fetch, household, item, number, numbers};
use hes_sim::LoadKind;
use hes_sim::civil::Civil;
use hes_sim::meter::{Addressed, Answer, Counter, Dialect, Measures, Meter, MeterSpec, Question, Quirk};

const DAY: i64 = 24 * 60 * 60 * 1000;
const QUARTER: i64 = 15 * 60 * 1000;

/// One of each kind and build, none of whose clocks is right.
fn mixed() -> Vec<Meter> {
    [LoadKind::Household, LoadKind::Commercial, LoadKind::Solar, LoadKind::Vacant]
        .into_iter()
        .zip([1, 3, 3, 1])
        .enumerate()
        .map(|(n, (kind, phases))| {
            let spec = MeterSpec { kind, phases, ..MeterSpec::household(700 + n as u64) };
            Meter::new(&spec, SEED, at("2026-11-20T10:00:00"))
        })
        .collect()
}

fn energy(meter: &Meter, di: u32, now: Civil) -> u64 {
    number(&meter.item(di, now).unwrap())
}

#[test]
fn tariffs_add_up_to_the_total_for_every_counted_quantity_now_frozen_and_settled() {
    let now = at("2026-11-20T17:23:45");
    for meter in mixed() {
        for di2 in [0x01, 0x02, 0x05, 0x06, 0x07, 0x08] {
            for di in [0x0000_FF00 | di2 << 16, 0x0000_FF03 | di2 << 16, 0x0506_0001 | di2 << 8, 0x0506_003E | di2 << 8]
            {
                let shown = numbers(&meter.item(di, now).unwrap());
                assert_eq!(shown.len(), 5);
                assert_eq!(shown[0], shown[1..].iter().sum::<u64>(), "{di:08X} of {:?}", meter.kind());
            }
        }
    }
}

#[test]
fn a_daily_freeze_equals_the_counter_at_the_meters_own_midnight() {
    let now = at("2026-11-20T17:23:45");
    for meter in mixed() {
        let offset = meter.shows(now).0 - now.0;
        for n in [1_u32, 2, 30, 62] {
            let midnight = Civil(now.0 - now.0.rem_euclid(DAY) - i64::from(n - 1) * DAY);
            let frozen = meter.item(0x0506_0100 | n, now).unwrap();
            // The clock is a few seconds off at most: what was counted then lies between these two.
            let (before, after) = (midnight.plus(-offset - 2_000), midnight.plus(-offset + 2_000));
            let counted = energy(&meter, 0x0001_0000, before)..=energy(&meter, 0x0001_0000, after);
            assert!(counted.contains(&number(&frozen[..4])), "freeze {n} of {:?}", meter.kind());
            let time = meter.item(0x0506_0000 | n, now).unwrap();
            assert_eq!(number(&time[..2]), 0);
            assert_eq!(number(&time[2..]) % 100, u64::try_from(midnight.datetime().day()).unwrap());
        }
        assert_eq!(meter.item(0x0506_013F, now), None, "a meter keeps 62 days");
    }
}

#[test]
fn a_freeze_stays_what_it_was_however_late_it_is_read() {
    for meter in mixed() {
        let early = meter.item(0x0506_0101, at("2026-11-20T00:30:00"));
        assert_eq!(early, meter.item(0x0506_0101, at("2026-11-20T23:30:00")));
        assert_eq!(early, meter.item(0x0506_010B, at("2026-11-30T12:00:00")));
    }
}

#[test]
fn the_freeze_block_is_its_parts_each_ended_by_aa() {
    let now = at("2026-11-20T17:00:00");
    for mut meter in mixed() {
        let block = fetch(&mut meter, 0x0506_FF02, &[], now).unwrap();
        let parts = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x10];
        let expected: Vec<u8> = parts
            .iter()
            .flat_map(|di1: &u32| [meter.item(0x0506_0002 | di1 << 8, now).unwrap(), vec![0xAA]].concat())
            .collect();
        assert!(block.len() > 200, "it takes a follow-up frame");
        assert_eq!(block, expected);
    }
}

#[test]
fn ninety_six_profile_records_lead_from_one_freeze_to_the_next() {
    let now = at("2026-11-20T17:00:00");
    for mut meter in mixed() {
        let from = [0x96, 0x00, 0x00, 0x19, 0x11, 0x26];
        let records = fetch(&mut meter, 0x0604_0001, &from, now).unwrap();
        let records: Vec<&[u8]> = records.chunks_exact(3 + 5 + 16 + 6 + 2).collect();
        assert_eq!(records.len(), 96);
        let mut last = 0;
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record[..2], [0xA0, 0xA0]);
            assert_eq!(usize::from(record[2]), record.len() - 5);
            assert_eq!(number(&record[3..4]), n as u64 * 15 % 60);
            assert_eq!(record[8..11], [0xAA; 3]);
            let sum = record[..record.len() - 2].iter().fold(0_u8, |sum, b| sum.wrapping_add(*b));
            assert_eq!(record[record.len() - 2..], [sum, 0xE5]);
            let forward = number(&record[11..15]);
            assert!(forward >= last);
            last = forward;
        }
        let frozen = |n: u32| number(&meter.item(0x0506_0100 | n, now).unwrap()[..4]);
        assert_eq!(number(&records[0][11..15]), frozen(2), "at 00:00 of the 19th");
        assert!(last <= frozen(1));
    }
}

#[test]
fn power_times_a_quarter_of_an_hour_is_the_energy_of_that_quarter() {
    for meter in mixed() {
        for quarter in 0..96 {
            let start = at("2026-11-19T00:00:00").plus(quarter * QUARTER);
            let net = |t: Civil| {
                let of = |di| i64::try_from(energy(&meter, di, t)).unwrap();
                of(0x0001_0000) - of(0x0002_0000)
            };
            let hundredths = net(start.plus(QUARTER)) - net(start);
            let bytes = meter.item(0x0203_0000, start.plus(QUARTER / 2)).unwrap();
            let magnitude = i64::try_from(number(&[bytes[0], bytes[1], bytes[2] & 0x7F])).unwrap();
            let power = if bytes[2] & 0x80 == 0 { magnitude } else { -magnitude };
            // 0.1 W over a quarter of an hour against 0.01 kWh; each register shows up to one digit less.
            let expected = power as f64 / 10.0 / 4.0 / 10.0;
            assert!((hundredths as f64 - expected).abs() < 8.1, "{hundredths} and {expected} of {:?}", meter.kind());
        }
    }
}

#[test]
fn the_maximum_demand_is_the_largest_power_of_the_month_and_says_when() {
    let now = at("2026-11-20T17:00:00");
    let spec = MeterSpec { clock_offset_ms: Some(0), drift_ppm: Some(0.0), ..MeterSpec::household(9) };
    let meter = Meter::new(&spec, SEED, now);
    let demand = meter.item(0x0101_0000, now).unwrap();
    let month = at("2026-11-01T00:00:00");
    let power = |start: Civil| number(&meter.item(0x0203_0000, start).unwrap());
    let quarters = (now.0 - month.0) / QUARTER;
    let largest = (0..quarters).map(|n| month.plus(n * QUARTER)).max_by_key(|start| (power(*start), -start.0)).unwrap();
    assert_eq!(number(&demand[..3]), power(largest));
    let end = largest.plus(QUARTER).datetime();
    let expected = [end.minute(), end.hour(), end.day(), end.month()].map(|n| u64::try_from(n).unwrap());
    assert_eq!([number(&demand[3..4]), number(&demand[4..5]), number(&demand[5..6]), number(&demand[6..7])], expected);
}

/// Writes a parameter with the password as delivered.
fn write(meter: &mut Meter, di: u32, value: &[u8], now: Civil) {
    let data = [&item(di)[..], &crate::master::credentials(4), value].concat();
    assert_eq!(ask(meter, 0x14, &data, now).unwrap().control, 0x94);
}

#[test]
fn the_last_quarter_of_an_hour_before_a_settlement_counts_for_its_maximum() {
    let now = at("2026-11-20T10:00:00");
    let spec = MeterSpec { clock_offset_ms: Some(0), drift_ppm: Some(0.0), ..MeterSpec::household(5) };
    let mut meter = Meter::new(&spec, SEED, now);
    let settles = at("2026-11-20T19:00:00");
    write(&mut meter, 0x0400_0B01, &[0x19, 0x20], now);
    // Nothing else is in the period: it has but this quarter.
    let cleared = settles.plus(-QUARTER);
    assert_eq!(ask(&mut meter, 0x19, &crate::master::credentials(4), cleared).unwrap().control, 0x99);
    let running = meter.item(0x0101_0000, settles.plus(-1)).unwrap();
    assert_eq!(number(&running), 0, "the quarter is not over");
    let after = settles.plus(QUARTER / 2);
    let settled = meter.item(0x0101_0001, after).unwrap();
    assert_eq!(number(&settled[..3]), number(&meter.item(0x0203_0000, cleared).unwrap()));
    assert_eq!(settled[3..], [0x00, 0x19, 0x20, 0x11, 0x26]);
    assert_eq!(number(&meter.item(0x0101_0000, after).unwrap()), 0, "the next period has none of it");
}

#[test]
fn the_freeze_of_a_settlement_day_holds_the_demand_of_the_month_that_ended() {
    let now = at("2026-12-01T09:00:00");
    for meter in mixed() {
        let frozen = meter.item(0x0506_0901, now).unwrap();
        assert_eq!(frozen, meter.item(0x0101_FF01, now).unwrap(), "{:?}", meter.kind());
        assert!(number(&frozen[..3]) > 0);
    }
}

#[test]
fn what_was_settled_or_frozen_stays_what_it_was_when_parameters_are_written() {
    let now = at("2026-11-20T12:00:00");
    let latched = |meter: &Meter, t: Civil| -> Vec<Option<Vec<u8>>> {
        let settled = (1..=12).flat_map(|n| [0x0000_FF00 | n, 0x0001_FF00 | n, 0x0101_FF00 | n]);
        let frozen = (1..=3).flat_map(|n| [0x0506_0300 | n, 0x0506_0400 | n]);
        settled.chain(frozen).map(|di| meter.item(di, t)).collect()
    };
    for mut meter in mixed() {
        let before = latched(&meter, now);
        write(&mut meter, 0x0400_0B01, &[0x00, 0x15], now);
        write(&mut meter, 0x0400_0601, &[0x01], now);
        write(&mut meter, 0x0400_0602, &[0x00], now);
        assert_eq!(latched(&meter, now), before, "{:?}", meter.kind());
        assert_eq!(meter.item(0x0400_0B01, now.plus(-1)), Some(vec![0, 1]), "it was another before");
        // The first by the new day, then the last by the old one.
        let later = at("2026-12-20T12:00:00");
        let energy_at = |t: Civil| meter.item(0x0001_FF00, t.plus(t.0 - meter.shows(t).0));
        assert_eq!(meter.item(0x0001_FF01, later), energy_at(at("2026-12-15T00:00:00")));
        assert_eq!(meter.item(0x0001_FF02, later), meter.item(0x0001_FF01, now));
        let reactive = numbers(&meter.item(0x0003_FF00, later).unwrap());
        assert_eq!(reactive, [0; 5], "from now on nothing is added");
    }
}

#[test]
fn the_same_seed_makes_the_same_meter_and_another_seed_another() {
    let spec = MeterSpec::household(123);
    let start = at("2026-11-20T10:00:00");
    let values = |seed| {
        let meter = Meter::new(&spec, seed, start);
        [0x0001_FF00, 0x0506_FF01, 0x0201_0100, 0x0101_FF00, 0x0600_0002].map(|di| meter.item(di, start.plus(DAY)))
    };
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}

#[test]
fn an_unknown_item_is_refused_by_name_and_an_old_command_is_not_heard() {
    let mut meter = household();
    let now = at("2026-11-20T10:00:00");
    let no_such_data = Some(Answer { control: 0xD1, data: vec![0x02], then_baud: None });
    for di in [0x00FF_0000, 0x0700_0001, 0x0506_0100, 0x0001_0500, 0x0290_0000, 0x0F00_0000] {
        assert_eq!(ask(&mut meter, 0x11, &item(di), now), no_such_data, "{di:08X}");
    }
    assert_eq!(ask(&mut meter, 0x11, &[0x11, 0xB6], now), no_such_data, "a two-byte item of 1997");
    assert_eq!(ask(&mut meter, 0x01, &[0x10, 0x90], now), None);
}

#[test]
fn a_follow_up_is_given_in_order_and_the_last_one_again_when_it_was_lost() {
    let spec = MeterSpec { max_data: 40, ..MeterSpec::household(5) };
    let now = at("2026-11-20T10:00:00");
    let mut meter = Meter::new(&spec, SEED, now);
    let whole = meter.item(0x0101_FF00, now).unwrap();
    assert_eq!(fetch(&mut meter, 0x0101_FF00, &[], now), Some(whole));
    let follow = |sequence| [item(0x0506_FF01), vec![sequence]].concat();
    assert_eq!(ask(&mut meter, 0x11, &item(0x0506_FF01), now).unwrap().control, 0xB1);
    assert_eq!(ask(&mut meter, 0x12, &follow(0), now).unwrap().control, 0xD2, "none was given yet");
    assert_eq!(ask(&mut meter, 0x12, &follow(2), now).unwrap().control, 0xD2);
    let first = ask(&mut meter, 0x12, &follow(1), now).unwrap();
    assert_eq!(first.control, 0xB2);
    assert_eq!(ask(&mut meter, 0x12, &follow(1), now), Some(first), "it may have been lost");
    let second = ask(&mut meter, 0x12, &follow(2), now).unwrap();
    assert!(second.data.len() > 5, "something of it");
    assert_eq!(ask(&mut meter, 0x12, &follow(1), now).unwrap().control, 0xD2, "it was followed");
    let mut last = 2;
    while ask(&mut meter, 0x12, &follow(last), now).unwrap().control == 0xB2 {
        last += 1;
    }
    assert_eq!(ask(&mut meter, 0x12, &follow(last), now).unwrap().control, 0x92, "the very last as well");
    assert_eq!(ask(&mut meter, 0x12, &follow(last + 1), now).unwrap().control, 0xD2);
    assert_eq!(ask(&mut meter, 0x11, &item(0x0001_0000), now).unwrap().control, 0x91);
    assert_eq!(ask(&mut meter, 0x12, &follow(last), now).unwrap().control, 0xD2, "something else was asked meanwhile");
    let mut forgets = Meter::new(&MeterSpec { quirk: Some(Quirk::ForgetsFollowUp), ..spec }, SEED, now);
    assert_eq!(ask(&mut forgets, 0x11, &item(0x0506_FF01), now).unwrap().control, 0xB1);
    assert_eq!(ask(&mut forgets, 0x12, &follow(1), now).unwrap().control, 0xB2);
    assert_eq!(ask(&mut forgets, 0x12, &follow(1), now).unwrap().control, 0xD2);
    assert_eq!(ask(&mut forgets, 0x12, &follow(2), now).unwrap().control, 0xB2);
}

#[test]
fn a_counter_rolls_over_after_its_last_digit_and_goes_on() {
    let mut meter = household();
    let now = at("2026-11-20T10:00:00");
    meter.set_counter(Counter::Forward, 99_999_999, now);
    assert_eq!(energy(&meter, 0x0001_0000, now), 99_999_999);
    let later = energy(&meter, 0x0001_0000, now.plus(DAY));
    assert!(later < 10_000, "{later}");
    assert!(energy(&meter, 0x0001_0000, now.plus(-DAY)) < 90_000_000, "what was before stays");
}

#[test]
fn a_counter_set_back_leaves_tariffs_that_add_up_and_none_below_nought() {
    let now = at("2026-11-20T10:00:00");
    for mut meter in mixed() {
        let before = numbers(&meter.item(0x0001_FF00, now).unwrap());
        for digits in [before[0] / 2, 1_003, 7, 0] {
            meter.set_counter(Counter::Forward, i64::try_from(digits).unwrap(), now);
            let shown = numbers(&meter.item(0x0001_FF00, now).unwrap());
            assert_eq!((shown[0], shown[1..].iter().sum()), (digits, digits), "{:?}", meter.kind());
            assert!(shown.iter().zip(&before).all(|(now, then)| now <= then), "{shown:?}");
        }
    }
}

#[test]
fn another_meter_in_its_place_begins_at_nought_and_has_no_past() {
    let mut meter = household();
    let now = at("2026-11-20T10:00:00");
    assert!(energy(&meter, 0x0001_0000, now) > 0);
    meter.replace(123_456_789_012, now);
    assert_eq!(energy(&meter, 0x0001_0000, now), 0);
    assert_eq!(meter.item(0x0506_0101, now), None, "it was not there at midnight");
    let tomorrow = now.plus(DAY);
    assert!(meter.item(0x0506_0101, tomorrow).is_some());
    assert_eq!(meter.item(0x0506_0102, tomorrow), None);
}

#[test]
fn a_broadcast_time_is_taken_once_a_day_and_moves_no_freeze() {
    let now = at("2026-11-20T10:00:00");
    let spec = MeterSpec { clock_offset_ms: Some(-120_000), drift_ppm: Some(0.0), ..MeterSpec::household(8) };
    let mut meter = Meter::new(&spec, SEED, now);
    let frozen = meter.item(0x0506_0101, now);
    let tell = |meter: &mut Meter, data: [u8; 6], now| {
        let heard = meter.answer(Question { control: 0x08, data: &data, addressed: Addressed::Everybody }, now);
        assert_eq!(heard, None, "nobody answers a broadcast");
    };
    tell(&mut meter, [0, 0, 0x10, 0x20, 0x11, 0x26], now);
    assert_eq!(meter.shows(now), now);
    assert_eq!(meter.item(0x0506_0101, now), frozen);
    tell(&mut meter, [0, 3, 0x10, 0x20, 0x11, 0x26], now);
    assert_eq!(meter.shows(now), now, "once a day");
    let mut far_off = Meter::new(&MeterSpec { clock_offset_ms: Some(-400_000), ..spec }, SEED, now);
    tell(&mut far_off, [0, 0, 0x10, 0x20, 0x11, 0x26], now);
    assert_eq!(far_off.shows(now).0 - now.0, -400_000, "five minutes at the most");
}

#[test]
fn date_and_time_are_written_with_the_right_password_and_the_setting_is_remembered() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let write = |di: u32, level: u8, password: u8, value: &[u8]| {
        let mut who = crate::master::credentials(level);
        who[1] = password;
        [&item(di)[..], &who, value].concat()
    };
    let refused = ask(&mut meter, 0x14, &write(0x0400_0102, 4, 1, &[0, 30, 9]), now).unwrap();
    assert_eq!((refused.control, refused.data), (0xD4, vec![0x04]));
    let weak = ask(&mut meter, 0x14, &write(0x0400_0102, 5, 0, &[0, 0x30, 9]), now).unwrap();
    assert_eq!(weak.control, 0xD4, "level 05 is weaker than 04");
    let done = ask(&mut meter, 0x14, &write(0x0400_0102, 4, 0, &[0, 0x30, 9]), now).unwrap();
    assert_eq!((done.control, done.data), (0x94, vec![]));
    assert_eq!(meter.item(0x0400_0102, now), Some(vec![0, 0x30, 0x09]));
    ask(&mut meter, 0x14, &write(0x0400_0101, 4, 0, &[0, 0x01, 0x12, 0x26]), now).unwrap();
    assert_eq!(meter.item(0x0400_0101, now), Some(vec![2, 0x01, 0x12, 0x26]), "a Tuesday, whatever was said");
    assert_eq!(meter.item(0x0330_0400, now), Some(vec![2, 0, 0]));
    assert_eq!(meter.item(0x0330_0401, now).unwrap().len(), 16);
}

#[test]
fn only_what_a_meter_goes_by_can_be_written_and_the_rest_is_refused() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let mut write = |di: u32, value: &[u8]| {
        let data = [&item(di)[..], &crate::master::credentials(4), value].concat();
        let answer = ask(&mut meter, 0x14, &data, now).unwrap();
        (answer.control, answer.data)
    };
    let done = (0x94, vec![]);
    let (other, no_such_data) = ((0xD4, vec![0x01]), (0xD4, vec![0x02]));
    assert_eq!(write(0x0400_0B01, &[0x12, 0x05]), done);
    assert_eq!(write(0x0400_0602, &[0b0101_0001]), done);
    assert_eq!(write(0x0400_0402, &[1, 2, 3, 4, 5, 6]), done);
    for (di, value, what) in [
        (0x0400_0A05, &[0x60, 0x00][..], "how often the profile records"),
        (0x0400_0103, &[0x30], "the demand period"),
        (0x0400_0103, &[0xEE], "no decimal digits"),
        (0x0400_0204, &[0x02], "the number of tariffs"),
        (0x0401_0000, &[1, 2, 1], "year zones"),
        (0x0400_0503, &[0, 0], "a status word"),
        (0x0400_0B01, &[0x12], "too short"),
        (0x0400_0B01, &[0x24, 0x05], "no such hour"),
        (0x0400_0B01, &[0x12, 0x29], "not a day of every month"),
        (0x0400_0B02, &[0x12, 0x05], "a second settlement"),
        (0x0400_0601, &[0b0000_1111], "both added and subtracted"),
        (0x0400_0102, &[0, 0, 0x25], "no such hour"),
    ] {
        assert_eq!(write(di, value), other, "{what}");
    }
    assert_eq!(write(0x0400_0F0F, &[1]), no_such_data);
    assert_eq!(meter.item(0x0400_0A05, now), Some(vec![0x15, 0x00]));
    assert_eq!(meter.item(0x0400_0B01, now), Some(vec![0x12, 0x05]));
}

#[test]
fn the_address_is_written_while_the_key_allows_it_and_the_status_word_says_so() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let address = [&item(0x0400_0401)[..], &crate::master::credentials(4), &[1, 0, 0, 0, 0, 0]].concat();
    let allowed = |meter: &Meter| meter.item(0x0400_0503, now).unwrap()[0] & 0x08 != 0;
    meter.press_programming_key(false);
    assert!(!allowed(&meter));
    let refused = ask(&mut meter, 0x14, &address, now).unwrap();
    assert_eq!((refused.control, refused.data), (0xD4, vec![0x04]));
    meter.press_programming_key(true);
    assert!(allowed(&meter));
    assert_eq!(ask(&mut meter, 0x14, &address, now).unwrap().control, 0x94);
    assert_eq!(meter.address(), 1);
}

#[test]
fn records_hold_the_registers_as_they_stood_whatever_is_cleared_later() {
    let (tripped, closed) = (at("2026-11-20T10:00:00"), at("2026-11-20T12:00:00"));
    let cleared = at("2026-11-20T18:00:00");
    let spec = MeterSpec { phases: 3, ..MeterSpec::household(123_456_789_012) };
    let mut meter = Meter::new(&spec, SEED, tripped);
    ask(&mut meter, 0x1C, &crate::master::relay(0x1A, VALID), tripped).unwrap();
    let stood = meter.item(0x0001_0000, tripped).unwrap();
    assert_eq!(meter.item(0x1D00_0301, cleared), Some(stood.clone()));
    let block = meter.item(0x1D00_FF01, cleared).unwrap();
    assert_eq!((block.len(), block[6], block[11], block.last()), (6 + 4 + 6 * 4 + 8, 0xAA, 0xAA, Some(&0xAA)));
    assert_eq!(block[12..16], stood, "after the time and the operator, each with its AA");
    ask(&mut meter, 0x1C, &crate::master::relay(0x1C, VALID), closed).unwrap();

    let before = meter.item(0x0001_0000, cleared).unwrap();
    let phase_a = meter.item(0x0015_0000, cleared).unwrap();
    ask(&mut meter, 0x1A, &crate::master::credentials(2), cleared).unwrap();
    let record = meter.item(0x0330_0101, cleared).unwrap();
    assert_eq!(
        (record.len(), &record[10..14], &record[34..38]),
        (106, &before[..], &phase_a[..]),
        "before the clearing"
    );
    // A clearing takes the other events with it.
    assert_eq!(meter.item(0x1D00_0001, cleared), Some(vec![0, 0, 0]));
    assert_eq!(meter.item(0x0330_0E00, cleared.plus(DAY)), Some(vec![0, 0, 0]));
    assert_eq!(meter.item(0x0330_0100, cleared), Some(vec![1, 0, 0]));
    let later = cleared.plus(DAY);
    ask(&mut meter, 0x1A, &crate::master::credentials(2), later).unwrap();
    assert_eq!(meter.item(0x0330_0102, later), Some(record), "and stays");
}

#[test]
fn a_freeze_now_latches_the_registers_of_that_moment() {
    let now = at("2026-11-20T10:07:30");
    let mut meter = household();
    assert_eq!(meter.item(0x0501_0101, now), None);
    assert_eq!(ask(&mut meter, 0x16, &[0x99; 4], now).unwrap().control, 0x96);
    let later = now.plus(DAY);
    assert_eq!(meter.item(0x0501_0101, later), meter.item(0x0001_FF00, now));
    // Every hour at minute 20, from now on.
    assert_eq!(ask(&mut meter, 0x16, &[0x20, 0x99, 0x99, 0x99], now).unwrap().control, 0x96);
    let frozen = meter.item(0x0500_0001, now.plus(2 * 60 * 60 * 1000)).unwrap();
    assert_eq!(frozen[..3], [0x20, 0x11, 0x20]);
    assert_eq!(ask(&mut meter, 0x16, &[0x61, 0x99, 0x99, 0x99], now).unwrap().control, 0xD6);
}

#[test]
fn demand_and_meter_are_cleared_by_those_who_may() {
    let now = at("2026-11-20T18:00:00");
    let mut meter = household();
    assert!(number(&meter.item(0x0101_0000, now).unwrap()[..3]) > 0);
    assert_eq!(ask(&mut meter, 0x19, &crate::master::credentials(4), now).unwrap().control, 0x99);
    assert_eq!(number(&meter.item(0x0101_0000, now).unwrap()), 0);
    assert_eq!(meter.item(0x0330_0200, now), Some(vec![1, 0, 0]));
    assert_eq!(ask(&mut meter, 0x1A, &crate::master::credentials(4), now).unwrap().control, 0xDA);
    assert_eq!(ask(&mut meter, 0x1A, &crate::master::credentials(2), now).unwrap().control, 0x9A);
    assert_eq!(energy(&meter, 0x0001_0000, now), 0);
    let all = [&crate::master::credentials(2)[..], &[0xFF; 4]].concat();
    assert_eq!(ask(&mut meter, 0x1B, &all, now).unwrap().control, 0x9B);
    assert_eq!(meter.item(0x0330_0200, now), Some(vec![0, 0, 0]));
    assert_eq!(meter.item(0x0330_0300, now), Some(vec![1, 0, 0]), "the clearing itself is not forgotten");
}

#[test]
fn a_meter_cleared_while_or_after_it_was_off_counts_from_nought() {
    let tripped = at("2026-11-20T10:00:00");
    let cleared = at("2026-11-20T12:00:00");
    let closed = at("2026-11-20T15:00:00");
    let later = at("2026-11-20T21:00:00");
    let command = |meter: &mut Meter, control, data: &[u8], t| {
        assert_eq!(ask(meter, control, data, t).unwrap().control, control | 0x80);
    };
    let mut meter = household();
    command(&mut meter, 0x1C, &crate::master::relay(0x1A, VALID), tripped);
    command(&mut meter, 0x1A, &crate::master::credentials(2), cleared);
    assert_eq!(numbers(&meter.item(0x0001_FF00, cleared).unwrap()), [0; 5]);
    command(&mut meter, 0x1C, &crate::master::relay(0x1C, VALID), closed);
    assert_eq!(numbers(&meter.item(0x0001_FF00, closed).unwrap()), [0; 5]);
    // A meter of the same house that began when the supply came back.
    let mut fresh = household();
    command(&mut fresh, 0x1A, &crate::master::credentials(2), closed);
    assert_eq!(meter.item(0x0001_FF00, later), fresh.item(0x0001_FF00, later));
    assert!(energy(&meter, 0x0001_0000, later) > 0);
}

#[test]
fn the_address_is_told_to_whoever_asks_and_written_while_the_key_is_pressed() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = household();
    let anyone = |control, data| Question { control, data, addressed: Addressed::Anyone };
    let told = meter.answer(anyone(0x13, &[]), now).unwrap();
    assert_eq!((told.control, told.data), (0x93, vec![0x12, 0x90, 0x78, 0x56, 0x34, 0x12]));
    meter.press_programming_key(false);
    assert_eq!(meter.answer(anyone(0x15, &[1, 0, 0, 0, 0, 0]), now), None);
    meter.press_programming_key(true);
    assert_eq!(meter.answer(anyone(0x15, &[1, 0, 0, 0, 0, 0]), now).unwrap().control, 0x95);
    assert_eq!(meter.address(), 1);
    assert_eq!(
        meter.answer(anyone(0x1C, &crate::master::relay(0x1A, VALID)), now),
        None,
        "a relay is moved by name only"
    );
}

#[test]
fn credit_is_told_by_prepaid_meters_only_and_falls_with_use() {
    let now = at("2026-11-20T10:00:00");
    assert_eq!(household().item(0x0090_0200, now), None);
    let meter = Meter::new(&MeterSpec { prepaid: true, ..MeterSpec::household(6) }, SEED, now);
    let money = |t| number(&meter.item(0x0090_0200, t).unwrap());
    let steps: Vec<u64> = (0..60).map(|d| money(now.plus(d * DAY))).collect();
    let fell = steps.windows(2).filter(|w| w[1] < w[0]).count();
    assert!(fell > 40, "it falls most days, and is paid in on the others: {steps:?}");
    assert!(steps.windows(2).any(|w| w[1] > w[0]));
}

#[test]
fn the_old_edition_answers_its_own_items() {
    let now = at("2026-11-20T10:00:00");
    let spec = MeterSpec { dialect: Dialect::Edition1997, phases: 3, ..MeterSpec::household(10_003_635_927) };
    let mut meter = Meter::new(&spec, SEED, now);
    let mut read = |di: u16| ask(&mut meter, 0x01, &di.to_le_bytes(), now).unwrap();
    let total = read(0x9010);
    assert_eq!((total.control, total.data.len()), (0x81, 6));
    let block = read(0x901F);
    assert_eq!(block.data.last(), Some(&0xAA));
    let shown = numbers(&block.data[2..22]);
    assert_eq!(shown[0], number(&total.data[2..]));
    assert_eq!(shown[0], shown[1..].iter().sum::<u64>());
    assert_eq!(number(&read(0xB611).data[2..]) / 10, 22);
    assert!(number(&read(0x9410).data[2..]) <= shown[0], "last month's reading");
    assert_eq!(read(0xC010).data[2..], [5, 0x20, 0x11, 0x26]);
    assert_eq!(read(0xC032).data[2..], [0x27, 0x59, 0x63, 0x03, 0x00, 0x01]);
    let unknown = read(0x9900);
    assert_eq!((unknown.control, unknown.data), (0xC1, vec![0x02]));
    assert_eq!(ask(&mut meter, 0x11, &item(0x0001_0000), now), None, "it does not hear 2007");
}

/// A meter of 1997 whose frames hold little, at a time on its own clock.
fn old(now: Civil) -> Meter {
    let clock = MeterSpec { clock_offset_ms: Some(0), drift_ppm: Some(0.0), ..MeterSpec::household(5) };
    Meter::new(&MeterSpec { dialect: Dialect::Edition1997, max_data: 16, ..clock }, SEED, now)
}

/// Control code and data of its answer.
fn answered(meter: &mut Meter, control: u8, data: &[u8], now: Civil) -> (u8, Vec<u8>) {
    let answer = ask(meter, control, data, now).unwrap();
    (answer.control, answer.data)
}

#[test]
fn the_old_edition_goes_on_with_02_until_everything_was_given() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = old(now);
    let block = [0x1F, 0x90];
    let (control, mut data) = answered(&mut meter, 0x01, &block, now);
    assert_eq!((control, &data[..2], data.len()), (0xA1, &block[..], 16));
    let (control, rest) = answered(&mut meter, 0x02, &block, now);
    assert_eq!((control, &rest[..2]), (0x82, &block[..]));
    data.extend_from_slice(&rest[2..]);
    assert_eq!(Some(data[2..].to_vec()), meter.item(0x901F, now));
    assert_eq!(answered(&mut meter, 0x02, &block, now), (0xC2, vec![0x02]), "there is no more");
    assert_eq!(answered(&mut meter, 0x03, &block, now), (0xC3, vec![0x02]), "and nothing is kept to be sent again");
    answered(&mut meter, 0x01, &block, now);
    assert_eq!(answered(&mut meter, 0x02, &[0x2F, 0x90], now), (0xC2, vec![0x02]), "another item was begun");
}

#[test]
fn the_old_edition_writes_clock_and_address_by_password() {
    let now = at("2026-11-20T10:00:00");
    let mut meter = old(now);
    let write = |item: [u8; 2], password: u8, value: &[u8]| [&item[..], &[0, password, 0, 0], value].concat();
    let time = [0x11, 0xC0];
    assert_eq!(answered(&mut meter, 0x04, &write(time, 1, &[0, 0x30, 0x09]), now), (0xC4, vec![0x04]));
    assert_eq!(answered(&mut meter, 0x04, &write(time, 0, &[0, 0x30, 0x25]), now), (0xC4, vec![0x01]), "no such hour");
    assert_eq!(answered(&mut meter, 0x04, &write([0x10, 0x90], 0, &[0; 4]), now), (0xC4, vec![0x02]), "a register");
    assert_eq!(meter.shows(now), now, "nothing was done yet");
    assert_eq!(answered(&mut meter, 0x04, &write(time, 0, &[0, 0x30, 0x09]), now), (0x84, vec![]));
    assert_eq!(answered(&mut meter, 0x04, &write([0x10, 0xC0], 0, &[0, 0x01, 0x12, 0x26]), now), (0x84, vec![]));
    assert_eq!(meter.shows(now), at("2026-12-01T09:30:00"));

    let (old_password, new_password) = ([0, 0, 0, 0], [0, 1, 2, 3]);
    let change = [old_password, new_password].concat();
    assert_eq!(answered(&mut meter, 0x0F, &change, now), (0x8F, new_password.to_vec()));
    assert_eq!(answered(&mut meter, 0x0F, &change, now), (0xCF, vec![0x04]), "the old one is gone");
    assert_eq!(answered(&mut meter, 0x04, &write(time, 0, &[0, 0, 0]), now), (0xC4, vec![0x04]));

    let anyone = |meter: &mut Meter, data: &[u8]| {
        meter.answer(Question { control: 0x0A, data, addressed: Addressed::Anyone }, now).map(|answer| answer.control)
    };
    assert_eq!(anyone(&mut meter, &[0xEE; 6]), None);
    assert_eq!(anyone(&mut meter, &[9, 0, 0, 0, 0, 0]), Some(0x8A));
    assert_eq!(meter.address(), 9);
    assert_eq!(ask(&mut meter, 0x0A, &[8, 0, 0, 0, 0, 0], now), None, "only to whoever is alone");
}

#[test]
fn the_old_edition_takes_a_broadcast_time_clears_its_demand_and_changes_its_speed() {
    let now = at("2026-11-20T18:00:00");
    let mut meter = old(now);
    meter.set_clock(now, now.plus(-120_000));
    let told = [0, 0, 0x18, 0x20, 0x11, 0x26];
    let heard = meter.answer(Question { control: 0x08, data: &told, addressed: Addressed::Everybody }, now);
    assert_eq!((heard, meter.shows(now)), (None, now));

    let maximum = |meter: &Meter| number(&meter.item(0xA010, now).unwrap());
    assert!(maximum(&meter) > 0);
    assert_eq!(answered(&mut meter, 0x10, &[], now), (0x90, vec![]));
    assert_eq!(maximum(&meter), 0);

    let faster = ask(&mut meter, 0x0C, &[0b0010_0000], now).unwrap();
    assert_eq!(faster, Answer { control: 0x8C, data: vec![0b0010_0000], then_baud: Some(4800) });
    assert_eq!(answered(&mut meter, 0x0C, &[0b0000_0001], now), (0xCC, vec![0x01]));
}

#[test]
fn the_old_edition_settles_its_maximum_demand_like_the_new_one() {
    let now = at("2026-11-20T10:00:00");
    let mut old = old(now);
    let spec = MeterSpec { clock_offset_ms: Some(0), drift_ppm: Some(0.0), ..MeterSpec::household(5) };
    let new = Meter::new(&spec, SEED, now);
    // This month, the last, the one before.
    for (value, instant, settled) in
        [(0xA010, 0xB010, 0x0101_0000), (0xA410, 0xB410, 0x0101_0001), (0xA810, 0xB810, 0x0101_0002)]
    {
        let whole = new.item(settled, now).unwrap();
        assert_eq!(old.item(value, now).unwrap(), whole[..3], "{value:04X}");
        assert_eq!(old.item(instant, now).unwrap(), whole[3..7], "{instant:04X}");
        assert!(number(&whole[..3]) > 0);
    }
    assert_eq!(answered(&mut old, 0x01, &[0x10, 0xAC], now), (0xC1, vec![0x02]), "it keeps no more months");
}

#[test]
fn a_meter_of_active_energy_only_refuses_the_rest_and_leaves_its_place_in_a_block_empty() {
    let now = at("2026-11-20T10:00:00");
    let spec = MeterSpec { measures: Measures::Active, ..MeterSpec::household(4) };
    let meter = Meter::new(&spec, SEED, now);
    for di in [0x0003_0000, 0x0005_FF00, 0x0101_0000, 0x0506_0501, 0x0506_0901] {
        assert_eq!(meter.item(di, now), None, "{di:08X}");
    }
    let block = meter.item(0x0506_FF01, now).unwrap();
    assert_eq!(block.len(), 6 + 2 * 21 + 8 + 25);
    assert_eq!(block[48..56], [0xAA; 8]);
    let record = meter.item(0x0600_0002, now).unwrap();
    assert!(record.windows(10).any(|w| w == [&[0xFF; 8][..], &[0xAA, 0xAA]].concat()), "no reactive, no quadrants");
}

#[test]
fn when_the_simulator_was_started_changes_nothing_that_a_meter_without_drift_says() {
    let now = at("2026-11-24T10:00:00");
    for address in 1..50 {
        let spec = MeterSpec { drift_ppm: Some(0.0), ..MeterSpec::household(address) };
        let before = Meter::new(&spec, SEED, now.plus(-200 * DAY));
        let after = Meter::new(&spec, SEED, now.plus(-DAY));
        for item in [0x0001_0000, 0x0506_013E, 0x0506_0001, 0x0400_0102, 0x0101_0000, 0x0311_0000] {
            assert_eq!(before.item(item, now), after.item(item, now), "{item:08X} of {address}");
        }
    }
}
