//! From the store to the reports: one walk over the meters of the day, folded as it goes.

use hes_model::{FailureKind, PlanName, UtcMicros};
use hes_store::{Gap as StoredGap, GapState, MeterDay, MeterGaps, SlotsOfDay, Store, StoreError, Tally as StoredTally};
use jiff::civil::Date;

use crate::clock::{Check, ClockFold};
use crate::failures::{Failed, FailureFold};
use crate::gaps::{GapFold, OpenSlot};
use crate::success::{Cell, SuccessFold};
use crate::{
    Broadcast, ClockReport, Dimension, Exclusion, FailureReport, GapReport, MeterOnDay, SlotState, SuccessReport,
};

/// Gaps looked up at once.
const PAGE_GAPS: usize = 20_000;

/// What a report is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The civil day.
    pub day: Date,
    /// By what it is grouped.
    pub by: Dimension,
    /// Only the slots this plan expects, whichever others expect them too; `None` for all plans, each slot once.
    pub plan: Option<PlanName>,
    /// Now: of a day that is not over, what is complete by then is expected. Without effect on past days.
    pub now: UtcMicros,
}

/// The success of a day, with up to `limit` of the meters that nothing is expected of one by one.
pub async fn success(store: &Store, question: &Question, limit: usize) -> Result<SuccessReport, StoreError> {
    let mut fold = SuccessFold::new(question.by, limit);
    let each = |day: MeterDay| match day.exclusion {
        // Taken down long ago: no longer a meter of the day.
        Some(Exclusion::Retired) if day.meter.places.is_empty() => {}
        // Not one of the plan that is asked for.
        Some(Exclusion::NothingDue) if question.plan.is_some() => {}
        Some(reason) => {
            let place = day.meter.places.first();
            fold.exclude(day.meter.no.clone(), place.and_then(|p| p.area.clone()), reason);
        }
        None => {
            let cells: Vec<Cell> = day.plans.iter().flat_map(|(_, tally)| cells(tally)).collect();
            fold.meter(&on_day(&day.meter), &cells);
        }
    };
    store.success(&question.slots(), each).await?;
    Ok(fold.finish(question.day, zone_of(store), question.plan.clone()))
}

/// A plan's slots of a meter by what became of them.
fn cells(tally: &StoredTally) -> impl Iterator<Item = Cell> {
    let cell = |state, cause, slots| Cell { state, cause, slots };
    let filled = [cell(SlotState::OnTime, None, tally.on_time), cell(SlotState::Late, None, tally.late)];
    let suspect = cell(SlotState::Suspect, Some(FailureKind::Suspect), tally.suspect);
    let given_up = tally.given_up.iter().map(move |(kind, n)| cell(SlotState::GivenUp, Some(*kind), *n));
    let open = tally.open.iter().map(move |(kind, n)| cell(SlotState::Open, Some(*kind), *n));
    let untried = cell(SlotState::Open, None, tally.untried);
    filled.into_iter().chain([suspect]).chain(given_up).chain(open).chain([untried])
}

/// What is missing of a day, with up to `limit` gaps one by one.
pub async fn gaps(store: &Store, question: &Question, limit: usize) -> Result<GapReport, StoreError> {
    let mut fold = GapFold::new(question.by, limit);
    let mut after = None;
    loop {
        let page = store.gaps(&question.slots(), after, PAGE_GAPS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.meter.meter);
        for MeterGaps { meter, mut gaps } in page {
            let meter = on_day(&meter);
            gaps.sort_by_key(|gap| (gap.slot.series, gap.slot.register, gap.slot.time));
            gaps.iter().for_each(|gap| fold.slot(&meter, open_slot(gap)));
        }
    }
    Ok(fold.finish(question.day, zone_of(store), question.plan.clone()))
}

