//! What a channel has learned about reply times, its meters' and its path's, and whom it must not ask yet. Pure: time is
//! an argument.
//!
//! A meter that answers in 30 ms should not cost half a second when it once stays silent. After
//! `learned_replies_min` replies its first byte is waited for only as long as the 99th percentile of its last 32 replies
//! (with 32 of them: the slowest), times `reply_factor_percent`, plus `reply_margin_ms`; never longer than the longest
//! answer time. What a device on the way may hold back of an answer comes on top of either; [`HeldBack`] learns it, with the
//! same factor after the same number of long answers, for the meters that never answered too. Two rules keep that safe:
//!
//! - after such a shortened wait ran out, the meter is asked *nothing* until its longest answer time is over, and while bytes
//!   that belong to no answer still come, until they end or have had the time that an answer's pauses may take, so that a late
//!   answer cannot meet a later question. Other meters are asked meanwhile;
//! - until it answers again, the meter gets the longest answer time: it may have become slower.
//!
//! What was learned outlives a restart: the replies are stored from time to time, and the next start begins with them.

use std::collections::HashMap;
use std::time::Duration;

use hes_model::MeterId;
use hes_transport::Late;
use tokio::time::Instant;

use crate::held_back::{HeldBack, Share};
use crate::turnstile::{MeterKey, TurnstileConfig};

/// Replies remembered of a meter.
const REPLIES: usize = 32;
/// Meters remembered on one channel; no bus and no concentrator has more. Those beyond get the longest answer time.
const METERS_MAX: usize = 16_384;

/// The last reply times of one meter, in milliseconds, rounded up.
#[derive(Debug, Clone, Default)]
struct Replies {
    last: [u16; REPLIES],
    count: usize,
}

impl Replies {
    /// As they were given away by [`Replies::oldest_first`], or fewer.
    fn of(known: &[Duration]) -> Self {
        let mut replies = Self::default();
        known.iter().for_each(|reply| replies.add(*reply));
        replies
    }

    fn oldest_first(&self) -> Vec<Duration> {
        let (newer, older) = self.last.split_at(self.count % REPLIES);
        let older = if self.count < REPLIES { &[] } else { older };
        older.iter().chain(newer).map(|ms| Duration::from_millis((*ms).into())).collect()
    }

    fn add(&mut self, reply: Duration) {
        let ms = reply.as_micros().div_ceil(1000);
        if let Some(place) = self.last.get_mut(self.count % REPLIES) {
            *place = u16::try_from(ms).unwrap_or(u16::MAX);
        }
        self.count += 1;
    }

    /// The smallest of the last replies that at least 99 of 100 of them do not exceed.
    fn p99(&self) -> Option<Duration> {
        let mut known: Vec<u16> = self.last.iter().copied().take(self.count).collect();
        known.sort_unstable();
        let rank = (known.len() * 99).div_ceil(100);
        known.get(rank.checked_sub(1)?).map(|ms| Duration::from_millis((*ms).into()))
    }
}

#[derive(Debug, Clone, Default)]
struct Habit {
    replies: Replies,
    /// Whether there are replies that were not given away yet.
    has_new: bool,
    missed: bool,
    late: Option<Late>,
}

/// What one channel knows about its meters.
#[derive(Debug)]
pub(crate) struct Habits {
    config: TurnstileConfig,
    meters: HashMap<MeterKey, Habit>,
    held_back: HeldBack,
}

/// How long to wait for the first byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The meter's reply time; `None`: the longest.
    pub(crate) reply: Option<Duration>,
    /// How much of the answer may be held back.
    pub(crate) held_back: Share,
}

impl Habits {
    pub(crate) fn new(config: TurnstileConfig) -> Self {
        Self { config, meters: HashMap::new(), held_back: HeldBack::default() }
    }

    /// Begins with what was learned of a meter before.
    pub(crate) fn remember(&mut self, meter: MeterId, known: &[Duration]) {
        if let Some(habit) = self.habit(MeterKey::Meter(meter)) {
            habit.replies = Replies::of(known);
        }
    }

