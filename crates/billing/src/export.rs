//! Daily reads as a stream of text: pulled piece by piece, one page of rows in memory, whatever the size.
//!
//! Each page is a query of its own by key, so a slow reader holds no transaction of the database.

use hes_model::{CustomerNo, FailureKind, MeterId, ReadingSeq, Series, UtcMicros};
use hes_store::{
    DailyKey, DailyRow as StoredRow, Gap, GapState, MeterGaps, MeterOnDay, PlaceOnDay, SlotsOfDay, Store, StoreError,
};
use jiff::civil::Date;

use crate::row::{Content, DailyRow, Lateness, Place, Version};
use crate::text::Format;

/// Rows of one page. A page is some hundred KiB of text: few queries, little memory.
const PAGE_ROWS: u32 = 1_000;
/// Missing values looked up at once. Finding them costs the same for few as for many.
const PAGE_GAPS: usize = 5_000;

/// Which daily reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The current version of each value of a civil day.
    Day {
        /// Which day.
        day: Date,
        /// Whether expected values that are not there follow as rows.
        gaps: Gaps,
    },
    /// Every version stored after this one, corrections too.
    Since(ReadingSeq),
}

/// Whether missing values are exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gaps {
    /// Readings only.
    Omitted,
    /// And a row for each expected value that is not there.
    Included,
}

/// A running export.
#[derive(Debug)]
pub struct DailyExport {
    store: Store,
    format: Format,
    next_since: ReadingSeq,
    stage: Stage,
    rows: u64,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Head(Selection),
    Day { day: Date, gaps: Gaps, after: Option<DailyKey> },
    Missing { day: Date, after: Option<MeterId> },
    Since(ReadingSeq),
    End,
}

impl DailyExport {
    /// Begins an export; nothing is read yet but the cursor, whose number no power cut gives to another reading.
    pub async fn begin(store: &Store, selection: Selection, format: Format) -> Result<Self, StoreError> {
        let last = store.last_seq().await?;
        // A power cut may have taken the readings up to a cursor: what comes has higher numbers, and a cursor never goes back.
        let next_since = match selection {
            Selection::Since(since) => last.max(since),
            Selection::Day { .. } => last,
        };
        Ok(Self { store: store.clone(), format, next_since, stage: Stage::Head(selection), rows: 0 })
    }
    /// What to give as `since` next time: everything up to it is in an export by cursor, and what comes later is not.
    pub fn next_since(&self) -> ReadingSeq {
        self.next_since
    }
    /// Rows given so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next piece of text, never empty; `None` at the end. `now` bounds what is expected of a day that is not over.
    ///
    /// May be dropped while it waits, after which the export goes on where it was.
    pub async fn next(&mut self, now: UtcMicros) -> Result<Option<Vec<u8>>, StoreError> {
        loop {
            let mut text = Vec::new();
            let (next, rows) = match self.stage {
                Stage::End => return Ok(None),
                Stage::Head(selection) => {
                    text = self.format.head();
                    let next = match selection {
                        Selection::Day { day, gaps } => Stage::Day { day, gaps, after: None },
                        Selection::Since(since) => Stage::Since(since),
                    };
                    (next, 0)
                }
                Stage::Day { day, gaps, after } => self.day_page(day, gaps, after, &mut text).await?,
                Stage::Missing { day, after } => self.missing_page(day, after, now, &mut text).await?,
                Stage::Since(since) => self.page_since(since, &mut text).await?,
            };
            self.stage = next;
            self.rows += rows;
            if !text.is_empty() {
                return Ok(Some(text));
            }
        }
    }

    async fn day_page(
        &self,
        day: Date,
        gaps: Gaps,
        after: Option<DailyKey>,
        text: &mut Vec<u8>,
    ) -> Result<(Stage, u64), StoreError> {
        let page = self.store.daily_of_day(day, after, PAGE_ROWS).await?;
        let Some((last, _)) = page.last() else {
            let next = match gaps {
                Gaps::Included => Stage::Missing { day, after: None },
                Gaps::Omitted => Stage::End,
            };
            return Ok((next, 0));
        };
        let next = Stage::Day { day, gaps, after: Some(*last) };
        let current = page.into_iter().map(|(_, row)| row).filter(|row| row.version.current);
        Ok((next, self.append(current, text)))
    }

