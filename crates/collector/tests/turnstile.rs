//! The turnstile over real sockets: who gets the line, and in what state it comes back.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

#[path = "../../transport/tests/frames/mod.rs"]
mod frames;

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use frames::{ByAddress, ENERGY, PATIENCE, VOLTAGE, Want, answer, by_packet, channel, frame, question, who_is_there};
use hes_collector::{
    BUSY, CLOSING, Direction, FrameLog, LinkState, MeterKey, NoFrameLog, Turnstile, TurnstileConfig, TurnstileMetrics,
    TurnstileParts, turnstile,
};
use hes_driver::{Exchange, Exchanged, Expect, LinkError, Verdict};
use hes_model::{
    ChannelConfig, ChannelName, Class, DecodeLevel, DecodeLevels, Endpoint, LineSettings, MeterId, Parity,
};
use hes_transport::{
    Allowed, BackoffConfig, LinkSource, Listener, ListenerConfig, Notice, Transport, TransportConfig, TransportMetrics,
};
use hes_wire::Framing;
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes; a test that waits so long has failed.
const SOON: Duration = Duration::from_secs(20);

/// A turnstile on a socket, and the far end of that socket.
struct Bus {
    turnstile: Turnstile,
    server: TcpListener,
    meters: Meters,
    metrics: TurnstileMetrics,
    shutdown: CancellationToken,
    owner: JoinHandle<()>,
}

fn parts(config: TurnstileConfig) -> TurnstileParts {
    TurnstileParts {
        config,
        backoff: BackoffConfig { first_ms: 20, max_seconds: 1, stable_seconds: 30 },
        metrics: TurnstileMetrics::new(&Registry::new()).unwrap(),
        frames: Arc::new(NoFrameLog),
        levels: DecodeLevels::default(),
    }
}

fn transport() -> Transport {
    Transport::new(TransportConfig::default(), TransportMetrics::unregistered())
}

impl Bus {
    async fn start() -> Self {
        Self::with(parts(TurnstileConfig::default())).await
    }

    async fn with(parts: TurnstileParts) -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let port = NonZeroU16::new(at.port()).unwrap();
        let channel = channel("bus", Endpoint::Dial { host: at.ip().to_string(), port });
        let metrics = parts.metrics.clone();
        let (turnstile, shutdown, owner) = run(&channel, transport().source(&channel, None).unwrap(), parts);
        let meters = Meters(timeout(SOON, server.accept()).await.unwrap().unwrap().0);
        up(&turnstile).await;
        Self { turnstile, server, meters, metrics, shutdown, owner }
    }

    /// Asks for a meter's energy, in a task of its own.
    fn ask(&self, meter: u64, class: Class) -> JoinHandle<Result<Exchanged, LinkError>> {
        ask(&self.turnstile, meter, class)
    }

    /// Waits until so many questions stand in line behind the one on the wire.
    async fn in_line(&self, class: Class, n: i64) {
        let waiting = async {
            while self.metrics.waiting(class).get() != n {
                tokio::task::yield_now().await;
            }
        };
        timeout(SOON, waiting).await.expect("the questions come into line");
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(SOON, self.owner).await.expect("the owner ends").unwrap();
    }
}

fn run(
    channel: &ChannelConfig,
    source: LinkSource,
    parts: TurnstileParts,
) -> (Turnstile, CancellationToken, JoinHandle<()>) {
    let (turnstile, owner) = turnstile(channel, source, parts);
    let shutdown = CancellationToken::new();
    let owner = tokio::spawn(owner.run(shutdown.clone()));
    (turnstile, shutdown, owner)
}

async fn up(turnstile: &Turnstile) {
    timeout(SOON, turnstile.state().wait_for(LinkState::is_up)).await.expect("the link comes up").unwrap();
}

fn key(meter: u64) -> MeterKey {
    MeterKey::Meter(MeterId(i64::try_from(meter).unwrap()))
}

fn ask(turnstile: &Turnstile, meter: u64, class: Class) -> JoinHandle<Result<Exchanged, LinkError>> {
    let mut link = turnstile.link(key(meter), class);
    tokio::spawn(async move { link.exchange(&question(meter, ENERGY), &mut Want::new(meter, ENERGY), PATIENCE).await })
}

/// The meters at the far end.
struct Meters(TcpStream);

