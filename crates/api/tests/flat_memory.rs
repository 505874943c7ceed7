//! Alone in its process, so that what the process holds is what the export holds.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

#[expect(dead_code, reason = "shared with the other tests of the API, which use more of it")]
#[path = "api/support.rs"]
mod support;

use hes_api::ApiConfig;
use support::{DAYS, FLEET, large};

/// Resident memory of this process, in MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

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
        assert_eq!(rows, (FLEET as usize) * (DAYS as usize));
        sizes.push(bytes);
        let grown = most.saturating_sub(before);
        assert!(run == 0 || grown < 24, "{grown} MiB more for an answer of {} MiB", bytes >> 20);
    }
    assert!(sizes[0] > 40 << 20, "too small to tell: {} MiB", sizes[0] >> 20);
    assert_eq!(sizes[0], sizes[1]);
}
