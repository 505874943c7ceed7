//! The demo's folder: settings, fleet, archive, plans. What is there already is used as it is.

use std::path::{Path, PathBuf};

use anyhow::Context;
use hes_api::dto::Plan;
use hes_api::dto::archive::{AreaRow, ImportReport, MeterRow, Page};
use hes_model::{AreaCode, ClockSync, Effective, Obis, PlanName, Priority, Schedule, Scope, Task, Window, registers};
use jiff::tz::TimeZone;

use crate::client::{Client, Refused};
use crate::day::Day;
use crate::output::{Output, Tone};
use crate::settings::Settings;
use crate::text::say;

/// The fleet that ships with the program.
const FLEET: &str = include_str!("../../../../../config/fleets/demo.toml");
/// Days whose daily freezes are back-filled at the first start.
const DAYS_BACK: u16 = 6;

/// Areas of which load profiles are collected: a day's profile of one meter takes its line seconds, and the rest is to
/// be seen within minutes.
const AREAS_WITH_PROFILE: usize = 2;
/// A day and a bit.
const DEADLINE_MINUTES: u32 = 25 * 60;

/// The folder.
#[derive(Debug)]
pub(super) struct Site {
    folder: PathBuf,
}

/// Rows of the archive.
#[derive(Debug)]
pub(super) struct Imported {
    pub(super) areas: u64,
    pub(super) channels: u64,
    pub(super) meters: u64,
}

impl Site {
    /// Opens the folder, or makes it with settings and a fleet. A fleet that is named replaces the one that is there.
    pub(super) fn open(folder: &Path, fleet: Option<&Path>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| say::file_unwritable(folder.display()))?;
        let folder = folder.canonicalize().with_context(|| say::file_unreadable(folder.display()))?;
        let site = Self { folder };
        let written =
            |file: &Path, text: &str| std::fs::write(file, text).with_context(|| say::file_unwritable(file.display()));
        if !site.settings_file().exists() {
            written(&site.settings_file(), &site.first_settings()?)?;
        }
        match fleet {
            Some(fleet) => {
                let text = std::fs::read_to_string(fleet).with_context(|| say::file_unreadable(fleet.display()))?;
                written(&site.fleet_file(), &text)?;
            }
            None if !site.fleet_file().exists() => written(&site.fleet_file(), FLEET)?,
            None => {}
        }
        Ok(site)
    }

    /// Ports are chosen by the system, so that the demo never meets another server.
    fn first_settings(&self) -> anyhow::Result<String> {
        let mut settings = toml::Table::new();
        settings.insert("data_dir".to_owned(), self.folder.join("data").display().to_string().into());
        let listen = |port: &str| toml::Table::from_iter([("listen".to_owned(), toml::Value::from(port))]);
        settings.insert("api".to_owned(), listen("127.0.0.1:0").into());
        let modules = toml::Value::Array(vec!["127.0.0.1:0".into()]);
        let listener = toml::Table::from_iter([("listen".to_owned(), modules)]);
        let transport = toml::Table::from_iter([("listener".to_owned(), toml::Value::from(listener))]);
        settings.insert("transport".to_owned(), transport.into());
        Ok(format!(
            "# Settings of the demo; `hes config default` explains every option.\n{}",
            toml::to_string(&settings)?
        ))
    }

    /// The settings of the folder.
    pub(super) fn settings(&self) -> anyhow::Result<Settings> {
        Settings::load(&self.settings_file())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
    fn settings_file(&self) -> PathBuf {
        self.folder.join("hes.toml")
    }
    pub(super) fn fleet_file(&self) -> PathBuf {
        self.folder.join("fleet.toml")
    }
    pub(super) fn archive_dir(&self) -> PathBuf {
        self.folder.join("archive")
    }
    pub(super) fn ports_dir(&self) -> PathBuf {
        self.folder.join("ports")
    }
    pub(super) fn log_file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Imports what the fleet wrote; at a second start that changes the ports of its sockets only.
    pub(super) async fn import(&self, client: &Client) -> anyhow::Result<Imported> {
        let areas = self.import_one(client, "areas").await?;
        let channels = self.import_one(client, "channels").await?;
        let meters = self.import_one(client, "meters").await?;
        Ok(Imported { areas, channels, meters })
    }

    async fn import_one(&self, client: &Client, what: &str) -> anyhow::Result<u64> {
        let file = self.archive_dir().join(format!("{what}.csv"));
        let csv = std::fs::read(&file).with_context(|| say::file_unreadable(file.display()))?;
        let report: ImportReport = client.post_csv(&[what], "text/csv; charset=utf-8", csv).await?;
        let refused = report.refused.first().and_then(|row| Some((row.line, row.faults.first()?.reason.clone())));
        if let Some((line, reason)) = refused {
            anyhow::bail!(say::demo_row_refused(file.display(), line, reason));
        }
        Ok(report.rows)
    }

    /// Makes the plans that are not there yet, and names them all.
    pub(super) async fn add_plans(&self, client: &Client, zone: &TimeZone) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        let Page { items: mut areas, .. }: Page<AreaRow> = client.get(&["areas"], &[]).await?;
        areas.sort_by(|a, b| a.code.cmp(&b.code));
        let profiled = areas.into_iter().take(AREAS_WITH_PROFILE).map(|area| area.code).collect();
        for plan in plans(profiled, zone)? {
            let added: anyhow::Result<Plan> = client.create(&["plans", plan.name.as_str()], &plan).await;
            match added {
                Ok(_) => {}
                Err(error) if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "conflict") => {}
                Err(error) => return Err(error),
            }
            names.push(plan.name.to_string());
        }
        Ok(names)
    }

    /// Commands worth trying in another terminal.
    pub(super) async fn show_commands(&self, out: Output, client: &Client) -> anyhow::Result<()> {
        let page: Page<MeterRow> = client.get(&["meters"], &[("limit", "1".to_owned())]).await?;
        let meter = page.items.first().map_or_else(String::new, |meter| meter.meter_no.to_string());
        let settings = self.settings_file();
        out.line("")?;
        out.toned(Tone::Head, say::demo_try())?;
        for command in [
            "status".to_owned(),
            format!("read {meter}"),
            "report success --day today --by area".to_owned(),
            "report gaps --day today".to_owned(),
            format!("evidence {meter} import_active_total --day today"),
            "export daily --day today -o daily.csv".to_owned(),
        ] {
            out.line(format_args!("  hes --config {} {command}", settings.display()))?;
        }
        out.line("")
    }
}

