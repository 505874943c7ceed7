//! Which dialled-in link has which channel, and what to do when a second one claims it. Decides only; see the rules in the
//! parent module.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hes_model::ChannelName;
use tokio::time::Instant;

use super::Presence;
use super::presence::Proof;

/// Why two live devices are assumed behind one identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// The old link answered when challenged.
    BothAlive,
    /// The channel changed hands too often in too short a time.
    TakingTurns,
}

/// What a log-in leads to at once.
#[derive(Debug)]
pub(super) enum Claim {
    /// The channel was free.
    Granted,
    /// Somebody has it: challenge that one, then [`Sessions::settle`].
    Challenge(Arc<Presence>),
    /// A challenge for this channel is running already.
    UnderChallenge { holder: SocketAddr },
}

/// What a challenge led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// The newcomer has the channel; the old link was closed or had gone.
    TakenOver { old: SocketAddr },
    /// The holder left during the challenge and a third log-in was granted the free channel.
    Overtaken { holder: SocketAddr },
    /// The holder keeps the channel.
    Kept { holder: SocketAddr, conflict: Conflict, alarm: Alarm },
}

/// Whether to raise an alarm: once for a holder, not at each new attempt of its rival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    Raise,
    Raised,
}

#[derive(Debug)]
struct Session {
    presence: Arc<Presence>,
    peer: SocketAddr,
    under_challenge: bool,
    alarmed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Sessions {
    holders: HashMap<ChannelName, Session>,
    takeovers: HashMap<ChannelName, VecDeque<Instant>>,
}

impl Sessions {
    pub(super) fn claim(&mut self, channel: &ChannelName, presence: &Arc<Presence>, peer: SocketAddr) -> Claim {
        match self.holders.get_mut(channel) {
            Some(holder) if !holder.presence.has_left() => {
                if holder.under_challenge {
                    return Claim::UnderChallenge { holder: holder.peer };
                }
                holder.under_challenge = true;
                Claim::Challenge(Arc::clone(&holder.presence))
            }
            _ => {
                self.install(channel, presence, peer);
                Claim::Granted
            }
        }
    }

    /// Ends a challenge of `old` by `newcomer`.
    pub(super) fn settle(
        &mut self,
        channel: &ChannelName,
        (old, proof): (&Arc<Presence>, Proof),
        newcomer: (&Arc<Presence>, SocketAddr),
        limits: &TakeoverLimits,
        now: Instant,
    ) -> Settled {
        let often = self.takes_turns(channel, now, limits);
        let holder = self.holders.get_mut(channel).expect("a channel once claimed always has its last holder");
        if !Arc::ptr_eq(&holder.presence, old) {
            return Settled::Overtaken { holder: holder.peer };
        }
        holder.under_challenge = false;
        let conflict = match proof {
            Proof::Alive => Some(Conflict::BothAlive),
            Proof::Silent if often => Some(Conflict::TakingTurns),
            Proof::Silent | Proof::Left => None,
        };
        if let Some(conflict) = conflict {
            let alarm = if std::mem::replace(&mut holder.alarmed, true) { Alarm::Raised } else { Alarm::Raise };
            return Settled::Kept { holder: holder.peer, conflict, alarm };
        }
        holder.presence.evict();
        let old = holder.peer;
        if proof == Proof::Silent {
            self.takeovers.entry(channel.clone()).or_default().push_back(now);
        }
        self.install(channel, newcomer.0, newcomer.1);
        Settled::TakenOver { old }
    }

    /// Ends a challenge whose newcomer has gone.
    pub(super) fn withdraw(&mut self, channel: &ChannelName) {
        if let Some(holder) = self.holders.get_mut(channel) {
            holder.under_challenge = false;
        }
    }

    fn takes_turns(&mut self, channel: &ChannelName, now: Instant, limits: &TakeoverLimits) -> bool {
        let Some(recent) = self.takeovers.get_mut(channel) else { return false };
        recent.retain(|at| now.saturating_duration_since(*at) < limits.window);
        if recent.is_empty() {
            self.takeovers.remove(channel);
            return false;
        }
        recent.len() >= limits.max
    }

    fn install(&mut self, channel: &ChannelName, presence: &Arc<Presence>, peer: SocketAddr) {
        let session = Session { presence: Arc::clone(presence), peer, under_challenge: false, alarmed: false };
        self.holders.insert(channel.clone(), session);
    }
}

/// How often a channel may change hands.
#[derive(Debug, Clone, Copy)]
pub(super) struct TakeoverLimits {
    pub(super) max: usize,
    pub(super) window: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TakeoverLimits = TakeoverLimits { max: 2, window: Duration::from_secs(600) };

