//! Each route has a golden answer; no route is without one.

use std::collections::BTreeSet;

use crate::support::Server;
use hes_api::ApiConfig;

/// One request and the name of its golden answer.
struct Case {
    name: &'static str,
    method: &'static str,
    /// As in the table of routes.
    route: &'static str,
    /// As requested.
    path: &'static str,
    body: Option<(&'static str, &'static str)>,
}

const fn get(name: &'static str, route: &'static str, path: &'static str) -> Case {
    Case { name, method: "GET", route, path, body: None }
}

const fn send(
    name: &'static str,
    method: &'static str,
    route: &'static str,
    path: &'static str,
    kind: &'static str,
    body: &'static str,
) -> Case {
    Case { name, method, route, path, body: Some((kind, body)) }
}

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// In the order they are sent; later ones see what earlier ones did.
const CASES: &[Case] = &[
    get("healthz", "/healthz", "/healthz"),
    get("readyz", "/readyz", "/readyz"),
    get("meters", "/api/v1/meters", "/api/v1/meters"),
    get("meters_page", "/api/v1/meters", "/api/v1/meters?limit=1&area=A1"),
    get("meters_limit_refused", "/api/v1/meters", "/api/v1/meters?limit=0"),
    get("meters_unknown_parameter", "/api/v1/meters", "/api/v1/meters?colour=red"),
    get("meter", "/api/v1/meters/{no}", "/api/v1/meters/M2"),
    get("meter_unknown", "/api/v1/meters/{no}", "/api/v1/meters/M99"),
    get("channels", "/api/v1/channels", "/api/v1/channels"),
    get("areas", "/api/v1/areas", "/api/v1/areas"),
    get("plans", "/api/v1/plans", "/api/v1/plans"),
    get("plan", "/api/v1/plans/{name}", "/api/v1/plans/daily"),
    get("plan_unknown", "/api/v1/plans/{name}", "/api/v1/plans/nightly"),
    get("success_by_area", "/api/v1/reports/success", "/api/v1/reports/success?day=2026-07-01&limit=10"),
    get("success_by_cause", "/api/v1/reports/success", "/api/v1/reports/success?day=2026-07-01&by=cause"),
    get("success_by_reader", "/api/v1/reports/success", "/api/v1/reports/success?day=2026-07-01&by=reader&plan=daily"),
    get("success_dimension_refused", "/api/v1/reports/success", "/api/v1/reports/success?day=2026-07-01&by=colour"),
    get("gaps", "/api/v1/reports/gaps", "/api/v1/reports/gaps?day=2026-07-01&by=channel"),
    get("failures", "/api/v1/reports/failures", "/api/v1/reports/failures?day=2026-07-01&by=cause"),
    get("clock", "/api/v1/reports/clock", "/api/v1/reports/clock?day=2026-07-01&by=model"),
    get("export_csv", "/api/v1/export/daily", "/api/v1/export/daily?day=2026-07-01"),
    get("export_csv_with_gaps", "/api/v1/export/daily", "/api/v1/export/daily?day=2026-07-02&with_gaps=true"),
    get("export_ndjson_since", "/api/v1/export/daily", "/api/v1/export/daily?since=0&format=ndjson"),
    get("export_needs_a_day_or_a_cursor", "/api/v1/export/daily", "/api/v1/export/daily"),
    get("consumption", "/api/v1/consumption", "/api/v1/consumption?service_point=P1&from=2026-07-01&to=2026-08-01"),
    get(
        "consumption_unknown",
        "/api/v1/consumption",
        "/api/v1/consumption?service_point=P9&from=2026-07-01&to=2026-08-01",
    ),
    get("readings", "/api/v1/readings", "/api/v1/readings?meter=M2&from=2026-07-01&to=2026-07-02"),
    get(
        "readings_all_versions",
        "/api/v1/readings",
        "/api/v1/readings?meter=M2&from=2026-07-01&to=2026-07-02&versions=all",
    ),
    get(
        "evidence_by_slot",
        "/api/v1/evidence",
        "/api/v1/evidence?meter=M2&register=import_active_total&series=daily&slot=2026-07-01",
    ),
    get("evidence_by_seq", "/api/v1/evidence", "/api/v1/evidence?seq=1"),
    get("evidence_unknown", "/api/v1/evidence", "/api/v1/evidence?seq=999"),
    get("events", "/api/v1/events", "/api/v1/events"),
    get("unknown_devices", "/api/v1/unknown-devices", "/api/v1/unknown-devices"),
    get("log_levels", "/api/v1/log-levels", "/api/v1/log-levels"),
    send(
        "log_level_set",
        "PUT",
        "/api/v1/log-levels",
        "/api/v1/log-levels",
        JSON,
        r#"{"channel":"bus-1","level":"bytes"}"#,
    ),
    send(
        "log_level_of_no_channel",
        "PUT",
        "/api/v1/log-levels",
        "/api/v1/log-levels",
        JSON,
        r#"{"channel":"x","level":"off"}"#,
    ),
    get("status", "/api/v1/status", "/api/v1/status"),
    send("areas_imported", "POST", "/api/v1/areas", "/api/v1/areas", CSV, "code,name\nA1,城东\nA3,城南\n,无名\n"),
    send("areas_header_refused", "POST", "/api/v1/areas", "/api/v1/areas", CSV, "code,colour\nA1,red\n"),
    send(
        "channels_imported",
        "POST",
        "/api/v1/channels",
        "/api/v1/channels",
        CSV,
        "name,kind,path\nbus-2,serial,/dev/ttyUSB1\nbus-3,tcp,\n",
    ),
    send(
        "meters_imported",
        "POST",
        "/api/v1/meters",
        "/api/v1/meters",
        CSV,
        "meter_no,protocol,address,channel,area,service_point,model\n\
         M5,dlt645-2007,5,bus-2,A3,P5,\nM6,dlt645-2007,6,bus-9,A3,P6,\nM7,dlt645-2007,7,bus-2,A3,P7,fancy\n",
    ),
    send("meters_media_type_refused", "POST", "/api/v1/meters", "/api/v1/meters", JSON, "[]"),
    send(
        "replacement",
        "POST",
        "/api/v1/meters/{no}/replacement",
        "/api/v1/meters/M1/replacement",
        JSON,
        r#"{"meter_no":"M8","address":"8","from":"2026-07-15"}"#,
    ),
    send("plan_stored", "PUT", "/api/v1/plans/{name}", "/api/v1/plans/hourly", JSON, HOURLY),
    send("plan_name_differs", "PUT", "/api/v1/plans/{name}", "/api/v1/plans/other", JSON, HOURLY),
    send("plan_not_valid", "PUT", "/api/v1/plans/{name}", "/api/v1/plans/bad", JSON, BAD_PLAN),
    send("plan_ended", "DELETE", "/api/v1/plans/{name}", "/api/v1/plans/hourly", JSON, ""),
    send(
        "read_accepted",
        "POST",
        "/api/v1/reads",
        "/api/v1/reads",
        JSON,
        r#"{"meter":"M2","what":{"series":"instant","registers":["voltage_a"]}}"#,
    ),
    send(
        "read_of_no_meter",
        "POST",
        "/api/v1/reads",
        "/api/v1/reads",
        JSON,
        r#"{"meter":"M99","what":{"series":"clock"}}"#,
    ),
    send("read_not_readable", "POST", "/api/v1/reads", "/api/v1/reads", JSON, r#"{"meter":"M2"}"#),
    get("read", "/api/v1/reads/{id}", "/api/v1/reads/1"),
    get("read_unknown", "/api/v1/reads/{id}", "/api/v1/reads/77"),
    send("backup", "POST", "/api/v1/db/backup", "/api/v1/db/backup", JSON, "{}"),
    send("backup_of_relative_path", "POST", "/api/v1/db/backup", "/api/v1/db/backup", JSON, r#"{"path":"hes.db"}"#),
    get("read_wait_refused", "/api/v1/reads/{id}", "/api/v1/reads/1?wait_seconds=3600"),
];

/// Answered without an end or without a fixed text; their own tests look at them.
const STREAMED: &[(&str, &str)] = &[("GET", "/metrics"), ("GET", "/api/v1/status/live")];

const HOURLY: &str = r#"{"name":"hourly","task":{"kind":"interval","minutes":60,"registers":["1.0.1.8.0.255"]},
    "scope":{"areas":["A1"]},"schedule":{"window":{"from":"22:00:00","to":"06:00:00"},"deadline_minutes":60,"priority":5},
    "effective":{"from":"2026-06-01","until":null}}"#;
const BAD_PLAN: &str = r#"{"name":"bad","task":{"kind":"interval","minutes":7,"registers":["1.0.1.8.0.255"]},
    "scope":"all","schedule":{"window":{"from":"00:00:00","to":"00:00:00"},"deadline_minutes":60,"priority":5},
    "effective":{"from":"2026-06-01","until":null}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_as_it_is_documented() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    for case in CASES {
        let mut request = server.request(case.method, case.path);
        if let Some((kind, body)) = case.body {
            request = request.header("content-type", kind).body(body);
        }
        let answer = request.send().await.unwrap();
        insta::assert_snapshot!(case.name, rendered(answer).await);
    }
}

