//! Modules that dial in, on loopback.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod frames;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use frames::{ByAddress, ENERGY, PATIENCE, Want, answer, by_frame, by_packet, frame, question, who_is_there};
use hes_driver::{Exchange, Patience};
use hes_model::{ChannelConfig, Registration};
use hes_transport::{
    Allowed, Conflict, DialIn, DirectLink, Idle, Line, LinkSource, Listener, ListenerConfig, Notice, Refusal,
    Transport, TransportConfig, TransportMetrics,
};
use prometheus::Registry;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What a link may take to prove itself alive: less than the listener waits for it.
const PROOF: Patience = Patience { reply: Duration::from_millis(50), gap: Duration::from_millis(50), ..PATIENCE };

/// Longer than anything here takes; a test that waits so long has failed.
const SOON: Duration = Duration::from_secs(20);

struct Station {
    at: SocketAddr,
    transport: Transport,
    dial_in: DialIn,
    notices: mpsc::Receiver<Notice>,
    allow: watch::Sender<Arc<Allowed>>,
    registry: Registry,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

fn quick() -> ListenerConfig {
    ListenerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        identify_timeout_ms: 600,
        packet_quiet_ms: 60,
        duplicate_proof_ms: 300,
        ..ListenerConfig::default()
    }
}

impl Station {
    async fn start<'a>(channels: impl IntoIterator<Item = &'a ChannelConfig>, listener: ListenerConfig) -> Self {
        let registry = Registry::new();
        let metrics = TransportMetrics::new(&registry).unwrap();
        let config = TransportConfig { listener, ..TransportConfig::default() };
        let (allow, allowed) = watch::channel(Arc::new(Allowed::of(channels).0));
        let (listener, dial_in, notices) = Listener::bind(&config, ByAddress, allowed, metrics.clone()).await.unwrap();
        let at = listener.addresses().unwrap()[0];
        let shutdown = CancellationToken::new();
        let running = tokio::spawn(listener.run(shutdown.clone()));
        Self { at, transport: Transport::new(config, metrics), dial_in, notices, allow, registry, shutdown, running }
    }

    fn source(&self, channel: &ChannelConfig) -> LinkSource {
        self.transport.source(channel, Some(&self.dial_in)).unwrap()
    }

    async fn call(&self, first_words: &[u8]) -> TcpStream {
        let mut module = TcpStream::connect(self.at).await.unwrap();
        module.write_all(first_words).await.unwrap();
        module
    }

    async fn notice(&mut self) -> Notice {
        timeout(SOON, self.notices.recv()).await.expect("a notice").unwrap()
    }

    fn refused(&self, reason: Refusal) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == "hes_transport_refused_modules_total");
        let metrics = family.map(|f| f.get_metric()).unwrap_or_default();
        let of_reason = metrics.iter().filter(|m| m.get_label()[0].value() == reason.code());
        of_reason.map(|m| m.get_counter().get_value()).sum()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(SOON, self.running).await.expect("the listener stops").unwrap();
    }
}

async fn next(source: &mut LinkSource) -> Line {
    timeout(SOON, source.open()).await.expect("the module's line arrives").unwrap()
}

async fn is_closed(module: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A reset is a close too.
    timeout(SOON, module.read_to_end(&mut rest)).await.is_ok()
}

async fn read_energy(line: Line, module: &mut TcpStream, address: u64) -> DirectLink {
    let mut link = DirectLink::new(line, Duration::ZERO);
    let request = question(address, ENERGY);
    let mut want = Want::new(address, ENERGY);
    let meter = async {
        let mut heard = vec![0; request.len()];
        module.read_exact(&mut heard).await.unwrap();
        module.write_all(&answer(address, ENERGY, &[1, 2, 3, 4])).await.unwrap();
    };
    let (asked, ()) = tokio::join!(link.exchange(&request, &mut want, PATIENCE), meter);
    asked.unwrap();
    link
}

#[tokio::test]
async fn a_module_is_known_by_its_packet_and_read() {
    let channel = by_packet("east", "MODULE-7");
    let station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let mut module = station.call(b"MODULE-7").await;
    let line = next(&mut source).await;
    read_energy(line, &mut module, 42).await.close().await;
    station.stop().await;
}