    fn channel() -> ChannelName {
        ChannelName::new("c").unwrap()
    }
    fn peer(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }
    fn module() -> Arc<Presence> {
        Arc::new(Presence::new(Vec::new()))
    }
    fn challenge(s: &mut Sessions, newcomer: &Arc<Presence>, port: u16) {
        assert!(matches!(s.claim(&channel(), newcomer, peer(port)), Claim::Challenge(_)));
    }

    #[test]
    fn a_live_holder_keeps_its_channel_and_the_alarm_is_raised_once() {
        let now = Instant::now();
        let mut s = Sessions::default();
        let (a, b) = (module(), module());
        assert!(matches!(s.claim(&channel(), &a, peer(1)), Claim::Granted));
        for expected in [Alarm::Raise, Alarm::Raised] {
            challenge(&mut s, &b, 2);
            let kept = s.settle(&channel(), (&a, Proof::Alive), (&b, peer(2)), &LIMITS, now);
            assert_eq!(kept, Settled::Kept { holder: peer(1), conflict: Conflict::BothAlive, alarm: expected });
        }
    }

    #[test]
    fn the_latest_log_in_wins_over_a_silent_holder() {
        let now = Instant::now();
        let mut s = Sessions::default();
        let (a, b) = (module(), module());
        s.claim(&channel(), &a, peer(1));
        challenge(&mut s, &b, 2);
        assert_eq!(
            s.settle(&channel(), (&a, Proof::Silent), (&b, peer(2)), &LIMITS, now),
            Settled::TakenOver { old: peer(1) }
        );
        assert!(a.is_evicted(), "the old link is told to close");
    }

    #[test]
    fn a_holder_that_has_left_is_replaced_without_a_challenge() {
        let mut s = Sessions::default();
        let (a, b) = (module(), module());
        s.claim(&channel(), &a, peer(1));
        a.left();
        assert!(matches!(s.claim(&channel(), &b, peer(2)), Claim::Granted));
    }

    #[test]
    fn modules_that_take_turns_raise_the_alarm_and_the_window_forgets() {
        let mut s = Sessions::default();
        let mut holder = module();
        s.claim(&channel(), &holder, peer(0));
        let mut now = Instant::now();
        let mut log_in = |s: &mut Sessions, port, now| {
            let m = module();
            challenge(s, &m, port);
            let settled = s.settle(&channel(), (&holder, Proof::Silent), (&m, peer(port)), &LIMITS, now);
            if matches!(settled, Settled::TakenOver { .. }) {
                holder = m;
            }
            settled
        };
        assert_eq!(log_in(&mut s, 1, now), Settled::TakenOver { old: peer(0) });
        assert_eq!(log_in(&mut s, 2, now), Settled::TakenOver { old: peer(1) });
        assert_eq!(
            log_in(&mut s, 3, now),
            Settled::Kept { holder: peer(2), conflict: Conflict::TakingTurns, alarm: Alarm::Raise }
        );
        now += Duration::from_secs(601);
        assert_eq!(log_in(&mut s, 4, now), Settled::TakenOver { old: peer(2) });
    }

    #[test]
    fn a_channel_that_found_a_new_holder_during_the_challenge_is_not_taken_from_it() {
        let now = Instant::now();
        let mut s = Sessions::default();
        let (a, b, c) = (module(), module(), module());
        s.claim(&channel(), &a, peer(1));
        challenge(&mut s, &b, 2);
        a.left();
        assert!(matches!(s.claim(&channel(), &c, peer(3)), Claim::Granted));
        assert_eq!(
            s.settle(&channel(), (&a, Proof::Left), (&b, peer(2)), &LIMITS, now),
            Settled::Overtaken { holder: peer(3) }
        );
    }

    #[test]
    fn a_third_log_in_waits_for_the_running_challenge() {
        let mut s = Sessions::default();
        let (a, b, c) = (module(), module(), module());
        s.claim(&channel(), &a, peer(1));
        challenge(&mut s, &b, 2);
        assert!(matches!(s.claim(&channel(), &c, peer(3)), Claim::UnderChallenge { .. }));
        s.withdraw(&channel());
        challenge(&mut s, &c, 3);
    }
}
