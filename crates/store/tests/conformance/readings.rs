//! Readings: versions, evidence, queries, export.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hes_model::{
    Class, Failure, FailureKind, NoValue, Observed, Quality, Reading, ReadingSeq, ReceivedAt, Series, Task, UtcMicros,
};
use hes_store::{EventFilter, OnDemandFailure, OnDemandState, ReadingQuery, StoreError, Stored, Versions};
use jiff::civil::date;
use jiff::tz::TimeZone;
use proptest::prelude::*;

use crate::bench::{Bench, EXPORT, IMPORT, TODAY, channel, record, row};

const MINUTE: Duration = Duration::from_secs(60);

fn all_of(meter: hes_model::MeterId, series: Series) -> ReadingQuery {
    ReadingQuery {
        meter,
        register: None,
        series,
        from: UtcMicros(1_700_000_000_000_000),
        to: UtcMicros(1_800_000_000_000_000),
        versions: Versions::All,
    }
}

#[tokio::test]
async fn what_is_stored_is_read_back_exactly() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    let interval = UtcMicros(bench.midnight(TODAY).0 + 900_000_000);
    let odd_second = UtcMicros(bench.midnight(TODAY).0 + 1_000_000);
    let slots = [
        (Series::Daily, bench.midnight(TODAY)),
        (Series::Monthly, bench.midnight(date(2026, 11, 1))),
        (Series::Instant, odd_second),
        (Series::Interval(15), interval),
    ];
    for (series, slot) in slots {
        let mut reading = bench.reading(meter, series, slot, -12_345);
        reading.occurred = Some(bench.calendar().meter_clock(odd_second));
        reading.captured = hes_model::CapturedAt(UtcMicros(slot.0 + 123_456));
        reading.quality = Quality::Suspect(vec!["V03".into(), "V05".into()]);
        assert!(matches!(bench.read(reading.clone()).await, Stored::Version(_)));
        let found = bench.store.reading_versions(meter, IMPORT, series, slot).await.unwrap();
        assert_eq!(found.len(), 1, "{series}");
        reading.exchange = found[0].reading.exchange;
        assert_eq!(found[0].reading, reading);
        assert!(reading.exchange.is_some());
    }
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn evidence_is_stored_once_an_exchange_and_shown_for_each_of_its_readings() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    let mut export = bench.daily(meter, TODAY, 7);
    export.register = EXPORT;
    let dialogue = record(vec![bench.daily(meter, TODAY, 5), export]);
    bench.record(dialogue.clone()).await;
    let size = bench.store.evidence_size().await.unwrap();
    assert_eq!((size.exchanges, size.bytes), (1, 5));
    for register in [IMPORT, EXPORT] {
        let slot = bench.midnight(TODAY);
        let evidence = bench.store.evidence(meter, register, Series::Daily, slot).await.unwrap();
        let exchange = evidence[0].exchange.clone().unwrap();
        assert_eq!(exchange.proof, dialogue.exchanges[0]);
        assert_eq!((exchange.meter, exchange.class, exchange.channel), (meter, Class::Scheduled, channel("bus1")));
        assert_eq!(exchange.plan.unwrap().as_str(), "night");
    }
    bench.record(dialogue).await;
    assert_eq!(
        bench.store.evidence_size().await.unwrap().exchanges,
        1,
        "a re-read that brings nothing new proves nothing"
    );
}

