use std::net::TcpListener;

use crate::program::{hes, run};

/// DL/T 645-2007: a trip, a write, a broadcast time, a freeze, a demand clear; published frames and their like.
const ACTING: [&str; 3] = [
    "68611001301215681C10356A3935343333334D333333336345CC2C16",
    "68FFFFFFFFFFFF68140D3433FF37353333334444444444AA16",
    "6899999999999968080684554338394A4B16",
];

/// A port that counts who connects: nothing may be opened for a frame that is not sent.
fn untouched(line: impl FnOnce(&str)) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket that does not block");
    let target = format!("tcp:{}", listener.local_addr().expect("a bound socket has an address"));
    line(&target);
    let error = listener.accept().expect_err("somebody connected");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_frame_that_acts_is_refused_before_the_line_is_opened() {
    untouched(|target| {
        for frame in ACTING {
            let ran = run(&mut hes(&["raw", "--direct", target, frame]));
            assert_eq!(ran.code, 1, "{frame}");
            assert!(ran.stderr.contains("not sent") && ran.stderr.contains("only 11, 12 and 13"), "{}", ran.stderr);
        }
    });
}

#[test]
fn a_frame_that_acts_hidden_behind_a_reading_one_is_refused() {
    untouched(|target| {
        let behind = format!("68AAAAAAAAAAAA681300DF16{}", ACTING[0]);
        let ran = run(&mut hes(&["raw", "--direct", target, &behind]));
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("not sent"), "{}", ran.stderr);
    });
}

#[test]
fn the_reading_codes_of_the_other_edition_need_to_be_asked_for() {
    untouched(|target| {
        let of_1997 = "6812907856341268010243C38F16";
        let ran = run(&mut hes(&["raw", "--direct", target, of_1997]));
        assert_eq!(ran.code, 1);
        let security_of_2007 = "68AAAAAAAAAAAA680300CF16";
        assert_eq!(run(&mut hes(&["raw", "--direct", target, security_of_2007])).code, 1);
    });
}

#[test]
fn what_is_no_frame_or_no_line_is_a_usage_error_or_a_refusal() {
    untouched(|target| {
        assert_eq!(run(&mut hes(&["raw", "--direct", target, "68XY"])).code, 2);
        assert_eq!(run(&mut hes(&["raw", "--direct", target, "6868"])).code, 1);
    });
    assert_eq!(run(&mut hes(&["raw", "--direct", "usb:1", "68AAAAAAAAAAAA681300DF16"])).code, 2);
    assert_eq!(run(&mut hes(&["raw", "68AAAAAAAAAAAA681300DF16"])).code, 2);
}
