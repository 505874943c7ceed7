//! What keeps strangers, floods and slow peers from the API.

use std::time::Duration;

use crate::support::{Server, StillCollector};
use hes_api::{ApiConfig, ProblemBody};
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn code(answer: reqwest::Response) -> (StatusCode, String) {
    let status = answer.status();
    assert_eq!(answer.headers()["content-type"], hes_api::PROBLEM_JSON);
    let problem: ProblemBody = answer.json().await.unwrap();
    assert_eq!(problem.status, status.as_u16());
    (status, problem.code)
}

fn expected(status: StatusCode, code: &str) -> (StatusCode, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn every_route_but_the_probes_asks_for_the_token() {
    let server = Server::start(ApiConfig::default()).await;
    for (method, path) in hes_api::routes() {
        let path = path.replace("{no}", "M1").replace("{name}", "daily").replace("{id}", "1");
        let answer = server.http.request(method.clone(), format!("{}{path}", server.base)).send().await.unwrap();
        if ["/healthz", "/readyz", "/metrics"].contains(&path.as_str()) {
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
        } else {
            assert_eq!(code(answer).await, expected(StatusCode::UNAUTHORIZED, "unauthorized"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_however_it_is_sent() {
    let server = Server::start(ApiConfig::default()).await;
    let right = server.token.expose();
    let wrong = [
        format!("Bearer {}x", &right[..63]),
        format!("Bearer {right}x"),
        "Bearer ".to_owned(),
        format!("Basic {right}"),
        right.to_owned(),
    ];
    for header in wrong {
        let request = server.http.get(format!("{}/api/v1/areas", server.base)).header("authorization", header);
        assert_eq!(code(request.send().await.unwrap()).await.0, StatusCode::UNAUTHORIZED);
    }
    let twice = server.request("GET", "/api/v1/areas").header("authorization", "Bearer other");
    assert_eq!(code(twice.send().await.unwrap()).await.0, StatusCode::UNAUTHORIZED);
    let lower_case =
        server.http.get(format!("{}/api/v1/areas", server.base)).header("authorization", format!("bearer {right}"));
    assert_eq!(lower_case.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_name_that_only_points_here_is_refused_with_and_without_the_token() {
    let server = Server::start(ApiConfig::default()).await;
    for path in ["/healthz", "/metrics", "/api/v1/areas", "/no/such/route"] {
        let rebound = server.request("GET", path).header("host", "evil.example:8645");
        assert_eq!(code(rebound.send().await.unwrap()).await, expected(StatusCode::FORBIDDEN, "host_refused"));
        let page = server.request("GET", path).header("origin", "http://evil.example");
        assert_eq!(code(page.send().await.unwrap()).await, expected(StatusCode::FORBIDDEN, "origin_refused"));
    }
    let local =
        server.request("GET", "/api/v1/areas").header("host", "localhost:1").header("origin", "http://localhost:1");
    assert_eq!(local.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_without_host_or_with_two_is_refused() {
    let server = Server::start(ApiConfig::default()).await;
    for heads in ["", "host: localhost\r\nhost: evil.example\r\n"] {
        let mut stream = connect(&server).await;
        stream
            .write_all(format!("GET /healthz HTTP/1.1\r\n{heads}connection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 403") || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems_too() {
    let server = Server::start(ApiConfig::default()).await;
    assert_eq!(code(server.get("/api/v1/none").await).await, expected(StatusCode::NOT_FOUND, "unknown_route"));
    let patched = server.request("PATCH", "/api/v1/areas").send().await.unwrap();
    assert_eq!(patched.headers()["allow"].to_str().unwrap(), "GET,HEAD,POST");
    assert_eq!(code(patched).await, expected(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused_announced_or_not() {
    let config = ApiConfig { import_max_bytes: 4096, body_max_bytes: 1024, ..ApiConfig::default() };
    let server = Server::start(config).await;
    let large = vec![b'a'; 5_000];
    let refused = expected(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large");
    assert_eq!(code(server.post_csv("areas", large.clone()).await).await, refused);
    let pieces = large.chunks(500).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let request = server.request("POST", "/api/v1/areas").header("content-type", "text/csv").body(chunked);
    assert_eq!(code(request.send().await.unwrap()).await, refused);
    let json = server.request("POST", "/api/v1/reads").header("content-type", "application/json").body(large);
    assert_eq!(code(json.send().await.unwrap()).await, refused);
}

#[tokio::test]
async fn a_client_that_dawdles_with_its_head_is_cut_off() {
    let config = ApiConfig { read_timeout_ms: 200, ..ApiConfig::default() };
    let server = Server::start(config).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: local").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_dawdles_with_its_body_is_told_and_cut_off() {
    let config = ApiConfig { read_timeout_ms: 200, ..ApiConfig::default() };
    let server = Server::start(config).await;
    let mut stream = connect(&server).await;
    let head = format!(
        "POST /api/v1/areas HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: text/csv\r\n\
         content-length: 100\r\nconnection: close\r\n\r\ncode",
        server.token.expose()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
}

#[tokio::test]
async fn probes_answer_while_everything_else_is_busy() {
    let config = ApiConfig { requests_max: 1, ..ApiConfig::default() };
    let server = Server::with_a_day(config).await;
    // One import that never ends takes the only room imports have.
    let mut stream = connect(&server).await;
    let head = format!(
        "POST /api/v1/areas HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: text/csv\r\n\
         content-length: 100\r\nexpect: 100-continue\r\n\r\n",
        server.token.expose()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // "100 Continue" is sent when the route has begun to read the body, so the room is taken.
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 100");
    let refused = server.post_csv("areas", b"code\nA1\n".to_vec()).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(code(refused).await, expected(StatusCode::SERVICE_UNAVAILABLE, "busy"));
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(server.get("/api/v1/areas").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_dead_collector_makes_the_server_unready_but_not_unhealthy() {
    let collector = StillCollector { health: Err("the planner has ended".to_owned()) };
    let server = Server::start_with(ApiConfig::default(), collector).await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    let answer = server.get("/readyz").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let readiness: hes_api::dto::operations::Readiness = answer.json().await.unwrap();
    assert!(!readiness.ready && readiness.database.ok);
    assert_eq!(readiness.collector.detail.as_deref(), Some("the planner has ended"));
}

#[tokio::test]
async fn a_closed_database_makes_the_server_unready_and_leaks_nothing() {
    let server = Server::start(ApiConfig::default()).await;
    server.store.close().await.unwrap();
    assert_eq!(server.get("/readyz").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer = server.get("/api/v1/areas").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem: ProblemBody = answer.json().await.unwrap();
    assert_eq!(problem.code, "store_unavailable");
    assert!(!problem.detail.to_lowercase().contains("sql") && !problem.detail.contains("pool"), "{}", problem.detail);
}

#[tokio::test]
async fn metrics_are_readable_by_prometheus_and_name_no_meter() {
    let server = Server::with_a_day(ApiConfig::default()).await;
    let answer = server.http.get(format!("{}/metrics", server.base)).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.contains(r#"hes_api_requests_total{route="/api/v1/meters",status="200"} 1"#), "{text}");
    assert!(text.contains(r#"hes_api_import_rows_total{file="meters",outcome="created"} 4"#), "{text}");
    for secret in ["M1", "王小明", server.token.expose(), "00000002"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_live_view_sends_at_once_and_ends_with_the_server() {
    let config = ApiConfig { live_interval_ms: 100, ..ApiConfig::default() };
    let server = Server::with_a_day(config).await;
    let mut answer = server.get("/api/v1/status/live").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while text.matches("event: status").count() < 3 {
        text.push_str(std::str::from_utf8(&answer.chunk().await.unwrap().unwrap()).unwrap());
    }
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let status: hes_api::dto::live::Status = serde_json::from_str(data).unwrap();
    assert_eq!((status.readings_total, status.readings_per_second.as_str()), (4_321, "123.4"));
    server.stop().await;
    while let Ok(Some(_)) = answer.chunk().await {}
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.base.trim_start_matches("http://")).await.unwrap()
}