#[tokio::test]
async fn a_packet_in_single_bytes_and_one_merged_with_a_frame_are_known() {
    let channel = by_packet("east", "MODULE-7");
    let station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let mut module = TcpStream::connect(station.at).await.unwrap();
    module.set_nodelay(true).unwrap();
    for byte in b"MODULE-7\r\n" {
        module.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    drop(next(&mut source).await);
    let _merged = station.call(&[b"MODULE-7", &frame(9, 0x91, &[0; 4])[..]].concat()).await;
    next(&mut source).await;
    station.stop().await;
}

#[tokio::test]
async fn a_module_is_known_by_its_first_frame_unasked() {
    let channel = by_frame("west", 123_456_789_012);
    let station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let mut module = station.call(&[&[0xFE; 4], &frame(123_456_789_012, 0x93, &[0; 6])[..]].concat()).await;
    let line = next(&mut source).await;
    read_energy(line, &mut module, 123_456_789_012).await.close().await;
    station.stop().await;
}

#[tokio::test]
async fn a_silent_module_is_asked_for_its_address() {
    let channel = by_frame("west", 77);
    let station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let mut module = TcpStream::connect(station.at).await.unwrap();
    let mut heard = vec![0; who_is_there().len()];
    timeout(SOON, module.read_exact(&mut heard)).await.expect("a question").unwrap();
    assert_eq!(heard, who_is_there());
    module.write_all(&frame(77, 0x93, &[0x77, 0, 0, 0, 0, 0])).await.unwrap();
    next(&mut source).await;
    station.stop().await;
}

#[tokio::test]
async fn an_unknown_device_is_closed_counted_and_listed_with_its_first_words() {
    let mut station = Station::start([&by_packet("east", "MODULE-7")], quick()).await;
    let mut stranger = station.call(b"MODULE-8").await;
    assert!(is_closed(&mut stranger).await);
    let Notice::Unknown { device, calls: 1 } = station.notice().await else { panic!("a notice of the unknown device") };
    assert_eq!(device.identity, Some(Registration::Packet("MODULE-8".into())));
    assert_eq!((device.first_bytes.as_slice(), device.refusal), (&b"MODULE-8"[..], Refusal::Unknown));
    assert_eq!(station.dial_in.unknown(), vec![device]);
    assert_eq!(station.refused(Refusal::Unknown), 1.0);

    let mut by_address = station.call(&frame(5, 0x93, &[5; 6])).await;
    assert!(is_closed(&mut by_address).await);
    assert_eq!(station.dial_in.unknown().len(), 2);
    station.stop().await;
}

#[tokio::test]
async fn a_device_added_to_the_list_gets_in_the_next_time() {
    let channel = by_packet("east", "MODULE-7");
    let station = Station::start([], quick()).await;
    assert!(is_closed(&mut station.call(b"MODULE-7").await).await);
    station.allow.send_replace(Arc::new(Allowed::of([&channel]).0));
    let _module = station.call(b"MODULE-7").await;
    next(&mut station.source(&channel)).await;
    station.stop().await;
}

#[tokio::test]
async fn a_device_that_dribbles_a_device_that_pours_and_a_device_that_is_silent_cost_a_closed_socket() {
    let station = Station::start([&by_packet("east", "MODULE-7")], quick()).await;
    let dribble = async {
        let mut module = TcpStream::connect(station.at).await.unwrap();
        let begun = tokio::time::Instant::now();
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        // One byte more often than the silence that ends a packet: only the total time stops it.
        loop {
            beat.tick().await;
            if module.write_all(&[0x01]).await.is_err() || begun.elapsed() > SOON {
                return begun.elapsed();
            }
        }
    };
    let pour = async {
        let mut module = station.call(&[0x55; 4096]).await;
        is_closed(&mut module).await
    };
    let silence = async {
        let mut module = TcpStream::connect(station.at).await.unwrap();
        is_closed(&mut module).await
    };
    let (dribbled, poured, silent) = tokio::join!(dribble, pour, silence);
    assert!(dribbled < SOON && poured && silent);
    for reason in [Refusal::Unidentified, Refusal::Flood, Refusal::Silent] {
        assert_eq!(station.refused(reason), 1.0, "{reason:?}");
    }
    station.stop().await;
}

#[tokio::test]
async fn a_flood_of_unknown_devices_leaves_room_for_a_known_one_and_a_short_list() {
    let channel = by_packet("east", "MODULE-7");
    let limits = ListenerConfig { max_pending_per_peer: 8, unknown_kept: 5, identify_timeout_ms: 10_000, ..quick() };
    let station = Station::start([&channel], limits).await;
    let mut source = station.source(&channel);
    let mut flood = Vec::new();
    for n in 0..60 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut hostile = socket.connect(station.at).await.unwrap();
        // Some stay silent to hold their place, some say who they are.
        let stranger = [b"FLOOD-".to_vec(), n.to_string().into_bytes(), b"\n".to_vec(), frame(n, 0x91, &[])].concat();
        if n % 2 == 0 && hostile.write_all(&stranger).await.is_err() {
            continue;
        }
        flood.push(hostile);
    }
    let mut module = station.call(b"MODULE-7\n").await;
    let line = next(&mut source).await;
    read_energy(line, &mut module, 42).await.close().await;
    assert!(station.refused(Refusal::Busy) >= 22.0, "silent ones beyond their places are closed at once");
    assert!(station.dial_in.unknown().len() <= 5);
    station.stop().await;
}

