//! What each rule must catch, and what no rule may touch.

use std::collections::BTreeMap;

use hes_model::{
    CapturedAt, MeterClock, MeterId, ModelName, NoValue, Obis, Observed, Quality, Quantity, Reading, ReceivedAt,
    Series, Transformers, Unit, UtcMicros, registers,
};
use hes_validation::{Background, DemandTimes, Identity, Known, Limits, Receipts, judge};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

const DAY: i64 = 86_400_000_000;

fn register(alias: &str) -> Obis {
    registers().by_name(alias).expect("a register of the shipped table").obis
}

fn kwh(mantissa: i64) -> Observed {
    Observed::Number(Quantity::new(mantissa, 2, Unit::Kwh))
}

fn reading(register: Obis, series: Series, slot: i64, value: Observed) -> Reading {
    Reading {
        meter: MeterId(1),
        register,
        series,
        slot: UtcMicros(slot),
        value,
        occurred: None,
        meter_clock: None,
        captured: CapturedAt(UtcMicros(slot)),
        received: ReceivedAt(UtcMicros(slot + DAY / 4)),
        quality: Quality::Good,
        exchange: None,
    }
}

fn daily(day: i64, mantissa: i64) -> Reading {
    reading(register("import_active_total"), Series::Daily, day * DAY, kwh(mantissa))
}

fn background() -> Background {
    Background {
        zone: TimeZone::UTC,
        connection: Limits::default().connection(&ModelName::new("x").expect("a name"), Transformers::DIRECT),
        demand_times: DemandTimes::Told,
        identity: Identity::Unquestioned,
        clock_offset_seconds: None,
        receipts: Receipts::Steady,
        known: BTreeMap::new(),
    }
}

fn with_known(days: &[(i64, i64)]) -> Background {
    let known = days.iter().map(|&(day, mantissa)| Known {
        series: Series::Daily,
        at: UtcMicros(day * DAY),
        value: Quantity::new(mantissa, 2, Unit::Kwh),
    });
    Background { known: BTreeMap::from([(register("import_active_total"), known.collect())]), ..background() }
}

/// The rules broken by each reading, every one proved by an exchange of its own.
fn broken(readings: &[Reading], background: &Background) -> Vec<String> {
    let numbered: Vec<_> = readings.iter().enumerate().map(|(proof, reading)| (reading, proof)).collect();
    rules_of(judge(&numbered, background, &Limits::default()))
}

fn rules_of(qualities: Vec<Quality>) -> Vec<String> {
    qualities
        .into_iter()
        .map(|quality| match quality {
            Quality::Good => String::new(),
            Quality::Suspect(rules) => rules.join(","),
        })
        .collect()
}

fn broken_alone(reading: Reading) -> String {
    broken(&[reading], &with_known(&[])).concat()
}

#[test]
fn v01_and_v02_mark_what_is_no_number_and_an_absent_value_is_fine() {
    let voltage = |value| reading(register("voltage_b"), Series::Instant, 0, value);
    assert_eq!(broken_alone(voltage(Observed::None(NoValue::NotBcd))), "V01");
    assert_eq!(broken_alone(voltage(Observed::None(NoValue::Malformed))), "V02");
    assert_eq!(broken_alone(voltage(Observed::None(NoValue::Absent))), "");
    assert_eq!(broken_alone(voltage(Observed::Number(Quantity::new(2200, 1, Unit::Ampere)))), "V02");
}

#[test]
fn v03_bounds_every_kind_of_register() {
    for (alias, mantissa, scale, rule) in [
        ("voltage_a", 2205, 1, ""),
        ("voltage_a", 7205, 1, "V03"),
        ("current_a", -60_000, 3, ""),
        ("current_a", 160_000, 3, "V03"),
        ("frequency", 5001, 2, ""),
        ("frequency", 1001, 2, "V03"),
        ("power_factor_total", -1000, 3, ""),
        ("power_factor_total", 1800, 3, "V03"),
        ("temperature", -300, 1, ""),
        ("temperature", 2300, 1, "V03"),
        ("clock_battery_voltage", 360, 2, ""),
        ("clock_battery_voltage", 2360, 2, "V03"),
        ("active_power_total", -100_0000, 4, "V03"),
        ("active_power_total", 79_0000, 4, ""),
    ] {
        let register = registers().by_name(alias).unwrap();
        let value = Observed::Number(Quantity::new(mantissa, scale, register.unit));
        let found = broken_alone(reading(register.obis, Series::Instant, 0, value));
        assert_eq!(found, rule, "{alias} {mantissa}e-{scale}");
    }
    assert_eq!(broken(&[daily(2, -1)], &with_known(&[(1, 0)])), ["V03"], "a counter is never below zero");
}

