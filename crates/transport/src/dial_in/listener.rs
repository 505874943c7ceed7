//! Taking connections, finding out whose they are, handing them to their channels.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hes_model::{ChannelConfig, ChannelName, LineSettings, Registration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identify::{Heard, Look, look};
use super::pending::{Pending, Place};
use super::presence::Proof;
use super::sessions::{Alarm, Claim, Sessions, Settled, TakeoverLimits};
use super::unknown::UnknownDevices;
use super::{Allowed, Conflict, Identify, Presence, Refusal, UnknownDevice};
use crate::line::Stream;
use crate::socket::Socket;
use crate::{DialConfig, Line, ListenerConfig, Medium, OpenError, TransportConfig, TransportMetrics, dial};

/// Notices that wait for whoever records them; more are dropped and counted, the list of unknown devices has them still.
const NOTICES_DEPTH: usize = 256;
/// Wait after a failure to accept: with no file descriptor left, trying at once again would only burn time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What an operator should know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A module has logged in.
    LoggedIn {
        /// Its channel.
        channel: ChannelName,
        /// Where it called from.
        peer: SocketAddr,
    },
    /// A newer log-in replaced a link that was silent.
    TakenOver {
        /// The channel.
        channel: ChannelName,
        /// The link that was closed.
        old: SocketAddr,
        /// The link that has the channel now.
        new: SocketAddr,
    },
    /// An alarm: two live devices claim one identity. The newcomer was closed and reached nothing.
    Duplicate {
        /// The channel.
        channel: ChannelName,
        /// What both announce themselves by.
        identity: Registration,
        /// The device that keeps the channel.
        kept: SocketAddr,
        /// The device that was refused.
        refused: SocketAddr,
        /// How it was found out.
        conflict: Conflict,
    },
    /// A device that was not let in.
    Unknown {
        /// Which, as the list has it.
        device: UnknownDevice,
        /// Its calls since the last notice of it, this one included.
        calls: u64,
    },
}

/// The listener's side towards channels: hands out places where a module's line arrives, and lists who was refused.
#[derive(Debug, Clone)]
pub struct DialIn(Arc<Shared>);

impl DialIn {
    /// The place where lines of `channel` arrive. A place made later for the same channel replaces this one.
    pub fn attach(&self, channel: &ChannelConfig) -> DialInPort {
        DialInPort { slot: self.0.slot(&channel.name), settings: channel.line, shared: Arc::clone(&self.0) }
    }

    /// The devices that were not let in, the latest caller first.
    pub fn unknown(&self) -> Vec<UnknownDevice> {
        self.0.unknown().list()
    }
}

/// Where one channel's dialled-in lines arrive.
#[derive(Debug)]
pub struct DialInPort {
    slot: Arc<Slot>,
    settings: LineSettings,
    shared: Arc<Shared>,
}