impl Meters {
    /// Waits for the next question; which meter was asked.
    async fn asked(&mut self) -> u64 {
        let mut heard = vec![0; question(1, ENERGY).len()];
        timeout(SOON, self.0.read_exact(&mut heard)).await.expect("a question").unwrap();
        (1..100).find(|meter| heard == question(*meter, ENERGY)).expect("a question for energy")
    }

    async fn answer(&mut self, meter: u64) {
        self.0.write_all(&answer(meter, ENERGY, &[1, 2, 3, 4])).await.unwrap();
    }

    /// Answers the next question; which meter was asked.
    async fn serve(&mut self) -> u64 {
        let meter = self.asked().await;
        self.answer(meter).await;
        meter
    }
}

async fn ended(task: JoinHandle<Result<Exchanged, LinkError>>) -> Result<Exchanged, LinkError> {
    timeout(SOON, task).await.expect("the exchange ends").unwrap()
}

#[tokio::test]
async fn an_order_waits_for_no_more_than_the_exchange_on_the_wire() {
    let mut bus = Bus::start().await;
    let mut bulk = vec![bus.ask(1, Class::Scheduled)];
    assert_eq!(bus.meters.asked().await, 1);
    for meter in 2..=9 {
        bulk.push(bus.ask(meter, Class::Scheduled));
    }
    bus.in_line(Class::Scheduled, 8).await;
    let person = bus.ask(20, Class::OnDemand);
    bus.in_line(Class::OnDemand, 1).await;
    let order = bus.ask(30, Class::Order);
    bus.in_line(Class::Order, 1).await;

    bus.meters.answer(1).await;
    assert_eq!(bus.meters.serve().await, 30, "the order is the very next");
    assert_eq!(bus.meters.serve().await, 20, "then the person");
    ended(order).await.unwrap();
    ended(person).await.unwrap();
    for _ in 2..=9 {
        bus.meters.serve().await;
    }
    for exchange in bulk {
        ended(exchange).await.unwrap();
    }
    bus.stop().await;
}

#[tokio::test]
async fn the_line_rotates_over_meters_however_many_dialogues_one_has() {
    let mut bus = Bus::start().await;
    let mut tasks = vec![bus.ask(9, Class::Scheduled)];
    assert_eq!(bus.meters.asked().await, 9);
    for (n, meter) in (1..).zip([1, 1, 1, 2, 3]) {
        tasks.push(bus.ask(meter, Class::Scheduled));
        bus.in_line(Class::Scheduled, n).await;
    }
    bus.meters.answer(9).await;
    let mut served = Vec::new();
    for _ in 0..5 {
        served.push(bus.meters.serve().await);
    }
    assert_eq!(served, [1, 2, 3, 1, 1]);
    for task in tasks {
        ended(task).await.unwrap();
    }
    bus.stop().await;
}

#[tokio::test]
async fn one_person_too_many_is_refused_and_planned_work_waits() {
    let few = TurnstileConfig { urgent_waiting_max: 2, planned_waiting_max: 1, ..TurnstileConfig::default() };
    let mut bus = Bus::with(parts(few)).await;
    let mut tasks = vec![bus.ask(1, Class::Scheduled)];
    assert_eq!(bus.meters.asked().await, 1);
    tasks.push(bus.ask(2, Class::OnDemand));
    tasks.push(bus.ask(3, Class::OnDemand));
    bus.in_line(Class::OnDemand, 2).await;
    assert_eq!(ended(bus.ask(4, Class::OnDemand)).await, Err(LinkError::Interrupted { cause: BUSY }));
    tasks.push(bus.ask(5, Class::Order));
    bus.in_line(Class::Order, 1).await;
    tasks.push(bus.ask(6, Class::Backfill));
    bus.in_line(Class::Backfill, 1).await;
    tasks.push(bus.ask(7, Class::Backfill));
    bus.meters.answer(1).await;
    let mut served = Vec::new();
    for _ in 0..5 {
        served.push(bus.meters.serve().await);
    }
    assert_eq!(served, [5, 2, 3, 6, 7]);
    for task in tasks {
        ended(task).await.unwrap();
    }
    bus.stop().await;
}

#[tokio::test]
async fn a_question_withdrawn_while_waiting_takes_no_turn() {
    let mut bus = Bus::start().await;
    let first = bus.ask(1, Class::Scheduled);
    assert_eq!(bus.meters.asked().await, 1);
    let withdrawn = bus.ask(2, Class::Scheduled);
    bus.in_line(Class::Scheduled, 1).await;
    let last = bus.ask(3, Class::Scheduled);
    bus.in_line(Class::Scheduled, 2).await;
    withdrawn.abort();
    assert!(withdrawn.await.unwrap_err().is_cancelled());
    bus.meters.answer(1).await;
    assert_eq!(bus.meters.serve().await, 3);
    ended(first).await.unwrap();
    ended(last).await.unwrap();
    bus.stop().await;
}

