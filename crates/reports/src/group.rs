//! What all groupings share: the key a meter falls under, and counting meters that come one after the other.

use hes_model::MeterNo;

use crate::{Dimension, MeterOnDay};

/// The group of a meter, or, grouped by cause, of what happened to it.
pub(crate) fn group_key<'a>(meter: &'a MeterOnDay, by: Dimension, cause: &'a str) -> (&'a str, Option<&'a str>) {
    meter.group(by).unwrap_or((cause, None))
}

/// Counts distinct meters in a sequence in which equal ones are neighbours.
#[derive(Debug, Default)]
pub(crate) struct Count {
    last: Option<MeterNo>,
    seen: u64,
}

impl Count {
    pub(crate) fn see(&mut self, meter: &MeterNo) {
        if self.last.as_ref() != Some(meter) {
            self.last = Some(meter.clone());
            self.seen += 1;
        }
    }
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }
}
