//! The disconnector: class 70, Blue Book clause 4.5.8.

use super::value::enumeration;

/// The class.
pub const CLASS: u16 = 70;
/// Whether the supply is on.
pub const OUTPUT_STATE: i8 = 2;
/// What the control says, see [`ControlState`].
pub const CONTROL_STATE: i8 = 3;
/// Which commands work, see [`ControlMode`].
pub const CONTROL_MODE: i8 = 4;
/// Opens; the parameter is integer 0.
pub const REMOTE_DISCONNECT: i8 = 1;
/// Closes, or lets the customer close; the parameter is integer 0.
pub const REMOTE_RECONNECT: i8 = 2;

enumeration! {
    /// What the control says. The supply is on in `Connected` alone.
    ControlState {
        /// Off.
        Disconnected = 0,
        /// On.
        Connected = 1,
        /// Off; the customer may switch on by hand.
        ReadyForReconnection = 2,
    }
    /// Which commands work.
    ControlMode {
        /// Always connected, no command works.
        None = 0,
        /// Remote and manual disconnection; remote reconnection lets the customer switch on.
        Mode1 = 1,
        /// Remote and manual disconnection; remote reconnection switches on.
        Mode2 = 2,
        /// As 1, without manual disconnection.
        Mode3 = 3,
        /// As 2, without manual disconnection.
        Mode4 = 4,
        /// As 1, and local reconnection.
        Mode5 = 5,
        /// As 3, and local reconnection.
        Mode6 = 6,
        /// As 4, and local reconnection; of newer editions.
        Mode7 = 7,
    }
}

/// What happens to a disconnector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client calls `remote_disconnect`.
    RemoteDisconnect,
    /// A client calls `remote_reconnect`.
    RemoteReconnect,
    /// The customer switches off.
    ManualDisconnect,
    /// The customer switches on.
    ManualReconnect,
    /// The meter switches off: a limit, or credit used up.
    LocalDisconnect,
    /// The meter switches on again.
    LocalReconnect,
}

impl ControlState {
    /// Whether the supply is on.
    pub const fn is_supplying(self) -> bool {
        matches!(self, ControlState::Connected)
    }
}

impl ControlMode {
    /// The state after an event; `None` where the event does nothing. Transitions a to i of figure 24.
    ///
    /// The figure is of the Blue Book; which mode has which transition is from two public implementations, and of mode 7
    /// from memory.
    pub const fn after(self, state: ControlState, event: Event) -> Option<ControlState> {
        use ControlState::{Connected, Disconnected, ReadyForReconnection};
        let (manual_off, direct_on, local_on) = match self {
            ControlMode::Mode1 => (true, false, false),
            ControlMode::Mode2 => (true, true, false),
            ControlMode::Mode3 => (false, false, false),
            ControlMode::Mode4 => (false, true, false),
            ControlMode::Mode5 => (true, false, true),
            ControlMode::Mode6 => (false, false, true),
            ControlMode::Mode7 => (false, true, true),
            ControlMode::None | ControlMode::Other(_) => return None,
        };
        match (event, state) {
            (Event::RemoteDisconnect, Connected | ReadyForReconnection) => Some(Disconnected),
            (Event::RemoteReconnect, Disconnected) if direct_on => Some(Connected),
            (Event::RemoteReconnect, Disconnected) => Some(ReadyForReconnection),
            (Event::RemoteReconnect, ReadyForReconnection) if matches!(self, ControlMode::Mode7) => Some(Connected),
            (Event::ManualDisconnect, Connected) if manual_off => Some(ReadyForReconnection),
            (Event::ManualReconnect, ReadyForReconnection) => Some(Connected),
            (Event::LocalDisconnect, Connected) => Some(ReadyForReconnection),
            (Event::LocalReconnect, ReadyForReconnection) if local_on => Some(Connected),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 6] = [
        Event::RemoteDisconnect,
        Event::RemoteReconnect,
        Event::ManualDisconnect,
        Event::ManualReconnect,
        Event::LocalDisconnect,
        Event::LocalReconnect,
    ];

    #[test]
    fn a_remote_reconnection_switches_on_in_modes_2_4_and_7_only() {
        for code in 1..=7 {
            let after = ControlMode::from_code(code).after(ControlState::Disconnected, Event::RemoteReconnect);
            let on = [2, 4, 7].contains(&code);
            assert_eq!(after.map(ControlState::is_supplying), Some(on), "mode {code}");
        }
    }

    #[test]
    fn nobody_but_a_client_gets_a_meter_out_of_disconnected() {
        for code in 0..=8 {
            for event in EVENTS {
                let after = ControlMode::from_code(code).after(ControlState::Disconnected, event);
                assert!(after.is_none() || event == Event::RemoteReconnect, "mode {code}, {event:?}");
            }
        }
    }

    #[test]
    fn in_mode_0_nothing_works() {
        for event in EVENTS {
            assert_eq!(ControlMode::None.after(ControlState::Connected, event), None);
        }
    }
}