#[tokio::test]
async fn evidence_is_kept_as_long_as_configured_and_readings_for_ever() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    bench.read(bench.daily(meter, TODAY, 5)).await;
    let days = |n: i64| UtcMicros(bench.now().0 + n * 86_400_000_000);
    assert_eq!(bench.store.purge(days(399)).await.unwrap().exchanges, 0);
    assert_eq!(bench.store.purge(days(402)).await.unwrap().exchanges, 1);
    let evidence = bench.store.evidence(meter, IMPORT, Series::Daily, bench.midnight(TODAY)).await.unwrap();
    assert!(evidence[0].exchange.is_none() && evidence[0].version.current);
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn evidence_noted_by_a_clock_that_was_years_ahead_keeps_none_that_came_after_it() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    let days = |n: i64| UtcMicros(bench.now().0 + n * 86_400_000_000);
    for (day, received) in [(20, days(4 * 365)), (21, days(0)), (22, days(403))] {
        let reading = bench.daily(meter, date(2026, 11, day), i64::from(day));
        bench.read(Reading { received: ReceivedAt(received), ..reading }).await;
    }
    assert_eq!(bench.store.purge(days(1)).await.unwrap().exchanges, 0, "none of these is old");
    assert_eq!(bench.store.purge(days(403)).await.unwrap().exchanges, 2, "all but the last, which is of today");
    assert_eq!(bench.store.purge(days(4 * 365)).await.unwrap().exchanges, 1);
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn a_different_good_value_is_a_new_version_and_an_event() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    for series in [Series::Daily, Series::Interval(60)] {
        let slot = bench.midnight(TODAY);
        bench.read(bench.reading(meter, series, slot, 5)).await;
        assert_eq!(bench.read(bench.reading(meter, series, slot, 5)).await, Stored::Unchanged);
        assert!(matches!(bench.read(bench.reading(meter, series, slot, 6)).await, Stored::Version(_)));
        let versions = bench.store.reading_versions(meter, IMPORT, series, slot).await.unwrap();
        assert_eq!(versions.iter().map(|v| (v.version, v.current)).collect::<Vec<_>>(), [(1, false), (2, true)]);
    }
    let events = bench.store.events(&EventFilter::default(), 0, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["reading_changed"; 2]);
    assert_eq!(events[0].meter.as_ref().unwrap().as_str(), "M1");
}

#[tokio::test]
async fn an_absent_value_fills_its_slot() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", Task::Daily { registers: vec![IMPORT] }, TODAY).await;
    let mut absent = bench.daily(bench.meter("M1").await, TODAY, 0);
    absent.value = Observed::None(NoValue::Absent);
    bench.read(absent).await;
    assert_eq!(bench.missing_at(bench.now()).await.slots, []);
}

#[tokio::test]
async fn a_slot_that_no_series_has_is_refused_and_takes_nobody_with_it() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    let noon = UtcMicros(bench.midnight(TODAY).0 + 43_200_000_000);
    for (series, slot) in [
        (Series::Daily, noon),
        (Series::Monthly, bench.midnight(TODAY)),
        (Series::Interval(15), UtcMicros(noon.0 + 60_000_000)),
        (Series::Instant, UtcMicros(noon.0 + 1)),
    ] {
        let permit = bench.store.writer().reserve(1).await.unwrap();
        let refused = bench.store.writer().record(permit, record(vec![bench.reading(meter, series, slot, 1)])).await;
        assert!(matches!(refused, Err(StoreError::NotASlot { at }) if at == slot), "{series}");
    }
}

#[tokio::test]
async fn known_values_are_those_of_the_span_and_the_nearest_around_it() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    for n in [1, 2, 10, 11, 20, 21] {
        bench.read(bench.daily(meter, date(2026, 11, n), i64::from(n))).await;
    }
    let mut suspect = bench.daily(meter, date(2026, 11, 9), 999);
    suspect.quality = Quality::Suspect(vec!["V04".into()]);
    bench.read(suspect).await;
    let span = (bench.midnight(date(2026, 11, 10)), bench.midnight(date(2026, 11, 12)));
    let known = bench.store.known_values(meter, &[(IMPORT, Series::Daily)], span.0, span.1).await.unwrap();
    assert_eq!(known.iter().map(|v| v.value.mantissa).collect::<Vec<_>>(), [2, 10, 11, 20]);
}

