//! `hes plan`: what is collected of which meters, by when.
//!
//! The options of each kind of plan have defaults that suit it, so that `hes plan add daily --all` is a whole plan.

use std::str::FromStr;

use clap::{Args, Subcommand};
use hes_model::{
    AreaCode, ClockSync, Effective, GroupName, MeterNo, Obis, Plan, PlanName, Priority, Schedule, Scope, Task, Window,
};
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::cli::{self, on_one_thread};
use crate::client::Client;
use crate::commands::register::RegisterArg;
use crate::day::Day;
use crate::exit::{Exit, UsageError};
use crate::output::{Output, Table, Tone, left, right};
use crate::text::{column, help, say};

/// Total and four tariffs: what billing needs of a freeze.
const BILLED: [&str; 5] =
    ["import_active_total", "import_active_t1", "import_active_t2", "import_active_t3", "import_active_t4"];
/// What shows the state of a supply at a glance.
const OF_NOW: [&str; 3] = ["voltage_a", "current_a", "active_power_total"];

/// Minutes after 00:00 by which a day's freeze counts as on time: 08:00, the main cut-off of billing.
const DAILY_DEADLINE_MINUTES: u32 = 8 * 60;
/// A settlement may take two days.
const MONTHLY_DEADLINE_MINUTES: u32 = 2 * 24 * 60;
/// A profile point may take four hours.
const INTERVAL_DEADLINE_MINUTES: u32 = 4 * 60;
/// A value of now is of now.
const INSTANT_DEADLINE_MINUTES: u32 = 30;
/// A clock is looked at within its day.
const CLOCK_DEADLINE_MINUTES: u32 = 24 * 60;

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    #[command(about = help::plan_add(), subcommand)]
    Add(Kind),
    #[command(about = help::plan_list())]
    List,
    #[command(about = help::plan_show())]
    Show {
        #[arg(value_name = "PLAN", help = help::plan())]
        plan: PlanName,
    },
    #[command(about = help::plan_set())]
    Set {
        #[arg(value_name = "PLAN", help = help::plan())]
        plan: PlanName,
        #[command(flatten)]
        schedule: ScheduleArgs,
    },
    #[command(about = help::plan_remove(), long_about = help::plan_remove_long())]
    Remove {
        #[arg(value_name = "PLAN", help = help::plan())]
        plan: PlanName,
    },
}

impl PlanCommand {
    pub(crate) fn run(self, common: &cli::Common) -> anyhow::Result<Exit> {
        let out = common.output();
        let zone = common.settings()?.zone;
        // What can be judged without a server is judged before one is looked for.
        let client = || common.client();
        match self {
            PlanCommand::Add(kind) => {
                let plan = kind.into_plan(zone.time_zone())?;
                let stored = on_one_thread(client()?.create(&["plans", plan.name.as_str()], &plan))?;
                tell(out, &stored, &say::plan_added(&plan.name))?;
            }
            PlanCommand::List => {
                let plans: Vec<Plan> = on_one_thread(client()?.get(&["plans"], &[]))?;
                list(out, &plans)?;
            }
            PlanCommand::Show { plan } => show(out, &on_one_thread(get(&client()?, &plan))?)?,
            PlanCommand::Set { plan, schedule } => {
                if schedule.is_empty() {
                    return Err(UsageError(say::nothing_to_set()).into());
                }
                let client = client()?;
                let stored = on_one_thread(async {
                    let mut stored = get(&client, &plan).await?;
                    schedule.apply(&mut stored.schedule, &mut stored.effective, zone.time_zone())?;
                    client.put(&["plans", plan.as_str()], &checked(stored)?).await
                })?;
                tell(out, &stored, &say::plan_changed(&plan))?;
            }
            PlanCommand::Remove { plan } => {
                on_one_thread(client()?.delete(&["plans", plan.as_str()]))?;
                if out.is_json() {
                    out.document(&serde_json::json!({ "removed": plan }))?;
                } else {
                    out.toned(Tone::Good, say::plan_removed(&plan))?;
                }
            }
        }
        Ok(Exit::Done)
    }
}

async fn get(client: &Client, plan: &PlanName) -> anyhow::Result<Plan> {
    client.get(&["plans", plan.as_str()], &[]).await
}

