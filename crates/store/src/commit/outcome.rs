//! What the readings of a batch turned out to be.

use std::collections::HashMap;

use super::batch::{Batch, Key, New};

/// What the readings of a batch turned out to be.
pub(super) struct Outcome {
    /// Readings that became versions.
    pub(super) stored: Marks,
    /// Exchanges that prove a stored version.
    pub(super) proofs: Marks,
    /// Of the slot of each reading, in order: when the value was received, and whether its current version was good then.
    pub(super) slots: Vec<(Key, (i64, bool))>,
    /// Good values that took the place of different good ones.
    pub(super) changed: Vec<Changed>,
}

/// A good value that took the place of a different one.
pub(super) struct Changed {
    pub(super) seq: i64,
    pub(super) received_at: i64,
    pub(super) key: Key,
}

/// Marks on numbers handed out in a row.
pub(super) struct Marks {
    first: i64,
    marked: Vec<bool>,
}

impl Outcome {
    pub(super) fn of(batch: &Batch<'_>, readings: usize, exchanges: usize) -> Self {
        let first_exchange = batch.first_exchange.first().copied().unwrap_or(0);
        Self {
            stored: Marks::none(batch.first_seq, readings),
            proofs: Marks::none(first_exchange, exchanges),
            slots: Vec::with_capacity(readings),
            changed: Vec::new(),
        }
    }
    pub(super) fn became(&mut self, new: &New, filled: bool) {
        self.stored.mark(new.seq);
        self.proofs.mark(new.exchange);
        self.noted(new, filled);
    }
    pub(super) fn noted(&mut self, new: &New, filled: bool) {
        self.slots.push((new.key(), (new.received_at, filled)));
    }
    /// Whether every slot concerned is filled, and was with each of its values.
    pub(super) fn all_filled(&self) -> bool {
        self.slots.iter().all(|(_, (_, filled))| *filled)
    }
    /// Each slot concerned after the last of its values.
    pub(super) fn standing(&self) -> HashMap<Key, (i64, bool)> {
        self.slots.iter().copied().collect()
    }
}

impl Changed {
    pub(super) fn by(new: &New) -> Self {
        Self { seq: new.seq, received_at: new.received_at, key: new.key() }
    }
}

impl Marks {
    fn none(first: i64, count: usize) -> Self {
        Self { first, marked: vec![false; count] }
    }
    fn mark(&mut self, number: i64) {
        let place = usize::try_from(number - self.first).ok();
        if let Some(mark) = place.and_then(|place| self.marked.get_mut(place)) {
            *mark = true;
        }
    }
    pub(super) fn has(&self, number: i64) -> bool {
        let place = usize::try_from(number - self.first).ok();
        place.and_then(|place| self.marked.get(place)).copied().unwrap_or(false)
    }
    pub(super) fn count(&self) -> usize {
        self.marked.iter().filter(|marked| **marked).count()
    }
}
