//! How long an answer may take, from the line's speed, the path's delay and the standard.

use std::time::Duration;

use hes_driver::Patience;
use hes_model::{ChannelConfig, LineSettings};
use tokio::time::Instant;

use crate::Medium;

/// What a channel's path does to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Speed and format of the line the meters are on; behind a serial server too.
    pub line: LineSettings,
    /// What the path adds to a meter's own reply time at the most.
    pub extra_delay: Duration,
}

impl Pace {
    /// The pace of a configured channel.
    pub fn of(channel: &ChannelConfig) -> Self {
        Self { line: channel.line, extra_delay: Duration::from_millis(channel.extra_delay_ms.into()) }
    }
}

/// Meters and converters pause between bytes. The standard allows each pause as much as the reply itself; an answer that is
/// pauses throughout would hold a shared line for minutes, so on the average a pause may take this part of it (DL/T 645: 125 ms).
const AVERAGE_PAUSE: u32 = 4;
/// What the pauses of one answer may take together at the most, however long it is: others wait for the line.
const PAUSES_MOST: Duration = Duration::from_secs(30);

/// The deadlines of one exchange, counted from the request's last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// To the first byte of an answer.
    pub first: Duration,
    /// Longest silence inside a frame.
    pub gap: Duration,
    /// To the last byte of everything. The *longest answer time* when not shortened by learned reply times.
    pub whole: Duration,
    /// The same while a frame is coming in, each pause inside it shorter than `gap`.
    pub with_pauses: Duration,
    /// The part of `first` that depends on the answer's length, where a device on the way holds it until it is complete.
    pub held_back: Duration,
}

impl Deadlines {
    /// The longest that the standard, the path and the line allow.
    ///
    /// On a serial port bytes arrive as they are sent. A device on a socket may hold an answer until it is complete,
    /// so there the first byte may come as late as the last.
    pub fn longest(pace: &Pace, patience: &Patience, medium: Medium) -> Self {
        let on_line = pace.line.duration_of(patience.answer_bytes);
        let held_back = if medium == Medium::Serial { Duration::ZERO } else { on_line };
        let first = patience.reply + pace.extra_delay + held_back;
        let gap = patience.gap + pace.extra_delay;
        let whole = patience.reply + pace.extra_delay + on_line + gap;
        let bytes = u32::try_from(patience.answer_bytes).unwrap_or(u32::MAX);
        let pauses = (patience.gap / AVERAGE_PAUSE).saturating_mul(bytes).min(PAUSES_MOST);
        Self { first, gap, whole, with_pauses: whole + pauses, held_back }
    }

    /// The same where the device on the way is known to hold back no more than this part of an answer. Only the wait for
    /// the first byte is shorter: the last one comes when it comes.
    pub fn holding_back(self, percent: u8) -> Self {
        let held_back = self.held_back * u32::from(percent.min(100)) / 100;
        Self { first: self.first - (self.held_back - held_back), held_back, ..self }
    }

    /// The same with a shorter wait for the first byte, from the reply time learned from this meter; never longer than
    /// before. What was learned from short answers says nothing about how long a long one is held back.
    pub fn expecting(self, reply: Duration) -> Self {
        let first = (reply + self.held_back).min(self.first);
        let sooner = self.first - first;
        Self { first, whole: self.whole - sooner, with_pauses: self.with_pauses - sooner, ..self }
    }

    /// Until when an answer to a request that was out at `sent` may be heard, though nobody waits for it any more.
    pub fn late(&self, sent: Instant) -> Late {
        Late { whole: sent + self.whole, gap: self.gap, with_pauses: sent + self.with_pauses }
    }
}

/// Until when an answer that nobody waits for may still be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    whole: Instant,
    gap: Duration,
    with_pauses: Instant,
}

impl Late {
    /// No answer comes to what is out then.
    pub(crate) fn none(sent: Instant) -> Self {
        Self { whole: sent, gap: Duration::ZERO, with_pauses: sent }
    }

