//! `turno shared` as a program.

use std::net::UdpSocket;

use crate::fixtures::program::Program;
use rustix::process::Signal;

/// Starts a critical section, and opens a socket that is connected to it.
fn section() -> (Program, UdpSocket) {
    let section = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    holder.connect(section.section_address()).unwrap();
    (section, holder)
}

#[test]
fn it_prints_the_messages_of_holders_and_refuses_those_that_come_too_late() {
    let (section, holder) = section();
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
        section.wait_for(line);
    }
    let lines = section.terminate();
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
fn a_malformed_datagram_is_reported_in_one_line_and_changes_nothing() {
    let (section, holder) = section();
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
        let line = section.wait_for(line);
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    holder.send(&[b'c'; 65_507]).unwrap();
    section.wait_for("(65507 bytes in all)");
    holder.send(b"cs<6,2>(interaction with cs begins)").unwrap();
    section.wait_for("[PID: 2, Clock: 6] interaction with cs begins");
    let lines = section.terminate();
    for line in ["entries 1", "holders 2 (1)", "refused 1", "undecodable 5"] {
        assert!(lines.contains(&line.to_owned()), "{line}: {lines:#?}");
    }
}

#[test]
fn an_overlap_is_reported() {
    let (section, holder) = section();
    holder.send(b"cs<5,1>(interaction with cs begins)").unwrap();
    holder.send(b"cs<8,2>(interaction with cs begins)").unwrap();
    section.wait_for("overlap: process 1 has not said that it left");
    assert!(section.terminate().contains(&"overlaps 1".to_owned()));
}

#[test]
fn on_ctrl_c_it_ends_with_a_summary_too() {
    let (section, _) = section();
    section.signal(Signal::INT);
    let (status, lines) = section.finish();
    assert_eq!(status.code(), Some(0));
    assert!(lines.contains(&"holders none".to_owned()));
}

#[test]
fn a_port_in_use_is_reported() {
    let (section, _holder) = section();
    let address = section.section_address();
    let second = Program::start("second", &["shared", "--listen", &address]);
    let (status, lines) = second.finish();
    assert_eq!(status.code(), Some(1));
    let expected = format!(
        "turno: cannot listen at {address}: the port is in use, perhaps by a turno that is still running"
    );
    assert_eq!(lines, [expected]);
}
