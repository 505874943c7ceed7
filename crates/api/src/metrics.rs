//! What the API counts about itself. Labels are routes and outcomes, closed sets; never a meter, never a client.

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

/// The API's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// `hes_api_requests_total{route,status}`.
    pub(crate) requests: IntCounterVec,
    /// `hes_api_request_duration_seconds{route}`, to the first byte of the answer.
    pub(crate) duration: HistogramVec,
    /// `hes_api_refused_total{reason}`: before any route was reached.
    pub(crate) refused: IntCounterVec,
    /// `hes_api_streams`: exports and live views being sent.
    pub(crate) streams: IntGauge,
    /// `hes_api_import_rows_total{file,outcome}`.
    pub(crate) import_rows: IntCounterVec,
    /// `hes_api_export_rows_total`.
    pub(crate) export_rows: prometheus::IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name, help, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let requests = counter("hes_api_requests_total", "API requests answered", &["route", "status"])?;
        let refused = counter("hes_api_refused_total", "API requests refused before a route was reached", &["reason"])?;
        let import_rows = counter("hes_api_import_rows_total", "Rows of imported files", &["file", "outcome"])?;
        let duration = HistogramOpts::new("hes_api_request_duration_seconds", "Time to the first byte of an answer")
            .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]);
        let duration = HistogramVec::new(duration, &["route"])?;
        let streams = IntGauge::new("hes_api_streams", "Exports and live views being sent")?;
        let export_rows = prometheus::IntCounter::new("hes_api_export_rows_total", "Rows exported")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(import_rows.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        registry.register(Box::new(streams.clone()))?;
        registry.register(Box::new(export_rows.clone()))?;
        Ok(Self { requests, duration, refused, streams, import_rows, export_rows })
    }
}
