//! Serves every channel of the store: one task each, started, stopped and restarted as the archive and their luck want.
//!
//! Shutdown: planning stops, dialogues under way get `shutdown_seconds` to end and are stored, then the turnstiles
//! finish the exchange on the wire and close their lines. The store is closed afterwards by whoever opened it.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hes_model::{ChannelConfig, ChannelName, DecodeLevels};
use hes_store::{Store, StoreError};
use hes_transport::{Allowed, DialIn, LinkSource, Notice, Transport};
use hes_validation::Limits;
use prometheus::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::channel::{Channel, Shared};
use crate::config::{CollectorConfig, ConfigError};
use crate::frame_log::FrameLog;
use crate::host_clock::SystemSync;
use crate::job::Desk;
use crate::ledger::Ledger;
use crate::metrics::CollectorMetrics;
use crate::notebook::wall_clock;
use crate::notices;
use crate::status::StatusBoard;
use crate::turnstile::{Learned, LinkState, TurnstileMetrics, TurnstileParts, turnstile};
use crate::{host_watch, sampler};

/// Wait before a channel whose task failed is started again, at first and at most.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_MOST: Duration = Duration::from_secs(60);

/// What a channel learned, waiting to be stored: one piece, the next one waits for its time.
const LEARNED_WAITING: usize = 1;

/// Asks the system whether its clock is disciplined; see [`system_sync`](crate::system_sync).
pub type AskTimeService = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = SystemSync> + Send>> + Send + Sync>;

/// The listener's side of modules that dial in.
#[derive(Debug)]
pub struct DialInParts {
    /// Where their lines arrive.
    pub dial_in: DialIn,
    /// What the listener has to say.
    pub notices: mpsc::Receiver<Notice>,
    /// Who may dial in: kept up to date from the channels of the store.
    pub allowed: watch::Sender<Arc<Allowed>>,
}

/// What a collector is made of.
pub struct CollectorParts {
    /// Where work comes from and readings go.
    pub store: Store,
    /// Opens lines.
    pub transport: Transport,
    /// Modules that dial in; `None` where nothing listens.
    pub dial_in: Option<DialInParts>,
    /// Limits of the plausibility rules.
    pub limits: Limits,
    /// Where frames go to be looked at.
    pub frames: Arc<dyn FrameLog>,
    /// How much of them.
    pub levels: DecodeLevels,
    /// Whether the host's clock is disciplined.
    pub time_service: AskTimeService,
}

impl fmt::Debug for CollectorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorParts")
            .field("store", &self.store)
            .field("dial_in", &self.dial_in)
            .finish_non_exhaustive()
    }
}

/// Why a collector could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// A setting is outside its range.
    #[error("a setting of the collector is wrong")]
    Config(#[from] ConfigError),
    /// A metric of the same name is registered already.
    #[error("the collector's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Plans, asks, judges and stores.
#[derive(Debug)]
pub struct Collector {
    parts: CollectorParts,
    shared: Shared,
    turnstiles: TurnstileMetrics,
}

impl Collector {
    /// A collector, not yet running.
    pub fn new(config: CollectorConfig, parts: CollectorParts, registry: &Registry) -> Result<Self, CollectorError> {
        config.validate()?;
        let metrics = CollectorMetrics::register(registry)?;
        let shared = Shared { config, store: parts.store.clone(), metrics, board: StatusBoard::default() };
        Ok(Self { parts, shared, turnstiles: TurnstileMetrics::new(registry)? })
    }

    /// Where it writes what it is doing.
    pub fn status(&self) -> StatusBoard {
        self.shared.board.clone()
    }

    /// Serves the channels of the store until `cancel`, and returns when everything under way has ended or was given up.
    ///
    /// # Errors
    ///
    /// When the store cannot be read at all; a channel that fails by itself is started again.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), StoreError> {
        let mut helpers = JoinSet::new();
        let floor = Ledger::of(&self.shared.store).newest_receipt().await?;
        helpers.spawn(host_watch::watch(self.shared.clone(), self.parts.time_service.clone(), floor, cancel.clone()));
        helpers.spawn(sampler::sample(self.shared.clone(), cancel.clone()));
        let mut allowed = None;
        if let Some(parts) = self.parts.dial_in.take() {
            helpers.spawn(notices::store(self.shared.store.clone(), parts.notices, cancel.clone()));
            allowed = Some((parts.allowed, parts.dial_in));
        }
        let served = Served {
            collector: self,
            dial_in: allowed,
            channels: HashMap::new(),
            tasks: JoinSet::new(),
            names: HashMap::new(),
        };
        let result = served.run(&cancel).await;
        cancel.cancel();
        while let Some(ended) = helpers.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a helper task of the collector ended in a panic");
            }
        }
        result
    }
}

/// One channel that is served.
struct Serving {
    config: ChannelConfig,
    /// Whether there is a task: there is none for a channel that cannot be served as it is configured.
    has_task: bool,
    stop: CancellationToken,
    /// Failures in a row.
    failures: u32,
}

/// The channels that are served.
struct Served {
    collector: Collector,
    dial_in: Option<(watch::Sender<Arc<Allowed>>, DialIn)>,
    channels: HashMap<ChannelName, Serving>,
    tasks: JoinSet<Result<(), StoreError>>,
    names: HashMap<tokio::task::Id, ChannelName>,
}

