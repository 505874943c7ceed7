//! The collector over real lines against simulated meters: what is stored equals what the meters hold, whatever happens.

mod town;

use hes_collector::{CollectorConfig, HostProof, LinkState};
use hes_model::{
    ClockSync, FailureKind, MeterId, Observed, Quality, Quantity, Request, Series, Task, Unit, UtcMicros, Window,
};
use hes_sim::{Fault, FaultConfig};
use hes_store::{OnDemandState, ReadingQuery, ReadingVersion, Store, Versions};
use jiff::civil::Time;

use town::{Running, Town, block, now, obis, quick};

/// What rule V07 cannot tell from rounding, in hundredths of a kilowatt-hour.
const UNSEEN_DIGITS: i64 = 3;
const FIRST: u64 = 645_000_000_001;
const DAY: i64 = 86_400_000_000;

fn bus(name: &str, transport: &str, meters: u32) -> String {
    format!("[[channel]]\nname = '{name}'\narea = 'A1'\ntransport = {transport}\nmeters = [{{ count = {meters} }}]\n")
}

fn one_bus(meters: u32) -> String {
    bus("bus", "{ kind = 'tcp' }", meters)
}

fn daily() -> Task {
    Task::Daily { registers: block() }
}

async fn readings(store: &Store, meter: MeterId, series: Series, versions: Versions) -> Vec<ReadingVersion> {
    let (from, to) = (UtcMicros(now().0 - 100 * DAY), UtcMicros(now().0 + DAY));
    let query = ReadingQuery { meter, register: None, series, from, to, versions };
    store.readings(&query).await.expect("the store answers")
}

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().rev().fold(0, |n, byte| n * 100 + i64::from(byte >> 4) * 10 + i64::from(byte & 15))
}

/// Holds every good daily value against what the meter says it latched, and tells how many there were.
async fn check_against_truth(town: &Town, address: u64) -> usize {
    let meter = town.meter(address).await;
    let stored = readings(&town.store, meter, Series::Daily, Versions::Current).await;
    let today = town.zone.to_datetime(now().timestamp()).date();
    let mut good = 0;
    for version in stored.iter().filter(|version| version.reading.quality.is_good()) {
        let reading = &version.reading;
        let latched = town.zone.to_datetime(reading.slot.timestamp()).date();
        let back = u32::try_from(today.since(latched).expect("days").get_days()).expect("not in the future");
        let item = 0x0506_0101 + back;
        let latch = town.fleet.fleet().with_meter(address, |meter, truth| meter.item(item, truth));
        let latch = latch.flatten().expect("the meter holds that day");
        let at = usize::from(reading.register.tariff()) * 4;
        let true_value = Quantity::new(number(&latch[at..at + 4]), 2, Unit::Kwh);
        let Observed::Number(value) = reading.value else { panic!("a good value is a number: {reading:?}") };
        let apart = (value.mantissa - true_value.mantissa).abs();
        assert!(apart <= UNSEEN_DIGITS, "{address} {} of {latched}: {value} for {true_value}", reading.register);
        assert!(version.reading.exchange.is_some(), "every value has its evidence");
        good += 1;
    }
    good
}

async fn until_stored(running: &Running, readings: u64) {
    let idle = |status: &hes_collector::CollectorStatus| status.channels.values().all(|channel| channel.dialogues == 0);
    running.until("the readings are stored", |status| status.readings() >= readings && idle(status)).await;
}

/// Waits until more was read than `seen`, which was taken before the last look at the store; tells how much.
async fn until_more_is_read(running: &Running, seen: u64) -> u64 {
    running.until("more is read", |status| status.readings() > seen).await;
    running.board.snapshot().readings()
}