    /// The replies of every meter that gave new ones since the last time, oldest first, to be stored.
    pub(crate) fn take_new(&mut self) -> Vec<(MeterId, Vec<Duration>)> {
        let new = |(key, habit): (&MeterKey, &mut Habit)| match key {
            MeterKey::Meter(meter) => {
                std::mem::take(&mut habit.has_new).then(|| (*meter, habit.replies.oldest_first()))
            }
            MeterKey::Everyone => None,
        };
        self.meters.iter_mut().filter_map(new).collect()
    }

    /// How long to wait for the first byte of `meter`'s answer.
    pub(crate) fn expected(&self, meter: MeterKey) -> Expected {
        if self.meters.get(&meter).is_some_and(|habit| habit.missed) {
            return Expected { reply: None, held_back: Share::WHOLE };
        }
        let answers_min = usize::from(self.config.learned_replies_min);
        let held_back = self.held_back.expected(answers_min, self.config.reply_factor_percent);
        Expected { reply: self.reply(meter), held_back }
    }

    fn reply(&self, meter: MeterKey) -> Option<Duration> {
        let habit = self.meters.get(&meter)?;
        if habit.replies.count < usize::from(self.config.learned_replies_min) {
            return None;
        }
        let p99 = habit.replies.p99()?;
        let margin = Duration::from_millis(self.config.reply_margin_ms.into());
        Some(p99 * u32::from(self.config.reply_factor_percent) / 100 + margin)
    }

    /// A reply came, this long after the question, with so much of it held back.
    pub(crate) fn answered(&mut self, meter: MeterKey, reply: Duration, held_back: Option<Share>) {
        if let Some(share) = held_back {
            self.held_back.add(share);
        }
        if let Some(habit) = self.habit(meter) {
            habit.replies.add(reply);
            habit.has_new = true;
            habit.missed = false;
            habit.late = None;
        }
    }

    /// No reply came. `late`: how long one may still come, if the wait was shorter than the longest answer time.
    pub(crate) fn missed(&mut self, meter: MeterKey, late: Option<Late>) {
        if let Some(habit) = self.habit(meter) {
            habit.missed = true;
            habit.late = late;
        }
    }

    /// When `meter` may be asked, if not at once. `stray`: when bytes that belong to no answer were last heard on the line.
    pub(crate) fn closed_until(&self, meter: MeterKey, now: Instant, stray: Option<Instant>) -> Option<Instant> {
        let late = self.meters.get(&meter)?.late?;
        Some(late.until(stray)).filter(|until| *until > now)
    }

