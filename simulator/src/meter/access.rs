//! Who may do what: password levels, and the lock after wrong tries.

use std::collections::BTreeMap;

use super::Meter;
use crate::civil::{Civil, HOUR};

/// A password level: 00 is the strongest, 09 the weakest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Level(pub u8);

impl Level {
    /// Relay, clearing: the strongest a person in the field holds.
    pub(crate) const CONTROL: Level = Level(2);
    /// Parameters.
    pub(crate) const PARAMETER: Level = Level(4);
    /// The weakest there is.
    pub(super) const WEAKEST: Level = Level(9);
}

/// Passwords as they were changed, and the wrong tries so far.
#[derive(Debug, Default)]
pub(super) struct Access {
    changed: BTreeMap<Level, [u8; 3]>,
    wrong_tries: u8,
    locked_until: Option<Civil>,
    pub(super) programming_key: ProgrammingKey,
}

/// The sealed key a person presses to let the address be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ProgrammingKey {
    /// As delivered: the address may be written without it.
    #[default]
    NotNeeded,
    Pressed,
    Released,
}

/// Who asks: level, password, operator.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credentials {
    level: Level,
    password: [u8; 3],
    pub(super) operator: [u8; 4],
}

/// Wrong passwords in a row before the meter stops listening.
const MOST_WRONG_TRIES: u8 = 3;
/// How long it then does not listen.
const LOCK: i64 = 24 * HOUR;

impl Credentials {
    /// Bytes of credentials on the wire: PA P0 P1 P2 C0 C1 C2 C3.
    pub(super) const LEN: usize = 8;

    /// Splits credentials off the front.
    pub(super) fn split(data: &[u8]) -> Option<(Self, &[u8])> {
        let (head, rest) = data.split_first_chunk::<{ Self::LEN }>()?;
        let [level, p0, p1, p2, c0, c1, c2, c3] = *head;
        Some((Self { level: Level(level), password: [p0, p1, p2], operator: [c0, c1, c2, c3] }, rest))
    }
}

impl Meter {
    /// Whether these credentials open what needs `level`. Counts wrong passwords and locks after some.
    pub(super) fn admits(&mut self, who: Credentials, level: Level, shown: Civil) -> Admission {
        let expected = self.password(who.level);
        let access = &mut self.change().access;
        if access.locked_until.is_some_and(|until| shown < until) {
            return Admission::Refused;
        }
        if expected != Some(who.password) {
            access.wrong_tries += 1;
            if access.wrong_tries >= MOST_WRONG_TRIES {
                access.locked_until = Some(shown.plus(LOCK));
                access.wrong_tries = 0;
            }
            return Admission::Refused;
        }
        access.wrong_tries = 0;
        if who.level <= level { Admission::Admitted } else { Admission::Refused }
    }

    /// Changes the password of a level.
    pub(super) fn change_password(&mut self, level: Level, password: [u8; 3]) {
        self.change().access.changed.insert(level, password);
    }

    /// Sets a password from outside (back door, configuration).
    pub fn set_password(&mut self, level: Level, password: [u8; 3]) {
        self.change_password(level, password);
    }

    /// Whether the meter is locked after wrong passwords at true time `truth`.
    pub fn is_locked(&self, truth: Civil) -> bool {
        let until = self.changed().and_then(|changed| changed.access.locked_until);
        until.is_some_and(|until| self.clock.shows(truth) < until)
    }

    /// Presses (or lets go) the programming key.
    pub fn press_programming_key(&mut self, pressed: bool) {
        let key = if pressed { ProgrammingKey::Pressed } else { ProgrammingKey::Released };
        self.change().access.programming_key = key;
    }

    pub(super) fn programming_key(&self) -> ProgrammingKey {
        self.changed().map_or(ProgrammingKey::NotNeeded, |changed| changed.access.programming_key)
    }

    /// Whether this is the password of a level, without counting tries: 1997 knows no lock.
    pub(super) fn password_is(&self, level: Level, password: [u8; 3]) -> bool {
        self.password(level) == Some(password)
    }

    fn password(&self, level: Level) -> Option<[u8; 3]> {
        if level > Level::WEAKEST {
            return None;
        }
        // As delivered, every level has zeros.
        Some(self.changed().and_then(|changed| changed.access.changed.get(&level).copied()).unwrap_or_default())
    }
}

/// Whether credentials were good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    Admitted,
    Refused,
}
