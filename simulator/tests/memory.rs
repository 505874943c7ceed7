//! A hundred thousand meters fit into one process. In a program of its own, so that it weighs nothing else.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use hes_sim::meter::{Addressed, Question};
use hes_sim::{Fleet, FleetConfig};

const METERS: u64 = 100_000;
/// What one process may take.
const LIMIT_BYTES: u64 = 1 << 30;

#[test]
fn a_hundred_thousand_meters_that_were_all_read_and_some_tripped_stay_far_below_a_gibibyte() {
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
    let fleet = Fleet::build(&config).unwrap();
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
    let used = resident_bytes();
    println!("{} bytes a meter as built, {} after use", (built - before) / METERS, (used - before) / METERS);
    assert!(used < LIMIT_BYTES, "{used} bytes resident");
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
