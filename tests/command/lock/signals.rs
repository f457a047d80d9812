//! Signals to the client are passed on to the command, once each.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::pid;
use crate::fixtures::fake_agent::FakeAgent;
use crate::fixtures::processes::{is_alive, signal, wait_for_end};
use crate::fixtures::turno::TURNO;

/// Prints each signal that it gets, and ends with 3 on SIGTERM.
const PRINTS_SIGNALS: &str = r#"
    for s in HUP INT QUIT ALRM USR1 USR2; do trap "echo got $s" $s; done
    sleep 1000 & s=$!
    trap 'kill $s; echo got TERM; exit 3' TERM
    echo supervisor $PPID
    echo ready
    while :; do wait $s; done"#;

#[test]
fn a_signal_to_the_client_reaches_the_command_once() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&[], PRINTS_SIGNALS);
    program.wait_for("ready");
    let all = [
        (Signal::HUP, "HUP"),
        (Signal::INT, "INT"),
        (Signal::QUIT, "QUIT"),
        (Signal::ALARM, "ALRM"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::TERM, "TERM"),
    ];
    for (number, name) in all {
        program.signal(number);
        program.wait_for(&format!("got {name}"));
    }
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(3));
    let got = lines.iter().filter(|line| line.starts_with("got "));
    assert_eq!(got.count(), all.len(), "{lines:?}");
}

#[test]
fn a_signal_to_the_supervisor_does_not_reach_the_command() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&[], PRINTS_SIGNALS);
    let supervisor = pid(&program, "supervisor");
    program.wait_for("ready");
    for other in [Signal::HUP, Signal::USR1, Signal::TERM, Signal::TSTP] {
        signal(supervisor, other);
    }
    program.signal(Signal::USR2);
    program.wait_for("got USR2");
    program.signal(Signal::TERM);
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(3));
    let got: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("got "))
        .collect();
    assert_eq!(got, ["got USR2", "got TERM"]);
}

#[test]
fn the_exit_code_names_the_signal_that_ended_the_command() {
    let agent = FakeAgent::start();
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::USR1, 138)] {
        let (program, mut client) = agent.lock_and_run(&[], "echo ready; exec sleep 1000");
        program.wait_for("ready");
        program.signal(number);
        client.release();
        assert_eq!(program.finish().0.code(), Some(code));
    }
}

#[test]
fn an_ignored_signal_stays_ignored() {
    let agent = FakeAgent::start();
    let socket = agent.socket();
    // nohup ignores SIGHUP; another parent may ignore SIGCHLD.
    let script = format!(
        "trap '' HUP CHLD; exec {TURNO} lock --socket {socket} test grep SigIgn /proc/self/status"
    );
    let sh = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let child = sh(&script);
    let mut client = agent.accept();
    client.grant();
    client.release();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let without = sh("trap '' HUP; exec grep SigIgn /proc/self/status");
    let without = without.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout),
        String::from_utf8(without.stdout)
    );
}

/// A process inherits the signals that its parent blocks, also over an exec.
#[test]
fn with_sigchld_blocked_the_end_of_a_command_is_noticed() {
    let agent = FakeAgent::start();
    let mut command = Command::new("env");
    command.args(["--block-signal=CHLD", TURNO]);
    command.args(agent.arguments(&["test", "sh", "-c", "sleep 0.1; exit 3"]));
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut client = agent.accept();
    client.grant();
    client.release();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn a_signal_while_the_command_starts_is_not_lost() {
    let agent = FakeAgent::start();
    for _ in 0..20 {
        let program = agent.lock(&["test", "sh", "-c", "echo command $$; exec sleep 1000"]);
        let mut client = agent.accept();
        client.grant();
        program.signal(Signal::TERM);
        client.wait_until_unlocked();
        client.close();
        let (status, lines) = program.finish();
        let code = status.code();
        // The signal ended the client before it read `go`, or the command.
        assert!(code == Some(143) || code.is_none(), "{status}: {lines:?}");
        if let Some(line) = lines.first() {
            wait_for_end(line.rsplit(' ').next().unwrap().parse().unwrap());
        }
    }
}

#[test]
fn a_signal_ends_a_waiting_client() {
    let agent = FakeAgent::start();
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        use std::os::unix::process::ExitStatusExt;
        let program = agent.lock(&["test", "true"]);
        let mut client = agent.accept();
        client.receive();
        program.signal(number);
        client.wait_for_disconnect();
        assert_eq!(program.finish().0.signal(), Some(number.as_raw()));
    }
}

#[test]
fn a_command_in_a_session_of_its_own_gets_signals_too() {
    let agent = FakeAgent::start();
    let script = "exec setsid sh -c 'echo command $$; exec sleep 1000'";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let command = pid(&program, "command");
    assert!(is_alive(command));
    program.signal(Signal::TERM);
    client.release();
    assert_eq!(program.finish().0.code(), Some(143));
}
