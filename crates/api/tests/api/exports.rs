//! Exports: exact, complete, and flat in memory whatever their size and whoever reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{DAY, Server};
use hes_api::ApiConfig;
use hes_model::{Class, DecodeLevel, Quality};

const METERS: u32 = 1_000;
const DAYS: i32 = 100;

/// 100,000 readings: so many meters, so many days.
async fn large(config: ApiConfig) -> Server {
    let server = Server::start(config).await;
    server.post_csv("channels", crate::support::CHANNELS.as_bytes().to_vec()).await;
    let mut csv =
        "meter_no,protocol,address,channel,area,service_point,customer,customer_name,installed_from\n".to_owned();
    for n in 0..METERS {
        csv.push_str(&format!("M{n:05},dlt645-2007,{n},bus-1,A1,P{n},C{n},一位名字不短的用户{n},2026-01-01\n"));
    }
    assert_eq!(server.post_csv("meters", csv.into_bytes()).await.status(), 200);
    let last: jiff::civil::Date = DAY.parse().unwrap();
    let ids = futures_util::future::join_all((0..METERS).map(|n| {
        let server = &server;
        async move { server.meter(&format!("M{n:05}")).await }
    }))
    .await;
    let record = |id| {
        let server = &server;
        async move {
            let mut record = hes_store::DialogueRecord::new(id, "bus-1".parse().unwrap(), None, Class::Scheduled);
            let at = server.latch(DAY);
            record.exchanges.push(hes_model::ExchangeProof {
                request: vec![0x68; 16],
                answer: vec![0x68; 20],
                sent_at: at,
                received_at: hes_model::ReceivedAt(at),
            });
            for back in 0..DAYS {
                let day = last.checked_sub(jiff::Span::new().days(back)).unwrap();
                let slot = server.store.calendar().day_start(day);
                let reading = hes_model::Reading {
                    meter: id,
                    register: "1.0.1.8.0.255".parse().unwrap(),
                    series: hes_model::Series::Daily,
                    slot,
                    value: hes_model::Observed::Number(hes_model::Quantity::new(
                        1_000_000 - i64::from(back),
                        2,
                        hes_model::Unit::Kwh,
                    )),
                    occurred: None,
                    meter_clock: None,
                    captured: hes_model::CapturedAt(slot),
                    received: hes_model::ReceivedAt(at),
                    quality: Quality::Good,
                    exchange: None,
                };
                record.readings.push((reading, 0));
            }
            server.record(record).await;
        }
    };
    for chunk in ids.chunks(100) {
        futures_util::future::join_all(chunk.iter().map(|id| record(*id))).await;
    }
    server
}

