//! Settlements (结算日): the registers as they were on the meter's settlement day.
//!
//! A settlement carries no time of its own. Which month it is follows from the meter's clock and its settlement days,
//! both read in the same dialogue; and nothing is handed out if another settlement may have been latched meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use hes_dlt645::items::History;
use hes_dlt645::{DataId, Dialect};
use hes_model::{Failure, FailureKind, MeterClock, Obis, Observation, Series};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use super::civil;
use super::clock::{self, Shown};
use super::dialogue::{Dialogue, Reply};
use super::registers::{self, Finding};
use super::settlement::{DayHour, Place, SettlementDays};
use super::taking::Taken;
use crate::{Env, Exchange, Model, Settlement};

/// How far the meter's clock, as we reckon it, may be from what it shows when a settlement is near.
const MARGIN: Duration = Duration::from_secs(60);
/// A meter whose clock is further off settles on other days than the ones its months are named after.
const CLOCK_LIMIT: SignedDuration = SignedDuration::from_hours(24);
/// A settlement day that is set, 04000B01 to 04000B03.
const SETTLEMENT_DAYS: [u32; 3] = [0x0400_0B01, 0x0400_0B02, 0x0400_0B03];

/// Reads the settlements of `months`, the newest first.
pub(super) async fn read<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    model: &Model,
    registers: &[Obis],
    months: &[Date],
) -> Result<(), Failure> {
    let months: BTreeSet<Date> = months.iter().map(|month| month.first_of_month()).collect();
    let basis = match &model.monthly {
        Some(settlement) => basis(dialogue, settlement).await?,
        None => Err(Failure::new(FailureKind::NotSupported, "meters of this model keep no settlements")),
    };
    let Basis { days, shown, depth } = match basis {
        Ok(basis) => basis,
        Err(failure) => {
            missing(dialogue, registers, months, &failure);
            return Ok(());
        }
    };
    for &month in months.iter().rev() {
        let failure = match days.place(month, shown.meter, depth) {
            Place::Latched { at, back } => {
                read_month(dialogue, registers, Month { month, at, back }, &days, &shown).await?;
                continue;
            }
            Place::NotYet { at } => Failure::new(
                FailureKind::Clock,
                format!("not latched yet: the meter settles at {at}, it shows {}", shown.meter),
            ),
            Place::TooOld => Failure::new(FailureKind::NotHeld, format!("the meter keeps {depth} settlements")),
        };
        missing(dialogue, registers, [month], &failure);
    }
    Ok(())
}

/// What tells months apart.
struct Basis {
    days: SettlementDays,
    shown: Shown,
    /// Settlements kept.
    depth: u8,
}

async fn basis<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    profile: &Settlement,
) -> Result<Result<Basis, Failure>, Failure> {
    let days = match settlement_days(dialogue, profile).await? {
        Ok(days) => days,
        Err(failure) => return Ok(Err(failure)),
    };
    let shown = match clock::read(dialogue).await? {
        Ok(shown) => shown,
        Err(failure) => return Ok(Err(failure)),
    };
    let host = civil::in_zone(shown.at, dialogue.env.zone());
    if shown.meter.duration_since(host).abs() > CLOCK_LIMIT {
        let detail = format!("the meter shows {} at {host}: nobody can tell its settlements' months", shown.meter);
        return Ok(Err(Failure::new(FailureKind::Clock, detail)));
    }
    Ok(Ok(Basis { days, shown, depth: profile.depth }))
}

/// The meter's own settlement days; where it does not tell the first one, the profile's.
async fn settlement_days<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    profile: &Settlement,
) -> Result<Result<SettlementDays, Failure>, Failure> {
    let by_profile = DayHour::new(profile.settlement_day, profile.settlement_hour);
    let mut own = Vec::new();
    if dialogue.dialect == Dialect::V2007 {
        for (item, expected) in SETTLEMENT_DAYS.into_iter().zip([by_profile, None, None]) {
            match settlement_day(dialogue, DataId::V2007(item), expected).await? {
                Ok(day) => own.push(day),
                Err(failure) => return Ok(Err(failure)),
            }
        }
    }
    let Some(first) = own.first().copied().flatten().or(by_profile) else {
        let detail = "neither the meter nor its model's profile names a settlement day";
        return Ok(Err(Failure::new(FailureKind::NotSupported, detail)));
    };
    Ok(Ok(SettlementDays::new(first, own.into_iter().skip(1).flatten().collect())))
}

/// One settlement day; `None` where the meter has none there. Anything but what is expected or plainly not in use would
/// move every month, so it is read twice. A refusal for another reason than that there is no such data says nothing.
async fn settlement_day<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    item: DataId,
    expected: Option<DayHour>,
) -> Result<Result<Option<DayHour>, Failure>, Failure> {
    let mut before = None;
    loop {
        let data = match dialogue.read(item, 2).await? {
            Reply::Data(answered) => answered.data,
            Reply::Refused(refusal) if refusal.no_such_data() => return Ok(Ok(None)),
            Reply::Refused(refusal) => return Ok(Err(refusal.failure)),
            Reply::Spoiled(failure) => return Ok(Err(failure)),
        };
        let day = day_hour(&data);
        match before {
            _ if day == expected && day.is_some() || is_unused(&data) => return Ok(Ok(day)),
            Some(before) if before == data => return Ok(Ok(day)),
            Some(_) => {
                let detail = format!("the meter tells two settlement days under {item}");
                return Ok(Err(Failure::new(FailureKind::WrongItem, detail)));
            }
            None => before = Some(data),
        }
    }
}

/// How meters say that a settlement day is not in use.
fn is_unused(data: &[u8]) -> bool {
    [0x00, 0x99, 0xFF].iter().any(|filler| !data.is_empty() && data.iter().all(|byte| byte == filler))
}

/// `hh DD`; days that are not in use have no meaning.
fn day_hour(data: &[u8]) -> Option<DayHour> {
    let &[hour, day] = data else { return None };
    let number = |byte| hes_wire::bcd::from_byte(byte).and_then(|n| i8::try_from(n).ok());
    DayHour::new(number(day)?, number(hour)?)
}

/// A month, when the meter settled it, and how many settlements ago.
struct Month {
    month: Date,
    at: DateTime,
    back: u8,
}

async fn read_month<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
    Month { month, at, back }: Month,
    days: &SettlementDays,
    shown: &Shown,
) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let ended = registers::read(dialogue, registers, History::Settlement(back), &mut findings).await;
    let by_now = shown.by_now(dialogue.env.now().plus(MARGIN));
    if days.next_after(shown.meter).is_none_or(|next| by_now >= next) {
        let failure = Failure::new(FailureKind::WrongItem, "a settlement may have been latched while they were read");
        missing(dialogue, registers, [month], &failure);
        return Ok(());
    }
    for finding in findings {
        match finding {
            Finding::Value(Taken { register, value, occurred }, proof) => {
                let series = Series::Monthly;
                let latched = Some(MeterClock(at));
                dialogue.value(Observation { register, series, slot: slot(month), latched, value, occurred, proof });
            }
            Finding::Missing(register, failure) => dialogue.missing(register, slot(month), failure),
        }
    }
    ended
}

fn slot(month: Date) -> Option<MeterClock> {
    Some(MeterClock(month.to_datetime(Time::midnight())))
}

fn missing<L: Exchange, E: Env>(
    dialogue: &mut Dialogue<'_, L, E>,
    registers: &[Obis],
    months: impl IntoIterator<Item = Date>,
    failure: &Failure,
) {
    for month in months {
        for &register in registers {
            dialogue.missing(register, slot(month), failure.clone());
        }
    }
}
