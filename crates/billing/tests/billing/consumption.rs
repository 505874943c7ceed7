//! Consumption over meter exchanges.

use hes_billing::{Consumption, Unknown, consumption};
use hes_model::Transformers;
use hes_store::{EdgeReading, MeterExchange, MeterRow};
use jiff::civil::{Date, date};

use crate::bench::{Bench, IMPORT, kwh, row};

const fn november(day: i8) -> Date {
    date(2026, 11, day)
}

async fn consumed(bench: &Bench, from: Date, to: Date) -> Consumption {
    let place = row(1).service_point;
    consumption(&bench.store, &place, IMPORT, from, to).await.unwrap().expect("a meter hung there")
}

/// `M1` was exchanged for `M9`, behind transformers of 10, on the 10th at 14:30.
async fn exchanged(last: Vec<EdgeReading>, first: Vec<EdgeReading>) -> Bench {
    let bench = Bench::new().await;
    bench.import(row(1)).await;
    let new = MeterRow { ct: Some(10), ..row(9) };
    let at = bench.store.calendar().instant(november(10).at(14, 30, 0, 0));
    bench.store.exchange_meter(MeterExchange { new, at, last, first }, bench.now()).await.unwrap();
    bench.read("M1", november(9), 49_000).await;
    bench.read("M1", november(10), 49_500).await;
    bench.read("M9", november(11), 150).await;
    bench
}

fn shown(hundredths: i64) -> Vec<EdgeReading> {
    vec![EdgeReading { register: IMPORT, value: kwh(hundredths) }]
}

#[tokio::test]
async fn consumption_goes_on_over_an_exchange_and_a_change_of_transformers() {
    let bench = exchanged(shown(50_000), shown(100)).await;
    let over = consumed(&bench, november(9), november(11)).await;
    let factors: Vec<_> = over.parts.iter().map(|part| part.transformers).collect();
    assert_eq!(factors, [Transformers::DIRECT, Transformers { ct: 10, pt: 1 }]);
    // 1000 by the old meter, 50 by the new one times ten.
    assert_eq!(over.total, Some(kwh(1000 + 500)), "{over:?}");
    let open = consumed(&bench, november(9), november(12)).await;
    assert_eq!(open.total, None, "the last value is not there yet");
}

#[tokio::test]
async fn without_what_the_registers_showed_an_exchange_leaves_its_day_unknown_and_others_known() {
    let bench = exchanged(Vec::new(), shown(100)).await;
    let over = consumed(&bench, november(9), november(11)).await;
    let unknown: Vec<_> = over.parts.iter().map(|part| part.unknown).collect();
    assert_eq!((over.total, unknown), (None, vec![Some(Unknown::End), None]));
    assert_eq!(consumed(&bench, november(9), november(10)).await.total, Some(kwh(500)));
}

#[tokio::test]
async fn a_meter_exchanged_at_midnight_leaves_both_days_whole() {
    let bench = Bench::new().await;
    bench.import(row(1)).await;
    // In a file a meter takes the other's place at the start of its first day.
    bench.import(MeterRow { installed_from: Some(november(10)), ..row(9) }).await;
    for (meter, day, value) in [("M1", 9, 49_000), ("M1", 10, 49_500), ("M9", 10, 7), ("M9", 11, 57)] {
        bench.read(meter, november(day), value).await;
    }
    assert_eq!(consumed(&bench, november(9), november(10)).await.total, Some(kwh(500)));
    assert_eq!(consumed(&bench, november(10), november(11)).await.total, Some(kwh(50)));
    assert_eq!(consumed(&bench, november(9), november(11)).await.total, Some(kwh(550)));
}