#[tokio::test]
async fn a_plan_is_collected_over_serial_port_dial_out_and_dial_in() {
    let fleet = [
        bus("serial", "{ kind = 'pty' }", 2),
        bus("dial", "{ kind = 'tcp' }", 2),
        bus("modem", "{ kind = 'dial_in', target = '127.0.0.1:1', registration = { packet = 'TOWN-1' } }", 2),
    ];
    let town = Town::found(&fleet.concat(), 4).await;
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    // Today and the four days before, five registers, six meters.
    until_stored(&running, 5 * 5 * 6).await;
    for meter in 0..6 {
        assert_eq!(check_against_truth(&town, FIRST + meter).await, 25);
    }
    let asked = town.fleet.fleet().counts().questions;
    let looks = running.board.snapshot().channels.values().map(|channel| channel.looks).sum::<u64>();
    running.until("it looked again", |s| s.channels.values().map(|c| c.looks).sum::<u64>() >= looks + 6).await;
    assert_eq!(town.fleet.fleet().counts().questions, asked, "nothing is missing, so nothing is asked");
    running.stop().await;
    assert!(town.folder().join(hes_store::DATABASE_FILE).exists());
}

#[tokio::test]
async fn a_person_is_served_while_the_plan_is_collected_and_the_value_is_confirmed() {
    let town = Town::found(&one_bus(3), 40).await;
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST + 1).await;
    let request =
        Request::Instant { registers: vec![obis("import_active_total"), obis("voltage_a"), obis("frequency")] };
    let id =
        town.store.submit_read(meter, &request, "test", now(), UtcMicros(now().0 + 60_000_000)).await.expect("queued");
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert_eq!(read.state, OnDemandState::Done, "{:?}", read.failures);
    assert_eq!(read.values.len(), 3);
    assert!(read.values.iter().all(|value| value.quality == Quality::Good), "{:?}", read.values);
    until_stored(&running, 3 * 5 * 41).await;
    running.stop().await;
}

#[tokio::test]
async fn a_dead_meter_costs_one_question_and_a_person_s_read_brings_it_back() {
    let town = Town::found(&one_bus(2), 2).await;
    let bus = town.fleet.fleet().bus("bus").expect("the bus");
    assert!(bus.set_silent(FIRST, true));
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    until_stored(&running, 15).await;
    running.until("the silent meter is known as dead", |s| s.channels.values().any(|c| c.dead_meters == 1)).await;
    assert_eq!(bus.counts().unanswered, 1, "one longest-answer wait, then the probes' schedule");
    let meter = town.meter(FIRST).await;
    let causes = town.store.failures(Some(meter), None, 10).await.expect("the store answers");
    assert_eq!(causes.iter().map(|f| f.failure.kind).collect::<Vec<_>>(), [FailureKind::NoReply]);

    assert!(bus.set_silent(FIRST, false));
    let request = Request::Instant { registers: vec![obis("frequency")] };
    let deadline = UtcMicros(now().0 + 60_000_000);
    let id = town.store.submit_read(meter, &request, "test", now(), deadline).await.expect("queued");
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert_eq!(read.state, OnDemandState::Done);
    running.until("the meter's slots follow", |s| s.readings() >= 31).await;
    assert_eq!(check_against_truth(&town, FIRST).await, 15);
    running.stop().await;
}

#[tokio::test]
async fn a_read_of_a_meter_that_left_the_channel_meanwhile_is_refused_and_holds_nobody_up() {
    let town = Town::found(&one_bus(2), 2).await;
    let (gone, other) = (town.meter(FIRST).await, town.meter(FIRST + 1).await);
    let request = Request::Instant { registers: vec![obis("frequency")] };
    let deadline = UtcMicros(now().0 + 3_600_000_000);
    let id = town.store.submit_read(gone, &request, "test", now(), deadline).await.expect("queued");
    town.retire(FIRST).await;
    let running = town.collect(quick()).await;
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert_eq!(read.state, OnDemandState::Failed);
    assert!(read.failures[0].failure.detail.contains("retired"), "{:?}", read.failures);
    let id = town.store.submit_read(other, &request, "test", now(), deadline).await.expect("queued");
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert_eq!(read.state, OnDemandState::Done);
    running.stop().await;
}

