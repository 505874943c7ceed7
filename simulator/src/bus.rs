//! Some meters on one line: who hears a question, who answers, and what the line makes of it.
//!
//! No I/O: a question goes in, bursts of bytes with their delays come out. `session` gives them their time on the wire.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hes_dlt645::{Address, Direction, Frame};
use tokio::sync::Notify;

use crate::civil::Civil;
use crate::clock::SimClock;
use crate::config::LineConfig;
use crate::fault::{self, Burst, Fault, FaultConfig, Reply};
use crate::meter::{Addressed, Answer, Dialect, Meter, Question, Quirk};
use crate::seed::{about, draw, mix};
use crate::truth::{Counts, Hex, Ledger, Sent};

/// A line with its meters.
#[derive(Debug)]
pub struct Bus {
    pub(crate) name: String,
    pub(crate) area: String,
    pub(crate) line: LineConfig,
    seed: u64,
    clock: Arc<SimClock>,
    hung_up: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seats: Vec<Seat>,
    faults: FaultConfig,
    dead: bool,
    scripts: HashMap<u64, VecDeque<Fault>>,
    /// Meters that another one takes the place of, and when.
    replacements: Vec<(u64, Civil)>,
    /// Answers that wait for the next question.
    held: Vec<Vec<u8>>,
    ledger: Ledger,
    wire: Vec<WireEntry>,
}

/// A meter on the line.
#[derive(Debug)]
struct Seat {
    meter: Meter,
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

/// One answer on its way out.
#[derive(Debug, Clone, Copy)]
struct Answering<'a> {
    seat: usize,
    reply: &'a Reply,
    question: Question<'a>,
    /// The question's bytes.
    raw: &'a [u8],
    /// What every draw about this answer begins with.
    chance: u64,
    now: Civil,
}

/// Control codes of a read, in both editions.
const READ: [u8; 2] = [0x11, 0x01];
const READ_FOLLOW: u8 = 0x12;