impl Served {
    async fn run(mut self, cancel: &CancellationToken) -> Result<(), StoreError> {
        let mut changes = self.collector.shared.store.changes();
        self.reconcile(cancel).await?;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended, cancel).await?,
                Ok(()) = changes.changed() => self.reconcile(cancel).await?,
            }
        }
        // Each channel ends within its own deadlines; the children of `cancel` are cancelled with it.
        while self.tasks.join_next().await.is_some() {}
        Ok(())
    }

    /// Starts what is new, stops what is gone or has changed; what has changed is started again once it has stopped.
    async fn reconcile(&mut self, cancel: &CancellationToken) -> Result<(), StoreError> {
        let wanted = self.collector.shared.store.channels().await?;
        if let Some((allowed, _)) = &self.dial_in {
            let (list, conflicts) = Allowed::of(&wanted);
            for conflict in conflicts {
                tracing::warn!(%conflict, "two channels have one registration");
            }
            allowed.send_replace(Arc::new(list));
        }
        let board = &self.collector.shared.board;
        self.channels.retain(|name, serving| {
            let is_as_wanted = wanted.iter().find(|config| config.name == *name) == Some(&serving.config);
            if !is_as_wanted && serving.has_task {
                serving.stop.cancel();
            } else if !is_as_wanted {
                board.remove(name);
            }
            is_as_wanted || serving.has_task
        });
        for config in wanted {
            if !self.channels.contains_key(&config.name) {
                self.start(config, 0, cancel);
            }
        }
        self.collector.shared.metrics.channels.set(i64::try_from(self.channels.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    fn start(&mut self, config: ChannelConfig, failures: u32, cancel: &CancellationToken) {
        let name = config.name.clone();
        let stop = cancel.child_token();
        let dial_in = self.dial_in.as_ref().map(|(_, dial_in)| dial_in);
        let source = match self.collector.parts.transport.source(&config, dial_in) {
            Ok(source) => source,
            Err(error) => {
                tracing::error!(channel = %name, %error, "the channel cannot be served");
                let down = LinkState::Down { since: wall_clock(), cause: error.to_string() };
                self.collector.shared.board.update(&name, |status| status.link = Some(down));
                self.channels.insert(name, Serving { config, has_task: false, stop, failures });
                return;
            }
        };
        let delay = match failures {
            0 => Duration::ZERO,
            n => RESTART_FIRST.saturating_mul(1 << (n - 1).min(16)).min(RESTART_MOST),
        };
        let serve = self.serve(config.clone(), source, delay, stop.clone());
        let id = self.tasks.spawn(serve).id();
        self.names.insert(id, name.clone());
        self.channels.insert(name, Serving { config, has_task: true, stop, failures });
    }

    /// One channel: its planner, and the owner of its line, which outlives the planner.
    fn serve(
        &self,
        config: ChannelConfig,
        source: LinkSource,
        delay: Duration,
        stop: CancellationToken,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let shared = self.collector.shared.clone();
        let parts = TurnstileParts {
            config: shared.config.turnstile.clone(),
            backoff: self.collector.parts.transport.config().backoff,
            metrics: self.collector.turnstiles.clone(),
            frames: Arc::clone(&self.collector.parts.frames),
            levels: self.collector.parts.levels.clone(),
        };
        let desk = Desk {
            channel: config.name.clone(),
            wake_up: config.wake_up,
            zone: shared.store.calendar().zone().clone(),
            store: shared.store.clone(),
            limits: Arc::new(self.collector.parts.limits.clone()),
            retry: shared.config.retry.clone(),
            slots_per_dialogue: usize::from(shared.config.slots_per_dialogue),
            metrics: shared.metrics.clone(),
        };
        async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(delay) => {}
            }
            let (turnstile, owner) = turnstile(&config, source, parts);
            let known = Ledger::of(&shared.store).reply_times(&config.name).await;
            let (keep, learned) = mpsc::channel(LEARNED_WAITING);
            let owner = owner.remembering(&known, keep);
            let close = CancellationToken::new();
            let mut line = JoinSet::new();
            let mut keeper = JoinSet::new();
            keeper.spawn(keep_learned(shared.store.clone(), learned));
            line.spawn(owner.run(close.clone()));
            let planner = Channel::new(config, shared, desk, turnstile, close.clone());
            let planned = tokio::select! {
                planned = planner.run(stop) => planned,
                Some(Err(panic)) = line.join_next() => std::panic::resume_unwind(panic.into_panic()),
            };
            close.cancel();
            while line.join_next().await.is_some() {}
            while keeper.join_next().await.is_some() {}
            planned
        }
    }

    async fn ended(
        &mut self,
        ended: Result<(tokio::task::Id, Result<(), StoreError>), tokio::task::JoinError>,
        cancel: &CancellationToken,
    ) -> Result<(), StoreError> {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(name) = self.names.remove(&id) else { return Ok(()) };
        let Some(serving) = self.channels.remove(&name) else { return Ok(()) };
        let failed = match ended {
            Ok((_, Ok(()))) => None,
            Ok((_, Err(error))) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        if let Some(error) = &failed {
            self.collector.shared.metrics.channel_restarts.inc();
            tracing::error!(channel = %name, %error, "the channel's task failed and is started again");
        }
        if cancel.is_cancelled() {
            return Ok(());
        }
        self.collector.shared.board.remove(&name);
        // Stopped because it changed or is gone: the store says which.
        let failures = if failed.is_some() { serving.failures + 1 } else { 0 };
        match self.collector.shared.store.channel(&name).await? {
            Some(config) => self.start(config, failures, cancel),
            None => self.collector.shared.metrics.forget_channel(&name),
        }
        Ok(())
    }
}

/// Stores what a channel learns of its meters' reply times, until the channel ends.
async fn keep_learned(store: Store, mut learned: mpsc::Receiver<Learned>) {
    while let Some(learned) = learned.recv().await {
        Ledger::of(&store).keep_reply_times(&learned).await;
    }
}
