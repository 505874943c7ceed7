//! Invocation counters: no number is used twice, none is believed twice.
//!
//! A nonce is the sender's title and its invocation counter. One nonce used twice under one key gives both messages away,
//! so a [`SendCounter`] hands out only numbers that its owner has written down as gone before: it survives a crash by
//! skipping what may have been used. Whoever holds a key keeps one counter for it, in one place, for all associations.
//!
//! A [`ReplayGuard`] is the other side: per key and sender, a number must be greater than all before.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;

use super::SystemTitle;
use super::keys::Fingerprint;

/// One more than the greatest invocation counter.
const END: u64 = 1 << 32;

/// Why there is no invocation counter to send with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CounterError {
    /// The owner must reserve more first.
    #[error("no invocation counter is reserved")]
    NotReserved,
    /// The key has been used 2^32 times. It must be changed.
    #[error("the invocation counters of this key are used up")]
    Exhausted,
    /// The peer names a counter so far ahead that believing it would use the key up.
    #[error("the peer expects counter {expected}, more than {furthest} ahead of {next}")]
    TooFar {
        /// What the peer says.
        expected: u32,
        /// The next of ours.
        next: u64,
        /// How far we would go.
        furthest: u32,
    },
}

/// An invocation counter that nobody else has or will get. It is spent by protecting one APDU.
///
/// It cannot be copied, so a nonce cannot be used twice by mistake; sending the same *bytes* again is no second use.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a number that is dropped is gone"]
pub struct Issued(u32);

impl Issued {
    /// The number.
    pub const fn value(&self) -> u32 {
        self.0
    }
}

/// Numbers that are about to be reserved. Its owner stores [`bound`](Self::bound), waits until that is durable, and then
/// calls [`SendCounter::confirm`]. What is stored must never go down.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nothing is reserved until the bound is durable and confirmed"]
pub struct Reservation {
    bound: u64,
}

impl Reservation {
    /// The first number that is *not* reserved: what to store, and what [`SendCounter::resume`] takes after a restart.
    pub const fn bound(&self) -> u64 {
        self.bound
    }
}

/// Hands out invocation counters for one key and one title.
#[derive(Debug)]
pub struct SendCounter {
    next: u64,
    reserved: u64,
}

impl SendCounter {
    /// Goes on where the last stored bound ends; 0 for a key that was never used. Nothing is reserved yet.
    ///
    /// What comes back from a backup is older than what was used: its owner adds more than can have been used since.
    pub fn resume(stored_bound: u64) -> Self {
        let next = stored_bound.min(END);
        Self { next, reserved: next }
    }
    /// For a key that lives and dies in memory with this counter: a dedicated key, an agreed key of one message.
    ///
    /// Never for a global key: there is nothing durable behind it.
    pub const fn for_session_key() -> Self {
        Self { next: 0, reserved: END }
    }
    /// Numbers that can be handed out without reserving.
    pub const fn available(&self) -> u64 {
        self.reserved - self.next
    }
    /// The next number, if it is reserved in time.
    pub const fn next(&self) -> u64 {
        self.next
    }
    /// Prepares to reserve `count` numbers more. May be dropped, and prepared again, at no cost.
    pub fn reserve(&self, count: NonZeroU32) -> Result<Reservation, CounterError> {
        if self.reserved == END {
            return Err(CounterError::Exhausted);
        }
        Ok(Reservation { bound: (self.reserved + u64::from(count.get())).min(END) })
    }
    /// The bound is durable: numbers below it may go out.
    pub fn confirm(&mut self, reservation: Reservation) {
        self.reserved = self.reserved.max(reservation.bound);
    }
    /// Takes the next number.
    pub fn issue(&mut self) -> Result<Issued, CounterError> {
        if self.next >= self.reserved {
            return Err(if self.next == END { CounterError::Exhausted } else { CounterError::NotReserved });
        }
        let issued = u32::try_from(self.next).map_err(|_| CounterError::Exhausted)?;
        self.next += 1;
        Ok(Issued(issued))
    }
    /// Goes forward to what the peer expects, read from class 1 `0.0.43.1.e.255` or told in an exception response; never
    /// back. The answer may be forged, so it is not followed further than `furthest` numbers.
    pub fn skip_to(&mut self, expected: u32, furthest: u32) -> Result<(), CounterError> {
        let target = u64::from(expected);
        if target.saturating_sub(self.next) > u64::from(furthest) {
            return Err(CounterError::TooFar { expected, next: self.next, furthest });
        }
        self.next = self.next.max(target);
        // What lies between was given away with the step; what lies ahead is not reserved yet.
        self.reserved = self.reserved.max(self.next);
        Ok(())
    }
}

/// A counter that was seen before, or is below one that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invocation counter {counter} is not above {last}, the last one from {sender}")]
pub struct Replayed {
    /// Who is said to have sent it.
    pub sender: SystemTitle,
    /// What came.
    pub counter: u32,
    /// The last that was taken.
    pub last: u32,
}

