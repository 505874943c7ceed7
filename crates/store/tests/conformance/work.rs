//! Planned work: what is missing, what waits, what is given up.

use std::collections::BTreeSet;

use hes_model::{Class, ClockSync, Failure, FailureKind, Plan, Quality, Scope, Series, Task, UtcMicros};
use hes_store::{Age, ClockReading, FailedAttempt, GapState, GiveUp, Retry, SlotsOfDay};
use jiff::civil::date;

use crate::bench::{Bench, EXPORT, IMPORT, TODAY, channel, plan, record, slot};

fn daily() -> Task {
    Task::Daily { registers: vec![IMPORT] }
}

#[tokio::test]
async fn every_expected_day_is_missing_until_it_is_committed_and_the_newest_comes_first() {
    let bench = Bench::with_meters(2).await;
    bench.plan("night", daily(), date(2026, 11, 20)).await;
    let work = bench.missing_at(bench.now()).await;
    assert!(work.complete);
    let days: Vec<_> = work.slots.iter().map(|s| bench.calendar().day_of(s.slot.time).day()).collect();
    assert_eq!(days, [24, 24, 23, 23, 22, 22, 21, 21, 20, 20]);
    let classes: BTreeSet<_> = work.slots.iter().map(|s| (s.slot.time, s.class)).collect();
    assert!(classes.contains(&(bench.midnight(TODAY), Class::Scheduled)));
    assert!(classes.contains(&(bench.midnight(date(2026, 11, 23)), Class::Backfill)));

    let m1 = bench.meter("M1").await;
    bench.record(record((20..=24).map(|d| bench.daily(m1, date(2026, 11, d), 100 * i64::from(d))).collect())).await;
    let left = bench.missing_at(bench.now()).await.slots;
    assert!(left.iter().all(|s| s.meter != m1) && left.len() == 5, "{left:?}");
}

#[tokio::test]
async fn a_slot_that_failed_waits_as_told_and_is_offered_again_with_its_tries() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), TODAY).await;
    let meter = bench.meter("M1").await;
    let slot = slot(Series::Daily, bench.midnight(TODAY));
    let later = UtcMicros(bench.now().0 + 600_000_000);
    let mut failed = record(vec![bench.daily(meter, TODAY, 1)]);
    failed.readings.clear();
    failed.failures.push(FailedAttempt {
        at: bench.now(),
        failure: Failure::new(FailureKind::Refused, "no such data"),
        slots: vec![slot],
    });
    failed.retry.push(Retry { slot, not_before: later });
    bench.record(failed.clone()).await;

    let waiting = bench.missing_at(bench.now()).await;
    assert_eq!((waiting.slots.len(), waiting.next_retry), (0, Some(later)));
    let again = bench.missing_at(later).await.slots;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].tries, again[0].last_failure), (1, Some(FailureKind::Refused)));

    bench.record(failed).await;
    assert_eq!(bench.missing_at(later).await.slots[0].tries, 2);
    bench.read(bench.daily(meter, TODAY, 5)).await;
    assert_eq!(bench.missing_at(later).await.slots, []);
}

#[tokio::test]
async fn a_slot_with_suspects_only_stays_open_and_ends_as_suspect_when_it_leaves_the_memory() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), TODAY).await;
    let meter = bench.meter("M1").await;
    let mut suspect = bench.daily(meter, TODAY, 5);
    suspect.quality = Quality::Suspect(vec!["V04".into()]);
    bench.read(suspect).await;
    let open = bench.missing_at(bench.now()).await.slots;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].last_failure, Some(FailureKind::Suspect));

    let much_later = bench.calendar().instant(date(2027, 2, 1).at(12, 0, 0, 0));
    let work = bench.missing_at(much_later).await;
    assert!(work.slots.iter().all(|s| s.slot.time > bench.midnight(TODAY)));
    let slots = SlotsOfDay { now: much_later, ..bench.slots(TODAY) };
    let page = bench.store.gaps(&slots, None, 100).await.unwrap();
    assert_eq!((page.len(), page[0].gaps.len()), (1, 1));
    assert_eq!(page[0].gaps[0].cause.as_ref().map(|c| c.kind), Some(FailureKind::Suspect));
}

#[tokio::test]
async fn what_is_given_up_is_not_asked_again_and_a_register_that_is_not_supported_only_when_it_is_probed() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), date(2026, 11, 22)).await;
    let meter = bench.meter("M1").await;
    let mut refused = record(vec![bench.daily(meter, TODAY, 1)]);
    refused.readings.clear();
    refused.given_up.push(GiveUp {
        slot: slot(Series::Daily, bench.midnight(TODAY)),
        at: bench.now(),
        reason: Failure::new(FailureKind::NotSupported, "no such data"),
    });
    bench.record(refused).await;
    assert_eq!(bench.missing_at(bench.now()).await.slots, [], "the older days are given up with it");
    let tomorrow = bench.calendar().instant(date(2026, 11, 25).at(10, 0, 0, 0));
    assert_eq!(bench.missing_at(tomorrow).await.slots, []);
    let after_a_day = bench.calendar().instant(date(2026, 11, 26).at(10, 8, 0, 0));
    let probe = bench.missing_at(after_a_day).await.slots;
    assert_eq!(probe.iter().map(|s| s.slot.time).collect::<Vec<_>>(), [bench.midnight(date(2026, 11, 26))]);
}