    async fn page_since(&self, since: ReadingSeq, text: &mut Vec<u8>) -> Result<(Stage, u64), StoreError> {
        let page = self.store.daily_since(since, PAGE_ROWS).await?;
        let Some(last) = page.last().map(|row| row.version.seq) else { return Ok((Stage::End, 0)) };
        // What was stored after the cursor was taken belongs to the next export.
        let next = if last < self.next_since { Stage::Since(last) } else { Stage::End };
        let until = self.next_since;
        Ok((next, self.append(page.into_iter().filter(|row| row.version.seq <= until), text)))
    }

    fn append(&self, rows: impl Iterator<Item = StoredRow>, text: &mut Vec<u8>) -> u64 {
        let mut count = 0;
        for row in rows {
            self.format.append(&reading_row(&self.store, row), text);
            count += 1;
        }
        count
    }

    async fn missing_page(
        &self,
        day: Date,
        after: Option<MeterId>,
        now: UtcMicros,
        text: &mut Vec<u8>,
    ) -> Result<(Stage, u64), StoreError> {
        let slots = SlotsOfDay { day, now, plan: None };
        let page = self.store.gaps(&slots, after, PAGE_GAPS).await?;
        let Some(last) = page.last().map(|gaps| gaps.meter.meter) else { return Ok((Stage::End, 0)) };
        let mut rows = 0;
        for MeterGaps { meter, gaps } in page {
            let mut daily: Vec<&Gap> = gaps.iter().filter(|gap| gap.slot.series == Series::Daily).collect();
            daily.sort_by_key(|gap| gap.slot.register);
            for gap in daily {
                self.format.append(&missing_row(&meter, gap, day), text);
                rows += 1;
            }
        }
        Ok((Stage::Missing { day, after: Some(last) }, rows))
    }
}

fn reading_row(store: &Store, row: StoredRow) -> DailyRow {
    let StoredRow { version, supersedes, meter_no, service_point, transformers, customer, customer_name, area, due } =
        row;
    let reading = version.reading;
    let place = service_point.zip(transformers).map(|(service_point, transformers)| Place {
        service_point,
        customer: customer.map(|no| named(no, customer_name)),
        area,
        transformers,
    });
    let late = due.map(|due| if reading.received.0 <= due { Lateness::OnTime } else { Lateness::Late });
    let content = Content::Reading(Version {
        seq: version.seq,
        version: version.version,
        supersedes,
        value: reading.value,
        quality: reading.quality,
        captured_at: reading.captured.0,
        received_at: reading.received.0,
        meter_clock: reading.meter_clock,
        occurred: reading.occurred,
        late,
        exchange: reading.exchange,
    });
    DailyRow { meter_no, place, day: store.calendar().day_of(reading.slot), register: reading.register, content }
}

fn missing_row(meter: &MeterOnDay, gap: &Gap, day: Date) -> DailyRow {
    let told = gap.cause.as_ref();
    let reason = match gap.state {
        GapState::Suspect => Some(FailureKind::Suspect),
        GapState::Open | GapState::GivenUp => told.map(|failure| failure.kind),
    };
    let detail = told.filter(|failure| Some(failure.kind) == reason).map(|failure| failure.detail.clone());
    let content = Content::Missing { reason, detail };
    let place = meter.place_at(gap.slot.time).map(place_of);
    DailyRow { meter_no: meter.no.clone(), place, day, register: gap.slot.register, content }
}

fn place_of(place: &PlaceOnDay) -> Place {
    Place {
        service_point: place.service_point.clone(),
        customer: place.customer.clone().map(|no| named(no, place.customer_name.clone())),
        area: place.area.clone(),
        transformers: place.transformers,
    }
}

fn named(no: CustomerNo, name: Option<String>) -> (CustomerNo, String) {
    let name = name.unwrap_or_else(|| no.to_string());
    (no, name)
}