/// Resident memory of this process, in MiB.
#[cfg(target_os = "linux")]
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_stream_with_flat_memory() {
    let server = large(ApiConfig::default()).await;
    let mut sizes = Vec::new();
    // The first run fills the database's page caches; the second must not need more.
    for run in 0..2 {
        let before = resident_mib();
        let mut answer = server.get("/api/v1/export/daily?since=0&format=ndjson").await;
        assert_eq!(answer.status(), 200);
        let (mut bytes, mut rows, mut most) = (0_usize, 0_usize, 0);
        while let Some(piece) = answer.chunk().await.unwrap() {
            bytes += piece.len();
            rows += piece.iter().filter(|b| **b == b'\n').count();
            most = most.max(resident_mib());
        }
        assert_eq!(rows, (METERS as usize) * (DAYS as usize));
        sizes.push(bytes);
        let grown = most.saturating_sub(before);
        assert!(run == 0 || grown < 24, "{grown} MiB more for an answer of {} MiB", bytes >> 20);
    }
    assert!(sizes[0] > 40 << 20, "too small to tell: {} MiB", sizes[0] >> 20);
    assert_eq!(sizes[0], sizes[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_takes_nothing_is_cut_off_and_costs_nothing_more() {
    let config = ApiConfig { write_stall_timeout_ms: 500, ..ApiConfig::default() };
    let server = large(config).await;
    let answer = server.get("/api/v1/export/daily?since=0&format=ndjson").await;
    // Not reading: the sockets' buffers fill, then the server waits, then it gives up.
    let ended = tokio::time::timeout(Duration::from_secs(30), async {
        while metric(&server, "hes_api_streams").await > 0 {
            tokio::task::yield_now().await;
        }
    });
    ended.await.expect("the stream is still held");
    let rows = metric(&server, "hes_api_export_rows_total").await;
    assert!(rows < u64::from(METERS) * DAYS as u64, "{rows} rows were made for a client that took none");
    let cut = answer.bytes().await;
    assert!(cut.is_err(), "an answer that was cut off must not look complete");
}

async fn metric(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").await.text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(ToOwned::to_owned));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_brings_every_version_once_and_then_only_what_is_new() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let answer = server.get("/api/v1/export/daily?since=0").await;
    let next = answer.headers()["hes-next-since"].to_str().unwrap().to_owned();
    let text = answer.text().await.unwrap();
    assert_eq!(text.lines().count(), 1 + 4, "{text}");
    let quiet = server.get(&format!("/api/v1/export/daily?since={next}")).await.text().await.unwrap();
    assert_eq!(quiet.lines().count(), 1);
    let correction = server.dialogue("M1", "bus-1", server.latch("2026-07-03"), vec![(12_400, Quality::Good)]).await;
    server.record(correction).await;
    let fresh = server.get(&format!("/api/v1/export/daily?since={next}")).await.text().await.unwrap();
    let rows: Vec<_> = parsed(&fresh);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0]["meter_no"].as_str(), rows[0]["value"].as_str()), ("M1", "124.00"));
    assert_eq!(
        (rows[0]["version"].as_str(), rows[0]["supersedes"].as_str(), rows[0]["late"].as_str()),
        ("2", "1", "true")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_with_gaps_accounts_for_every_expected_value() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let text = server.get(&format!("/api/v1/export/daily?day={DAY}&with_gaps=true")).await.text().await.unwrap();
    let rows = parsed(&text);
    let of = |meter: &str| {
        let rows = rows.iter().filter(|r| r["meter_no"] == meter);
        rows.map(|r| (r["row"].as_str(), r["quality"].as_str(), r["reason"].as_str())).collect::<Vec<_>>()
    };
    assert_eq!(of("M1"), [("reading", "good", "")]);
    assert_eq!(of("M2"), [("reading", "good", "")]);
    // What is suspect is shown and is still missing.
    assert_eq!(of("M3"), [("reading", "suspect", ""), ("missing", "", "suspect")]);
    assert_eq!(of("M4"), [], "a suspended meter is not expected");
}

fn parsed(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_that_is_set_reaches_who_logs_frames() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let request = server.request("PUT", "/api/v1/log-levels").header("content-type", "application/json");
    let answer = request.body(r#"{"channel":"bus-1","level":"objects"}"#).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(server.levels.of(&"bus-1".parse().unwrap()), DecodeLevel::Objects);
    assert_eq!(server.levels.of(&"tcp-1".parse().unwrap()), DecodeLevel::Off);
}

#[tokio::test]
async fn a_cursor_of_another_database_is_refused_instead_of_skipping_what_comes() {
    let server = Server::start(ApiConfig::default()).await;
    let answer = server.get("/api/v1/export/daily?since=0").await;
    let last: i64 = answer.headers()["hes-next-since"].to_str().unwrap().parse().unwrap();
    assert_eq!(server.get(&format!("/api/v1/export/daily?since={last}")).await.status(), 200);
    let refused = server.get(&format!("/api/v1/export/daily?since={}", last + 1)).await;
    assert_eq!(refused.status(), 409);
    assert!(refused.text().await.unwrap().contains("never given by this database"));
}
