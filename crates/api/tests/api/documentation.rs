//! `API.md` says what there is: no route and no column less, none more.

use std::collections::BTreeSet;

use hes_api::import::columns::{self, Column, Need};

const DOCUMENT: &str = include_str!("../../API.md");

#[test]
fn the_documented_routes_are_the_routes() {
    let documented: BTreeSet<(String, String)> = DOCUMENT
        .lines()
        .filter_map(|line| {
            let (method, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
            let (path, _) = rest.split_once('`')?;
            path.starts_with('/').then(|| (method.to_owned(), path.to_owned()))
        })
        .collect();
    let routes = hes_api::routes().into_iter().map(|(method, path)| (method.to_string(), path.to_owned())).collect();
    assert_eq!(documented, routes);
}

#[test]
fn the_documented_columns_are_the_columns() {
    for (file, columns) in [("areas", columns::AREAS), ("channels", columns::CHANNELS), ("meters", columns::METERS)] {
        let (_, section) = DOCUMENT.split_once(&format!("### `{file}.csv`")).unwrap();
        let section = section.split("###").next().unwrap();
        let documented: Vec<&str> = section.lines().filter(|line| line.starts_with("| `")).collect();
        let expected: Vec<String> = columns.iter().map(row).collect();
        assert_eq!(documented, expected, "{file}");
    }
}

fn row(column: &Column) -> String {
    let mark = if column.need == Need::Required { " *" } else { "" };
    format!("| `{}`{mark} | {} | {} |", column.name, column.en, column.zh)
}
