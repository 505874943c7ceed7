//! Daily reads as text.

use hes_billing::{DailyExport, Format, Gaps, Selection};
use hes_model::{Effective, Plan, Priority, Schedule, Scope, Task, Window};
use hes_store::MeterRow;

use crate::bench::{Bench, IMPORT, TODAY, row};

async fn text(bench: &Bench, selection: Selection) -> String {
    let mut export = DailyExport::begin(&bench.store, selection, Format::Csv).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = export.next(bench.now()).await.unwrap() {
        text.extend(piece);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn a_missing_value_is_told_with_the_customer_and_area_of_its_day() {
    let bench = Bench::new().await;
    let yesterday = TODAY.yesterday().unwrap();
    bench.import(MeterRow { ct: Some(40), ..row(1) }).await;
    let plan = Plan {
        name: "night".parse().unwrap(),
        task: Task::Daily { registers: vec![IMPORT] },
        scope: Scope::All,
        schedule: Schedule { window: Window::ALWAYS, deadline_minutes: 480, priority: Priority::try_from(5).unwrap() },
        effective: Effective { from: yesterday, until: None },
    };
    bench.store.put_plan(&plan, bench.now()).await.unwrap();
    // Who is supplied there changes today, and so does the area that feeds the place.
    let changed = MeterRow { customer: Some("C2".parse().unwrap()), area: "A2".parse().unwrap(), ..row(1) };
    bench.import(changed).await;

    for (day, place) in [(yesterday, "S1,C1,C1,A1"), (TODAY, "S1,C2,C2,A2")] {
        let csv = text(&bench, Selection::Day { day, gaps: Gaps::Included }).await;
        let row = csv.lines().nth(1).unwrap_or_default();
        assert!(row.starts_with(&format!("missing,,M1,{place},{day},")), "{row}");
        assert!(row.contains(",40,1,not_asked,"), "{row}");
    }
}