#[tokio::test]
async fn a_module_that_dials_again_after_closing_gets_its_channel_without_an_alarm() {
    let channel = by_packet("east", "MODULE-7");
    let mut station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let first = station.call(b"MODULE-7\n").await;
    let mut line = next(&mut source).await;
    drop(first);
    timeout(SOON, line.idle()).await.unwrap().expect_err("the owner sees the end of the link");
    drop(line);
    let _second = station.call(b"MODULE-7\n").await;
    next(&mut source).await;
    for _ in 0..2 {
        let notice = station.notice().await;
        assert!(matches!(notice, Notice::LoggedIn { .. }), "{notice:?}");
    }
    station.stop().await;
}

#[tokio::test]
async fn the_latest_log_in_wins_over_a_link_that_has_died_unnoticed() {
    let channel = by_packet("east", "MODULE-7");
    let mut station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let _dead = station.call(b"MODULE-7\n").await;
    let mut old = next(&mut source).await;
    let mut module = station.call(b"MODULE-7\n").await;
    // The owner asks the old link for a sign of life; it has none.
    assert_eq!(timeout(SOON, old.idle()).await.unwrap().unwrap(), Idle::Challenged);
    old.prove_alive(old.longest(Duration::ZERO, &PROOF)).await.unwrap();
    let gone = timeout(SOON, old.idle()).await.unwrap().unwrap_err();
    assert!(gone.to_string().contains("newer log-in"), "{gone}");
    drop(old);
    let line = next(&mut source).await;
    read_energy(line, &mut module, 42).await.close().await;
    assert!(matches!(station.notice().await, Notice::LoggedIn { .. }));
    assert!(matches!(station.notice().await, Notice::TakenOver { .. }));
    station.stop().await;
}

#[tokio::test]
async fn a_second_live_device_with_the_same_identity_raises_an_alarm_and_reaches_nothing() {
    let channel = by_packet("east", "MODULE-7");
    let mut station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let mut module = station.call(b"MODULE-7\n").await;
    let mut line = next(&mut source).await;
    assert!(matches!(station.notice().await, Notice::LoggedIn { .. }));
    let kept_at = module.local_addr().unwrap();

    for call in 1..=2 {
        let mut twin = station.call(b"MODULE-7\n").await;
        let refused_at = twin.local_addr().unwrap();
        assert_eq!(timeout(SOON, line.idle()).await.unwrap().unwrap(), Idle::Challenged);
        let meter = async {
            let mut heard = vec![0; who_is_there().len()];
            module.read_exact(&mut heard).await.unwrap();
            module.write_all(&frame(42, 0x93, &[0x42, 0, 0, 0, 0, 0])).await.unwrap();
        };
        let longest = line.longest(Duration::ZERO, &PROOF);
        let (proved, ()) = tokio::join!(line.prove_alive(longest), meter);
        proved.unwrap();
        assert!(is_closed(&mut twin).await, "the newcomer is closed");
        if call == 1 {
            let Notice::Duplicate { kept, refused, conflict, .. } = station.notice().await else { panic!("an alarm") };
            assert_eq!((kept, refused, conflict), (kept_at, refused_at, Conflict::BothAlive));
        }
    }
    assert_eq!(station.refused(Refusal::Duplicate), 2.0);
    assert!(station.notices.try_recv().is_err(), "one alarm for one pair");
    assert_eq!(station.dial_in.unknown()[0].refusal, Refusal::Duplicate);
    read_energy(line, &mut module, 42).await.close().await;
    station.stop().await;
}

#[tokio::test]
async fn shutdown_ends_the_wait_for_a_module() {
    let channel = by_packet("east", "MODULE-7");
    let station = Station::start([&channel], quick()).await;
    let mut source = station.source(&channel);
    let waiting = tokio::spawn(async move { source.open().await.map(|line| line.peer().to_owned()) });
    station.stop().await;
    let ended = timeout(SOON, waiting).await.expect("no longer waiting").unwrap();
    assert!(ended.is_err());
}

#[tokio::test]
async fn a_dial_in_channel_without_a_listener_says_what_to_set() {
    let transport = Transport::new(TransportConfig::default(), TransportMetrics::unregistered());
    let refused = transport.source(&by_packet("east", "MODULE-7"), None).unwrap_err();
    assert!(refused.to_string().contains("transport.listener.listen"), "{refused}");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let config = TransportConfig { listener: ListenerConfig { listen: vec![at], ..quick() }, ..Default::default() };
    let (_allow, allowed) = watch::channel(Arc::default());
    let refused = Listener::bind(&config, ByAddress, allowed, TransportMetrics::unregistered()).await.unwrap_err();
    assert!(refused.to_string().contains(&at.to_string()), "{refused}");
}
