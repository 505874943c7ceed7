//! From what was heard on the line to the cause of a failure.

use hes_model::{Failure, FailureKind};

use crate::{Counts, LinkError};

/// The cause of an exchange without answer, told by what was heard instead.
///
/// Of several causes the one closest to the answer counts: a frame from the right meter says more than damage, damage
/// more than a stranger, a stranger more than loose bytes. `request_bytes` tells our own echo from loose bytes.
pub(crate) fn failure(error: LinkError, request_bytes: usize) -> Failure {
    match error {
        LinkError::TimedOut { heard, last } => {
            let kind = cause(&heard, request_bytes);
            Failure::new(kind, describe(kind, &heard)).with_bytes(&last)
        }
        LinkError::Down { cause } => Failure::new(FailureKind::ChannelDown, cause),
        LinkError::Interrupted { cause } => Failure::new(FailureKind::Interrupted, cause),
    }
}

fn cause(heard: &Counts, request_bytes: usize) -> FailureKind {
    let loose = heard.bytes.saturating_sub(heard.echo.saturating_mul(request_bytes));
    if heard.wrong_item > 0 {
        FailureKind::WrongItem
    } else if heard.checksum > 0 {
        FailureKind::Checksum
    } else if heard.wrong_address > 0 {
        FailureKind::WrongAddress
    } else if heard.malformed > 0 || heard.garbage > 0 || loose > 0 {
        FailureKind::Incomplete
    } else {
        FailureKind::NoReply
    }
}

fn describe(kind: FailureKind, heard: &Counts) -> String {
    let summary = match kind {
        FailureKind::WrongItem => "the meter answered another question",
        FailureKind::Checksum => "the answer was damaged",
        FailureKind::WrongAddress => "only another address answered",
        FailureKind::Incomplete => "no whole frame came",
        _ if heard.echo > 0 => return "nothing but our own request was heard".to_owned(),
        _ => return "the meter was silent".to_owned(),
    };
    let counted = [
        (heard.wrong_item, "frames to another question"),
        (heard.checksum, "with a wrong check sum"),
        (heard.wrong_address, "from another address"),
        (heard.malformed, "broken frame starts"),
        (heard.garbage, "stray bytes"),
        (heard.echo, "echoes"),
    ];
    let counted = counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let heard = std::iter::once(format!("{} bytes", heard.bytes)).chain(counted).collect::<Vec<_>>().join(", ");
    format!("{summary}: {heard}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: usize = 16;

    fn kind_of(heard: Counts) -> FailureKind {
        failure(LinkError::TimedOut { heard, last: vec![0x68] }, REQUEST).kind
    }

    #[test]
    fn what_was_heard_decides_the_cause() {
        let none = Counts::default();
        for (heard, kind) in [
            (none, FailureKind::NoReply),
            (Counts { bytes: REQUEST, echo: 1, ..none }, FailureKind::NoReply),
            (Counts { bytes: REQUEST + 3, echo: 1, ..none }, FailureKind::Incomplete),
            (Counts { bytes: 9, ..none }, FailureKind::Incomplete),
            (Counts { bytes: 9, garbage: 9, ..none }, FailureKind::Incomplete),
            (Counts { bytes: 9, malformed: 1, ..none }, FailureKind::Incomplete),
            (Counts { bytes: 20, checksum: 1, garbage: 3, ..none }, FailureKind::Checksum),
            (Counts { bytes: 20, wrong_address: 1, ..none }, FailureKind::WrongAddress),
            (Counts { bytes: 40, wrong_address: 1, checksum: 1, ..none }, FailureKind::Checksum),
            (Counts { bytes: 40, wrong_item: 1, checksum: 1, ..none }, FailureKind::WrongItem),
        ] {
            assert_eq!(kind_of(heard), kind, "{heard:?}");
        }
    }

    #[test]
    fn a_dead_channel_and_an_interruption_are_not_the_meters_fault() {
        let down = failure(LinkError::Down { cause: "connection refused".to_owned() }, REQUEST);
        assert_eq!(down.to_string(), "channel_down: connection refused");
        let interrupted = failure(LinkError::Interrupted { cause: "shutdown" }, REQUEST);
        assert_eq!(interrupted.kind, FailureKind::Interrupted);
    }

    #[test]
    fn the_detail_counts_what_was_heard_and_keeps_the_last_bytes() {
        let heard = Counts { bytes: 42, checksum: 1, garbage: 3, ..Counts::default() };
        let failure = failure(LinkError::TimedOut { heard, last: vec![0x68, 0x16] }, REQUEST);
        assert_eq!(failure.detail, "the answer was damaged: 42 bytes, 1 with a wrong check sum, 3 stray bytes");
        assert_eq!(failure.bytes, [0x68, 0x16]);
    }
}
