//! `/metrics` as Prometheus' own conventions want it, and as the operators' list of figures has it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::served::Served;

/// Labels are closed sets. A meter, a customer or a channel would make as many series as the fleet is large.
const LABELS: [&str; 15] = [
    "cause",
    "class",
    "direction",
    "end",
    "file",
    "le",
    "medium",
    "outcome",
    "protocol",
    "reason",
    "result",
    "route",
    "state",
    "status",
    "kind",
];
/// What an operator watches, as far as it is there before the first meter has answered.
const WATCHED: [&str; 6] = [
    "hes_collector_channels",
    "hes_collector_line_busy_seconds_total",
    "hes_store_pending_readings",
    "hes_store_batch_readings",
    "hes_store_commit_seconds",
    "hes_store_evidence_bytes_total",
];

fn scrape(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn metrics_keep_the_conventions_and_name_no_meter() {
    let served = Served::start().with_meter("王小明");
    let text = scrape(&served.api);
    let mut kinds = BTreeMap::new();
    let mut explained = BTreeSet::new();
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["#", "TYPE", name, kind] => {
                let first = kinds.insert((*name).to_owned(), (*kind).to_owned());
                assert!(first.is_none(), "{name} stands twice");
                let snake = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                assert!(snake && name.starts_with("hes_"), "{name}");
                assert_eq!(*kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                for unit in ["_ms", "_millis", "_us", "_micros", "_minutes", "_kb", "_kib", "_percent"] {
                    assert!(
                        !name.trim_end_matches("_total").ends_with(unit),
                        "{name}: base units are seconds and bytes"
                    );
                }
            }
            ["#", "HELP", name, _, ..] => {
                explained.insert((*name).to_owned());
            }
            _ => {
                let (name, value) = line.rsplit_once(' ').unwrap();
                value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
                let labels = name.split_once('{').map_or("", |(_, labels)| labels.trim_end_matches('}'));
                for label in labels.split("\",").filter_map(|label| label.split_once('=')).map(|(label, _)| label) {
                    assert!(LABELS.contains(&label), "{line}");
                }
            }
        }
    }
    assert_eq!(explained, kinds.keys().cloned().collect(), "every metric has its help");
    for name in WATCHED {
        assert!(kinds.contains_key(name), "{name} is not there");
    }
    assert!(!text.contains("王小明") && !text.contains("M1"), "{text}");
}
