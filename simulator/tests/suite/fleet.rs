//! Fleets over their transports, their clock and their back door.

use std::time::{Duration, Instant};

use hes_sim::{ConfigError, Endpoint, Fleet, FleetConfig, StartOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::line::{Line, start, until};
use crate::master::{self, number, parse, read, request};

const TCP: &str = r#"
    clock = { start = "2026-11-20T10:00:00", rate = 0.0 }
    [[channel]]
    name = "bus"
    area = "A"
    transport = { kind = "tcp" }
    meters = [{ count = 3, first_address = "1" }]
"#;

async fn control(door: &mut BufReader<TcpStream>, request: Value) -> Value {
    door.get_mut().write_all(format!("{request}\n").as_bytes()).await.unwrap();
    let mut line = String::new();
    door.read_line(&mut line).await.unwrap();
    serde_json::from_str(&line).unwrap()
}

async fn door(running: &hes_sim::RunningFleet) -> BufReader<TcpStream> {
    let at = running.open_control("127.0.0.1:0".parse().unwrap()).await.unwrap();
    BufReader::new(TcpStream::connect(at).await.unwrap())
}

#[tokio::test]
async fn a_serial_server_answers_for_the_meter_asked_and_for_no_other() {
    let running = start(TCP).await;
    let mut line = Line::call(&running, "bus").await;
    let (control, data) = parse(&line.ask(&read("000000000002", 0x0001_0000)).await);
    assert_eq!((control, &data[..4]), (0x91, &[0, 0, 1, 0][..]));
    let truth = running.fleet().with_meter(2, |meter, now| meter.item(0x0001_0000, now)).unwrap();
    assert_eq!(Some(data[4..].to_vec()), truth);
    // A question nobody owns brings nothing; the one after it is answered as ever.
    line.send(&read("000000000099", 0x0001_0000)).await;
    let frame = line.ask(&read("AAAAAAAAAA03", 0x0001_0000)).await;
    assert_eq!(frame[1..7], [3, 0, 0, 0, 0, 0], "the answer to a short address carries the whole one");
    let asked = running.fleet().with_meter(1, |meter, _| meter.asked().to_vec());
    assert_eq!(asked, Some(vec![]));
    running.stop().await;
}

#[tokio::test]
async fn a_question_in_pieces_and_two_in_one_are_heard() {
    let running = start(TCP).await;
    let mut line = Line::call(&running, "bus").await;
    let (one, two) = (read("000000000001", 0x0001_0000), read("000000000002", 0x0001_0000));
    let (head, tail) = one.split_at(9);
    line.send(head).await;
    line.io.flush().await.unwrap();
    line.send(&[tail, &two].concat()).await;
    assert_eq!(line.frame().await[1], 1);
    assert_eq!(line.frame().await[1], 2);
    running.stop().await;
}

#[tokio::test]
async fn several_meters_that_answer_at_once_destroy_each_other() {
    let running = start(TCP).await;
    let mut line = Line::call(&running, "bus").await;
    line.send(&request("AAAAAAAAAAAA", 0x13, &[])).await;
    line.ask(&read("000000000001", 0x0001_0000)).await;
    assert_eq!(running.fleet().counts().collisions, 1);
    assert_eq!(running.fleet().counts().good, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_pseudo_terminal_answers_at_the_speed_of_its_meters_only_and_may_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let config = FleetConfig::parse(
        r#"
        [[channel]]
        name = "bus"
        area = "A"
        transport = { kind = "pty" }
        line = { baud = 2400 }
        meters = [{ count = 1, first_address = "1" }]
        "#,
    )
    .unwrap();
    let options = StartOptions { port_names: Some(folder.path().to_owned()), dial_target: None };
    let running = Fleet::start(&config, &options).await.unwrap();
    let path = folder.path().join("bus");
    assert_eq!(running.channel("bus").unwrap().endpoint, Endpoint::Serial { path: path.clone() });
    for _ in 0..2 {
        let port = open(&path, 2400);
        let mut line = Line::new(port);
        let (control, _) = parse(&line.ask(&read("000000000001", 0x0001_0000)).await);
        assert_eq!(control, 0x91);
    }
    let mut wrong = Line::new(open(&path, 9600));
    wrong.send(&read("000000000001", 0x0001_0000)).await;
    until(|| running.fleet().counts().unanswered != 0).await;
    assert_eq!(running.fleet().counts().good, 2);
    running.stop().await;
    assert!(!path.is_symlink(), "the name goes with the fleet");
}

#[tokio::test]
async fn a_meter_told_another_speed_answers_at_the_old_one_and_then_hears_only_the_new() {
    let running = start(&TCP.replace("\"tcp\"", "\"pty\"")).await;
    let Endpoint::Serial { path } = &running.channel("bus").unwrap().endpoint else { panic!("a serial port") };
    let mut slow = Line::new(open(path, 2400));
    let to_9600 = request("000000000001", 0x17, &[0b0010_0000]);
    assert_eq!(parse(&slow.ask(&to_9600).await), (0x97, vec![0b0010_0000]));
    slow.send(&read("000000000001", 0x0001_0000)).await;
    let other = slow.ask(&read("000000000002", 0x0001_0000)).await;
    assert_eq!(other[1], 2, "the others stay as they were");
    drop(slow);
    let mut fast = Line::new(open(path, 9600));
    assert_eq!(parse(&fast.ask(&read("000000000001", 0x0001_0000)).await).0, 0x91);
    assert_eq!(running.fleet().counts().unanswered, 1);
    running.stop().await;
}

fn open(path: &std::path::Path, baud: u32) -> tokio_serial::SerialStream {
    let settings = tokio_serial::new(path.to_str().unwrap(), baud).parity(tokio_serial::Parity::Even);
    tokio_serial::SerialStream::open(&settings).unwrap()
}

#[tokio::test]
async fn a_modem_calls_says_who_it_is_and_calls_again_when_cut() {
    let head_end = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = FleetConfig::parse(
        r#"
        [[channel]]
        name = "modem-{n}"
        repeat = 1
        area = "A"
        transport = { kind = "dial_in", target = "127.0.0.1:9", registration = { packet = "IMEI-{n}" } }
        meters = [{ count = 2, first_address = "1" }]
        "#,
    )
    .unwrap();
    let options = StartOptions { port_names: None, dial_target: Some(head_end.local_addr().unwrap()) };
    let running = Fleet::start(&config, &options).await.unwrap();
    for _ in 0..2 {
        let (stream, _) = head_end.accept().await.unwrap();
        let mut line = Line::new(stream);
        assert_eq!(line.bytes(6).await, b"IMEI-1");
        assert_eq!(parse(&line.ask(&read("000000000002", 0x0001_0000)).await).0, 0x91);
        running.fleet().bus("modem-1").unwrap().hang_up();
    }
    running.stop().await;
}

#[tokio::test]
async fn a_modem_without_a_packet_announces_its_first_meter() {
    let head_end = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = head_end.local_addr().unwrap();
    let config = FleetConfig::parse(&format!(
        r#"
        [[channel]]
        name = "modem"
        area = "A"
        transport = {{ kind = "dial_in", target = "{target}", registration = "first_frame" }}
        meters = [{{ count = 2, first_address = "123456789012" }}]
        "#
    ))
    .unwrap();
    let running = Fleet::start(&config, &StartOptions::default()).await.unwrap();
    let (stream, _) = head_end.accept().await.unwrap();
    let frame = Line::new(stream).frame().await;
    assert_eq!(parse(&frame), (0x93, vec![0x12, 0x90, 0x78, 0x56, 0x34, 0x12]));
    running.stop().await;
}

#[tokio::test]
async fn with_exact_timing_an_answer_takes_what_the_line_takes_and_the_log_says_so() {
    let running = start(&TCP.replace(
        "[[channel]]",
        "[[channel]]\nline = { baud = 9600, timing = \"exact\", wire_log = true, answer_wake_bytes = 0 }",
    ))
    .await;
    let mut line = Line::call(&running, "bus").await;
    let question = read("000000000001", 0x0001_FF00);
    let asked = Instant::now();
    let answer = line.ask(&question).await;
    let took = asked.elapsed();
    let [entry] = running.fleet().bus("bus").unwrap().wire()[..] else { panic!("one exchange") };
    let characters = |n: usize| u64::try_from(n).unwrap() * 11 * 1_000_000 / 9600;
    assert_eq!(entry.request_us, characters(question.len()));
    assert_eq!(entry.answer_us, characters(answer.len()));
    assert_eq!(entry.turnaround_us, 20_000);
    let limit = Duration::from_micros(entry.request_us + entry.turnaround_us + entry.answer_us);
    assert!(took >= limit, "{took:?} is faster than the line allows: {limit:?}");
    running.stop().await;
}

#[tokio::test]
async fn each_meter_thinks_its_own_time_before_each_answer_within_the_lines_bounds() {
    let line = "line = { baud = 100000, timing = \"exact\", turnaround_ms = [2, 9], wire_log = true }";
    let toml = TCP.replace("[[channel]]", &format!("[[channel]]\n{line}"));
    let mut runs = Vec::new();
    for _ in 0..2 {
        let running = start(&toml).await;
        let mut line = Line::call(&running, "bus").await;
        for n in 0..60 {
            line.ask(&read(&format!("{:012}", 1 + n % 3), 0x0001_0000)).await;
        }
        runs.push(
            running.fleet().bus("bus").unwrap().wire().iter().map(|entry| entry.turnaround_us).collect::<Vec<_>>(),
        );
        running.stop().await;
    }
    assert_eq!(runs[0], runs[1], "the seed decides");
    assert!(runs[0].iter().all(|us| (2_000..=9_000).contains(us)), "{:?}", runs[0]);
    let mean = |meter: usize| runs[0].iter().skip(meter).step_by(3).sum::<u64>() / 20;
    let means = [mean(0), mean(1), mean(2)];
    assert!(means.iter().max().unwrap() - means.iter().min().unwrap() > 200, "meters differ: {means:?}");
    assert!(runs[0].iter().skip(3).step_by(3).any(|us| *us != runs[0][0]), "and so do answers");
}

#[test]
fn some_of_a_group_are_dead_or_have_clocks_that_are_off_as_the_seed_decides() {
    let toml = TCP.replace("count = 3", "count = 1000, dead_permille = 30, clock_off_permille = 50");
    let off = || {
        let fleet = Fleet::build(&FleetConfig::parse(&toml).unwrap()).unwrap();
        let mut off = Vec::new();
        let now = fleet.started();
        fleet.buses()[0].for_each_meter(|meter| {
            let by = (meter.shows(now).0 - now.0).abs();
            if by >= 60_000 {
                assert!((360_000..=3_600_000).contains(&by), "{by} ms");
                off.push(meter.address());
            }
        });
        off
    };
    let found = off();
    assert!((30..70).contains(&found.len()), "{} clocks are off", found.len());
    assert_eq!(found, off());
}

#[tokio::test]
async fn a_dead_meter_of_a_group_is_silent() {
    let toml = TCP.replace("count = 3", "count = 200, dead_permille = 100");
    let running = start(&toml).await;
    let mut line = Line::call(&running, "bus").await;
    for n in 1..=200 {
        line.send(&read(&format!("{n:012}"), 0x0001_0000)).await;
        until(|| running.fleet().counts().questions == n).await;
    }
    let counts = running.fleet().counts();
    assert!((8..35).contains(&counts.unanswered), "{} of 200", counts.unanswered);
    assert_eq!(counts.good + counts.unanswered, 200);
    running.stop().await;
}

#[tokio::test]
async fn who_talks_while_a_meter_does_hears_neither_answer() {
    let running = start(
        &TCP.replace("[[channel]]", "[[channel]]\nline = { baud = 1200, timing = \"exact\", turnaround_ms = 0 }"),
    )
    .await;
    let mut line = Line::call(&running, "bus").await;
    line.send(&read("000000000001", 0x0001_FF00)).await;
    // The first bytes are out, so the meter is talking.
    line.bytes(1).await;
    line.send(&read("000000000002", 0x0001_0000)).await;
    until(|| running.fleet().counts().talked_over != 0).await;
    assert_eq!(running.fleet().counts().questions, 1, "the second was not heard");
    running.stop().await;
}

/// Whether some meter's frame is whole in these bytes.
fn holds_a_frame(bytes: &[u8]) -> bool {
    (0..bytes.len()).any(|from| (from..bytes.len()).any(|to| hes_dlt645::Frame::parse(&bytes[from..=to]).is_ok()))
}

#[tokio::test]
async fn callers_of_one_line_share_its_wire_and_destroy_what_they_talk_over() {
    let line = "[[channel]]\nline = { baud = 2400, timing = \"exact\", answer_wake_bytes = 0 }";
    let running = start(&TCP.replace("[[channel]]", line)).await;
    let mut one = Line::call(&running, "bus").await;
    let mut other = Line::call(&running, "bus").await;
    let answer_bytes = 20;
    one.send(&read("000000000001", 0x0001_0000)).await;
    until(|| running.fleet().counts().questions == 1).await;
    // Its bytes queue behind the first question, and are on the wire when the first answer is.
    other.send(&read("000000000002", 0x0001_0000)).await;
    assert!(!holds_a_frame(&one.bytes(answer_bytes).await), "it was talked over");
    let counts = running.fleet().counts();
    assert_eq!((counts.talked_over, counts.questions), (1, 1), "the second question was not heard");
    // One after the other, both are served.
    assert_eq!(other.ask(&read("000000000002", 0x0001_0000)).await[1], 2);
    assert_eq!(one.ask(&read("000000000001", 0x0001_0000)).await[1], 1);
    assert_eq!(running.fleet().counts().talked_over, 1);
    running.stop().await;
}

#[tokio::test]
async fn a_question_before_the_answer_to_another_has_begun_makes_two_meters_talk_at_once() {
    let line = "line = { baud = 9600, timing = \"exact\", turnaround_ms = 500, answer_wake_bytes = 0 }";
    let running = start(&TCP.replace("[[channel]]", &format!("[[channel]]\n{line}"))).await;
    let mut line = Line::call(&running, "bus").await;
    let both = [read("000000000001", 0x0001_FF00), read("000000000002", 0x0001_FF00)].concat();
    line.send(&both).await;
    assert!(!holds_a_frame(&line.bytes(2 * 36).await));
    let counts = running.fleet().counts();
    assert_eq!((counts.questions, counts.collisions, counts.talked_over), (2, 1, 0));
    assert_eq!(line.ask(&read("000000000003", 0x0001_0000)).await[1], 3, "then the wire is free");
    running.stop().await;
}

#[tokio::test]
async fn a_meter_told_another_speed_answers_as_fast_as_its_port_is_asked() {
    let line = "line = { timing = \"exact\", wire_log = true, answer_wake_bytes = 0 }";
    let running =
        start(&TCP.replace("\"tcp\"", "\"pty\"").replace("[[channel]]", &format!("[[channel]]\n{line}"))).await;
    let Endpoint::Serial { path } = &running.channel("bus").unwrap().endpoint else { panic!("a serial port") };
    let mut slow = Line::new(open(path, 2400));
    slow.ask(&request("000000000001", 0x17, &[0b0010_0000])).await;
    drop(slow);
    let question = read("000000000001", 0x0001_FF00);
    let answer = Line::new(open(path, 9600)).ask(&question).await;
    let [first, second] = running.fleet().bus("bus").unwrap().wire()[..] else { panic!("two exchanges") };
    let micros = |bytes: usize, baud: u64| u64::try_from(bytes).unwrap() * 11 * 1_000_000 / baud;
    assert_eq!(first.answer_us, micros(13, 2400), "the answer to the order is still slow");
    assert_eq!((second.request_us, second.answer_us), (micros(question.len(), 9600), micros(answer.len(), 9600)));

    let mut door = door(&running).await;
    assert_eq!(control(&mut door, json!({"op": "set_baud", "meter": "1", "baud": 2400})).await, json!({"ok": true}));
    assert_eq!(Line::new(open(path, 2400)).ask(&question).await[1], 1);
    running.stop().await;
}

#[tokio::test]
async fn the_back_door_tells_the_truth_of_any_time_and_forces_registers() {
    let running = start(TCP).await;
    let mut door = door(&running).await;
    assert_eq!(control(&mut door, json!({"op": "clock"})).await, json!({"now": "2026-11-20T10:00:00"}));
    let then = control(&mut door, json!({"op": "item", "meter": "1", "item": "00010000"})).await;
    let advanced = control(&mut door, json!({"op": "advance", "seconds": 86_400})).await;
    assert_eq!(advanced, json!({"now": "2026-11-21T10:00:00"}));
    let now = control(&mut door, json!({"op": "item", "meter": "1", "item": "00010000"})).await;
    assert_ne!(then, now);
    let at = json!({"op": "item", "meter": "1", "item": "00010000", "at": "2026-11-20T10:00:00"});
    assert_eq!(control(&mut door, at).await, then);

    let mut line = Line::call(&running, "bus").await;
    let set = json!({"op": "set_item", "meter": "1", "item": "00010000", "value": "1A2B3C4D"});
    assert_eq!(control(&mut door, set).await, json!({"ok": true}));
    let question = read("000000000001", 0x0001_0000);
    assert_eq!(parse(&line.ask(&question).await).1[4..], [0x1A, 0x2B, 0x3C, 0x4D]);
    control(&mut door, json!({"op": "clear_item", "meter": "1", "item": "00010000"})).await;
    assert_eq!(Value::String(master_hex(&parse(&line.ask(&question).await).1[4..])), now["value"]);

    let freeze = json!({"op": "set_freeze", "meter": "1", "item": "05060100", "day": "2026-11-20T00:00:00", "value": "0100000002000000"});
    control(&mut door, freeze).await;
    assert_eq!(parse(&line.ask(&read("000000000001", 0x0506_0102)).await).1[4..], [1, 0, 0, 0, 2, 0, 0, 0]);
    assert_ne!(parse(&line.ask(&read("000000000001", 0x0506_0101)).await).1[4..], [1, 0, 0, 0, 2, 0, 0, 0]);

    let jump = json!({"op": "set_counter", "meter": "1", "counter": "forward", "hundredths": 12_345});
    control(&mut door, jump).await;
    assert_eq!(number(&parse(&line.ask(&question).await).1[4..]), 12_345);
    running.stop().await;
}

fn master_hex(bytes: &[u8]) -> String {
    hes_sim::Hex(bytes.to_vec()).to_string()
}

#[tokio::test]
async fn the_back_door_counts_questions_so_that_a_test_can_prove_what_was_never_asked() {
    let running = start(TCP).await;
    let mut door = door(&running).await;
    let mut line = Line::call(&running, "bus").await;
    line.ask(&read("000000000001", 0x0001_0000)).await;
    line.ask(&read("000000000002", 0x0001_0000)).await;
    let trip = request("000000000002", 0x1C, &master::relay(0x1A, master::VALID));
    assert_eq!(parse(&line.ask(&trip).await), (0x9C, vec![]));
    assert_eq!(control(&mut door, json!({"op": "asked"})).await, json!({"asked": {"11": 2, "1C": 1}}));
    assert_eq!(control(&mut door, json!({"op": "asked", "meter": "1"})).await, json!({"asked": {"11": 1}}));
    let relay = control(&mut door, json!({"op": "relay", "meter": "2"})).await;
    assert_eq!(relay, json!({"relay": "open", "locked": false}));
    let allow = request("000000000002", 0x1C, &master::relay(0x1B, master::VALID));
    line.ask(&allow).await;
    assert_eq!(control(&mut door, json!({"op": "relay", "meter": "2"})).await["relay"], "armed");
    control(&mut door, json!({"op": "button", "meter": "2"})).await;
    assert_eq!(control(&mut door, json!({"op": "relay", "meter": "2"})).await["relay"], "closed");
    running.stop().await;
}

#[tokio::test]
async fn the_back_door_refuses_what_it_does_not_know_and_opens_on_loopback_only() {
    let running = start(TCP).await;
    let mut door = door(&running).await;
    for (request, why) in [
        (json!({"op": "explode"}), "not a request"),
        (json!({"op": "item", "meter": "77", "item": "00010000"}), "no meter 77"),
        (json!({"op": "counts", "channel": "x"}), "no channel x"),
        (json!({"op": "item", "meter": "1", "item": "B611"}), ""),
        (json!({"op": "item", "meter": "1", "item": "000100"}), "an item has 2 or 4 bytes, found 3"),
    ] {
        let answer = control(&mut door, request).await;
        if why.is_empty() {
            assert_eq!(answer, json!({"value": null}), "a two-byte item is none of a 2007 meter");
        } else {
            assert!(answer["error"].as_str().unwrap().contains(why), "{answer}");
        }
    }
    assert!(running.open_control("0.0.0.0:0".parse().unwrap()).await.is_err());
    running.stop().await;
}

#[tokio::test]
async fn the_back_door_refuses_what_would_do_nothing_or_harm() {
    let toml = TCP.replace("}]", "}, { count = 1, first_address = \"9\", protocol = \"1997\" }]")
        + "[[channel]]\nname = \"port\"\narea = \"A\"\ntransport = { kind = \"pty\" }\nmeters = [{ count = 1 }]";
    let running = start(&toml).await;
    let mut door = door(&running).await;
    let day = "2026-11-20T00:00:00";
    for (request, why) in [
        (
            json!({"op": "set_freeze", "meter": "1", "item": "00010000", "day": day, "value": "00"}),
            "no part of a daily freeze",
        ),
        (
            json!({"op": "set_freeze", "meter": "1", "item": "0506FF00", "day": day, "value": "00"}),
            "no part of a daily freeze",
        ),
        (
            json!({"op": "set_freeze", "meter": "9", "item": "05060100", "day": day, "value": "00"}),
            "an item of this meter has 2 bytes",
        ),
        (
            json!({"op": "set_item", "meter": "9", "item": "00010000", "value": "00"}),
            "an item of this meter has 2 bytes, found 4",
        ),
        (
            json!({"op": "set_item", "meter": "1", "item": "9010", "value": "00"}),
            "an item of this meter has 4 bytes, found 2",
        ),
        (json!({"op": "hang_up", "channel": "port"}), "no calls to hang up"),
        (json!({"op": "rates", "faults": {"silent": 1000, "late": 1000}}), "add up to 2000"),
        (
            json!({"op": "set_counter", "meter": "1", "counter": "forward", "hundredths": -1}),
            "expected 0 to 99999999, found -1",
        ),
        (json!({"op": "set_rate", "rate": -1.0}), "rate: expected 0 to 1000000"),
        (json!({"op": "set_drift", "meter": "1", "ppm": 1e9}), "ppm: expected"),
        (json!({"op": "set_baud", "meter": "1", "baud": 0}), "baud: expected"),
    ] {
        let answer = control(&mut door, request).await;
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(why)), "{why}: {answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn an_event_of_the_network_shows_in_its_count_its_record_and_its_status_bit() {
    let running = start(&TCP.replace("count = 3", "count = 1, phases = 3")).await;
    let mut door = door(&running).await;
    let mut line = Line::call(&running, "bus").await;
    let fleet = running.fleet();
    fleet.with_meter(1, |meter, now| meter.set_clock(now, now)).unwrap();
    let event =
        json!({"op": "event", "meter": "1", "kind": "loss_of_voltage", "phase": "b", "to": "2026-11-20T10:30:00"});
    assert_eq!(control(&mut door, event).await, json!({"ok": true}));
    let power_down = json!({"op": "event", "meter": "1", "kind": "power_down", "from": "2026-11-20T10:05:00", "to": "2026-11-20T10:06:00"});
    assert_eq!(control(&mut door, power_down).await, json!({"ok": true}));
    let mut item = async |di| parse(&line.ask(&read("000000000001", di)).await).1[4..].to_vec();
    let power_downs = number(&item(0x0311_0000).await);
    fleet.clock().advance(10 * 60 * 1000);
    assert_eq!(item(0x0301_0000).await, [[0; 6], [1, 0, 0, 0x10, 0, 0], [0; 6]].concat(), "times and minutes by phase");
    let begin = [0x00, 0x00, 0x10, 0x20, 0x11, 0x26];
    assert_eq!(item(0x0301_0201).await, [begin, [0; 6]].concat(), "it lasts");
    assert_eq!(item(0x0301_0101).await, [0; 12], "not on phase A");
    assert_eq!((item(0x0400_0504).await, item(0x0400_0505).await), (vec![0, 0], vec![1, 0]));
    assert_eq!(number(&item(0x0311_0000).await), power_downs + 1);
    assert_eq!(
        item(0x0311_0001).await,
        [[0, 0x05, 0x10, 0x20, 0x11, 0x26], [0, 0x06, 0x10, 0x20, 0x11, 0x26]].concat()
    );
    fleet.clock().advance(60 * 60 * 1000);
    assert_eq!(item(0x0301_0000).await[6..12], [1, 0, 0, 0x30, 0, 0]);
    assert_eq!(item(0x0301_0201).await, [begin, [0x00, 0x30, 0x10, 0x20, 0x11, 0x26]].concat());
    assert_eq!(item(0x0400_0505).await, [0, 0], "it is over");
    for (kind, phase, to, why) in [
        ("overload", json!(null), "2026-11-20T12:00:00", "expected a phase that the meter has"),
        ("power_down", json!("a"), "2026-11-20T12:00:00", "expected no phase"),
        ("overload", json!("a"), "2026-11-20T11:00:00", "ends before it begins"),
    ] {
        let refused = json!({"op": "event", "meter": "1", "kind": kind, "phase": phase, "to": to});
        let answer = control(&mut door, refused).await;
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(why)), "{answer}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_back_door_shuts_at_the_first_line_that_is_no_json() {
    let running = start(TCP).await;
    let mut door = door(&running).await;
    let page = b"POST / HTTP/1.1\r\nHost: x\r\n\r\n{\"op\":\"advance\",\"seconds\":900}\n";
    door.get_mut().write_all(page).await.unwrap();
    let mut said = String::new();
    // It may be closed while the page still sends, which the page's side calls a reset.
    drop(tokio::io::AsyncReadExt::read_to_string(&mut door, &mut said).await);
    assert!(said.lines().count() <= 1, "{said}");
    assert_eq!(running.fleet().clock().now(), running.fleet().started(), "nothing was done");
    running.stop().await;
}

#[tokio::test]
async fn a_dead_meter_and_a_dead_channel_stay_silent_until_revived() {
    let running = start(TCP).await;
    let mut door = door(&running).await;
    let mut line = Line::call(&running, "bus").await;
    let dead = json!({"op": "dead", "meter": "1", "dead": true});
    control(&mut door, dead).await;
    line.send(&read("000000000001", 0x0001_0000)).await;
    assert_eq!(line.ask(&read("000000000002", 0x0001_0000)).await[1], 2);
    control(&mut door, json!({"op": "dead_channel", "channel": "bus", "dead": true})).await;
    line.send(&read("000000000002", 0x0001_0000)).await;
    until(|| running.fleet().counts().unanswered >= 2).await;
    control(&mut door, json!({"op": "dead_channel", "channel": "bus", "dead": false})).await;
    assert_eq!(line.ask(&read("000000000002", 0x0001_0000)).await[1], 2);
    running.stop().await;
}

#[test]
fn the_program_says_when_it_answers_and_stops_cleanly_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fleet.toml");
    std::fs::write(&file, TCP.replace("\"tcp\"", "\"pty\"")).unwrap();
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_hes-sim"))
        .arg("run")
        .arg(&file)
        .args(["--control", "127.0.0.1:0"])
        .arg("--archive")
        .arg(folder.path())
        .arg("--ptys")
        .arg(folder.path().join("ports"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(program.stdout.take().unwrap()), &mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&ready["ready"], &ready["meters"]), (&json!(true), &json!(3)));
    assert!(ready["control"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(folder.path().join("ports/bus").is_symlink());
    let meters = std::fs::read_to_string(folder.path().join("meters.csv")).unwrap();
    assert_eq!(meters.lines().count(), 4);
    assert!(meters.contains("000000000002,dlt645-2007,000000000002,generic-2007,bus,A,"));
    let told = std::process::Command::new("kill").arg("-TERM").arg(program.id().to_string()).status().unwrap();
    assert!(told.success());
    assert!(program.wait().unwrap().success());
    assert!(!folder.path().join("ports/bus").is_symlink());
}

/// What the program says to these arguments and how it ends. It opens nothing, or fails to.
fn program(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_hes-sim"));
    let output = program.args(arguments).env("RUST_BACKTRACE", "1").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_program_checks_a_file_without_opening_anything_and_tells_what_is_wrong_in_one_line_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = write("good.toml", TCP.to_owned());
    let (code, said, _) = program(&["check", &good]);
    assert_eq!((code, said), (Some(0), format!("{good} is a good fleet: 3 meters on 1 channels\n")));
    let (_, said, _) = program(&["check", "--json", &good]);
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), json!({"ok": true, "channels": 1, "meters": 3}));

    let wrong = write("wrong.toml", TCP.replace("count = 3", "count = 3, phases = 2"));
    let expected =
        format!("{wrong} is not a usable fleet: channel \"bus\", meters[0].phases: expected 1 or 3, found 2");
    let twice = write("twice.toml", TCP.replace("}]", "}, { count = 1, first_address = \"2\" }]"));
    for command in ["check", "run"] {
        let (code, said, error) = program(&[command, &wrong]);
        assert_eq!((code, said.as_str(), error), (Some(2), "", format!("error: {expected}\n")));
        let (code, _, error) = program(&[command, &wrong, "--json"]);
        assert_eq!((code, serde_json::from_str(&error).unwrap()), (Some(2), json!({ "error": expected })));
        let (code, _, error) = program(&[command, &twice]);
        assert!(code == Some(2) && error.starts_with(&format!("error: {twice} is not a usable fleet: ")), "{error}");
        assert_eq!(program(&[command, "/nowhere.toml"]).0, Some(2));
    }

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    let busy = write("busy.toml", TCP.replace("kind = \"tcp\"", &format!("kind = \"tcp\", listen = \"{at}\"")));
    let (code, _, error) = program(&["run", &busy]);
    assert_eq!(code, Some(1), "the file is good");
    assert!(error.lines().count() == 1 && error.contains(&at.to_string()), "{error}");
}

#[tokio::test]
async fn what_was_opened_is_closed_when_a_later_transport_cannot_be_and_when_the_fleet_is_dropped() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (free, busy) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), taken.local_addr().unwrap());
    let at = free.local_addr().unwrap();
    drop(free);
    let channel = |name: &str, at, first| {
        format!(
            "[[channel]]\nname = \"{name}\"\narea = \"A\"\ntransport = {{ kind = \"tcp\", listen = \"{at}\" }}\n\
             meters = [{{ count = 1, first_address = \"{first}\" }}]\n"
        )
    };
    let good = FleetConfig::parse(&channel("a", at, "1")).unwrap();
    let half = FleetConfig::parse(&(channel("a", at, "1") + &channel("b", busy, "2"))).unwrap();
    assert!(Fleet::start(&half, &StartOptions::default()).await.is_err());
    let free_again = async || {
        while TcpListener::bind(at).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), free_again()).await.expect("the first is closed");
    drop(Fleet::start(&good, &StartOptions::default()).await.unwrap());
    tokio::time::timeout(Duration::from_secs(10), free_again()).await.expect("it is closed");
}

