//! What others named must not steer the terminal it is shown on.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::program::{hes, run};
use crate::served::Served;

/// Whether `text` holds what a terminal obeys, line ends aside.
fn steers(text: &str) -> bool {
    text.chars()
        .any(|c| (c.is_control() && c != '\n') || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'))
}

#[test]
fn a_name_with_control_characters_never_reaches_the_terminal_as_it_is() {
    let served = Served::start().with_meter("王\u{202E}654321");
    let shown = served.run(&["meter", "show", "M1"], b"");
    assert!(shown.stdout.contains("王\\u{202e}654321"), "{}", shown.stdout);
    let bad = "meter_no,protocol,address,channel,area,service_point,customer,customer_name\n\
               M\u{1B}[2J,dlt645-2007,2,b,A,P2,C2,\u{1B}]0;owned\u{7}\nM3,dlt645-2007,3,b,A,P3,C3,\u{9B}31mred\n";
    for more in [&[][..], &["--json"], &["--lang", "zh"]] {
        let refused = served.run(&[&["meter", "import", "-"][..], more].concat(), bad.as_bytes());
        assert_eq!(refused.code, 4, "{}", refused.stderr);
        let shown = served.run(&[&["meter", "show", "M1"][..], more].concat(), b"");
        for text in [refused.stdout, refused.stderr, shown.stdout, shown.stderr] {
            assert!(!steers(&text), "{text:?}");
        }
    }
}

#[test]
fn what_a_server_says_never_reaches_the_terminal_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("api-token");
    std::fs::write(&token, "0".repeat(64)).unwrap();
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let settings = folder.path().join("hes.toml");
    std::fs::write(&settings, format!("data_dir = {:?}\n", folder.path())).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    for more in [&[][..], &["--json"], &["--lang", "zh"]] {
        let answering = std::thread::scope(|scope| {
            scope.spawn(|| answer_one(&listener));
            run(hes(&[&["status", "--server", &url][..], more].concat()).env("HES_CONFIG", &settings))
        });
        assert_eq!(answering.code, 1, "{}", answering.stderr);
        assert!(answering.stderr.contains("owned") && !steers(&answering.stderr), "{:?}", answering.stderr);
    }
}

/// Answers one request with a refusal that carries escape sequences.
fn answer_one(listener: &TcpListener) {
    let (mut client, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let body = serde_json::json!({
        "type": "x", "title": "\u{1B}]0;owned\u{7}", "title_zh": "\u{1B}]0;owned\u{7}", "status": 404, "code": "x",
        "detail": "\u{9B}2J\u{202E}gone\u{7F}",
    });
    let body = body.to_string();
    let head = "HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nConnection: close\r\n";
    write!(client, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}