#[tokio::test]
async fn a_person_gets_every_point_of_a_profile_longer_than_a_planned_dialogue() {
    let town = Town::found(&one_bus(1), 4).await;
    let meter = town.meter(FIRST).await;
    let today = town.zone.to_datetime(jiff::Timestamp::now()).date().at(0, 0, 0, 0);
    let from = today.checked_sub(jiff::Span::new().days(3)).expect("a day");
    let request = Request::Interval { registers: vec![obis("import_active_total")], minutes: 15, from, to: today };
    let deadline = UtcMicros(now().0 + 60_000_000);
    let id = town.store.submit_read(meter, &request, "test", now(), deadline).await.expect("queued");
    let running = town.collect(quick()).await;
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert_eq!((read.values.len(), read.failures), (3 * 96, Vec::new()));
    running.stop().await;
}

#[tokio::test]
async fn each_way_to_fail_is_recorded_by_its_cause_and_made_good_afterwards() {
    for (fault, cause) in [
        (Fault::Silent, FailureKind::NoReply),
        (Fault::DamagedSum, FailureKind::Checksum),
        (Fault::WrongAddress, FailureKind::WrongAddress),
        (Fault::WrongItem, FailureKind::WrongItem),
    ] {
        let town = Town::found(&one_bus(1), 0).await;
        let bus = town.fleet.fleet().bus("bus").expect("the bus");
        let mut config = quick();
        config.retry.at_once = 0;
        bus.script(FIRST, [fault]);
        let meter = town.meter(FIRST).await;
        town.plan("daily", Task::Daily { registers: block() }, Window::ALWAYS).await;
        let running = town.collect(config).await;
        running.until("the attempt failed", |s| s.channels.values().any(|c| c.failures > 0)).await;
        let causes = town.store.failures(Some(meter), None, 10).await.expect("the store answers");
        assert!(causes.iter().any(|f| f.failure.kind == cause), "{fault:?}: {causes:?}");
        if fault != Fault::Silent {
            until_stored(&running, 5).await;
            assert_eq!(check_against_truth(&town, FIRST).await, 5, "{fault:?}");
        }
        running.stop().await;
    }
}

#[tokio::test]
async fn a_value_that_goes_back_is_stored_as_suspect_and_asked_until_it_is_right() {
    let town = Town::found(&one_bus(1), 3).await;
    let total = 0x0506_0100;
    let today = hes_sim::civil::Civil::from_datetime(town.zone.to_datetime(now().timestamp()).date().at(0, 0, 0, 0));
    let force = |bytes: Vec<u8>| {
        let fleet = town.fleet.fleet();
        fleet.with_meter(FIRST, |meter, _| meter.force_freeze(total, today, bytes.clone())).expect("the meter");
    };
    let truth =
        town.fleet.fleet().with_meter(FIRST, |meter, at| meter.item(total + 1, at)).flatten().expect("a freeze");
    force(vec![0xAA; truth.len()]);
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST).await;
    running.until("the days before are stored", |s| s.readings() >= 20).await;
    assert_eq!(check_against_truth(&town, FIRST).await, 15, "what is no number is no good value");
    force(vec![0; truth.len()]);
    let is_back = |version: &ReadingVersion| version.reading.quality == Quality::Suspect(vec!["V04".into()]);
    let backwards = async || {
        let all = readings(&town.store, meter, Series::Daily, Versions::All).await;
        all.iter().filter(|version| is_back(version)).count()
    };
    let mut seen = running.board.snapshot().readings();
    while backwards().await < 5 {
        seen = until_more_is_read(&running, seen).await;
    }
    force(truth);
    let mut seen = running.board.snapshot().readings();
    while check_against_truth(&town, FIRST).await < 20 {
        seen = until_more_is_read(&running, seen).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_value_that_was_taken_for_good_is_found_out_by_its_neighbours() {
    let town = Town::found(&one_bus(1), 3).await;
    let today = hes_sim::civil::Civil::from_datetime(town.zone.to_datetime(now().timestamp()).date().at(0, 0, 0, 0));
    let fleet = town.fleet.fleet();
    let truth = fleet.with_meter(FIRST, |meter, at| meter.item(0x0506_0101, at)).flatten().expect("a freeze");
    let force = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        fleet.with_meter(FIRST, |meter, _| meter.force_freeze(0x0506_0100, today, bytes.clone())).expect("the meter");
    };
    // A person reads today's freeze in the moment in which it is wrong; nought is the sum of noughts.
    force(&vec![0; truth.len()]);
    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST).await;
    let day = town.zone.to_datetime(now().timestamp()).date();
    let request = Request::Daily { registers: block(), days: vec![day] };
    let deadline = UtcMicros(now().0 + 60_000_000);
    let id = town.store.submit_read(meter, &request, "test", now(), deadline).await.expect("queued");
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    assert!(read.values.iter().all(|value| value.quality == Quality::Good), "nothing contradicts it yet");
    force(&truth);
    town.plan("daily", daily(), Window::ALWAYS).await;
    let nought = Observed::Number(Quantity::new(0, 2, Unit::Kwh));
    let all_right = async || {
        let current = readings(&town.store, meter, Series::Daily, Versions::Current).await;
        let right = |version: &&ReadingVersion| version.reading.quality.is_good() && version.reading.value != nought;
        current.iter().filter(right).count() == 20
    };
    let mut seen = running.board.snapshot().readings();
    while !all_right().await {
        seen = until_more_is_read(&running, seen).await;
    }
    assert_eq!(check_against_truth(&town, FIRST).await, 20);
    running.stop().await;
}