/// The failed attempts of a day, with up to `limit` meters one by one.
pub async fn failures(store: &Store, question: &Question, limit: usize) -> Result<FailureReport, StoreError> {
    let mut fold = FailureFold::new(question.by);
    let (from, to) = bounds(store, question.day);
    let mut rows = store.failure_counts(from, to).await?.into_iter().peekable();
    let each = |meter: hes_store::MeterOnDay| {
        let id = meter.meter;
        // Both in the order of the meters' rows; a meter that is not in the archive of the day is passed over.
        while rows.next_if(|row| row.meter < id).is_some() {}
        let place = on_day(&meter);
        while let Some(row) = rows.next_if(|row| row.meter == id) {
            let failed =
                Failed { kind: row.kind, attempts: row.count, last_at: row.last_at, last_detail: row.last_detail };
            // The channel it failed on, whatever the archive says by now.
            fold.failed(&MeterOnDay { channel: Some(row.channel), ..place.clone() }, failed);
        }
    };
    store.meters_of_day(question.day, each).await?;
    Ok(fold.finish(question.day, zone_of(store), limit))
}

/// The clocks read on a day, with up to `limit` meters one by one; a clock at most `tolerance_seconds` off is right.
pub async fn clock(
    store: &Store,
    question: &Question,
    tolerance_seconds: u32,
    limit: usize,
) -> Result<ClockReport, StoreError> {
    let mut fold = ClockFold::new(question.by, tolerance_seconds);
    let (from, to) = bounds(store, question.day);
    let mut rows = store.clocks(from, to).await?.into_iter().peekable();
    let each = |meter: hes_store::MeterOnDay| {
        let id = meter.meter;
        while rows.next_if(|row| row.meter < id).is_some() {}
        if let Some(row) = rows.next_if(|row| row.meter == id) {
            let check = Check {
                at: row.at,
                meter_clock: row.meter_clock,
                offset_ms: row.offset_ms,
                uncertainty_ms: row.uncertainty_ms,
            };
            fold.check(&on_day(&meter), check);
        }
    };
    store.meters_of_day(question.day, each).await?;
    let broadcasts = store.broadcasts(from, to).await?.into_iter();
    let broadcasts = broadcasts.map(|(channel, at)| Broadcast { channel, at }).collect();
    Ok(fold.finish(question.day, zone_of(store), broadcasts, limit))
}

impl Question {
    fn slots(&self) -> SlotsOfDay<'_> {
        SlotsOfDay { day: self.day, now: self.now, plan: self.plan.as_ref() }
    }
}

fn open_slot(gap: &StoredGap) -> OpenSlot {
    let tried = gap.cause.as_ref();
    // Suspect values say more than an attempt after them that brought nothing.
    let (state, cause, told) = match gap.state {
        GapState::Open => (SlotState::Open, tried.map(|failure| failure.kind), tried),
        GapState::Suspect => {
            let told = tried.filter(|failure| failure.kind == FailureKind::Suspect);
            (SlotState::Suspect, Some(FailureKind::Suspect), told)
        }
        GapState::GivenUp => (SlotState::GivenUp, tried.map(|failure| failure.kind), tried),
    };
    OpenSlot {
        register: gap.slot.register,
        series: gap.slot.series,
        slot: gap.slot.time,
        state,
        cause,
        detail: told.map(|failure| failure.detail.clone()),
        tries: u64::from(gap.tries),
        last_try_at: gap.last_try,
        next_try_at: gap.next_try,
    }
}

/// Where a meter counts: where it hung when the day began, else where it hung first on the day.
fn on_day(meter: &hes_store::MeterOnDay) -> MeterOnDay {
    let place = meter.places.first();
    let named = |name: Option<&String>, code: &str| name.cloned().unwrap_or_else(|| code.to_owned());
    MeterOnDay {
        meter_no: meter.no.clone(),
        area: place.and_then(|p| p.area.clone().map(|code| (code.clone(), named(p.area_name.as_ref(), code.as_str())))),
        reader: place
            .and_then(|p| p.reader.clone().map(|code| (code.clone(), named(p.reader_name.as_ref(), code.as_str())))),
        channel: meter.channel.clone(),
        protocol: meter.protocol,
        model: meter.model.clone(),
    }
}

fn bounds(store: &Store, day: Date) -> (UtcMicros, UtcMicros) {
    let calendar = store.calendar();
    let end = day.tomorrow().map_or(UtcMicros(i64::MAX), |next| calendar.day_start(next));
    (calendar.day_start(day), end)
}

fn zone_of(store: &Store) -> String {
    store.calendar().zone().iana_name().unwrap_or("fixed").to_owned()
}
