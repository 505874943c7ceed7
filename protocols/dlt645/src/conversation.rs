//! What may come next: one question, its answer, and the follow-up frames of a long one.
//!
//! A [`Conversation`] says what to send and judges what arrives; it keeps no time and sends nothing. An answer is taken only
//! if address, service, item and sequence number fit the question that is open. Refusals name no item in either dialect, so
//! they are taken for the open question: whoever builds a verdict on one must ask again, and whoever carries the bytes must
//! not ask while an older answer may still be under way.

use crate::{
    Address, Answer, Command, Control, Data, DataId, DateTime, Dialect, Direction, Errors, Follow, Frame, Service,
};

/// What a frame was to the open question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The answer is complete: see [`Conversation::data`].
    Complete,
    /// A part of the answer; the next is to be asked for, with [`Conversation::command`].
    Part,
    /// The meter refuses, what was asked or the rest of it.
    Refused(Errors),
    /// Nothing to this question, and why.
    Foreign(Mismatch),
    /// The answer goes on beyond the bound; nothing more is to be asked.
    TooLong,
    /// The conversation was over before.
    Over,
}

/// Why a frame is no answer to the open question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mismatch {
    /// A request: our own bytes coming back, or another master.
    Request,
    /// From another address.
    Address,
    /// To another service, or of a form that no answer has.
    Service,
    /// Of another item.
    Item,
    /// Another part than was asked for.
    Sequence,
}

/// Reads one data item, however many frames its answer has.
#[derive(Debug)]
pub struct Conversation {
    dialect: Dialect,
    asked: Address,
    from_wildcard: bool,
    item: DataId,
    /// How many load-profile records from which time on; the byte as sent.
    records: Option<(u8, DateTime)>,
    /// The frame to ask for; 0 is the first.
    part: u8,
    state: State,
    data: Vec<u8>,
    bound: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Over,
}

impl Conversation {
    /// Begins to read `item` from `asked`. Of longer answers than `bound` bytes nothing is kept.
    pub fn new(dialect: Dialect, asked: Address, item: DataId, bound: usize) -> Self {
        let (part, state, data) = (0, State::Open, Vec::new());
        Self { dialect, asked, from_wildcard: false, item, records: None, part, state, data, bound }
    }

    /// Asks for so many load-profile records (the byte as sent) from a time on.
    pub fn of_records(self, records: u8, since: DateTime) -> Self {
        Self { records: Some((records, since)), ..self }
    }

    /// Takes answers from AA×6 as well: the meter asked is known to answer so, whatever address it was asked by.
    pub fn from_wildcard_too(self) -> Self {
        Self { from_wildcard: true, ..self }
    }

