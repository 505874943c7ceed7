//! Sockets to serial servers, on loopback.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod frames;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use frames::{ENERGY, PATIENCE, VOLTAGE, Want, answer, fast, question};
use hes_driver::{Exchange, LinkError};
use hes_model::{Endpoint, LineSettings, Parity};
use hes_transport::{DialConfig, DirectLink, Line, OpenError, Transport, TransportConfig, TransportMetrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint::Dial { host: address.ip().to_string(), port: NonZeroU16::new(address.port()).unwrap() }
}

async fn connected(config: TransportConfig) -> (Line, TcpStream) {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = Transport::new(config, TransportMetrics::unregistered());
    let to = endpoint(server.local_addr().unwrap());
    let (line, accepted) = tokio::join!(transport.open(&to, fast()), server.accept());
    (line.unwrap(), accepted.unwrap().0)
}

async fn read_question(socket: &mut TcpStream, question: &[u8]) {
    let mut heard = vec![0; question.len()];
    socket.read_exact(&mut heard).await.unwrap();
    assert_eq!(heard, question, "the request goes out as it was given");
}

#[tokio::test]
async fn an_answer_in_single_bytes_and_merged_with_noise_is_the_same_answer() {
    let (line, mut server) = connected(TransportConfig::default()).await;
    let mut link = DirectLink::new(line, Duration::ZERO);
    let request = question(1, ENERGY);
    let expected = answer(1, ENERGY, &[1, 2, 3, 4]);
    let meter = async {
        read_question(&mut server, &request).await;
        for byte in &expected {
            server.write_all(&[*byte]).await.unwrap();
            server.flush().await.unwrap();
            tokio::task::yield_now().await;
        }
        read_question(&mut server, &request).await;
        let merged = [&answer(1, VOLTAGE, &[5, 6])[..], &[0xAA; 7], &expected, &[0x68]].concat();
        server.write_all(&merged).await.unwrap();
    };
    let reader = async {
        for _ in 0..2 {
            let mut want = Want::new(1, ENERGY);
            link.exchange(&request, &mut want, PATIENCE).await.unwrap();
            assert_eq!(want.got.as_ref(), Some(&expected));
        }
    };
    tokio::join!(meter, reader);
}

#[tokio::test]
async fn a_late_answer_to_an_abandoned_question_never_meets_the_next_one() {
    let (line, mut server) = connected(TransportConfig::default()).await;
    let mut link = DirectLink::new(line, Duration::ZERO);
    let request = question(1, ENERGY);
    let (late, fresh) = (answer(1, ENERGY, &[9, 9, 9, 9]), answer(1, ENERGY, &[1, 1, 1, 1]));

    let mut want = Want::new(1, ENERGY);
    tokio::select! {
        _ = link.exchange(&request, &mut want, PATIENCE) => panic!("nobody has answered yet"),
        () = read_question(&mut server, &request) => {}
    }
    // The question is dropped here, in the middle of its exchange; its answer comes now.
    server.write_all(&late).await.unwrap();
    let meter = async {
        read_question(&mut server, &request).await;
        server.write_all(&fresh).await.unwrap();
    };
    let mut want = Want::new(1, ENERGY);
    let (asked, ()) = tokio::join!(link.exchange(&request, &mut want, PATIENCE), meter);
    asked.unwrap();
    assert_eq!(want.got, Some(fresh));
}

#[tokio::test]
async fn what_was_said_before_the_question_is_no_answer_to_it() {
    let (mut line, mut server) = connected(TransportConfig::default()).await;
    let stale = answer(1, ENERGY, &[9, 9, 9, 9]);
    server.write_all(&stale).await.unwrap();
    // The bytes are here once an idle line hears them; what comes behind them waits in the socket.
    assert!(matches!(line.idle().await.unwrap(), hes_transport::Idle::Heard(_)));
    server.write_all(&stale).await.unwrap();
    let mut link = DirectLink::new(line, Duration::ZERO);
    let request = question(1, VOLTAGE);
    let meter = async {
        read_question(&mut server, &request).await;
        server.write_all(&answer(1, VOLTAGE, &[2, 2])).await.unwrap();
    };
    let mut want = Want::new(1, VOLTAGE);
    let (asked, ()) = tokio::join!(link.exchange(&request, &mut want, PATIENCE), meter);
    asked.unwrap();
    assert_eq!(want.got, Some(answer(1, VOLTAGE, &[2, 2])));
}

