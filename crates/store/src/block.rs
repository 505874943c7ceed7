//! The packed form of one civil day of an interval profile: every version of every point, and the slots given up.
//!
//! A row a point would cost some 70 bytes with its index; ninety-six points of one answer share nearly everything, so
//! each is kept as what differs from the point before: usually a byte of flags and one or two of the value's change.
//!
//! Layout: format (1 byte), number of points, points, number of runs given up, runs. Numbers are LEB128, signed ones
//! zigzag. A point: flags; then, where its flag is not set, index step, form, receipt step, exchange step, sequence
//! step; the change of the mantissa; and, unless plain, version, current, mantissa present, broken rules, capture,
//! occurrence, meter clock. Reading is total: damage is an error, never a wrong number of points.

use std::collections::HashSet;

use crate::versions::Content;

const FORMAT: u8 = 1;

const NEXT_INDEX: u8 = 1;
const SAME_FORM: u8 = 1 << 1;
const SAME_RECEIVED: u8 = 1 << 2;
const SAME_EXCHANGE: u8 = 1 << 3;
const NEXT_SEQ: u8 = 1 << 4;
/// First version, current, good, with a number, and with the same distances of capture and meter clock from its slot.
const PLAIN: u8 = 1 << 5;

/// More than any block has: 1,500 minutes of a long day, some versions each. Limits what damage can make us allocate.
const MOST: u64 = 1 << 16;

/// One version of one point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Point {
    /// Which interval of the day, from 0.
    pub(crate) index: u32,
    pub(crate) version: i64,
    pub(crate) current: bool,
    pub(crate) seq: i64,
    pub(crate) content: Content,
    /// Microseconds after the slot.
    pub(crate) captured: i64,
    pub(crate) received_at: i64,
    /// Civil seconds after the slot's UTC seconds.
    pub(crate) meter_clock: Option<i64>,
    pub(crate) exchange: Option<i64>,
}

/// Neighbouring slots given up for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) index: u32,
    pub(crate) count: u32,
    pub(crate) at: i64,
    pub(crate) reason: i64,
}

/// A day of a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// By index, then version.
    pub(crate) points: Vec<Point>,
    pub(crate) given_up: Vec<GivenUp>,
}

