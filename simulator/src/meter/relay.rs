//! The relay inside the meter, its alarm and keep-power, as control code 1C moves them.
//!
//! An answer 9C says that the command was accepted. What the relay then does is read back in run-status word 3: bit 6
//! is what it was told, bit 4 what it is.

use super::access::{Admission, Credentials, Level};
use super::event::{Event, Kind};
use super::{Meter, Outage, encode, refusal};
use crate::civil::Civil;

/// What the relay was told, beside the outages it made.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Commanded {
    pub(super) open: Command,
    allowed: bool,
    pub(super) alarm: bool,
    pub(super) keep_power: bool,
    /// From the command to the contact's movement.
    delay_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Command {
    #[default]
    Close,
    Open,
}

/// The relay as it truly is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayState {
    /// Supply is on.
    Closed,
    /// Supply is off.
    Open,
    /// Supply is off, and a press of the button turns it on.
    Armed,
}

mod action {
    pub(super) const TRIP: u8 = 0x1A;
    pub(super) const ALLOW_CLOSE: u8 = 0x1B;
    pub(super) const CLOSE: u8 = 0x1C;
    pub(super) const ALARM_ON: u8 = 0x2A;
    pub(super) const ALARM_OFF: u8 = 0x2B;
    pub(super) const KEEP_POWER: u8 = 0x3A;
    pub(super) const END_KEEP_POWER: u8 = 0x3B;
}

impl Meter {
    /// Carries out control code 1C. `Err` holds the error byte.
    pub(super) fn control(&mut self, data: &[u8], truth: Civil) -> Result<(), u8> {
        let shown = self.clock.shows(truth);
        let (who, command) = Credentials::split(data).ok_or(refusal::OTHER)?;
        let [action, _reserved, deadline @ ..] = command else { return Err(refusal::OTHER) };
        if deadline.len() != 6 {
            return Err(refusal::OTHER);
        }
        if self.admits(who, Level::CONTROL, shown) == Admission::Refused {
            return Err(refusal::NOT_AUTHORISED);
        }
        // A command that is too late must not act, and zeros are no date.
        if encode::instant(deadline).is_none_or(|deadline| deadline <= shown) {
            return Err(refusal::OTHER);
        }
        self.act(*action, who.operator, truth)
    }

    /// Presses the button on the meter's face: closes an armed relay.
    pub fn press_button(&mut self, truth: Civil) {
        if self.relay_state(truth) == RelayState::Armed {
            self.close(truth, [0; 4]);
        }
    }

    /// The relay at true time `truth`.
    pub fn relay_state(&self, truth: Civil) -> RelayState {
        match (self.relay_is_open(truth), self.commanded().allowed) {
            (false, _) => RelayState::Closed,
            (true, false) => RelayState::Open,
            (true, true) => RelayState::Armed,
        }
    }

    /// How long the contacts take to follow a command.
    pub fn set_relay_delay(&mut self, ms: i64) {
        self.change().relay.delay_ms = ms.max(0);
    }

    pub(super) fn relay_is_open(&self, truth: Civil) -> bool {
        let open = |outage: &Outage| outage.from <= truth && outage.to.is_none_or(|to| truth < to);
        self.changed().is_some_and(|changed| changed.outages.iter().any(open))
    }

    pub(super) fn commanded(&self) -> Commanded {
        self.changed().map_or_else(Commanded::default, |changed| changed.relay)
    }

    fn act(&mut self, action: u8, operator: [u8; 4], truth: Civil) -> Result<(), u8> {
        match action {
            action::TRIP if self.commanded().keep_power => return Err(refusal::OTHER),
            action::TRIP => self.trip(truth, operator),
            action::ALLOW_CLOSE => {
                let relay = &mut self.change().relay;
                relay.allowed = relay.open == Command::Open || relay.allowed;
                relay.open = Command::Close;
            }
            action::CLOSE => self.close(truth, operator),
            action::ALARM_ON => self.change().relay.alarm = true,
            action::ALARM_OFF => self.change().relay.alarm = false,
            action::KEEP_POWER => self.change().relay.keep_power = true,
            action::END_KEEP_POWER => self.change().relay.keep_power = false,
            _ => return Err(refusal::OTHER),
        }
        Ok(())
    }

    fn trip(&mut self, truth: Civil, operator: [u8; 4]) {
        let from = truth.plus(self.commanded().delay_ms);
        let detail = self.registers(Kind::Trip, from);
        let changed = self.change();
        changed.relay.open = Command::Open;
        changed.relay.allowed = false;
        let closing = changed.outages.last_mut().filter(|last| last.to.is_none_or(|to| to > truth));
        match closing {
            // Open already, or about to close: it stays open, and the close that did not happen is no event.
            Some(last) => {
                last.to = None;
                changed.events.retain(|event| event.kind != Kind::Close || event.at <= truth);
            }
            None => {
                changed.outages.push(Outage { from, to: None });
                changed.events.push(Event { kind: Kind::Trip, at: from, operator, detail });
            }
        }
    }

    fn close(&mut self, truth: Civil, operator: [u8; 4]) {
        let at = truth.plus(self.commanded().delay_ms);
        let detail = self.registers(Kind::Close, at);
        let changed = self.change();
        changed.relay.open = Command::Close;
        changed.relay.allowed = false;
        if let Some(last) = changed.outages.last_mut().filter(|last| last.to.is_none()) {
            last.to = Some(at.max(last.from));
            changed.events.push(Event { kind: Kind::Close, at, operator, detail });
        }
    }
}