    /// What to send now.
    pub fn command(&self) -> Command<'static> {
        match self.part {
            0 => {
                let (blocks, since) = self.records.unzip();
                Command::Read { item: self.item, blocks, since }
            }
            _ => Command::ReadFollow { item: self.item, seq: self.sequence() },
        }
    }

    /// The data that has arrived, all parts put together and free of identification and sequence numbers.
    pub fn data(&self) -> Data<'_> {
        Data::plain(&self.data)
    }

    /// Judges a frame. Whatever does not fit leaves the question open.
    pub fn offer(&mut self, frame: &Frame<'_>) -> Heard {
        if self.state == State::Over {
            return Heard::Over;
        }
        if frame.control.direction() == Direction::Request {
            return Heard::Foreign(Mismatch::Request);
        }
        if !self.is_asked(frame.address) {
            return Heard::Foreign(Mismatch::Address);
        }
        match Answer::parse(self.dialect, frame) {
            Answer::Refused { service, errors } if service == self.service() => {
                self.state = State::Over;
                Heard::Refused(errors)
            }
            Answer::Data { service, item, data, seq, follow } if service == self.service() => {
                if item != self.item {
                    Heard::Foreign(Mismatch::Item)
                } else if seq != self.sequence() {
                    Heard::Foreign(Mismatch::Sequence)
                } else {
                    self.take(data, follow)
                }
            }
            // No reason that could be read, but a refusal: waiting on would tell no more.
            Answer::Other { control, .. } if control.is_abnormal() && self.is_of_ours(control) => {
                self.state = State::Over;
                Heard::Refused(Errors::new(self.dialect, 0))
            }
            _ => Heard::Foreign(Mismatch::Service),
        }
    }

    fn is_of_ours(&self, control: Control) -> bool {
        self.dialect.service(control.function()) == Some(self.service())
    }

    fn is_asked(&self, from: Address) -> bool {
        from.answers(self.asked) || (self.from_wildcard && from == Address::WILDCARD)
    }

    fn take(&mut self, data: Data<'_>, follow: Follow) -> Heard {
        let next = self.part.checked_add(1).filter(|_| self.data.len() + data.len() <= self.bound);
        let Some(next) = next else {
            self.state = State::Over;
            self.data.clear();
            return Heard::TooLong;
        };
        self.data.extend(data.iter());
        match follow {
            Follow::Last => {
                self.state = State::Over;
                Heard::Complete
            }
            Follow::More => {
                self.part = next;
                Heard::Part
            }
        }
    }

    fn service(&self) -> Service {
        if self.part == 0 { Service::Read } else { Service::ReadFollow }
    }

    /// The number the open question asks for; the first frame and the 1997 edition have none.
    fn sequence(&self) -> Option<u8> {
        (self.part > 0 && self.dialect == Dialect::V2007).then_some(self.part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Envelope, MAX_FRAME};
    use proptest::prelude::*;

    const ITEM: DataId = DataId::V2007(0x0506_FF01);
    const METER: Address = Address([1, 2, 3, 4, 5, 6]);

    #[test]
    fn a_refusal_whose_reason_has_not_its_form_is_a_refusal_without_a_reason() {
        for (control, data, refused) in
            [(0xD1, vec![], true), (0xD1, vec![0x35, 0x35], true), (0xF1, vec![], true), (0xD2, vec![], false)]
        {
            let mut conversation = Conversation::new(Dialect::V2007, METER, ITEM, 1000);
            let frame = Frame { wake_bytes: 0, address: METER, control: Control(control), data: Data::masked(&data) };
            match conversation.offer(&frame) {
                Heard::Refused(errors) => assert!(refused && !errors.no_such_data() && errors.bits() == 0),
                heard => assert!(!refused, "{control:02X}: {heard:?}"),
            }
        }
    }

    fn offer(conversation: &mut Conversation, from: Address, answer: Answer<'_>) -> Heard {
        let mut out = [0; MAX_FRAME];
        let envelope = Envelope { dialect: conversation.dialect, address: from, wake_bytes: 0 };
        let wire = answer.encode(&envelope, &mut out).unwrap();
        conversation.offer(&Frame::parse(wire).unwrap())
    }

    fn part(item: DataId, data: &[u8], seq: u8, follow: Follow) -> Answer<'_> {
        let (service, seq) = if seq == 0 { (Service::Read, None) } else { (Service::ReadFollow, Some(seq)) };
        Answer::Data { service, item, data: Data::plain(data), seq, follow }
    }

    #[test]
    fn a_long_answer_is_put_together_in_order() {
        let mut read = Conversation::new(Dialect::V2007, Address::WILDCARD, ITEM, 100);
        assert_eq!(read.command(), Command::Read { item: ITEM, blocks: None, since: None });
        assert_eq!(offer(&mut read, METER, part(ITEM, &[1, 2], 0, Follow::More)), Heard::Part);
        assert_eq!(read.command(), Command::ReadFollow { item: ITEM, seq: Some(1) });
        assert_eq!(offer(&mut read, METER, part(ITEM, &[3], 1, Follow::More)), Heard::Part);
        assert_eq!(offer(&mut read, METER, part(ITEM, &[4], 2, Follow::Last)), Heard::Complete);
        assert_eq!(read.data(), Data::plain(&[1, 2, 3, 4]));
        assert_eq!(offer(&mut read, METER, part(ITEM, &[4], 2, Follow::Last)), Heard::Over);
    }

    #[test]
    fn nothing_but_the_answer_to_the_open_question_is_taken() {
        let mut read = Conversation::new(Dialect::V2007, METER, ITEM, 100);
        let other = DataId::V2007(0x0001_0000);
        let foreign = |read: &mut Conversation, from, answer| match offer(read, from, answer) {
            Heard::Foreign(mismatch) => mismatch,
            heard => panic!("{heard:?}"),
        };
        let first = part(ITEM, &[1], 0, Follow::More);
        assert_eq!(foreign(&mut read, Address([9; 6]), first), Mismatch::Address);
        assert_eq!(foreign(&mut read, METER, part(other, &[1], 0, Follow::Last)), Mismatch::Item);
        assert_eq!(foreign(&mut read, METER, part(ITEM, &[1], 1, Follow::Last)), Mismatch::Service);
        assert_eq!(foreign(&mut read, METER, Answer::Done { service: Service::Relay }), Mismatch::Service);
        let refusal = Answer::Refused { service: Service::Write, errors: Errors::new(Dialect::V2007, 4) };
        assert_eq!(foreign(&mut read, METER, refusal), Mismatch::Service);

        assert_eq!(offer(&mut read, METER, first), Heard::Part);
        assert_eq!(foreign(&mut read, METER, first), Mismatch::Service);
        assert_eq!(foreign(&mut read, METER, part(ITEM, &[1], 2, Follow::Last)), Mismatch::Sequence);
        assert_eq!(read.data(), Data::plain(&[1]));

        let errors = Errors::new(Dialect::V2007, 2);
        assert_eq!(
            offer(&mut read, METER, Answer::Refused { service: Service::ReadFollow, errors }),
            Heard::Refused(errors)
        );
    }

    #[test]
    fn records_are_asked_for_by_number_and_time_and_their_rest_by_sequence() {
        let since = DateTime::from_wire_minute([0x15, 0x10, 0x24, 0x11, 0x26]).unwrap();
        let mut read = Conversation::new(Dialect::V2007, METER, ITEM, 100).of_records(6, since);
        assert_eq!(read.command(), Command::Read { item: ITEM, blocks: Some(6), since: Some(since) });
        assert_eq!(offer(&mut read, METER, part(ITEM, &[1], 0, Follow::More)), Heard::Part);
        assert_eq!(read.command(), Command::ReadFollow { item: ITEM, seq: Some(1) });
    }

    #[test]
    fn an_answer_from_the_wildcard_is_taken_only_where_the_meter_is_known_for_it() {
        let answer = part(ITEM, &[1], 0, Follow::Last);
        let mut strict = Conversation::new(Dialect::V2007, METER, ITEM, 100);
        assert_eq!(offer(&mut strict, Address::WILDCARD, answer), Heard::Foreign(Mismatch::Address));
        let mut known = Conversation::new(Dialect::V2007, METER, ITEM, 100).from_wildcard_too();
        assert_eq!(offer(&mut known, Address([9; 6]), answer), Heard::Foreign(Mismatch::Address));
        assert_eq!(offer(&mut known, Address::WILDCARD, answer), Heard::Complete);
    }

    #[test]
    fn our_own_echo_is_no_answer() {
        let mut read = Conversation::new(Dialect::V2007, METER, ITEM, 100);
        let mut out = [0; MAX_FRAME];
        let envelope = Envelope { dialect: Dialect::V2007, address: METER, wake_bytes: 4 };
        let wire = read.command().encode(&envelope, &mut out).unwrap();
        assert_eq!(read.offer(&Frame::parse(wire).unwrap()), Heard::Foreign(Mismatch::Request));
    }

    #[test]
    fn an_answer_without_end_is_given_up() {
        let mut read = Conversation::new(Dialect::V2007, METER, ITEM, 3);
        assert_eq!(offer(&mut read, METER, part(ITEM, &[1, 2], 0, Follow::More)), Heard::Part);
        assert_eq!(offer(&mut read, METER, part(ITEM, &[1, 2], 1, Follow::More)), Heard::TooLong);
        assert!(read.data().is_empty());

        let mut endless = Conversation::new(Dialect::V2007, METER, ITEM, usize::MAX);
        let count = (0..=u8::MAX)
            .take_while(|&seq| offer(&mut endless, METER, part(ITEM, &[1], seq, Follow::More)) == Heard::Part);
        assert_eq!(count.count(), 255);
    }

    #[test]
    fn the_1997_edition_does_not_number_its_frames() {
        let item = DataId::V1997(0x901F);
        let mut read = Conversation::new(Dialect::V1997, METER, item, 100);
        let answer = |service, follow| Answer::Data { service, item, data: Data::plain(&[1, 2]), seq: None, follow };
        assert_eq!(offer(&mut read, METER, answer(Service::Read, Follow::More)), Heard::Part);
        assert_eq!(read.command(), Command::ReadFollow { item, seq: None });
        assert_eq!(offer(&mut read, METER, answer(Service::ReadFollow, Follow::Last)), Heard::Complete);
        assert_eq!(read.data().len(), 4);
    }

    proptest! {
        #[test]
        fn no_frame_panics_and_the_bound_holds(frames in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..20)), 0..20)) {
            let mut read = Conversation::new(Dialect::V2007, Address::WILDCARD, DataId::V2007(0), 32);
            for (control, data) in frames {
                read.offer(&Frame { wake_bytes: 0, address: METER, control: Control(control), data: Data::plain(&data) });
                prop_assert!(read.data().len() <= 32);
            }
        }
    }
}
