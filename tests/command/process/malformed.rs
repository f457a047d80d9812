//! Malformed datagrams.

use std::net::UdpSocket;
use std::time::Instant;

use rustix::process::Signal;

use crate::fixtures::group::Group;

#[test]
fn a_malformed_datagram_is_reported_in_one_line_and_does_not_move_the_clock() {
    let huge = [&b"req<5,2>{"[..], &[b'a'; 65_000]].concat();
    let malformed: Vec<(&[u8], &str)> = vec![
        (b"", "dropped, it is empty, clock 1: \"\""),
        (
            b"req<5",
            "dropped, its head is not kind<clock,id>, clock 1: \"req<5\"",
        ),
        (
            &huge,
            "dropped, what follows its head is not a turno tail, clock 1: \"req<5,2>{aaa",
        ),
        (
            b"\x00\xff\xfe",
            r#"dropped, it does not begin with req<, reply< or cs<, clock 1: "\0\xff\xfe""#,
        ),
        (
            b"\x1b]0;owned\x07\x1b[2J",
            r#"dropped, it does not begin with req<, reply< or cs<, clock 1: "\u{1b}]0;owned\u{7}\u{1b}[2J""#,
        ),
        (
            b"req<5,2>{\x1b[2J}",
            r#"dropped, what follows its head is not a turno tail, clock 1: "req<5,2>{\u{1b}[2J}""#,
        ),
        (
            b"req<5,1>",
            "dropped, id 1 is our own, clock 1: \"req<5,1>\"",
        ),
        (
            b"req<5,3>",
            "dropped, id 3 is no member's, clock 1: \"req<5,3>\"",
        ),
        (
            b"req<5,0>",
            "dropped, id 0 is no member's, clock 1: \"req<5,0>\"",
        ),
        (
            b"req<5,70000>",
            "dropped, its id is larger than 65535, clock 1: \"req<5,70000>\"",
        ),
        (
            b"req<18446744073709551615,2>",
            "dropped, its clock is larger than 2^63 - 1, clock 1: \"req<18446744073709551615,2>\"",
        ),
        (
            b"req<123456789012345678901234567890,2>",
            "dropped, its clock is larger than 2^63 - 1, clock 1: ",
        ),
        (
            b"req<9223372036854775807,2>",
            "req<9223372036854775807,2> received, clock 1: too far ahead to be believed, 2 is asked",
        ),
        (
            b"reply<5,2>",
            "dropped, it does not say which request it answers, clock 1: \"reply<5,2>\"",
        ),
        (
            b"cs<5,2>(hello)",
            "dropped, it is for the critical section, not for a process, clock 1: \"cs<5,2>(hello)\"",
        ),
    ];
    // Fewer at a time than a node reports in a second.
    for datagrams in malformed.chunks(8) {
        get_one_line_each(datagrams);
    }
}

/// Checks that each datagram gets the line beside it, and that the clock stays at 1.
fn get_one_line_each(datagrams: &[(&[u8], &str)]) {
    let group = Group::of(2);
    let mut process = group.process(1, "0s");
    process.wait_for("listens at");
    let outsider = UdpSocket::bind("127.0.0.1:0").unwrap();
    let source = outsider.local_addr().unwrap();
    let own = format!("127.0.0.1{}", group.addresses[0]);
    let already = process.lines().len();
    for (bytes, expected) in datagrams {
        outsider.send_to(bytes, &own).unwrap();
        let line = process.wait_for(expected);
        if line.starts_with("dropped") {
            assert!(line.ends_with(&format!(" from {source}")), "{line}");
        }
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.len() < 400, "{line}");
    }
    process.send_line("1");
    process.wait_for("tick, clock 2");
    assert_eq!(process.lines().len(), already + datagrams.len() + 1);
}

#[test]
fn a_flood_is_counted_by_cause_and_reported_in_a_few_lines() {
    let group = Group::of(1);
    let process = group.process(1, "0s");
    process.wait_for("listens at");
    let outsider = UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = format!("127.0.0.1{}", group.addresses[0]);
    let began = Instant::now();
    for _ in 0..40 {
        outsider.send_to(b"malformed", &own).unwrap();
        outsider.send_to(b"cs<5,2>(hello)", &own).unwrap();
    }
    process.wait_for(" more");
    process.signal(Signal::USR1);
    process.wait_for("dropped so far: for the critical section 40, malformed 40");
    // Ten lines a second, of which the first and the last may be cut off.
    let max = (began.elapsed().as_secs() + 2) * 10;
    let reported = process.count("dropped, ") as u64;
    assert!(reported <= max, "{reported} were reported, and not {max}");
}
