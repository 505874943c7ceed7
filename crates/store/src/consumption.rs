//! Consumption of a service point over days, through meter exchanges and changes of transformers.

use hes_model::{
    InstallationId, MeterNo, Obis, Observed, Quantity, RegisterKind, Series, ServicePointNo, Transformers, UtcMicros,
    registers,
};
use jiff::civil::Date;
use sqlx::Row;

use crate::archive::{Edge, InstallationView};
use crate::codes::value_from_code;
use crate::readings::{ReadingQuery, Versions};
use crate::{Store, StoreError};

/// Whole digits of an energy register in DL/T 645: it rolls over at 1,000,000.
const WHOLE_DIGITS: u32 = 6;

/// Why a part of a consumption is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// No good value at its start.
    Start,
    /// No good value at its end.
    End,
    /// The register stands lower at the end, and it was not near its roll-over.
    Backwards,
    /// The two values are of different units.
    Unit,
    /// The numbers leave the range of exact arithmetic.
    Range,
}

/// The part of a consumption that one installation measured.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Segment {
    /// Which installation.
    pub installation: InstallationId,
    /// Its meter.
    pub meter_no: MeterNo,
    /// From when.
    pub from: UtcMicros,
    /// Until when.
    pub to: UtcMicros,
    /// What the register showed at the start.
    pub start: Option<Quantity>,
    /// What the register showed at the end.
    pub end: Option<Quantity>,
    /// The transformers in front of the meter.
    pub transformers: Transformers,
    /// Difference times transformer factors, or why it is not known.
    pub consumption: Result<Quantity, Unknown>,
}

/// Consumption from the start of one civil day to the start of another.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Consumption {
    /// Whose.
    pub service_point: ServicePointNo,
    /// Of which register.
    pub register: Obis,
    /// First day.
    pub from: Date,
    /// First day no longer.
    pub to: Date,
    /// By installation.
    pub segments: Vec<Segment>,
    /// The sum; `None` while a part is not known.
    pub total: Option<Quantity>,
}

impl Store {
    /// Consumption of a service point over `from <= day < to`, from current good daily values and, where a meter was put
    /// up or taken down inside, from what its register showed then.
    pub async fn consumption(
        &self,
        service_point: &ServicePointNo,
        register: Obis,
        from: Date,
        to: Date,
    ) -> Result<Consumption, StoreError> {
        let (start, end) = (self.inner.calendar.day_start(from), self.inner.calendar.day_start(to));
        let mut segments = Vec::new();
        for stay in self.installations_at(service_point).await? {
            let first = stay.from.max(start);
            let last = stay.until.unwrap_or(end).min(end);
            if first < last {
                segments.push(self.segment(&stay, register, first, last).await?);
            }
        }
        let total = sum(&segments);
        Ok(Consumption { service_point: service_point.clone(), register, from, to, segments, total })
    }

    async fn segment(
        &self,
        stay: &InstallationView,
        register: Obis,
        from: UtcMicros,
        to: UtcMicros,
    ) -> Result<Segment, StoreError> {
        let start = match self.edge(stay, register, Edge::First).await? {
            Some(edge) if stay.from == from => Some(edge),
            _ => self.daily_value(stay, register, from).await?,
        };
        let end = match self.edge(stay, register, Edge::Last).await? {
            Some(edge) if stay.until == Some(to) => Some(edge),
            _ => self.daily_value(stay, register, to).await?,
        };
        Ok(Segment {
            installation: stay.id,
            meter_no: stay.meter_no.clone(),
            from,
            to,
            start,
            end,
            transformers: stay.transformers,
            consumption: difference(register, start, end, stay.transformers),
        })
    }

    async fn edge(&self, stay: &InstallationView, register: Obis, edge: Edge) -> Result<Option<Quantity>, StoreError> {
        let Some(row) = self.inner.names.registers.id(&register) else { return Ok(None) };
        let found = sqlx::query(
            "SELECT mantissa, form FROM installation_reading WHERE installation = ? AND edge = ? AND register = ?",
        )
        .bind(stay.id.0)
        .bind(edge.code())
        .bind(row)
        .fetch_optional(&self.inner.pool)
        .await?;
        match found {
            Some(row) => match value_from_code(Some(row.try_get(0)?), row.try_get(1)?)? {
                Observed::Number(value) => Ok(Some(value)),
                Observed::None(_) => Ok(None),
            },
            None => Ok(None),
        }
    }

