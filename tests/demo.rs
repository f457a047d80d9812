//! `scripts/demo.sh`, as a stranger starts it.

mod support;

use std::io::Write;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::tmux::Terminal;
use support::{PATIENCE, Ports};

/// The script, on ports of its own.
fn demo(arguments: &[&str], ports: &Ports) -> Command {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh"));
    command
        .args(arguments)
        .env("TURNO_PORT", ports.iter().next().unwrap().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Every UDP port of the demo can be bound again: nobody is left behind.
fn nobody_is_left(ports: &Ports) {
    let deadline = Instant::now() + PATIENCE;
    for port in ports.iter() {
        // A terminal that goes away tells its process so, and does not wait.
        while UdpSocket::bind(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "a process was left behind");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_three_cases_play_unattended_and_end_in_order() {
    let ports = Ports::in_a_row(4);
    let output = demo(&["--cases"], &ports).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let orders: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("The order: "))
        .collect();
    assert!(
        [
            "The order: process 1 at clock 5, then process 2 at clock 7.",
            "The order: process 1 at clock 5, then process 2 at clock 8.",
        ]
        .contains(&orders[0]),
        "{text}"
    );
    assert_eq!(
        orders[1..],
        [
            "The order: process 1 at clock 5, then process 2 at clock 7.",
            "The order: process 1 at clock 5, then process 2 at clock 8, then process 3 at clock 9.",
        ],
        "{text}"
    );
    nobody_is_left(&ports);
}

#[test]
fn without_a_terminal_all_share_the_output() {
    let ports = Ports::in_a_row(3);
    let mut child = demo(&["2"], &ports).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"1 x\n2 2\n7 x\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for wanted in [
        "1| x: req<",
        "2| tick, clock ",
        "There is no process '7': type its number and x, as in '1 x'.",
        "cs| refused 0",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    nobody_is_left(&ports);
}

#[test]
fn in_tmux_each_has_a_pane_and_leaving_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let ports = Ports::in_a_row(4);
    let first = ports.iter().next().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh");
    terminal.run(&format!(
        "TURNO_PORT={first} {script} --in tmux; echo left: $?"
    ));
    terminal.wait_until("three processes", |picture| {
        picture.matches("FREE").count() == 3 && picture.contains("critical section at")
    });
    terminal.keys(&["x"]);
    terminal.wait_for("HELD");
    terminal.keys(&["F10"]);
    terminal.wait_for("left: 0");
    nobody_is_left(&ports);
}

#[test]
fn wrong_arguments_are_refused() {
    for arguments in [&["0"][..], &["many"], &["--in", "space"], &["--in"]] {
        let output = demo(arguments, &Ports::reserve(1)).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
