//! A person who chose Chinese reads Chinese, also when something is wrong.

use crate::program::{hes, run, run_with};
use crate::served::Served;

/// Words that are the same in both languages: names of things, not sentences.
const NAMES: [&str; 22] = [
    "hes",
    "UTF",
    "CSV",
    "JSON",
    "TOML",
    "OBIS",
    "HTTP",
    "TCP",
    "IANA",
    "baud",
    "parity",
    "none",
    "even",
    "odd",
    "wake_up",
    "data_bits",
    "extra_delay_ms",
    "SQLite",
    "serial",
    "tcp",
    "Allow",
    "Ctrl",
];

/// The English words in `text`, without what stands in quotes, brackets or options, without the words of `args`, and
/// without lines that list what is accepted.
fn english(text: &str, args: &[&str]) -> Vec<String> {
    let mut plain = String::new();
    let mut until = None;
    for c in text.chars() {
        match (until, c) {
            (Some(end), c) if c == end => until = None,
            (Some(_), _) => {}
            (None, '`' | '"' | '\'') => until = Some(c),
            (None, '<') => until = Some('>'),
            (None, '[') => until = Some(']'),
            (None, c) => plain.push(c),
        }
    }
    let names = |word: &str| NAMES.contains(&word) || args.iter().any(|arg| arg.contains(word));
    let is_word = |word: &&str| word.len() > 2 && word.bytes().all(|b| b.is_ascii_alphabetic());
    plain
        .lines()
        .filter(|line| !line.starts_with("用法") && !line.contains("可用") && !line.contains("之中"))
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || "_-./:=".contains(c))))
        .filter(is_word)
        .filter(|word| !names(word))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn a_wrong_command_line_is_told_in_chinese() {
    for args in [
        &[][..],
        &["nonsense"],
        &["statu"],
        &["status", "--nonsense"],
        &["status", "--chanels"],
        &["meter", "import"],
        &["meter", "show", "a b"],
        &["meter", "list", "--area", ""],
        &["meter", "list", "--area"],
        &["meter", "show", "A", "B"],
        &["report", "success", "--day", "today", "--day", "today"],
        &["status", "--server", "ftp://x"],
        &["completions", "tcsh"],
        &["plan", "add", "daily"],
        &["plan", "add", "daily", "--all", "--area", "A"],
        &["plan", "add", "daily", "--all", "--priority", "30"],
        &["plan", "add", "daily", "--all", "--window", "x"],
        &["plan", "add", "interval", "--all", "--minutes", "7"],
        &["report", "success", "--by", "colour"],
        &["report", "success", "--day", "someday"],
        &["read"],
        &["read", "M", "--wait", "x"],
        &["read", "--direct", "udp:1"],
        &["read", "--direct", "serial:/dev/null?baud=1"],
        &["raw", "--direct", "tcp:127.0.0.1:1", "xy"],
        &["log", "level", "loud"],
        &["evidence"],
        &["evidence", "M", "colour"],
        &["serve", "--listen", "here"],
    ] {
        let ran = run(&mut hes(&[&["--lang", "zh"], args].concat()));
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert_eq!(english(&ran.stderr, args), [] as [&str; 0], "{args:?}: {}", ran.stderr);
        assert!(ran.stdout.is_empty(), "{args:?}: {}", ran.stdout);
    }
}

