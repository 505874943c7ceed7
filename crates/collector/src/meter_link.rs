//! How a dialogue reaches its meter through a channel's turnstile.

use hes_driver::{Exchange, Exchanged, Expect, LinkError, Patience, Verdict};
use hes_model::{Class, DecodeLevel, LineSettings, UtcMicros};
use hes_transport::{AskError, FIXED_SPEED};
use hes_wire::Framing;
use tokio::time::Instant;

use crate::frame_log::{Direction, FrameLog};
use crate::held_back::Share;
use crate::turnstile::{Ended, Lesson, MeterKey, Turn, Turnstile, TurnstileMetrics};

/// One dialogue's link to one meter. Each exchange waits for its own turn on the channel.
///
/// # Cancel safety
///
/// Dropped while it waits, it leaves the queue. Dropped in the middle of an exchange, it gives the line back poisoned, and
/// the channel's owner drains it.
#[derive(Debug)]
pub struct MeterLink {
    turnstile: Turnstile,
    meter: MeterKey,
    class: Class,
    settings: LineSettings,
}

impl MeterLink {
    pub(crate) fn new(turnstile: Turnstile, meter: MeterKey, class: Class, settings: LineSettings) -> Self {
        Self { turnstile, meter, class, settings }
    }

    /// Waits for a turn, with the line set to this dialogue's speed.
    async fn turn(&self) -> Result<Turn, LinkError> {
        let mut turn = self.turnstile.turn(self.meter, self.class).await?;
        match turn.line().set_line(self.settings) {
            Ok(()) => Ok(turn),
            Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Err(LinkError::Interrupted { cause: FIXED_SPEED }),
            Err(e) => Err(lost(turn, e.to_string())),
        }
    }

    fn tap(&self) -> Tap<'_> {
        let parts = self.turnstile.parts();
        let level = parts.levels.of(self.turnstile.channel());
        Tap { turnstile: &self.turnstile, frames: parts.frames.as_ref(), level }
    }

    fn metrics(&self) -> &TurnstileMetrics {
        &self.turnstile.parts().metrics
    }
}

impl Exchange for MeterLink {
    async fn exchange(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        patience: Patience,
    ) -> Result<Exchanged, LinkError> {
        let mut turn = self.turn().await?;
        let mut under_way = UnderWay { metrics: self.metrics().clone(), class: self.class, ended: Ended::Abandoned };
        let tap = self.tap();
        tap.log(Direction::Sent, request);
        let longest = turn.line().longest(self.turnstile.extra_delay(), &patience);
        let expected = turn.expected();
        let path = longest.holding_back(expected.held_back.as_percent());
        let deadlines = expected.reply.map_or(path, |reply| path.expecting(reply));
        let begun = Instant::now();
        let mut tapped = Tapped { tap, expect };
        let asked = turn.line().ask(request, &mut tapped, deadlines, longest).await;
        match asked {
            Ok(exchanged) => {
                under_way.ended = Ended::Answered;
                under_way.metrics.heard(&exchanged.counts);
                let held_back = Share::of(&exchanged, self.settings);
                turn.learn(Lesson::Answered { reply: exchanged.reply, held_back });
                Ok(exchanged)
            }
            Err(AskError::TimedOut { heard, last }) => {
                under_way.ended = Ended::TimedOut;
                under_way.metrics.heard(&heard);
                if !last.is_empty() {
                    tapped.tap.log(Direction::Received, &last);
                }
                let late = longest.late(begun + self.settings.duration_of(request.len()));
                turn.learn(Lesson::Missed { late: (deadlines != longest).then_some(late) });
                Err(LinkError::TimedOut { heard, last })
            }
            Err(AskError::Lost(cause)) => {
                under_way.ended = Ended::Lost;
                Err(lost(turn, cause.to_string()))
            }
        }
    }

    async fn send(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, LinkError> {
        let mut turn = self.turn().await?;
        let mut under_way = UnderWay { metrics: self.metrics().clone(), class: self.class, ended: Ended::Abandoned };
        let tap = self.tap();
        let mut made = || {
            let bytes = frame();
            if !bytes.is_empty() {
                tap.log(Direction::Sent, &bytes);
            }
            bytes
        };
        let told = turn.line().tell(&mut made).await;
        match told {
            Ok(at) => {
                under_way.ended = Ended::Told;
                Ok(at)
            }
            Err(e) => {
                under_way.ended = Ended::Lost;
                Err(lost(turn, e.to_string()))
            }
        }
    }

    async fn line(&mut self, change: LineSettings) -> Result<(), LinkError> {
        self.settings = change;
        Ok(())
    }
}

fn lost(turn: Turn, cause: String) -> LinkError {
    turn.lose(cause.clone());
    LinkError::Down { cause }
}

/// Counts an exchange when it ends, by itself or by its dialogue going away.
struct UnderWay {
    metrics: TurnstileMetrics,
    class: Class,
    ended: Ended,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.metrics.ended(self.class, self.ended);
    }
}

/// Shows frames to the log, if this channel's are wanted.
struct Tap<'a> {
    turnstile: &'a Turnstile,
    frames: &'a dyn FrameLog,
    level: DecodeLevel,
}

impl Tap<'_> {
    fn log(&self, direction: Direction, bytes: &[u8]) {
        if self.level != DecodeLevel::Off {
            self.frames.frame(self.turnstile.channel(), direction, bytes, self.level);
        }
    }
}

/// An [`Expect`] whose frames the log sees too.
struct Tapped<'a, 'e> {
    tap: Tap<'a>,
    expect: &'e mut (dyn Expect + Send),
}

impl Expect for Tapped<'_, '_> {
    fn framing(&self) -> &dyn Framing {
        self.expect.framing()
    }
    fn offer(&mut self, frame: &[u8]) -> Verdict {
        self.tap.log(Direction::Received, frame);
        self.expect.offer(frame)
    }
}
