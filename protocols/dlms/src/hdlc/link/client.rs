//! The end that polls.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::incoming::{Incoming, Taken};
use super::outgoing::Outgoing;
use super::{Closed, NotNow, Settings};
use crate::hdlc::{Assembly, Control, Frame, Kind, Llc, Parameters};

/// What has happened on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// It is open, with these sizes and windows.
    Opened(Parameters),
    /// The answer to what was sent.
    Answer(Vec<u8>),
    /// An APDU outside of the numbering, as pushes come.
    Unnumbered(Vec<u8>),
    /// It is not open any more, or never was.
    Closed(Closed),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    /// SNRM is out.
    Opening,
    /// Nothing is asked.
    Ready,
    /// A poll is out.
    Polled,
    /// The server is busy; it is polled again when the time comes.
    Pausing,
    /// DISC is out.
    Closing,
}

/// A client's end of a link to one server.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    state: State,
    outgoing: Outgoing,
    incoming: Incoming,
    unnumbered: Assembly,
    /// When what is out counts as lost, or the pause is over.
    timer: Option<Instant>,
    /// When the answer in all is given up.
    deadline: Option<Instant>,
    tries: u8,
    transmit: Vec<u8>,
    events: VecDeque<ClientEvent>,
}

impl Client {
    /// A link that is not open yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: State::Closed,
            outgoing: Outgoing::new(&Parameters::default()),
            incoming: Incoming::new(settings.max_apdu_octets),
            unnumbered: Assembly::new(settings.max_apdu_octets),
            timer: None,
            deadline: None,
            tries: 0,
            transmit: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// Opens the link; one that is open begins anew.
    pub fn open(&mut self, now: Instant) {
        self.state = State::Opening;
        self.tries = 0;
        self.deadline = None;
        self.send_open(now);
    }

    /// Sends an APDU. It is this end's turn only when the last one has been answered.
    pub fn send(&mut self, apdu: &[u8], now: Instant) -> Result<(), NotNow> {
        match self.state {
            State::Ready => {}
            State::Closed | State::Opening | State::Closing => return Err(NotNow::Closed),
            State::Polled | State::Pausing => return Err(NotNow::NotOurTurn),
        }
        self.outgoing.load(Llc::Command, apdu);
        self.tries = 0;
        self.deadline = Some(now + self.settings.answer_timeout);
        self.turn(now);
        Ok(())
    }

    /// Sends an APDU that nothing answers, outside of the numbering and in one frame: UI.
    pub fn send_unnumbered(&mut self, apdu: &[u8]) {
        let information = [&Llc::Command.octets(), apdu].concat();
        let control = Control { kind: Kind::UnnumberedInformation, poll_final: false };
        self.transmit(control, false, &information);
    }

