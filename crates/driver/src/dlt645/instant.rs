//! Values of now.

use hes_dlt645::items::History;
use hes_model::{Failure, Obis, Observation, Series};

use super::dialogue::Dialogue;
use super::registers::{self, Finding};
use super::taking::Taken;
use crate::{Env, Exchange};

/// Reads registers as they are now.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let ended = registers::read(dialogue, registers, History::Now, &mut findings).await;
    for finding in findings {
        match finding {
            Finding::Value(Taken { register, value, occurred }, proof) => {
                let series = Series::Instant;
                dialogue.value(Observation { register, series, slot: None, latched: None, value, occurred, proof });
            }
            Finding::Missing(register, failure) => dialogue.missing(register, None, failure),
        }
    }
    ended
}
