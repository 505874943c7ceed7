//! Frames of DL/T 645 around what meters hear and answer, and what faults do to them.

use hes_dlt645::{Address, Control, Data, Direction, Dlt645, Frame, MAX_FRAME};
use hes_wire::Framing;

use crate::civil::Civil;
use crate::meter::{Addressed, Answer, Dialect, Meter, Quirk};
use crate::protocol::Reply;
use crate::seed::draw;

pub(crate) const FRAMING: &dyn Framing = &Dlt645;

/// Control codes of a read, in both editions.
const READ: [u8; 2] = [0x11, 0x01];
const READ_FOLLOW: u8 = 0x12;
const READ_ADDRESS_ANSWER: u8 = 0x93;
/// Bit 7 of a control code: from the meter.
const ANSWER: u8 = 0x80;
/// Most data bytes of one frame.
const MOST_DATA: usize = 200;

/// A request as it stands in a frame.
#[derive(Debug)]
pub(crate) struct Question<'f> {
    frame: Frame<'f>,
    pub(crate) control: u8,
    /// 33H taken off.
    pub(crate) data: Vec<u8>,
    addressed: Addressed,
}

impl<'f> Question<'f> {
    pub(crate) fn parse(frame: &'f [u8]) -> Option<Self> {
        let frame = Frame::parse(frame).ok().filter(|frame| frame.control.direction() != Direction::Answer)?;
        let addressed = match frame.address {
            Address::BROADCAST => Addressed::Everybody,
            Address::WILDCARD => Addressed::Anyone,
            short if short.has_wildcard() => Addressed::Shortened,
            _ => Addressed::Exactly,
        };
        Some(Self { control: frame.control.0, data: frame.data.iter().collect(), addressed, frame })
    }

    fn as_heard(&self) -> crate::meter::Question<'_> {
        crate::meter::Question { control: self.control, data: &self.data, addressed: self.addressed }
    }

    /// Width of its data item: two bytes in 1997.
    fn item_bytes(&self) -> usize {
        if self.control < 0x10 { 2 } else { 4 }
    }
}

/// What a meter answers, if it is meant.
pub(crate) fn answer(meter: &mut Meter, question: &Question<'_>, wake_bytes: usize, now: Civil) -> Option<Reply> {
    let named = Address::from_number(meter.address()).is_some_and(|own| own.answers(question.frame.address));
    if !named && question.addressed != Addressed::Everybody {
        return None;
    }
    // An answer to "write address" carries the new one.
    let answer = meter.answer(question.as_heard(), now)?;
    Some(reply(meter, answer, wake_bytes))
}

/// What a meter answers to a question for another one that it takes for its own.
pub(crate) fn answer_for_another(
    meter: &mut Meter,
    question: &Question<'_>,
    wake_bytes: usize,
    now: Civil,
) -> Option<Reply> {
    if !READ.contains(&question.control) {
        return None;
    }
    let heard = crate::meter::Question { addressed: Addressed::Exactly, ..question.as_heard() };
    let answer = meter.respond(heard, now)?;
    Some(reply(meter, answer, wake_bytes))
}

fn reply(meter: &Meter, answer: Answer, wake_bytes: usize) -> Reply {
    let own = Address::from_number(meter.address()).unwrap_or(Address::WILDCARD);
    let address = if meter.quirk() == Some(Quirk::AnswersFromWildcard) { Address::WILDCARD } else { own };
    let frame = Frame { wake_bytes, address, control: Control(answer.control), data: Data::plain(&answer.data) };
    Reply { bytes: encode(frame), lead: wake_bytes, then_baud: answer.then_baud }
}

