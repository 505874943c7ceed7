//! On-demand reads: asked for, waited for, answered as soon as the answer is there.

use hes_api::ApiConfig;
use hes_api::dto::reads::{ReadState, ReadStatus};
use hes_model::{Failure, FailureKind, Quality, UtcMicros};
use hes_store::{OnDemandFailure, OnDemandRead};

use crate::support::{DAY, Server};

const ASKED: &str =
    r#"{"meter":"M1","what":{"series":"daily","registers":["import_active_total"],"days":["2026-07-01"]}}"#;

async fn ask(server: &Server) -> (String, ReadStatus) {
    let request = server.request("POST", "/api/v1/reads").header("content-type", "application/json").body(ASKED);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    (location, answer.json().await.unwrap())
}

/// What the channel's owner does when it comes to the read.
async fn take(server: &Server) -> OnDemandRead {
    let now = UtcMicros::from(jiff::Timestamp::now());
    server.store.take_reads(&"bus-1".parse().unwrap(), now, std::time::Instant::now(), 1).await.unwrap().remove(0).read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_client_is_answered_as_soon_as_the_read_ends() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let (location, asked) = ask(&server).await;
    assert_eq!(asked.state, ReadState::Queued);
    let waiting = server.request("GET", &format!("{location}?wait_seconds=60"));
    let waiting = tokio::spawn(async move { waiting.send().await.unwrap().json::<ReadStatus>().await.unwrap() });

    let read = take(&server).await;
    let mut record = server.dialogue("M1", "bus-1", server.latch(DAY), vec![(12_345, Quality::Good)]).await;
    record.on_demand = Some(read.id);
    server.record(record).await;
    server.store.finish_read(read.id, &[], UtcMicros::from(jiff::Timestamp::now())).await.unwrap();

    // Far below the minute the client was ready to wait.
    let status = tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.unwrap().unwrap();
    assert_eq!((status.state, status.values.len()), (ReadState::Done, 1));
    let value = &status.values[0];
    assert_eq!(value.value.quantity.unwrap().to_string(), "123.45 kWh");
    // The same value was stored before: its evidence is the version that stands.
    assert_eq!(value.seq.map(|seq| seq.0), Some(1));
    let evidence = server.get(&format!("/api/v1/evidence?seq={}", value.seq.unwrap())).await;
    assert_eq!(evidence.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_without_an_answer_says_why() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let (location, _) = ask(&server).await;
    let read = take(&server).await;
    let failure = Failure::new(FailureKind::NoReply, "no answer in 500 ms");
    let failed = [OnDemandFailure { register: None, failure }];
    server.store.finish_read(read.id, &failed, UtcMicros::from(jiff::Timestamp::now())).await.unwrap();
    let status: ReadStatus = server.get(&location).await.json().await.unwrap();
    assert_eq!(status.state, ReadState::Failed);
    assert_eq!(
        (status.failures[0].kind, status.failures[0].detail.as_str()),
        (FailureKind::NoReply, "no answer in 500 ms")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_ends_first_shows_how_far_the_read_is() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let (location, _) = ask(&server).await;
    let status: ReadStatus = server.get(&format!("{location}?wait_seconds=1")).await.json().await.unwrap();
    assert_eq!(status.state, ReadState::Queued);
}
