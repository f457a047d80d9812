//! Signals are passed on, once each.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::pid;
use super::support::stand_in::{StandIn, has_ended, is_alive, signal};

/// Says of each signal that it has come, and ends with 3 on SIGTERM.
const SAYS: &str = r#"
    for s in HUP INT QUIT ALRM USR1 USR2; do trap "echo got $s" $s; done
    sleep 1000 & s=$!
    trap 'kill $s; echo got TERM; exit 3' TERM
    echo supervisor $PPID
    echo ready
    while :; do wait $s; done"#;

#[test]
fn what_is_sent_to_the_client_comes_to_the_command_once() {
    let agent = StandIn::start();
    let (program, mut client) = agent.lock_and_run(&[], SAYS);
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
    client.releases();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(3));
    let got = lines.iter().filter(|line| line.starts_with("got "));
    assert_eq!(got.count(), all.len(), "{lines:?}");
}

#[test]
fn the_supervisor_is_no_way_to_the_command() {
    let agent = StandIn::start();
    let (program, mut client) = agent.lock_and_run(&[], SAYS);
    let supervisor = pid(&program, "supervisor");
    program.wait_for("ready");
    for other in [Signal::HUP, Signal::USR1, Signal::TERM, Signal::TSTP] {
        signal(supervisor, other);
    }
    program.signal(Signal::USR2);
    program.wait_for("got USR2");
    program.signal(Signal::TERM);
    client.releases();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(3));
    let got: Vec<&String> = lines
        .iter()
        .filter(|line| line.starts_with("got "))
        .collect();
    assert_eq!(got, ["got USR2", "got TERM"]);
}

#[test]
fn a_signal_that_ends_the_command_is_its_exit_code() {
    let agent = StandIn::start();
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::USR1, 138)] {
        let (program, mut client) = agent.lock_and_run(&[], "echo ready; exec sleep 1000");
        program.wait_for("ready");
        program.signal(number);
        client.releases();
        assert_eq!(program.finish().0.code(), Some(code));
    }
}

#[test]
fn what_is_ignored_stays_ignored() {
    let agent = StandIn::start();
    let turno = env!("CARGO_BIN_EXE_turno");
    let socket = agent.socket();
    // What nohup does; and somebody has us ignore the ends of our children.
    let script = format!(
        "trap '' HUP CHLD; exec {turno} lock --socket {socket} test grep SigIgn /proc/self/status"
    );
    let sh = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let child = sh(&script);
    let mut client = agent.accept();
    client.grant();
    client.releases();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let without = sh("trap '' HUP; exec grep SigIgn /proc/self/status");
    let without = without.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout),
        String::from_utf8(without.stdout)
    );
}

/// Whoever blocks a signal has what he starts not hear of it, over an exec too.
#[test]
fn the_end_of_a_command_is_noticed_though_the_word_of_it_is_blocked() {
    let agent = StandIn::start();
    let mut command = Command::new("env");
    command.args(["--block-signal=CHLD", env!("CARGO_BIN_EXE_turno")]);
    command.args(agent.arguments(&["test", "sh", "-c", "sleep 0.1; exit 3"]));
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut client = agent.accept();
    client.grant();
    client.releases();
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// Nothing is lost when the signal comes in the midst of starting.
#[test]
fn a_signal_ends_it_at_every_moment() {
    let agent = StandIn::start();
    for _ in 0..20 {
        let program = agent.lock(&["test", "sh", "-c", "echo command $$; exec sleep 1000"]);
        let mut client = agent.accept();
        client.grant();
        program.signal(Signal::TERM);
        client.is_unlocked();
        client.close();
        let (status, lines) = program.finish();
        let code = status.code();
        // It had not read `go`, or else it was the command that was ended.
        assert!(code == Some(143) || code.is_none(), "{status}: {lines:?}");
        if let Some(line) = lines.first() {
            has_ended(line.rsplit(' ').next().unwrap().parse().unwrap());
        }
    }
}

#[test]
fn one_that_waits_is_ended_by_a_signal_like_any_program() {
    let agent = StandIn::start();
    for number in [Signal::INT, Signal::TERM, Signal::HUP] {
        use std::os::unix::process::ExitStatusExt;
        let program = agent.lock(&["test", "true"]);
        let mut client = agent.accept();
        client.hear();
        program.signal(number);
        client.has_gone();
        assert_eq!(program.finish().0.signal(), Some(number.as_raw()));
    }
}

#[test]
fn a_command_in_a_session_of_its_own_gets_them_too() {
    let agent = StandIn::start();
    let script = "exec setsid sh -c 'echo command $$; exec sleep 1000'";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let command = pid(&program, "command");
    assert!(is_alive(command));
    program.signal(Signal::TERM);
    client.releases();
    assert_eq!(program.finish().0.code(), Some(143));
}
