//! The meter's clock: reading it, and setting everybody's by broadcast.

use std::time::Duration;

use hes_dlt645::{Address, Command, Data, DataId, Date, Dialect, Envelope, Time};
use hes_model::{Failure, FailureKind, MeterClock, MeterSpec, UtcMicros};
use jiff::civil;

use super::civil as terms;
use super::dialogue::{Answered, Dialogue, Reply};
use super::pairing::{Paired, pair};
use crate::{Env, Exchange, Outcome, latching};

/// A meter shows whole seconds: what it shows may be up to one old.
const SECOND: Duration = Duration::from_secs(1);

/// A meter sets its clock when the broadcast ends, some 0.1 s after it was made; and half a second rounds to the nearest.
const UNTIL_HEARD: Duration = Duration::from_millis(600);

/// What the meter's clock showed, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    /// The meter's time.
    pub(super) meter: civil::DateTime,
    /// The host's time at that moment.
    pub(super) at: UtcMicros,
    uncertainty: Duration,
    proof: usize,
}

impl Shown {
    /// What the meter's clock shows now, by the host's time that has passed since.
    pub(super) fn by_now(&self, now: UtcMicros) -> civil::DateTime {
        let passed = jiff::SignedDuration::from_micros(now.since(self.at));
        self.meter.saturating_add(passed)
    }
}

/// Reads the clock and tells what it showed.
pub(super) async fn check<L: Exchange, E: Env>(dialogue: &mut Dialogue<'_, L, E>) -> Result<(), Failure> {
    match read(dialogue).await? {
        Ok(shown) => {
            let Shown { meter, at, uncertainty, proof } = shown;
            dialogue.env.outcome(Outcome::Clock { meter: MeterClock(meter), at, uncertainty, proof });
        }
        Err(failure) => dialogue.env.outcome(Outcome::Missing { register: None, slot: None, failure }),
    }
    Ok(())
}

/// Reads date and time. If midnight may have passed between the two, the date is read again: the later one belongs to
/// the time. The outer failure ends the dialogue, the inner one only this question.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
) -> Result<Result<Shown, Failure>, Failure> {
    let (date_item, time_item) = match dialogue.dialect {
        Dialect::V2007 => (DataId::V2007(0x0400_0101), DataId::V2007(0x0400_0102)),
        Dialect::V1997 => (DataId::V1997(0xC010), DataId::V1997(0xC011)),
    };
    let (date, first) = match part(dialogue, date_item, 4, date_of).await? {
        Ok(read) => read,
        Err(failure) => return Ok(Err(failure)),
    };
    let (time, second) = match part(dialogue, time_item, 3, time_of).await? {
        Ok(read) => read,
        Err(failure) => return Ok(Err(failure)),
    };
    let between = micros(second.sent_at.since(first.sent_at)) + second.reply;
    let meter = match pair(date, time, between) {
        Paired::Sure(meter) => meter,
        Paired::ReadDateAgain => match part(dialogue, date_item, 4, date_of).await? {
            Ok((date, _)) => date.to_datetime(time),
            Err(failure) => return Ok(Err(failure)),
        },
    };
    let half = second.reply / 2;
    Ok(Ok(Shown { meter, at: second.sent_at.plus(half), uncertainty: half + SECOND, proof: second.proof }))
}

async fn part<T, L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    item: DataId,
    bytes: usize,
    read: fn(Data<'_>) -> Option<T>,
) -> Result<Result<(T, Answered), Failure>, Failure> {
    Ok(match dialogue.read(item, bytes).await? {
        Reply::Data(answered) => match read(Data::plain(&answered.data)) {
            Some(part) => Ok((part, answered)),
            None => {
                let detail = format!("{item} shows {}, which no clock does", Data::plain(&answered.data));
                Err(Failure::new(FailureKind::Clock, detail))
            }
        },
        Reply::Refused(refusal) => Err(refusal.of_a_register()),
        Reply::Spoiled(failure) => Err(failure),
    })
}

/// `WW DD MM YY`. The weekday is not looked at: meters were seen with a wrong one beside a right date.
fn date_of(data: Data<'_>) -> Option<civil::Date> {
    let [_, date @ ..] = data.exactly::<4>()?;
    Date::from_wire(date).and_then(terms::date)
}

/// `ss mm hh`.
fn time_of(data: Data<'_>) -> Option<civil::Time> {
    data.exactly().and_then(Time::from_wire).and_then(terms::time)
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(micros.max(0).unsigned_abs())
}

/// Sends everybody on the line the time, unless meters like this one latch about now. Nobody answers; whether it was
/// taken, the next reading of a clock tells.
///
/// The turn may be waited for, so both the time and whether it may go out are decided when it is there.
pub(super) async fn broadcast<L: Exchange, E: Env>(
    meter: &MeterSpec,
    link: &mut L,
    env: &mut E,
) -> Result<(), Failure> {
    made(meter, env)?;
    let mut withheld = None;
    let mut frame = || {
        made(meter, &mut *env).unwrap_or_else(|failure| {
            withheld = Some(failure);
            Vec::new()
        })
    };
    let sent = link.send(&mut frame).await.map_err(|error| crate::heard::failure(error, 0));
    match withheld {
        Some(failure) => Err(failure),
        None => sent.map(|_sent_at| ()),
    }
}

/// The frame that tells the time at which it is heard, if it may go out now.
fn made<E: Env>(meter: &MeterSpec, env: &mut E) -> Result<Vec<u8>, Failure> {
    let moment = terms::in_zone(env.now().plus(UNTIL_HEARD), env.zone());
    if let Some(latching) = latching(meter, moment.time()) {
        return Err(Failure::new(FailureKind::Clock, format!("{latching}; it is sent later")));
    }
    let dialect = super::dialect_of(meter.protocol);
    time_frame(dialect, moment, usize::from(env.wake_up()))
        .ok_or_else(|| Failure::new(FailureKind::Clock, "the host's clock is outside the years 2000 to 2099"))
}

fn time_frame(dialect: Dialect, moment: civil::DateTime, wake_bytes: usize) -> Option<Vec<u8>> {
    let command = Command::BroadcastTime { time: terms::to_meter(moment)? };
    let envelope = Envelope { dialect, address: Address::BROADCAST, wake_bytes };
    let mut buffer = vec![0; wake_bytes + hes_dlt645::MAX_FRAME];
    command.encode(&envelope, &mut buffer).ok().map(<[u8]>::to_vec)
}
