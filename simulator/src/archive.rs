//! The fleet as a head-end's archive: the CSV files that `hes meter import` takes.

use std::io;
use std::path::Path;

use crate::fleet::{Endpoint, RunningFleet};
use crate::load::LoadKind;
use crate::meter::{Dialect, Meter, Quirk};

/// Writes `areas.csv`, `channels.csv` and `meters.csv` into `folder`, which is made if need be.
pub fn write(running: &RunningFleet, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("areas.csv"), areas(running))?;
    std::fs::write(folder.join("channels.csv"), channels(running))?;
    std::fs::write(folder.join("meters.csv"), meters(running))
}

fn areas(running: &RunningFleet) -> String {
    let mut out = String::from("code,name,reader,reader_name\n");
    for area in running.fleet().areas() {
        row(&mut out, &[&area.code, &area.name, &area.reader, &area.reader_name]);
    }
    out
}

fn channels(running: &RunningFleet) -> String {
    let mut out = String::from("name,kind,path,host,port,registration,baud,data_bits,parity,extra_delay_ms,wake_up\n");
    for channel in running.channels() {
        let (kind, path, host, port, registration) = match &channel.endpoint {
            Endpoint::Serial { path } => ("serial", path.display().to_string(), String::new(), String::new(), ""),
            Endpoint::Dial { at } => ("dial", String::new(), at.ip().to_string(), at.port().to_string(), ""),
            Endpoint::DialIn { registration, .. } => {
                ("dial_in", String::new(), String::new(), String::new(), registration.as_str())
            }
        };
        let baud = channel.baud.to_string();
        row(&mut out, &[&channel.name, kind, &path, &host, &port, registration, &baud, "8", "even", "0", "4"]);
    }
    out
}

fn meters(running: &RunningFleet) -> String {
    let mut out = String::from(
        "meter_no,protocol,address,model,channel,area,service_point,customer,customer_name,ct,pt,installed_from,groups\n",
    );
    for bus in running.fleet().buses() {
        // A meter that shares its address with another is in the archive once.
        let mut last = None;
        bus.for_each_meter(|meter| {
            if last.replace(meter.address()) != Some(meter.address()) {
                meter_row(&mut out, meter, bus.name(), bus.area());
            }
        });
    }
    out
}

fn meter_row(out: &mut String, meter: &Meter, channel: &str, area: &str) {
    let address = format!("{:012}", meter.address());
    let (protocol, model) = match (meter.dialect(), meter.quirk()) {
        (Dialect::Edition2007, None | Some(Quirk::ForgetsFollowUp)) => ("dlt645-2007", "generic-2007"),
        (Dialect::Edition2007, Some(Quirk::NoBlocks)) => ("dlt645-2007", "one-by-one-2007"),
        (Dialect::Edition2007, Some(Quirk::AnswersFromWildcard)) => ("dlt645-2007", "wildcard-answers-2007"),
        (Dialect::Edition1997, _) => ("dlt645-1997", "generic-1997"),
    };
    let (group, customer) = match meter.kind() {
        LoadKind::Household => ("household", "Household"),
        LoadKind::Commercial => ("commercial", "Shop"),
        LoadKind::Solar => ("solar", "Solar household"),
        LoadKind::Vacant => ("vacant", "Vacant flat"),
    };
    let tail = &address[6..];
    let installed = meter.born().datetime().date().to_string();
    let (point, customer_no) = (format!("SP{address}"), format!("C{address}"));
    let name = format!("{customer} {tail}");
    row(
        out,
        &[&address, protocol, &address, model, channel, area, &point, &customer_no, &name, "1", "1", &installed, group],
    );
}

fn row(out: &mut String, fields: &[&str]) {
    for (i, field) in fields.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}
