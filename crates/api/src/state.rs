//! What every route can reach.

use std::sync::Arc;
use std::time::Duration;

use hes_model::{DecodeLevels, ModelName};
use hes_store::Store;
use prometheus::Registry;
use tokio_util::sync::CancellationToken;

use crate::figures::Figures;
use crate::metrics::Metrics;
use crate::{ApiConfig, TokenHash, live::Collector};

/// What the API is built from; `hes` puts it together.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// The running collector.
    pub collector: Arc<dyn Collector>,
    /// The table of decode levels, shared with who logs frames.
    pub levels: DecodeLevels,
    /// Hash of the access token.
    pub token: TokenHash,
    /// Where every part of the server has registered its metrics.
    pub registry: Registry,
    /// Meter models that have a profile; an import refuses others.
    pub models: Vec<ModelName>,
    /// Limits and time-outs.
    pub config: ApiConfig,
}

/// The parts, shared by all requests.
pub(crate) type Shared = Arc<State>;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) collector: Arc<dyn Collector>,
    pub(crate) levels: DecodeLevels,
    pub(crate) token: TokenHash,
    pub(crate) registry: Registry,
    pub(crate) models: Vec<ModelName>,
    pub(crate) config: ApiConfig,
    pub(crate) metrics: Metrics,
    pub(crate) figures: Figures,
    /// Cancelled when the server stops: streams that never end by themselves end then.
    pub(crate) stop: CancellationToken,
}

impl State {
    pub(crate) fn new(parts: Parts, stop: CancellationToken) -> Result<Shared, prometheus::Error> {
        let Parts { store, collector, levels, token, registry, models, config } = parts;
        let metrics = Metrics::register(&registry)?;
        let figures = Figures::new(Duration::from_millis(config.live_figures_max_age_ms));
        Ok(Arc::new(Self { store, collector, levels, token, registry, models, config, metrics, figures, stop }))
    }
}
