//! A hundred thousand meters fit into one process. In a program of its own, so that it weighs nothing else.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::time::Duration;

use hes_sim::meter::{Addressed, Question};
use hes_sim::{Endpoint, Fleet, FleetConfig, StartOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const METERS: u64 = 100_000;
/// What one process may take with all its lines open: four times what it does.
const LIMIT_BYTES: u64 = 100 << 20;
/// A read of the forward energy of meter 645000000001, in whose answer come the same address and 0x91.
const QUESTION: &[u8] =
    &[0x68, 0x01, 0x00, 0x00, 0x00, 0x50, 0x64, 0x68, 0x11, 0x04, 0x33, 0x33, 0x34, 0x33, 0x67, 0x16];

#[tokio::test]
async fn a_hundred_thousand_meters_on_open_lines_all_read_and_some_tripped_take_a_hundred_megabytes_at_most() {
    let config = FleetConfig::parse(
        r#"
        clock = { start = "2026-11-20T10:00:00", rate = 0.0 }
        [[channel]]
        name = "bus-{n}"
        repeat = 250
        area = "A{n}"
        transport = { kind = "tcp" }
        meters = [{ count = 300 }, { count = 50, load = "commercial", phases = 3 }, { count = 50, load = "solar" }]
        "#,
    )
    .unwrap();
    let before = resident_bytes();
    let running = Fleet::start(&config, &StartOptions::default()).await.unwrap();
    let fleet = running.fleet();
    let built = resident_bytes();
    let mut meters = 0;
    for bus in fleet.buses() {
        let mut addresses = Vec::new();
        bus.for_each_meter(|meter| addresses.push(meter.address()));
        for address in addresses {
            meters += 1;
            bus.with_meter(address, |meter, now| {
                let mut ask = |control, data: &[u8]| {
                    meter.answer(Question { control, data, addressed: Addressed::Exactly }, now).unwrap().control
                };
                // A daily freeze; and one in ten is cut off.
                assert_eq!(ask(0x11, &[0x01, 0x01, 0x06, 0x05]), 0x91);
                if meters % 10 == 0 {
                    let trip = [2, 0, 0, 0, 0, 0, 0, 0, 0x1A, 0, 0, 0, 0, 0x30, 0x12, 0x99];
                    assert_eq!(ask(0x1C, &trip), 0x9C);
                }
            })
            .unwrap();
        }
    }
    assert_eq!(meters, METERS);
    let Endpoint::Dial { at } = running.channel("bus-1").unwrap().endpoint else { panic!("it listens") };
    let mut line = TcpStream::connect(at).await.unwrap();
    line.write_all(QUESTION).await.unwrap();
    let mut answer = Vec::new();
    let hear = async {
        while !answer.windows(9).any(|bytes| bytes[..7] == QUESTION[..7] && bytes[8] == 0x91) {
            assert!(line.read_buf(&mut answer).await.unwrap() > 0, "the line was closed");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), hear).await.expect("it answers");
    let used = resident_bytes();
    println!("{} bytes a meter as built, {} after use", (built - before) / METERS, (used - before) / METERS);
    assert!(used < LIMIT_BYTES, "{used} bytes resident");
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
