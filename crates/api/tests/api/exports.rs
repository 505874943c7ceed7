//! Exports: exact, complete, and flat in memory whatever their size and whoever reads them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{DAY, DAYS, FLEET, Server, large};
use hes_api::ApiConfig;
use hes_api::dto::billing::Consumption;
use hes_model::{DecodeLevel, Quality};

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
    assert!(rows < u64::from(FLEET) * DAYS as u64, "{rows} rows were made for a client that took none");
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

#[tokio::test(flavor = "multi_thread")]
async fn consumption_goes_on_over_a_meter_exchange_each_meter_with_its_factor() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let body = r#"{"meter_no":"M9","address":"9","from":"2026-07-15","ct":40}"#;
    let request = server.request("POST", "/api/v1/meters/M2/replacement").header("content-type", "application/json");
    assert_eq!(request.body(body).send().await.unwrap().status(), 200);
    // M2 stands at 501.00 on the 1st; the values of the 15th close its part and open the one of M9.
    for (meter, day, value) in [("M2", "2026-07-15", 50_600), ("M9", "2026-07-15", 0), ("M9", "2026-08-01", 250)] {
        let mut record = server.dialogue(meter, "bus-1", server.latch(day), vec![(value, Quality::Good)]).await;
        for (reading, _) in &mut record.readings {
            reading.slot = server.latch(day);
        }
        server.record(record).await;
    }
    let path = "/api/v1/consumption?service_point=P2&from=2026-07-01&to=2026-08-01";
    let consumption: Consumption = server.get(path).await.json().await.unwrap();
    let parts: Vec<_> =
        consumption.parts.iter().map(|p| (p.meter_no.as_str(), p.ct, p.consumption.unwrap().to_string())).collect();
    assert_eq!(parts, [("M2", 30, "150.00 kWh".to_owned()), ("M9", 40, "100.00 kWh".to_owned())]);
    assert_eq!(consumption.total.unwrap().to_string(), "250.00 kWh");
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