#[test]
fn no_route_is_without_a_golden_answer() {
    let routes: BTreeSet<(String, &str)> = hes_api::routes().into_iter().map(|(m, p)| (m.to_string(), p)).collect();
    let cases = CASES.iter().map(|case| (case.method, case.route)).chain(STREAMED.iter().copied());
    let covered: BTreeSet<(String, &str)> = cases.map(|(m, p)| (m.to_owned(), p)).collect();
    assert_eq!(routes, covered);
}

/// Status, the headers a client looks at, and the body, without what differs from run to run.
async fn rendered(answer: reqwest::Response) -> String {
    let mut text = answer.status().to_string();
    for name in ["content-type", "location", "hes-next-since"] {
        if let Some(value) = answer.headers().get(name) {
            text.push_str(&format!("\n{name}: {}", value.to_str().unwrap()));
        }
    }
    let body = answer.text().await.unwrap();
    text.push_str("\n\n");
    match serde_json::from_str::<serde_json::Value>(&body) {
        Ok(mut json) => {
            mask(&mut json);
            text.push_str(&serde_json::to_string_pretty(&json).unwrap());
        }
        Err(_) => text.push_str(&body),
    }
    text
}

/// Members whose value is the time of the test, or a place in its temporary directory.
const VOLATILE: &[&str] = &[
    "at",
    "created_at",
    "deadline_at",
    "counted_at",
    "day_now",
    "path",
    "size_bytes",
    "duration_ms",
    "version",
    "installed_from_today",
];

fn mask(json: &mut serde_json::Value) {
    match json {
        serde_json::Value::Array(all) => all.iter_mut().for_each(mask),
        serde_json::Value::Object(members) => {
            // The live view is about the day of the test.
            if members.contains_key("counted_at") {
                members.insert("day".to_owned(), "[masked]".into());
            }
            // A backup is written where the test has its temporary directory.
            if members.contains_key("size_bytes") {
                members.insert("path".to_owned(), "[masked]".into());
            }
            for (name, value) in members {
                let volatile =
                    VOLATILE.contains(&name.as_str()) && !(name == "at" && value.as_str().is_some_and(fixed));
                let version = name == "version" && value.is_number();
                if volatile && !version && !value.is_null() {
                    *value = "[masked]".into();
                } else {
                    mask(value);
                }
            }
        }
        _ => {}
    }
}

/// Times of the day all golden answers are about are not masked.
fn fixed(time: &str) -> bool {
    time.starts_with("2026-06-30") || time.starts_with("2026-07")
}
