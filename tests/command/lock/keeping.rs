//! The lock is kept for longer than the command runs: `--at-least` and `--until-all-end`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::pid;
use crate::fixtures::fake_agent::FakeAgent;
use crate::fixtures::processes::{is_alive, kill, wait_for_end};

#[test]
fn with_at_least_the_lock_is_kept_until_then_and_the_exit_code_is_the_commands_own() {
    let agent = FakeAgent::start();
    let began = Instant::now();
    let (program, mut client) = agent.lock_and_run(&["-v", "--at-least", "1"], "echo ran; exit 7");
    program.wait_for("the command has ended; the lock is kept for ");
    assert!(client.is_locked());
    client.release();
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(program.finish().0.code(), Some(7));
}

#[test]
fn with_at_least_a_longer_command_is_not_kept_waiting() {
    let agent = FakeAgent::start();
    let options = ["-v", "--at-least", "10ms"];
    let (program, mut client) = agent.lock_and_run(&options, "sleep 0.1");
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0));
    let is_kept = |line: &String| line.contains("is kept");
    assert!(!lines.iter().any(is_kept), "{lines:?}");
}

#[test]
fn a_signal_ends_the_time_that_a_lock_is_kept() {
    let agent = FakeAgent::start();
    // It comes after the command has ended, or ends the command.
    for (script, wait_for, code) in [
        ("exit 7", "the lock is kept for ", 7),
        ("echo ready; exec sleep 1000", "ready", 143),
    ] {
        let (program, mut client) = agent.lock_and_run(&["-v", "--at-least", "1h"], script);
        program.wait_for(wait_for);
        program.signal(Signal::TERM);
        client.release();
        assert_eq!(program.finish().0.code(), Some(code));
    }
}

#[test]
fn a_lock_is_kept_when_its_agent_is_restarted() {
    let agent = FakeAgent::start();
    let (program, first) = agent.lock_and_run(&["-v", "--at-least", "1h"], "exit 7");
    program.wait_for("the lock is kept for ");
    first.close();
    let mut client = agent.accept();
    assert!(client.receive().starts_with(r#"{"resume":"#));
    client.send(r#"{"resumed":{}}"#);
    program.wait_for("the agent is back after ");
    assert!(first.is_locked());
    program.signal(Signal::TERM);
    client.release();
    assert_eq!(program.finish().0.code(), Some(7));
}

/// The reader of the command need not wait as long as the lock is kept.
#[test]
fn the_output_of_the_command_ends_with_it() {
    use std::io::Read;
    use std::process::{Command, Stdio};

    use crate::fixtures::turno::TURNO;
    let agent = FakeAgent::start();
    let mut lock = Command::new(TURNO);
    lock.args(agent.arguments(&["--at-least", "1h", "test", "echo", "it ran"]));
    let mut child = lock
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut client = agent.accept();
    client.grant();
    let mut output = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    assert_eq!(output, "it ran\n");
    assert!(client.is_locked());
    child.kill().unwrap();
    child.wait().unwrap();
    client.wait_for_disconnect();
}

const LEAVES: &str = r#"trap "exit 0" TERM
    sh -c 'echo left $$; trap "echo got USR1; exit" USR1; while :; do sleep 0.01; done' &
    echo ready; wait"#;

#[test]
fn with_until_all_end_the_lock_is_kept_as_long_as_the_work_goes_on() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&["--until-all-end"], LEAVES);
    let left = pid(&program, "left");
    program.wait_for("ready");
    let command = std::fs::read_to_string(format!("/proc/{left}/stat")).unwrap();
    let command = command
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap();
    let command: u32 = command.parse().unwrap();
    program.signal(Signal::TERM);
    wait_for_end(command);
    assert!(is_alive(left) && client.is_locked());
    // A signal reaches what is left.
    program.signal(Signal::USR1);
    program.wait_for("got USR1");
    client.release();
    assert_eq!(program.finish().0.code(), Some(0));
}

#[test]
fn by_default_the_lock_is_released_with_the_command() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&[], LEAVES);
    let left = pid(&program, "left");
    program.wait_for("ready");
    program.signal(Signal::TERM);
    client.release();
    assert!(is_alive(left));
    kill(left);
    assert_eq!(program.finish().0.code(), Some(0));
}

#[test]
fn with_until_all_end_what_is_left_is_killed_with_the_client() {
    let agent = FakeAgent::start();
    let (program, client) = agent.lock_and_run(&["--until-all-end"], "sleep 1000 & echo left $!");
    let left = pid(&program, "left");
    program.signal(Signal::KILL);
    wait_for_end(left);
    client.wait_until_unlocked();
}
