//! Commands of DL/T 645-2007 as a meter carries them out.

use super::access::{Admission, Credentials, Level, ProgrammingKey};
use super::encode::{self, Data};
use super::event::Kind;
use super::freeze::{FreezeOrder, SETTLEMENTS};
use super::parameter::Unwritten;
use super::register::{Phase, Quantity, Rate};
use super::{Addressed, Answer, Follow, Measures, Meter, Question, Quirk, refusal, timepiece};
use crate::civil::Civil;
use crate::load::TARIFFS;

mod function {
    pub(super) const SECURITY: u8 = 0x03;
    pub(super) const BROADCAST_TIME: u8 = 0x08;
    pub(super) const READ: u8 = 0x11;
    pub(super) const READ_FOLLOW: u8 = 0x12;
    pub(super) const READ_ADDRESS: u8 = 0x13;
    pub(super) const WRITE: u8 = 0x14;
    pub(super) const WRITE_ADDRESS: u8 = 0x15;
    pub(super) const FREEZE: u8 = 0x16;
    pub(super) const BAUD: u8 = 0x17;
    pub(super) const PASSWORD: u8 = 0x18;
    pub(super) const CLEAR_DEMAND: u8 = 0x19;
    pub(super) const CLEAR_METER: u8 = 0x1A;
    pub(super) const CLEAR_EVENTS: u8 = 0x1B;
    pub(super) const CONTROL: u8 = 0x1C;
    pub(super) const OUTPUT: u8 = 0x1D;
}

/// Bit 7: from the meter.
pub(super) const ANSWER: u8 = 0x80;
/// Bit 6: abnormal.
pub(super) const ABNORMAL: u8 = 0x40;
/// Bit 5: more follows.
pub(super) const MORE: u8 = 0x20;
/// SERR bit 0: other. These meters have no security module.
const SECURITY_OTHER: u8 = 0x01;

/// Good data of an answer, or the error byte of an abnormal one.
type Outcome = Result<Vec<u8>, u8>;

impl Meter {
    pub(super) fn answer_2007(&mut self, question: Question<'_>, truth: Civil) -> Option<Answer> {
        let Question { control, data, addressed } = question;
        if addressed == Addressed::Everybody {
            match control {
                function::BROADCAST_TIME => self.hear_time(data, truth),
                function::FREEZE => drop(self.freeze(data, truth)),
                _ => {}
            }
            return None;
        }
        // Only reading, and finding or giving the address, works without naming the meter in full.
        let anyone = addressed == Addressed::Anyone;
        let outcome = match control {
            function::READ => return Some(self.read(control, data, truth)),
            function::READ_FOLLOW => return Some(self.read_follow(control, data)),
            function::READ_ADDRESS if anyone => Ok(Data::new().bcd(self.address, 6).done()),
            // Neither has an abnormal answer.
            function::READ_ADDRESS => return None,
            function::WRITE_ADDRESS if anyone => {
                let allowed = self.programming_key() != ProgrammingKey::Released;
                if !allowed || self.write_address(data).is_err() {
                    return None;
                }
                Ok(Vec::new())
            }
            _ if addressed != Addressed::Exactly => return None,
            // A clock command to one address: some meters take it. None answers.
            function::BROADCAST_TIME => {
                self.hear_time(data, truth);
                return None;
            }
            function::WRITE => self.write_data(data, truth),
            function::FREEZE => self.freeze(data, truth),
            function::BAUD => return Some(Self::change_baud(control, data)),
            function::PASSWORD => self.new_password(data, truth),
            function::CLEAR_DEMAND => self.clear_demand(data, truth),
            function::CLEAR_METER => self.clear_meter(data, truth),
            function::CLEAR_EVENTS => self.clear_event_log(data, truth),
            function::CONTROL => self.control(data, truth).map(|()| Vec::new()),
            function::OUTPUT if data.len() == 1 => Ok(data.to_vec()),
            function::SECURITY => return Some(Answer::new(control | ANSWER | ABNORMAL, vec![SECURITY_OTHER, 0])),
            _ => return None,
        };
        Some(match outcome {
            Ok(data) => Answer::new(control | ANSWER, data),
            Err(why) => Answer::new(control | ANSWER | ABNORMAL, vec![why]),
        })
    }

