//! As many exchanges as a 2400-baud line carries in an hour, over lines on which one answer in six is struck, and the
//! books held against the simulator's ledger: what was accepted, suspected, refused, and wrong.
//!
//! The hour is not waited for: many lines work side by side, without the time the bytes would take.

#[expect(dead_code, reason = "shared with other tests, which use more of it")]
mod town;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use hes_dissect::{Decoded, Item, Options, Piece, explain_answer, pieces};
use hes_dlt645::Frame;
use hes_model::{ExchangeId, ExchangeProof, Request, Series, Task, UtcMicros, Window};
use hes_sim::civil::Civil;
use hes_sim::{Bus, Fault, FaultConfig, Sent};
use hes_store::{ReadingQuery, ReadingVersion, StoredExchange, Versions};

use jiff::tz::TimeZone;
use town::{Town, block, now, obis, quick};

/// A question, its answer and the pause between them take a quarter of a second at 2400 baud.
const AN_HOUR: u64 = 14_000;
const DAYS: i64 = 8;
const FLEET: &str = include_str!("../../../config/fleets/hostile.toml");

/// The hostile fleet on more lines, and with some meters whose answers need follow-ups.
fn fleet() -> String {
    let lines = FLEET.replace("repeat = 2", "repeat = 60");
    let meters = lines
        .replace("{ count = 5, ", "{ count = 2, ")
        .replace("{ count = 20 }", "{ count = 4 },\n  { count = 2, max_data_bytes = 100 }");
    assert!(lines != FLEET && meters != lines, "the fleet file has changed");
    meters
}

/// What became of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// Not taken for the answer to the question; or of no use, as another part of its exchange was struck.
    Refused,
    /// Taken; every value was right, and none of them was doubted.
    Good,
    /// Taken; a rule doubted values.
    Suspect,
    /// Taken, and at least one wrong value was held for good.
    Wrong,
}

/// Fates by what struck the answer; `None` is nothing.
#[derive(Default)]
struct Table(BTreeMap<Option<Fault>, BTreeMap<Fate, usize>>);

impl Table {
    fn count(&self, fault: Fault, fate: Fate) -> usize {
        self.0.get(&Some(fault)).and_then(|fates| fates.get(&fate)).copied().unwrap_or(0)
    }

    fn of(&self, fault: Fault) -> usize {
        self.0.get(&Some(fault)).map_or(0, |fates| fates.values().sum())
    }

    fn wrong(&self) -> usize {
        self.0.values().filter_map(|fates| fates.get(&Fate::Wrong)).sum()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "struck by", "answers", "good", "suspect", "refused", "WRONG"
        )?;
        for (fault, fates) in &self.0 {
            let name = fault.map_or_else(|| "nothing".to_owned(), |fault| format!("{fault:?}"));
            let n = |fate| fates.get(&fate).copied().unwrap_or(0);
            let all: usize = fates.values().sum();
            let (good, suspect, refused, wrong) = (n(Fate::Good), n(Fate::Suspect), n(Fate::Refused), n(Fate::Wrong));
            writeln!(f, "{name:<18} {all:>8} {good:>8} {suspect:>8} {refused:>8} {wrong:>8}")?;
        }
        Ok(())
    }
}

/// Which question: meter, control code, data.
type Question = (String, u8, Vec<u8>);

/// The ledger of all lines, and what became of its answers.
struct Ledger {
    answers: Vec<Sent>,
    by_question: HashMap<Question, Vec<usize>>,
    fates: Vec<Fate>,
    zone: TimeZone,
}

impl Ledger {
    fn of(town: &Town) -> Self {
        let answers: Vec<Sent> = town.fleet.fleet().buses().iter().flat_map(|bus| bus.sent(0)).collect();
        let mut by_question: HashMap<Question, Vec<usize>> = HashMap::new();
        for (index, sent) in answers.iter().enumerate() {
            by_question.entry((sent.meter.clone(), sent.control, sent.asked.0.clone())).or_default().push(index);
        }
        let fates = vec![Fate::Refused; answers.len()];
        Self { answers, by_question, fates, zone: town.zone.clone() }
    }