#[test]
fn a_wrong_fleet_file_is_refused_with_what_is_wrong() {
    let parse = |toml: String| FleetConfig::parse(&toml).and_then(|config| Fleet::build(&config).map(|_| ()));
    assert!(matches!(parse(TCP.replace("area", "arae")), Err(ConfigError::Syntax(_))));
    assert!(matches!(parse(TCP.replace("\"1\"", "\"12A\"")), Err(ConfigError::Address { .. })));
    assert!(matches!(
        parse(TCP.replace("[[channel]]", "[[channel]]\nfaults = { silent = 999, late = 2 }")),
        Err(ConfigError::Faults { total: 1001, .. })
    ));
    assert!(matches!(parse(TCP.replace("[[channel]]", "[[channel]]\nrepeat = 2")), Err(ConfigError::Value { .. })));
    assert!(matches!(parse(format!("{TCP}\n[[meter]]\naddress = \"4\"")), Err(ConfigError::NoSuchMeter { .. })));
    assert!(parse(TCP.to_owned()).is_ok());
}

/// What a fleet file is refused with.
fn refusal(toml: &str) -> String {
    let built = FleetConfig::parse(toml).and_then(|config| Fleet::build(&config).map(|_| ()));
    built.expect_err(toml).to_string()
}

#[test]
fn an_address_names_one_meter_of_the_fleet_and_a_name_one_channel() {
    let channel = |name: &str, first: &str, more: &str| {
        format!(
            "[[channel]]\nname = \"{name}\"\narea = \"A\"\ntransport = {{ kind = \"tcp\" }}\n{more}\n\
             meters = [{{ count = 3, first_address = \"{first}\" }}]\n"
        )
    };
    let twice = channel("a", "1", "") + &channel("b", "3", "");
    let said = refusal(&twice);
    assert!(said.contains("000000000003") && said.contains("channel \"a\", meters[0]"), "{said}");
    assert!(said.contains("channel \"b\", meters[0]") && said.contains("shared = true"), "{said}");
    let groups = TCP.replace("}]", "}, { count = 1, first_address = \"2\" }]");
    assert!(refusal(&groups).contains("meters[0] and in channel \"bus\", meters[1]"), "{}", refusal(&groups));
    assert!(refusal(&(channel("a", "1", "") + &channel("a", "4", ""))).contains("channel \"a\" is there twice"));
    let last = channel("a", "999999999998", "");
    assert_eq!(
        refusal(&last),
        "channel \"a\", meters[0]: expected at most 1 meters from its first address to the last, 999999999998, found 3"
    );
    assert!(Fleet::build(&FleetConfig::parse(&last.replace("count = 3", "count = 1")).unwrap()).is_ok());
    let exceptions = format!("{TCP}\n[[meter]]\naddress = \"1\"\n[[meter]]\naddress = \"000000000001\"\ndead = true");
    assert!(refusal(&exceptions).contains("two [[meter]]"), "{}", refusal(&exceptions));
    for empty in ["", "channel = []", &channel("a", "1", "").replace("count = 3", "count = 0")] {
        assert!(refusal(empty).contains("no meters"), "{}", refusal(empty));
    }
}