#[test]
fn v04_marks_a_counter_that_shrinks_and_lets_it_roll_over() {
    assert_eq!(broken(&[daily(2, 9_999)], &with_known(&[(1, 10_000)])), ["V04"]);
    assert_eq!(broken(&[daily(2, 500)], &with_known(&[(1, 99_999_000)])), [""]);
    assert_eq!(broken(&[daily(2, 500)], &with_known(&[(1, 80_000_000)])), ["V04"], "too far from the top");
    assert_eq!(broken(&[daily(2, 900_000)], &with_known(&[(1, 99_999_000)])), ["V05"], "too far round");
    assert_eq!(broken(&[daily(2, 10_001)], &with_known(&[(3, 10_000)])), ["V04"], "more than a later value");
}

#[test]
fn a_balance_may_shrink_but_not_faster_than_the_connection_carries() {
    let net = register("net_active_total");
    let mut background = background();
    let known = Known { series: Series::Daily, at: UtcMicros(DAY), value: Quantity::new(5_000, 2, Unit::Kwh) };
    background.known.insert(net, vec![known]);
    let of = |mantissa| broken(&[reading(net, Series::Daily, 2 * DAY, kwh(mantissa))], &background);
    assert_eq!(of(-3_000), [""]);
    assert_eq!(of(-3_000_000), ["V05"]);
}

#[test]
fn v05_is_the_connection_times_the_time_since_the_last_good_value() {
    // 79.2 kW for 24 h and an hour of slack: 1980 kWh.
    let known = with_known(&[(1, 10_000)]);
    assert_eq!(broken(&[daily(2, 10_000 + 198_000)], &known), [""]);
    assert_eq!(broken(&[daily(2, 10_000 + 198_001)], &known), ["V05"]);
    assert_eq!(broken(&[daily(11, 10_000 + 198_001)], &known), [""], "ten days carry more");
    let power = Observed::Number(Quantity::new(79_2001, 4, Unit::Kw));
    assert_eq!(broken_alone(reading(register("active_power_total"), Series::Instant, 0, power)), "V05");
}

#[test]
fn v06_marks_values_of_a_clock_that_is_far_off_or_in_the_future() {
    let off = |seconds, series| {
        let background = Background { clock_offset_seconds: Some(seconds), ..with_known(&[(1, 10_000)]) };
        let register = register("import_active_total");
        broken(&[reading(register, series, 3 * DAY, kwh(10_100))], &background).concat()
    };
    assert_eq!(off(-3600, Series::Daily), "");
    assert_eq!(off(-3601, Series::Daily), "V06");
    assert_eq!(off(450, Series::Interval(15)), "");
    assert_eq!(off(451, Series::Interval(15)), "V06");
    assert_eq!(off(100_000, Series::Instant), "", "a value of now needs no clock of the meter");
    let mut stamped = daily(2, 10_100);
    stamped.meter_clock = Some(MeterClock(date(1970, 1, 4).at(0, 0, 0, 0)));
    assert_eq!(broken(&[stamped.clone()], &with_known(&[(1, 10_000)])), ["V06"]);
    let doubted = |background| Background { receipts: Receipts::Doubted, ..background };
    assert_eq!(broken(&[stamped], &doubted(with_known(&[(1, 10_000)]))), [""], "which clock is wrong nobody knows");
    let checked = Background { clock_offset_seconds: Some(3601), ..doubted(with_known(&[(1, 10_000)])) };
    assert_eq!(broken(&[daily(2, 10_100)], &checked), ["V06"], "a check of the meter's clock stands");
}

/// Total and tariffs of one latch, from one exchange.
fn block(values: &[i64]) -> Vec<(Reading, usize)> {
    let total = register("import_active_total");
    (0..)
        .zip(values)
        .map(|(tariff, &mantissa)| (reading(total.with_tariff(tariff), Series::Daily, DAY, kwh(mantissa)), 0))
        .collect()
}

fn judge_block(block: &[(Reading, usize)]) -> Vec<String> {
    let borrowed: Vec<_> = block.iter().map(|(reading, proof)| (reading, *proof)).collect();
    rules_of(judge(&borrowed, &background(), &Limits::default()))
}

