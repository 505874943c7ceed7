//! The one way into a dialogue.

use hes_model::{Failure, MeterSpec, Protocol, Request};

use crate::{Env, Exchange, dlt645};

/// Carries out `request` with one meter over `link`, and tells `env` what comes out as it happens.
///
/// # Result
///
/// `Ok`: every value asked for came out, as [`Outcome::Value`](crate::Outcome::Value) or
/// [`Outcome::Missing`](crate::Outcome::Missing). `Err`: the dialogue ended early (a silent meter, a dead channel, an
/// interruption, a model without a profile), and what did not come out has this failure. A damaged, foreign or refused
/// answer costs only its own question.
///
/// A slot is told once. Values of registers that came along in a block come out too, asked for or not.
///
/// Nothing is retried here, and nothing that moves a relay or writes a parameter is ever sent.
///
/// # Cancel safety
///
/// May be dropped at any await; what an unfinished exchange leaves on the line is the link's to clear.
pub async fn perform<L: Exchange, E: Env>(
    meter: &MeterSpec,
    request: &Request,
    link: &mut L,
    env: &mut E,
) -> Result<(), Failure> {
    match meter.protocol {
        Protocol::Dlt645v2007 | Protocol::Dlt645v1997 => dlt645::perform(meter, request, link, env).await,
    }
}

/// Asks a meter for the number it has of its own, apart from the address it is reached by: twelve digits. `None` where it
/// tells none. A meter put in another's place under the old address still tells its own.
///
/// # Cancel safety
///
/// As [`perform`].
pub async fn own_number<L: Exchange, E: Env>(
    meter: &MeterSpec,
    link: &mut L,
    env: &mut E,
) -> Result<Option<u64>, Failure> {
    match meter.protocol {
        Protocol::Dlt645v2007 | Protocol::Dlt645v1997 => dlt645::own_number(meter, link, env).await,
    }
}
