//! Named places where a test may kill the process, to prove that nothing committed is lost there.
//!
//! Without the feature `enabled` a fail point compiles to nothing. With it, [`arm`] names the point and at which
//! passing the process aborts, as `kill -9` would: no destructor, no flush. [`KNOWN`] lists every point, so that a
//! test can go through all of them and fail when one is never reached.
#![warn(missing_docs)]

/// Every fail point in the code, in the order in which a reading passes them. A test compares this list with the sources.
pub const KNOWN: &[&str] = &[
    "collector.channel.read_taken",
    "collector.job.before_reserve",
    "collector.job.after_reserve",
    "collector.job.after_answer",
    "collector.job.before_record",
    "store.writer.before_begin",
    "store.writer.after_begin",
    "store.writer.after_readings",
    "store.writer.after_intervals",
    "store.writer.after_exchanges",
    "store.writer.before_commit",
    "store.writer.after_commit",
    "store.writer.after_acknowledge",
    "collector.job.after_record",
    "collector.job.after_finish_read",
];

/// Marks a place. Aborts the process when armed for this name and count.
#[inline]
pub fn hit(name: &'static str) {
    #[cfg(feature = "enabled")]
    armed::hit(name);
    #[cfg(not(feature = "enabled"))]
    let _unused = name;
}

#[cfg(feature = "enabled")]
pub use armed::arm;

#[cfg(feature = "enabled")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Armed {
        name: String,
        left: AtomicU64,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    /// Aborts the process at the `nth` passing (from 1) of the point called `name`. Only the first call counts.
    pub fn arm(name: &str, nth: u64) {
        drop(ARMED.set(Armed { name: name.to_owned(), left: AtomicU64::new(nth) }));
    }

    pub(super) fn hit(name: &'static str) {
        if let Some(armed) = ARMED.get()
            && armed.name == name
            && armed.left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
}
