//! Stores what the listener for modules has to say: log-ins, alarms, devices nobody knows.

use hes_model::Registration;
use hes_store::Store;
use hes_transport::{Conflict, Notice, UnknownDevice};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::notebook::wall_clock;

/// Stores notices until `cancel` or the listener's end.
pub(crate) async fn store(store: Store, mut notices: mpsc::Receiver<Notice>, cancel: CancellationToken) {
    loop {
        let notice = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            notice = notices.recv() => notice,
        };
        let Some(notice) = notice else { return };
        if let Err(error) = store_one(&store, notice).await {
            tracing::error!(%error, "a notice of the listener could not be stored");
        }
    }
}

async fn store_one(store: &Store, notice: Notice) -> Result<(), hes_store::StoreError> {
    let ledger = Ledger::of(store);
    let now = wall_clock();
    match notice {
        Notice::LoggedIn { channel, peer } => {
            tracing::info!(%channel, %peer, "a module has logged in");
            Ok(())
        }
        Notice::TakenOver { channel, old, new } => {
            let detail = format!("a newer log-in from {new} replaced the silent link from {old}");
            tracing::info!(%channel, %old, %new, "a newer log-in replaced a silent link");
            ledger.link_taken_over(&channel, &detail, now).await
        }
        Notice::Duplicate { channel, identity, kept, refused, conflict } => {
            let how = match conflict {
                Conflict::BothAlive => "both answer",
                Conflict::TakingTurns => "they took the channel from each other again and again",
            };
            let detail = format!(
                "two devices announce themselves as {}: {how}; {kept} keeps the channel, {refused} was refused",
                identity_text(&identity)
            );
            tracing::error!(%channel, %kept, %refused, "two live devices claim one identity; the second was refused");
            ledger.duplicate_identity(&channel, &detail, now).await
        }
        Notice::Unknown { device, calls } => {
            let identity = device.identity.as_ref().map_or_else(|| first_bytes(&device), identity_text);
            // One that calls again and again is warned of once.
            if device.calls == calls {
                tracing::warn!(peer = %device.peer, %identity, reason = device.refusal.code(), "a device was not let in");
            }
            let remote = device.peer.to_string();
            store.unknown_device(&identity, &remote, calls, device.last_seen).await
        }
    }
}

fn identity_text(identity: &Registration) -> String {
    match identity {
        Registration::Packet(text) => format!("packet:{text}"),
        Registration::FirstFrame(address) => format!("frame:{address}"),
    }
}

fn first_bytes(device: &UnknownDevice) -> String {
    let hex: Vec<_> = device.first_bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("bytes:{}", hex.join(" "))
}
