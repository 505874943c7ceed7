//! Some meters on one line: who hears a question, who answers, and what the line makes of it.
//!
//! No I/O: a question goes in, bursts of bytes with their delays come out. `session` gives them their time on the wire.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hes_wire::Framing;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::civil::Civil;
use crate::clock::SimClock;
use crate::config::{LineConfig, Timing};
use crate::fault::{self, Burst, Fault, FaultConfig};
use crate::meter::Meter;
use crate::protocol::{Device, Protocol, Question, Reply};
use crate::seed::{about, draw, mix};
use crate::truth::{Counts, Hex, Ledger, Sent};
use crate::wire::{Caller, Spoken, Wire};

/// A line with its meters.
#[derive(Debug)]
pub struct Bus {
    pub(crate) name: String,
    pub(crate) area: String,
    pub(crate) line: LineConfig,
    seed: u64,
    clock: Arc<SimClock>,
    protocol: Protocol,
    hung_up: Notify,
    state: Mutex<State>,
    /// Taken after `state`, never before it.
    wire: Mutex<Wire>,
}

#[derive(Debug)]
struct State {
    seats: Vec<Seat>,
    faults: FaultConfig,
    dead: bool,
    scripts: HashMap<u64, VecDeque<Option<Fault>>>,
    /// Meters that another one takes the place of, and when.
    replacements: Vec<(u64, Civil)>,
    /// An answer that waits for the next question.
    held: Option<Held>,
    ledger: Ledger,
    wire: Vec<WireEntry>,
}

/// A device on the line.
#[derive(Debug)]
struct Seat {
    device: Device,
    silent: bool,
    /// Bits a second at which it listens.
    baud: u32,
    answers: u32,
}

/// The times of one exchange on the wire, in microseconds: what a perfect master could not have saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct WireEntry {
    /// The question's bytes.
    pub request_us: u64,
    /// From the question's last byte to the answer's first; 0 when nobody answered.
    pub turnaround_us: u64,
    /// The answer's bytes.
    pub answer_us: u64,
}

/// How a question reached the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hearing {
    pub(crate) caller: Caller,
    /// Bits a second.
    pub(crate) baud: u32,
    pub(crate) now: Instant,
}

/// An answer stuck in somebody's buffer.
#[derive(Debug)]
struct Held {
    /// Who gets it with his next question.
    caller: Caller,
    until: Instant,
    bytes: Vec<u8>,
}

/// How long an answer can be stuck.
const HELD_AT_MOST: Duration = Duration::from_secs(5);

/// One answer on its way out.
#[derive(Debug, Clone, Copy)]
struct Answering<'a> {
    seat: usize,
    reply: &'a Reply,
    question: &'a Question<'a>,
    hearing: Hearing,
    /// The question's bytes.
    raw: &'a [u8],
    /// What every draw about this answer begins with.
    chance: u64,
    now: Civil,
}

