//! Judges all values of one dialogue together.

use std::collections::BTreeMap;

use hes_model::{Obis, Observed, Quality, Quantity, Reading, Series, UtcMicros};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::single::broken_alone;
use crate::succession::Succession;
use crate::tariffs::{Sum, sums};
use crate::{Connection, Limits, Rule};

/// A good value the store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its series.
    pub series: Series,
    /// Its slot; for an instant value, when it was captured.
    pub at: UtcMicros,
    /// The number.
    pub value: Quantity,
}

/// Whether a meter tells with a maximum demand when it occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemandTimes {
    /// It does: one without a time is damaged.
    Told,
    /// It keeps that under another item (DL/T 645-1997), which is not read.
    Apart,
}

/// Whether the meter that answered is the one of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nothing speaks against it.
    Unquestioned,
    /// It tells another number of its own.
    Another,
}

/// Whether the times at which answers came can be held against what a meter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipts {
    /// The host's clock went on steadily.
    Steady,
    /// It jumped lately: an answer may seem to have come days before its question was due.
    Doubted,
}

/// What is known of a meter besides the values to be judged.
#[derive(Debug, Clone)]
pub struct Background {
    /// The zone meter clocks are set to.
    pub zone: TimeZone,
    /// What its terminals can carry.
    pub connection: Connection,
    /// Whether its demands come with their time.
    pub demand_times: DemandTimes,
    /// Whether it is this meter at all.
    pub identity: Identity,
    /// Its clock minus ours at the last check, if there was one that still counts.
    pub clock_offset_seconds: Option<i64>,
    /// What the times of receipt are good for.
    pub receipts: Receipts,
    /// Good values of the registers concerned around the slots concerned, at least the nearest before and after; any order.
    pub known: BTreeMap<Obis, Vec<Known>>,
}

impl Background {
    pub(crate) fn civil(&self, at: UtcMicros) -> DateTime {
        self.zone.to_datetime(at.timestamp())
    }
}

/// The quality of each of `readings`, in their order; each comes with the number of the exchange that proves it.
///
/// `quality` as it stands in the readings is ignored. The same slot may be there twice, read in two exchanges.
pub fn judge(readings: &[(&Reading, usize)], background: &Background, limits: &Limits) -> Vec<Quality> {
    let mut broken: Vec<Vec<Rule>> =
        readings.iter().map(|(reading, _)| broken_alone(reading, background, limits)).collect();
    let sums = sums(readings, limits);
    for (&index, _) in sums.iter().filter(|(_, sum)| **sum == Sum::Disagrees) {
        broken[index].push(Rule::TariffSum);
    }
    for (register, indices) in successions(readings, &broken) {
        let Some(succession) = Succession::of(register, background, limits) else { continue };
        let known = background.known.get(&register).map_or(&[][..], Vec::as_slice);
        let confirmed: Vec<_> = indices.iter().map(|i| sums.get(i) == Some(&Sum::Agrees)).collect();
        let values: Vec<_> = indices.iter().filter_map(|&i| as_known(readings[i].0)).collect();
        for (index, rule) in indices.iter().zip(judge_succession(&succession, &values, &confirmed, known)) {
            broken[*index].extend(rule);
        }
    }
    if background.identity == Identity::Another {
        broken.iter_mut().for_each(|rules| rules.push(Rule::AnotherMeter));
    }
    broken.into_iter().map(|rules| Quality::from_rules(rules.into_iter().map(Into::into).collect())).collect()
}

/// Numbers that broke no rule by themselves, by register, each group in order of time.
fn successions(readings: &[(&Reading, usize)], broken: &[Vec<Rule>]) -> BTreeMap<Obis, Vec<usize>> {
    let mut groups: BTreeMap<Obis, Vec<usize>> = BTreeMap::new();
    for (index, (reading, _)) in readings.iter().enumerate() {
        // A value of a wrong clock still counts: it fits or it does not.
        let usable = broken[index].iter().all(|rule| *rule == Rule::Clock);
        if usable && as_known(reading).is_some() {
            groups.entry(reading.register).or_default().push(index);
        }
    }
    for indices in groups.values_mut() {
        indices.sort_by_key(|&i| time_of(readings[i].0));
    }
    groups
}

fn time_of(reading: &Reading) -> UtcMicros {
    match reading.series {
        Series::Instant => reading.captured.0,
        Series::Interval(_) | Series::Daily | Series::Monthly => reading.slot,
    }
}

fn as_known(reading: &Reading) -> Option<Known> {
    match reading.value {
        Observed::Number(value) => Some(Known { series: reading.series, at: time_of(reading), value }),
        Observed::None(_) => None,
    }
}

