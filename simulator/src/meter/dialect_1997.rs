//! DL/T 645-1997: two-byte items, its own control codes, no freezes.

use super::dialect_2007::{ABNORMAL, ANSWER, MORE};
use super::encode::Data;
use super::event::Kind;
use super::freeze::rates;
use super::parameter::{ADDRESS, DATE_AND_WEEKDAY, TIME};
use super::register::{Phase, Quantity, Rate};
use super::{Addressed, Answer, Counter, Meter, Question};
use crate::civil::Civil;
use crate::load::TARIFFS;

mod function {
    pub(super) const READ: u8 = 0x01;
    pub(super) const READ_FOLLOW: u8 = 0x02;
    pub(super) const READ_AGAIN: u8 = 0x03;
    pub(super) const WRITE: u8 = 0x04;
    pub(super) const BROADCAST_TIME: u8 = 0x08;
    pub(super) const WRITE_ADDRESS: u8 = 0x0A;
    pub(super) const BAUD: u8 = 0x0C;
    pub(super) const PASSWORD: u8 = 0x0F;
    pub(super) const CLEAR_DEMAND: u8 = 0x10;
}

/// Error bits of 1997, which count from other reasons than those of 2007.
mod refusal {
    pub(super) const BAD_VALUE: u8 = 0x01;
    pub(super) const NO_SUCH_ITEM: u8 = 0x02;
    pub(super) const PASSWORD: u8 = 0x04;
}

impl Meter {
    pub(super) fn answer_1997(&mut self, question: Question<'_>, truth: Civil) -> Option<Answer> {
        let Question { control, data, addressed } = question;
        if addressed == Addressed::Everybody {
            if control == function::BROADCAST_TIME {
                self.hear_time(data, truth);
            }
            return None;
        }
        let abnormal = |why: u8| Answer::new(control | ANSWER | ABNORMAL, vec![why]);
        let done = |outcome: Result<(), u8>| match outcome {
            Ok(()) => Answer::new(control | ANSWER, Vec::new()),
            Err(why) => abnormal(why),
        };
        match control {
            function::READ => Some(match data.try_into().ok().and_then(|item| self.read_1997(control, item, truth)) {
                Some(answer) => answer,
                None => abnormal(refusal::NO_SUCH_ITEM),
            }),
            function::READ_FOLLOW => Some(self.follow_1997(control, data).unwrap_or(abnormal(refusal::NO_SUCH_ITEM))),
            // Nothing is kept to be sent again.
            function::READ_AGAIN => Some(abnormal(refusal::NO_SUCH_ITEM)),
            function::WRITE_ADDRESS if addressed == Addressed::Anyone => {
                self.write_address(data).is_ok().then(|| done(Ok(())))
            }
            _ if addressed != Addressed::Exactly => None,
            function::WRITE => Some(done(self.write_1997(data, truth))),
            function::PASSWORD => Some(match self.password_1997(data) {
                Ok(new) => Answer::new(control | ANSWER, new),
                Err(why) => abnormal(why),
            }),
            function::BAUD => {
                let [z] = data else { return Some(abnormal(refusal::BAD_VALUE)) };
                let baud = match z {
                    0b0000_0100 => 600,
                    0b0000_1000 => 1200,
                    0b0001_0000 => 2400,
                    0b0010_0000 => 4800,
                    0b0100_0000 => 9600,
                    _ => return Some(abnormal(refusal::BAD_VALUE)),
                };
                Some(Answer { then_baud: Some(baud), ..Answer::new(control | ANSWER, vec![*z]) })
            }
            function::CLEAR_DEMAND => {
                self.remember_with_registers(Kind::DemandClear, truth, [0; 4]);
                self.change().demand_cleared.push(truth);
                Some(done(Ok(())))
            }
            _ => None,
        }
    }

    pub(super) fn item_1997(&self, item: u16, truth: Civil) -> Option<Vec<u8>> {
        if let Some(bytes) = self.forced(u32::from(item)) {
            return Some(bytes.to_vec());
        }
        let [di1, di0] = item.to_be_bytes();
        let (high, low) = (di0 >> 4, di0 & 0x0F);
        // Which month: this one, the last, the one before.
        let months_back = (di1 & 0x0C) >> 2;
        match (di1 & 0xF0, di1 & 0x03) {
            (0x90, kind @ (0 | 1)) if months_back < 3 => {
                let quantity = quantity(kind, high)?;
                self.by_rate(low, |data, rate| self.energy_value(data, quantity, rate, self.month(months_back, truth)))
            }
            (0xA0, kind @ (0 | 1)) if months_back < 3 => {
                let quantity = quantity(kind, high)?;
                self.by_rate(low, |data, rate| self.demand_part(data, quantity, rate, months_back, truth, 0..3))
            }
            (0xB0, kind @ (0 | 1)) if months_back < 3 => {
                let quantity = quantity(kind, high)?;
                // MMDDhhmm: the instant without its year.
                self.by_rate(low, |data, rate| self.demand_part(data, quantity, rate, months_back, truth, 3..7))
            }
            _ => self.other_1997(item, truth),
        }
    }