impl Bus {
    pub(crate) fn new(
        name: String,
        area: String,
        line: LineConfig,
        faults: FaultConfig,
        seed: u64,
        clock: Arc<SimClock>,
        protocol: Protocol,
    ) -> Self {
        let state = State {
            seats: Vec::new(),
            faults,
            dead: false,
            scripts: HashMap::new(),
            replacements: Vec::new(),
            held: None,
            ledger: Ledger::default(),
            wire: Vec::new(),
        };
        Self {
            seed: mix(seed, about::FAULT),
            name,
            area,
            line,
            clock,
            protocol,
            hung_up: Notify::new(),
            state: Mutex::new(state),
            wire: Mutex::new(Wire::new(line.timing)),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Code of the area it serves.
    pub fn area(&self) -> &str {
        &self.area
    }

    pub(crate) fn add(&self, device: Device, silent: bool) {
        let baud = self.line.baud;
        self.lock().seats.push(Seat { device, silent, baud, answers: 0 });
    }

    /// Puts another meter in a meter's place, under its address, when the time has come.
    pub(crate) fn replace_at(&self, address: u64, at: Civil) {
        self.lock().replacements.push((address, at));
    }

    pub(crate) fn keep_log(&self, answers: usize) {
        self.lock().ledger = Ledger::keeping(answers);
    }

    /// Counts since the start.
    pub fn counts(&self) -> Counts {
        self.lock().ledger.counts.clone()
    }

    /// Remembered answers with a number above `after`.
    pub fn sent(&self, after: u64) -> Vec<Sent> {
        self.lock().ledger.after(after).cloned().collect()
    }

    /// The wire log so far, if it is kept.
    pub fn wire(&self) -> Vec<WireEntry> {
        self.lock().wire.clone()
    }

    pub(crate) fn log_wire(&self, entry: WireEntry) {
        if self.line.wire_log {
            self.lock().wire.push(entry);
        }
    }

    /// Makes the whole channel dead, or brings it back.
    pub fn set_dead(&self, dead: bool) {
        let mut state = self.lock();
        state.dead = dead;
        state.held = None;
    }

    /// Cuts the calls that are up now. A port of this machine cannot be hung up.
    pub fn hang_up(&self) {
        self.hung_up.notify_waiters();
    }

    /// Waits until the calls are cut.
    pub(crate) async fn hung_up(&self) {
        self.hung_up.notified().await;
    }

    /// Whether nothing on it answers.
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Changes the rates of faults.
    pub fn set_faults(&self, faults: FaultConfig) {
        self.lock().faults = faults;
    }

    /// Puts faults on a meter's list, each for one of its next answers, before any rate is drawn. `None` lets one pass.
    pub fn script<F: Into<Option<Fault>>>(&self, address: u64, faults: impl IntoIterator<Item = F>) {
        self.lock().scripts.entry(address).or_default().extend(faults.into_iter().map(Into::into));
    }

    /// Makes a meter dead, or brings it back. `false`: it is not on this line.
    pub fn set_silent(&self, address: u64, silent: bool) -> bool {
        self.with_seats(address, |seat| seat.silent = silent)
    }

    /// Lets a meter listen and answer at this speed. `false`: it is not on this line.
    pub fn set_baud(&self, address: u64, baud: u32) -> bool {
        self.with_seats(address, |seat| seat.baud = baud)
    }

    fn with_seats(&self, address: u64, mut act: impl FnMut(&mut Seat)) -> bool {
        let mut state = self.lock();
        let mut found = false;
        for seat in state.seats.iter_mut().filter(|seat| seat.device.address() == address) {
            act(seat);
            found = true;
        }
        found
    }

    /// Does something with a meter on this line; `None` when it is not here.
    pub fn with_meter<R>(&self, address: u64, act: impl FnOnce(&mut Meter, Civil) -> R) -> Option<R> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.replace_due(now);
        let seat = state.seats.iter_mut().find(|seat| seat.device.address() == address)?;
        Some(act(seat.device.meter_mut()?, now))
    }

    /// Looks at every meter.
    pub fn for_each_meter(&self, see: impl FnMut(&Meter)) {
        let mut state = self.lock();
        state.replace_due(self.clock.now());
        state.seats.iter().filter_map(|seat| seat.device.meter()).for_each(see);
    }

    pub(crate) fn meter_count(&self) -> usize {
        self.lock().seats.len()
    }

    pub(crate) fn first_address(&self) -> Option<u64> {
        self.lock().seats.first().map(|seat| seat.device.address())
    }

    /// What its first device says unasked, to say who is there.
    pub(crate) fn announcement(&self) -> Vec<u8> {
        self.lock().seats.first().map(|seat| seat.device.announcement()).unwrap_or_default()
    }

    pub(crate) fn framing(&self) -> &'static dyn Framing {
        self.protocol.framing()
    }