#[test]
fn a_value_that_would_be_bent_is_refused_with_where_it_stands_and_what_is_expected() {
    for (from, to, said) in [
        ("rate = 0.0", "rate = -5.0", "clock.rate: expected 0 to 1000000, found -5"),
        ("rate = 0.0", "rate = nan", "clock.rate: expected 0 to 1000000, found NaN"),
        ("rate = 0.0", "utc_offset_minutes = 999999999", "clock.utc_offset_minutes: expected -1080 to 1080"),
        ("[[channel]]", "[[channel]]\nrepeat = 0", "channel \"bus\", repeat: expected 1 to 4294967295, found 0"),
        (
            "[[channel]]",
            "[[channel]]\nline = { baud = 0 }",
            "channel \"bus\", line.baud: expected 1 to 10000000, found 0",
        ),
        ("[[channel]]", "[[channel]]\nline = { answer_wake_bytes = 200 }", "line.answer_wake_bytes: expected 0 to 16"),
        (
            "[[channel]]",
            "[[channel]]\nfaults = { echo = 600, late = 600 }",
            "add up to 1200 of a thousand answers, expected at most 1000",
        ),
        ("count = 3", "count = 3, phases = 2", "channel \"bus\", meters[0].phases: expected 1 or 3, found 2"),
        ("count = 3", "count = 3, max_data_bytes = 255", "meters[0].max_data_bytes: expected 16 to 200, found 255"),
        (
            "first_address = \"1\"",
            "first_address = \"12x\"",
            "channel \"bus\", meters[0].first_address: \"12x\" is not",
        ),
    ] {
        let refused = refusal(&TCP.replace(from, to));
        assert!(refused.contains(said), "{to}: {refused}");
    }
    let name = TCP.replace("\"tcp\"", "\"pty\"").replace("\"bus\"", "\"bus/1\"");
    assert_eq!(refusal(&name), "channel \"bus/1\", name: expected the name of a file, without /, found \"bus/1\"");
    for (key, said) in [
        ("start_kwh = 1000000", "meter[0].start_kwh (meter 1): expected 0 to 999999, found 1000000"),
        ("drift_ppm = 1e12", "meter[0].drift_ppm (meter 1): expected -100000 to 100000"),
        ("clock_offset_s = inf", "meter[0].clock_offset_s (meter 1): expected"),
        ("relay_delay_ms = -1", "meter[0].relay_delay_ms (meter 1): expected 0 to"),
    ] {
        let refused = refusal(&format!("{TCP}\n[[meter]]\naddress = \"1\"\n{key}"));
        assert!(refused.contains(said), "{key}: {refused}");
    }
    assert!(refusal(&format!("{TCP}\n[[meter]]\naddress = \"12x\"")).contains("meter[0].address"));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let config =
        FleetConfig::parse(&TCP.replace("kind = \"tcp\"", &format!("kind = \"tcp\", listen = \"{at}\""))).unwrap();
    let refused = Fleet::start(&config, &StartOptions::default()).await.unwrap_err().to_string();
    assert_eq!(refused, format!("channel \"bus\": cannot open a serial server at {at}"));
}

