//! Who may dial in.

use std::collections::{BTreeMap, HashMap};

use hes_model::{ChannelConfig, ChannelName, CommAddress, Endpoint, Registration};

/// Two channels that claim the same registration; the first keeps it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("channels {first} and {second} have the same registration; only {first} can be reached, give {second} its own")]
pub struct AllowedConflict {
    /// The channel that keeps the registration.
    pub first: ChannelName,
    /// The channel nobody can dial in to.
    pub second: ChannelName,
}

/// The allow-list: which registration belongs to which channel.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    packets: BTreeMap<Vec<u8>, ChannelName>,
    addresses: HashMap<CommAddress, ChannelName>,
}

impl Allowed {
    /// The list made by `channels`, of which those count whose module dials in, and the conflicts found on the way.
    pub fn of<'a>(channels: impl IntoIterator<Item = &'a ChannelConfig>) -> (Self, Vec<AllowedConflict>) {
        let mut allowed = Self::default();
        let mut conflicts = Vec::new();
        for channel in channels {
            let Endpoint::DialIn(dial_in) = &channel.endpoint else { continue };
            let holder = match &dial_in.registration {
                // An empty packet would be what every silent device says.
                Registration::Packet(text) if text.trim().is_empty() => continue,
                Registration::Packet(text) => {
                    allowed.packets.entry(text.trim().as_bytes().to_vec()).or_insert_with(|| channel.name.clone())
                }
                Registration::FirstFrame(address) => {
                    allowed.addresses.entry(*address).or_insert_with(|| channel.name.clone())
                }
            };
            if *holder != channel.name {
                conflicts.push(AllowedConflict { first: holder.clone(), second: channel.name.clone() });
            }
        }
        (allowed, conflicts)
    }

    pub(super) fn by_packet(&self, packet: &[u8]) -> Option<&ChannelName> {
        self.packets.get(packet)
    }

    pub(super) fn by_address(&self, address: CommAddress) -> Option<&ChannelName> {
        self.addresses.get(&address)
    }

    /// Whether a longer allowed packet begins with `packet`.
    pub(super) fn continues(&self, packet: &[u8]) -> bool {
        let from_here = self.packets.range(packet.to_vec()..).map(|(known, _)| known);
        from_here.take_while(|known| known.starts_with(packet)).any(|known| known.len() > packet.len())
    }

    /// Whether any module is recognised by an address.
    pub(super) fn knows_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }
}