#[tokio::test]
async fn a_peer_that_hangs_up_in_the_middle_is_down_and_stays_so_for_this_link() {
    let (line, mut server) = connected(TransportConfig::default()).await;
    let mut link = DirectLink::new(line, Duration::ZERO);
    let request = question(1, ENERGY);
    let meter = async {
        read_question(&mut server, &request).await;
        server.write_all(&answer(1, ENERGY, &[1])[..5]).await.unwrap();
        drop(server);
    };
    let mut want = Want::new(1, ENERGY);
    let (asked, ()) = tokio::join!(link.exchange(&request, &mut want, PATIENCE), meter);
    assert_eq!(asked, Err(LinkError::Down { cause: "the peer has closed the connection".into() }));
    let again = link.exchange(&request, &mut want, PATIENCE).await;
    assert_eq!(again, Err(LinkError::Down { cause: "the peer has closed the connection".into() }));
}

#[tokio::test]
async fn a_peer_that_takes_no_bytes_loses_the_link_and_not_our_time() {
    let dial = DialConfig { write_timeout_ms: 100, ..DialConfig::default() };
    let (mut line, _server) = connected(TransportConfig { dial, ..TransportConfig::default() }).await;
    let too_much = vec![0; 64 << 20];
    let stuck = timeout(Duration::from_secs(10), line.write_all(&too_much)).await.expect("the time-out holds");
    assert_eq!(stuck.unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    assert!(line.is_poisoned());
    assert!(line.settle().await.is_err(), "a frame that went out in part can't be drained away");
    assert!(line.write_all(b"x").await.is_err());
}

#[tokio::test]
async fn draining_ends_when_the_line_is_quiet_and_at_its_limit() {
    let (mut line, mut server) = connected(TransportConfig::default()).await;
    server.write_all(&[0x55; 3000]).await.unwrap();
    let dropped = line.drain(Duration::from_millis(50), Duration::from_secs(10)).await.unwrap();
    assert_eq!(dropped, 3000);
    let flood = async {
        loop {
            if server.write_all(&[0x55; 100]).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        drained = timeout(Duration::from_secs(10), line.drain(Duration::from_secs(1), Duration::from_millis(100))) => {
            assert!(drained.expect("a flood does not hold us").unwrap() > 0);
        }
        () = flood => panic!("the line is open"),
    }
}

#[tokio::test]
async fn a_refused_connection_names_the_peer_and_what_to_check() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap();
    drop(server);
    let transport = Transport::new(TransportConfig::default(), TransportMetrics::unregistered());
    let refused = transport.open(&endpoint(to), fast()).await.unwrap_err();
    assert!(matches!(refused, OpenError::Connect { .. }), "{refused:?}");
    assert!(refused.to_string().starts_with(&format!("can't connect to {to}; check")), "{refused}");
}

#[tokio::test]
async fn the_speed_behind_a_socket_is_not_ours_to_change() {
    let (mut line, _server) = connected(TransportConfig::default()).await;
    line.set_line(fast()).expect("what is in force may be asked for");
    let other = LineSettings::new(9600, 8, Parity::Even).unwrap();
    assert_eq!(line.set_line(other).unwrap_err().kind(), std::io::ErrorKind::Unsupported);
    assert_eq!(line.settings(), fast());
}

#[tokio::test]
async fn links_and_their_bytes_are_counted_and_a_closed_link_is_open_no_more() {
    let registry = prometheus::Registry::new();
    let metrics = TransportMetrics::new(&registry).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let transport = Transport::new(TransportConfig::default(), metrics);
    let mut line = transport.open(&endpoint(server.local_addr().unwrap()), fast()).await.unwrap();
    line.write_all(b"12345").await.unwrap();
    let text =
        |registry: &prometheus::Registry| prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    let open = text(&registry);
    assert!(open.contains("hes_transport_links{medium=\"dial\"} 1"), "{open}");
    assert!(open.contains("hes_transport_bytes_total{direction=\"out\",medium=\"dial\"} 5"), "{open}");
    line.close().await;
    let closed = text(&registry);
    assert!(closed.contains("hes_transport_links{medium=\"dial\"} 0"), "{closed}");
    assert!(closed.contains("hes_transport_opens_total{medium=\"dial\"} 1"), "{closed}");
}
