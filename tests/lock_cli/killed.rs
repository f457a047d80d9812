//! SIGKILL, of everybody and at every stage: nothing of the command goes on
//! without the lock.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::pid;
use super::support::Program;
use super::support::eventually;
use super::support::stand_in::{Client, StandIn, has_ended, is_alive, kill, signal};

/// A command whose children are hard to find: in the background, in a session
/// of their own, without their parents, stopped.
const FAMILY: &str = r#"
    sleep 1000 & echo child $!
    (sleep 1000 & echo orphan $!)
    setsid sh -c 'echo apart $$; sleep 1000 & exec sleep 1000' &
    sh -c 'echo stopped $$; kill -STOP $$; sleep 1000' &
    sh -c 'trap "" HUP INT TERM; echo stubborn $$; while :; do sleep 1000; done' &
    echo supervisor $PPID
    echo command $$
    sleep 1000; true"#;

const NAMES: [&str; 7] = [
    "child",
    "orphan",
    "apart",
    "stopped",
    "stubborn",
    "command",
    "supervisor",
];

/// A `turno lock` that runs the family, and its processes in the order above.
fn family(agent: &StandIn) -> (Program, Client, Vec<u32>) {
    let (program, client) = agent.lock_and_run(&[], FAMILY);
    let pids = NAMES.iter().map(|name| pid(&program, name)).collect();
    (program, client, pids)
}

#[test]
fn the_client_while_it_waits() {
    let agent = StandIn::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.hear();
    program.signal(Signal::KILL);
    client.has_gone();
    assert!(program.finish().1.is_empty());
}

#[test]
fn the_client_when_its_turn_has_come() {
    let agent = StandIn::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.grant_without_go();
    program.signal(Signal::KILL);
    client.has_gone();
    client.is_unlocked();
    assert!(program.finish().1.is_empty());
}

#[test]
fn the_client_while_the_command_starts() {
    let agent = StandIn::start();
    for _ in 0..20 {
        let (program, mut client) = agent.lock_and_run(&[], "echo command $$; exec sleep 1000");
        program.signal(Signal::KILL);
        client.has_gone();
        client.is_unlocked();
        // Nobody has its output open any more.
        let (_, lines) = program.finish();
        assert!(lines.len() <= 1, "{lines:?}");
    }
}

#[test]
fn the_client_while_the_command_runs() {
    let agent = StandIn::start();
    let (program, mut client, pids) = family(&agent);
    assert!(client.is_locked());
    program.signal(Signal::KILL);
    client.has_gone();
    client.is_unlocked();
    pids.into_iter().for_each(has_ended);
    program.finish();
}

#[test]
fn the_command() {
    let agent = StandIn::start();
    let script = "echo command $$; exec sleep 1000";
    let (program, mut client) = agent.lock_and_run(&[], script);
    kill(pid(&program, "command"));
    client.is_done();
    client.is_unlocked();
    client.close();
    assert_eq!(program.finish().0.code(), Some(137));
}

#[test]
fn the_supervisor() {
    let agent = StandIn::start();
    let (program, mut client, pids) = family(&agent);
    kill(pids[6]);
    client.has_gone();
    client.is_unlocked();
    pids.into_iter().for_each(has_ended);
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let said = lines.last().unwrap();
    assert!(
        said.contains("the supervisor of the command died"),
        "{said}"
    );
}

/// Those that the client had before it was turno are none of its business.
#[test]
fn the_supervisor_of_a_client_that_was_a_shell() {
    let agent = StandIn::start();
    let (turno, socket) = (env!("CARGO_BIN_EXE_turno"), agent.socket());
    let script = format!(
        "sleep 1000 >/dev/null 2>&1 & echo before $!; exec {turno} lock --socket {socket} test \
         sh -c 'echo command $$; echo supervisor $PPID; exec sleep 1000'"
    );
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut pid = || -> u32 {
        let line = lines.next().unwrap().unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let before = pid();
    let mut client = agent.accept();
    client.grant();
    let (command, supervisor) = (pid(), pid());
    kill(supervisor);
    client.has_gone();
    client.is_unlocked();
    has_ended(command);
    assert!(is_alive(before));
    kill(before);
    assert_eq!(child.wait().unwrap().code(), Some(125));
}

#[test]
fn the_supervisor_while_the_command_starts() {
    let agent = StandIn::start();
    for _ in 0..20 {
        let (program, mut client) = agent.lock_and_run(&[], "echo command $$; exec sleep 1000");
        let children = format!("/proc/{0}/task/{0}/children", program.pid());
        let supervisor = eventually("the supervisor", || {
            let children = fs::read_to_string(&children).unwrap();
            children.split_whitespace().next().map(str::to_owned)
        });
        kill(supervisor.parse().unwrap());
        client.has_gone();
        client.is_unlocked();
        client.close();
        assert_eq!(program.finish().0.code(), Some(125));
    }
}

/// Nobody is left to end the command: but the agent sees that it goes on.
#[test]
fn client_and_supervisor_at_once() {
    let agent = StandIn::start();
    let script = "exec 3>&- 9>&-; sleep 1000 & echo child $!; \
                  echo command $$; echo supervisor $PPID; wait";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let (command, supervisor) = (pid(&program, "command"), pid(&program, "supervisor"));
    // Neither has a moment to see the other die.
    signal(supervisor, Signal::STOP);
    program.signal(Signal::KILL);
    kill(supervisor);
    client.has_gone();
    assert!(is_alive(command));
    assert!(client.is_locked());
    kill(command);
    has_ended(command);
    assert!(client.is_locked());
    kill(pid(&program, "child"));
    client.is_unlocked();
}

#[test]
fn the_client_of_a_lock_within_a_lock() {
    let agent = StandIn::start();
    let turno = env!("CARGO_BIN_EXE_turno");
    let script = format!(
        "exec {turno} lock --socket {} inner -- sh -c 'echo inner $$; exec sleep 1000'",
        agent.socket()
    );
    let (program, mut outer) = agent.lock_and_run(&[], &script);
    let mut inner = agent.accept();
    inner.grant();
    let command = pid(&program, "inner");
    program.signal(Signal::KILL);
    outer.has_gone();
    inner.has_gone();
    inner.is_unlocked();
    outer.is_unlocked();
    has_ended(command);
}