#[tokio::test]
async fn billing_sees_every_version_once_in_the_order_of_its_cursor() {
    let bench = Bench::with_meters(2).await;
    let (m1, m2) = (bench.meter("M1").await, bench.meter("M2").await);
    bench.plan("night", Task::Daily { registers: vec![IMPORT] }, date(2026, 11, 20)).await;
    bench.record(record(vec![bench.daily(m1, TODAY, 5), bench.daily(m1, date(2026, 11, 23), 4)])).await;
    bench.read(bench.daily(m2, TODAY, 9)).await;
    let cursor = bench.store.last_seq().await.unwrap();
    bench.read(bench.daily(m1, TODAY, 6)).await;

    let mut seen = Vec::new();
    let mut since = ReadingSeq(0);
    loop {
        let page = bench.store.daily_since(since, 2).await.unwrap();
        let Some(last) = page.last() else { break };
        since = last.version.seq;
        seen.extend(page);
    }
    assert!(seen.windows(2).all(|w| w[0].version.seq < w[1].version.seq));
    assert_eq!(seen.len(), 4);
    let first = &seen[0];
    assert_eq!((first.meter_no.as_str(), first.service_point.as_ref().unwrap().as_str()), ("M1", "S1"));
    assert_eq!((first.customer.as_ref().unwrap().as_str(), first.area.as_ref().unwrap().as_str()), ("C1", "A1"));
    assert_eq!(first.due, Some(UtcMicros(bench.midnight(TODAY).0 + 8 * 3_600_000_000)));
    let correction = bench.store.daily_since(cursor, 10).await.unwrap();
    assert_eq!(correction.len(), 1);
    assert_eq!(correction[0].supersedes, Some(first.version.seq));

    let of_day = bench.store.daily_of_day(TODAY, None, 2).await.unwrap();
    let rest = bench.store.daily_of_day(TODAY, Some(of_day[1].0), 10).await.unwrap();
    let values: Vec<_> = of_day.iter().chain(&rest).map(|(_, row)| row.version.seq).collect();
    assert_eq!(values.len(), 3);
    assert_eq!(bench.store.last_seq().await.unwrap(), correction[0].version.seq);
}

#[tokio::test]
async fn a_value_is_billed_to_whoever_was_supplied_on_its_day_in_every_zone() {
    // Samoa was a day behind in 1970 and is a day ahead now; Chatham has summer time and quarters of an hour.
    for zone in ["Asia/Shanghai", "Pacific/Apia", "Pacific/Chatham", "America/Santiago", "Africa/Casablanca"] {
        let bench = Bench::in_zone(TimeZone::get(zone).unwrap()).await;
        bench.channel("bus1").await;
        let (first, moved) = (row(1), hes_store::MeterRow { customer: Some("C2".parse().unwrap()), ..row(1) });
        bench.import(vec![first]).await;
        // Another customer is supplied there from today on.
        bench.import(vec![moved]).await;
        let meter = bench.meter("M1").await;
        let yesterday = TODAY.yesterday().unwrap();
        bench.record(record(vec![bench.daily(meter, yesterday, 4), bench.daily(meter, TODAY, 5)])).await;

        let by_cursor = bench.store.daily_since(ReadingSeq(0), 10).await.unwrap();
        let mut by_day = Vec::new();
        for day in [yesterday, TODAY] {
            by_day.extend(bench.store.daily_of_day(day, None, 10).await.unwrap().into_iter().map(|(_, row)| row));
        }
        assert_eq!(by_cursor, by_day, "{zone}");
        let customers: Vec<_> = by_cursor.iter().map(|row| row.customer.as_ref().unwrap().as_str()).collect();
        assert_eq!(customers, ["C1", "C2"], "{zone}");
    }
}

#[tokio::test]
async fn an_on_demand_read_is_taken_once_and_ends_with_its_values() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    let request = hes_model::Request::Instant { registers: vec![IMPORT] };
    let deadline = UtcMicros(bench.now().0 + 60_000_000);
    let id = bench.store.submit_read(meter, &request, "test", bench.now(), deadline).await.unwrap();
    let taken = bench.store.take_reads(&channel("bus1"), bench.now(), Instant::now(), 10).await.unwrap();
    assert_eq!(taken.iter().map(|t| (t.read.id, t.read.request.clone())).collect::<Vec<_>>(), [(id, request.clone())]);
    assert_eq!(bench.store.take_reads(&channel("bus1"), bench.now(), Instant::now(), 10).await.unwrap(), []);

    // The process ends and starts again: the read is queued again.
    let bench = bench.reopen().await;
    assert_eq!(bench.store.take_reads(&channel("bus1"), bench.now(), Instant::now(), 10).await.unwrap().len(), 1);
    let waiter = tokio::spawn({
        let store = bench.store.clone();
        async move { store.wait_for_read(id, MINUTE).await }
    });
    let mut dialogue = record(vec![bench.reading(meter, Series::Instant, bench.midnight(TODAY), 77)]);
    (dialogue.on_demand, dialogue.plan, dialogue.class) = (Some(id), None, Class::OnDemand);
    bench.record(dialogue).await;
    bench.store.finish_read(id, &[], bench.now()).await.unwrap();
    let read = waiter.await.unwrap().unwrap().unwrap();
    assert_eq!(read.state, OnDemandState::Done);
    assert_eq!(read.values.len(), 1);

    let late = bench.store.submit_read(meter, &request, "test", bench.now(), deadline).await.unwrap();
    assert_eq!(bench.store.expire_reads(deadline, Instant::now() + MINUTE).await.unwrap(), 1);
    let failure = Failure::new(FailureKind::NoReply, "too late");
    bench.store.finish_read(late, &[OnDemandFailure { register: None, failure }], deadline).await.unwrap();
    let expired = bench.store.on_demand_read(late).await.unwrap().unwrap();
    assert_eq!(expired.state, OnDemandState::Expired, "what ended stays as it ended");
}