#[tokio::test]
async fn after_an_exchange_dropped_in_the_middle_its_late_answer_meets_nobody() {
    let mut bus = Bus::start().await;
    let dropped = bus.ask(1, Class::Scheduled);
    assert_eq!(bus.meters.asked().await, 1);
    let asked_at = Instant::now();
    dropped.abort();
    let next = bus.ask(1, Class::Scheduled);
    bus.meters.0.write_all(&answer(1, ENERGY, &[9, 9, 9, 9])).await.unwrap();
    assert_eq!(bus.meters.serve().await, 1);
    assert!(asked_at.elapsed() >= PATIENCE.reply, "the longest answer time was waited out");
    let exchanged = ended(next).await.unwrap();
    assert_eq!(exchanged.counts.bytes, answer(1, ENERGY, &[1, 2, 3, 4]).len(), "nothing but its own answer was heard");
    bus.stop().await;
}

/// Panics over the first frame it is shown.
struct Panics;

impl Expect for Panics {
    fn framing(&self) -> &dyn Framing {
        &hes_dlt645::Dlt645
    }
    fn offer(&mut self, _frame: &[u8]) -> Verdict {
        panic!("a dialogue with a fault")
    }
}

#[tokio::test]
async fn a_panic_in_a_dialogue_does_not_stop_the_channel() {
    let mut bus = Bus::start().await;
    let mut link = bus.turnstile.link(key(1), Class::Scheduled);
    let faulty = tokio::spawn(async move { link.exchange(&question(1, ENERGY), &mut Panics, PATIENCE).await });
    bus.meters.serve().await;
    assert!(faulty.await.unwrap_err().is_panic());
    let next = bus.ask(2, Class::Scheduled);
    assert_eq!(bus.meters.serve().await, 2);
    ended(next).await.unwrap();
    bus.stop().await;
}

#[tokio::test]
async fn a_link_that_goes_down_tells_everybody_the_cause_and_comes_back() {
    let mut bus = Bus::start().await;
    let on_the_wire = bus.ask(1, Class::Scheduled);
    assert_eq!(bus.meters.asked().await, 1);
    let waiting = bus.ask(2, Class::Backfill);
    bus.in_line(Class::Backfill, 1).await;
    let mut state = bus.turnstile.state();
    drop(bus.meters);
    let down = Err(LinkError::Down { cause: "the peer has closed the connection".into() });
    assert_eq!(ended(on_the_wire).await, down);
    assert_eq!(ended(waiting).await, down);
    let cause = timeout(SOON, state.wait_for(|s| matches!(s, LinkState::Down { .. }))).await.unwrap().unwrap().clone();
    assert!(matches!(cause, LinkState::Down { cause, .. } if cause.contains("closed")));

    bus.meters = Meters(timeout(SOON, bus.server.accept()).await.unwrap().unwrap().0);
    up(&bus.turnstile).await;
    let again = bus.ask(2, Class::Backfill);
    assert_eq!(bus.meters.serve().await, 2);
    ended(again).await.unwrap();
    bus.stop().await;
}

