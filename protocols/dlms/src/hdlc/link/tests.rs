//! Both ends joined by a line that loses and doubles frames, on a clock that is turned by hand.

use std::time::{Duration, Instant};

use hes_wire::{Framing, Scan};
use proptest::prelude::*;

use super::{Client, ClientEvent, Closed, Server, ServerEvent, Settings};
use crate::hdlc::{Address, Frame, Hdlc, Parameters};

/// What the line does to a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Arrives,
    IsLost,
    ArrivesTwice,
}

struct World {
    client: Client,
    server: Server,
    now: Instant,
    fates: Box<dyn Iterator<Item = Fate>>,
    answers: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
    closed: Option<Closed>,
    /// Most octets of information in a frame, and most frames in one go, of either side.
    longest: usize,
    busiest: usize,
    /// The server answers only when it is polled again.
    slow: bool,
}

impl World {
    fn new(ours: Parameters, theirs: Parameters, fates: impl Iterator<Item = Fate> + 'static) -> Self {
        let (own, peer) = (Address::client(16).unwrap(), Address::server(1, 17).unwrap());
        // Patient enough for whatever the line may lose in a row.
        let answer_timeout = Duration::from_secs(3_600);
        let client = Settings { parameters: ours, retries: 200, answer_timeout, ..Settings::client(own, peer) };
        Self {
            client: Client::new(client),
            server: Server::new(Settings { parameters: theirs, ..Settings::server(peer) }),
            now: Instant::now(),
            fates: Box::new(fates),
            answers: Vec::new(),
            requests: Vec::new(),
            closed: None,
            longest: 0,
            busiest: 0,
            slow: false,
        }
    }

    /// The frames of a transmission as they arrive.
    fn carry(&mut self, mut bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let (mut frames, mut sent) = (Vec::new(), 0);
        while let Scan::Frame(range) = Hdlc.scan(&bytes) {
            let frame = bytes[range.clone()].to_vec();
            bytes.drain(..range.end);
            sent += 1;
            self.longest = self.longest.max(Frame::parse_next(&frame).unwrap().0.information.len());
            match self.fates.next().unwrap_or(Fate::Arrives) {
                Fate::Arrives => frames.push(frame),
                Fate::IsLost => {}
                Fate::ArrivesTwice => frames.extend([frame.clone(), frame]),
            }
        }
        assert!(bytes.is_empty(), "only whole frames are sent");
        self.busiest = self.busiest.max(sent);
        frames
    }

    /// Lets things happen until neither side has anything to do but wait.
    fn settle(&mut self) {
        loop {
            let transmission = self.client.transmission();
            for frame in self.carry(transmission) {
                self.server.receive(&Frame::parse_next(&frame).unwrap().0, self.now);
            }
            while let Some(event) = self.server.poll_event() {
                if let ServerEvent::Request(apdu) = event {
                    if self.slow {
                        self.server.keep_waiting();
                    }
                    let answer: Vec<u8> = apdu.iter().rev().copied().collect();
                    self.requests.push(apdu);
                    self.server.answer(&answer).unwrap();
                }
            }
            let transmission = self.server.transmission();
            if transmission.is_empty() {
                break;
            }
            for frame in self.carry(transmission) {
                self.client.receive(&Frame::parse_next(&frame).unwrap().0, self.now);
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Answer(apdu) => self.answers.push(apdu),
                    ClientEvent::Closed(why) => self.closed = Some(why),
                    ClientEvent::Opened(_) | ClientEvent::Unnumbered(_) => {}
                }
            }
        }
    }

    /// Turns the clock until the client waits for nothing.
    fn run(&mut self) {
        self.settle();
        while let Some(at) = self.client.timeout() {
            assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.client.handle_timeout(self.now);
            if let Some(ClientEvent::Closed(why)) = self.client.poll_event() {
                self.closed = Some(why);
            }
            self.settle();
        }
    }

    fn open(&mut self) {
        self.client.open(self.now);
        self.run();
    }
}

fn parameters(max_info: u16, window: u8) -> Parameters {
    Parameters { max_info_tx: max_info, max_info_rx: max_info, window_tx: window, window_rx: window }
}

fn any_parameters() -> impl Strategy<Value = Parameters> {
    (1..60_u16, 1..60_u16, 1..=7_u8, 1..=7_u8).prop_map(|(max_info_tx, max_info_rx, window_tx, window_rx)| Parameters {
        max_info_tx,
        max_info_rx,
        window_tx,
        window_rx,
    })
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![8 => Just(Fate::Arrives), 1 => Just(Fate::IsLost), 1 => Just(Fate::ArrivesTwice)]
}

#[test]
fn long_apdus_are_cut_to_what_was_agreed_and_put_together() {
    let mut world = World::new(parameters(50, 3), parameters(20, 2), std::iter::empty());
    world.open();
    let apdu: Vec<u8> = (0..200).collect();
    world.client.send(&apdu, world.now).unwrap();
    world.run();
    assert_eq!(world.requests, [&apdu[..]]);
    assert_eq!(world.answers, [apdu.iter().rev().copied().collect::<Vec<_>>()]);
    // The longest is the UA, which says what is agreed.
    assert_eq!((world.longest.max(23), world.busiest), (23, 2));
}

