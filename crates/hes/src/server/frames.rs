//! Frames for the log, as much of them as a channel's decode level asks for.
//!
//! Passwords never get into the log: a frame that carries one shows stars where it stands.

use hes_collector::{Direction, FrameLog};
use hes_dissect::{Decoded, Explained, Fields, Options, Secrets, decode, redacted};
use hes_model::{ChannelName, DecodeLevel};

/// What the log needs: the meaning, no field-by-field table, no secrets.
const OPTIONS: Options = Options { dialect: None, secrets: Secrets::Hidden, fields: Fields::Without };

/// Writes frames through `tracing`, under the target `frames`. The decode level is what switches them on, so they are
/// logged at `info`.
#[derive(Debug, Clone, Copy)]
pub(super) struct TracedFrames;

impl FrameLog for TracedFrames {
    fn frame(&self, channel: &ChannelName, direction: Direction, bytes: &[u8], level: DecodeLevel) {
        let way = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        match decode(bytes, &OPTIONS) {
            Decoded::Explained(explained) => log(channel, way, bytes, level, &explained),
            Decoded::Rejected(rejected) => {
                let bytes = (level >= DecodeLevel::Bytes).then(|| redacted(bytes, None));
                tracing::info!(target: "frames", %channel, way, bytes, error = rejected.error, "no frame: {}", rejected.detail);
            }
        }
    }
}

fn log(channel: &ChannelName, way: &str, bytes: &[u8], level: DecodeLevel, frame: &Explained) {
    let title = frame.title.as_ref().map_or("frame", |label| label.en.as_str());
    let items = (level >= DecodeLevel::Objects).then(|| items(frame));
    let bytes = (level >= DecodeLevel::Bytes).then(|| redacted(bytes, None));
    let di = frame.di.as_deref();
    let link = &frame.link;
    tracing::info!(
        target: "frames",
        %channel, way, meter = link.address, control = link.ctrl, length = link.len, di, items, bytes, "{title}"
    );
}

/// `name=value unit`, parted by blanks; what has no value says why.
fn items(frame: &Explained) -> String {
    let mut text = String::new();
    for item in frame.items.iter().flatten() {
        let value = item.value.as_deref().or(item.no_value).unwrap_or("-");
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(&format!("{separator}{}={value} {}", item.name, item.unit));
        text.truncate(text.trim_end().len());
    }
    text
}