#[tokio::test]
async fn a_link_that_can_not_be_opened_refuses_at_once_and_says_why() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = NonZeroU16::new(server.local_addr().unwrap().port()).unwrap();
    drop(server);
    let channel = channel("bus", Endpoint::Dial { host: "127.0.0.1".into(), port });
    let slow = TurnstileParts {
        backoff: BackoffConfig { first_ms: 60_000, ..BackoffConfig::default() },
        ..parts(TurnstileConfig::default())
    };
    let source = transport().source(&channel, None).unwrap();
    let (turnstile, shutdown, owner) = run(&channel, source, slow);
    for _ in 0..2 {
        let refused = ended(ask(&turnstile, 1, Class::OnDemand)).await;
        let Err(LinkError::Down { cause }) = refused else { panic!("{refused:?}") };
        assert!(cause.contains(&format!("can't connect to 127.0.0.1:{port}; check")), "{cause}");
    }
    shutdown.cancel();
    timeout(SOON, owner).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_learned_meter_that_falls_silent_costs_little_and_is_left_alone_until_it_can_not_answer_late() {
    let mut bus = Bus::start().await;
    for _ in 0..20 {
        let exchange = bus.ask(1, Class::Scheduled);
        bus.meters.serve().await;
        ended(exchange).await.unwrap();
    }
    let silent = bus.ask(1, Class::Scheduled);
    assert_eq!(bus.meters.asked().await, 1);
    let asked_at = Instant::now();
    assert!(matches!(ended(silent).await, Err(LinkError::TimedOut { .. })));
    assert!(asked_at.elapsed() < PATIENCE.reply, "learned: {:?}", asked_at.elapsed());

    let same = bus.ask(1, Class::OnDemand);
    bus.in_line(Class::OnDemand, 1).await;
    let other = bus.ask(2, Class::Backfill);
    assert_eq!(bus.meters.serve().await, 2, "another meter is not delayed");
    ended(other).await.unwrap();
    // The answer to the first question comes late, while its meter is closed.
    bus.meters.answer(1).await;
    assert_eq!(bus.meters.asked().await, 1);
    assert!(asked_at.elapsed() >= PATIENCE.reply, "closed until its longest answer time is over");
    // The second question has the longest answer time, so that a meter that became slow is heard.
    tokio::time::sleep(PATIENCE.reply / 2).await;
    bus.meters.answer(1).await;
    let exchanged = ended(same).await.unwrap();
    assert_eq!(exchanged.counts.bytes, answer(1, ENERGY, &[1, 2, 3, 4]).len(), "the late answer was not heard");
    bus.stop().await;
}

#[tokio::test]
async fn a_peer_that_floods_an_idle_line_is_hung_up_on() {
    let mut bus = Bus::start().await;
    let mut state = bus.turnstile.state();
    let flood = async {
        let noise = vec![0x55; 64 << 10];
        // Ends with an error when the line is closed.
        while bus.meters.0.write_all(&noise).await.is_ok() {}
    };
    timeout(SOON, flood).await.expect("the flood is cut off");
    let down = timeout(SOON, state.wait_for(|s| !s.is_up())).await.unwrap().unwrap().clone();
    assert!(matches!(down, LinkState::Down { cause, .. } if cause.contains("floods")));
    bus.shutdown.cancel();
    timeout(SOON, bus.owner).await.unwrap().unwrap();
}

#[tokio::test]
async fn shutdown_finishes_the_exchange_on_the_wire_and_grants_no_other() {
    let mut bus = Bus::start().await;
    let on_the_wire = bus.ask(1, Class::Scheduled);
    assert_eq!(bus.meters.asked().await, 1);
    let waiting = bus.ask(2, Class::OnDemand);
    bus.in_line(Class::OnDemand, 1).await;
    bus.shutdown.cancel();
    bus.meters.answer(1).await;
    ended(on_the_wire).await.unwrap();
    let closing = Err(LinkError::Interrupted { cause: CLOSING });
    assert_eq!(ended(waiting).await, closing);
    timeout(SOON, bus.owner).await.unwrap().unwrap();
    assert_eq!(bus.meters.0.read(&mut [0; 1]).await.unwrap(), 0, "the line is closed in order, nothing else was sent");
    assert_eq!(ended(ask(&bus.turnstile, 3, Class::Order)).await, closing);
}

#[tokio::test]
async fn a_speed_that_can_not_be_had_ends_the_exchange_and_not_the_channel() {
    let mut bus = Bus::start().await;
    let mut link = bus.turnstile.link(key(1), Class::Scheduled);
    link.line(LineSettings::new(300, 7, Parity::Even).unwrap()).await.unwrap();
    let refused = link.exchange(&question(1, ENERGY), &mut Want::new(1, ENERGY), PATIENCE).await;
    assert!(matches!(refused, Err(LinkError::Interrupted { .. })), "{refused:?}");
    let next = bus.ask(2, Class::Scheduled);
    assert_eq!(bus.meters.serve().await, 2);
    ended(next).await.unwrap();
    bus.stop().await;
}

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(Direction, Vec<u8>, DecodeLevel)>>);

impl FrameLog for Seen {
    fn frame(&self, _channel: &ChannelName, direction: Direction, bytes: &[u8], level: DecodeLevel) {
        self.0.lock().unwrap().push((direction, bytes.to_vec(), level));
    }
}

