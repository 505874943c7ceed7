//! The archive: import, its conflicts, and what stood there on a past day.

use hes_model::{MeterState, Quantity, Secret, Task, Transformers, Unit, UtcMicros};
use hes_store::{AreaRow, Edge, EdgeReading, Exclusion, MeterDay, MeterExchange, MeterFilter, SlotsOfDay};
use jiff::civil::{Date, date};

use crate::bench::{Bench, EXPORT, IMPORT, TODAY, channel, record, row};

async fn day(bench: &Bench, day: Date) -> Vec<MeterDay> {
    let mut meters = Vec::new();
    bench.store.success(&bench.slots(day), |meter| meters.push(meter)).await.unwrap();
    meters
}

#[tokio::test]
async fn the_same_rows_again_change_nothing() {
    let bench = Bench::with_meters(3).await;
    let report = bench.import((1..=3).map(row).collect()).await;
    assert_eq!((report.created, report.updated, report.unchanged, report.bad), (0, 0, 3, vec![]));
    let mut short = row(2);
    (short.customer, short.customer_name, short.installed_from) = (None, None, None);
    let report = bench.import(vec![short]).await;
    assert_eq!(report.unchanged, 1, "columns that are not given leave what is known");
}

#[tokio::test]
async fn good_rows_are_stored_and_each_bad_one_is_named() {
    let bench = Bench::with_meters(1).await;
    let mut unknown_channel = row(2);
    unknown_channel.channel = channel("nowhere");
    let mut same_address = row(3);
    same_address.address = row(1).address;
    let mut occupied = row(4);
    occupied.service_point = row(1).service_point;
    let mut no_factor = row(5);
    no_factor.ct = Some(0);
    let twice = row(6);
    let report =
        bench.import(vec![unknown_channel, same_address, occupied, no_factor, twice.clone(), twice, row(7)]).await;
    let named: Vec<_> = report.bad.iter().map(|b| (b.line, b.column)).collect();
    assert_eq!(named, [(3, "channel"), (4, "address"), (5, "service_point"), (6, "ct"), (7, "meter_no")]);
    let told: Vec<_> = report.bad.iter().map(|b| b.reason.to_string()).collect();
    assert!(told[1].contains("M1") && told[2].contains("M1"), "{told:?}");
    assert_eq!(report.created, 2);
    let stored = bench.store.meters(&MeterFilter::default(), None, 100).await.unwrap();
    let stored: Vec<_> = stored.iter().map(|m| m.meter.no.to_string()).collect();
    assert_eq!(stored, ["M1", "M6", "M7"]);
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn an_address_may_be_given_again_on_another_channel_or_once_its_meter_is_gone() {
    let bench = Bench::with_meters(1).await;
    bench.channel("bus2").await;
    let mut other_bus = row(2);
    (other_bus.address, other_bus.channel) = (row(1).address, channel("bus2"));
    let mut gone = row(1);
    gone.state = Some(MeterState::Retired);
    let mut heir = row(3);
    heir.address = row(1).address;
    let report = bench.import(vec![other_bus, gone, heir]).await;
    assert_eq!((report.bad, report.created, report.updated), (vec![], 2, 1));
}

#[tokio::test]
async fn another_address_channel_or_area_holds_from_today_and_the_past_stands() {
    let bench = Bench::with_meters(2).await;
    bench.channel("bus2").await;
    bench.plan("night", Task::Daily { registers: vec![IMPORT] }, date(2026, 11, 1)).await;
    let mut moved = row(1);
    (moved.channel, moved.area) = (channel("bus2"), "A2".parse().unwrap());
    let report = bench.import(vec![moved]).await;
    assert_eq!((report.updated, report.notes.len()), (1, 1), "{report:?}");

    let place = |meters: &[MeterDay]| {
        let m1 = &meters[0].meter;
        (m1.channel.clone().unwrap().to_string(), m1.places[0].area.clone().unwrap().to_string())
    };
    assert_eq!(place(&day(&bench, date(2026, 11, 23)).await), ("bus1".to_owned(), "A1".to_owned()));
    assert_eq!(place(&day(&bench, TODAY).await), ("bus2".to_owned(), "A2".to_owned()));
}

#[tokio::test]
async fn another_reader_is_responsible_from_the_day_of_the_change() {
    let bench = Bench::with_meters(1).await;
    let area = |reader: &str| AreaRow {
        line: 2,
        code: "A1".parse().unwrap(),
        name: Some("Riverside".to_owned()),
        reader: Some(reader.parse().unwrap()),
        reader_name: None,
    };
    let yesterday = UtcMicros(bench.now().0 - 86_400_000_000);
    bench.store.import_areas(vec![area("R1")], yesterday).await.unwrap();
    let report = bench.store.import_areas(vec![area("R2")], bench.now()).await.unwrap();
    assert_eq!(report.updated, 1);
    let areas = bench.store.areas().await.unwrap();
    assert_eq!(areas.len(), 1);
    assert_eq!((areas[0].area.name.as_str(), areas[0].meters), ("Riverside", 1));
    let reader = |meters: &[MeterDay]| meters[0].meter.places[0].reader.clone().unwrap().to_string();
    assert_eq!(reader(&day(&bench, date(2026, 11, 23)).await), "R1");
    assert_eq!(reader(&day(&bench, TODAY).await), "R2");
}

#[tokio::test]
async fn meters_of_which_nothing_is_expected_are_listed_with_the_reason() {
    let bench = Bench::with_meters(3).await;
    let state = |n, state| {
        let mut row = row(n);
        row.state = Some(state);
        row
    };
    bench.import(vec![state(1, MeterState::Suspended), state(2, MeterState::NotCommissioned)]).await;
    let reasons: Vec<_> = day(&bench, TODAY).await.iter().map(|m| m.exclusion).collect();
    let in_service = Some(Exclusion::NothingDue);
    assert_eq!(reasons, [Some(Exclusion::Suspended), Some(Exclusion::NotCommissioned), in_service]);
    let reasons: Vec<_> = day(&bench, date(2026, 11, 23)).await.iter().map(|m| m.exclusion).collect();
    assert_eq!(reasons, [in_service; 3], "yesterday they were in service, but there was no plan");
}

#[tokio::test]
async fn what_the_registers_showed_at_an_exchange_is_kept_with_each_meters_stay() {
    let bench = Bench::with_meters(1).await;
    let kwh = |hundredths| Quantity::new(hundredths, 2, Unit::Kwh);
    let edge = |hundredths| vec![EdgeReading { register: IMPORT, value: kwh(hundredths) }];
    let mut new = row(9);
    new.service_point = row(1).service_point;
    new.ct = Some(10);
    let at = bench.calendar().instant(date(2026, 11, 10).at(14, 30, 0, 0));
    let exchange = MeterExchange { new, at, last: edge(50_000), first: edge(100) };
    bench.store.exchange_meter(exchange, bench.now()).await.unwrap();
    let stays = bench.store.installations_at(&row(1).service_point).await.unwrap();
    assert_eq!((stays[0].until, stays[1].from), (Some(at), at));
    assert_eq!(stays[1].transformers, Transformers { ct: 10, pt: 1 });
    let shown =
        async |stay: usize, edge, register| bench.store.edge_reading(stays[stay].id, edge, register).await.unwrap();
    assert_eq!(shown(0, Edge::Last, IMPORT).await, Some(kwh(50_000)));
    assert_eq!(shown(1, Edge::First, IMPORT).await, Some(kwh(100)));
    assert_eq!((shown(0, Edge::First, IMPORT).await, shown(0, Edge::Last, EXPORT).await), (None, None));
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test]
async fn after_an_exchange_each_meter_is_expected_for_its_own_time_only() {
    let bench = Bench::with_meters(1).await;
    bench.plan("night", Task::Daily { registers: vec![IMPORT] }, date(2026, 11, 20)).await;
    let mut new = row(9);
    new.service_point = row(1).service_point;
    let at = bench.calendar().instant(date(2026, 11, 22).at(14, 30, 0, 0));
    let exchange = MeterExchange { new, at, last: vec![], first: vec![] };
    bench.store.exchange_meter(exchange, bench.now()).await.unwrap();
    let mut expected = Vec::new();
    for n in 20..=24 {
        for meter in day(&bench, date(2026, 11, n)).await {
            if meter.plans.iter().any(|(_, tally)| tally.expected > 0) {
                expected.push((n, meter.meter.no.to_string()));
            }
        }
    }
    let by_day: Vec<_> = expected.iter().map(|(n, no)| (*n, no.as_str())).collect();
    assert_eq!(by_day, [(20, "M1"), (21, "M1"), (22, "M1"), (23, "M9"), (24, "M9")]);
    let asked = bench.missing_at(bench.now()).await.slots;
    assert!(asked.iter().all(|s| s.slot.time >= bench.midnight(date(2026, 11, 23))), "the old meter is gone");
    let page = bench.store.gaps(&bench.slots(date(2026, 11, 21)), None, 10).await.unwrap();
    let detail = page[0].gaps[0].cause.as_ref().map(|c| c.detail.as_str());
    assert_eq!(detail, Some("the meter was taken down before it was read"));
}

#[tokio::test]
async fn at_midnight_of_an_exchange_the_freezes_of_both_meters_belong_to_the_service_point() {
    let bench = Bench::with_meters(1).await;
    let old = bench.meter("M1").await;
    bench.record(record(vec![bench.daily(old, TODAY.yesterday().unwrap(), 400), bench.daily(old, TODAY, 500)])).await;
    let mut new = row(9);
    (new.service_point, new.ct) = (row(1).service_point, Some(10));
    let exchange = MeterExchange { new, at: bench.midnight(TODAY), last: vec![], first: vec![] };
    bench.store.exchange_meter(exchange, bench.now()).await.unwrap();
    let new = bench.meter("M9").await;
    bench.record(record(vec![bench.daily(new, TODAY, 1)])).await;
    // A day on which it hung nowhere any more.
    bench.record(record(vec![bench.daily(old, TODAY.tomorrow().unwrap(), 500)])).await;

    let place = |row: &hes_store::DailyRow| {
        let ct = row.transformers.map(|transformers| transformers.ct);
        (row.meter_no.to_string(), row.service_point.as_ref().map(ToString::to_string), ct)
    };
    let at = |no: &str, point: Option<&str>, ct| (no.to_owned(), point.map(str::to_owned), ct);
    let of_day = bench.store.daily_of_day(TODAY, None, 10).await.unwrap();
    let of_day: Vec<_> = of_day.iter().map(|(_, row)| place(row)).collect();
    assert_eq!(of_day, [at("M1", Some("S1"), Some(1)), at("M9", Some("S1"), Some(10))]);
    let by_cursor: Vec<_> =
        bench.store.daily_since(hes_model::ReadingSeq(0), 10).await.unwrap().iter().map(place).collect();
    let expected = [of_day[0].clone(), of_day[0].clone(), of_day[1].clone(), at("M1", None, None)];
    assert_eq!(by_cursor, expected);
}

#[tokio::test]
async fn a_new_meter_in_a_file_takes_the_place_of_the_old_one_from_its_day() {
    let bench = Bench::with_meters(1).await;
    let mut new = row(9);
    (new.service_point, new.installed_from) = (row(1).service_point, Some(date(2026, 11, 20)));
    let report = bench.import(vec![new.clone()]).await;
    assert_eq!((report.created, report.bad.len(), report.notes.len()), (1, 0, 1), "{report:?}");
    let stays = bench.store.installations_at(&new.service_point).await.unwrap();
    let stays: Vec<_> = stays.iter().map(|s| (s.meter_no.to_string(), s.effective.from, s.effective.until)).collect();
    assert_eq!(
        stays,
        [("M1".to_owned(), date(2026, 11, 1), Some(date(2026, 11, 20))), ("M9".to_owned(), date(2026, 11, 20), None)]
    );
    assert_eq!(bench.import(vec![new]).await.unchanged, 1);
    let old = bench.store.meter(&row(1).no).await.unwrap().unwrap();
    assert_eq!((old.meter.state, old.installation), (MeterState::Retired, None));
}

#[tokio::test]
async fn a_password_is_given_to_dialogues_and_is_nowhere_in_the_file() {
    let bench = Bench::with_meters(1).await;
    let mut with = row(1);
    with.password = Some(Secret::new(b"s3cr3t-pa55word".to_vec()));
    assert_eq!(bench.import(vec![with.clone()]).await.updated, 1);
    assert_eq!(bench.import(vec![with]).await.unchanged, 1);
    let on_bus = bench.store.meters_on_channel(&channel("bus1")).await.unwrap();
    assert_eq!(on_bus[0].spec.password.as_ref().map(|p| p.expose()), Some(&b"s3cr3t-pa55word"[..]));
    assert!(bench.store.meter(&row(1).no).await.unwrap().unwrap().has_password);
    bench.store.close().await.unwrap();
    for entry in std::fs::read_dir(bench.dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(15).any(|w| w == b"s3cr3t-pa55word"));
    }
}