#[tokio::test]
async fn points_of_a_profile_are_recovered_one_by_one() {
    let bench = Bench::with_meters(1).await;
    bench.plan("profile", Task::Interval { minutes: 15, registers: vec![IMPORT] }, TODAY).await;
    let meter = bench.meter("M1").await;
    let start = bench.midnight(TODAY).0;
    let at = |n: i64| UtcMicros(start + n * 900_000_000);
    // 10:07: forty intervals are complete, and settled for a minute.
    assert_eq!(bench.missing_at(bench.now()).await.slots.len(), 40);
    let readings: Vec<_> = (0..40)
        .filter(|n| ![3, 17].contains(n))
        .map(|n| bench.reading(meter, Series::Interval(15), at(n), 100 + n))
        .collect();
    bench.record(record(readings)).await;
    let left: BTreeSet<_> = bench.missing_at(bench.now()).await.slots.iter().map(|s| s.slot.time).collect();
    assert_eq!(left, BTreeSet::from([at(3), at(17)]));
}

#[tokio::test]
async fn a_clock_that_is_years_ahead_for_a_while_costs_no_slot_and_no_work_afterwards() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), date(2026, 11, 22)).await;
    let open = bench.missing_at(bench.now()).await.slots;
    assert_eq!(open.len(), 3, "three days are missing");
    let years_ahead = bench.calendar().instant(date(2036, 11, 24).at(10, 7, 0, 0));
    let meanwhile = bench.missing_by(years_ahead, Age::Doubted).await.slots;
    assert!(open.iter().all(|slot| meanwhile.iter().all(|other| other.slot != slot.slot)), "too old to be asked then");
    assert_eq!(bench.missing_at(bench.now()).await.slots, open, "none was given up");
}

#[tokio::test]
async fn a_plan_of_every_few_minutes_costs_nothing_for_the_decades_a_doubted_clock_is_ahead() {
    let bench = Bench::with_meters(1).await;
    bench.plan("often", Task::Instant { minutes: 5, registers: vec![IMPORT] }, TODAY).await;
    let decades_ahead = bench.calendar().instant(date(2096, 11, 24).at(10, 7, 0, 0));
    let looks = bench.missing_by(decades_ahead, Age::Doubted).await;
    let asked: Vec<_> = looks.slots.iter().map(|open| open.slot.time).collect();
    assert_eq!(asked, [UtcMicros(decades_ahead.0 - 120_000_000)], "the newest that is complete, and no other");
    assert!(looks.complete);
}

#[tokio::test]
async fn a_value_of_now_waits_for_no_latch_however_often_it_is_planned() {
    let bench = Bench::with_meters(1).await;
    // As often as the bench has a latched slot wait.
    bench.plan("each-minute", Task::Instant { minutes: 1, registers: vec![IMPORT] }, TODAY).await;
    let minute = bench.calendar().instant(TODAY.at(10, 17, 0, 0));
    for seconds in [0, 59] {
        let looks = bench.missing_at(UtcMicros(minute.0 + seconds * 1_000_000)).await;
        let asked: Vec<_> = looks.slots.iter().map(|open| open.slot.time).collect();
        assert_eq!(asked, [minute], "{seconds} s into its minute");
    }
}

#[tokio::test]
async fn a_doubted_clock_gives_up_no_slot_of_a_register_that_its_meter_does_not_have() {
    let bench = Bench::with_meters(1).await;
    bench.plan("often", Task::Instant { minutes: 5, registers: vec![IMPORT] }, TODAY).await;
    let now = bench.calendar().instant(TODAY.at(10, 17, 0, 0));
    let slot = bench.missing_at(now).await.slots.pop().expect("one is due").slot;
    let mut refused = record(vec![bench.daily(bench.meter("M1").await, TODAY, 1)]);
    refused.readings.clear();
    let reason = Failure::new(FailureKind::NotSupported, "no such data");
    refused.given_up = vec![GiveUp { slot, at: now, reason }];
    bench.record(refused).await;
    let hours_ahead = UtcMicros(now.0 + 6 * 3_600_000_000);
    let given_up = async || {
        let slots = SlotsOfDay { now: hours_ahead, ..bench.slots(TODAY) };
        let gaps = bench.store.gaps(&slots, None, 10_000).await.unwrap();
        gaps.iter().flat_map(|of| &of.gaps).filter(|gap| gap.state == GapState::GivenUp).count()
    };
    let before = given_up().await;
    assert_eq!(bench.missing_by(hours_ahead, Age::Doubted).await.slots, [], "it is not asked either");
    assert_eq!(given_up().await, before);
    assert_eq!(bench.missing_by(hours_ahead, Age::Counts).await.slots, []);
    assert!(given_up().await > before + 70, "by a clock that counts they are");
}

