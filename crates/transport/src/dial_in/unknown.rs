//! The devices that were not let in, for the operator who looks for a missing one.

use std::net::IpAddr;

use hes_model::{Registration, UtcMicros};

/// Most bytes of a device's first words that are kept.
const FIRST_BYTES_MAX: usize = 64;
/// How long calls of one device are only counted after it was told of: one that calls without a pause is not written down
/// each time.
const TOLD_AGAIN_AFTER_MICROS: i64 = 1_000_000;

/// Why a connection was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It said who it is, and is not on the list.
    Unknown,
    /// It talked and did not say who it is in time.
    Unidentified,
    /// It said nothing in time.
    Silent,
    /// It said too much before it said who it is.
    Flood,
    /// It hung up before it said who it is.
    Closed,
    /// Too many connections wait already.
    Busy,
    /// A live device has its identity.
    Duplicate,
}

impl Refusal {
    /// The stable name used in metrics and lists.
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::Unknown => "unknown",
            Refusal::Unidentified => "unidentified",
            Refusal::Silent => "silent",
            Refusal::Flood => "flood",
            Refusal::Closed => "closed",
            Refusal::Busy => "busy",
            Refusal::Duplicate => "duplicate",
        }
    }
}

/// A device that was not let in; one entry for each address, identity and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDevice {
    /// Where it called from.
    pub peer: IpAddr,
    /// Why it was not let in.
    pub refusal: Refusal,
    /// Who it said it is.
    pub identity: Option<Registration>,
    /// Its first bytes, the last time.
    pub first_bytes: Vec<u8>,
    /// When it first called.
    pub first_seen: UtcMicros,
    /// When it last called.
    pub last_seen: UtcMicros,
    /// How often it called.
    pub calls: u64,
}

/// A bounded list; the device not seen for longest is forgotten first.
#[derive(Debug)]
pub(super) struct UnknownDevices {
    kept: usize,
    /// In the order of their last call.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    device: UnknownDevice,
    told_at: UtcMicros,
    /// Calls since then.
    untold: u64,
}

impl UnknownDevices {
    pub(super) fn new(kept: u32) -> Self {
        Self { kept: usize::try_from(kept.max(1)).unwrap_or(usize::MAX), entries: Vec::new() }
    }

    /// Counts a call. With it come the calls that nobody was told of yet, this one included, when it is time to tell.
    pub(super) fn add(
        &mut self,
        peer: IpAddr,
        refusal: Refusal,
        identity: Option<Registration>,
        bytes: &[u8],
        now: UtcMicros,
    ) -> (UnknownDevice, Option<u64>) {
        let peer = peer.to_canonical();
        let same = |e: &Entry| e.device.peer == peer && e.device.refusal == refusal && e.device.identity == identity;
        let known = self.entries.iter().position(same).map(|at| self.entries.remove(at));
        if self.entries.len() >= self.kept {
            self.entries.remove(0);
        }
        let due = known.as_ref().is_none_or(|e| now.since(e.told_at) >= TOLD_AGAIN_AFTER_MICROS);
        let untold = known.as_ref().map_or(0, |e| e.untold) + 1;
        let told_at = known.as_ref().filter(|_| !due).map_or(now, |e| e.told_at);
        let (first_seen, calls) = known.map_or((now, 0), |e| (e.device.first_seen, e.device.calls));
        let first_bytes = bytes.iter().copied().take(FIRST_BYTES_MAX).collect();
        let device =
            UnknownDevice { peer, refusal, identity, first_bytes, first_seen, last_seen: now, calls: calls + 1 };
        self.entries.push(Entry { device: device.clone(), told_at, untold: if due { 0 } else { untold } });
        (device, due.then_some(untold))
    }

    /// The latest caller first.
    pub(super) fn list(&self) -> Vec<UnknownDevice> {
        self.entries.iter().rev().map(|entry| entry.device.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_bounded_and_forgets_the_device_not_seen_for_longest() {
        let mut list = UnknownDevices::new(2);
        let packet = |s: &str| Some(Registration::Packet(s.into()));
        let peer = IpAddr::from([192, 0, 2, 1]);
        let mut add = |s: &str, at| list.add(peer, Refusal::Unknown, packet(s), s.as_bytes(), UtcMicros(at)).1;
        assert_eq!([add("a", 1), add("b", 2), add("a", 3), add("c", 4)], [Some(1), Some(1), None, Some(1)]);
        let listed = list.list();
        assert_eq!(listed.iter().map(|d| d.identity.clone()).collect::<Vec<_>>(), [packet("c"), packet("a")]);
        assert_eq!((listed[1].first_seen, listed[1].last_seen, listed[1].calls), (UtcMicros(1), UtcMicros(3), 2));
    }

    #[test]
    fn every_call_is_told_of_once_and_those_of_a_hurried_device_together() {
        let mut list = UnknownDevices::new(9);
        let mut call = |at| list.add([192, 0, 2, 1].into(), Refusal::Silent, None, &[], UtcMicros(at)).1;
        let told: Vec<_> = [0, 400_000, 999_999, 1_000_000, 1_500_000, 60_000_000].map(&mut call).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None, Some(2)]);
    }

    #[test]
    fn first_bytes_are_kept_in_part() {
        let mut list = UnknownDevices::new(1);
        let (device, _) = list.add([192, 0, 2, 1].into(), Refusal::Flood, None, &[7; 500], UtcMicros(0));
        assert_eq!(device.first_bytes.len(), FIRST_BYTES_MAX);
    }
}
