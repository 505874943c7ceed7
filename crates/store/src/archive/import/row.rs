//! One row, judged against what stands in the archive and taken over, or refused with its reason.

use std::collections::BTreeSet;

use hes_model::{CustomerNo, MeterNo, MeterState, Protocol};

use super::standing::{Config, Known, Place};
use super::{Import, MeterRow};
use crate::StoreError;
use crate::archive::{BEGINNING, ImportReport, Refusal, Remark};
use crate::secrets::Vault;

impl Import<'_> {
    /// Judges a row; takes it over or names what is wrong with it. A bad row leaves no trace.
    pub(in crate::archive) fn take_row(
        &mut self,
        row: &MeterRow,
        vault: &Vault,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        let Some(&channel) = self.channels.get(row.channel.as_str()) else {
            report.refuse(row.line, "channel", Refusal::UnknownChannel { channel: row.channel.clone() });
            return Ok(());
        };
        for (column, factor) in [("ct", row.ct), ("pt", row.pt)] {
            if factor == Some(0) {
                report.refuse(row.line, column, Refusal::NoFactor);
                return Ok(());
            }
        }
        let known = self.meters.get(&row.no).cloned();
        let config = self.config(row, channel, known.as_ref());
        if config.state != MeterState::Retired
            && let Some(other) = self.addresses.get(&(channel, config.address))
            && *other != row.no
            && self.stays(other, row)
        {
            let (address, channel, meter) = (row.address, row.channel.clone(), other.clone());
            report.refuse(row.line, "address", Refusal::AddressTaken { address, channel, meter });
            return Ok(());
        }
        let step = match self.installation(row, known.as_ref(), &config) {
            Ok(step) => step,
            Err((column, reason)) => {
                report.refuse(row.line, column, reason);
                return Ok(());
            }
        };
        let mut changed = false;
        let id = known.as_ref().map_or_else(
            || {
                self.next_meter += 1;
                self.next_meter - 1
            },
            |k| k.id,
        );
        if known.is_none() {
            self.changes.meters.push((id, row.no.to_string(), self.now.0));
        }
        let place = self.place(row, report, &mut changed);
        self.store_config(id, known.as_ref(), &config, &mut changed);
        let groups = self.store_groups(id, row, known.as_ref(), &mut changed);
        let password = self.store_password(id, row, known.as_ref(), vault, &mut changed);
        let installed = self.store_installation(id, row, place, step, known.as_ref(), report, &mut changed);
        if let Some(before) = &known {
            self.addresses.remove(&(before.config.channel, before.config.address));
        }
        if installed.is_some() && config.state != MeterState::Retired {
            self.addresses.insert((channel, config.address), row.no.clone());
        }
        let config_from =
            known.as_ref().map_or(BEGINNING, |k| if k.config == config { k.config_from } else { self.today });
        match (&known, changed) {
            (None, _) => report.created += 1,
            (Some(_), true) => report.updated += 1,
            (Some(_), false) => report.unchanged += 1,
        }
        let free_from = known.as_ref().map_or(i64::MIN, |k| k.free_from);
        self.meters.insert(row.no.clone(), Known { id, config, config_from, groups, password, installed, free_from });
        Ok(())
    }

    /// Whether another meter with the row's address goes on answering: not so if the row takes its place.
    fn stays(&self, other: &MeterNo, row: &MeterRow) -> bool {
        self.places.get(&row.service_point).is_none_or(|place| place.meter.as_ref() != Some(other))
    }

    fn config(&self, row: &MeterRow, channel: i64, known: Option<&Known>) -> Config {
        let model = match (&row.model, known) {
            (Some(model), _) => model.to_string(),
            (None, Some(k)) if k.config.protocol == row.protocol => k.config.model.clone(),
            (None, _) => generic_model(row.protocol).to_owned(),
        };
        Config {
            protocol: row.protocol,
            address: row.address,
            model,
            channel,
            state: row.state.or(known.map(|k| k.config.state)).unwrap_or(MeterState::Active),
        }
    }

    /// The service point's row, with its area and its customer as the file says.
    fn place(&mut self, row: &MeterRow, report: &mut ImportReport, changed: &mut bool) -> i64 {
        let area = match self.areas.get(&row.area) {
            Some(&id) => id,
            None => {
                let id = self.next_area;
                self.next_area += 1;
                self.areas.insert(row.area.clone(), id);
                self.changes.areas.push((id, row.area.to_string()));
                report.remark(row.line, Remark::AreaMade { area: row.area.clone() });
                id
            }
        };
        let customer = row.customer.as_ref().map(|no| self.customer(no, row.customer_name.as_deref(), changed));
        let next = self.next_place;
        let place = self.places.entry(row.service_point.clone()).or_insert_with(|| Place {
            id: next,
            area: None,
            customer: None,
            meter: None,
            free_from: i64::MIN,
        });
        if place.id == next {
            self.next_place += 1;
            self.changes.places.push((next, row.service_point.to_string()));
        }
        if place.area.is_none_or(|(now, _)| now != area) {
            if place.area.is_some() {
                self.changes.place_areas_closed.push(place.id);
            }
            let from = place.area.map_or(BEGINNING, |_| self.today);
            self.changes.place_areas.push((place.id, from, area));
            place.area = Some((area, from));
            *changed = true;
        }
        if let Some(customer) = customer
            && place.customer.is_none_or(|(now, _)| now != Some(customer))
        {
            if place.customer.is_some() {
                self.changes.place_customers_closed.push(place.id);
            }
            let from = place.customer.map_or(BEGINNING, |_| self.today);
            self.changes.place_customers.push((place.id, from, customer));
            place.customer = Some((Some(customer), from));
            *changed = true;
        }
        place.id
    }

    fn customer(&mut self, no: &CustomerNo, name: Option<&str>, changed: &mut bool) -> i64 {
        let known = self.customers.get(no);
        let name = name.map_or_else(|| known.map_or_else(|| no.to_string(), |(_, n)| n.clone()), str::to_owned);
        let id = match known {
            Some((id, before)) if *before == name => return *id,
            Some((id, _)) => *id,
            None => {
                self.next_customer += 1;
                self.next_customer - 1
            }
        };
        *changed = true;
        self.changes.customers.push((id, no.to_string(), name.clone()));
        self.customers.insert(no.clone(), (id, name));
        id
    }

    fn store_config(&mut self, id: i64, known: Option<&Known>, config: &Config, changed: &mut bool) {
        if known.is_some_and(|k| k.config == *config) {
            return;
        }
        *changed = true;
        if known.is_some() {
            self.changes.close_config(id, self.today);
        }
        self.changes.open_config(id, known.map_or(BEGINNING, |_| self.today), config);
    }

    fn store_groups(&mut self, id: i64, row: &MeterRow, known: Option<&Known>, changed: &mut bool) -> BTreeSet<String> {
        let before = known.map(|k| k.groups.clone()).unwrap_or_default();
        let Some(groups) = &row.groups else { return before };
        let groups: BTreeSet<String> = groups.iter().map(ToString::to_string).collect();
        for left in before.difference(&groups) {
            self.changes.groups_closed.push((id, left.clone()));
            *changed = true;
        }
        let from = known.map_or(BEGINNING, |_| self.today);
        for joined in groups.difference(&before) {
            self.changes.groups.push((id, joined.clone(), from));
            *changed = true;
        }
        groups
    }

    fn store_password(
        &mut self,
        id: i64,
        row: &MeterRow,
        known: Option<&Known>,
        vault: &Vault,
        changed: &mut bool,
    ) -> Option<Vec<u8>> {
        let before = known.and_then(|k| k.password.clone());
        let Some(password) = &row.password else { return before };
        let same = before
            .as_ref()
            .is_some_and(|sealed| vault.open_for_meter(id, "password", sealed).is_ok_and(|known| known == *password));
        if same {
            return before;
        }
        let sealed = vault.seal_for_meter(id, "password", password);
        self.changes.passwords.push((id, sealed.clone()));
        *changed = true;
        Some(sealed)
    }
}

/// The profile of a meter whose model nobody named.
fn generic_model(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Dlt645v2007 => "generic-2007",
        Protocol::Dlt645v1997 => "generic-1997",
    }
}