#[test]
fn v07_compares_the_tariffs_with_their_total_within_rounding() {
    assert_eq!(judge_block(&block(&[100, 25, 25, 25, 25])), ["", "", "", "", ""]);
    assert_eq!(judge_block(&block(&[103, 25, 25, 25, 25])), ["", "", "", "", ""], "a last digit for all but one");
    assert_eq!(judge_block(&block(&[104, 25, 25, 25, 25])), ["V07"; 5]);
    let apart: Vec<_> =
        block(&[900, 25, 25]).into_iter().enumerate().map(|(proof, (reading, _))| (reading, proof)).collect();
    assert_eq!(judge_block(&apart), ["V09", "V09", "V09"], "values of several exchanges are no block");
}

#[test]
fn v08_wants_a_demand_to_have_occurred_before_its_latch() {
    let demand = |watts, occurred: Option<jiff::civil::Date>| {
        let value = Observed::Number(Quantity::new(watts, 4, Unit::Kw));
        let mut demand = reading(register("import_active_demand_total"), Series::Daily, 10 * DAY, value);
        demand.occurred = occurred.map(|day| MeterClock(day.at(12, 0, 0, 0)));
        broken_alone(demand)
    };
    assert_eq!(demand(12_345, Some(date(1970, 1, 5))), "");
    assert_eq!(demand(12_345, Some(date(1970, 1, 12))), "V08");
    assert_eq!(demand(12_345, Some(date(1969, 10, 1))), "V08");
    assert_eq!(demand(12_345, None), "V08");
    assert_eq!(demand(0, None), "", "no demand yet");
    let value = Observed::Number(Quantity::new(12_345, 4, Unit::Kw));
    let untimed = reading(register("import_active_demand_total"), Series::Monthly, 10 * DAY, value);
    let of_1997 = Background { demand_times: DemandTimes::Apart, ..background() };
    assert_eq!(broken(&[untimed], &of_1997), [""], "the 1997 edition tells no time with it");
}

#[test]
fn v09_keeps_a_first_value_suspect_until_something_speaks_for_it() {
    assert_eq!(broken(&[daily(2, 10_000)], &background()), ["V09"]);
    assert_eq!(broken(&[daily(2, 10_000), daily(2, 10_000)], &background()), ["", ""], "read twice");
    assert_eq!(broken(&[daily(2, 10_000), daily(2, 10_800)], &background()), ["V04", "V04"], "one of them is wrong");
    assert_eq!(broken(&[daily(2, 10_000), daily(3, 10_800)], &background()), ["", ""], "another day fits");
    assert_eq!(judge_block(&block(&[100, 50, 50])), ["", "", ""], "its tariffs add up");
}

#[test]
fn v10_holds_for_good_nothing_of_a_meter_that_tells_another_number() {
    let another = Background { identity: Identity::Another, ..with_known(&[(1, 10_000)]) };
    assert_eq!(broken(&[daily(2, 10_100)], &another), ["V10"]);
    assert_eq!(broken(&[daily(2, 9_000)], &another), ["V04,V10"]);
}

#[test]
fn a_damaged_value_is_found_whichever_side_it_errs_to() {
    let known = with_known(&[(0, 10_000)]);
    let days = |third| [daily(1, 10_100), daily(2, 10_200), daily(3, third), daily(4, 10_400), daily(5, 10_500)];
    assert_eq!(broken(&days(10_300), &known), ["", "", "", "", ""]);
    assert_eq!(broken(&days(10_900), &known), ["", "", "V04", "", ""]);
    assert_eq!(broken(&days(10_010), &known), ["", "", "V04", "", ""]);
    assert_eq!(broken(&days(90_000_000), &known), ["", "", "V05", "", ""]);
}

#[test]
fn a_correction_of_a_known_slot_is_judged_by_its_other_neighbours() {
    let known = with_known(&[(1, 10_000), (2, 10_500), (3, 10_600)]);
    assert_eq!(broken(&[daily(2, 10_300)], &known), [""]);
    assert_eq!(broken(&[daily(2, 10_601)], &known), ["V04"]);
}