    /// Closes the link, whatever is out.
    pub fn close(&mut self, now: Instant) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closing;
        self.tries = 0;
        self.send_close(now);
    }

    /// Takes a frame that was heard. Those of others, and those that do not fit, are ignored: timers repair.
    pub fn receive(&mut self, frame: &Frame<'_>, now: Instant) {
        if frame.source != self.settings.peer || frame.destination != self.settings.own {
            return;
        }
        if frame.control.kind == Kind::UnnumberedInformation {
            if let Ok(Some(apdu)) = self.unnumbered.push(frame) {
                self.events.push_back(ClientEvent::Unnumbered(apdu.to_vec()));
            }
            return;
        }
        match (self.state, frame.control.kind) {
            (State::Opening, Kind::UnnumberedAcknowledge) => self.opened(frame),
            (State::Closing, Kind::UnnumberedAcknowledge | Kind::DisconnectedMode) => self.closed(Closed::InOrder),
            (State::Opening | State::Ready | State::Polled | State::Pausing, Kind::DisconnectedMode) => {
                self.closed(Closed::Disconnected);
            }
            (State::Opening | State::Ready | State::Polled | State::Pausing, Kind::FrameReject) => {
                self.closed(Closed::Rejected);
            }
            (State::Polled, kind) => self.numbered(kind, frame, now),
            _ => {}
        }
    }

    fn opened(&mut self, frame: &Frame<'_>) {
        let agreed = self.settings.parameters.agreed(&Parameters::parse(frame.information));
        self.outgoing = Outgoing::new(&agreed);
        self.incoming = Incoming::new(self.settings.max_apdu_octets);
        self.ready();
        self.events.push_back(ClientEvent::Opened(agreed));
    }

    fn numbered(&mut self, kind: Kind, frame: &Frame<'_>, now: Instant) {
        let receive = match kind {
            Kind::Information { receive, .. } | Kind::ReceiveReady { receive } | Kind::ReceiveNotReady { receive } => {
                receive
            }
            _ => return,
        };
        let mut progress = match self.outgoing.acknowledge(receive) {
            Ok(progress) => progress,
            Err(_) => return self.closed(Closed::OutOfStep),
        };
        let mut answered = false;
        if let Kind::Information { send, .. } = kind {
            match self.incoming.take(send, frame) {
                Ok(Taken::OutOfOrder) => {}
                Ok(Taken::Segment) => progress = true,
                Ok(Taken::Apdu(apdu)) => {
                    (progress, answered) = (true, true);
                    self.events.push_back(ClientEvent::Answer(apdu));
                }
                Err(_) => return self.closed(Closed::TooLong),
            }
        }
        if progress {
            self.tries = 0;
        }
        if answered {
            // An answer says that the whole request has arrived, whatever its N(R) said.
            return self.ready();
        }
        if !frame.control.poll_final {
            self.timer = Some(now + self.settings.patience);
            return;
        }
        match kind {
            // The server is polled again when it has had time.
            Kind::ReceiveNotReady { .. } => self.pause(now),
            Kind::ReceiveReady { .. } if self.outgoing.is_idle() => self.pause(now),
            _ if progress => {
                self.outgoing.rewind();
                self.turn(now);
            }
            // Nothing new: what this end sent, or what it waits for, was lost.
            _ => self.repeat(now),
        }
    }

    /// What to do when the time of [`Client::timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            return self.closed(Closed::NoAnswer);
        }
        if self.timer.is_none_or(|timer| now < timer) {
            return;
        }
        match self.state {
            State::Closed | State::Ready => self.timer = None,
            State::Pausing => self.poll(now),
            State::Opening | State::Polled | State::Closing => self.repeat(now),
        }
    }

    /// When [`Client::handle_timeout`] wants to be called.
    pub fn timeout(&self) -> Option<Instant> {
        match (self.timer, self.deadline) {
            (Some(timer), Some(deadline)) => Some(timer.min(deadline)),
            (timer, deadline) => timer.or(deadline),
        }
    }

    /// Frames to send now, flags included, one after the other; empty for nothing.
    pub fn transmission(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transmit)
    }

    /// What has happened, oldest first.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Whether an APDU may be sent now.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    fn repeat(&mut self, now: Instant) {
        if self.tries >= self.settings.retries {
            return self.closed(Closed::NoAnswer);
        }
        self.tries += 1;
        match self.state {
            State::Opening => self.send_open(now),
            State::Closing => self.send_close(now),
            _ => {
                self.outgoing.rewind();
                self.turn(now);
            }
        }
    }

    /// Sends segments where there are any, else polls for the answer.
    fn turn(&mut self, now: Instant) {
        let receive = self.incoming.expected();
        let (own, peer) = (self.settings.own, self.settings.peer);
        let mut frames = Vec::new();
        self.outgoing.turn(|segment| {
            let kind = Kind::Information { send: segment.number, receive };
            let control = Control { kind, poll_final: segment.ends_turn };
            let information = segment.information;
            let frame = Frame { segmented: segment.segmented, destination: peer, source: own, control, information };
            // A segment is never longer than agreed, and what is agreed fits into a frame.
            let fits = frame.encode(&mut frames);
            debug_assert!(fits.is_ok(), "a segment fits into a frame");
        });
        if frames.is_empty() {
            return self.poll(now);
        }
        self.transmit.append(&mut frames);
        self.wait(State::Polled, now, self.settings.patience);
    }

    fn poll(&mut self, now: Instant) {
        let kind = Kind::ReceiveReady { receive: self.incoming.expected() };
        self.transmit(Control::polling(kind), false, &[]);
        self.wait(State::Polled, now, self.settings.patience);
    }

    fn pause(&mut self, now: Instant) {
        self.wait(State::Pausing, now, self.settings.busy_pause);
    }

    fn send_open(&mut self, now: Instant) {
        let mut information = Vec::new();
        // What is the default needs no words; some meters know none.
        if self.settings.parameters != Parameters::default() {
            self.settings.parameters.encode(&mut information);
        }
        self.transmit(Control::polling(Kind::SetNormalResponseMode), false, &information);
        self.wait(State::Opening, now, self.settings.patience);
    }

    fn send_close(&mut self, now: Instant) {
        self.transmit(Control::polling(Kind::Disconnect), false, &[]);
        self.wait(State::Closing, now, self.settings.patience);
    }

    fn transmit(&mut self, control: Control, segmented: bool, information: &[u8]) {
        let (destination, source) = (self.settings.peer, self.settings.own);
        let frame = Frame { segmented, destination, source, control, information };
        // Only an unnumbered APDU of a caller can be too long: it is not sent.
        let _fits = frame.encode(&mut self.transmit);
    }

    fn wait(&mut self, state: State, now: Instant, time: Duration) {
        self.state = state;
        self.timer = Some(now + time);
    }

    fn ready(&mut self) {
        self.state = State::Ready;
        (self.timer, self.deadline, self.tries) = (None, None, 0);
    }

    fn closed(&mut self, why: Closed) {
        self.state = State::Closed;
        (self.timer, self.deadline) = (None, None);
        self.events.push_back(ClientEvent::Closed(why));
    }
}
