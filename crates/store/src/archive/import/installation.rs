//! What happens to a meter's installation when its row is taken over.

use hes_model::{MeterNo, MeterState, UtcMicros};

use super::standing::{Config, Installed, Known};
use super::{Import, MeterRow};
use crate::archive::{ImportReport, Refusal, Remark};
use crate::calendar::day_number;

/// What happens to a meter's installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Nothing,
    TakeDown,
    MoveStart { from: i64, ct: u32, pt: u32 },
    ChangeFactors { ct: u32, pt: u32 },
    Install { from: i64, ct: u32, pt: u32 },
}

impl Import<'_> {
    /// What has to happen to the meter's installation.
    pub(super) fn installation(
        &self,
        row: &MeterRow,
        known: Option<&Known>,
        config: &Config,
    ) -> Result<Step, (&'static str, Refusal)> {
        let was_taken = || Refusal::PlaceWasTaken { service_point: row.service_point.clone() };
        let place = self.places.get(&row.service_point);
        let asked_from = self.exchanged_at.or_else(|| row.installed_from.map(|day| self.calendar.day_start(day).0));
        let installed = known.and_then(|k| k.installed.as_ref());
        let free_from = known.map_or(i64::MIN, |k| k.free_from);
        let hung_until = || Refusal::HungUntil { until: self.calendar.day_of(UtcMicros(free_from)) };
        if config.state == MeterState::Retired {
            return Ok(installed.map_or(Step::Nothing, |_| Step::TakeDown));
        }
        if let (Some(installed), Some(place)) = (installed, place)
            && installed.service_point == place.id
        {
            let (ct, pt) = (row.ct.unwrap_or(installed.ct), row.pt.unwrap_or(installed.pt));
            let moved = asked_from.filter(|from| *from != installed.since && *from != installed.from_at);
            return match moved {
                Some(_) if installed.from_at != installed.since => Err(("installed_from", Refusal::StartFixed)),
                Some(from) if from < place.free_from => Err(("installed_from", was_taken())),
                Some(from) if from < free_from => Err(("installed_from", hung_until())),
                Some(from) => Ok(Step::MoveStart { from, ct, pt }),
                None if (ct, pt) != (installed.ct, installed.pt) => Ok(Step::ChangeFactors { ct, pt }),
                None => Ok(Step::Nothing),
            };
        }
        let from = asked_from.unwrap_or(self.today_start);
        if let Some(installed) = installed
            && from <= installed.from_at
        {
            return Err(("installed_from", Refusal::HangsElsewhere));
        }
        if from < free_from {
            return Err(("installed_from", hung_until()));
        }
        let hanging =
            place.and_then(|p| p.meter.as_ref()).and_then(|no| Some((no, self.meters.get(no)?.installed.as_ref()?)));
        if let Some((no, there)) = hanging
            && from <= there.from_at
        {
            let since = self.calendar.day_of(UtcMicros(there.from_at));
            let service_point = row.service_point.clone();
            return Err(("service_point", Refusal::PlaceTaken { meter: no.clone(), service_point, since }));
        }
        if place.is_some_and(|p| from < p.free_from) {
            return Err(("installed_from", was_taken()));
        }
        Ok(Step::Install { from, ct: row.ct.unwrap_or(1), pt: row.pt.unwrap_or(1) })
    }

    #[expect(clippy::too_many_arguments, reason = "one step of a row; a struct for it would be read nowhere else")]
    pub(super) fn store_installation(
        &mut self,
        id: i64,
        row: &MeterRow,
        place: i64,
        step: Step,
        known: Option<&Known>,
        report: &mut ImportReport,
        changed: &mut bool,
    ) -> Option<Installed> {
        let before = known.and_then(|k| k.installed.clone());
        *changed |= step != Step::Nothing;
        if let (Some(known), Step::MoveStart { .. } | Step::Install { .. }) = (known, step) {
            self.changes.unsettled.push(known.id);
        }
        match step {
            Step::Nothing => before,
            Step::TakeDown => {
                if let Some(installed) = before {
                    self.close(installed.id, self.now.0);
                    self.vacate(&row.no, self.now.0);
                }
                None
            }
            Step::MoveStart { from, ct, pt } => {
                let mut installed = before?;
                self.changes.installations_moved.push((installed.id, from));
                installed.from_at = from;
                installed.since = from;
                if (ct, pt) == (installed.ct, installed.pt) {
                    return Some(installed);
                }
                Some(self.change_factors(id, installed, ct, pt))
            }
            Step::ChangeFactors { ct, pt } => Some(self.change_factors(id, before?, ct, pt)),
            Step::Install { from, ct, pt } => {
                if let Some(left) = before {
                    self.close(left.id, from);
                    self.vacate(&row.no, from);
                }
                self.replace(row, from, report);
                let installed = self.open(id, place, from, ct, pt);
                if let Some(place) = self.places.get_mut(&row.service_point) {
                    place.meter = Some(row.no.clone());
                }
                Some(installed)
            }
        }
    }

    /// Ends the stay of whatever hangs where the row's meter is put up.
    fn replace(&mut self, row: &MeterRow, from: i64, report: &mut ImportReport) {
        let Some(old) = self.places.get(&row.service_point).and_then(|p| p.meter.clone()) else { return };
        let Some(known) = self.meters.get_mut(&old) else { return };
        let Some(installed) = known.installed.take() else { return };
        known.free_from = from;
        let key = (known.config.channel, known.config.address);
        if self.addresses.get(&key) == Some(&old) {
            self.addresses.remove(&key);
        }
        self.close(installed.id, from);
        self.retire(&old, from);
        report.remark(row.line, Remark::Replaces { meter: old, service_point: row.service_point.clone() });
    }

    /// A meter that another took the place of is retired from the first day on none of whose slots it still holds.
    fn retire(&mut self, no: &MeterNo, at: i64) {
        let Some(known) = self.meters.get_mut(no) else { return };
        let last = day_number(self.calendar.day_of(UtcMicros(at - 1)));
        let from = (last + 1).max(known.config_from);
        known.config.state = MeterState::Retired;
        known.config_from = from;
        self.changes.close_config(known.id, from);
        self.changes.open_config(known.id, from, &known.config);
    }

    fn vacate(&mut self, no: &MeterNo, at: i64) {
        if let Some(place) = self.places.values_mut().find(|p| p.meter.as_ref() == Some(no)) {
            place.meter = None;
            place.free_from = at;
        }
    }

    fn change_factors(&mut self, meter: i64, installed: Installed, ct: u32, pt: u32) -> Installed {
        let from = installed.from_at.max(self.today_start);
        self.close(installed.id, from);
        let opened = self.open(meter, installed.service_point, from, ct, pt);
        Installed { since: installed.since, ..opened }
    }

    fn close(&mut self, installation: i64, at: i64) {
        match self.changes.installations.iter().position(|(id, ..)| *id == installation) {
            // Opened by this very chunk: it never was.
            Some(place) => {
                self.changes.installations.remove(place);
            }
            None => self.changes.installations_closed.push((installation, at)),
        }
    }

    fn open(&mut self, meter: i64, service_point: i64, from_at: i64, ct: u32, pt: u32) -> Installed {
        let id = self.next_installation;
        self.next_installation += 1;
        self.changes.installations.push((id, meter, service_point, from_at, ct, pt));
        Installed { id, service_point, from_at, since: from_at, ct, pt }
    }
}
