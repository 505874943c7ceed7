//! How fast the bytes of an answer come, learned from the last long ones, and how long nobody need look for the next. Pure.
//!
//! The speed that is configured says little of what stands behind a socket, so it is the quickest of the last answers that
//! counts, on each line for itself. Looking away never costs the line anything as long as the answers keep to it: it ends
//! before the rest could be there. If all of it was there sooner than that, the line is quicker than was thought, and everything
//! is learned anew, with a look at each piece.

use std::time::Duration;

/// Long frames that must have come before anybody looks away; of the last so many, the quickest counts.
const FRAMES: usize = 8;
/// Fewer bytes tell nothing, and are not worth looking away for: serial servers pass on some sixteen at once.
const LONG_BYTES: usize = 48;
/// The part of the time that is left to uncertainty, and its least: on a busy machine a timer comes some milliseconds late,
/// and so did the first look at the frame.
const EARLY_PART: u32 = 8;
const EARLY_LEAST: Duration = Duration::from_millis(8);
/// A shorter time is not worth looking away for.
const WORTHWHILE: Duration = Duration::from_millis(4);

/// How long nobody need look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Away {
    /// Then it is time to look again.
    pub(crate) for_now: Duration,
    /// Before then the rest cannot be there, if the line keeps to its tempo.
    pub(crate) rest: Duration,
}

/// The tempo of one line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tempo {
    /// Time a byte, of the last long frames.
    last: [Duration; FRAMES],
    count: usize,
}

impl Tempo {
    /// A frame came whose last `bytes` bytes took so long, with somebody waiting for the very last.
    pub(crate) fn arrived(&mut self, bytes: usize, took: Duration) {
        let Some(bytes) = u32::try_from(bytes).ok().filter(|_| bytes >= LONG_BYTES) else { return };
        if let Some(place) = self.last.get_mut(self.count % FRAMES) {
            *place = took / bytes;
            self.count += 1;
        }
    }

    /// The rest of a frame was there sooner than it could be.
    pub(crate) fn was_quicker(&mut self) {
        self.count = 0;
    }

    /// How long nobody need look while at least `missing` bytes of a frame are still to come, and silence is a matter for
    /// the deadline `gap`, half of which may pass before a silence is seen to have begun.
    pub(crate) fn may_look_away(&self, missing: usize, gap: Duration) -> Option<Away> {
        if missing < LONG_BYTES || self.count < FRAMES {
            return None;
        }
        let quickest = self.last.iter().min()?;
        let rest = *quickest * u32::try_from(missing).ok()?;
        let for_now = rest.saturating_sub(EARLY_LEAST.max(rest / EARLY_PART)).min(gap / 2);
        (for_now >= WORTHWHILE).then_some(Away { for_now, rest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(500);

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn learned(milliseconds_for_100_bytes: impl IntoIterator<Item = u64>) -> Tempo {
        let mut tempo = Tempo::default();
        milliseconds_for_100_bytes.into_iter().for_each(|took| tempo.arrived(100, ms(took)));
        tempo
    }

    fn for_now(tempo: &Tempo, missing: usize) -> Option<Duration> {
        tempo.may_look_away(missing, GAP).map(|away| away.for_now)
    }

    #[test]
    fn every_piece_is_looked_at_until_the_tempo_is_known() {
        assert_eq!(for_now(&learned([100; 7]), 200), None);
        assert_eq!(for_now(&learned([100; 8]), 200), Some(ms(175)));
    }

    #[test]
    fn the_quickest_of_the_last_frames_counts() {
        let mut tempo = learned([100, 100, 100, 40, 100, 100, 100, 100]);
        assert_eq!(for_now(&tempo, 100), Some(ms(32)));
        (0..4).for_each(|_| tempo.arrived(100, ms(100)));
        assert_eq!(for_now(&tempo, 200), Some(ms(175)), "eight frames later it is forgotten");
    }

    #[test]
    fn a_line_that_was_quicker_than_thought_is_looked_at_until_its_tempo_is_known_anew() {
        let mut tempo = learned([100; 8]);
        tempo.was_quicker();
        assert_eq!(for_now(&tempo, 200), None);
        (0..8).for_each(|_| tempo.arrived(100, ms(20)));
        assert_eq!(for_now(&tempo, 200), Some(ms(32)));
    }

    #[test]
    fn who_looks_away_is_back_at_least_eight_milliseconds_before_the_rest_could_be_there() {
        assert_eq!(for_now(&learned([20; 8]), 80), Some(ms(8)));
        assert_eq!(for_now(&learned([20; 8]), 50), None, "two milliseconds are not worth it");
    }

    #[test]
    fn a_silence_is_noticed_within_its_deadline() {
        assert_eq!(for_now(&learned([400; 8]), 200), Some(ms(250)));
    }

    #[test]
    fn the_rest_is_due_when_the_quickest_tempo_has_it_however_early_somebody_looks() {
        let away = |milliseconds| learned([milliseconds; 8]).may_look_away(200, GAP);
        assert_eq!(away(100), Some(Away { for_now: ms(175), rest: ms(200) }));
        assert_eq!(away(400), Some(Away { for_now: ms(250), rest: ms(800) }));
    }

    #[test]
    fn short_frames_teach_nothing_and_are_looked_at_always() {
        let mut tempo = Tempo::default();
        (0..20).for_each(|_| tempo.arrived(47, ms(500)));
        assert_eq!(for_now(&tempo, 200), None);
        assert_eq!(for_now(&learned([100; 8]), 47), None);
    }

    #[test]
    fn an_answer_that_comes_at_once_is_never_looked_away_from() {
        assert_eq!(for_now(&learned([0; 8]), 4000), None);
    }
}