#[tokio::test]
async fn a_plan_that_is_edited_expects_of_the_past_what_it_did() {
    let bench = Bench::with_meters(1).await;
    let daily = |registers| Task::Daily { registers };
    bench.plan("night", daily(vec![IMPORT]), date(2026, 11, 20)).await;
    bench.plan("night", daily(vec![IMPORT, IMPORT.with_tariff(1)]), date(2026, 11, 20)).await;
    let expected = |meters: Vec<MeterDay>| meters[0].plans.iter().map(|(_, tally)| tally.expected).sum::<u64>();
    assert_eq!(expected(day(&bench, date(2026, 11, 23)).await), 1);
    assert_eq!(expected(day(&bench, TODAY).await), 2);
    bench.store.delete_plan(&"night".parse().unwrap(), bench.now()).await.unwrap();
    assert_eq!(bench.store.plans().await.unwrap(), []);
    assert_eq!(expected(day(&bench, date(2026, 11, 23)).await), 1);
    assert_eq!(expected(day(&bench, TODAY).await), 0);
    assert_eq!(bench.missing_at(bench.now()).await.slots, [], "a plan that was ended asks nothing");
}

#[tokio::test]
async fn a_meter_that_came_later_is_not_one_of_a_past_day() {
    let bench = Bench::with_meters(1).await;
    let before = day(&bench, date(2026, 11, 20)).await;
    let later = UtcMicros(bench.now().0 + 86_400_000_000);
    let mut new = row(2);
    new.installed_from = None;
    bench.store.import_meters(vec![new], later).await.unwrap();
    assert_eq!(day(&bench, date(2026, 11, 20)).await, before, "the report of a past day stays");
    let mut found_out = row(3);
    found_out.installed_from = Some(date(2026, 11, 19));
    bench.store.import_meters(vec![found_out], later).await.unwrap();
    let meters: Vec<_> =
        day(&bench, date(2026, 11, 20)).await.into_iter().map(|day| day.meter.no.to_string()).collect();
    assert_eq!(meters, ["M1", "M3"], "but one that is found to have hung there then is one of it");
}