/// A block that is not what [`Block::encode`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Block {
    /// All versions of one point.
    pub(crate) fn versions(&self, index: u32) -> &[Point] {
        let from = self.points.partition_point(|p| p.index < index);
        let to = self.points.partition_point(|p| p.index <= index);
        self.points.get(from..to).unwrap_or_default()
    }
    /// Adds a version behind the others of its point.
    pub(crate) fn insert(&mut self, point: Point) {
        let at = self.points.partition_point(|p| p.index <= point.index);
        self.points.insert(at, point);
    }
    pub(crate) fn is_filled(&self, index: u32) -> bool {
        self.versions(index).iter().any(|p| p.current && p.content.is_good())
    }
    pub(crate) fn given_up(&self, index: u32) -> Option<&GivenUp> {
        self.given_up.iter().find(|g| g.index <= index && index - g.index < g.count)
    }
    /// The intervals that are filled, or given up until `now`: what was given up later, was by a clock that was wrong then.
    pub(crate) fn settled(&self, now: i64) -> HashSet<u32> {
        let filled = self.points.iter().filter(|p| p.current && p.content.is_good()).map(|p| p.index);
        let given_up = self.given_up.iter().filter(|g| g.at <= now);
        filled.chain(given_up.flat_map(|g| g.index..g.index.saturating_add(g.count))).collect()
    }
    /// Gives a slot up that is neither filled nor given up until then.
    pub(crate) fn give_up(&mut self, index: u32, at: i64, reason: i64) {
        match self.given_up(index) {
            _ if self.is_filled(index) => return,
            Some(earlier) if earlier.at <= at => return,
            Some(_) => self.ask_again(index),
            None => {}
        }
        let follows = |g: &&mut GivenUp| g.index + g.count == index && g.at == at && g.reason == reason;
        match self.given_up.last_mut().filter(follows) {
            Some(run) => run.count += 1,
            None => self.given_up.push(GivenUp { index, count: 1, at, reason }),
        }
    }

    /// Takes one slot out of its run of slots given up.
    fn ask_again(&mut self, index: u32) {
        let runs = std::mem::take(&mut self.given_up);
        self.given_up = runs
            .into_iter()
            .flat_map(|run| {
                let end = run.index + run.count;
                let cut = index.clamp(run.index, end);
                let rest = (index + 1).clamp(run.index, end);
                let part = |from: u32, to: u32| GivenUp { index: from, count: to - from, ..run };
                [part(run.index, cut), part(rest, end)]
            })
            .filter(|run| run.count > 0)
            .collect();
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        put(&mut out, self.points.len() as u64);
        let mut last = Point::before_the_first();
        for point in &self.points {
            point.encode(&last, &mut out);
            last.follow(point);
        }
        put(&mut out, self.given_up.len() as u64);
        for run in &self.given_up {
            put(&mut out, u64::from(run.index));
            put(&mut out, u64::from(run.count));
            put_signed(&mut out, run.at);
            put_signed(&mut out, run.reason);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damaged> {
        let Some((&FORMAT, rest)) = bytes.split_first() else { return Err(Damaged) };
        let mut input = Input(rest);
        let mut points = Vec::new();
        let mut last = Point::before_the_first();
        for _ in 0..input.count()? {
            let point = Point::decode(&last, &mut input)?;
            last.follow(&point);
            points.push(point);
        }
        let mut given_up = Vec::new();
        for _ in 0..input.count()? {
            let index = input.small()?;
            let count = u32::try_from(input.count()?).map_err(|_| Damaged)?;
            given_up.push(GivenUp { index, count, at: input.signed()?, reason: input.signed()? });
        }
        if input.0.is_empty() { Ok(Self { points, given_up }) } else { Err(Damaged) }
    }
}

impl Point {
    /// What the first point differs from.
    fn before_the_first() -> Self {
        Self {
            index: 0,
            version: 1,
            current: true,
            seq: 0,
            content: Content { mantissa: Some(0), form: 0, rules: None, occurred: None },
            captured: 0,
            received_at: 0,
            meter_clock: None,
            exchange: None,
        }
    }
    /// Takes over what the next point is compared with; a point without a number leaves the mantissa.
    fn follow(&mut self, point: &Point) {
        let mantissa = point.content.mantissa.or(self.content.mantissa);
        *self = point.clone();
        self.content.mantissa = mantissa;
    }
    fn is_plain_after(&self, last: &Point) -> bool {
        self.version == 1
            && self.current
            && self.content.mantissa.is_some()
            && self.content.rules.is_none()
            && self.content.occurred.is_none()
            && self.captured == last.captured
            && self.meter_clock == last.meter_clock
    }

    fn encode(&self, last: &Point, out: &mut Vec<u8>) {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let plain = self.is_plain_after(last);
        let flags = flag(self.index == last.index.wrapping_add(1), NEXT_INDEX)
            | flag(self.content.form == last.content.form, SAME_FORM)
            | flag(self.received_at == last.received_at, SAME_RECEIVED)
            | flag(self.exchange == last.exchange, SAME_EXCHANGE)
            | flag(self.seq == last.seq.wrapping_add(1), NEXT_SEQ)
            | flag(plain, PLAIN);
        out.push(flags);
        let step = |out: &mut Vec<u8>, flag: u8, now: i64, before: i64| {
            if flags & flag == 0 {
                put_signed(out, now.wrapping_sub(before));
            }
        };
        step(out, NEXT_INDEX, i64::from(self.index), i64::from(last.index));
        step(out, SAME_FORM, self.content.form, last.content.form);
        step(out, SAME_RECEIVED, self.received_at, last.received_at);
        if flags & SAME_EXCHANGE == 0 {
            put_optional(out, self.exchange);
        }
        step(out, NEXT_SEQ, self.seq, last.seq);
        let before = last.content.mantissa.unwrap_or(0);
        put_signed(out, self.content.mantissa.map_or(0, |m| m.wrapping_sub(before)));
        if !plain {
            put_signed(out, self.version);
            out.push(u8::from(self.current) | u8::from(self.content.mantissa.is_some()) << 1);
            match &self.content.rules {
                None => put(out, 0),
                Some(rules) => {
                    put(out, rules.len() as u64 + 1);
                    out.extend_from_slice(rules.as_bytes());
                }
            }
            put_signed(out, self.captured);
            put_optional(out, self.content.occurred);
            put_optional(out, self.meter_clock);
        }
    }

    fn decode(last: &Point, input: &mut Input<'_>) -> Result<Self, Damaged> {
        let flags = input.byte()?;
        let index = match flags & NEXT_INDEX {
            0 => u32::try_from(i64::from(last.index).checked_add(input.signed()?).ok_or(Damaged)?)
                .map_err(|_| Damaged)?,
            _ => last.index.wrapping_add(1),
        };
        let mut step = |flag: u8, before: i64, otherwise: i64| match flags & flag {
            0 => Ok(before.wrapping_add(input.signed()?)),
            _ => Ok(otherwise),
        };
        let form = step(SAME_FORM, last.content.form, last.content.form)?;
        let received_at = step(SAME_RECEIVED, last.received_at, last.received_at)?;
        let exchange = if flags & SAME_EXCHANGE == 0 { input.optional()? } else { last.exchange };
        let seq = match flags & NEXT_SEQ {
            0 => last.seq.wrapping_add(input.signed()?),
            _ => last.seq.wrapping_add(1),
        };
        let mantissa = last.content.mantissa.unwrap_or(0).wrapping_add(input.signed()?);
        let mut point = Self {
            index,
            version: 1,
            current: true,
            seq,
            content: Content { mantissa: Some(mantissa), form, rules: None, occurred: None },
            captured: last.captured,
            received_at,
            meter_clock: last.meter_clock,
            exchange,
        };
        if flags & PLAIN == 0 {
            point.version = input.signed()?;
            let bits = input.byte()?;
            point.current = bits & 1 != 0;
            point.content.mantissa = (bits & 2 != 0).then_some(mantissa);
            point.content.rules = match input.count()? {
                0 => None,
                length => Some(input.text(length - 1)?),
            };
            point.captured = input.signed()?;
            point.content.occurred = input.optional()?;
            point.meter_clock = input.optional()?;
        }
        Ok(point)
    }
}

fn put(out: &mut Vec<u8>, mut n: u64) {
    loop {
        let [low, ..] = n.to_le_bytes();
        n >>= 7;
        if n == 0 {
            out.push(low & 0x7F);
            return;
        }
        out.push(low | 0x80);
    }
}

fn put_signed(out: &mut Vec<u8>, n: i64) {
    put(out, (n << 1).cast_unsigned() ^ (n >> 63).cast_unsigned());
}

fn put_optional(out: &mut Vec<u8>, n: Option<i64>) {
    out.push(u8::from(n.is_some()));
    if let Some(n) = n {
        put_signed(out, n);
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Result<u8, Damaged> {
        let (&first, rest) = self.0.split_first().ok_or(Damaged)?;
        self.0 = rest;
        Ok(first)
    }
    fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut n = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(Damaged);
            }
            n |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(n);
            }
        }
        Err(Damaged)
    }
    fn signed(&mut self) -> Result<i64, Damaged> {
        let n = self.unsigned()?;
        Ok((n >> 1).cast_signed() ^ -(n & 1).cast_signed())
    }
    fn optional(&mut self) -> Result<Option<i64>, Damaged> {
        match self.byte()? {
            0 => Ok(None),
            1 => self.signed().map(Some),
            _ => Err(Damaged),
        }
    }
    fn small(&mut self) -> Result<u32, Damaged> {
        u32::try_from(self.unsigned()?).map_err(|_| Damaged)
    }
    fn count(&mut self) -> Result<usize, Damaged> {
        let n = self.unsigned()?;
        if n > MOST { Err(Damaged) } else { usize::try_from(n).map_err(|_| Damaged) }
    }
    fn text(&mut self, length: usize) -> Result<String, Damaged> {
        let (text, rest) = self.0.split_at_checked(length).ok_or(Damaged)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content() -> impl Strategy<Value = Content> {
        let rules = prop::option::of(prop::sample::select(vec![String::new(), "V03".to_owned(), "V03,V04".to_owned()]));
        (any::<Option<i64>>(), -3..500_i64, rules, any::<Option<i64>>())
            .prop_map(|(mantissa, form, rules, occurred)| Content { mantissa, form, rules, occurred })
    }

    fn point() -> impl Strategy<Value = Point> {
        let times = (any::<i64>(), any::<i64>(), any::<Option<i64>>());
        (0..1500_u32, 1..9_i64, any::<bool>(), any::<i64>(), content(), times, any::<Option<i64>>()).prop_map(
            |(index, version, current, seq, content, (captured, received_at, meter_clock), exchange)| Point {
                index,
                version,
                current,
                seq,
                content,
                captured,
                received_at,
                meter_clock,
                exchange,
            },
        )
    }

    fn block() -> impl Strategy<Value = Block> {
        let run = (0..1500_u32, 1..96_u32, any::<i64>(), any::<i64>()).prop_map(|(index, count, at, reason)| GivenUp {
            index,
            count,
            at,
            reason,
        });
        (prop::collection::vec(point(), 0..40), prop::collection::vec(run, 0..5))
            .prop_map(|(points, given_up)| Block { points, given_up })
    }

    proptest! {
        #[test]
        fn what_is_packed_is_unpacked_exactly(block in block()) {
            prop_assert_eq!(Block::decode(&block.encode()), Ok(block));
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>) {
            bytes.insert(0, FORMAT);
            let _decoded = Block::decode(&bytes);
        }

        #[test]
        fn a_cut_block_is_damaged(block in block(), cut in 1..8_usize) {
            let bytes = block.encode();
            prop_assert_eq!(Block::decode(&bytes[..bytes.len().saturating_sub(cut)]), Err(Damaged));
        }
    }

    #[test]
    fn a_day_of_one_answer_takes_three_bytes_a_point() {
        let mut block = Block::default();
        for index in 0..96 {
            block.insert(Point {
                index,
                seq: 1_000_000 + i64::from(index),
                content: Content {
                    mantissa: Some(123_456 + 7 * i64::from(index)),
                    form: 34,
                    rules: None,
                    occurred: None,
                },
                captured: 900_000_000,
                received_at: 1_800_000_000_000_000,
                meter_clock: Some(28_800),
                exchange: Some(77),
                ..Point::before_the_first()
            });
        }
        let size = block.encode().len();
        assert!(size < 96 * 3, "{size} bytes");
    }

    #[test]
    fn what_a_wrong_clock_gave_up_is_open_again_and_can_be_given_up_by_the_right_one() {
        let mut block = Block::default();
        (0..5).for_each(|index| block.give_up(index, 1000, 1));
        assert!(block.settled(10).is_empty());
        block.give_up(2, 10, 7);
        assert_eq!(block.settled(10), HashSet::from([2]));
        assert_eq!(block.settled(1000).len(), 5);
        let runs: Vec<_> = block.given_up.iter().map(|g| (g.index, g.count, g.at, g.reason)).collect();
        assert_eq!(runs, [(0, 2, 1000, 1), (3, 2, 1000, 1), (2, 1, 10, 7)]);
    }

    #[test]
    fn neighbouring_slots_are_given_up_as_one_run_and_filled_ones_never() {
        let mut block = Block::default();
        block.insert(Point { index: 2, ..Point::before_the_first() });
        for index in 0..5 {
            block.give_up(index, 10, 1);
        }
        let runs: Vec<_> = block.given_up.iter().map(|g| (g.index, g.count)).collect();
        assert_eq!(runs, [(0, 2), (3, 2)]);
        assert!(block.given_up(2).is_none() && block.given_up(4).is_some());
    }
}