#[test]
fn the_fleets_that_come_with_the_project_are_well_formed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/fleets");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let config = hes_sim::load(&file.unwrap().path()).unwrap();
        Fleet::build(&config).unwrap();
        seen += 1;
    }
    assert!(seen >= 2);
}

/// The keys a table of the fleet file may have, as the program itself lists them.
fn keys(toml: &str) -> Vec<String> {
    let refused = toml::from_str::<FleetConfig>(toml).unwrap_err().to_string();
    let (_, listed) = refused.split_once("expected").unwrap_or_else(|| panic!("{refused}"));
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_annotated_fleet_shows_every_key_there_is() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/fleets/every-key.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut seen = 0;
    for table in [
        "no_key = 1",
        "clock = { no_key = 1 }",
        "[[area]]\nno_key = 1",
        "[[channel]]\nno_key = 1",
        "[[channel]]\nname = \"a\"\nline = { no_key = 1 }",
        "[[channel]]\nname = \"a\"\nfaults = { no_key = 1 }",
        "[[channel]]\nname = \"a\"\ntransport = { kind = \"tcp\", no_key = 1 }",
        "[[channel]]\nname = \"a\"\ntransport = { kind = \"dial_in\", no_key = 1 }",
        "[[channel]]\nname = \"a\"\nmeters = [{ no_key = 1 }]",
        "[[meter]]\nno_key = 1",
    ] {
        for key in keys(table) {
            seen += 1;
            let shown = text.lines().any(|line| {
                let line = line.split('#').next().unwrap_or_default();
                let named = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
                let assigned = |at: usize| line[at + key.len()..].trim_start().starts_with('=');
                line.match_indices(&key).any(|(at, _)| named(at) && assigned(at))
                    || matches!(line.trim().trim_matches(['[', ']']).rsplit('.').next(), Some(last) if last == key)
            });
            assert!(shown, "{key} of {table:?}");
        }
    }
    assert!(seen > 50, "{seen} keys");
}

