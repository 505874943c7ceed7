//! What a head-end has collected, in a form that two runs can be compared by.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::head_end::Server;

/// Meter, series, register and slot of a value.
pub type Place = (String, String, String, String);

/// Every version of every reading a server holds of these series, oldest version first: its value and quality.
///
/// Ids, instants of receipt and the order of arrival are left out, as they differ between runs.
pub fn readings(server: &Server<'_>, meters: &[String], series: &[&str]) -> BTreeMap<Place, Vec<(String, String)>> {
    let mut found: BTreeMap<Place, Vec<(String, String)>> = BTreeMap::new();
    for meter in meters {
        for series in series {
            let path = format!("/api/v1/readings?meter={meter}&series={series}&versions=all");
            for reading in server.get(&path).as_array().expect("a list of readings") {
                let text = |key: &str| reading[key].as_str().unwrap_or_default().to_owned();
                let value = reading["quantity"]["value"].as_str().unwrap_or_default().to_owned();
                let place = (meter.clone(), (*series).to_owned(), text("register"), text("slot"));
                found.entry(place).or_default().push((value, text("quality")));
            }
        }
    }
    found
}

/// How many slots a day's success report expects, and how many are neither filled nor given up.
pub fn open_slots(report: &Value) -> (u64, u64) {
    let total = &report["total"];
    (total["expected"].as_u64().expect("expected"), total["open"].as_u64().expect("open"))
}
