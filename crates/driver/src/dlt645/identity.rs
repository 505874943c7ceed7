//! The number a meter has of its own, apart from the address it is reached by.

use hes_dlt645::{Address, DataId, Dialect};
use hes_model::Failure;

use super::dialogue::{Dialogue, Reply};
use crate::{Env, Exchange};

/// Bytes of a meter's number: twelve digits.
const DIGITS: usize = 6;

/// Reads the meter's own number; `None` where it has none, or tells none.
pub(super) async fn read<L: Exchange, E: Env>(dialogue: &mut Dialogue<'_, L, E>) -> Result<Option<u64>, Failure> {
    let item = match dialogue.dialect {
        Dialect::V2007 => DataId::V2007(0x0400_0402),
        Dialect::V1997 => DataId::V1997(0xC032),
    };
    match dialogue.read(item, DIGITS).await? {
        Reply::Data(answered) => Ok(number(&answered.data)),
        Reply::Refused(refusal) if refusal.no_such_data() => Ok(None),
        Reply::Refused(refusal) => Err(refusal.failure),
        Reply::Spoiled(failure) => Err(failure),
    }
}

/// Nothing but zeros, or anything that is no decimal digit, is a number nobody has set.
fn number(data: &[u8]) -> Option<u64> {
    // Its digits stand as those of an address do.
    let digits: [u8; DIGITS] = data.try_into().ok()?;
    Address(digits).number().filter(|number| *number != 0)
}
