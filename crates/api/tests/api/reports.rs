//! Reports: a past day is what it was.

use hes_api::ApiConfig;
use hes_api::dto::{GapReport, SuccessReport};

use crate::support::Server;

async fn success(server: &Server, by: &str) -> SuccessReport {
    let answer = server.get(&format!("/api/v1/reports/success?day=2026-07-01&by={by}")).await;
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_day_reports_the_same_after_readers_meters_and_plans_have_changed() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let by_reader = success(&server, "reader").await;
    let by_channel = success(&server, "channel").await;

    server.post_csv("areas", "code,reader,reader_name\nA1,R9,新人\n".into()).await;
    let moved = "meter_no,protocol,address,channel,area,service_point,state\n\
                 M1,dlt645-2007,1,tcp-1,A2,P1,active\nM2,dlt645-2007,2,bus-1,A1,P2,suspended\n";
    let report: serde_json::Value = server.post_csv("meters", moved.into()).await.json().await.unwrap();
    assert_eq!((&report["updated"], &report["refused"]), (&2.into(), &serde_json::json!([])));
    let ended = server.request("DELETE", "/api/v1/plans/daily").send().await.unwrap();
    assert_eq!(ended.status(), 204);

    assert_eq!(success(&server, "reader").await, by_reader);
    assert_eq!(success(&server, "channel").await, by_channel);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_success_counts_as_not_filled_is_what_gaps_lists() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    for day in ["2026-06-30", "2026-07-01", "2026-07-02"] {
        let answer = server.get(&format!("/api/v1/reports/success?day={day}")).await;
        let success: SuccessReport = answer.json().await.unwrap();
        let gaps: GapReport = server.get(&format!("/api/v1/reports/gaps?day={day}")).await.json().await.unwrap();
        let slots = success.total.slots;
        assert_eq!(gaps.total.slots, slots.suspect + slots.given_up + slots.open, "{day}");
        assert_eq!(gaps.total.causes, success.total.causes, "{day}");
        assert_eq!(gaps.gaps.iter().map(|gap| gap.slots).sum::<u64>(), gaps.total.slots, "{day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_before_the_plan_expects_nothing_and_says_so() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let answer = server.get("/api/v1/reports/success?day=2026-05-31").await;
    let report: SuccessReport = answer.json().await.unwrap();
    assert_eq!((report.total.slots.expected, report.total.success_percent.to_string()), (0, "-".to_owned()));
    let excluded: Vec<_> = report.excluded.iter().map(|e| (e.reason, e.meters)).collect();
    let expected = [(hes_reports::Exclusion::Suspended, 1), (hes_reports::Exclusion::NothingDue, 3)];
    assert_eq!(excluded, expected);
}