    pub(super) fn item_2007(&self, item: u32, truth: Civil) -> Option<Vec<u8>> {
        self.item_with(item, &[], truth)
    }

    fn item_with(&self, item: u32, asked: &[u8], truth: Civil) -> Option<Vec<u8>> {
        if let Some(bytes) = self.parameter(item, truth) {
            return Some(bytes.to_vec());
        }
        let places @ [di3, ..] = item.to_be_bytes();
        match di3 {
            0x00 => self.energy_item(places, truth),
            0x01 => self.demand_item(places, truth),
            0x02 => self.instantaneous_item(places, truth),
            0x03 => self.event_item(places, truth),
            0x04 => self.parameter_item(item, truth),
            0x05 => self.freeze_item(places, truth),
            0x06 => self.profile_item(places, asked, truth),
            0x1D | 0x1E => self.relay_event_item(places, truth),
            _ => None,
        }
    }

    fn energy_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        if di2 == 0x90 {
            return self.credit_item(di1, di0, truth);
        }
        if let Some((phase, quantity)) = of_phase(di2) {
            if (di1, di0) != (0, 0) || !self.measures(quantity) {
                return None;
            }
            let value = self.phase_energy(quantity, phase, truth)?;
            let data = Data::new();
            return Some(
                if quantity.is_signed() { data.signed(value, 4) } else { data.bcd(value.unsigned_abs(), 4) }.done(),
            );
        }
        let quantity = Quantity::from_di2(di2).filter(|quantity| self.measures(*quantity))?;
        let at = |settlement: u8| match settlement {
            0 => truth,
            n => self.clock.truth(self.settlement(n, self.clock.shows(truth))),
        };
        Some(
            match (di1, di0) {
                (0xFF, 0..=SETTLEMENTS) => self.energy_values(Data::new(), quantity, at(di0)),
                (_, 0xFF) => {
                    let rate = rate(di1)?;
                    (0..=SETTLEMENTS).fold(Data::new(), |data, n| self.energy_value(data, quantity, rate, at(n)))
                }
                (_, 0..=SETTLEMENTS) => self.energy_value(Data::new(), quantity, rate(di1)?, at(di0)),
                _ => return None,
            }
            .done(),
        )
    }

    fn demand_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        // There is no demand of the combined active energy.
        let known = self.measures == Measures::Everything && di2 != 0;
        let quantity = Quantity::from_di2(di2).filter(|_| known)?;
        let shown = self.clock.shows(truth);
        let period = |n: u8| self.settled_period(n, shown);
        Some(
            match (di1, di0) {
                (0xFF, 0..=SETTLEMENTS) => self.demand_values(Data::new(), quantity, period(di0)),
                (_, 0xFF) => {
                    let rate = rate(di1)?;
                    (0..=SETTLEMENTS).fold(Data::new(), |data, n| self.demand_value(data, quantity, rate, period(n)))
                }
                (_, 0..=SETTLEMENTS) => self.demand_value(Data::new(), quantity, rate(di1)?, period(di0)),
                _ => return None,
            }
            .done(),
        )
    }

    fn credit_item(&self, di1: u8, di0: u8, truth: Civil) -> Option<Vec<u8>> {
        if !self.prepaid {
            return None;
        }
        let credit = self.credit(truth);
        let value = match (di1, di0) {
            (0x01, 0x00) => credit.energy,
            (0x02, 0x00) => credit.money,
            // It never lets the customer overdraw.
            (0x01 | 0x02, 0x01) => 0,
            _ => return None,
        };
        Some(Data::new().bcd(value.unsigned_abs(), 4).done())
    }

    fn read(&mut self, control: u8, data: &[u8], truth: Civil) -> Answer {
        self.follow = None;
        let Some((item, asked)) = data.split_first_chunk::<4>() else {
            // A two-byte item of 1997, or none at all.
            return Answer::new(control | ANSWER | ABNORMAL, vec![refusal::NO_SUCH_DATA]);
        };
        let refuses = self.quirk == Some(Quirk::NoBlocks) && item.contains(&0xFF);
        match self.item_with(u32::from_le_bytes(*item), asked, truth).filter(|_| !refuses) {
            Some(value) => self.begin(control, item, value, usize::from(self.max_data)),
            None => Answer::new(control | ANSWER | ABNORMAL, vec![refusal::NO_SUCH_DATA]),
        }
    }

    /// Answers with as much as one frame takes and keeps the rest for follow-up reads.
    pub(super) fn begin(&mut self, control: u8, item: &[u8], mut value: Vec<u8>, room: usize) -> Answer {
        let first = room.saturating_sub(item.len());
        let more = value.len() > first;
        if more {
            let rest = value.split_off(first);
            self.follow = Some(Box::new(Follow { item: item.to_vec(), rest, last: Vec::new(), given: 0 }));
        }
        let flag = if more { MORE } else { 0 };
        Answer::new(control | ANSWER | flag, [item, &value].concat())
    }

    fn read_follow(&mut self, control: u8, data: &[u8]) -> Answer {
        let refused = Answer::new(control | ANSWER | ABNORMAL, vec![refusal::NO_SUCH_DATA]);
        let room = usize::from(self.max_data).saturating_sub(5);
        let Some((sequence, item)) = data.split_last() else { return refused };
        let forgets = self.quirk == Some(Quirk::ForgetsFollowUp);
        let Some(follow) = self.follow.as_mut().filter(|follow| follow.item == item) else { return refused };
        if *sequence == follow.given.wrapping_add(1) && !follow.rest.is_empty() {
            let rest = follow.rest.split_off(room.min(follow.rest.len()));
            follow.last = std::mem::replace(&mut follow.rest, rest);
            follow.given = *sequence;
        } else if forgets || follow.given == 0 || *sequence != follow.given {
            return refused;
        }
        // The number is there so that a frame that was lost can be asked again.
        let flag = if follow.rest.is_empty() { 0 } else { MORE };
        Answer::new(control | ANSWER | flag, [item, &follow.last, &[*sequence]].concat())
    }

    fn write_data(&mut self, data: &[u8], truth: Civil) -> Outcome {
        let (item, rest) = data.split_first_chunk::<4>().ok_or(refusal::OTHER)?;
        let (who, value) = Credentials::split(rest).ok_or(refusal::OTHER)?;
        self.authorise(who, Level::PARAMETER, truth)?;
        self.write(u32::from_le_bytes(*item), value, who.operator, truth).map(|()| Vec::new()).map_err(
            |why| match why {
                Unwritten::NoSuchParameter => refusal::NO_SUCH_DATA,
                Unwritten::BadValue => refusal::OTHER,
                Unwritten::NotAllowed => refusal::NOT_AUTHORISED,
            },
        )
    }

    fn freeze(&mut self, data: &[u8], truth: Civil) -> Outcome {
        match FreezeOrder::parse(data) {
            Some(FreezeOrder::Now) => self.change().immediate_freezes.push(truth),
            Some(FreezeOrder::Timed(pattern)) => {
                let since = self.clock.shows(truth);
                self.change().timed_freeze = Some((pattern, since));
            }
            None => return Err(refusal::OTHER),
        }
        Ok(Vec::new())
    }

    fn change_baud(control: u8, data: &[u8]) -> Answer {
        let baud = match data {
            [0b0000_0010] => 600,
            [0b0000_0100] => 1200,
            [0b0000_1000] => 2400,
            [0b0001_0000] => 4800,
            [0b0010_0000] => 9600,
            [0b0100_0000] => 19_200,
            _ => return Answer::new(control | ANSWER | ABNORMAL, vec![refusal::BAUD]),
        };
        Answer { then_baud: Some(baud), ..Answer::new(control | ANSWER, data.to_vec()) }
    }

    /// 04000C0n, level and old password, level and new password.
    fn new_password(&mut self, data: &[u8], truth: Civil) -> Outcome {
        let [_item0, 0x0C, 0x00, 0x04, level, p0, p1, p2, new_level, n0, n1, n2] = *data else {
            return Err(refusal::OTHER);
        };
        if Level(new_level) > Level::WEAKEST {
            return Err(refusal::OTHER);
        }
        let (who, _) = Credentials::split(&[level, p0, p1, p2, 0, 0, 0, 0]).ok_or(refusal::OTHER)?;
        self.authorise(who, Level(new_level), truth)?;
        self.change_password(Level(new_level), [n0, n1, n2]);
        Ok(vec![new_level, n0, n1, n2])
    }

    fn clear_demand(&mut self, data: &[u8], truth: Civil) -> Outcome {
        let (who, _) = Credentials::split(data).ok_or(refusal::OTHER)?;
        self.authorise(who, Level::PARAMETER, truth)?;
        self.remember_with_registers(Kind::DemandClear, truth, who.operator);
        self.change().demand_cleared.push(truth);
        Ok(Vec::new())
    }

    /// Everything counted starts again at zero; what was latched and what happened before is gone, but for the clearings.
    fn clear_meter(&mut self, data: &[u8], truth: Civil) -> Outcome {
        let (who, _) = Credentials::split(data).ok_or(refusal::OTHER)?;
        self.authorise(who, Level::CONTROL, truth)?;
        // The record is of what stood before.
        self.remember_with_registers(Kind::MeterClear, truth, who.operator);
        self.born = truth;
        self.start_digits = 0;
        self.forget_disturbances(None);
        let changed = self.change();
        changed.steps.clear();
        changed.demand_cleared.push(truth);
        changed.events.retain(|event| matches!(event.kind, Kind::MeterClear | Kind::EventClear));
        Ok(Vec::new())
    }

    fn clear_event_log(&mut self, data: &[u8], truth: Civil) -> Outcome {
        let (who, mask) = Credentials::split(data).ok_or(refusal::OTHER)?;
        let mask: [u8; 4] = mask.try_into().map_err(|_| refusal::OTHER)?;
        self.authorise(who, Level::CONTROL, truth)?;
        self.clear_events(mask);
        self.remember(Kind::EventClear, truth, who.operator, mask.to_vec());
        Ok(Vec::new())
    }

    fn authorise(&mut self, who: Credentials, level: Level, truth: Civil) -> Result<(), u8> {
        let shown = self.clock.shows(truth);
        match self.admits(who, level, shown) {
            Admission::Admitted => Ok(()),
            Admission::Refused => Err(refusal::NOT_AUTHORISED),
        }
    }

    pub(super) fn hear_time(&mut self, data: &[u8], truth: Civil) {
        let Some(told) = encode::instant(data).filter(|_| data.len() == 6) else { return };
        let shown = self.clock.shows(truth);
        let last_day = self.changed().and_then(|changed| changed.last_broadcast_day);
        if timepiece::broadcast_is_acceptable(shown, told, last_day) {
            self.clock.set(truth, told);
            self.change().last_broadcast_day = Some(told.day());
        }
    }
}

/// The rate behind DI1.
fn rate(di1: u8) -> Option<Rate> {
    match usize::from(di1) {
        0 => Some(Rate::Total),
        n if n <= TARIFFS => Some(Rate::Tariff(n - 1)),
        _ => None,
    }
}

/// The phase and quantity behind DI2 of the phase energies: 15 is A forward, 29 B, 3D C.
fn of_phase(di2: u8) -> Option<(Phase, Quantity)> {
    [(0x15, Phase::A), (0x29, Phase::B), (0x3D, Phase::C)].into_iter().find_map(|(first, phase)| {
        let quantity = di2.checked_sub(first)?.checked_add(1).filter(|q| *q <= 0x0A)?;
        Some((phase, Quantity::from_di2(quantity)?))
    })
}
