//! Which version of a reading is current. Pure; the one place of these rules, for single values and interval points alike.
//!
//! - The same content again is no version: re-reading costs nothing.
//! - A good value is current from then on; a different good value before it stays as a version, and the change is told.
//! - A suspect never takes the place of a good value. It is kept as a version of its own.
//! - Among suspects alone the latest is current, and the slot stays open.

/// What makes two versions the same: the value, when it occurred, and whether and why it is suspect.
///
/// Not the times of capture and receipt: a re-read differs in those and says nothing new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) mantissa: Option<i64>,
    pub(crate) form: i64,
    pub(crate) rules: Option<String>,
    pub(crate) occurred: Option<i64>,
}

impl Content {
    pub(crate) fn is_good(&self) -> bool {
        self.rules.is_none()
    }
    fn same_value(&self, other: &Self) -> bool {
        (self.mantissa, self.form, self.occurred) == (other.mantissa, other.form, other.occurred)
    }
}

/// A stored version, as far as the rules look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: i64,
    pub(crate) current: bool,
    pub(crate) content: Content,
}

/// What becomes of new content for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Known already.
    Unchanged,
    /// A further version.
    Store {
        version: i64,
        current: bool,
        /// The version that was current and no longer is.
        demoted: Option<i64>,
        /// A different good value stood there: worth an event.
        changed: bool,
    },
}

/// Decides over new content, given all versions of its slot in order.
pub(crate) fn decide(existing: &[Stored], new: &Content) -> Decision {
    let version = existing.last().map_or(1, |last| last.version + 1);
    let Some(now) = existing.iter().find(|s| s.current) else {
        return Decision::Store { version, current: true, demoted: None, changed: false };
    };
    if new.is_good() {
        if now.content.is_good() && now.content.same_value(new) {
            return Decision::Unchanged;
        }
        let changed = now.content.is_good();
        return Decision::Store { version, current: true, demoted: Some(now.version), changed };
    }
    let last_suspect = existing.iter().rev().find(|s| !s.content.is_good());
    if last_suspect.is_some_and(|s| s.content == *new) {
        return Decision::Unchanged;
    }
    let current = !now.content.is_good();
    Decision::Store { version, current, demoted: current.then_some(now.version), changed: false }
}

/// Whether the slot is filled: its current version is good.
pub(crate) fn is_filled(existing: &[Stored]) -> bool {
    existing.iter().any(|s| s.current && s.content.is_good())
}

/// Adds what [`decide`] said to the versions of a slot.
pub(crate) fn apply(existing: &mut Vec<Stored>, decision: &Decision, content: Content) {
    let Decision::Store { version, current, demoted, .. } = *decision else { return };
    if let Some(demoted) = demoted {
        existing.iter_mut().filter(|s| s.version == demoted).for_each(|s| s.current = false);
    }
    existing.push(Stored { version, current, content });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rules again, in the plainest form: over the whole history of what was offered.
    #[derive(Default)]
    struct Model {
        kept: Vec<(i64, Option<&'static str>)>,
    }

    impl Model {
        fn good(&self) -> Option<i64> {
            self.kept.iter().rev().find(|(_, rule)| rule.is_none()).map(|(value, _)| *value)
        }
        fn offer(&mut self, value: i64, rule: Option<&'static str>) {
            let known = match rule {
                None => self.good() == Some(value),
                Some(_) => self.kept.iter().rev().find(|(_, r)| r.is_some()) == Some(&(value, rule)),
            };
            if !known {
                self.kept.push((value, rule));
            }
        }
        fn current(&self) -> Option<(i64, Option<&'static str>)> {
            self.good().map(|value| (value, None)).or_else(|| self.kept.last().copied())
        }
    }

    proptest! {
        #[test]
        fn versions_follow_the_plain_model(
            offers in prop::collection::vec((0..3_i64, prop::option::of(prop::sample::select(vec!["V03", "V04"]))), 0..20),
        ) {
            let mut model = Model::default();
            let mut stored = Vec::new();
            for (value, rule) in offers {
                let content =
                    Content { mantissa: Some(value), form: 34, rules: rule.map(str::to_owned), occurred: None };
                let decision = decide(&stored, &content);
                apply(&mut stored, &decision, content);
                model.offer(value, rule);

                let kept: Vec<_> = stored.iter().map(|s| (s.content.mantissa, s.content.rules.as_deref())).collect();
                let expected: Vec<_> = model.kept.iter().map(|(v, r)| (Some(*v), *r)).collect();
                prop_assert_eq!(kept, expected);
                let current: Vec<_> = stored.iter().filter(|s| s.current).collect();
                prop_assert_eq!(current.len(), 1);
                prop_assert_eq!(
                    current.first().map(|s| (s.content.mantissa, s.content.rules.as_deref())),
                    model.current().map(|(v, r)| (Some(v), r))
                );
                prop_assert!(stored.iter().zip(1..).all(|(s, n)| s.version == n), "versions have no holes");
                prop_assert_eq!(is_filled(&stored), model.good().is_some());
            }
        }
    }
}