    /// The answers that a stored exchange took, each the answer to exactly its question.
    fn taken(&self, proof: &ExchangeProof) -> Vec<usize> {
        let (questions, answers) = (frames(&proof.request), frames(&proof.answer));
        assert_eq!(questions.len(), answers.len(), "an answer to each question: {proof:02X?}");
        let at = Civil::from_datetime(self.zone.to_datetime(proof.sent_at.timestamp()));
        questions.into_iter().zip(answers).map(|(question, answer)| self.the_answer(question, answer, at)).collect()
    }

    /// Where the ledger says that a meter gave this answer to this question.
    fn the_answer(&self, question: &[u8], answer: &[u8], at: Civil) -> usize {
        let asked = Frame::parse(question).expect("we sent a frame");
        let meter = asked.address.to_string();
        let question: Question = (meter, asked.control.0, asked.data.iter().collect());
        let candidates = self.by_question.get(&question).map_or(&[][..], Vec::as_slice);
        let gave = |sent: &Sent| {
            let held_back = sent.fault == Some(Fault::ToNextQuestion) && contains(&sent.right.0, answer);
            held_back || contains(&sent.sent.0, answer)
        };
        // The same question may have been asked, and the same answer given, several times.
        let given = candidates.iter().copied().filter(|&index| gave(&self.answers[index]));
        let found = given.min_by_key(|&index| self.answers[index].at.0.abs_diff(at.0));
        found.unwrap_or_else(|| panic!("accepted as the answer to another question: {question:02X?}: {answer:02X?}"))
    }

    /// Of the answers before `calm`.
    fn table(&self, calm: Civil) -> Table {
        let mut table = Table::default();
        for (sent, fate) in self.answers.iter().zip(&self.fates).filter(|(sent, _)| sent.at < calm) {
            *table.0.entry(sent.fault).or_default().entry(*fate).or_default() += 1;
        }
        table
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The frames in some bytes, without wake-up bytes.
fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let frame = |piece: Piece| match piece {
        Piece::Frame(range) => {
            let bytes = &bytes[range];
            Some(&bytes[bytes.iter().position(|byte| *byte == 0x68).expect("a start byte")..])
        }
        Piece::Loose(_) => None,
    };
    pieces(bytes).into_iter().filter_map(frame).collect()
}

/// What the frames of an answer say, by register.
fn values(answer: &[u8]) -> BTreeMap<String, Option<String>> {
    let conversation = explain_answer(answer, &Options::RECORD);
    let single = || {
        conversation.heard.iter().find_map(|heard| match &heard.meaning {
            Decoded::Explained(explained) => explained.items.clone(),
            Decoded::Rejected(_) => None,
        })
    };
    let items: Vec<Item> = conversation.items.clone().or_else(single).unwrap_or_default();
    items.into_iter().filter_map(|item| Some((item.obis?, item.value))).collect()
}

/// Every stored exchange, and the versions of readings taken from it.
async fn books(town: &Town) -> Vec<(StoredExchange, Vec<ReadingVersion>)> {
    let mut readings: HashMap<ExchangeId, Vec<ReadingVersion>> = HashMap::new();
    for bus in town.fleet.fleet().buses() {
        for address in addresses(bus) {
            let meter = town.meter(address).await;
            for series in [Series::Daily, Series::Instant] {
                let (from, to) = (UtcMicros(now().0 - 100 * 86_400_000_000), UtcMicros(now().0 + 86_400_000_000));
                let query = ReadingQuery { meter, register: None, series, from, to, versions: Versions::All };
                for version in town.store.readings(&query).await.expect("the store answers") {
                    let exchange = version.reading.exchange.expect("every value has its evidence");
                    readings.entry(exchange).or_default().push(version);
                }
            }
        }
    }
    let last = readings.keys().map(|id| id.0).max().expect("something was read");
    let mut books = Vec::new();
    for id in (1..=last).map(ExchangeId) {
        if let Some(exchange) = town.store.exchange(id).await.expect("the store answers") {
            books.push((exchange, readings.remove(&id).unwrap_or_default()));
        }
    }
    assert!(readings.is_empty(), "{} exchanges are gone that prove readings", readings.len());
    books
}

/// What became of the stored values.
#[derive(Debug, Default)]
struct Values {
    good: usize,
    /// Right, but a rule doubted them: with the damaged value of their block, or first of their kind.
    doubted: usize,
    /// Wrong, and a rule saw it.
    caught: usize,
    /// Wrong and held for good: series, register, and what was said for what was true.
    wrong: Vec<(Series, String)>,
    /// Compensated answers that were taken, by series.
    compensated: BTreeMap<Series, usize>,
}

impl Values {
    fn wrong_in(&self, series: Series) -> usize {
        self.wrong.iter().filter(|(of, _)| *of == series).count()
    }

