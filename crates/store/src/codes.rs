//! Small stable numbers for closed sets, as rows keep them. A number once given is never given again.

use hes_model::{Class, NoValue, Observed, Quality, Quantity, RuleId, Series, Unit};

use crate::StoreError;

/// Interval series have their length in minutes added to this.
const INTERVAL_BASE: i64 = 100;

pub(crate) fn series_code(series: Series) -> i64 {
    match series {
        Series::Instant => 0,
        Series::Daily => 1,
        Series::Monthly => 2,
        Series::Interval(minutes) => INTERVAL_BASE + i64::from(minutes),
    }
}

pub(crate) fn series_from_code(code: i64) -> Result<Series, StoreError> {
    match code {
        0 => Ok(Series::Instant),
        1 => Ok(Series::Daily),
        2 => Ok(Series::Monthly),
        n => match u8::try_from(n - INTERVAL_BASE) {
            Ok(minutes @ (1 | 5 | 15 | 30 | 60)) => Ok(Series::Interval(minutes)),
            _ => Err(StoreError::corrupt(format!("series {n}"))),
        },
    }
}

pub(crate) fn class_code(class: Class) -> i64 {
    match class {
        Class::Order => 0,
        Class::OnDemand => 1,
        Class::Clock => 2,
        Class::Scheduled => 3,
        Class::Backfill => 4,
    }
}

pub(crate) fn class_from_code(code: i64) -> Result<Class, StoreError> {
    Class::ALL.into_iter().find(|c| class_code(*c) == code).ok_or_else(|| StoreError::corrupt(format!("class {code}")))
}

fn unit_code(unit: Unit) -> i64 {
    match unit {
        Unit::None => 0,
        Unit::Kwh => 1,
        Unit::Kvarh => 2,
        Unit::Kvah => 3,
        Unit::Kw => 4,
        Unit::Kvar => 5,
        Unit::Kva => 6,
        Unit::Volt => 7,
        Unit::Ampere => 8,
        Unit::Hertz => 9,
        Unit::Degree => 10,
        Unit::Celsius => 11,
        Unit::Percent => 12,
        Unit::Yuan => 13,
        Unit::Minute => 14,
        Unit::Times => 15,
    }
}

/// Decimals take the low five bits of a form.
const SCALES: i64 = 32;

/// Mantissa and form of a value: how the digits are to be read, or why there are none.
pub(crate) fn value_code(value: &Observed) -> (Option<i64>, i64) {
    match value {
        Observed::Number(q) => (Some(q.mantissa), unit_code(q.unit) * SCALES + i64::from(q.scale)),
        Observed::None(NoValue::Absent) => (None, -1),
        Observed::None(NoValue::NotBcd) => (None, -2),
        Observed::None(NoValue::Malformed) => (None, -3),
    }
}

pub(crate) fn value_from_code(mantissa: Option<i64>, form: i64) -> Result<Observed, StoreError> {
    let wrong = || StoreError::corrupt(format!("value form {form}"));
    match (mantissa, form) {
        (None, -1) => Ok(Observed::None(NoValue::Absent)),
        (None, -2) => Ok(Observed::None(NoValue::NotBcd)),
        (None, -3) => Ok(Observed::None(NoValue::Malformed)),
        (Some(mantissa), form) if form >= 0 => {
            let unit = Unit::ALL.into_iter().find(|u| unit_code(*u) == form / SCALES).ok_or_else(wrong)?;
            let scale = u8::try_from(form % SCALES).map_err(|_| wrong())?;
            Ok(Observed::Number(Quantity::new(mantissa, scale, unit)))
        }
        _ => Err(wrong()),
    }
}

/// `None` for good, else the broken rules.
pub(crate) fn rules_code(quality: &Quality) -> Option<String> {
    match quality {
        Quality::Good => None,
        Quality::Suspect(rules) => Some(rules.join(",")),
    }
}

pub(crate) fn quality_from_rules(rules: Option<String>) -> Quality {
    match rules {
        None => Quality::Good,
        Some(rules) => {
            Quality::Suspect(rules.split(',').filter(|r| !r.is_empty()).map(|r| RuleId::Owned(r.to_owned())).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_as_what_it_was_written_for() {
        for unit in Unit::ALL {
            for scale in [0, 2, 18] {
                let value = Observed::Number(Quantity::new(-5, scale, unit));
                let (mantissa, form) = value_code(&value);
                assert_eq!(value_from_code(mantissa, form).unwrap(), value);
            }
        }
        for none in [NoValue::Absent, NoValue::NotBcd, NoValue::Malformed] {
            let value = Observed::None(none);
            let (mantissa, form) = value_code(&value);
            assert_eq!(value_from_code(mantissa, form).unwrap(), value);
        }
        for class in Class::ALL {
            assert_eq!(class_from_code(class_code(class)).unwrap(), class);
        }
        let intervals = [1, 5, 15, 30, 60].map(Series::Interval);
        for series in [Series::Instant, Series::Daily, Series::Monthly].into_iter().chain(intervals) {
            assert_eq!(series_from_code(series_code(series)).unwrap(), series);
        }
    }

    #[test]
    fn a_code_nobody_gave_is_corrupt_not_something_else() {
        assert!(series_from_code(107).is_err());
        assert!(class_from_code(9).is_err());
        assert!(value_from_code(None, 34).is_err());
        assert!(value_from_code(Some(1), 16 * SCALES).is_err());
        assert!(value_from_code(Some(1), -1).is_err());
    }

    #[test]
    fn suspect_without_named_rules_stays_suspect() {
        let suspect = Quality::Suspect(Vec::new());
        assert_eq!(quality_from_rules(rules_code(&suspect)), suspect);
    }
}
