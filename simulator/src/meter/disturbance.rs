//! What happens on the network before a meter: its events of class 03 and the bits of run-status words 4 to 7.
//!
//! These networks are quiet by themselves; a disturbance is made at the back door. It shows in its count, its record and
//! its status bit; voltages and currents stay what they are.

use super::encode::Data;
use super::register::Phase;
use super::{Meter, event};
use crate::civil::{Civil, MINUTE};

/// A kind of disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the event of its name in class 03")]
pub enum Disturbance {
    LossOfVoltage,
    UnderVoltage,
    OverVoltage,
    PhaseBreak,
    LossOfCurrent,
    OverCurrent,
    CurrentBreak,
    PowerReverse,
    Overload,
    VoltageSequenceReversed,
    CurrentSequenceReversed,
    PowerDown,
}

/// A disturbance that was made. Times are true.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disturbed {
    what: Disturbance,
    phase: Option<Phase>,
    from: Civil,
    to: Civil,
}

/// Why a disturbance cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undisturbed {
    /// It happens to a phase, and none is named that the meter has.
    #[error("this happens to one phase: expected a phase that the meter has, a, b or c")]
    Phase,
    /// It happens to the whole network.
    #[error("this happens to no single phase: expected no phase")]
    NoPhase,
    /// It ends before it begins.
    #[error("it ends before it begins: expected `to` after `from`, which is now when left out")]
    Backwards,
}

impl Disturbance {
    const ALL: [Disturbance; 12] = [
        Disturbance::LossOfVoltage,
        Disturbance::UnderVoltage,
        Disturbance::OverVoltage,
        Disturbance::PhaseBreak,
        Disturbance::LossOfCurrent,
        Disturbance::OverCurrent,
        Disturbance::CurrentBreak,
        Disturbance::PowerReverse,
        Disturbance::Overload,
        Disturbance::VoltageSequenceReversed,
        Disturbance::CurrentSequenceReversed,
        Disturbance::PowerDown,
    ];

    /// DI2 of its items, and its bit: in the word of its phase (4 to 6), or in word 7.
    fn place(self) -> (u8, u32) {
        match self {
            Disturbance::LossOfVoltage => (0x01, 0),
            Disturbance::UnderVoltage => (0x02, 1),
            Disturbance::OverVoltage => (0x03, 2),
            Disturbance::PhaseBreak => (0x04, 7),
            Disturbance::LossOfCurrent => (0x0B, 3),
            Disturbance::OverCurrent => (0x0C, 4),
            Disturbance::CurrentBreak => (0x0D, 8),
            Disturbance::PowerReverse => (0x0E, 6),
            Disturbance::Overload => (0x0F, 5),
            Disturbance::VoltageSequenceReversed => (0x07, 0),
            Disturbance::CurrentSequenceReversed => (0x08, 1),
            Disturbance::PowerDown => (0x11, 5),
        }
    }

    fn is_of_a_phase(self) -> bool {
        use Disturbance::{CurrentSequenceReversed, PowerDown, VoltageSequenceReversed};
        !matches!(self, VoltageSequenceReversed | CurrentSequenceReversed | PowerDown)
    }
}

const PHASES: [Phase; 3] = [Phase::A, Phase::B, Phase::C];

impl Meter {
    /// Lets a disturbance happen between two true instants.
    pub(crate) fn disturb(
        &mut self,
        what: Disturbance,
        phase: Option<Phase>,
        from: Civil,
        to: Civil,
    ) -> Result<(), Undisturbed> {
        match phase {
            Some(_) if !what.is_of_a_phase() => return Err(Undisturbed::NoPhase),
            Some(phase) if self.phase_share(phase).is_none() => return Err(Undisturbed::Phase),
            None if what.is_of_a_phase() => return Err(Undisturbed::Phase),
            _ => {}
        }
        if to <= from {
            return Err(Undisturbed::Backwards);
        }
        self.change().disturbances.push(Disturbed { what, phase, from, to });
        Ok(())
    }

    /// Class 03, as far as it is about the network: times and minutes (DI1, DI0 = 00), or when the `n`-th last began and
    /// ended. `None`: the item is about something else.
    pub(super) fn disturbance_item(&self, [_, di2, di1, di0]: [u8; 4], truth: Civil) -> Option<Vec<u8>> {
        let what = Disturbance::ALL.into_iter().find(|what| what.place().0 == di2)?;
        if what == Disturbance::PowerDown {
            return None;
        }
        let of = |phase| self.disturbed(what, phase, truth);
        let phases: &[Option<Phase>] = if what.is_of_a_phase() { &PHASES.map(Some) } else { &[None] };
        if (di1, di0) == (0, 0) {
            let sums = phases.iter().fold(Data::new(), |data, phase| {
                let (count, ms) = of(*phase).fold((0, 0), |(n, ms), d| (n + 1, ms + d.to.min(truth).0 - d.from.0));
                data.bcd(count, 3).bcd((ms / MINUTE).unsigned_abs(), 3)
            });
            return Some(sums.done());
        }
        // Phases are numbered from 1; what has none has 0 in their place.
        let place = if what.is_of_a_phase() { usize::from(di1).checked_sub(1)? } else { usize::from(di1) };
        let phase = *phases.get(place)?;
        let back = usize::from(di0).checked_sub(1).filter(|back| *back < usize::from(event::KEPT))?;
        let mut all: Vec<Disturbed> = of(phase).collect();
        all.sort_by_key(|disturbed| disturbed.from);
        Some(
            match all.iter().rev().nth(back) {
                Some(disturbed) => {
                    let data = Data::new().second(self.clock.shows(disturbed.from));
                    // One that lasts has no end yet.
                    if disturbed.to <= truth { data.second(self.clock.shows(disturbed.to)) } else { data.repeat(0, 6) }
                }
                None => Data::new().repeat(0, 12),
            }
            .done(),
        )
    }

    /// Run-status words 4 to 6, of the phases, and 7.
    pub(super) fn disturbance_word(&self, word: u8, truth: Civil) -> u16 {
        let phase = usize::from(word).checked_sub(4).and_then(|n| PHASES.get(n).copied());
        let lasting = |what: &Disturbance| {
            what.is_of_a_phase() == phase.is_some() && self.disturbed(*what, phase, truth).any(|d| truth < d.to)
        };
        Disturbance::ALL.into_iter().filter(lasting).fold(0, |bits, what| bits | 1 << what.place().1)
    }

    /// Power-downs that were made: begin and end.
    pub(super) fn power_downs(&self, truth: Civil) -> impl Iterator<Item = (Civil, Civil)> {
        self.disturbed(Disturbance::PowerDown, None, truth).map(|disturbed| (disturbed.from, disturbed.to))
    }

    /// Forgets those of class 03 under DI2, or all.
    pub(super) fn forget_disturbances(&mut self, di2: Option<u8>) {
        self.change().disturbances.retain(|disturbed| di2.is_some_and(|di2| disturbed.what.place().0 != di2));
    }

    fn disturbed(&self, what: Disturbance, phase: Option<Phase>, truth: Civil) -> impl Iterator<Item = Disturbed> {
        let all = self.changed().map_or(&[][..], |changed| &changed.disturbances);
        all.iter().copied().filter(move |d| d.what == what && d.phase == phase && d.from <= truth)
    }
}
