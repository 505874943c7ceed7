//! The end that answers when it is polled.

use std::collections::VecDeque;
use std::time::Instant;

use super::incoming::{Incoming, Taken};
use super::outgoing::Outgoing;
use super::{Closed, NotNow, Settings};
use crate::hdlc::{Address, Assembly, Control, Frame, Kind, Llc, Parameters};

/// What has happened on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerEvent {
    /// A client has opened it, with these sizes and windows. Whatever was before is over.
    Opened(Address, Parameters),
    /// A client asks; it is to be answered with [`Server::answer`].
    Request(Vec<u8>),
    /// An APDU outside of the numbering, which nothing answers.
    Unnumbered(Vec<u8>),
    /// It is not open any more.
    Closed(Closed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// A client sends, or may.
    Listening,
    /// A request is there and not answered.
    Answering,
}

/// A server's end of the link to one client at a time.
#[derive(Debug)]
pub struct Server {
    settings: Settings,
    state: State,
    client: Address,
    outgoing: Outgoing,
    incoming: Incoming,
    unnumbered: Assembly,
    /// The client waits: the turn is this end's.
    polled: bool,
    silent_since: Option<Instant>,
    transmit: Vec<u8>,
    events: VecDeque<ServerEvent>,
}

/// Reasons of FRMR, the last octet of its information, ISO/IEC 13239 clause 5.5.3.4.2.
const UNKNOWN_CONTROL: u8 = 0x01;
const WRONG_ACKNOWLEDGEMENT: u8 = 0x08;
const INFORMATION_TOO_LONG: u8 = 0x04;

impl Server {
    /// A link nobody has opened.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Closed,
            client: settings.peer,
            outgoing: Outgoing::new(&Parameters::default()),
            incoming: Incoming::new(settings.max_apdu_octets),
            unnumbered: Assembly::new(settings.max_apdu_octets),
            polled: false,
            silent_since: None,
            transmit: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a frame that was heard. Those for others are ignored, and nothing answers a broadcast.
    pub fn receive(&mut self, frame: &Frame<'_>, now: Instant) {
        let broadcast = frame.destination.is_broadcast();
        if frame.destination != self.settings.own && !broadcast {
            return;
        }
        if frame.control.kind == Kind::UnnumberedInformation {
            if let Ok(Some(apdu)) = self.unnumbered.push(frame) {
                self.events.push_back(ServerEvent::Unnumbered(apdu.to_vec()));
            }
            return;
        }
        // While one client has the link, another may only take it over.
        let foreign = self.state != State::Closed && frame.source != self.client;
        if broadcast || foreign && frame.control.kind != Kind::SetNormalResponseMode {
            return;
        }
        match (self.state, frame.control.kind) {
            (_, Kind::SetNormalResponseMode) => self.opened(frame),
            (State::Closed, _) => {
                self.client = frame.source;
                if frame.control.poll_final {
                    self.transmit(Control::polling(Kind::DisconnectedMode), &[]);
                }
                return;
            }
            (_, Kind::Disconnect) => {
                self.transmit(Control::polling(Kind::UnnumberedAcknowledge), &[]);
                self.closed(Closed::InOrder);
                return;
            }
            (_, kind) => self.numbered(kind, frame),
        }
        self.silent_since = (self.state != State::Closed).then_some(now);
    }

    fn opened(&mut self, frame: &Frame<'_>) {
        let agreed = self.settings.parameters.agreed(&Parameters::parse(frame.information));
        self.client = frame.source;
        self.outgoing = Outgoing::new(&agreed);
        self.incoming = Incoming::new(self.settings.max_apdu_octets);
        self.state = State::Listening;
        self.polled = false;
        let mut information = Vec::new();
        agreed.encode(&mut information);
        self.transmit(Control::polling(Kind::UnnumberedAcknowledge), &information);
        self.events.push_back(ServerEvent::Opened(frame.source, agreed));
    }

