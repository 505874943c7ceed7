//! A count over the last ten seconds, from a total that only grows.

use std::collections::VecDeque;

/// Seconds looked back.
const SECONDS: usize = 10;

/// Totals, one a second, the newest last.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<u64>);

impl Recent {
    /// Takes this second's total.
    pub(super) fn take(&mut self, total: u64) {
        if self.0.len() > SECONDS {
            self.0.pop_front();
        }
        self.0.push_back(total);
    }
    /// How much the total grew over the last ten seconds, or since the start.
    pub(super) fn grown(&self) -> u64 {
        match (self.0.front(), self.0.back()) {
            (Some(first), Some(last)) => last.saturating_sub(*first),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;

    #[test]
    fn only_the_last_ten_seconds_count() {
        let mut recent = Recent::default();
        assert_eq!(recent.grown(), 0);
        for second in 0..=20 {
            recent.take(100 * second);
        }
        assert_eq!(recent.grown(), 1000);
        for _ in 0..=10 {
            recent.take(2000);
        }
        assert_eq!(recent.grown(), 0);
    }
}