#[tokio::test]
async fn nothing_is_asked_outside_a_plans_window() {
    let town = Town::found(&one_bus(1), 1).await;
    // It is around noon in this town.
    let night = Window { from: Time::constant(22, 0, 0, 0), to: Time::constant(6, 0, 0, 0) };
    town.plan("night", daily(), night).await;
    let running = town.collect(quick()).await;
    running.until("it looked", |s| s.channels.values().any(|c| c.looks >= 3)).await;
    running.stop().await;
    assert_eq!(town.fleet.fleet().counts().questions, 0);
}

#[tokio::test]
async fn a_stop_in_the_middle_loses_nothing_and_the_next_start_goes_on() {
    let line = "\n[channel.line]\nbaud = 19200\ntiming = 'exact'\n";
    let fleet = one_bus(2) + line;
    let town = Town::found(&fleet, 10).await;
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(CollectorConfig { slots_per_dialogue: 10, ..quick() }).await;
    running.until("some is stored", |s| s.channels.values().any(|c| c.readings >= 20)).await;
    running.stop().await;
    let mut before = 0;
    for meter in 0..2 {
        before += check_against_truth(&town, FIRST + meter).await;
    }
    assert!((20..110).contains(&before), "{before}");
    town.fleet.fleet().bus("bus").expect("the bus").set_faults(FaultConfig::default());
    let running = town.collect(quick()).await;
    until_stored(&running, 110 - before as u64).await;
    for meter in 0..2 {
        assert_eq!(check_against_truth(&town, FIRST + meter).await, 55);
    }
    running.stop().await;
}

#[tokio::test]
async fn on_a_hostile_line_no_good_value_is_wrong_beyond_the_rounding_of_tariffs() {
    let town = Town::found(&one_bus(4), 20).await;
    let faults = FaultConfig {
        damaged_byte: 50,
        compensated: 50,
        wrong_address: 20,
        wrong_item: 20,
        other_meter: 20,
        to_next_question: 20,
        doubled_68: 20,
        noise: 50,
        merged: 20,
        ..FaultConfig::default()
    };
    town.fleet.fleet().bus("bus").expect("the bus").set_faults(faults);
    town.plan("daily", daily(), Window::ALWAYS).await;
    let mut config = quick();
    config.retry.probe_minutes = vec![1];
    let running = town.collect(config).await;
    running.until("most is stored", |s| s.readings() >= 4 * 5 * 21 * 9 / 10).await;
    running.stop().await;
    for meter in 0..4 {
        check_against_truth(&town, FIRST + meter).await;
    }
}