impl DialInPort {
    /// Waits for the module's next log-in.
    ///
    /// # Cancel safety
    ///
    /// A line that has arrived stays until it is taken.
    pub async fn accept(&mut self) -> Result<Line, OpenError> {
        loop {
            if let Some(arrival) = self.slot.take() {
                let line = Line::new(
                    Stream::Tcp(Socket::new(arrival.socket)),
                    Medium::DialIn,
                    arrival.peer.to_string(),
                    self.settings,
                    self.shared.dial.write_timeout(),
                    self.shared.metrics.clone(),
                );
                return Ok(line.watched_by(arrival.presence));
            }
            tokio::select! {
                biased;
                () = self.slot.arrived.notified() => {}
                () = self.shared.stopped.cancelled() => return Err(OpenError::ListenerStopped),
            }
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    arrival: Mutex<Option<Arrival>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Arrival {
    socket: TcpStream,
    peer: SocketAddr,
    presence: Arc<Presence>,
}

impl Slot {
    fn take(&self) -> Option<Arrival> {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    /// A line that nobody took is closed in favour of the newer one.
    fn put(&self, arrival: Arrival) {
        let untaken = self.arrival.lock().unwrap_or_else(PoisonError::into_inner).replace(arrival);
        drop(untaken);
        self.arrived.notify_one();
    }
}

struct Shared {
    config: ListenerConfig,
    dial: DialConfig,
    metrics: TransportMetrics,
    identify: Box<dyn Identify>,
    allowed: watch::Receiver<Arc<Allowed>>,
    pending: Arc<Pending>,
    slots: Mutex<HashMap<ChannelName, Arc<Slot>>>,
    sessions: Mutex<Sessions>,
    unknown: Mutex<UnknownDevices>,
    notices: mpsc::Sender<Notice>,
    stopped: CancellationToken,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Listens for modules.
#[derive(Debug)]
pub struct Listener {
    sockets: Vec<TcpListener>,
    shared: Arc<Shared>,
}

impl Listener {
    /// Listens on every configured address; modules are taken from [`run`](Self::run) on. `allowed` may change while
    /// running; a link that is up stays up.
    ///
    /// # Errors
    ///
    /// When an address can't be listened on.
    pub async fn bind(
        config: &TransportConfig,
        identify: impl Identify,
        allowed: watch::Receiver<Arc<Allowed>>,
        metrics: TransportMetrics,
    ) -> io::Result<(Self, DialIn, mpsc::Receiver<Notice>)> {
        let mut sockets = Vec::new();
        for address in &config.listener.listen {
            let socket = TcpListener::bind(address).await;
            sockets.push(socket.map_err(|e| io::Error::new(e.kind(), format!("can't listen on {address}: {e}")))?);
        }
        let (notices, noticed) = mpsc::channel(NOTICES_DEPTH);
        let limits = &config.listener;
        let shared = Arc::new(Shared {
            pending: Pending::new(limits.max_pending, limits.max_pending_per_peer, metrics.pending.clone()),
            unknown: Mutex::new(UnknownDevices::new(limits.unknown_kept)),
            config: config.listener.clone(),
            dial: config.dial.clone(),
            metrics,
            identify: Box::new(identify),
            allowed,
            slots: Mutex::default(),
            sessions: Mutex::default(),
            notices,
            stopped: CancellationToken::new(),
        });
        Ok((Self { sockets, shared: Arc::clone(&shared) }, DialIn(shared), noticed))
    }

    /// The addresses listened on, with the ports that were chosen where port 0 was asked for.
    pub fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }

    /// Takes modules until `shutdown`; then closes those not yet handed to a channel.
    pub async fn run(self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        for socket in self.sockets {
            tasks.spawn(take_connections(socket, Arc::clone(&self.shared), tasks.clone(), shutdown.clone()));
        }
        shutdown.cancelled().await;
        tasks.close();
        tasks.wait().await;
        self.shared.stopped.cancel();
    }
}

async fn take_connections(socket: TcpListener, shared: Arc<Shared>, tasks: TaskTracker, shutdown: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match shared.pending.enter(peer.ip()) {
                Some(place) => {
                    let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            biased;
                            () = shutdown.cancelled() => {}
                            () = shared.welcome(stream, peer, place) => {}
                        }
                    });
                }
                // Closed at once and only counted: a flood must cost neither time nor the list of unknown devices.
                None => shared.metrics.refused(Refusal::Busy.code()),
            },
            Err(e) => {
                shared.metrics.accept_failures.inc();
                tracing::warn!(error = %e, "can't accept a module's connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What identification led to.
enum Identified {
    Known { channel: ChannelName, by: Registration },
    Refused { refusal: Refusal, identity: Option<Registration> },
}

impl Shared {
    fn slot(&self, channel: &ChannelName) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(channel.clone()).or_default())
    }

    fn unknown(&self) -> MutexGuard<'_, UnknownDevices> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            self.metrics.notices_dropped.inc();
        }
    }

    fn refuse(&self, peer: IpAddr, refusal: Refusal, identity: Option<Registration>, bytes: &[u8]) {
        self.metrics.refused(refusal.code());
        let now = jiff::Timestamp::now().into();
        let (device, untold) = self.unknown().add(peer, refusal, identity, bytes, now);
        // A duplicate has an alarm of its own.
        if let Some(calls) = untold.filter(|_| refusal != Refusal::Duplicate) {
            self.notify(Notice::Unknown { device, calls });
        }
    }

    /// One connection from its first byte to its channel or its end. The place is held until then.
    async fn welcome(&self, mut stream: TcpStream, peer: SocketAddr, place: Place) {
        if let Err(e) = dial::tune(&stream, &self.dial) {
            tracing::debug!(%peer, error = %e, "a module hung up at once");
            self.refuse(peer.ip(), Refusal::Closed, None, &[]);
            return;
        }
        let mut bytes = Vec::new();
        match self.identify(&mut stream, &mut bytes).await {
            Identified::Known { channel, by } => self.admit(stream, peer, channel, by, &bytes).await,
            Identified::Refused { refusal, identity } => self.refuse(peer.ip(), refusal, identity, &bytes),
        }
        drop(place);
    }