fn tell(out: Output, plan: &Plan, said: &str) -> anyhow::Result<()> {
    if out.is_json() { out.document(plan) } else { out.toned(Tone::Good, said) }
}

fn list(out: Output, plans: &[Plan]) -> anyhow::Result<()> {
    if out.is_json() {
        return out.document(plans);
    }
    if plans.is_empty() {
        return out.toned(Tone::Faint, say::no_plan());
    }
    let mut table = Table::new([
        left(column::plan()),
        left(column::collects()),
        left(column::scope()),
        left(column::window()),
        right(column::deadline_minutes()),
        right(column::priority()),
        left(column::from()),
        left(column::until()),
    ]);
    for plan in plans {
        let cells = [
            plan.name.to_string(),
            task(&plan.task),
            scope(&plan.scope),
            window(&plan.schedule.window),
            plan.schedule.deadline_minutes.to_string(),
            u8::from(plan.schedule.priority).to_string(),
            plan.effective.from.to_string(),
            plan.effective.until.map_or_else(|| "-".to_owned(), |day| day.to_string()),
        ];
        table.row(Tone::Plain, cells);
    }
    out.table(&table)
}

fn show(out: Output, plan: &Plan) -> anyhow::Result<()> {
    list(out, std::slice::from_ref(plan))?;
    if out.is_json() {
        return Ok(());
    }
    for &register in plan.task.registers() {
        out.line(format_args!("  {}", hes_model::registers().name_of(register)))?;
    }
    Ok(())
}

/// What a plan collects, in a few words.
fn task(task: &Task) -> String {
    let registers = task.registers().len();
    match task {
        Task::Daily { .. } => say::task_daily(registers),
        Task::DayOfMonth { day, .. } => say::task_day_of_month(day, registers),
        Task::Monthly { .. } => say::task_monthly(registers),
        Task::Interval { minutes, .. } => say::task_interval(minutes, registers),
        Task::Instant { minutes, .. } => say::task_instant(minutes, registers),
        Task::Clock { sync: ClockSync::CheckOnly } => say::task_clock(),
        Task::Clock { sync: ClockSync::Broadcast } => say::task_clock_sync(),
    }
}

fn scope(scope: &Scope) -> String {
    fn names<T: ToString>(names: &[T]) -> String {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
    match scope {
        Scope::All => say::scope_all(),
        Scope::Areas(areas) => say::scope_areas(names(areas)),
        Scope::Groups(groups) => say::scope_groups(names(groups)),
        Scope::Meters(meters) => say::scope_meters(names(meters)),
    }
}

fn window(window: &Window) -> String {
    if *window == Window::ALWAYS {
        return say::window_always();
    }
    let time = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
    format!("{}-{}", time(window.from), time(window.to))
}

/// Kinds of plan with what each needs.
#[derive(Debug, Subcommand)]
pub(crate) enum Kind {
    #[command(about = help::plan_daily())]
    Daily(WithRegisters),
    #[command(about = help::plan_day_of_month())]
    DayOfMonth {
        #[arg(long, value_name = "DAY", value_parser = clap::value_parser!(i8).range(1..=28), help = help::plan_day())]
        day: i8,
        #[command(flatten)]
        rest: WithRegisters,
    },
    #[command(about = help::plan_monthly())]
    Monthly(WithRegisters),
    #[command(about = help::plan_interval())]
    Interval {
        #[arg(long, value_name = "MINUTES", default_value_t = 15, help = help::plan_interval_minutes())]
        minutes: u8,
        #[command(flatten)]
        rest: WithRegisters,
    },
    #[command(about = help::plan_instant())]
    Instant {
        #[arg(long, value_name = "MINUTES", default_value_t = 60, help = help::plan_instant_minutes())]
        minutes: u8,
        #[command(flatten)]
        rest: WithRegisters,
    },
    #[command(about = help::plan_clock())]
    Clock {
        #[arg(long, help = help::plan_sync())]
        sync: bool,
        #[command(flatten)]
        rest: Common,
    },
}

/// A plan that collects registers.
#[derive(Debug, Args)]
pub(crate) struct WithRegisters {
    #[arg(long = "register", value_name = "REGISTER", value_delimiter = ',', help = help::plan_registers())]
    registers: Vec<RegisterArg>,
    #[command(flatten)]
    common: Common,
}

/// What every plan has.
#[derive(Debug, Args)]
pub(crate) struct Common {
    #[arg(long, value_name = "NAME", help = help::plan_name())]
    name: Option<PlanName>,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

/// Which meters.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ScopeArgs {
    #[arg(long, help = help::scope_all())]
    all: bool,
    #[arg(long = "area", value_name = "CODE", value_delimiter = ',', help = help::scope_area())]
    areas: Vec<AreaCode>,
    #[arg(long = "group", value_name = "GROUP", value_delimiter = ',', help = help::scope_group())]
    groups: Vec<GroupName>,
    #[arg(long = "meter", value_name = "METER", value_delimiter = ',', help = help::scope_meter())]
    meters: Vec<MeterNo>,
}

impl ScopeArgs {
    /// clap has seen to it that exactly one is given.
    fn into_scope(self) -> Scope {
        if !self.areas.is_empty() {
            Scope::Areas(self.areas)
        } else if !self.groups.is_empty() {
            Scope::Groups(self.groups)
        } else if !self.meters.is_empty() {
            Scope::Meters(self.meters)
        } else {
            Scope::All
        }
    }
}

/// When. All may be left out; `hes plan set` changes only what is given.
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[arg(long, value_name = "HH:MM-HH:MM", help = help::plan_window())]
    window: Option<WindowArg>,
    #[arg(long, value_name = "MINUTES", help = help::plan_deadline())]
    deadline: Option<u32>,
    #[arg(long, value_name = "0..9", value_parser = clap::value_parser!(u8).range(0..=9), help = help::plan_priority())]
    priority: Option<u8>,
    #[arg(long, value_name = "DAY", help = help::plan_from())]
    from: Option<Day>,
    #[arg(long, value_name = "DAY", help = help::plan_until())]
    until: Option<Day>,
}

