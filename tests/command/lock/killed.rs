//! SIGKILL to the client, the supervisor and the command, at every stage: no process
//! of the command runs on without the lock.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::pid;
use crate::fixtures::fake_agent::{Client, FakeAgent};
use crate::fixtures::processes::{is_alive, kill, signal, wait_for_end};
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// A command whose children are hard to find: in the background, in a session of
/// their own, without their parents, stopped.
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

/// Starts a `turno lock` that runs the family, and returns the pids in the order of
/// [`NAMES`].
fn family(agent: &FakeAgent) -> (Program, Client, Vec<u32>) {
    let (program, client) = agent.lock_and_run(&[], FAMILY);
    let pids = NAMES.iter().map(|name| pid(&program, name)).collect();
    (program, client, pids)
}

#[test]
fn a_client_killed_while_it_waits_runs_nothing() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    program.signal(Signal::KILL);
    client.wait_for_disconnect();
    assert!(program.finish().1.is_empty());
}

#[test]
fn a_client_killed_once_it_has_the_lock_runs_nothing() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.grant_without_go();
    program.signal(Signal::KILL);
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    assert!(program.finish().1.is_empty());
}

#[test]
fn a_client_killed_while_the_command_starts_leaves_nothing_running() {
    let agent = FakeAgent::start();
    for _ in 0..20 {
        let (program, mut client) = agent.lock_and_run(&[], "echo command $$; exec sleep 1000");
        program.signal(Signal::KILL);
        client.wait_for_disconnect();
        client.wait_until_unlocked();
        // No process has its output open any more.
        let (_, lines) = program.finish();
        assert!(lines.len() <= 1, "{lines:?}");
    }
}

#[test]
fn a_client_killed_while_the_command_runs_leaves_nothing_running() {
    let agent = FakeAgent::start();
    let (program, mut client, pids) = family(&agent);
    assert!(client.is_locked());
    program.signal(Signal::KILL);
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    pids.into_iter().for_each(wait_for_end);
    program.finish();
}

#[test]
fn a_killed_command_releases_the_lock() {
    let agent = FakeAgent::start();
    let script = "echo command $$; exec sleep 1000";
    let (program, mut client) = agent.lock_and_run(&[], script);
    kill(pid(&program, "command"));
    client.expect_done();
    client.wait_until_unlocked();
    client.close();
    assert_eq!(program.finish().0.code(), Some(137));
}

#[test]
fn a_killed_supervisor_leaves_nothing_running() {
    let agent = FakeAgent::start();
    let (program, mut client, pids) = family(&agent);
    kill(pids[6]);
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    pids.into_iter().for_each(wait_for_end);
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let error = lines.last().unwrap();
    assert!(
        error.contains("the supervisor of the command died"),
        "{error}"
    );
}

/// Children that the client's process had before it executed turno are spared.
#[test]
fn a_killed_supervisor_leaves_earlier_children_of_the_client_running() {
    let agent = FakeAgent::start();
    let socket = agent.socket();
    let script = format!(
        "sleep 1000 >/dev/null 2>&1 & echo before $!; exec {TURNO} lock --socket {socket} test \
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
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    wait_for_end(command);
    assert!(is_alive(before));
    kill(before);
    assert_eq!(child.wait().unwrap().code(), Some(125));
}

#[test]
fn a_supervisor_killed_while_the_command_starts_leaves_nothing_running() {
    let agent = FakeAgent::start();
    for _ in 0..20 {
        let (program, mut client) = agent.lock_and_run(&[], "echo command $$; exec sleep 1000");
        let children = format!("/proc/{0}/task/{0}/children", program.pid());
        let supervisor = eventually("the supervisor", || {
            let children = fs::read_to_string(&children).unwrap();
            children.split_whitespace().next().map(str::to_owned)
        });
        kill(supervisor.parse().unwrap());
        client.wait_for_disconnect();
        client.wait_until_unlocked();
        client.close();
        assert_eq!(program.finish().0.code(), Some(125));
    }
}

/// No process is left to end the command, but the agent sees that it runs on.
#[test]
fn a_command_whose_client_and_supervisor_are_killed_at_once_keeps_the_lock() {
    let agent = FakeAgent::start();
    let script = "exec 3>&- 9>&-; sleep 1000 & echo child $!; \
                  echo command $$; echo supervisor $PPID; wait";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let (command, supervisor) = (pid(&program, "command"), pid(&program, "supervisor"));
    // Neither has time to see the other die.
    signal(supervisor, Signal::STOP);
    program.signal(Signal::KILL);
    kill(supervisor);
    client.wait_for_disconnect();
    assert!(is_alive(command));
    assert!(client.is_locked());
    kill(command);
    wait_for_end(command);
    assert!(client.is_locked());
    kill(pid(&program, "child"));
    client.wait_until_unlocked();
}

#[test]
fn a_killed_client_whose_command_is_another_client_frees_both_locks() {
    let agent = FakeAgent::start();
    let script = format!(
        "exec {TURNO} lock --socket {} inner -- sh -c 'echo inner $$; exec sleep 1000'",
        agent.socket()
    );
    let (program, mut outer) = agent.lock_and_run(&[], &script);
    let mut inner = agent.accept();
    inner.grant();
    let command = pid(&program, "inner");
    program.signal(Signal::KILL);
    outer.wait_for_disconnect();
    inner.wait_for_disconnect();
    inner.wait_until_unlocked();
    outer.wait_until_unlocked();
    wait_for_end(command);
}
