//! Waiting to the tenth of a millisecond.
//!
//! The runtime's own timer counts in whole milliseconds and rounds up. At 9600 baud a character takes 1.1 ms, and the
//! benchmarks compare a head-end with what the line allows: a simulator that adds a millisecond to each answer would
//! be measured instead of it. Linux has timers that are files; elsewhere the runtime's timer has to do.

use std::io;

use tokio::time::Instant;

#[cfg(target_os = "linux")]
pub(crate) use linux::Alarm;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Alarm;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
    use tokio::io::unix::AsyncFd;

    use super::{Instant, io};

    /// A timer of its own.
    #[derive(Debug)]
    pub(crate) struct Alarm(AsyncFd<OwnedFd>);

    impl Alarm {
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
            register(timer).map(Self)
        }

        /// Waits until `due`. Cancel safe: the next wait sets the timer anew.
        pub(crate) async fn at(&self, due: Instant) -> io::Result<()> {
            let left = due.saturating_duration_since(Instant::now());
            let Ok(it_value) = Timespec::try_from(left) else { return Ok(()) };
            if left.is_zero() {
                return Ok(());
            }
            let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
            rustix::time::timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut ready = self.0.readable().await?;
                let mut expirations = [0_u8; 8];
                match rustix::io::read(self.0.get_ref(), &mut expirations) {
                    Ok(_) => return Ok(()),
                    // Ready from an earlier wait that was dropped.
                    Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }

    #[expect(
        deprecated,
        reason = "its successor is unsafe, for types that may give up their descriptor; this one never does"
    )]
    fn register(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
        AsyncFd::new(timer)
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use super::{Instant, io};

    /// The runtime's timer.
    #[derive(Debug)]
    pub(crate) struct Alarm;

    impl Alarm {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits until `due`. Cancel safe.
        pub(crate) async fn at(&self, due: Instant) -> io::Result<()> {
            tokio::time::sleep_until(due).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_rings_early_and_a_dropped_wait_leaves_nothing_behind() {
        let alarm = Alarm::new().unwrap();
        for _ in 0..3 {
            let dropped =
                tokio::time::timeout(Duration::from_millis(5), alarm.at(Instant::now() + Duration::from_millis(1)));
            tokio::select! { biased; () = std::future::ready(()) => {} _ = dropped => {} }
            let due = Instant::now() + Duration::from_micros(2_300);
            alarm.at(due).await.unwrap();
            assert!(Instant::now() >= due);
        }
    }
}