impl ScheduleArgs {
    fn is_empty(&self) -> bool {
        matches!(self, Self { window: None, deadline: None, priority: None, from: None, until: None })
    }
    /// Lays what was given over `schedule` and `effective`.
    fn apply(&self, schedule: &mut Schedule, effective: &mut Effective, zone: &TimeZone) -> anyhow::Result<()> {
        if let Some(WindowArg(window)) = self.window {
            schedule.window = window;
        }
        if let Some(minutes) = self.deadline {
            schedule.deadline_minutes = minutes;
        }
        if let Some(priority) = self.priority {
            schedule.priority = Priority::try_from(priority)?;
        }
        if let Some(from) = self.from {
            effective.from = from.date(zone);
        }
        if let Some(until) = self.until {
            effective.until = Some(until.date(zone));
        }
        Ok(())
    }
}

impl Kind {
    /// The plan these options describe.
    pub(crate) fn into_plan(self, zone: &TimeZone) -> anyhow::Result<Plan> {
        let (kind, task, common, deadline_minutes, priority) = match self {
            Kind::Daily(rest) => {
                let registers = rest.registers_or(&BILLED);
                ("daily".to_owned(), Task::Daily { registers }, rest.common, DAILY_DEADLINE_MINUTES, 1)
            }
            Kind::DayOfMonth { day, rest } => {
                let registers = rest.registers_or(&BILLED);
                let task = Task::DayOfMonth { day, registers };
                (format!("day-of-month-{day}"), task, rest.common, DAILY_DEADLINE_MINUTES, 1)
            }
            Kind::Monthly(rest) => {
                let registers = rest.registers_or(&BILLED);
                ("monthly".to_owned(), Task::Monthly { registers }, rest.common, MONTHLY_DEADLINE_MINUTES, 2)
            }
            Kind::Interval { minutes, rest } => {
                let registers = rest.registers_or(&BILLED[..1]);
                let task = Task::Interval { minutes, registers };
                (format!("interval-{minutes}"), task, rest.common, INTERVAL_DEADLINE_MINUTES, 5)
            }
            Kind::Instant { minutes, rest } => {
                let registers = rest.registers_or(&OF_NOW);
                let task = Task::Instant { minutes, registers };
                (format!("instant-{minutes}"), task, rest.common, INSTANT_DEADLINE_MINUTES, 6)
            }
            Kind::Clock { sync, rest } => {
                let sync = if sync { ClockSync::Broadcast } else { ClockSync::CheckOnly };
                ("clock".to_owned(), Task::Clock { sync }, rest, CLOCK_DEADLINE_MINUTES, 4)
            }
        };
        let mut schedule =
            Schedule { window: Window::ALWAYS, deadline_minutes, priority: Priority::try_from(priority)? };
        let mut effective = Effective { from: Day::Ago(0).date(zone), until: None };
        common.schedule.apply(&mut schedule, &mut effective, zone)?;
        let name = match common.name {
            Some(name) => name,
            None => PlanName::new(&kind)?,
        };
        checked(Plan { name, task, scope: common.scope.into_scope(), schedule, effective })
    }
}