    fn compensated_in(&self, series: Series) -> usize {
        self.compensated.get(&series).copied().unwrap_or(0)
    }
}

/// Holds the books against the ledger.
fn audit(books: &[(StoredExchange, Vec<ReadingVersion>)], ledger: &mut Ledger) -> Values {
    let mut found = Values::default();
    for (exchange, versions) in books {
        let taken = ledger.taken(&exchange.proof);
        let right: Vec<u8> = taken.iter().flat_map(|&index| ledger.answers[index].right.0.clone()).collect();
        let (truth, said) = (values(&right), values(&exchange.proof.answer));
        let mut fate = Fate::Good;
        for version in versions {
            let register = version.reading.register.to_string();
            let (truth, said) = (truth.get(&register), said.get(&register));
            fate = fate.max(match (version.reading.quality.is_good(), truth == said) {
                (true, true) => {
                    found.good += 1;
                    Fate::Good
                }
                (true, false) => {
                    let text = format!("{register}: {said:?} for {truth:?}");
                    found.wrong.push((version.reading.series, text));
                    Fate::Wrong
                }
                (false, is_right) => {
                    *(if is_right { &mut found.doubted } else { &mut found.caught }) += 1;
                    Fate::Suspect
                }
            });
        }
        let is_compensated = |&index: &usize| ledger.answers[index].fault == Some(Fault::Compensated);
        let compensated = taken.iter().copied().find(|index| is_compensated(index));
        if let (Some(_), Some(version)) = (compensated, versions.first()) {
            *found.compensated.entry(version.reading.series).or_default() += 1;
        }
        for index in taken {
            // In an answer of several frames it is the damaged one that was wrong.
            let is_cause = fate != Fate::Wrong || compensated.is_none_or(|cause| cause == index);
            ledger.fates[index] = if is_cause { fate } else { Fate::Good };
        }
    }
    found
}

/// Of the damage that adds 1 to 15 to one byte of decimal digits and takes it from another, how much leaves decimal
/// digits in both: what a gauge may be read as without anybody seeing it.
fn unseen_in_a_gauge() -> f64 {
    let decimal = |byte: &u8| byte & 15 <= 9 && byte >> 4 <= 9;
    let digits: Vec<u8> = (0..=255).filter(decimal).collect();
    let stay = |by: u8| digits.iter().filter(|byte| decimal(&byte.wrapping_add(by))).count() as f64 / 100.0;
    (1..=15_u8).map(|by| stay(by) * stay(by.wrapping_neg())).sum::<f64>() / 15.0
}

/// Damage to a freeze with its tariffs that V07 does not see. Either it hits the same byte of two of the four tariffs,
/// whose total is untouched: 4 x 3 pairs of registers in each of four places, out of 20 x 19 pairs of bytes, and leaves
/// decimal digits. Or it moves the last digits of a register by no more than the rounding that V07 allows (3 of 15), and
/// the other byte is none of these registers': 2 x 5 bytes of the more than 180 of a whole freeze.
fn unseen_in_a_freeze() -> f64 {
    4.0 * 3.0 * 4.0 / (20.0 * 19.0) * unseen_in_a_gauge() + 2.0 * 5.0 / 180.0 * 3.0 / 15.0
}

/// Most hits of so many that chance explains, at three standard deviations.
fn at_most(share: f64, of: usize) -> f64 {
    let expected = share * of as f64;
    expected + 3.0 * (expected * (1.0 - share)).sqrt().max(1.0)
}

/// Has a person ask every meter.
async fn read_everywhere(town: &Town, request: &Request) {
    let deadline = UtcMicros(now().0 + 60_000_000);
    let mut reads = Vec::new();
    for bus in town.fleet.fleet().buses() {
        for address in addresses(bus) {
            let meter = town.meter(address).await;
            reads.push(town.store.submit_read(meter, request, "test", now(), deadline).await.expect("queued"));
        }
    }
    for read in reads {
        town.store.wait_for_read(read, town::PATIENCE).await.expect("the store answers");
    }
}

fn addresses(bus: &Bus) -> Vec<u64> {
    let mut addresses = Vec::new();
    bus.for_each_meter(|meter| addresses.push(meter.address()));
    addresses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_an_hour_of_a_hostile_line_no_answer_to_another_question_is_accepted() {
    let town = Town::found(&fleet(), DAYS).await;
    town.plan("daily", Task::Daily { registers: block() }, Window::ALWAYS).await;
    let running = town.collect(quick()).await;
    let gauges = ["voltage_a", "current_a", "active_power_total"].map(obis).to_vec();
    let mut questions = 0;
    while questions < AN_HOUR {
        read_everywhere(&town, &Request::Instant { registers: gauges.clone() }).await;
        questions = town.fleet.fleet().counts().questions;
    }
    // What is under way is stored when its dialogue is over; what is suspect is asked again.
    let calm = town.fleet.fleet().clock().now();
    for bus in town.fleet.fleet().buses() {
        bus.set_faults(FaultConfig::default());
    }
    running.until("all is read", |s| s.channels.values().all(|c| c.dialogues == 0 && c.queued == 0)).await;
    running.stop().await;

    let books = books(&town).await;
    let mut ledger = Ledger::of(&town);
    let found = audit(&books, &mut ledger);
    let table = ledger.table(calm);
    let (series, good, caught) = ([Series::Daily, Series::Instant], found.good, found.caught);
    println!(
        "{questions} questions\n\n{table}\nvalues: {good} good and right, {} doubted though right, {caught} wrong and caught",
        found.doubted
    );
    for series in series {
        println!(
            "{series:?}: {} wrong and held for good, of {} compensated",
            found.wrong_in(series),
            found.compensated_in(series)
        );
    }
    for (series, what) in &found.wrong {
        println!("{series:?} {what}");
    }
    println!("unseen: gauge {:.3}, freeze {:.3}", unseen_in_a_gauge(), unseen_in_a_freeze());

    // The ledger has already said of every accepted answer that it was given to exactly this question.
    let never = [
        Fault::Silent,
        Fault::DamagedByte,
        Fault::DamagedSum,
        Fault::WrongAddress,
        Fault::WrongItem,
        Fault::OtherMeter,
    ];
    for fault in never {
        assert!(table.of(fault) > 0, "{fault:?} never struck");
        assert_eq!(table.of(fault), table.count(fault, Fate::Refused), "{fault:?} was accepted");
    }
    assert_eq!(
        table.wrong(),
        table.count(Fault::Compensated, Fate::Wrong),
        "only damage no check sum sees comes through"
    );
    for (series, share) in [(Series::Daily, unseen_in_a_freeze()), (Series::Instant, unseen_in_a_gauge())] {
        let (wrong, compensated) = (found.wrong_in(series), found.compensated_in(series));
        let bound = at_most(share, compensated);
        assert!(wrong as f64 <= bound, "{series:?}: {wrong} of {compensated}, at most {bound:.1}: {:#?}", found.wrong);
    }
}