impl Bus {
    pub(crate) fn new(
        name: String,
        area: String,
        line: LineConfig,
        faults: FaultConfig,
        seed: u64,
        clock: Arc<SimClock>,
    ) -> Self {
        let state = State {
            seats: Vec::new(),
            faults,
            dead: false,
            scripts: HashMap::new(),
            replacements: Vec::new(),
            held: Vec::new(),
            ledger: Ledger::default(),
            wire: Vec::new(),
        };
        Self {
            seed: mix(seed, about::FAULT),
            name,
            area,
            line,
            clock,
            hung_up: Notify::new(),
            state: Mutex::new(state),
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

    pub(crate) fn add(&self, meter: Meter, silent: bool) {
        let baud = self.line.baud;
        self.lock().seats.push(Seat { meter, silent, baud, answers: 0 });
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
        self.lock().dead = dead;
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

    /// Puts faults on a meter's list: each strikes one of its next answers, before any rate is drawn.
    pub fn script(&self, address: u64, faults: impl IntoIterator<Item = Fault>) {
        self.lock().scripts.entry(address).or_default().extend(faults);
    }

    /// Makes a meter dead, or brings it back. `false`: it is not on this line.
    pub fn set_silent(&self, address: u64, silent: bool) -> bool {
        let mut state = self.lock();
        let mut found = false;
        for seat in state.seats.iter_mut().filter(|seat| seat.meter.address() == address) {
            seat.silent = silent;
            found = true;
        }
        found
    }

    /// Does something with a meter on this line; `None` when it is not here.
    pub fn with_meter<R>(&self, address: u64, act: impl FnOnce(&mut Meter, Civil) -> R) -> Option<R> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.replace_due(now);
        let seat = state.seats.iter_mut().find(|seat| seat.meter.address() == address)?;
        Some(act(&mut seat.meter, now))
    }

    /// Looks at every meter.
    pub fn for_each_meter(&self, mut see: impl FnMut(&Meter)) {
        for seat in &self.lock().seats {
            see(&seat.meter);
        }
    }

    pub(crate) fn meter_count(&self) -> usize {
        self.lock().seats.len()
    }

    pub(crate) fn first_address(&self) -> Option<u64> {
        self.lock().seats.first().map(|seat| seat.meter.address())
    }

    pub(crate) fn talked_over(&self) {
        self.lock().ledger.counts.talked_over += 1;
    }

    pub(crate) fn stray(&self, bytes: usize) {
        self.lock().ledger.counts.stray_bytes += bytes as u64;
    }

    /// A whole frame was heard, sent at `baud` if that is known. What is answered, and when after the turnaround.
    pub(crate) fn hear(&self, frame: &Frame<'_>, raw: &[u8], baud: Option<u32>) -> Vec<Burst> {
        if frame.control.direction() == Direction::Answer {
            return Vec::new();
        }
        let now = self.clock.now();
        let mut state = self.lock();
        state.ledger.counts.questions += 1;
        state.replace_due(now);
        if state.dead {
            state.ledger.counts.unanswered += 1;
            return Vec::new();
        }
        let data: Vec<u8> = frame.data.iter().collect();
        let addressed = addressed(frame.address);
        let question = Question { control: frame.control.0, data: &data, addressed };
        let baud = baud.filter(|_| self.line.honour_speed).unwrap_or(self.line.baud);
        let replies = self.replies(&mut state, frame.address, question, baud, now);
        let mut out: Vec<Burst> = state.held.drain(..).map(Burst::now).collect();
        match replies.as_slice() {
            [] => state.ledger.counts.unanswered += 1,
            [(seat, reply)] => {
                let answering = Answering { seat: *seat, reply, question, raw, chance: 0, now };
                out.extend(self.send(&mut state, answering));
            }
            several => {
                state.ledger.counts.collisions += 1;
                out.push(Burst::now(collide(several.iter().map(|(_, reply)| reply.encode()))));
            }
        }
        out
    }

    fn replies(
        &self,
        state: &mut State,
        asked: Address,
        question: Question<'_>,
        baud: u32,
        now: Civil,
    ) -> Vec<(usize, Reply)> {
        let mut replies = Vec::new();
        for (i, seat) in state.seats.iter_mut().enumerate() {
            let mine = Address::from_number(seat.meter.address()).is_some_and(|own| own.answers(asked));
            if seat.silent || seat.baud != baud || !(mine || question.addressed == Addressed::Everybody) {
                continue;
            }
            // An answer to "write address" carries the new one.
            if let Some(answer) = seat.meter.answer(question, now) {
                seat.baud = answer.then_baud.unwrap_or(seat.baud);
                replies.push((i, self.reply(&seat.meter, answer)));
            }
        }
        replies
    }

    fn reply(&self, meter: &Meter, answer: Answer) -> Reply {
        let drawn = usize::try_from(draw(self.seed, about::WAKE ^ meter.address(), 5)).unwrap_or(0);
        let own = Address::from_number(meter.address()).unwrap_or(Address::WILDCARD);
        let address = if meter.quirk() == Some(Quirk::AnswersFromWildcard) { Address::WILDCARD } else { own };
        let wake_bytes = self.line.answer_wake_bytes.map_or(drawn, usize::from);
        Reply { wake_bytes, address, control: answer.control, data: answer.data }
    }

    /// Sends an answer through whatever fault strikes it.
    fn send(&self, state: &mut State, answering: Answering<'_>) -> Vec<Burst> {
        let Answering { seat, reply, question, now, .. } = answering;
        let Some(Seat { answers, meter, .. }) = state.seats.get_mut(seat) else { return Vec::new() };
        *answers += 1;
        let (n, address) = (u64::from(*answers), meter.address());
        let answering = Answering { chance: mix(self.seed ^ address, n), ..answering };
        let scripted = state.scripts.get_mut(&address).and_then(VecDeque::pop_front);
        let fault = scripted.or_else(|| state.faults.draw(self.seed ^ address, n));
        // A fault may have no meaning for an answer; then it is sent as it should be.
        let struck = fault.and_then(|fault| Some((fault, self.strike(state, fault, answering)?)));
        let (fault, bursts) = match struck {
            Some((fault, bursts)) => (Some(fault), bursts),
            None => (None, vec![Burst::now(reply.encode())]),
        };
        state.ledger.sent(fault, |number| Sent {
            number,
            at: now,
            meter: format!("{address:012}"),
            control: question.control,
            asked: Hex(question.data.to_vec()),
            fault,
            right: Hex(reply.encode()),
            sent: Hex(bursts.iter().flat_map(|burst| burst.bytes.iter().copied()).collect()),
        });
        bursts
    }

    /// What a fault makes of an answer; `None` where it has no meaning for this one.
    fn strike(&self, state: &mut State, fault: Fault, answering: Answering<'_>) -> Option<Vec<Burst>> {
        let Answering { seat, reply, question, raw, chance, .. } = answering;
        let good = || reply.encode();
        let whole = |bytes: Vec<u8>| Some(vec![Burst::now(bytes)]);
        match fault {
            Fault::Silent => Some(Vec::new()),
            Fault::Late => Some(vec![Burst { after: Duration::from_millis(state.faults.late_ms), bytes: good() }]),
            Fault::DamagedByte => whole(fault::damage_byte(reply, chance)),
            Fault::DamagedSum => whole(fault::damage_sum(reply, chance)),
            Fault::Compensated => {
                let item_bytes = item_bytes(question.control);
                (reply.data.len() > item_bytes).then(|| whole(fault::compensate(reply, item_bytes, chance)))?
            }
            Fault::WrongAddress => {
                let own = state.seats.get(seat)?.meter.address();
                let address = Address::from_number((own + 1 + draw(chance, 9, 1000)) % 999_999_999_999)?;
                whole(Reply { address, ..reply.clone() }.encode())
            }
            Fault::WrongItem => whole(Self::wrong_item(state, answering)?.encode()),
            Fault::OtherMeter => whole(self.other_meter(state, answering)?.encode()),
            Fault::ToNextQuestion => {
                state.held.push(good());
                Some(Vec::new())
            }
            Fault::Echo => whole([raw, &good()].concat()),
            Fault::Doubled68 => whole(fault::double_start(reply)),
            Fault::Split => {
                let mut first = good();
                let room = first.len().saturating_sub(reply.wake_bytes + 2) as u64;
                let at = reply.wake_bytes + 1 + usize::try_from(draw(chance, 1, room)).unwrap_or(0);
                let second = first.split_off(at.min(first.len()));
                let after = Duration::from_millis(state.faults.split_ms);
                Some(vec![Burst::now(first), Burst { after, bytes: second }])
            }
            Fault::Merged => whole([good(), good()].concat()),
            Fault::Noise => whole([fault::stray(chance, 1 << 32), good(), fault::stray(chance, 1 << 33)].concat()),
        }
    }

    /// Another item of the same meter, or another place in the same answer.
    fn wrong_item(state: &State, answering: Answering<'_>) -> Option<Reply> {
        let Answering { seat, reply, question, chance, now, .. } = answering;
        let meter = &state.seats.get(seat)?.meter;
        if question.control == READ_FOLLOW {
            let mut data = reply.data.clone();
            let sequence = data.last_mut()?;
            *sequence = sequence.wrapping_add(1);
            return Some(Reply { data, ..reply.clone() });
        }
        if !READ.contains(&question.control) {
            return None;
        }
        let width = item_bytes(question.control);
        let mut low_first = [0; 4];
        low_first.get_mut(..width)?.copy_from_slice(question.data.get(..width)?);
        let asked = u32::from_le_bytes(low_first);
        let others: &[u32] = match meter.dialect() {
            // The neighbour is the likeliest: the day before, the next tariff.
            Dialect::Edition2007 => {
                &[asked ^ 0x03, asked.wrapping_add(1), 0x0001_0000, 0x0002_0000, 0x0201_0100, 0x0400_0102]
            }
            Dialect::Edition1997 => &[asked ^ 0x03, asked.wrapping_add(1), 0x9010, 0x9020, 0xB611, 0xC011],
        };
        let first = usize::try_from(draw(chance, 4, others.len() as u64)).unwrap_or(0);
        let rotated = others.iter().cycle().skip(first).take(others.len());
        let (item, value) =
            rotated.filter(|item| **item != asked).find_map(|item| Some((*item, meter.item(*item, now)?)))?;
        let data = [item.to_le_bytes().get(..width)?, &value].concat();
        // A long value would need a follow-up, which nobody will ask for under this item.
        (data.len() <= 200).then(|| Reply { data, control: question.control | 0x80, ..reply.clone() })
    }

    /// The same question answered by somebody else.
    fn other_meter(&self, state: &mut State, answering: Answering<'_>) -> Option<Reply> {
        let Answering { seat, question, chance, now, .. } = answering;
        if !READ.contains(&question.control) {
            return None;
        }
        let dialect = state.seats.get(seat)?.meter.dialect();
        let others: Vec<usize> = (0..state.seats.len())
            .filter(|i| *i != seat && state.seats.get(*i).is_some_and(|s| !s.silent && s.meter.dialect() == dialect))
            .collect();
        let other = *others.get(usize::try_from(draw(chance, 5, others.len() as u64)).unwrap_or(0))?;
        let meter = &mut state.seats.get_mut(other)?.meter;
        let answer = meter.respond(Question { addressed: Addressed::Exactly, ..question }, now)?;
        Some(self.reply(meter, answer))
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
            for seat in self.seats.iter_mut().filter(|seat| seat.meter.address() == address) {
                seat.meter.replace(address, at);
            }
        }
    }
}

/// Width of a data item under a control code of a request: two bytes in 1997.
fn item_bytes(control: u8) -> usize {
    if control < 0x10 { 2 } else { 4 }
}

fn addressed(address: Address) -> Addressed {
    match address {
        Address::BROADCAST => Addressed::Everybody,
        Address::WILDCARD => Addressed::Anyone,
        short if short.has_wildcard() => Addressed::Shortened,
        _ => Addressed::Exactly,
    }
}

/// What a line carries when several drive it: a 0 wins over a 1.
fn collide(frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
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