    async fn daily_value(
        &self,
        stay: &InstallationView,
        register: Obis,
        at: UtcMicros,
    ) -> Result<Option<Quantity>, StoreError> {
        let query = ReadingQuery {
            meter: stay.meter,
            register: Some(register),
            series: Series::Daily,
            from: at,
            to: at,
            versions: Versions::Current,
        };
        let good = self.readings(&query).await?.into_iter().find(|v| v.reading.quality.is_good());
        Ok(good.and_then(|v| match v.reading.value {
            Observed::Number(value) => Some(value),
            Observed::None(_) => None,
        }))
    }
}

fn difference(
    register: Obis,
    start: Option<Quantity>,
    end: Option<Quantity>,
    transformers: Transformers,
) -> Result<Quantity, Unknown> {
    let (start, end) = (start.ok_or(Unknown::Start)?, end.ok_or(Unknown::End)?);
    if start.unit != end.unit {
        return Err(Unknown::Unit);
    }
    let scale = start.scale.max(end.scale);
    let (first, last) = (start.rescaled(scale).ok_or(Unknown::Range)?, end.rescaled(scale).ok_or(Unknown::Range)?);
    let mut difference = last.checked_sub(first).ok_or(Unknown::Range)?;
    let only_grows = registers().get(register).is_some_and(|r| r.kind == RegisterKind::Counter);
    if difference < 0 && only_grows {
        let range = 10_i64.checked_pow(WHOLE_DIGITS + u32::from(scale)).ok_or(Unknown::Range)?;
        // Near its end before and near its beginning after: rolled over. Anything else is a wrong value.
        if first < range / 10 * 9 || last > range / 10 || first >= range {
            return Err(Unknown::Backwards);
        }
        difference += range;
    }
    let factor = i64::try_from(transformers.factor()).map_err(|_| Unknown::Range)?;
    Ok(Quantity::new(difference.checked_mul(factor).ok_or(Unknown::Range)?, scale, start.unit))
}

fn sum(segments: &[Segment]) -> Option<Quantity> {
    let mut known = segments.iter().map(|s| s.consumption.ok());
    let mut total = known.next()??;
    for part in known {
        let part = part?;
        let scale = total.scale.max(part.scale);
        let mantissa = total.rescaled(scale)?.checked_add(part.rescaled(scale)?)?;
        total = (part.unit == total.unit).then_some(Quantity::new(mantissa, scale, total.unit))?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use hes_model::Unit;

    use super::*;

    const IMPORT: Obis = Obis([1, 0, 1, 8, 0, 255]);

    fn kwh(hundredths: i64) -> Option<Quantity> {
        Some(Quantity::new(hundredths, 2, Unit::Kwh))
    }

    #[test]
    fn a_register_that_rolled_over_counts_on_and_one_that_went_back_does_not() {
        let over = difference(IMPORT, kwh(99_999_990), kwh(15), Transformers { ct: 40, pt: 1 });
        assert_eq!(over, Ok(Quantity::new(25 * 40, 2, Unit::Kwh)));
        assert_eq!(difference(IMPORT, kwh(50_000), kwh(49_999), Transformers::DIRECT), Err(Unknown::Backwards));
        assert_eq!(difference(IMPORT, kwh(99_999_990), kwh(50_000_000), Transformers::DIRECT), Err(Unknown::Backwards));
    }

    #[test]
    fn a_difference_is_exact_or_unknown() {
        let tenths = Some(Quantity::new(101, 1, Unit::Kwh));
        assert_eq!(difference(IMPORT, tenths, kwh(1015), Transformers::DIRECT), Ok(Quantity::new(5, 2, Unit::Kwh)));
        assert_eq!(difference(IMPORT, None, kwh(1), Transformers::DIRECT), Err(Unknown::Start));
        assert_eq!(difference(IMPORT, kwh(1), None, Transformers::DIRECT), Err(Unknown::End));
        let kvarh = Some(Quantity::new(1, 2, Unit::Kvarh));
        assert_eq!(difference(IMPORT, kwh(1), kvarh, Transformers::DIRECT), Err(Unknown::Unit));
        let huge = Some(Quantity::new(i64::MAX, 2, Unit::Kwh));
        assert_eq!(difference(IMPORT, kwh(1), huge, Transformers { ct: 2, pt: 1 }), Err(Unknown::Range));
    }
}