#[test]
fn what_fails_without_a_server_is_told_in_chinese() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("hes.toml");
    for text in [
        "zone = \"Mars/Olympus\"\n",
        "colour = 1\n",
        "[store]\nevidence_days = \"x\"\n",
        "[store]\nevidence_days = 0\n",
        "[collector]\nlook_again_seconds = 0\n",
        "[collector.turnstile]\ndepth = 0\n",
        "[api]\nlisten = \"0.0.0.0:1\"\n",
        "[api]\nwait_max_seconds = 0\n",
        "[log]\nfilter = \"a=b=c\"\n",
        "[log]\nformat = \"xml\"\n",
        "not toml",
    ] {
        std::fs::write(&settings, text).unwrap();
        let ran = run(&mut hes(&["--lang", "zh", "config", "check", settings.to_str().unwrap()]));
        assert_eq!(ran.code, 1, "{text}{}", ran.stderr);
        let shown = ran.stdout + &ran.stderr;
        let known = [text, settings.to_str().unwrap(), "colour", "format", "filter", "zone"];
        assert_eq!(english(&shown, &known), [] as [&str; 0], "{text}{shown}");
    }
    for args in [
        &["status"][..],
        &["status", "--config", "/no/such/file"],
        &["meter", "import", "/no/such/file"],
        &["meter", "import", "/"],
        &["db", "restore", "/no/such/file"],
        &["read", "--direct", "tcp:127.0.0.1:1"],
        &["read", "--direct", "serial:/no/such/port"],
        &["read", "--direct", "serial:/dev/null"],
        &["raw", "--direct", "tcp:127.0.0.1:1", "68"],
        &["export", "daily", "-o", "/no/such/folder/file"],
    ] {
        let mut command = hes(&[&["--lang", "zh"], args].concat());
        let ran = run(command.current_dir(folder.path()));
        assert!(matches!(ran.code, 1 | 3), "{args:?}: {}", ran.stderr);
        assert_eq!(english(&ran.stderr, args), [] as [&str; 0], "{args:?}: {}", ran.stderr);
    }
    for line in ["zz", "6", "68", "{}", "", "00", "68610100000000681104333434351616"] {
        let ran = run_with(&mut hes(&["--lang", "zh", "decode", "dlt645", "-"]), format!("{line}\n").as_bytes());
        let told = ran.stdout.split_once(": ").map(|(_, told)| told).unwrap_or_default();
        assert_eq!(english(told, &["hex"]), [] as [&str; 0], "{line}: {}", ran.stdout);
    }
}

#[test]
fn what_a_server_refuses_is_told_in_chinese() {
    let served = Served::start().with_meter("王小明");
    for (args, code) in [
        (&["meter", "show", "M-9"][..], 1),
        (&["read", "M-9"], 1),
        (&["plan", "show", "nothing"], 1),
        (&["plan", "set", "nothing", "--priority", "1"], 1),
        (&["report", "success", "--plan", "nothing"], 1),
        (&["evidence", "--seq", "7"], 1),
        (&["evidence", "M1", "import_active_total"], 1),
        (&["log", "level", "off", "--channel", "nowhere"], 1),
        (&["db", "backup", "/proc/backup"], 1),
        (&["db", "check"], 1),
        (&["serve"], 1),
        (&["meter", "replace", "M-9", "M-10", "--address", "9"], 1),
        (&["meter", "replace", "M1", "M1", "--address", "9"], 1),
        (&["export", "daily", "--since", "99"], 1),
        (&["plan", "add", "daily", "--area", "nowhere"], 1),
    ] {
        let ran = served.run(&[&["--lang", "zh"], args].concat(), b"");
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
        let shown: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("hes:")).collect();
        let shown = shown.join("\n");
        assert!(!shown.is_empty(), "{args:?}: {}", ran.stderr);
        assert_eq!(english(&shown, args), [] as [&str; 0], "{args:?}: {shown}");
    }
    let rows = "meter_no,protocol,address,channel,area,service_point,ct,state,groups,customer_name\n\
                M2,modbus,12x,nowhere,A,P2,0,gone,a b,\nM3,dlt645-2007,3,b,A,P3,,,,Wang\nM4,dlt645-2007\n\
                M5,dlt645-2007,999999999999,b,A,P5,,,,\nM6,dlt645-2007,6,nowhere,A,P6,,,,\nM1,dlt645-2007,1,b,A,P9,,,,\n";
    let ran = served.run(&["--lang", "zh", "meter", "import", "-"], rows.as_bytes());
    assert_eq!(ran.code, 4, "{}{}", ran.stdout, ran.stderr);
    for row in ran.stdout.lines().skip(1) {
        let reason: String = row.chars().skip_while(|c| c.is_ascii() || *c == '台').collect();
        assert_eq!(english(&reason, &[rows]), [] as [&str; 0], "{row}");
    }
}
