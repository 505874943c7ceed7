//! The time for everybody on a line, sent by the host's clock as it stands when the turn is there.
//!
//! Whether it may go out is decided before the turn is waited for, which on a busy line takes minutes. What was true of
//! the host's clock then need not be true any more, and a wrong time reaches every meter at once.

use hes_driver::{Exchange, Exchanged, Expect, LinkError, Patience};
use hes_model::{Failure, LineSettings, MeterSpec, Request, UtcMicros};

use crate::host_clock::{HostClock, Observed};
use crate::notebook::{Notebook, wall_clock};
use crate::status::StatusBoard;

/// Why a broadcast that was decided did not go out.
const DOUBTED: &str = "the host's clock jumped, or lost its proof, while the broadcast waited for its turn";

/// Broadcasts the time in the form of `meter`, unless the host's clock has come into doubt when the turn is there. When it
/// was out.
///
/// # Cancel safety
///
/// Dropped while it waits for its turn, nothing is sent.
pub(crate) async fn broadcast<L: Exchange>(
    meter: &MeterSpec,
    link: L,
    watch: Watch,
    mut notes: Notebook,
) -> Result<UtcMicros, Failure> {
    let mut link = Watched { link, watch };
    hes_driver::perform(meter, &Request::BroadcastTime, &mut link, &mut notes).await?;
    Ok(wall_clock())
}

/// The host's clock as it was when the broadcast was decided.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) clock: HostClock,
    pub(crate) board: StatusBoard,
}

impl Watch {
    /// Whether the clock is still what it was. The watch over it looks every few seconds; a jump since then is seen here.
    fn holds(&mut self) -> bool {
        let steady = self.clock.observe(wall_clock(), std::time::Instant::now()) == Observed::Steady;
        steady && self.board.proof().is_some_and(|proof| proof.is_proven())
    }
}

/// A link that keeps what it is to send to itself once the clock is in doubt.
struct Watched<L> {
    link: L,
    watch: Watch,
}

impl<L: Exchange> Exchange for Watched<L> {
    async fn exchange(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        patience: Patience,
    ) -> Result<Exchanged, LinkError> {
        self.link.exchange(request, expect, patience).await
    }

    async fn send(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, LinkError> {
        let mut doubted = false;
        let watch = &mut self.watch;
        let mut unless_doubted = || {
            doubted = !watch.holds();
            if doubted { Vec::new() } else { frame() }
        };
        let sent = self.link.send(&mut unless_doubted).await;
        if doubted { Err(LinkError::Interrupted { cause: DOUBTED }) } else { sent }
    }

    async fn line(&mut self, change: LineSettings) -> Result<(), LinkError> {
        self.link.line(change).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use hes_model::{CommAddress, FailureKind, Protocol};
    use jiff::tz::TimeZone;

    use super::*;
    use crate::config::ClockConfig;
    use crate::host_clock::Proof;

    /// A line whose turn comes after `meanwhile`, and what was sent over it.
    struct Busy<F> {
        meanwhile: F,
        sent: Vec<Vec<u8>>,
    }

    impl<F: FnMut() + Send> Exchange for &mut Busy<F> {
        async fn exchange(
            &mut self,
            _: &[u8],
            _: &mut (dyn Expect + Send),
            _: Patience,
        ) -> Result<Exchanged, LinkError> {
            unreachable!("nobody answers a broadcast")
        }
        async fn send(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, LinkError> {
            (self.meanwhile)();
            self.sent.push(frame());
            Ok(wall_clock())
        }
        async fn line(&mut self, _: LineSettings) -> Result<(), LinkError> {
            Ok(())
        }
    }

    fn proven() -> StatusBoard {
        let board = StatusBoard::default();
        board.host_clock(Proof::Proven { by: "chronyd".into() });
        board
    }

    /// A watch whose last look at the wall clock showed a time so many seconds before the one it shows now.
    fn since_a_jump_of(seconds: u64, board: &StatusBoard) -> Watch {
        let mut clock = HostClock::new(ClockConfig::default(), UtcMicros(0));
        let before = UtcMicros(wall_clock().0 - i64::try_from(seconds).unwrap() * 1_000_000);
        clock.observe(before, Instant::now());
        Watch { clock, board: board.clone() }
    }

    /// Where no meter latches now, whatever the time is.
    fn notes() -> Notebook {
        let hour = i64::from(TimeZone::UTC.to_datetime(jiff::Timestamp::now()).hour());
        let noon = jiff::tz::Offset::from_seconds(i32::try_from((12 - hour) * 3600).unwrap()).unwrap();
        Notebook::new(TimeZone::fixed(noon), 0, HostClock::new(ClockConfig::default(), UtcMicros(0)))
    }

    fn meter() -> MeterSpec {
        let address = CommAddress::from_number(1).unwrap();
        MeterSpec { protocol: Protocol::Dlt645v2007, address, model: "generic-2007".parse().unwrap(), password: None }
    }

    #[tokio::test]
    async fn the_time_goes_out_by_a_clock_that_is_what_it_was() {
        let mut line = Busy { meanwhile: || {}, sent: Vec::new() };
        let watch = since_a_jump_of(0, &proven());
        broadcast(&meter(), &mut line, watch, notes()).await.expect("it goes out");
        assert!(matches!(line.sent.as_slice(), [frame] if !frame.is_empty()));
    }

    #[tokio::test]
    async fn a_clock_that_jumped_while_the_turn_was_waited_for_sets_no_meter() {
        let mut line = Busy { meanwhile: || {}, sent: Vec::new() };
        let watch = since_a_jump_of(100, &proven());
        let failure = broadcast(&meter(), &mut line, watch, notes()).await.expect_err("it is kept back");
        assert_eq!(failure.kind, FailureKind::Interrupted);
        assert!(failure.detail.contains("jumped"), "{failure}");
        assert!(line.sent.iter().all(Vec::is_empty), "{:?}", line.sent);
    }

    #[tokio::test]
    async fn a_clock_that_lost_its_proof_while_the_turn_was_waited_for_sets_no_meter() {
        let board = proven();
        let watch = since_a_jump_of(0, &board);
        let mut line =
            Busy { meanwhile: || board.host_clock(Proof::Unproven { why: "no reference".into() }), sent: Vec::new() };
        broadcast(&meter(), &mut line, watch, notes()).await.expect_err("it is kept back");
        assert!(line.sent.iter().all(Vec::is_empty), "{:?}", line.sent);
    }
}