#[tokio::test]
async fn frames_are_shown_to_the_log_from_the_moment_a_level_is_set() {
    let seen = Arc::new(Seen::default());
    let levels = DecodeLevels::default();
    let shown = TurnstileParts { frames: seen.clone(), levels: levels.clone(), ..parts(TurnstileConfig::default()) };
    let mut bus = Bus::with(shown).await;
    let quiet = bus.ask(1, Class::Scheduled);
    bus.meters.serve().await;
    ended(quiet).await.unwrap();
    assert!(seen.0.lock().unwrap().is_empty());

    levels.set(bus.turnstile.channel().clone(), DecodeLevel::Bytes);
    let logged = bus.ask(1, Class::Scheduled);
    bus.meters.asked().await;
    let other = answer(1, VOLTAGE, &[1, 2]);
    bus.meters.0.write_all(&other).await.unwrap();
    bus.meters.answer(1).await;
    ended(logged).await.unwrap();
    let level = DecodeLevel::Bytes;
    let expected = [
        (Direction::Sent, question(1, ENERGY), level),
        (Direction::Received, other, level),
        (Direction::Received, answer(1, ENERGY, &[1, 2, 3, 4]), level),
    ];
    assert_eq!(*seen.0.lock().unwrap(), expected);
    bus.stop().await;
}

#[tokio::test]
async fn a_dialled_in_channel_keeps_its_live_module_against_a_twin_and_takes_a_new_log_in_after_a_dead_one() {
    let channel = by_packet("east", "MODULE-7");
    let listen = ListenerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        duplicate_proof_ms: 400,
        ..ListenerConfig::default()
    };
    let config = TransportConfig { listener: listen, ..TransportConfig::default() };
    let metrics = TransportMetrics::unregistered();
    let (_allow, allowed) = watch::channel(Arc::new(Allowed::of([&channel]).0));
    let (listener, dial_in, mut notices) = Listener::bind(&config, ByAddress, allowed, metrics.clone()).await.unwrap();
    let at = listener.addresses().unwrap()[0];
    let source = Transport::new(config, metrics).source(&channel, Some(&dial_in)).unwrap();
    let (turnstile, shutdown, owner) = run(&channel, source, parts(TurnstileConfig::default()));
    let listening = tokio::spawn(listener.run(shutdown.clone()));

    let absent = ended(ask(&turnstile, 1, Class::Scheduled)).await;
    assert!(matches!(&absent, Err(LinkError::Down { cause }) if cause.contains("not dialled in")), "{absent:?}");

    let log_in = async || {
        let mut module = TcpStream::connect(at).await.unwrap();
        module.write_all(b"MODULE-7\n").await.unwrap();
        Meters(module)
    };
    let mut module = log_in().await;
    up(&turnstile).await;
    let mut twin = log_in().await;
    // The owner challenges the module by itself; its meter answers.
    let mut heard = vec![0; who_is_there().len()];
    timeout(SOON, module.0.read_exact(&mut heard)).await.expect("a challenge").unwrap();
    module.0.write_all(&frame(1, 0x93, &[1, 0, 0, 0, 0, 0])).await.unwrap();
    let end = timeout(SOON, twin.0.read(&mut [0; 1])).await.expect("the twin is closed");
    assert!(matches!(end, Ok(0) | Err(_)));
    let exchange = ask(&turnstile, 1, Class::Scheduled);
    assert_eq!(module.serve().await, 1);
    ended(exchange).await.unwrap();

    // Now the module's network is gone, which we don't see, and it dials again.
    let mut state = turnstile.state();
    state.mark_unchanged();
    let mut module_again = log_in().await;
    let address = module_again.0.local_addr().unwrap().to_string();
    let replaced = |s: &LinkState| matches!(s, LinkState::Up { peer, .. } if *peer == address);
    timeout(SOON, state.wait_for(replaced)).await.expect("the new log-in has the channel").unwrap();
    let exchange = ask(&turnstile, 1, Class::Scheduled);
    assert_eq!(module_again.serve().await, 1);
    ended(exchange).await.unwrap();

    let mut told = Vec::new();
    for _ in 0..3 {
        told.push(timeout(SOON, notices.recv()).await.unwrap().unwrap());
    }
    assert!(
        matches!(told[..], [Notice::LoggedIn { .. }, Notice::Duplicate { .. }, Notice::TakenOver { .. }]),
        "{told:?}"
    );
    shutdown.cancel();
    timeout(SOON, owner).await.unwrap().unwrap();
    timeout(SOON, listening).await.unwrap().unwrap();
}
