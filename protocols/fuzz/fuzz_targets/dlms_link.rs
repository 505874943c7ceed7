//! Whatever a line brings, both ends of a link keep no more than their bound, and an answer comes only to a question.
#![no_main]

use std::time::{Duration, Instant};

use hes_dlms::hdlc::link::{Client, ClientEvent, Server, ServerEvent, Settings};
use hes_dlms::hdlc::{Address, Control, Frame};
use libfuzzer_sys::fuzz_target;

const BOUND: usize = 64;

fuzz_target!(|frames: Vec<(u8, bool, u8, Vec<u8>)>| {
    let (own, peer) = (Address::client(16).expect("a client"), Address::server(1, 17).expect("a server"));
    let mut client = Client::new(Settings { max_apdu_octets: BOUND, ..Settings::client(own, peer) });
    let mut server = Server::new(Settings { max_apdu_octets: BOUND, ..Settings::server(peer) });
    let mut now = Instant::now();
    let mut asked = 0_usize;
    client.open(now);
    for (control, segmented, act, information) in frames {
        let information = &information[..information.len().min(200)];
        let control = Control::from_octet(control);
        let frame = Frame { segmented, destination: own, source: peer, control, information };
        client.receive(&frame, now);
        server.receive(&Frame { destination: peer, source: own, ..frame }, now);
        match act % 5 {
            0 => asked += usize::from(client.send(&[1, 2, 3], now).is_ok()),
            1 => client.handle_timeout(now),
            2 => drop(server.answer(&[4; 300])),
            3 => server.keep_waiting(),
            _ => now += Duration::from_secs(u64::from(act)),
        }
        let _sent = (client.transmission(), server.transmission());
        while let Some(event) = client.poll_event() {
            if let ClientEvent::Answer(apdu) = event {
                assert!(apdu.len() <= BOUND);
                asked = asked.checked_sub(1).expect("an answer without a question");
            }
        }
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Request(apdu) = event {
                assert!(apdu.len() <= BOUND);
            }
        }
    }
});