#[tokio::test]
async fn a_read_under_way_ends_by_the_word_of_whoever_runs_it_and_is_queued_again_when_that_one_is_gone() {
    let bench = Bench::with_meters(1).await;
    let (meter, bus) = (bench.meter("M1").await, channel("bus1"));
    let request = hes_model::Request::Instant { registers: vec![IMPORT] };
    let deadline = bench.now().plus(MINUTE);
    let id = bench.store.submit_read(meter, &request, "test", bench.now(), deadline).await.unwrap();
    let state = async || bench.store.on_demand_read(id).await.unwrap().unwrap().state;
    assert_eq!(bench.store.take_reads(&bus, bench.now(), Instant::now(), 1).await.unwrap().len(), 1);
    let over = Instant::now() + MINUTE;
    assert_eq!(bench.store.expire_reads(deadline, over).await.unwrap(), 0, "who runs it ends it");
    assert_eq!(state().await, OnDemandState::Running);

    bench.store.requeue_reads(&bus).await.unwrap();
    assert_eq!(state().await, OnDemandState::Queued);
    assert_eq!(bench.store.take_reads(&bus, bench.now(), Instant::now(), 1).await.unwrap().len(), 1);
    bench.store.expire_read(id, deadline).await.unwrap();
    assert_eq!(state().await, OnDemandState::Expired);
}

#[tokio::test]
async fn a_queued_read_is_as_old_as_the_time_that_went_by_whatever_the_wall_clock_shows() {
    let bench = Bench::with_meters(1).await;
    let (meter, bus) = (bench.meter("M1").await, channel("bus1"));
    let request = hes_model::Request::Instant { registers: vec![IMPORT] };
    let submit = async || {
        let deadline = bench.now().plus(MINUTE);
        bench.store.submit_read(meter, &request, "test", bench.now(), deadline).await.unwrap()
    };
    let (asked, day) = (Instant::now(), 86_400_000_000);
    for jump in [day, -day] {
        let wall = UtcMicros(bench.now().0 + jump);
        let id = submit().await;
        assert_eq!(bench.store.expire_reads(wall, asked).await.unwrap(), 0, "{jump}");
        let taken = bench.store.take_reads(&bus, wall, asked + MINUTE / 2, 1).await.unwrap();
        assert_eq!(taken.iter().map(|taken| taken.read.id).collect::<Vec<_>>(), [id], "{jump}");
        assert!(taken[0].left >= MINUTE / 2, "{:?}", taken[0].left);
        bench.store.finish_read(id, &[], wall).await.unwrap();

        submit().await;
        let over = Instant::now() + MINUTE;
        assert_eq!(bench.store.take_reads(&bus, wall, over, 1).await.unwrap(), [], "{jump}");
        assert_eq!(bench.store.expire_reads(wall, over).await.unwrap(), 1, "{jump}");
        assert_eq!(bench.store.expire_reads(wall, over).await.unwrap(), 0, "{jump}");
    }
}

#[tokio::test]
async fn a_read_left_by_an_earlier_process_has_what_its_deadline_leaves_and_no_more_than_it_was_given() {
    let request = hes_model::Request::Instant { registers: vec![IMPORT] };
    for (seconds_since, left) in [(-3600, 60), (20, 40), (60, 0)] {
        let bench = Bench::with_meters(1).await;
        let (meter, asked) = (bench.meter("M1").await, bench.now());
        bench.store.submit_read(meter, &request, "test", asked, asked.plus(MINUTE)).await.unwrap();
        let bench = bench.reopen().await;
        let now = UtcMicros(asked.0 + seconds_since * 1_000_000);
        let taken = bench.store.take_reads(&channel("bus1"), now, Instant::now(), 1).await.unwrap();
        let lefts: Vec<_> = taken.iter().map(|taken| taken.left.as_secs()).collect();
        assert_eq!(lefts, if left == 0 { vec![] } else { vec![left] }, "{seconds_since}");
    }
}