#[test]
fn the_demo_has_four_hundred_meters_in_eight_areas_on_three_kinds_of_transport() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/fleets/demo.toml");
    let fleet = Fleet::build(&hes_sim::load(&path).unwrap()).unwrap();
    let mut meters = 0;
    for bus in fleet.buses() {
        bus.for_each_meter(|_| meters += 1);
    }
    assert_eq!((meters, fleet.areas().len()), (400, 8));
}

#[test]
fn a_fleet_that_follows_the_wall_has_counted_and_latched_the_same_after_a_restart() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/fleets");
    let demo = hes_sim::load(&folder.join("demo.toml")).unwrap();
    let now = Fleet::build(&demo).unwrap().started();
    let told = || {
        let fleet = Fleet::build(&demo).unwrap();
        let mut told = Vec::new();
        for bus in fleet.buses() {
            bus.for_each_meter(|meter| {
                let frozen = 0x0506_0100..=0x0506_013E;
                told.extend(
                    frozen.chain([0x0001_0000, 0x9010]).map(|item| (meter.address(), item, meter.item(item, now))),
                );
            });
        }
        told
    };
    let first = told();
    // Later than before: the second start sees another instant.
    assert_eq!(first, told());
}

#[tokio::test]
async fn quirks_a_replacement_and_a_shared_address_come_from_the_fleet_file() {
    let running = start(
        r#"
        clock = { start = "2026-11-20T10:00:00", rate = 0.0 }
        [[channel]]
        name = "bus"
        area = "A"
        transport = { kind = "tcp" }
        meters = [
          { count = 3, first_address = "1" },
          { count = 1, first_address = "11", quirk = "no_blocks" },
          { count = 1, first_address = "12", quirk = "answers_from_wildcard" },
        ]
        [[meter]]
        address = "1"
        replaced = "2026-11-20T12:00:00"
        [[meter]]
        address = "2"
        shared = true
        "#,
    )
    .await;
    let mut line = Line::call(&running, "bus").await;
    assert_eq!(parse(&line.ask(&read("000000000011", 0x0001_FF00)).await), (0xD1, vec![0x02]));
    assert_eq!(parse(&line.ask(&read("000000000011", 0x0001_0000)).await).0, 0x91);
    assert_eq!(line.ask(&read("000000000012", 0x0001_0000)).await[1..7], [0xAA; 6]);

    let question = read("000000000001", 0x0001_0000);
    assert!(number(&parse(&line.ask(&question).await).1[4..]) > 0);
    running.fleet().clock().advance(3 * 60 * 60 * 1000);
    assert!(number(&parse(&line.ask(&question).await).1[4..]) < 1_000, "an hour old");

    line.send(&read("000000000002", 0x0001_0000)).await;
    line.ask(&read("000000000003", 0x0001_0000)).await;
    assert_eq!(running.fleet().counts().collisions, 1);
    running.stop().await;
}
