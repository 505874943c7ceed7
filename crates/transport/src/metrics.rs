//! What links do, counted. Labels are small closed sets, never a meter, a peer or a path.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::Medium;

/// Counters of this crate, registered once and shared by every link.
#[derive(Debug, Clone)]
pub struct TransportMetrics {
    bytes: IntCounterVec,
    stale: IntCounter,
    opens: IntCounterVec,
    open_failures: IntCounterVec,
    links: IntGaugeVec,
    pub(crate) pending: IntGauge,
    refused: IntCounterVec,
    pub(crate) takeovers: IntCounter,
    pub(crate) accept_failures: IntCounter,
    pub(crate) notices_dropped: IntCounter,
}

impl TransportMetrics {
    /// Registers everything.
    ///
    /// # Errors
    ///
    /// When `registry` already holds one of the names.
    pub fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            bytes: IntCounterVec::new(
                Opts::new("hes_transport_bytes_total", "Bytes on field links"),
                &["medium", "direction"],
            )?,
            stale: IntCounter::new(
                "hes_transport_stale_bytes_total",
                "Bytes that came when nobody had asked, dropped before the next question",
            )?,
            opens: IntCounterVec::new(Opts::new("hes_transport_opens_total", "Field links opened"), &["medium"])?,
            open_failures: IntCounterVec::new(
                Opts::new("hes_transport_open_failures_total", "Attempts to open a field link that failed"),
                &["medium"],
            )?,
            links: IntGaugeVec::new(Opts::new("hes_transport_links", "Field links open now"), &["medium"])?,
            pending: IntGauge::new("hes_transport_pending_modules", "Dialled-in connections not yet identified")?,
            refused: IntCounterVec::new(
                Opts::new("hes_transport_refused_modules_total", "Dialled-in connections refused"),
                &["reason"],
            )?,
            takeovers: IntCounter::new(
                "hes_transport_takeovers_total",
                "Dialled-in links replaced by a newer log-in of the same identity",
            )?,
            accept_failures: IntCounter::new(
                "hes_transport_accept_failures_total",
                "Failures to accept a connection (file descriptors, memory)",
            )?,
            notices_dropped: IntCounter::new(
                "hes_transport_notices_dropped_total",
                "Notices of the listener that nobody took in time",
            )?,
        };
        for c in [&metrics.bytes, &metrics.opens, &metrics.open_failures, &metrics.refused] {
            registry.register(Box::new(c.clone()))?;
        }
        for c in [&metrics.stale, &metrics.takeovers, &metrics.accept_failures, &metrics.notices_dropped] {
            registry.register(Box::new(c.clone()))?;
        }
        registry.register(Box::new(metrics.links.clone()))?;
        registry.register(Box::new(metrics.pending.clone()))?;
        Ok(metrics)
    }

    /// Metrics nobody collects, for a tool that lives for one read.
    pub fn unregistered() -> Self {
        Self::new(&Registry::new()).expect("an empty registry takes every name once")
    }

    pub(crate) fn opened(&self, medium: Medium) {
        self.opens.with_label_values(&[medium.code()]).inc();
        self.links.with_label_values(&[medium.code()]).inc();
    }
    pub(crate) fn closed(&self, medium: Medium) {
        self.links.with_label_values(&[medium.code()]).dec();
    }
    pub(crate) fn open_failed(&self, medium: Medium) {
        self.open_failures.with_label_values(&[medium.code()]).inc();
    }
    pub(crate) fn received(&self, medium: Medium, bytes: usize) {
        self.bytes.with_label_values(&[medium.code(), "in"]).inc_by(bytes as u64);
    }
    pub(crate) fn sent(&self, medium: Medium, bytes: usize) {
        self.bytes.with_label_values(&[medium.code(), "out"]).inc_by(bytes as u64);
    }
    pub(crate) fn stale(&self, bytes: usize) {
        self.stale.inc_by(bytes as u64);
    }
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.with_label_values(&[reason]).inc();
    }
}