#[tokio::test]
async fn a_slot_that_two_plans_expect_counts_once_and_for_each_of_them_when_it_is_asked_for() {
    let bench = Bench::with_meters(1).await;
    let daily = |registers: &[hes_model::Obis]| Task::Daily { registers: registers.to_vec() };
    bench.plan("night", daily(&[IMPORT, EXPORT]), TODAY).await;
    bench.plan("again", daily(&[IMPORT]), TODAY).await;
    let expected = async |plan: Option<&str>| {
        let plan = plan.map(|name| name.parse().unwrap());
        let slots = SlotsOfDay { plan: plan.as_ref(), ..bench.slots(TODAY) };
        let mut expected = 0;
        let count = |day: MeterDay| expected += day.plans.iter().map(|(_, tally)| tally.expected).sum::<u64>();
        bench.store.success(&slots, count).await.unwrap();
        let page = bench.store.gaps(&slots, None, 10).await.unwrap();
        (expected, page.iter().map(|of| of.gaps.len()).sum::<usize>())
    };
    assert_eq!(expected(None).await, (2, 2));
    assert_eq!(expected(Some("night")).await, (2, 2));
    assert_eq!(expected(Some("again")).await, (1, 1));
}

#[tokio::test]
async fn a_meter_is_never_put_up_at_a_time_at_which_it_hung_elsewhere() {
    let bench = Bench::with_meters(2).await;
    let at = |n: u64, place: u64, day| {
        let mut moved = row(n);
        moved.service_point = format!("S{place}").parse().unwrap();
        moved.installed_from = Some(date(2026, 11, day));
        moved
    };
    bench.import(vec![at(1, 7, 10)]).await;
    let report = bench.import(vec![at(1, 7, 5)]).await;
    assert_eq!(
        report.bad.iter().map(|b| b.column).collect::<Vec<_>>(),
        ["installed_from"],
        "it hung at S1 until the 10th"
    );
    let report = bench.import(vec![at(1, 7, 12)]).await;
    assert_eq!((report.updated, report.bad), (1, vec![]), "a later start leaves a time at which it hung nowhere");

    let mut gone = row(2);
    gone.state = Some(MeterState::Retired);
    bench.import(vec![gone]).await;
    let mut back = at(2, 8, 20);
    back.state = Some(MeterState::Active);
    let report = bench.import(vec![back.clone()]).await;
    assert_eq!(report.bad.iter().map(|b| b.column).collect::<Vec<_>>(), ["installed_from"], "it was taken down today");
    back.installed_from = Some(date(2026, 11, 25));
    let report = bench.import(vec![back]).await;
    assert_eq!((report.updated, report.bad), (1, vec![]));
    assert_eq!(bench.store.check().await.unwrap().findings, Vec::<String>::new());
}