    /// When it is over, with bytes that may be its own last `heard` then: one that is coming goes on after its longest time
    /// without pauses, until the line was silent for longer than a pause, or its pauses have taken all that they may.
    pub fn until(&self, heard: Option<Instant>) -> Instant {
        let silent = heard.map_or(self.whole, |heard| heard + self.gap);
        self.whole.max(silent).min(self.with_pauses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { reply: Duration::from_millis(500), gap: Duration::from_millis(500), answer_bytes: 24 };

    fn pace(extra_ms: u64) -> Pace {
        Pace { line: LineSettings::DLT645, extra_delay: Duration::from_millis(extra_ms) }
    }

    #[test]
    fn on_a_serial_port_the_first_byte_is_due_after_the_reply_delay_of_the_standard() {
        let d = Deadlines::longest(&pace(0), &PATIENCE, Medium::Serial);
        assert_eq!(d.first, Duration::from_millis(500));
        assert_eq!(d.whole.as_millis(), 500 + 109 + 500);
    }

    #[test]
    fn the_pauses_of_an_answer_are_bounded_by_its_length_and_altogether() {
        let pauses = |answer_bytes| {
            let d = Deadlines::longest(&pace(0), &Patience { answer_bytes, ..PATIENCE }, Medium::Serial);
            d.with_pauses - d.whole
        };
        assert_eq!(pauses(24), Duration::from_secs(3));
        assert_eq!([pauses(4000), pauses(usize::MAX >> 40)], [PAUSES_MOST; 2]);
    }

    #[test]
    fn a_serial_server_may_hold_the_answer_until_it_is_complete() {
        let d = Deadlines::longest(&pace(200), &PATIENCE, Medium::Dial);
        assert_eq!(d.first.as_millis(), 500 + 200 + 109);
        assert_eq!(d.gap, Duration::from_millis(700));
        assert!(d.whole >= d.first);
    }

    #[test]
    fn what_was_learned_shortens_the_wait_and_never_lengthens_it() {
        let longest = Deadlines::longest(&pace(0), &PATIENCE, Medium::Serial);
        let learned = longest.expecting(Duration::from_millis(60));
        assert_eq!(learned.first, Duration::from_millis(60));
        assert_eq!(longest.whole - learned.whole, Duration::from_millis(440));
        assert_eq!(longest.expecting(Duration::from_secs(9)), longest);
    }

    #[test]
    fn what_is_not_held_back_need_not_be_waited_for() {
        let longest = Deadlines::longest(&pace(0), &PATIENCE, Medium::Dial);
        assert_eq!(longest.first.as_millis(), 500 + 109);
        let streaming = longest.holding_back(10);
        assert_eq!(streaming.first.as_millis(), 500 + 10);
        assert_eq!((streaming.gap, streaming.whole), (longest.gap, longest.whole));
        assert_eq!(streaming.expecting(Duration::from_millis(60)).first.as_millis(), 60 + 10);
        assert_eq!(longest.holding_back(100), longest);
        let serial = Deadlines::longest(&pace(0), &PATIENCE, Medium::Serial);
        assert_eq!(serial.holding_back(0), serial, "a serial port holds nothing back");
    }

    #[test]
    fn a_late_answer_is_over_when_the_line_fell_silent_after_its_time_or_its_pauses_are_used_up() {
        let deadlines = Deadlines::longest(&pace(0), &PATIENCE, Medium::Serial);
        let sent = Instant::now();
        let late = deadlines.late(sent);
        let (whole, last) = (sent + deadlines.whole, sent + deadlines.with_pauses);
        assert_eq!(late.until(None), whole);
        assert_eq!(late.until(Some(whole - deadlines.gap)), whole, "silent in time");
        assert_eq!(late.until(Some(whole)), whole + deadlines.gap, "it is coming");
        assert_eq!(late.until(Some(last)), last, "however long it talks");
        assert_eq!(Late::none(sent).until(Some(sent)), sent);
    }

    #[test]
    fn a_long_answer_held_back_by_a_serial_server_is_not_cut_by_what_short_ones_taught() {
        let long = Patience { answer_bytes: 220, ..PATIENCE };
        let learned = Deadlines::longest(&pace(0), &long, Medium::Dial).expecting(Duration::from_millis(60));
        assert_eq!(learned.first, Duration::from_millis(60) + LineSettings::DLT645.duration_of(220));
    }
}