#[tokio::test]
async fn an_old_check_of_a_clock_convicts_nothing_before_the_clock_was_looked_at_again() {
    for (offset, doubted) in [(0, false), (7200, true)] {
        let fleet = one_bus(1) + &format!("[[meter]]\naddress = '{FIRST}'\nclock_offset_s = {offset}.0\n");
        let town = Town::found(&fleet, 3).await;
        let (meter, at) = (town.meter(FIRST).await, UtcMicros(now().0 - 100 * DAY));
        let channel = "bus".parse().expect("a name");
        let mut check = hes_store::DialogueRecord::new(meter, channel, None, hes_model::Class::Clock);
        let shown = hes_model::MeterClock(town.zone.to_datetime(at.timestamp()));
        check.clock =
            Some(hes_store::ClockReading { meter_clock: shown, at, offset_ms: 7_200_000, uncertainty_ms: 0, proof: 0 });
        check.exchanges.push(hes_model::ExchangeProof {
            request: vec![0x68],
            answer: vec![0x68],
            sent_at: at,
            received_at: hes_model::ReceivedAt(at),
        });
        let permit = town.store.writer().reserve(0).await.expect("room");
        town.store.writer().record(permit, check).await.expect("stored");
        town.plan("daily", daily(), Window::ALWAYS).await;
        let running = town.collect(quick()).await;
        until_stored(&running, 4 * 5).await;
        running.stop().await;
        let stored = readings(&town.store, meter, Series::Daily, Versions::Current).await;
        let suspect = |version: &ReadingVersion| version.reading.quality == Quality::Suspect(vec!["V06".into()]);
        assert_eq!(
            stored.iter().filter(|version| suspect(version)).count(),
            if doubted { 20 } else { 0 },
            "{offset} s"
        );
        let looked = town.store.last_clock(meter).await.expect("the store answers").expect("a check");
        assert!(looked.at > at && (looked.offset_ms - i64::from(offset) * 1000).abs() < 3000, "{looked:?}");
    }
}

/// What a freeze holds that shows so many hundredths of a kilowatt-hour, all in the first tariff.
fn freeze_of(hundredths: u32) -> Vec<u8> {
    let digits = format!("{hundredths:08}");
    let value = (0..8).step_by(2).rev().map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits"));
    let value: Vec<u8> = value.collect();
    [&value[..], &value, &[0; 12]].concat()
}

/// Reads some days of a meter, puts another in its place that has freezes of its own, and reads today; the events then.
async fn exchanged_without_a_word(number: Option<u64>) -> (Town, Vec<String>) {
    let town = Town::found(&one_bus(1), 5).await;
    let today = town.zone.to_datetime(now().timestamp()).date();
    let ago = |days: i64| today.saturating_sub(jiff::Span::new().days(days));
    let mut plan = town.plan_of("daily", daily(), Window::ALWAYS);
    plan.effective.until = Some(today);
    town.store.put_plan(&plan, now()).await.expect("the plan is taken");
    let running = town.collect(quick()).await;
    until_stored(&running, 5 * 5).await;
    running.stop().await;
    for days in 0..=12_u32 {
        let latched = hes_sim::civil::Civil::from_datetime(ago(days.into()).at(0, 0, 0, 0));
        let shown = freeze_of(500 - 20 * days);
        town.fleet.fleet().with_meter(FIRST, |meter, _| meter.force_freeze(0x0506_0100, latched, shown.clone()));
    }
    if let Some(number) = number {
        let digits = format!("{number:012}");
        let low_first = (0..12).step_by(2).rev().map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits"));
        town.fleet.fleet().with_meter(FIRST, |meter, _| meter.force_item(0x0400_0402, low_first.clone().collect()));
    }
    plan.effective.until = None;
    town.store.put_plan(&plan, now()).await.expect("the plan is taken");
    let running = town.collect(quick()).await;
    until_stored(&running, 5).await;
    running.stop().await;
    let events = town.store.events(&hes_store::EventFilter::default(), 0, 100).await.expect("the store answers");
    let kinds = events.into_iter().map(|event| event.kind.to_string()).collect();
    (town, kinds)
}

