//! What the store counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Instruments of the store.
pub(crate) struct Metrics {
    pub(crate) readings: IntCounterVec,
    pub(crate) batch_readings: Histogram,
    pub(crate) commit_seconds: Histogram,
    pub(crate) pending_readings: IntGauge,
    pub(crate) full: IntGauge,
    pub(crate) write_failures: IntCounter,
    pub(crate) evidence_bytes: IntCounter,
    pub(crate) give_ups: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        fn add<C: prometheus::core::Collector + Clone + 'static>(r: &Registry, c: C) -> prometheus::Result<C> {
            r.register(Box::new(c.clone()))?;
            Ok(c)
        }
        let sizes = prometheus::exponential_buckets(1.0, 4.0, 9)?;
        let times = prometheus::exponential_buckets(0.000_5, 2.0, 15)?;
        Ok(Self {
            readings: add(
                registry,
                IntCounterVec::new(
                    Opts::new("hes_store_readings_total", "Readings offered to the store, by what became of them"),
                    &["result"],
                )?,
            )?,
            batch_readings: add(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new("hes_store_batch_readings", "Readings a transaction").buckets(sizes),
                )?,
            )?,
            commit_seconds: add(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new("hes_store_commit_seconds", "Time from a batch's begin to its durable end")
                        .buckets(times),
                )?,
            )?,
            pending_readings: add(
                registry,
                IntGauge::new("hes_store_pending_readings", "Readings promised room and not yet committed")?,
            )?,
            full: add(registry, IntGauge::new("hes_store_full", "1 while the database finds no room on its disk")?)?,
            write_failures: add(
                registry,
                IntCounter::new("hes_store_write_failures_total", "Transactions that failed and were tried again")?,
            )?,
            evidence_bytes: add(
                registry,
                IntCounter::new("hes_store_evidence_bytes_total", "Request and answer bytes stored as evidence")?,
            )?,
            give_ups: add(
                registry,
                IntCounterVec::new(
                    Opts::new("hes_store_slots_given_up_total", "Slots given up, by cause"),
                    &["cause"],
                )?,
            )?,
        })
    }
}