#[tokio::test]
async fn what_a_clock_that_was_years_ahead_gave_up_and_left_behind_is_void_once_it_is_right() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), TODAY).await;
    bench.plan("profile", Task::Interval { minutes: 60, registers: vec![IMPORT] }, TODAY).await;
    let open = bench.missing_at(bench.now()).await.slots;
    let weeks_ahead = bench.calendar().instant(date(2027, 2, 24).at(10, 7, 0, 0));
    bench.missing_at(weeks_ahead).await;
    assert_eq!(bench.missing_at(bench.now()).await.slots, open, "neither give-ups nor watermarks of that time count");
    bench.missing_at(weeks_ahead).await;
    assert_eq!(bench.missing_at(bench.now()).await.slots, open);

    let mut reported = Vec::new();
    for of in bench.store.gaps(&bench.slots(TODAY), None, 100).await.unwrap() {
        let open = of.gaps.into_iter().filter(|gap| gap.state == GapState::Open);
        reported.extend(open.map(|gap| gap.slot));
    }
    let mut open: Vec<_> = open.into_iter().map(|open| open.slot).collect();
    open.sort();
    reported.sort();
    assert_eq!(reported, open, "and what is asked for is reported as open");
}

#[tokio::test]
async fn whether_clocks_are_set_follows_the_plan_as_it_stands_whether_checks_are_due_or_not() {
    let bench = Bench::with_meters(1).await;
    assert_eq!(bench.missing_at(bench.now()).await.sync, ClockSync::CheckOnly, "no plan");
    let mut checked = record(vec![bench.daily(bench.meter("M1").await, TODAY, 100)]);
    let at = bench.now();
    let meter_clock = bench.calendar().meter_clock(at);
    checked.clock = Some(ClockReading { meter_clock, at, offset_ms: 0, uncertainty_ms: 500, proof: 0 });
    bench.record(checked).await;
    for sync in [ClockSync::Broadcast, ClockSync::CheckOnly, ClockSync::Broadcast] {
        bench.plan("clock", Task::Clock { sync }, TODAY).await;
        let work = bench.missing_at(at).await;
        assert_eq!((work.clocks.len(), work.sync), (0, sync), "today's check is made");
    }
    let nobody = Plan {
        scope: Scope::Meters(vec!["M7".parse().unwrap()]),
        ..plan("clock", Task::Clock { sync: ClockSync::Broadcast }, TODAY)
    };
    bench.store.put_plan(&nobody, at).await.unwrap();
    assert_eq!(bench.missing_at(at).await.sync, ClockSync::CheckOnly, "none of its meters is here");
}

#[tokio::test]
async fn a_slot_of_a_silent_meter_shows_how_often_its_meter_was_asked_though_it_was_not_itself() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", Task::Daily { registers: vec![IMPORT, EXPORT] }, TODAY).await;
    for minute in 1..=3 {
        let mut silent = record(vec![bench.daily(bench.meter("M1").await, TODAY, 1)]);
        silent.readings.clear();
        let at = UtcMicros(bench.midnight(TODAY).0 + minute * 60_000_000);
        let failure = Failure::new(FailureKind::NoReply, "no answer");
        // A probe asks for one thing only.
        let slots = vec![slot(Series::Daily, bench.midnight(TODAY))];
        silent.failures.push(FailedAttempt { at, failure, slots });
        bench.record(silent).await;
    }
    let page = bench.store.gaps(&bench.slots(TODAY), None, 100).await.unwrap();
    let last = UtcMicros(bench.midnight(TODAY).0 + 3 * 60_000_000);
    let told: Vec<_> = page[0].gaps.iter().map(|gap| (gap.tries, gap.last_try, gap.next_try)).collect();
    assert_eq!(told, [(3, Some(last), None); 2]);
}

#[tokio::test]
async fn a_channel_that_is_down_is_the_cause_of_what_nobody_could_ask_for_and_a_short_outage_of_nothing() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", daily(), TODAY).await;
    let cause = async || {
        let page = bench.store.gaps(&bench.slots(TODAY), None, 100).await.unwrap();
        page[0].gaps[0].cause.clone().map(|cause| (cause.kind, cause.detail))
    };
    let (bus, shortest) = (channel("bus1"), std::time::Duration::from_secs(60));
    assert_eq!(cause().await, None, "not asked yet");
    bench.store.channel_down(&bus, bench.now(), "connection refused").await.unwrap();
    assert_eq!(cause().await, Some((FailureKind::ChannelDown, "connection refused".to_owned())));
    for (seconds, outages) in [(59, 0), (60, 1)] {
        let up = UtcMicros(bench.now().0 + seconds * 1_000_000);
        bench.store.channel_down(&bus, bench.now(), "connection refused").await.unwrap();
        bench.store.channel_up(&bus, up, shortest).await.unwrap();
        assert_eq!(cause().await, None, "it can be asked for now");
        let noted = bench.store.outages(&bus, bench.midnight(TODAY), UtcMicros(up.0 + 1)).await.unwrap();
        assert_eq!(noted.len(), outages, "down for {seconds} s");
    }
}