/// The rules that doubt the current values of today, and whether the days before are what they were.
async fn after_the_exchange(town: &Town) -> Vec<String> {
    let stored = readings(&town.store, town.meter(FIRST).await, Series::Daily, Versions::All).await;
    let mut rules = Vec::new();
    for version in stored {
        let Observed::Number(value) = version.reading.value else { panic!("no number: {version:?}") };
        let is_new = value.mantissa <= 500 && version.reading.register == obis("import_active_total");
        assert!(!is_new || !version.reading.quality.is_good(), "another meter's value is held for good: {version:?}");
        if let Quality::Suspect(broken) = &version.reading.quality {
            rules.extend(broken.iter().map(ToString::to_string));
        }
    }
    rules
}

#[tokio::test]
async fn a_meter_put_in_another_s_place_takes_over_no_day_even_where_it_has_freezes_of_its_own() {
    let (town, events) = exchanged_without_a_word(None).await;
    let rules = after_the_exchange(&town).await;
    assert!(rules.iter().any(|rule| rule == "V04") && rules.iter().all(|rule| rule != "V10"), "{rules:?}");
    assert!(events.iter().any(|kind| kind == "registers_backwards"), "{events:?}");
    assert!(events.iter().all(|kind| kind != "meter_number_differs"), "it tells the archive's number: {events:?}");
}

#[tokio::test]
async fn a_meter_that_tells_another_number_of_its_own_is_named_and_nothing_of_it_is_good() {
    let (town, events) = exchanged_without_a_word(Some(77)).await;
    let rules = after_the_exchange(&town).await;
    assert!(rules.iter().any(|rule| rule == "V10"), "{rules:?}");
    assert!(events.iter().any(|kind| kind == "meter_number_differs"), "{events:?}");

    // What contradicts nothing by itself is another meter's all the same.
    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST).await;
    running.until("it is asked again", |s| s.readings() >= 5).await;
    let request = Request::Instant { registers: vec![obis("frequency")] };
    let deadline = UtcMicros(now().0 + 60_000_000);
    let id = town.store.submit_read(meter, &request, "test", now(), deadline).await.expect("queued");
    let read = town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    running.stop().await;
    assert!(read.values.iter().all(|value| value.quality == Quality::Suspect(vec!["V10".into()])), "{:?}", read.values);
    assert_eq!(read.values.len(), 1);
}

#[tokio::test]
async fn what_was_learned_of_a_meter_s_reply_times_is_kept_over_a_restart() {
    let town = Town::found(&one_bus(2), 8).await;
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    until_stored(&running, 2 * 5 * 9).await;
    running.stop().await;
    let channel = "bus".parse().expect("a name");
    let before = town.store.reply_times(&channel).await.expect("the store answers");
    assert_eq!(before.iter().map(|(_, replies)| replies.len()).collect::<Vec<_>>(), [18, 18], "a freeze is two frames");

    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST).await;
    let request = Request::Instant { registers: vec![obis("frequency")] };
    let deadline = UtcMicros(now().0 + 60_000_000);
    let id = town.store.submit_read(meter, &request, "test", now(), deadline).await.expect("queued");
    town.store.wait_for_read(id, town::PATIENCE).await.expect("the store answers").expect("the read");
    running.stop().await;
    let after = town.store.reply_times(&channel).await.expect("the store answers");
    let of = |all: &[(MeterId, Vec<std::time::Duration>)]| {
        all.iter().find(|(id, _)| *id == meter).expect("the meter").1.clone()
    };
    assert_eq!((of(&after).len(), &of(&after)[..18]), (19, &of(&before)[..]), "the new reply joins the old ones");
}

fn clock_plan(sync: ClockSync) -> Task {
    Task::Clock { sync }
}

async fn until_broadcast(town: &Town, running: &Running) {
    let channel = "bus".parse().expect("a name");
    running.until("the host is proven", |s| s.host_clock.as_ref().is_some_and(|proof| proof.is_proven())).await;
    let mut looks = 0;
    while town.store.last_broadcast(&channel).await.expect("the store answers").is_none() {
        looks += 1;
        assert!(looks < 40, "no broadcast");
        let seen = running.board.snapshot().channels.values().map(|c| c.looks).sum::<u64>();
        running.until("another look", |s| s.channels.values().map(|c| c.looks).sum::<u64>() > seen).await;
    }
}

