//! How many connections may wait for identification at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;

/// Counts connections that are not identified, over all and by peer address.
#[derive(Debug)]
pub(super) struct Pending {
    max: usize,
    max_per_peer: usize,
    gauge: IntGauge,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_peer: HashMap<IpAddr, usize>,
}

impl Pending {
    pub(super) fn new(max: u32, max_per_peer: u32, gauge: IntGauge) -> Arc<Self> {
        let limit = |n: u32| usize::try_from(n.max(1)).unwrap_or(usize::MAX);
        Arc::new(Self { max: limit(max), max_per_peer: limit(max_per_peer), gauge, counts: Mutex::default() })
    }

    /// A place for a connection from `peer`, given back when dropped; none when too many wait.
    pub(super) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let from_peer = counts.by_peer.get(&peer).copied().unwrap_or(0);
        if counts.all >= self.max || from_peer >= self.max_per_peer {
            return None;
        }
        counts.all += 1;
        counts.by_peer.insert(peer, from_peer + 1);
        self.gauge.inc();
        Some(Place { pending: Arc::clone(self), peer })
    }
}

/// One connection that waits for identification.
#[derive(Debug)]
pub(super) struct Place {
    pending: Arc<Pending>,
    peer: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.pending.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(n) = counts.by_peer.get_mut(&self.peer) {
            *n -= 1;
            if *n == 0 {
                counts.by_peer.remove(&self.peer);
            }
        }
        self.pending.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_over_all_and_by_peer_and_come_back() {
        let pending = Pending::new(3, 2, IntGauge::new("pending", "places taken").unwrap());
        let [a, b]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let first = pending.enter(a).unwrap();
        let _second = pending.enter(a).unwrap();
        assert!(pending.enter(a).is_none(), "one peer has two places");
        assert!(pending.enter("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same peer in its other notation");
        let _third = pending.enter(b).unwrap();
        assert!(pending.enter(b).is_none(), "all places are taken");
        drop(first);
        assert!(pending.enter(b).is_some());
        assert!(pending.counts.lock().unwrap().by_peer.len() <= 2);
    }
}