    /// Does something with the wire.
    pub(crate) fn on_wire<R>(&self, act: impl FnOnce(&mut Wire) -> R) -> R {
        act(&mut self.wire.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A caller has gone, and what waited for him with him.
    pub(crate) fn leave(&self, caller: Caller) {
        self.lock().held.take_if(|held| held.caller == caller);
        self.on_wire(|wire| wire.leave(caller));
    }

    /// The speed of a question, where the port's may be known.
    pub(crate) fn speed(&self, port: Option<u32>) -> u32 {
        port.filter(|_| self.line.honour_speed).unwrap_or(self.line.baud)
    }

    /// Whether what is sent comes back.
    pub(crate) fn echoes(&self) -> bool {
        self.line.echo && !self.is_dead()
    }

    pub(crate) fn talked_over(&self) {
        self.lock().ledger.counts.talked_over += 1;
    }

    pub(crate) fn collided(&self) {
        self.lock().ledger.counts.collisions += 1;
    }

    pub(crate) fn stray(&self, bytes: usize) {
        self.lock().ledger.counts.stray_bytes += bytes as u64;
    }

    /// A whole frame was heard. What is answered; `None`: it asked nothing.
    pub(crate) fn hear(&self, frame: &[u8], hearing: Hearing) -> Option<Spoken> {
        let question = self.protocol.question(frame)?;
        let now = self.clock.now();
        let mut state = self.lock();
        state.ledger.counts.questions += 1;
        state.replace_due(now);
        if state.dead {
            state.ledger.counts.unanswered += 1;
            return Some(Spoken::default());
        }
        let held = state.held.take().filter(|held| held.caller == hearing.caller && hearing.now < held.until);
        let replies = self.replies(&mut state, &question, hearing.baud, now);
        let mut spoken = match replies.as_slice() {
            [] => {
                state.ledger.counts.unanswered += 1;
                Spoken { baud: self.line.baud, ..Spoken::default() }
            }
            [(seat, reply)] => {
                let answering =
                    Answering { seat: *seat, reply, question: &question, hearing, raw: frame, chance: 0, now };
                self.send(&mut state, answering)
            }
            several => {
                state.ledger.counts.collisions += 1;
                let bytes = collide(several.iter().map(|(_, reply)| reply.bytes.as_slice()));
                let turnaround = self.turnaround(0, state.ledger.counts.collisions);
                Spoken { turnaround, baud: hearing.baud, bursts: vec![Burst::now(bytes)] }
            }
        };
        spoken.bursts.splice(0..0, held.map(|held| Burst::now(held.bytes)));
        Some(spoken)
    }

    fn replies(&self, state: &mut State, question: &Question<'_>, baud: u32, now: Civil) -> Vec<(usize, Reply)> {
        let listening = state.seats.iter_mut().enumerate().filter(|(_, seat)| !seat.silent && seat.baud == baud);
        listening
            .filter_map(|(n, seat)| {
                let wake_bytes = self.wake_bytes(&seat.device);
                let reply = seat.device.answer(question, wake_bytes, now)?;
                seat.baud = reply.then_baud.unwrap_or(seat.baud);
                Some((n, reply))
            })
            .collect()
    }

    fn wake_bytes(&self, device: &Device) -> usize {
        let drawn = || usize::try_from(draw(self.seed, about::WAKE ^ device.address(), 5)).unwrap_or(0);
        self.line.answer_wake_bytes.map_or_else(drawn, usize::from)
    }

    /// How long a meter thinks before its `n`-th answer: between what it usually takes and the line's bounds.
    fn turnaround(&self, address: u64, n: u64) -> Duration {
        if self.line.timing == Timing::Instant {
            return Duration::ZERO;
        }
        let [least, most] = self.line.turnaround_ms.bounds().map(|ms| ms * 1000);
        let within = most.saturating_sub(least) + 1;
        let usual = draw(self.seed, about::TURNAROUND ^ address, within);
        let this = draw(self.seed ^ address, about::TURNAROUND ^ n, within);
        Duration::from_micros(least + usual.midpoint(this))
    }

    /// Sends an answer through whatever fault strikes it.
    fn send(&self, state: &mut State, answering: Answering<'_>) -> Spoken {
        let Answering { seat, reply, question, hearing, now, .. } = answering;
        let Some(Seat { answers, device, .. }) = state.seats.get_mut(seat) else { return Spoken::default() };
        *answers += 1;
        let (n, address) = (u64::from(*answers), device.address());
        let answering = Answering { chance: mix(self.seed ^ address, n), ..answering };
        let scripted = state.scripts.get_mut(&address).and_then(VecDeque::pop_front);
        let fault = scripted.unwrap_or_else(|| state.faults.draw(self.seed ^ address, n));
        // A fault may have no meaning for an answer; then it is sent as it should be.
        let struck = fault.and_then(|fault| Some((fault, self.strike(state, fault, answering)?)));
        let (fault, bursts) = match struck {
            Some((fault, bursts)) => (Some(fault), bursts),
            None => (None, vec![Burst::now(reply.bytes.clone())]),
        };
        state.ledger.sent(fault, |number| Sent {
            number,
            at: now,
            meter: format!("{address:012}"),
            control: question.code(),
            asked: Hex(question.data().to_vec()),
            fault,
            right: Hex(reply.bytes.clone()),
            sent: Hex(bursts.iter().flat_map(|burst| burst.bytes.iter().copied()).collect()),
        });
        // It answers at the speed at which it was asked, whatever it was told.
        Spoken { turnaround: self.turnaround(address, n), baud: hearing.baud, bursts }
    }

    /// What a fault makes of an answer; `None` where it has no meaning for this one.
    fn strike(&self, state: &mut State, fault: Fault, answering: Answering<'_>) -> Option<Vec<Burst>> {
        let Answering { seat, reply, question, hearing, raw, chance, now } = answering;
        let good = || reply.bytes.clone();
        let whole = |bytes: Vec<u8>| Some(vec![Burst::now(bytes)]);
        match fault {
            Fault::Silent => Some(Vec::new()),
            Fault::Late => Some(vec![Burst::after(Duration::from_millis(state.faults.late_ms), good())]),
            Fault::DamagedByte => whole(fault::damage_byte(reply, chance)),
            Fault::DamagedSum => whole(fault::damage_sum(reply, chance)),
            Fault::Compensated => whole(state.seats.get(seat)?.device.compensated(question, reply, chance)?),
            Fault::WrongAddress => whole(state.seats.get(seat)?.device.wrong_address(reply, chance)?),
            Fault::WrongItem => whole(state.seats.get(seat)?.device.wrong_item(question, reply, chance, now)?),
            Fault::OtherMeter => whole(self.other_meter(state, answering)?.bytes),
            Fault::ToNextQuestion => {
                let until = hearing.now + HELD_AT_MOST;
                state.held = Some(Held { caller: hearing.caller, until, bytes: good() });
                Some(Vec::new())
            }
            Fault::Echo => Some(vec![Burst::echo(raw.to_vec()), Burst::now(good())]),
            Fault::Doubled68 => whole(fault::double_start(reply)),
            Fault::Split => {
                let [first, second] = fault::split(reply, chance);
                let pause = Duration::from_millis(state.faults.split_ms);
                Some(vec![Burst::now(first), Burst::after(pause, second)])
            }
            Fault::Merged => whole([good(), good()].concat()),
            Fault::Noise => {
                let stray = |label| fault::stray(reply, chance, label);
                whole([stray(1 << 32), good(), stray(1 << 33)].concat())
            }
        }
    }

    /// The same question answered by somebody else.
    fn other_meter(&self, state: &mut State, answering: Answering<'_>) -> Option<Reply> {
        let Answering { seat, question, chance, now, .. } = answering;
        let asked = &state.seats.get(seat)?.device;
        let like = |n: &usize| state.seats.get(*n).is_some_and(|s| !s.silent && s.device.is_like(asked));
        let others: Vec<usize> = (0..state.seats.len()).filter(|n| *n != seat).filter(like).collect();
        let other = *others.get(usize::try_from(draw(chance, 5, others.len() as u64)).unwrap_or(0))?;
        let device = &mut state.seats.get_mut(other)?.device;
        let wake_bytes = self.wake_bytes(device);
        device.answer_for_another(question, wake_bytes, now)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Carries out the replacements whose time has come.
    fn replace_due(&mut self, now: Civil) {
        let due = self.replacements.extract_if(.., |(_, at)| *at <= now);
        for (address, at) in due {
            let seats = self.seats.iter_mut().filter(|seat| seat.device.address() == address);
            for meter in seats.filter_map(|seat| seat.device.meter_mut()) {
                meter.replace(address, at);
            }
        }
    }
}

/// What a line carries when several drive it: a 0 wins over a 1.
fn collide<'a>(frames: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    frames.fold(Vec::new(), |mut line, frame| {
        for (i, byte) in frame.iter().enumerate() {
            match line.get_mut(i) {
                Some(level) => *level &= byte,
                None => line.push(*byte),
            }
        }
        line
    })
}