#[tokio::test]
async fn a_clock_plan_that_is_changed_after_the_checks_holds_at_once() {
    let fleet = one_bus(1) + &format!("[[meter]]\naddress = '{FIRST}'\nclock_offset_s = 100.0\n");
    let town = Town::found(&fleet, 1).await;
    town.plan("clock", clock_plan(ClockSync::CheckOnly), Window::ALWAYS).await;
    let mut config = quick();
    config.clock.host_proof = HostProof::Operator;
    let running = town.collect(config).await;
    let meter = town.meter(FIRST).await;
    while town.store.last_clock(meter).await.expect("the store answers").is_none() {
        let seen = running.board.snapshot().channels.values().map(|c| c.looks).sum::<u64>();
        running.until("another look", |s| s.channels.values().map(|c| c.looks).sum::<u64>() > seen).await;
    }
    town.plan("clock", clock_plan(ClockSync::Broadcast), Window::ALWAYS).await;
    until_broadcast(&town, &running).await;
    running.stop().await;
}

#[tokio::test]
async fn drifting_meters_are_set_by_one_broadcast_if_the_host_is_proven() {
    let fleet = one_bus(2) + &format!("[[meter]]\naddress = '{FIRST}'\nclock_offset_s = 100.0\n");
    let town = Town::found(&fleet, 1).await;
    town.plan("clock", clock_plan(ClockSync::Broadcast), Window::ALWAYS).await;
    let mut config = quick();
    config.clock.host_proof = HostProof::Operator;
    let running = town.collect(config).await;
    until_broadcast(&town, &running).await;
    running.stop().await;
    let meter = town.meter(FIRST).await;
    let clock = town.store.last_clock(meter).await.expect("the store answers").expect("it was checked");
    assert!((98_000..=102_000).contains(&clock.offset_ms), "{clock:?}");
    let off = town
        .fleet
        .fleet()
        .with_meter(FIRST, |meter, truth| truth.datetime().duration_since(meter.shows(truth).datetime()).abs());
    assert!(off.expect("the meter") <= jiff::SignedDuration::from_secs(2), "the meter took the time: {off:?}");
}

#[tokio::test]
async fn an_operator_who_compared_the_host_s_clock_overrules_what_a_wrong_one_stamped() {
    let town = Town::found(&one_bus(1), 1).await;
    let years_ahead = UtcMicros((now().0 / DAY + 3650) * DAY);
    let meter = town.meter(FIRST).await;
    let reading = hes_model::Reading {
        meter,
        register: obis("import_active_total"),
        series: Series::Instant,
        slot: years_ahead,
        value: Observed::Number(Quantity::new(100, 2, Unit::Kwh)),
        occurred: None,
        meter_clock: None,
        captured: hes_model::CapturedAt(years_ahead),
        received: hes_model::ReceivedAt(years_ahead),
        quality: Quality::Good,
        exchange: None,
    };
    let channel = "bus".parse().expect("a name");
    let mut record = hes_store::DialogueRecord::new(meter, channel, None, hes_model::Class::OnDemand);
    record.exchanges.push(hes_model::ExchangeProof {
        request: vec![0x68],
        answer: vec![0x68],
        sent_at: years_ahead,
        received_at: hes_model::ReceivedAt(years_ahead),
    });
    record.readings.push((reading, 0));
    let permit = town.store.writer().reserve(1).await.expect("room");
    town.store.writer().record(permit, record).await.expect("stored");

    let mut config = quick();
    config.clock.host_proof = HostProof::Operator;
    let proven = |s: &hes_collector::CollectorStatus| s.host_clock.as_ref().map(hes_collector::Proof::is_proven);
    let running = town.collect(config.clone()).await;
    running.until("the host's clock was looked at", |s| proven(s).is_some()).await;
    assert_eq!(proven(&running.board.snapshot()), Some(false), "what is stored is of a later time");
    running.stop().await;

    config.clock.checked_at = Some(UtcMicros(now().0 - 1_000_000));
    let running = town.collect(config).await;
    running.until("the host's clock is proven", |s| proven(s) == Some(true)).await;
    running.stop().await;
    let events = town.store.events(&hes_store::EventFilter::default(), 0, 100).await.expect("the store answers");
    assert!(events.iter().any(|event| event.kind == "host_clock_overruled_store"), "{events:?}");
}