/// What the demo collects. Whenever it is started in the day, what it reads then is on time.
fn plans(profiled: Vec<AreaCode>, zone: &TimeZone) -> anyhow::Result<Vec<Plan>> {
    let energies =
        ["import_active_total", "import_active_t1", "import_active_t2", "import_active_t3", "import_active_t4"];
    let today = Day::Ago(0);
    Ok(vec![
        plan("daily", Task::Daily { registers: named(&energies) }, DEADLINE_MINUTES, 1, Day::Ago(DAYS_BACK), zone)?,
        plan("monthly", Task::Monthly { registers: named(&energies) }, 2 * 24 * 60, 2, Day::Ago(31), zone)?,
        Plan {
            scope: Scope::Areas(profiled),
            ..plan(
                "interval-15",
                Task::Interval { minutes: 15, registers: named(&energies[..1]) },
                DEADLINE_MINUTES,
                5,
                today,
                zone,
            )?
        },
        plan(
            "instant-15",
            Task::Instant { minutes: 15, registers: named(&["voltage_a", "current_a", "active_power_total"]) },
            15,
            4,
            today,
            zone,
        )?,
        plan("clock", Task::Clock { sync: ClockSync::Broadcast }, 24 * 60, 3, today, zone)?,
    ])
}

fn named(aliases: &[&str]) -> Vec<Obis> {
    aliases.iter().filter_map(|alias| registers().by_name(alias)).map(|row| row.obis).collect()
}

fn plan(
    name: &str,
    task: Task,
    deadline_minutes: u32,
    priority: u8,
    from: Day,
    zone: &TimeZone,
) -> anyhow::Result<Plan> {
    Ok(Plan {
        name: PlanName::new(name)?,
        task,
        scope: Scope::All,
        schedule: Schedule { window: Window::ALWAYS, deadline_minutes, priority: Priority::try_from(priority)? },
        effective: Effective { from: from.date(zone), until: None },
    })
}