    async fn identify(&self, stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Identified {
        let end = Instant::now() + self.config.identify_timeout();
        let max = self.config.identify_max_bytes();
        let mut asked = false;
        loop {
            let quiet = end.min(Instant::now() + self.config.packet_quiet());
            let heard = match timeout_at(quiet, (&mut *stream).take(room(max, bytes)).read_buf(bytes)).await {
                Ok(Ok(n)) if n > 0 => Heard::Flowing,
                Ok(_closed) => return refused(Refusal::Closed, None),
                Err(_elapsed) if Instant::now() >= end => Heard::AllOfIt,
                Err(_elapsed) => Heard::Quiet,
            };
            let allowed = Arc::clone(&self.allowed.borrow());
            match look(bytes, heard, &allowed, self.identify.as_ref()) {
                Look::Known { channel, by } => return Identified::Known { channel, by },
                Look::Unknown(identity) => return refused(Refusal::Unknown, Some(identity)),
                Look::Undecided => {}
            }
            match heard {
                Heard::AllOfIt if bytes.is_empty() => return refused(Refusal::Silent, None),
                Heard::AllOfIt => return refused(Refusal::Unidentified, None),
                Heard::Flowing if bytes.len() >= max => return refused(Refusal::Flood, None),
                Heard::Quiet if !asked && allowed.knows_addresses() => {
                    asked = true;
                    let question = self.identify.question();
                    match timeout_at(end, stream.write_all(&question)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(_)) | Err(_) => return refused(Refusal::Closed, None),
                    }
                }
                Heard::Quiet | Heard::Flowing => {}
            }
        }
    }

    /// Gives an identified connection its channel, unless another one keeps it.
    async fn admit(
        &self,
        socket: TcpStream,
        peer: SocketAddr,
        channel: ChannelName,
        identity: Registration,
        bytes: &[u8],
    ) {
        let presence = Arc::new(Presence::new(self.identify.question()));
        let claim = self.sessions().claim(&channel, &presence, peer);
        let admitted = match claim {
            Claim::Granted => {
                self.notify(Notice::LoggedIn { channel: channel.clone(), peer });
                Ok(())
            }
            Claim::UnderChallenge { holder } => Err(holder),
            Claim::Challenge(holder) => self.contest(&channel, &identity, &holder, (&presence, peer)).await,
        };
        match admitted {
            Ok(()) => self.slot(&channel).put(Arrival { socket, peer, presence }),
            Err(holder) => {
                tracing::debug!(%channel, %peer, %holder, "refused a log-in whose channel another one has");
                self.refuse(peer.ip(), Refusal::Duplicate, Some(identity), bytes);
            }
        }
    }

    /// Settles between the holder of a channel and a newcomer; says who holds it if the newcomer does not get it.
    async fn contest(
        &self,
        channel: &ChannelName,
        identity: &Registration,
        holder: &Arc<Presence>,
        newcomer: (&Arc<Presence>, SocketAddr),
    ) -> Result<(), SocketAddr> {
        let proof = self.challenge(channel, holder).await;
        let limits = TakeoverLimits {
            max: usize::try_from(self.config.takeovers_max).unwrap_or(usize::MAX),
            window: self.config.takeover_window(),
        };
        let new = newcomer.1;
        let settled = self.sessions().settle(channel, (holder, proof), newcomer, &limits, Instant::now());
        match settled {
            Settled::TakenOver { old } => {
                self.metrics.takeovers.inc();
                tracing::info!(%channel, %old, %new, "a newer log-in replaced a silent link");
                self.notify(Notice::TakenOver { channel: channel.clone(), old, new });
                Ok(())
            }
            Settled::Overtaken { holder } => Err(holder),
            Settled::Kept { holder: kept, conflict, alarm } => {
                if alarm == Alarm::Raise {
                    tracing::error!(
                        %channel, %kept, refused = %new, ?conflict,
                        "two live devices announce the same identity; find the wrong one and change its registration"
                    );
                    let (channel, identity) = (channel.clone(), identity.clone());
                    self.notify(Notice::Duplicate { channel, identity, kept, refused: new, conflict });
                }
                Err(kept)
            }
        }
    }

    /// Challenges the holder of `channel`; withdrawn when dropped before its end (shutdown).
    async fn challenge(&self, channel: &ChannelName, holder: &Presence) -> Proof {
        let mut challenge = Challenge { shared: self, channel, running: true };
        let proof = holder.prove(self.config.duplicate_proof()).await;
        challenge.running = false;
        proof
    }
}

/// A challenge that runs.
struct Challenge<'a> {
    shared: &'a Shared,
    channel: &'a ChannelName,
    running: bool,
}

impl Drop for Challenge<'_> {
    fn drop(&mut self) {
        if self.running {
            self.shared.sessions().withdraw(self.channel);
        }
    }
}

fn room(max: usize, bytes: &[u8]) -> u64 {
    u64::try_from(max.saturating_sub(bytes.len()).max(1)).unwrap_or(u64::MAX)
}

fn refused(refusal: Refusal, identity: Option<Registration>) -> Identified {
    Identified::Refused { refusal, identity }
}
