//! What persons ask for on a channel: taken up beside its plans, as far as there is room.

use std::sync::Arc;

use hes_model::{Failure, FailureKind, Request, Series, Task, UtcMicros};
use hes_store::slots::times_on;
use hes_store::{OnDemandFailure, OnDemandRead, StoreError, TakenRead};
use jiff::civil::Date;

use super::{About, Channel};
use crate::batch::Asked;
use crate::job::Job;
use crate::notebook::wall_clock;

/// On-demand reads of one channel held side by side, beside its planned dialogues.
const ON_DEMAND_SIDE_BY_SIDE: usize = 4;

impl Channel {
    /// Takes up what persons asked for, as far as there is room.
    pub(super) async fn take_reads(&mut self) -> Result<(), StoreError> {
        let under_way = self.running.values().filter(|about| **about == About::Read).count();
        let Some(room) = ON_DEMAND_SIDE_BY_SIDE.checked_sub(under_way).and_then(|room| u32::try_from(room).ok()) else {
            return Ok(());
        };
        if room == 0 {
            return Ok(());
        }
        let at = std::time::Instant::now();
        for taken in self.shared.store.take_reads(&self.config.name, wall_clock(), at, room).await? {
            self.start_read(taken).await?;
        }
        Ok(())
    }

    async fn start_read(&mut self, TakenRead { read, left }: TakenRead) -> Result<(), StoreError> {
        hes_failpoint::hit("collector.channel.read_taken");
        if !self.meters.contains_key(&read.meter) {
            // It may have come to the channel after our last look at the archive.
            self.load_meters().await?;
        }
        let Some(meter) = self.meters.get(&read.meter).map(Arc::clone) else {
            let detail = "the meter was moved to another channel or retired after the read was asked for; ask again";
            return self.refuse_read(&read, Failure::new(FailureKind::Interrupted, detail)).await;
        };
        match self.asked_by(&read) {
            Ok((asked, series)) => {
                let until = Some((read.id, left));
                self.start(Job::of_read(meter, read.id, read.request, asked, series), until);
                Ok(())
            }
            Err(failure) => self.refuse_read(&read, failure).await,
        }
    }

    async fn refuse_read(&self, read: &OnDemandRead, failure: Failure) -> Result<(), StoreError> {
        let failures = [OnDemandFailure { register: None, failure }];
        self.shared.store.finish_read(read.id, &failures, wall_clock()).await
    }

    /// The slots of a person's request. A value of now belongs to the second in which it was taken up.
    fn asked_by(&self, read: &OnDemandRead) -> Result<(Asked, Option<Series>), Failure> {
        let calendar = self.shared.store.calendar();
        let days = |days: &[Date]| days.iter().map(|day| calendar.day_start(*day)).collect::<Vec<_>>();
        let (series, registers, times) = match &read.request {
            Request::Clock => return Ok((Asked::default(), None)),
            Request::BroadcastTime => {
                let detail = "the time is broadcast by clock plans only";
                return Err(Failure::new(FailureKind::NotSupported, detail));
            }
            Request::Instant { registers } => {
                let now = wall_clock();
                (Series::Instant, registers, vec![UtcMicros(now.0 - now.0.rem_euclid(1_000_000))])
            }
            Request::Daily { registers, days: wanted } => (Series::Daily, registers, days(wanted)),
            Request::Monthly { registers, months } => (Series::Monthly, registers, days(months)),
            Request::Interval { registers, minutes, from, to } => {
                let (from, to) = (calendar.instant(*from), calendar.instant(*to));
                let profile = Task::Interval { minutes: *minutes, registers: Vec::new() };
                let days = calendar
                    .day_of(from)
                    .series(jiff::Span::new().days(1))
                    .take_while(|day| calendar.day_start(*day) < to);
                let times = days.flat_map(|day| times_on(&profile, day, calendar)).filter(|at| (from..to).contains(at));
                (Series::Interval(*minutes), registers, times.collect())
            }
        };
        let slots = times.iter().flat_map(|time| registers.iter().map(|register| (*register, *time)));
        Ok((Asked::of(series, slots, &self.desk.zone), Some(series)))
    }
}