#[test]
fn a_busy_server_is_polled_until_it_answers() {
    let mut world = World::new(parameters(50, 1), parameters(50, 1), std::iter::empty());
    world.slow = true;
    world.open();
    world.client.send(&[1, 2, 3], world.now).unwrap();
    world.run();
    assert_eq!(world.answers, [[3, 2, 1]]);
}

#[test]
fn a_server_that_is_gone_closes_the_link_after_the_last_repetition() {
    let lost = std::iter::repeat(Fate::IsLost);
    let mut world = World::new(Parameters::default(), Parameters::default(), lost);
    world.open();
    assert_eq!(world.closed, Some(Closed::NoAnswer));
}

#[test]
fn a_server_that_forgot_the_link_says_so_and_it_can_be_opened_again() {
    let mut world = World::new(Parameters::default(), Parameters::default(), std::iter::empty());
    world.open();
    world.server = Server::new(Settings::server(Address::server(1, 17).unwrap()));
    world.client.send(&[1], world.now).unwrap();
    world.run();
    assert_eq!(world.closed.take(), Some(Closed::Disconnected));
    world.open();
    world.client.send(&[1, 2], world.now).unwrap();
    world.run();
    assert_eq!((world.closed, world.answers), (None, vec![vec![2, 1]]));
}

#[test]
fn a_silent_client_loses_the_link() {
    let mut world = World::new(Parameters::default(), Parameters::default(), std::iter::empty());
    world.open();
    let end = world.server.timeout().unwrap();
    world.server.handle_timeout(end - Duration::from_millis(1));
    assert_eq!(world.server.poll_event(), None);
    world.server.handle_timeout(end);
    assert_eq!(world.server.poll_event(), Some(ServerEvent::Closed(Closed::NoAnswer)));
    assert_eq!(world.server.timeout(), None);
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_closes_the_link() {
    use crate::hdlc::{Control, Kind};
    let mut world = World::new(Parameters::default(), Parameters::default(), std::iter::empty());
    world.open();
    world.client.send(&[1], world.now).unwrap();
    let (source, destination) = (Address::server(1, 17).unwrap(), Address::client(16).unwrap());
    let control = Control::polling(Kind::ReceiveReady { receive: 5 });
    let frame = Frame { segmented: false, destination, source, control, information: &[] };
    world.client.receive(&frame, world.now);
    assert_eq!(world.client.poll_event(), Some(ClientEvent::Closed(Closed::OutOfStep)));
}

#[test]
fn a_push_comes_out_whole_at_any_time() {
    let mut world = World::new(Parameters::default(), parameters(10, 1), std::iter::empty());
    world.server.push(Address::client(16).unwrap(), &[7; 50]);
    let transmission = world.server.transmission();
    for frame in world.carry(transmission) {
        world.client.receive(&Frame::parse_next(&frame).unwrap().0, world.now);
    }
    assert_eq!(world.client.poll_event(), Some(ClientEvent::Unnumbered(vec![7; 50])));
}

proptest! {
    #[test]
    fn whatever_is_lost_or_doubled_every_apdu_arrives_once_and_in_order(
        ours in any_parameters(),
        theirs in any_parameters(),
        fates in prop::collection::vec(any_fate(), 0..200),
        slow: bool,
        apdus in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..150), 1..5),
    ) {
        let mut world = World::new(ours, theirs, fates.into_iter());
        world.slow = slow;
        world.open();
        for apdu in &apdus {
            prop_assert_eq!(world.closed, None);
            world.client.send(apdu, world.now).unwrap();
            world.run();
        }
        let answers: Vec<Vec<u8>> = apdus.iter().map(|apdu| apdu.iter().rev().copied().collect()).collect();
        prop_assert_eq!(&world.requests, &apdus);
        prop_assert_eq!(&world.answers, &answers);
        world.client.close(world.now);
        world.run();
        prop_assert_eq!(world.closed, Some(Closed::InOrder));
    }

    #[test]
    fn no_frames_panic_either_end(frames in prop::collection::vec((any::<u8>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..10)), 0..60)) {
        let mut world = World::new(Parameters::default(), Parameters::default(), std::iter::empty());
        world.client.open(world.now);
        for (control, segmented, information) in frames {
            use crate::hdlc::Control;
            let (own, peer) = (Address::client(16).unwrap(), Address::server(1, 17).unwrap());
            let control = Control::from_octet(control);
            let frame = Frame { segmented, destination: own, source: peer, control, information: &information };
            world.client.receive(&frame, world.now);
            let _refused = world.client.send(&information, world.now);
            world.server.receive(&Frame { destination: peer, source: own, ..frame }, world.now);
            let _refused = world.server.answer(&information);
            world.now += Duration::from_secs(1);
            world.client.handle_timeout(world.now);
        }
    }
}