    fn numbered(&mut self, kind: Kind, frame: &Frame<'_>) {
        let receive = match kind {
            Kind::Information { receive, .. } | Kind::ReceiveReady { receive } | Kind::ReceiveNotReady { receive } => {
                receive
            }
            _ => return self.reject(frame, UNKNOWN_CONTROL),
        };
        if self.outgoing.acknowledge(receive).is_err() {
            return self.reject(frame, WRONG_ACKNOWLEDGEMENT);
        }
        if let Kind::Information { send, .. } = kind {
            match self.incoming.take(send, frame) {
                Ok(Taken::OutOfOrder | Taken::Segment) => {}
                Ok(Taken::Apdu(apdu)) => {
                    self.state = State::Answering;
                    self.events.push_back(ServerEvent::Request(apdu));
                }
                Err(_) => return self.reject(frame, INFORMATION_TOO_LONG),
            }
        }
        if !frame.control.poll_final {
            return;
        }
        self.polled = true;
        if let Kind::ReceiveNotReady { .. } = kind {
            return self.acknowledge();
        }
        self.outgoing.rewind();
        if !self.outgoing.is_idle() {
            self.turn();
        } else if self.state == State::Listening || matches!(kind, Kind::ReceiveReady { .. }) {
            self.acknowledge();
        }
    }

    /// Answers the request. A client that waits gets it now, one that does not when it polls.
    pub fn answer(&mut self, apdu: &[u8]) -> Result<(), NotNow> {
        match self.state {
            State::Closed => return Err(NotNow::Closed),
            State::Listening => return Err(NotNow::NotOurTurn),
            State::Answering => self.state = State::Listening,
        }
        self.outgoing.load(Llc::Response, apdu);
        if self.polled {
            self.turn();
        }
        Ok(())
    }

    /// The request is one that nothing answers: the link goes on without.
    pub fn answer_nothing(&mut self) {
        if self.state == State::Answering {
            self.state = State::Listening;
            if self.polled {
                self.acknowledge();
            }
        }
    }

    /// Tells a client that waits that the answer takes longer; it will poll for it.
    pub fn keep_waiting(&mut self) {
        if self.state == State::Answering && self.polled {
            self.acknowledge();
        }
    }

    /// Sends an APDU to a client outside of the numbering, in as many frames as it needs: a push.
    pub fn push(&mut self, client: Address, apdu: &[u8]) {
        let lsdu = [&Llc::Response.octets(), apdu].concat();
        let max_info = usize::from(self.settings.parameters.max_info_tx.max(1));
        let mut pieces = lsdu.chunks(max_info).peekable();
        while let Some(information) = pieces.next() {
            let segmented = pieces.peek().is_some();
            let control = Control { kind: Kind::UnnumberedInformation, poll_final: !segmented };
            let frame = Frame { segmented, destination: client, source: self.settings.own, control, information };
            let fits = frame.encode(&mut self.transmit);
            debug_assert!(fits.is_ok(), "what is configured fits into a frame");
        }
    }

    /// What to do when the time of [`Server::timeout`] has come: a silent client has lost the link.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.timeout().is_some_and(|end| now >= end) {
            self.closed(Closed::NoAnswer);
        }
    }

    /// When [`Server::handle_timeout`] wants to be called.
    pub fn timeout(&self) -> Option<Instant> {
        self.silent_since.map(|since| since + self.settings.patience)
    }

    /// Frames to send now, flags included, one after the other; empty for nothing.
    pub fn transmission(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transmit)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    fn turn(&mut self) {
        let receive = self.incoming.expected();
        let (own, client) = (self.settings.own, self.client);
        let transmit = &mut self.transmit;
        self.outgoing.turn(|segment| {
            let kind = Kind::Information { send: segment.number, receive };
            let control = Control { kind, poll_final: segment.ends_turn };
            let information = segment.information;
            let frame = Frame { segmented: segment.segmented, destination: client, source: own, control, information };
            let fits = frame.encode(transmit);
            debug_assert!(fits.is_ok(), "a segment fits into a frame");
        });
        self.polled = false;
    }

    fn acknowledge(&mut self) {
        let kind = Kind::ReceiveReady { receive: self.incoming.expected() };
        self.transmit(Control::polling(kind), &[]);
        self.polled = false;
    }

    fn reject(&mut self, frame: &Frame<'_>, reason: u8) {
        let numbers = self.incoming.expected() << 5 | self.outgoing.next() << 1;
        self.transmit(Control::polling(Kind::FrameReject), &[frame.control.octet(), numbers, reason]);
        self.closed(Closed::OutOfStep);
    }

    fn transmit(&mut self, control: Control, information: &[u8]) {
        let (destination, source) = (self.client, self.settings.own);
        let frame = Frame { segmented: false, destination, source, control, information };
        let fits = frame.encode(&mut self.transmit);
        debug_assert!(fits.is_ok(), "supervisory frames are short");
    }

    fn closed(&mut self, why: Closed) {
        self.state = State::Closed;
        self.silent_since = None;
        self.events.push_back(ServerEvent::Closed(why));
    }
}
