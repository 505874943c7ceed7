//! Imports: good rows are never lost to bad ones, and every bad one is named.

use crate::support::{AREAS, CHANNELS, Server};
use hes_api::dto::archive::{ImportReport, MeterDetail, MeterRow, Page};
use hes_api::{ApiConfig, ProblemBody};

const HEAD: &str = "meter_no,protocol,address,channel,area,service_point,customer,customer_name,ct,installed_from\n";

async fn ground() -> Server {
    let server = Server::start(ApiConfig::default()).await;
    for (what, csv) in [("areas", AREAS), ("channels", CHANNELS)] {
        assert_eq!(server.post_csv(what, csv.as_bytes().to_vec()).await.status(), 200);
    }
    server
}

fn row(n: u32) -> String {
    let channel = ["bus-1", "tcp-1", "gprs-1"][n as usize % 3];
    format!("M{n:04},dlt645-2007,{n},{channel},A1,P{n},C{n},用户{n},1,2026-01-01\n")
}

async fn import(server: &Server, file: &str) -> ImportReport {
    let answer = server.post_csv("meters", file.as_bytes().to_vec()).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_rows_ten_bad_ones_are_named_and_the_others_stored() {
    let server = ground().await;
    let bad: [(u32, &str, &str); 10] = [
        (7, "M0007,dlt645-2007,12345678901234,bus-1,A1,P7,,,,\n", "address"),
        (100, "M0100,dlt645-2007,999999999999,bus-1,A1,P100,,,,\n", "address"),
        (101, "M0101,modbus,101,bus-1,A1,P101,,,,\n", "protocol"),
        (250, ",dlt645-2007,250,bus-1,A1,P250,,,,\n", "meter_no"),
        (251, "M0001,dlt645-2007,251,bus-1,A1,P251,,,,\n", "meter_no"),
        (399, "M0399,dlt645-2007,3,bus-1,A1,P399,,,,\n", "address"),
        (400, "M0400,dlt645-2007,400,no-such-bus,A1,P400,,,,\n", "channel"),
        (640, "M0640,dlt645-2007,640,bus-1,A1,P640,,,0,\n", "ct"),
        (641, "M0641,dlt645-2007,641,bus-1,A1,P641,,,1,2026-02-30\n", "installed_from"),
        (1000, "M1000,dlt645-2007,1000,bus-1,A1,P1000\n", ""),
    ];
    let mut file = format!("\u{FEFF}{}", HEAD.replace('\n', "\r\n"));
    for n in 1..=1_000 {
        let line = bad.iter().find(|(at, ..)| *at == n).map_or_else(|| row(n), |(_, line, _)| (*line).to_owned());
        file.push_str(&line.replace('\n', "\r\n"));
    }
    let report = import(&server, &file).await;
    let refused: Vec<(u64, &str)> =
        report.refused.iter().map(|r| (r.line, r.faults[0].column.as_deref().unwrap_or_default())).collect();
    let expected: Vec<(u64, &str)> = bad.iter().map(|(at, _, column)| (u64::from(*at) + 1, *column)).collect();
    assert_eq!(refused, expected);
    assert!(report.refused.iter().all(|r| r.faults.iter().all(|f| !f.reason.is_empty())));
    assert_eq!((report.rows, report.created), (1_000, 990));

    let mut after = String::new();
    let mut numbers = Vec::new();
    loop {
        let page: Page<MeterRow> = server.get(&format!("/api/v1/meters?limit=300{after}")).await.json().await.unwrap();
        numbers.extend(page.items.into_iter().map(|m| m.meter_no.to_string()));
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 990);
    assert!(!numbers.contains(&"M0400".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_changes_nothing() {
    let server = ground().await;
    let file: String = std::iter::once(HEAD.to_owned()).chain((1..=50).map(row)).collect();
    assert_eq!(import(&server, &file).await.created, 50);
    let again = import(&server, &file).await;
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 50));
    let changed = file.replace("用户7,1,", "用户七,1,");
    let after = import(&server, &changed).await;
    assert_eq!((after.created, after.updated, after.unchanged), (0, 1, 49));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_named_with_a_reader_gives_its_area_that_reader() {
    let server = ground().await;
    let file = "meter_no,protocol,address,channel,area,service_point,reader\n\
                M1,dlt645-2007,1,bus-1,A1,P1,R7\nM2,dlt645-2007,2,bus-1,A1,P2,R8\nM3,dlt645-2007,3,bus-1,A2,P3,\n";
    let report = import(&server, file).await;
    assert_eq!((report.created, report.refused.len()), (2, 1));
    assert_eq!(report.refused[0].faults[0].reason, "area A1 has reader R7 in line 2");
    let areas: Page<hes_api::dto::archive::AreaRow> = server.get("/api/v1/areas").await.json().await.unwrap();
    let readers: Vec<_> =
        areas.items.iter().map(|a| (a.code.as_str(), a.reader.as_ref().map(|r| r.as_str()))).collect();
    assert_eq!(readers, [("A1", Some("R7")), ("A2", Some("R2"))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_beyond_its_rows_is_refused_before_anything_is_stored() {
    let server = Server::start(ApiConfig { import_max_rows: 2, ..ApiConfig::default() }).await;
    let answer = server.post_csv("areas", b"code\nA1\nA2\nA3\n".to_vec()).await;
    assert_eq!(answer.status(), 413);
    let problem: ProblemBody = answer.json().await.unwrap();
    assert_eq!(problem.detail, "the file has more than 2 rows; split it");
    let areas: Page<hes_api::dto::archive::AreaRow> = server.get("/api/v1/areas").await.json().await.unwrap();
    assert_eq!(areas.items, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_that_is_replaced_keeps_its_past_and_the_new_one_takes_its_place() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let body = r#"{"meter_no":"M9","address":"9","from":"2026-07-15"}"#;
    let request = server.request("POST", "/api/v1/meters/M2/replacement").header("content-type", "application/json");
    let answer = request.body(body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let new: MeterDetail = answer.json().await.unwrap();
    assert_eq!((new.meter.ct, new.meter.channel.as_ref().map(|c| c.as_str())), (Some(30), Some("bus-1")));
    let old: MeterDetail = server.get("/api/v1/meters/M2").await.json().await.unwrap();
    let until = old.installations[0].until.map(|day| day.to_string());
    assert_eq!(until.as_deref(), Some("2026-07-15"));
    assert_eq!(new.installations[0].from.to_string(), "2026-07-15");
}