    fn other_1997(&self, item: u16, truth: Civil) -> Option<Vec<u8>> {
        let data = Data::new();
        let phase = |n: u16| match n {
            1 => Some(Phase::A),
            2 => Some(Phase::B),
            3 => Some(Phase::C),
            _ => None,
        };
        let magnitude = |value: i64| value.unsigned_abs();
        Some(
            match item {
                0xB611..=0xB613 => {
                    // Whole volts.
                    match self.voltage(phase(item & 0xF), truth) {
                        Some(value) => data.bcd(magnitude(value) / 10, 2),
                        None => data.bcd(0, 2),
                    }
                }
                0xB621..=0xB623 => data.bcd(self.current(phase(item & 0xF), truth).map_or(0, magnitude) / 10, 2),
                0xB630 => data.bcd(magnitude(self.active_power(None, truth)?), 3),
                0xB631..=0xB633 => data.bcd(self.active_power(phase(item & 0xF), truth).map_or(0, magnitude), 3),
                0xB640 => data.bcd(magnitude(self.reactive_power(None, truth)?) / 100, 2),
                0xB641..=0xB643 => {
                    data.bcd(self.reactive_power(phase(item & 0xF), truth).map_or(0, magnitude) / 100, 2)
                }
                0xB650 => data.bcd(magnitude(self.power_factor(None, truth)?), 2),
                0xB651..=0xB653 => data.bcd(self.power_factor(phase(item & 0xF), truth).map_or(0, magnitude), 2),
                0xB61F | 0xB62F => {
                    let [_, place] = item.to_be_bytes();
                    let each = (1..=3).map(|n| self.other_1997(0xB600 | u16::from(place & 0xF0) | n, truth));
                    each.fold(data, |data, value| data.raw(&value.unwrap_or_default())).separator()
                }
                0xC010 => self.date(data, truth),
                0xC011 => self.time(data, truth),
                0xC020 => data.raw(&[self.status_1997(truth)]),
                0xC032 | 0xC033 => data.bcd(self.address, 6),
                _ => return None,
            }
            .done(),
        )
    }

    /// One rate, or (F) all of them with the separator that ends a block.
    fn by_rate(&self, low: u8, value: impl Fn(Data, Rate) -> Data) -> Option<Vec<u8>> {
        let rate = match usize::from(low) {
            0 => Rate::Total,
            n if n <= TARIFFS => Rate::Tariff(n - 1),
            0x0F => return Some(rates().fold(Data::new(), value).separator().done()),
            _ => return None,
        };
        Some(value(Data::new(), rate).done())
    }

    fn month(&self, back: u8, truth: Civil) -> Civil {
        match back {
            0 => truth,
            n => self.clock.truth(self.settlement(n, self.clock.shows(truth))),
        }
    }

    fn demand_part(
        &self,
        data: Data,
        quantity: Quantity,
        rate: Rate,
        months_back: u8,
        truth: Civil,
        part: std::ops::Range<usize>,
    ) -> Data {
        let period = self.settled_period(months_back, self.clock.shows(truth));
        let whole = self.demand_value(Data::new(), quantity, rate, period).done();
        data.raw(whole.get(part).unwrap_or_default())
    }

    fn read_1997(&mut self, control: u8, item: [u8; 2], truth: Civil) -> Option<Answer> {
        self.follow = None;
        let value = self.item_1997(u16::from_le_bytes(item), truth)?;
        Some(self.begin(control, &item, value, usize::from(self.max_data)))
    }

    fn follow_1997(&mut self, control: u8, item: &[u8]) -> Option<Answer> {
        let room = usize::from(self.max_data).saturating_sub(item.len());
        let mut follow = self.follow.take().filter(|follow| follow.item == item)?;
        let rest = follow.rest.split_off(room.min(follow.rest.len()));
        let now = std::mem::replace(&mut follow.rest, rest);
        let flag = if follow.rest.is_empty() { 0 } else { MORE };
        if flag == MORE {
            self.follow = Some(follow);
        }
        Some(Answer::new(control | ANSWER | flag, [item, &now].concat()))
    }

    /// Item, level and password, value.
    fn write_1997(&mut self, data: &[u8], truth: Civil) -> Result<(), u8> {
        let ([di0, di1], rest) = data.split_first_chunk::<2>().ok_or(refusal::BAD_VALUE)?;
        let (password, value) = rest.split_first_chunk::<4>().ok_or(refusal::PASSWORD)?;
        self.check_1997(*password)?;
        let item = match u16::from_le_bytes([*di0, *di1]) {
            0xC010 => DATE_AND_WEEKDAY,
            0xC011 => TIME,
            0xC032 => ADDRESS,
            _ => return Err(refusal::NO_SUCH_ITEM),
        };
        self.write(item, value, [0; 4], truth).map_err(|_| refusal::BAD_VALUE)
    }

    /// Old level and password, new level and password.
    fn password_1997(&mut self, data: &[u8]) -> Result<Vec<u8>, u8> {
        let (old, new) = data.split_first_chunk::<4>().ok_or(refusal::BAD_VALUE)?;
        let [level, password @ ..]: [u8; 4] = new.try_into().map_err(|_| refusal::BAD_VALUE)?;
        self.check_1997(*old)?;
        self.change_password(super::Level(level), password);
        Ok(new.to_vec())
    }

    fn check_1997(&self, [level, password @ ..]: [u8; 4]) -> Result<(), u8> {
        if self.password_is(super::Level(level), password) { Ok(()) } else { Err(refusal::PASSWORD) }
    }
}

/// The quantity behind 9x/Ax/Bx and the high digit of DI0. 1997 orders the quadrants 1, 4, 2, 3.
fn quantity(kind: u8, high: u8) -> Option<Quantity> {
    Some(match (kind, high) {
        (0, 1) => Quantity::Counted(Counter::Forward),
        (0, 2) => Quantity::Counted(Counter::Reverse),
        (1, 1) => Quantity::CombinedReactive1,
        (1, 2) => Quantity::CombinedReactive2,
        (1, 3) => Quantity::Counted(Counter::Quadrant1),
        (1, 4) => Quantity::Counted(Counter::Quadrant4),
        (1, 5) => Quantity::Counted(Counter::Quadrant2),
        (1, 6) => Quantity::Counted(Counter::Quadrant3),
        _ => return None,
    })
}