    fn habit(&mut self, meter: MeterKey) -> Option<&mut Habit> {
        if !self.meters.contains_key(&meter) && self.meters.len() >= METERS_MAX {
            return None;
        }
        Some(self.meters.entry(meter).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hes_transport::Deadlines;

    const METER: MeterKey = MeterKey::Meter(MeterId(1));
    const LONGEST: Deadlines = Deadlines {
        first: Duration::from_millis(300),
        gap: Duration::from_millis(100),
        whole: Duration::from_millis(500),
        with_pauses: Duration::from_millis(3000),
        held_back: Duration::ZERO,
    };

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn learned(replies: impl IntoIterator<Item = u64>) -> Habits {
        let mut habits = Habits::new(TurnstileConfig::default());
        for reply in replies {
            habits.answered(METER, ms(reply), None);
        }
        habits
    }

    #[test]
    fn nothing_is_shortened_before_twenty_replies() {
        assert_eq!(learned([30; 19]).expected(METER).reply, None);
        assert_eq!(learned([30; 20]).expected(METER).reply, Some(ms(65)));
    }

    #[test]
    fn the_slowest_of_the_last_replies_counts_and_is_forgotten_after_thirty_two() {
        let mut habits = learned([30; 20]);
        habits.answered(METER, ms(200), None);
        assert_eq!(habits.expected(METER).reply, Some(ms(320)));
        for _ in 0..31 {
            habits.answered(METER, ms(30), None);
        }
        assert_eq!(habits.expected(METER).reply, Some(ms(320)));
        habits.answered(METER, ms(30), None);
        assert_eq!(habits.expected(METER).reply, Some(ms(65)));
    }

    #[test]
    fn after_a_miss_the_longest_answer_time_holds_until_the_meter_answers_again() {
        let mut habits = learned([30; 25]);
        habits.missed(METER, None);
        assert_eq!(habits.expected(METER).reply, None);
        habits.answered(METER, ms(400), None);
        assert_eq!(habits.expected(METER).reply, Some(ms(620)), "and the slow reply is learned");
    }

    #[test]
    fn a_meter_that_may_answer_late_is_closed_and_no_other() {
        let now = Instant::now();
        let mut habits = learned([30; 25]);
        habits.missed(METER, Some(LONGEST.late(now)));
        assert_eq!(habits.closed_until(METER, now, None), Some(now + ms(500)));
        assert_eq!(habits.closed_until(METER, now + ms(500), None), None);
        assert_eq!(habits.closed_until(MeterKey::Meter(MeterId(2)), now, None), None);
    }

    #[test]
    fn a_meter_whose_late_answer_still_comes_is_closed_until_it_is_silent_or_its_pauses_are_used_up() {
        let now = Instant::now();
        let mut habits = learned([30; 25]);
        habits.missed(METER, Some(LONGEST.late(now)));
        let at = now + ms(500);
        assert_eq!(habits.closed_until(METER, at, Some(now + ms(490))), Some(now + ms(590)));
        assert_eq!(habits.closed_until(METER, now + ms(590), Some(now + ms(490))), None);
        assert_eq!(habits.closed_until(METER, at, Some(now + ms(2990))), Some(now + ms(3000)));
        assert_eq!(habits.closed_until(METER, now + ms(3000), Some(now + ms(2999))), None);
    }

    #[test]
    fn what_is_held_back_is_learned_for_every_meter_and_doubted_after_a_miss() {
        const SILENT: MeterKey = MeterKey::Meter(MeterId(2));
        let with_margin = Share::percent(12);
        let mut habits = Habits::new(TurnstileConfig::default());
        for _ in 0..20 {
            habits.answered(METER, ms(30), Some(Share::percent(8)));
        }
        assert_eq!(habits.expected(SILENT), Expected { reply: None, held_back: with_margin });
        habits.missed(SILENT, None);
        assert_eq!(habits.expected(SILENT), Expected { reply: None, held_back: Share::WHOLE });
        assert_eq!(habits.expected(METER), Expected { reply: Some(ms(65)), held_back: with_margin });
    }

    #[test]
    fn what_was_learned_before_a_restart_shortens_the_wait_from_the_first_question_on() {
        for replies in [20, 31, 32, 33, 70] {
            let mut before = learned((0..replies).map(|n| 30 + n));
            let stored = before.take_new();
            assert_eq!(stored.len(), 1);
            assert!(stored[0].1.is_sorted(), "oldest first: {stored:?}");
            assert_eq!(before.take_new(), [], "nothing new since");
            let mut after = learned([]);
            after.remember(MeterId(1), &stored[0].1);
            assert_eq!(after.expected(METER), before.expected(METER), "{replies} replies");
            assert_eq!(after.take_new(), [], "what is stored is not stored again");
            after.answered(METER, ms(500), None);
            let (_, grown) = after.take_new().remove(0);
            assert_eq!(
                (grown.len(), grown.last()),
                ((usize::try_from(replies).unwrap() + 1).min(REPLIES), Some(&ms(500)))
            );
        }
    }

    #[test]
    fn a_reply_longer_than_a_minute_does_not_overflow() {
        let habits = learned([90_000; 20]);
        assert!(habits.expected(METER).reply.unwrap() >= ms(65_535));
    }
}