/// For each of `values` (in order of time) the rule it breaks among the others and the good ones in `known`.
fn judge_succession(
    succession: &Succession<'_>,
    values: &[Known],
    confirmed: &[bool],
    known: &[Known],
) -> Vec<Option<Rule>> {
    let mut line = Line::new(succession, values, known);
    let before_anchors = line.bounds.is_empty() && !confirmed.contains(&true);
    line.find_longest_runs();
    let mut verdicts = line.verdicts();
    let alone = verdicts.iter().filter(|verdict| verdict.is_none()).count() < 2;
    if before_anchors && alone {
        for verdict in &mut verdicts {
            verdict.get_or_insert(Rule::UnconfirmedFirst);
        }
    }
    verdicts
}

/// Values of one register in order of time between the known good ones, and the longest runs of values that fit.
struct Line<'a> {
    succession: &'a Succession<'a>,
    values: &'a [Known],
    /// Known good values of any series, in order of time.
    bounds: Vec<Known>,
    /// Length of the longest fitting run that ends (starts) with each value; 0 where it contradicts a known good one.
    up_to: Vec<usize>,
    from: Vec<usize>,
}

impl<'a> Line<'a> {
    fn new(succession: &'a Succession<'a>, values: &'a [Known], known: &[Known]) -> Self {
        // A known value whose slot was read again is in question itself: the new reading speaks for that slot.
        let read_again = |known: &&Known| values.iter().any(|v| (v.at, v.series) == (known.at, known.series));
        let mut bounds: Vec<_> = known.iter().filter(|known| !read_again(known)).copied().collect();
        bounds.sort_by_key(|known| known.at);
        Self { succession, values, bounds, up_to: vec![0; values.len()], from: vec![0; values.len()] }
    }

    /// A value is bound by the nearest good value on each side. Values of another series so near in time that the
    /// meter's clock decides their order say nothing.
    fn against_bounds(&self, value: &Known) -> Result<(), Rule> {
        let slack = self.succession.limits.slack_micros();
        let comparable =
            |bound: &&Known| bound.series == value.series || bound.at.since(value.at).saturating_abs() > slack;
        let split = self.bounds.partition_point(|bound| bound.at <= value.at);
        if let Some(before) = self.bounds[..split].iter().rev().find(comparable) {
            self.succession.check(before, value)?;
        }
        match self.bounds[split..].iter().find(comparable) {
            Some(after) => self.succession.check(value, after),
            None => Ok(()),
        }
    }

    fn fits(&self, earlier: usize, later: usize) -> bool {
        self.succession.check(&self.values[earlier], &self.values[later]).is_ok()
    }

    fn find_longest_runs(&mut self) {
        let bound: Vec<_> = self.values.iter().map(|value| self.against_bounds(value).is_ok()).collect();
        let count = self.values.len();
        let usable: Vec<_> = (0..count).filter(|&i| bound[i]).collect();
        let all_fit = usable.windows(2).all(|pair| self.fits(pair[0], pair[1]));
        for (place, &i) in usable.iter().enumerate() {
            self.up_to[i] = if all_fit {
                place + 1
            } else {
                1 + usable[..place].iter().filter(|&&j| self.fits(j, i)).map(|&j| self.up_to[j]).max().unwrap_or(0)
            };
        }
        for (place, &i) in usable.iter().enumerate().rev() {
            self.from[i] = if all_fit {
                usable.len() - place
            } else {
                1 + usable[place + 1..].iter().filter(|&&j| self.fits(i, j)).map(|&j| self.from[j]).max().unwrap_or(0)
            };
        }
    }

    /// For each value: good when it is in every longest run; else the rule that keeps it out.
    fn verdicts(&self) -> Vec<Option<Rule>> {
        let longest = self.up_to.iter().copied().max().unwrap_or(0);
        let in_one = |j: usize| self.up_to[j] > 0 && self.up_to[j] + self.from[j] - 1 == longest;
        let in_longest: Vec<_> = (0..self.values.len()).filter(|&j| in_one(j)).collect();
        // Values in longest runs that stand at the same place of theirs are rivals. A day of points is judged at once, so
        // they are counted rather than looked for from each value.
        let mut at_place = vec![0; longest + 1];
        for &j in &in_longest {
            at_place[self.up_to[j]] += 1;
        }
        (0..self.values.len())
            .map(|i| self.verdict(i, in_one(i) && at_place[self.up_to[i]] == 1, &in_longest))
            .collect()
    }

    fn verdict(&self, i: usize, in_every_longest: bool, in_longest: &[usize]) -> Option<Rule> {
        if let Err(rule) = self.against_bounds(&self.values[i]) {
            return Some(rule);
        }
        if in_every_longest {
            return None;
        }
        let contradicted = in_longest
            .iter()
            .filter(|&&j| j != i)
            .map(|&j| (j.min(i), j.max(i)))
            .find_map(|(earlier, later)| self.succession.check(&self.values[earlier], &self.values[later]).err());
        Some(contradicted.unwrap_or(Rule::Backwards))
    }
}