#[test]
fn a_wrong_known_value_gives_way_when_its_slot_is_read_again() {
    let known = with_known(&[(1, 10_000), (4, 2)]);
    assert_eq!(broken(&[daily(2, 10_100), daily(3, 10_200)], &known), ["V04", "V04"]);
    assert_eq!(broken(&[daily(2, 10_100), daily(3, 10_200), daily(4, 10_300)], &known), ["", "", ""]);
    assert_eq!(broken(&[daily(2, 10_100), daily(3, 10_200), daily(4, 2)], &known), ["", "", "V04"]);
}

#[test]
fn a_value_of_another_series_binds_only_when_their_order_is_certain() {
    let mut background = background();
    let total = register("import_active_total");
    let at = |micros, mantissa| Known {
        series: Series::Instant,
        at: UtcMicros(micros),
        value: Quantity::new(mantissa, 2, Unit::Kwh),
    };
    background.known.insert(total, vec![at(2 * DAY - 60_000_000, 10_010)]);
    assert_eq!(broken(&[daily(2, 10_000)], &background), [""], "a minute apart: the meter's clock may say otherwise");
    background.known.insert(total, vec![at(DAY, 10_010)]);
    assert_eq!(broken(&[daily(2, 10_000)], &background), ["V04"]);
}

proptest! {
    #[test]
    fn a_true_series_is_never_suspect(start in 0..90_000_000_i64, steps in prop::collection::vec(0..100_000_i64, 1..70)) {
        let mut total = start;
        let mut days = Vec::new();
        for (day, step) in (1..).zip(&steps) {
            total = (total + step) % 100_000_000;
            days.push(daily(day, total));
        }
        let found = broken(&days, &with_known(&[(0, start)]));
        prop_assert!(found.iter().all(String::is_empty), "{found:?}");
    }

    #[test]
    fn one_damaged_value_is_suspect_or_lies_between_its_neighbours(
        steps in prop::collection::vec(1..50_000_i64, 6..20), at in 1..5_usize, damaged in 0..100_000_000_i64,
    ) {
        let mut total = 1_000_000;
        let mut values = Vec::new();
        for step in &steps {
            total += step;
            values.push(total);
        }
        let (before, after) = (values[at - 1], values[at + 1]);
        values[at] = damaged;
        let days: Vec<_> = (1..).zip(&values).map(|(day, &value)| daily(day, value)).collect();
        let found = broken(&days, &with_known(&[(0, 1_000_000)]));
        prop_assert!(!found[at].is_empty() || (before..=after).contains(&damaged), "{found:?}");
        let wronged = found.iter().enumerate().filter(|(day, rules)| *day != at && !rules.is_empty()).count();
        prop_assert!(wronged <= 1, "one damaged value may cast doubt on one neighbour at most: {found:?}");
    }

    #[test]
    fn a_flipped_digit_of_a_block_never_passes(
        tariffs in prop::collection::vec(0..10_000_000_i64, 4), field in 0..5_usize, digit in 1..8_u32, by in 1..10_i64,
    ) {
        let mut values = vec![tariffs.iter().sum::<i64>()];
        values.extend(&tariffs);
        let unit = 10_i64.pow(digit);
        let old = values[field] / unit % 10;
        values[field] += ((old + by) % 10 - old) * unit;
        prop_assert!(judge_block(&block(&values)).iter().all(|rules| !rules.is_empty()));
    }

    #[test]
    fn nothing_makes_it_panic(
        items in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u8>(), 0..4_u8), 0..12),
        known in prop::collection::vec((any::<i64>(), any::<i64>(), any::<u8>()), 0..6), offset: Option<i64>,
    ) {
        let total = register("import_active_total");
        let quantity = |mantissa, scale| Quantity::new(mantissa, scale, Unit::Kwh);
        let series = |n| [Series::Daily, Series::Instant, Series::Monthly, Series::Interval(15)][usize::from(n)];
        let readings: Vec<_> = items
            .iter()
            .map(|&(slot, mantissa, scale, n)| {
                let mut one = daily(0, 0);
                (one.slot, one.captured, one.series) = (UtcMicros(slot), CapturedAt(UtcMicros(slot)), series(n));
                one.value = Observed::Number(quantity(mantissa, scale));
                one
            })
            .collect();
        let known = known
            .iter()
            .map(|&(at, mantissa, scale)| Known { series: Series::Daily, at: UtcMicros(at), value: quantity(mantissa, scale) })
            .collect();
        let background = Background { known: BTreeMap::from([(total, known)]), clock_offset_seconds: offset, ..background() };
        prop_assert_eq!(broken(&readings, &background).len(), readings.len());
    }
}
