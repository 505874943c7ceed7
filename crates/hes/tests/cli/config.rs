use std::path::PathBuf;

use crate::program::{Ran, hes, run};

fn check(text: &str) -> (PathBuf, Ran) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hes.toml");
    std::fs::write(&file, text).unwrap();
    let ran = run(&mut hes(&["config", "check", file.to_str().unwrap()]));
    (file, ran)
}

#[test]
fn the_annotated_defaults_are_accepted() {
    let defaults = run(&mut hes(&["config", "default"])).stdout;
    let (_, ran) = check(&defaults);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn an_unknown_key_is_named_with_the_file_the_line_and_the_known_ones() {
    let (file, ran) = check("zone = \"UTC\"\n[log]\nformt = \"json\"\n");
    assert_eq!(ran.code, 1);
    for part in [file.to_str().unwrap(), "line 3", "log.formt", "`format`"] {
        assert!(ran.stderr.contains(part), "{part} is not in {}", ran.stderr);
    }
}

#[test]
fn a_wrong_value_is_named_with_what_is_accepted() {
    let cases = [
        ("zone = \"Mars/Olympus\"", "zone", "Asia/Shanghai"),
        ("[log]\nformat = \"xml\"", "log.format", "`pretty` or `json`"),
        ("[log]\ndecode = \"all\"", "log.decode", "`off`"),
        ("[log]\nfilter = \"a=b=c\"", "log.filter", "info"),
    ];
    for (text, key, accepted) in cases {
        let (_, ran) = check(text);
        assert_eq!(ran.code, 1, "{text}");
        assert!(ran.stderr.contains(key) && ran.stderr.contains(accepted), "{text}: {}", ran.stderr);
    }
}

#[test]
fn a_file_that_is_not_toml_is_refused_at_its_line() {
    let (_, ran) = check("zone = \"UTC\"\nthis is not toml\n");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("line 2"), "{}", ran.stderr);
}

#[test]
fn check_without_a_file_is_a_usage_error() {
    assert_eq!(run(&mut hes(&["config", "check"])).code, 2);
}

#[test]
fn json_tells_programs_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("hes.toml");
    std::fs::write(&file, "zone = 8\n").unwrap();
    let ran = run(&mut hes(&["config", "check", "--json", file.to_str().unwrap()]));
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.starts_with("{\"error\":") && ran.stdout.contains("\"ok\":false"), "{}", ran.stdout);
}

#[test]
fn a_value_out_of_range_is_named_with_its_key_and_the_range() {
    let cases = [
        ("[transport.dial]\nconnect_timeout_ms = 0", "connect_timeout_ms"),
        ("[store]\nread_connections = 0", "read_connections"),
        ("[collector]\ndialogues_per_channel = 0", "dialogues_per_channel"),
        ("[api]\nwait_max_seconds = 0", "wait_max_seconds"),
        ("[api]\nlisten = \"0.0.0.0:80\"", "listen"),
    ];
    for (text, key) in cases {
        let (file, ran) = check(text);
        assert_eq!(ran.code, 1, "{text}");
        for part in [file.to_str().unwrap(), key] {
            assert!(ran.stderr.contains(part), "{part} is not in {}", ran.stderr);
        }
    }
}
