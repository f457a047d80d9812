//! `turno shared` as a program.

mod support;

use std::net::UdpSocket;

use rustix::process::Signal;
use support::Program;

/// A critical section, and a socket that speaks to it.
fn section() -> (Program, UdpSocket) {
    let shared = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    holder.connect(shared.listens_at()).unwrap();
    (shared, holder)
}

#[test]
fn it_prints_what_holders_say_and_refuses_who_comes_too_late() {
    let (shared, holder) = section();
    for (datagram, line) in [
        (
            "cs<5,1>(interaction with cs begins)",
            "[PID: 1, Clock: 5] interaction with cs begins",
        ),
        (
            "cs<5,1>(interaction with cs ends)",
            "[PID: 1, Clock: 5] interaction with cs ends",
        ),
        (
            "cs<8,2>(interaction with cs begins)",
            "[PID: 2, Clock: 8] interaction with cs begins",
        ),
        (
            "cs<7,1>(a late write)",
            "refused, stale: process 2 was admitted with clock 8: [PID: 1, Clock: 7] a late write",
        ),
        (
            "cs<8,1>(a tie)",
            "refused, stale: process 2 was admitted with clock 8: [PID: 1, Clock: 8] a tie",
        ),
        (
            "cs<9,2>(interaction with cs ends)",
            "[PID: 2, Clock: 9] interaction with cs ends",
        ),
    ] {
        holder.send(datagram.as_bytes()).unwrap();
        shared.wait_for(line);
    }
    let lines = shared.terminate();
    assert_eq!(
        lines[lines.len() - 6..],
        [
            "",
            "entries 2",
            "holders 1 (1), 2 (1)",
            "refused 2",
            "undecodable 0",
            "overlaps 0"
        ]
    );
}

#[test]
fn rubbish_gets_one_clear_line_and_changes_nothing() {
    let (shared, holder) = section();
    for (datagram, line) in [
        (&b""[..], "undecodable, it is empty: \"\""),
        (
            b"cs<5,1>",
            "undecodable, what follows its head is not (text): \"cs<5,1>\"",
        ),
        (
            b"req<5,1>",
            "undecodable, it is for a process, not for the critical section: \"req<5,1>\"",
        ),
        (
            b"cs<18446744073709551615,1>(x)",
            "undecodable, its clock is larger than 2^63 - 1: ",
        ),
        (
            b"cs<9223372036854775807,1>(x)",
            "refused, its clock is higher than any group can have reached: ",
        ),
        (b"cs<5,1>(\x1b[2J\xff)", r"[PID: 1, Clock: 5] \u{1b}[2J\xff"),
    ] {
        holder.send(datagram).unwrap();
        let line = shared.wait_for(line);
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    holder.send(&[b'c'; 65_507]).unwrap();
    shared.wait_for("(65507 bytes in all)");
    holder.send(b"cs<6,2>(interaction with cs begins)").unwrap();
    shared.wait_for("[PID: 2, Clock: 6] interaction with cs begins");
    let lines = shared.terminate();
    for line in ["entries 1", "holders 2 (1)", "refused 1", "undecodable 5"] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
}

#[test]
fn an_overlap_is_said() {
    let (shared, holder) = section();
    holder.send(b"cs<5,1>(interaction with cs begins)").unwrap();
    holder.send(b"cs<8,2>(interaction with cs begins)").unwrap();
    shared.wait_for("overlap: process 1 has not said that it left");
    assert!(shared.terminate().contains(&"overlaps 1".to_owned()));
}

#[test]
fn control_c_ends_it_with_a_summary_too() {
    let (shared, _) = section();
    shared.signal(Signal::INT);
    let (status, lines) = shared.finish();
    assert_eq!(status.code(), Some(0));
    assert!(lines.contains(&"holders none".to_owned()));
}

#[test]
fn a_port_in_use_is_said_plainly() {
    let (shared, _holder) = section();
    let address = shared.listens_at();
    let second = Program::start("second", &["shared", "--listen", &address]);
    let (status, lines) = second.finish();
    assert_eq!(status.code(), Some(1));
    let expected = format!(
        "turno: cannot listen at {address}: the port is in use, perhaps by a turno that is still running"
    );
    assert_eq!(lines, [expected]);
}
