//! The server: store, transports, collector and API put together, and taken apart again in order.
//!
//! Shutdown: planning stops and the exchange on the wire is finished, then the API ends, then what is pending is
//! committed and the database is given free. A second signal ends the process at once, which is the crash case: nothing
//! that was committed is lost by it.

mod address;
mod frames;
mod keys;
mod modules;
mod rate;
mod view;

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use hes_api::{Parts, Token, TokenHash};
use hes_collector::{Collector, CollectorParts, DialInParts, system_sync};
use hes_driver::Model;
use hes_model::DecodeLevels;
use hes_store::{Store, StoreConfig};
use hes_transport::{Allowed, Listener, Transport, TransportMetrics};
use hes_validation::Limits;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

use self::frames::TracedFrames;
use self::modules::Dlt645Modules;
use self::view::View;

pub(crate) use self::address::read as address_of_running;
pub(crate) use self::keys::master_key;

/// A server whose parts stand and whose ports are open, not yet working.
#[derive(Debug)]
pub(crate) struct Server {
    store: Store,
    collector: Collector,
    listener: Option<Listener>,
    api: TcpListener,
    address: address::Announced,
    parts: Parts,
    view: Arc<View>,
    ready: Ready,
}

/// Where a server answers; printed when it is up.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Ready {
    ready: bool,
    /// The HTTP API.
    pub(crate) api: SocketAddr,
    /// Where modules dial in.
    pub(crate) dial_in: Vec<SocketAddr>,
    /// The database.
    database: std::path::PathBuf,
}

impl Server {
    /// Opens the database and the ports.
    pub(crate) async fn prepare(settings: Settings) -> anyhow::Result<Self> {
        let registry = Registry::new();
        make_data_dir(&settings.data_dir.0)?;
        let key = master_key(&settings)?;
        let config = StoreConfig { data_dir: settings.data_dir.0.clone(), ..settings.store.clone() };
        let zone = settings.zone.time_zone().clone();
        let store = Store::open(config, zone, &key, &registry).await?;
        drop(key);

        let metrics = TransportMetrics::new(&registry)?;
        let (listener, dial_in) = listen(&settings, &metrics).await?;
        let dial_in_addresses = listener.as_ref().map_or(Ok(Vec::new()), Listener::addresses)?;
        let levels = DecodeLevels::new(settings.log.decode);
        let collector = Collector::new(
            settings.collector.clone(),
            CollectorParts {
                store: store.clone(),
                transport: Transport::new(settings.transport.clone(), metrics),
                dial_in,
                limits: limits(&settings)?,
                frames: Arc::new(TracedFrames),
                levels: levels.clone(),
                time_service: Arc::new(|| Box::pin(system_sync())),
            },
            &registry,
        )?;
        let view = Arc::new(View::new(collector.status(), dial_in_addresses.first().copied()));

        let token = Token::read_or_make(&settings.token_file())?;
        let api = hes_api::bind(&settings.api).await?;
        // Before anybody is told that we are up: who is told looks for the address.
        let address = address::Announced::write(&settings.data_dir.0, api.local_addr()?)?;
        let ready = Ready {
            ready: true,
            api: api.local_addr()?,
            dial_in: dial_in_addresses,
            database: store.file().to_owned(),
        };
        let parts = Parts {
            store: store.clone(),
            collector: view.clone(),
            levels,
            token: TokenHash::of(&token),
            registry,
            models: Model::all().map(|(name, _)| name.clone()).collect(),
            config: settings.api.clone(),
        };
        Ok(Self { store, collector, listener, api, address, parts, view, ready })
    }

    /// Where it answers.
    pub(crate) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Works until `stop`, then ends in order.
    ///
    /// # Errors
    ///
    /// When a part failed that the others cannot do without; the others are ended in order all the same.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let Self { store, collector, listener, api, address, parts, view, ready: _ } = self;
        let api_stop = CancellationToken::new();
        let collecting = tokio::spawn(collector.run(stop.clone()));
        let serving = tokio::spawn(hes_api::serve(api, parts, api_stop.clone()));
        let listening = listener.map(|listener| tokio::spawn(listener.run(stop.clone())));
        let watching = tokio::spawn(view.clone().watch(store.clone(), stop.clone()));

        let proof = view.clone();
        let clock = move || proof.clock_is_proven().then(|| hes_model::UtcMicros::from(jiff::Timestamp::now()));
        let purging = tokio::spawn(store.clone().keep_within_retention(clock, stop.clone()));

        // A part that ends before it was told to is a failure: the others follow it.
        let collected = ended("collector", collecting, &stop, |failure| view.failed(failure)).await;
        tracing::info!("collection has ended, closing the API");
        api_stop.cancel();
        let served = ended("api", serving, &api_stop, |_| {}).await;
        for helper in listening.into_iter().chain([watching, purging]) {
            helper.await.context("a helper task ended in a panic")?;
        }
        address.withdraw();
        store.close().await.context("closing the database")?;
        tracing::info!("everything pending is committed, the database is closed");
        collected.and(served)
    }
}

/// Waits for a part. One that fails, or ends before `stop`, takes the server down with it.
async fn ended<E>(
    part: &'static str,
    task: JoinHandle<Result<(), E>>,
    stop: &CancellationToken,
    tell: impl FnOnce(String),
) -> anyhow::Result<()>
where
    E: Into<anyhow::Error>,
{
    let result = match task.await {
        Ok(Ok(())) if stop.is_cancelled() => return Ok(()),
        Ok(Ok(())) => Err(anyhow::anyhow!("it ended by itself")),
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => Err(panic.into()),
    };
    let result = result.with_context(|| format!("the {part} failed"));
    if let Err(error) = &result {
        tracing::error!(part, error = format!("{error:#}"), "a part of the server failed, the server ends");
        tell(format!("{error:#}"));
        stop.cancel();
    }
    result
}

/// Makes the data folder at the first start. It holds customers' names and the keys: nobody else reads it.
fn make_data_dir(folder: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("making the data folder {} (data_dir)", folder.display()))
}

/// The listener for modules that dial in, where the settings name an address.
async fn listen(
    settings: &Settings,
    metrics: &TransportMetrics,
) -> anyhow::Result<(Option<Listener>, Option<DialInParts>)> {
    if settings.transport.listener.listen.is_empty() {
        return Ok((None, None));
    }
    let (allowed, allow_list) = watch::channel(Arc::new(Allowed::default()));
    let bound = Listener::bind(&settings.transport, Dlt645Modules, allow_list, metrics.clone()).await;
    let (listener, dial_in, notices) =
        bound.context("opening the port for modules that dial in (transport.listener.listen)")?;
    Ok((Some(listener), Some(DialInParts { dial_in, notices, allowed })))
}

/// The limits of the plausibility rules: those that ship with the program, or the settings' own file.
fn limits(settings: &Settings) -> anyhow::Result<Limits> {
    let file = &settings.validation_file;
    if file.as_os_str().is_empty() {
        return Ok(Limits::default());
    }
    let named = || format!("reading {} (validation_file)", file.display());
    let text = std::fs::read_to_string(file).with_context(named)?;
    Limits::parse(&text).with_context(named)
}

/// Prints the ready line: for whoever started us and waits for it.
pub(crate) fn announce(ready: &Ready) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, ready)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}