/// Everything that can happen to a slot, in the plainest form.
#[derive(Debug, Clone)]
struct Offer {
    slot: usize,
    value: i64,
    suspect: bool,
    interval: bool,
}

fn offers() -> impl Strategy<Value = Vec<Vec<Offer>>> {
    let offer = (0..3_usize, 0..3_i64, any::<bool>(), any::<bool>())
        .prop_map(|(slot, value, suspect, interval)| Offer { slot, value, suspect, interval });
    prop::collection::vec(prop::collection::vec(offer, 1..8), 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Random batches, with repeats inside a batch, against a list of what was offered.
    #[test]
    fn versions_in_the_database_follow_the_plain_model(batches in offers()) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let bench = Bench::with_meters(1).await;
            let meter = bench.meter("M1").await;
            let mut model: BTreeMap<(bool, usize), Vec<(i64, bool)>> = BTreeMap::new();
            let place = |offer: &Offer| match offer.interval {
                true => (Series::Interval(60), UtcMicros(bench.midnight(TODAY).0 + i64::try_from(offer.slot).unwrap() * 3_600_000_000)),
                false => (Series::Daily, bench.midnight(date(2026, 11, 20 + i8::try_from(offer.slot).unwrap()))),
            };
            for batch in &batches {
                let mut readings = Vec::new();
                for offer in batch {
                    let (series, slot) = place(offer);
                    let mut reading = bench.reading(meter, series, slot, offer.value);
                    if offer.suspect {
                        reading.quality = Quality::Suspect(vec!["V04".into()]);
                    }
                    readings.push(reading);
                    let kept = model.entry((offer.interval, offer.slot)).or_default();
                    let good = kept.iter().rev().find(|(_, suspect)| !suspect).copied();
                    let last_suspect = kept.iter().rev().find(|(_, suspect)| *suspect).copied();
                    let same = if offer.suspect { last_suspect } else { good };
                    if same != Some((offer.value, offer.suspect)) {
                        kept.push((offer.value, offer.suspect));
                    }
                }
                bench.record(record(readings)).await;
            }
            for ((interval, slot), kept) in &model {
                let (series, slot) = place(&Offer { slot: *slot, value: 0, suspect: false, interval: *interval });
                let found = bench.store.reading_versions(meter, IMPORT, series, slot).await.unwrap();
                let found: Vec<_> = found
                    .iter()
                    .map(|v| {
                        let Observed::Number(q) = v.reading.value else { panic!("only numbers were stored") };
                        (q.mantissa, !v.reading.quality.is_good(), v.current)
                    })
                    .collect();
                let current = kept.iter().rposition(|(_, suspect)| !suspect).unwrap_or(kept.len() - 1);
                let expected: Vec<_> =
                    kept.iter().enumerate().map(|(n, (value, suspect))| (*value, *suspect, n == current)).collect();
                assert_eq!(found, expected, "{series}");
            }
            assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
        });
    }
}

#[tokio::test]
async fn a_series_over_time_comes_in_order_with_the_versions_asked_for() {
    let bench = Bench::with_meters(1).await;
    let meter = bench.meter("M1").await;
    for value in [5, 6] {
        bench.read(bench.daily(meter, date(2026, 11, 22), value)).await;
        bench.read(bench.daily(meter, date(2026, 11, 21), value)).await;
    }
    let mut query = all_of(meter, Series::Daily);
    let count = |all: Vec<hes_store::ReadingVersion>| all.iter().map(|v| v.version).collect::<Vec<_>>();
    query.from = bench.midnight(date(2026, 11, 20));
    query.to = bench.midnight(TODAY);
    assert_eq!(count(bench.store.readings(&query).await.unwrap()), [1, 2, 1, 2]);
    query.versions = Versions::Current;
    assert_eq!(count(bench.store.readings(&query).await.unwrap()), [2, 2]);
    query.to = bench.midnight(date(2026, 11, 21));
    assert_eq!(count(bench.store.readings(&query).await.unwrap()), [2]);
}