/// Most keys of one message or a few that are remembered; beyond that the oldest is forgotten.
const ONE_TIME_KEYS: usize = 256;

/// How long a key lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// A global or dedicated key: its last counter is never forgotten.
    Lasting,
    /// Wrapped or agreed for one message or a few: the last 256 are remembered. A replay of an older one, or of one before a
    /// restart, is for the owner to see by transaction identifier and date.
    OneTime,
}

/// The last counter of each sender under each key. Entries appear only for APDUs that were verified.
#[derive(Debug, Default)]
pub struct ReplayGuard {
    lasting: BTreeMap<(Fingerprint, SystemTitle), u32>,
    one_time: VecDeque<(Fingerprint, SystemTitle, u32)>,
}

impl ReplayGuard {
    /// Knows nobody yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes up what was stored by the owner, or what a sender has used elsewhere; a lower number than is known changes
    /// nothing.
    pub fn restore(&mut self, key: Fingerprint, sender: SystemTitle, last: u32) {
        let known = self.lasting.entry((key, sender)).or_insert(last);
        *known = last.max(*known);
    }
    /// What is to be stored: the last counter of each sender under each lasting key.
    pub fn entries(&self) -> impl Iterator<Item = (Fingerprint, SystemTitle, u32)> + '_ {
        self.lasting.iter().map(|(&(key, sender), &last)| (key, sender, last))
    }
    /// The last counter of a sender under a key.
    pub fn last(&self, key: Fingerprint, sender: SystemTitle) -> Option<u32> {
        let one_time = || self.one_time.iter().find(|&&(k, s, _)| (k, s) == (key, sender)).map(|&(_, _, last)| last);
        self.lasting.get(&(key, sender)).copied().or_else(one_time)
    }
    /// Whether a counter would be taken.
    pub fn check(&self, key: Fingerprint, sender: SystemTitle, counter: u32) -> Result<(), Replayed> {
        match self.last(key, sender) {
            Some(last) if counter <= last => Err(Replayed { sender, counter, last }),
            _ => Ok(()),
        }
    }
    /// Takes a counter of an APDU whose tag was right. Not before: who cannot make a tag must not move the counter.
    pub fn accept(
        &mut self,
        key: Fingerprint,
        lifetime: Lifetime,
        sender: SystemTitle,
        counter: u32,
    ) -> Result<(), Replayed> {
        self.check(key, sender, counter)?;
        match lifetime {
            Lifetime::Lasting => {
                self.lasting.insert((key, sender), counter);
            }
            Lifetime::OneTime => {
                self.one_time.retain(|&(k, s, _)| (k, s) != (key, sender));
                if self.one_time.len() >= ONE_TIME_KEYS {
                    self.one_time.pop_front();
                }
                self.one_time.push_back((key, sender, counter));
            }
        }
        Ok(())
    }
    /// Forgets a key that is no longer in use.
    pub fn forget(&mut self, key: Fingerprint) {
        self.lasting.retain(|&(k, _), _| k != key);
        self.one_time.retain(|&(k, _, _)| k != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const METER: SystemTitle = SystemTitle(*b"MMM\0\0\0\0\x01");
    const KEY: Fingerprint = Fingerprint([1; 8]);

    fn count(n: u32) -> NonZeroU32 {
        NonZeroU32::new(n).unwrap()
    }

    #[test]
    fn nothing_is_handed_out_before_its_reservation_is_confirmed() {
        let mut counter = SendCounter::resume(7);
        assert_eq!(counter.issue(), Err(CounterError::NotReserved));
        let reservation = counter.reserve(count(2)).unwrap();
        assert_eq!(reservation.bound(), 9);
        assert_eq!(counter.issue(), Err(CounterError::NotReserved));
        counter.confirm(reservation);
        assert_eq!(counter.issue().map(|issued| issued.value()), Ok(7));
        assert_eq!(counter.issue().map(|issued| issued.value()), Ok(8));
        assert_eq!(counter.issue(), Err(CounterError::NotReserved));
    }

    #[test]
    fn the_last_number_is_used_once_and_then_the_key_is_used_up() {
        let mut counter = SendCounter::resume(u64::from(u32::MAX));
        let reservation = counter.reserve(count(100)).unwrap();
        assert_eq!(reservation.bound(), END);
        counter.confirm(reservation);
        assert_eq!(counter.issue().map(|issued| issued.value()), Ok(u32::MAX));
        assert_eq!(counter.issue(), Err(CounterError::Exhausted));
        assert_eq!(counter.reserve(count(1)), Err(CounterError::Exhausted));
        assert_eq!(SendCounter::resume(END).issue(), Err(CounterError::Exhausted));
        assert_eq!(SendCounter::resume(u64::MAX).issue(), Err(CounterError::Exhausted));
    }

    #[test]
    fn a_step_forward_needs_a_new_reservation_and_a_step_back_is_none() {
        let mut counter = SendCounter::resume(10);
        counter.confirm(counter.reserve(count(10)).unwrap());
        counter.skip_to(3, 1000).unwrap();
        assert_eq!(counter.issue().map(|issued| issued.value()), Ok(10));
        counter.skip_to(500, 1000).unwrap();
        assert_eq!(counter.issue(), Err(CounterError::NotReserved));
        let reservation = counter.reserve(count(1)).unwrap();
        assert_eq!(reservation.bound(), 501);
        counter.confirm(reservation);
        assert_eq!(counter.issue().map(|issued| issued.value()), Ok(500));
        let too_far = counter.skip_to(u32::MAX, 1000);
        assert_eq!(too_far, Err(CounterError::TooFar { expected: u32::MAX, next: 501, furthest: 1000 }));
        assert_eq!(counter.next(), 501);
    }

    #[test]
    fn a_reservation_from_before_a_step_forward_frees_nothing_ahead() {
        let mut counter = SendCounter::resume(0);
        let old = counter.reserve(count(10)).unwrap();
        counter.skip_to(100, 1000).unwrap();
        counter.confirm(old);
        assert_eq!(counter.issue(), Err(CounterError::NotReserved));
    }

    #[test]
    fn a_counter_is_believed_once_for_each_key_and_sender() {
        let mut guard = ReplayGuard::new();
        let mut accept = |key, sender, counter| guard.accept(key, Lifetime::Lasting, sender, counter);
        assert_eq!(accept(KEY, METER, 0), Ok(()));
        assert_eq!(accept(KEY, METER, 0), Err(Replayed { sender: METER, counter: 0, last: 0 }));
        assert_eq!(accept(KEY, METER, 9), Ok(()));
        assert_eq!(accept(KEY, METER, 8), Err(Replayed { sender: METER, counter: 8, last: 9 }));
        assert_eq!(accept(Fingerprint([2; 8]), METER, 1), Ok(()), "a new key counts from the start");
        assert_eq!(accept(KEY, SystemTitle([7; 8]), 1), Ok(()), "so does another sender");
        assert_eq!(guard.entries().count(), 3);
        guard.forget(KEY);
        assert_eq!(guard.entries().count(), 1);
    }

    #[test]
    fn what_was_stored_is_refused_after_a_restart() {
        let mut before = ReplayGuard::new();
        before.accept(KEY, Lifetime::Lasting, METER, 41).unwrap();
        let mut after = ReplayGuard::new();
        before.entries().for_each(|(key, sender, last)| after.restore(key, sender, last));
        after.restore(KEY, METER, 7);
        assert!(after.accept(KEY, Lifetime::Lasting, METER, 41).is_err());
        assert!(after.accept(KEY, Lifetime::Lasting, METER, 42).is_ok());
    }

    #[test]
    fn keys_for_one_message_do_not_fill_the_memory() {
        let mut guard = ReplayGuard::new();
        for n in 0..1000_u64 {
            let key = Fingerprint(n.to_be_bytes());
            assert_eq!(guard.accept(key, Lifetime::OneTime, METER, 0), Ok(()));
            assert!(guard.accept(key, Lifetime::OneTime, METER, 0).is_err());
        }
        assert_eq!(guard.one_time.len(), ONE_TIME_KEYS);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Reserve(u32),
        ReserveAndCrashBeforeConfirm(u32),
        Issue,
        Crash,
        SkipTo(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            1 => (1..20_u32).prop_map(Step::Reserve),
            1 => (1..20_u32).prop_map(Step::ReserveAndCrashBeforeConfirm),
            5 => Just(Step::Issue),
            1 => Just(Step::Crash),
            1 => (0..2000_u32).prop_map(Step::SkipTo),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn no_number_is_handed_out_twice_whenever_it_crashes(steps in steps(), start in prop_oneof![Just(0), Just(END - 30)]) {
            let (mut stored, mut counter) = (start, SendCounter::resume(start));
            let mut last = None;
            for step in steps {
                match step {
                    Step::Reserve(n) => if let Ok(reservation) = counter.reserve(count(n)) {
                        stored = reservation.bound();
                        counter.confirm(reservation);
                    },
                    Step::ReserveAndCrashBeforeConfirm(n) => if let Ok(reservation) = counter.reserve(count(n)) {
                        stored = reservation.bound();
                        counter = SendCounter::resume(stored);
                    },
                    Step::Issue => if let Ok(issued) = counter.issue() {
                        prop_assert!(last < Some(issued.value()), "{last:?} then {issued:?}");
                        prop_assert!(u64::from(issued.value()) < stored);
                        last = Some(issued.value());
                    },
                    Step::Crash => counter = SendCounter::resume(stored),
                    Step::SkipTo(n) => counter.skip_to(n, 10_000).unwrap(),
                }
            }
        }
    }
}