#[tokio::test]
async fn without_a_proven_host_clock_drift_is_recorded_and_nothing_is_set() {
    let fleet = one_bus(1) + &format!("[[meter]]\naddress = '{FIRST}'\nclock_offset_s = 100.0\n");
    let town = Town::found(&fleet, 1).await;
    town.plan("clock", clock_plan(ClockSync::Broadcast), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    let meter = town.meter(FIRST).await;
    running.until("it looked", |s| s.channels.values().any(|c| c.looks >= 4)).await;
    running.stop().await;
    assert!(town.store.last_clock(meter).await.expect("the store answers").is_some(), "the drift is recorded");
    assert_eq!(town.store.last_broadcast(&"bus".parse().expect("a name")).await.expect("the store answers"), None);
    let events = town.store.events(&hes_store::EventFilter::default(), 0, 100).await.expect("the store answers");
    assert!(events.iter().any(|event| event.kind == "host_clock_unproven"));
    assert!(events.iter().any(|event| event.kind == "clock_sync_withheld"), "{events:?}");
}

#[tokio::test]
async fn a_channel_nobody_answers_on_is_shown_as_down_and_others_go_on() {
    let town = Town::found(&(one_bus(1) + &bus("gone", "{ kind = 'tcp' }", 1)), 1).await;
    let mut config = town.store.channel(&"gone".parse().expect("a name")).await.expect("stored").expect("known");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket").local_addr().expect("its address");
    config.endpoint =
        hes_model::Endpoint::Dial { host: "127.0.0.1".into(), port: free.port().try_into().expect("a port") };
    town.store.import_channels(vec![(1, config)]).await.expect("taken");
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    until_stored(&running, 10).await;
    running
        .until("the other is down", |s| {
            let gone = s.channels.iter().find(|(name, _)| name.as_str() == "gone");
            gone.is_some_and(|(_, channel)| matches!(channel.link, Some(LinkState::Down { .. })))
        })
        .await;
    let looks = |s: &hes_collector::CollectorStatus| s.channels.values().map(|channel| channel.looks).min();
    // A look that began before the link was down, and one that was told.
    let enough = looks(&running.board.snapshot()).map(|looks| looks + 2);
    running.until("it has looked since", |s| looks(s) >= enough).await;
    let today = town.zone.to_datetime(now().timestamp()).date();
    let slots = hes_store::SlotsOfDay { day: today, now: now(), plan: None };
    let missing = town.store.gaps(&slots, None, 100).await.expect("the store answers");
    let causes: Vec<_> = missing.iter().flat_map(|of| &of.gaps).map(|gap| gap.cause.clone()).collect();
    assert!(!causes.is_empty());
    for cause in causes {
        assert_eq!(cause.map(|cause| cause.kind), Some(FailureKind::ChannelDown), "nobody need wait to be told");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_channel_that_could_not_be_served_is_served_once_it_is_put_right() {
    let town = Town::found(&one_bus(1), 1).await;
    let right = town.store.channel(&"bus".parse().expect("a name")).await.expect("stored").expect("known");
    let registration = hes_model::Registration::Packet("NOBODY-LISTENS".into());
    let endpoint = hes_model::Endpoint::DialIn(hes_model::DialIn { registration });
    let wrong = hes_model::ChannelConfig { endpoint, ..right.clone() };
    town.store.import_channels(vec![(1, wrong)]).await.expect("taken");
    town.plan("daily", daily(), Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    let is_down = |s: &hes_collector::CollectorStatus| {
        s.channels.values().any(|channel| matches!(channel.link, Some(LinkState::Down { .. })))
    };
    running.until("nothing listens for its module", is_down).await;
    town.store.import_channels(vec![(1, right)]).await.expect("taken");
    until_stored(&running, 10).await;
    running.stop().await;
}