fn encode(frame: Frame<'_>) -> Vec<u8> {
    let mut out = [0; MAX_FRAME + 16];
    // An answer is encoded alike in both editions.
    frame.encode(hes_dlt645::Dialect::V2007, &mut out).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Another item of the same meter, or another place in the same answer.
pub(crate) fn wrong_item(
    meter: &Meter,
    question: &Question<'_>,
    reply: &Reply,
    chance: u64,
    now: Civil,
) -> Option<Vec<u8>> {
    let frame = Frame::parse(&reply.bytes).ok()?;
    if question.control == READ_FOLLOW {
        let mut data: Vec<u8> = frame.data.iter().collect();
        let sequence = data.last_mut()?;
        *sequence = sequence.wrapping_add(1);
        return Some(encode(Frame { wake_bytes: reply.lead, data: Data::plain(&data), ..frame }));
    }
    if !READ.contains(&question.control) {
        return None;
    }
    let width = question.item_bytes();
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
    let control = Control(question.control | ANSWER);
    let frame = Frame { wake_bytes: reply.lead, control, data: Data::plain(&data), ..frame };
    (data.len() <= MOST_DATA).then(|| encode(frame))
}

pub(crate) fn wrong_address(meter: &Meter, reply: &Reply, chance: u64) -> Option<Vec<u8>> {
    let frame = Frame::parse(&reply.bytes).ok()?;
    let address = Address::from_number((meter.address() + 1 + draw(chance, 9, 1000)) % 999_999_999_999)?;
    Some(encode(Frame { wake_bytes: reply.lead, address, ..frame }))
}

/// Damages two bytes of the value against each other, or a byte and the check sum where there is only one.
pub(crate) fn compensated(question: &Question<'_>, reply: &Reply, chance: u64) -> Option<Vec<u8>> {
    let frame = Frame::parse(&reply.bytes).ok()?;
    let value = frame.data.iter().count().checked_sub(question.item_bytes()).filter(|value| *value > 0)?;
    let mut bytes = reply.bytes.clone();
    let first = bytes.len().saturating_sub(2 + value);
    let by = u8::try_from(1 + draw(chance, 3, 15)).unwrap_or(1);
    let one = first + usize::try_from(draw(chance, 1, value as u64)).unwrap_or(0);
    // With a value of one byte the other damaged byte is the check sum itself, which then goes the same way.
    let (other, back) = if value > 1 {
        let step = 1 + usize::try_from(draw(chance, 2, value as u64 - 1)).unwrap_or(0);
        (first + (one - first + step) % value, by.wrapping_neg())
    } else {
        (bytes.len().saturating_sub(2), by)
    };
    for (at, change) in [(one, by), (other, back)] {
        if let Some(byte) = bytes.get_mut(at) {
            *byte = byte.wrapping_add(change);
        }
    }
    Some(bytes)
}

/// The meter's address, as if it had been read.
pub(crate) fn announcement(meter: &Meter) -> Vec<u8> {
    let Some(address) = Address::from_number(meter.address()) else { return Vec::new() };
    encode(Frame { wake_bytes: 0, address, control: Control(READ_ADDRESS_ANSWER), data: Data::plain(&address.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::MeterSpec;

    #[test]
    fn compensated_damage_passes_the_check_sum_and_keeps_the_item() {
        let now: Civil = "2026-11-20T10:00:00".parse().unwrap();
        let mut meter = Meter::new(&MeterSpec::household(123_456_789_012), 645, now);
        let address = Address::from_number(meter.address()).unwrap();
        // A block of values, and a status byte alone.
        for item in [[0x00, 0xFF, 0x01, 0x00], [0x01, 0x06, 0x00, 0x04]] {
            let asked = encode(Frame { wake_bytes: 0, address, control: Control(0x11), data: Data::plain(&item) });
            let question = Question::parse(&asked).unwrap();
            let good = answer(&mut meter, &question, 2, now).unwrap();
            let right: Vec<u8> = Frame::parse(&good.bytes).unwrap().data.iter().collect();
            for chance in 0..500 {
                let bytes = compensated(&question, &good, chance).unwrap();
                let data: Vec<u8> = Frame::parse(&bytes).unwrap().data.iter().collect();
                assert_eq!(data[..4], right[..4]);
                assert_ne!(data, right);
            }
        }
    }
}