/// The plan, if it is one.
fn checked(plan: Plan) -> anyhow::Result<Plan> {
    plan.validate().map_err(|error| UsageError(error.to_string()))?;
    match plan.effective.until {
        Some(until) if until <= plan.effective.from => {
            Err(UsageError(say::plan_ends_before_it_starts(until, plan.effective.from)).into())
        }
        _ => Ok(plan),
    }
}

impl WithRegisters {
    /// What was given, or these.
    fn registers_or(&self, defaults: &[&str]) -> Vec<Obis> {
        let defaults = || defaults.iter().filter_map(|name| hes_model::registers().by_name(name)).map(|row| row.obis);
        if self.registers.is_empty() { defaults().collect() } else { self.registers.iter().map(|r| r.0).collect() }
    }
}

/// `22:00-06:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WindowArg(Window);

impl FromStr for WindowArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| -> Option<Time> {
            let (hour, minute) = text.split_once(':')?;
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        text.split_once('-')
            .and_then(|(from, to)| Some(Self(Window { from: time(from)?, to: time(to)? })))
            .ok_or_else(say::window_unknown)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        kind: Kind,
    }

    fn plan(line: &str) -> anyhow::Result<Plan> {
        let line = Line::try_parse_from(std::iter::once("add").chain(line.split_whitespace()))?;
        line.kind.into_plan(&TimeZone::UTC)
    }

    #[test]
    fn a_kind_and_a_scope_make_a_whole_plan() {
        let kinds = ["daily", "monthly", "day-of-month --day 7", "interval", "instant", "clock", "clock --sync"];
        for kind in kinds {
            let plan = plan(&format!("{kind} --all")).unwrap();
            assert_eq!((plan.validate(), plan.scope), (Ok(()), Scope::All), "{kind}");
        }
        assert_eq!(plan("daily --all").unwrap().task.registers().len(), BILLED.len());
        assert_eq!(plan("interval --all --minutes 60").unwrap().name.as_str(), "interval-60");
    }

    #[test]
    fn a_scope_is_needed_and_only_one() {
        for line in ["daily", "daily --all --area A1", "daily --area A1 --meter 7"] {
            assert!(plan(line).is_err(), "{line}");
        }
        let areas = vec![AreaCode::new("A1").unwrap(), AreaCode::new("A2").unwrap()];
        assert_eq!(plan("daily --area A1,A2").unwrap().scope, Scope::Areas(areas));
    }

    #[test]
    fn options_win_over_the_defaults_of_the_kind() {
        let plan = plan(
            "daily --all --name night --window 22:00-06:00 --deadline 60 --priority 0 --from 2026-01-01 \
                         --until 2026-02-01 --register voltage_a,1.0.1.8.0.255",
        )
        .unwrap();
        assert_eq!(plan.name.as_str(), "night");
        assert_eq!((plan.schedule.deadline_minutes, u8::from(plan.schedule.priority)), (60, 0));
        assert!(plan.schedule.window.contains(Time::constant(23, 0, 0, 0)));
        assert_eq!(plan.effective.until.map(|day| day.to_string()).as_deref(), Some("2026-02-01"));
        assert_eq!(plan.task.registers().len(), 2);
    }

    #[test]
    fn what_no_plan_can_be_is_refused() {
        for line in [
            "interval --all --minutes 7",
            "daily --all --deadline 0",
            "daily --all --priority 10",
            "daily --all --register no_such_register",
            "daily --all --window 6-7",
            "day-of-month --day 31 --all",
            "daily --all --from 2026-02-01 --until 2026-02-01",
        ] {
            assert!(plan(line).is_err(), "{line}");
        }
    }
}
