//! If the agent is lost while the command runs, the command is ended.

use rustix::process::Signal;

use super::pid;
use crate::fixtures::fake_agent::FakeAgent;
use crate::fixtures::processes::{kill, signal, wait_for_end};

#[test]
fn the_command_and_its_children_get_sigterm() {
    let agent = FakeAgent::start();
    // A child of a shell has the shell's traps until it executes another program.
    // Only then SIGTERM ends it.
    let script = r#"
        sh -c 'trap "echo child TERM; exit" TERM; sh -c "echo asleep; exec sleep 1000" &
               echo child $$; wait' &
        c=$!
        trap 'echo command TERM; wait $c; exit 0' TERM
        echo ready
        while :; do wait $c; done"#;
    let (program, client) =
        agent.lock_and_run(&["--agent-patience", "0", "--kill-after", "1h"], script);
    let child = pid(&program, "child");
    program.wait_for("asleep");
    program.wait_for("ready");
    client.close();
    program.wait_for("child TERM");
    program.wait_for("command TERM");
    wait_for_end(child);
    client.wait_until_unlocked();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let reason = lines.iter().find(|line| line.starts_with("turno: test: "));
    assert!(
        reason
            .unwrap()
            .ends_with("it closed the connection; the command gets SIGTERM now, and SIGKILL in 1h"),
        "{lines:?}"
    );
    assert!(lines.contains(
        &"turno: test: the command was ended, because the lock was lost with the agent".into()
    ));
}

#[test]
fn processes_that_do_not_end_are_killed() {
    let agent = FakeAgent::start();
    let script = r#"
        trap 'echo command TERM' TERM
        sh -c 'trap "" TERM; echo child $$; while :; do sleep 1000; done' &
        c=$!
        echo command $$
        while :; do wait $c; done"#;
    let (program, client) =
        agent.lock_and_run(&["--agent-patience", "0", "--kill-after", "0.2"], script);
    let pids = ["child", "command"].map(|name| pid(&program, name));
    client.close();
    program.wait_for("command TERM");
    client.wait_until_unlocked();
    pids.into_iter().for_each(wait_for_end);
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn a_child_that_outlives_its_parent_is_killed_too() {
    let agent = FakeAgent::start();
    let script = "sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 1000; done' & wait";
    let (program, client) =
        agent.lock_and_run(&["--agent-patience", "0", "--kill-after", "200ms"], script);
    let child = pid(&program, "child");
    client.close();
    client.wait_until_unlocked();
    wait_for_end(child);
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn a_stopped_command_is_ended_too() {
    let agent = FakeAgent::start();
    let (program, client) = agent.lock_and_run(
        &["--agent-patience", "0", "--kill-after", "1h"],
        "echo c $$; exec sleep 1000",
    );
    signal(pid(&program, "c"), Signal::STOP);
    client.close();
    client.wait_until_unlocked();
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn the_reason_that_the_agent_gives_is_reported() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&[], "echo ready; exec sleep 1000");
    program.wait_for("ready");
    client.send(r#"{"failed":{"why":"the disk is full"}}"#);
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let expected = "turno: test: the agent says: the disk is full; the command gets SIGTERM now, and SIGKILL in 10s";
    assert!(lines.contains(&expected.to_owned()), "{lines:?}");
}

/// The supervisor ends the command then.
#[test]
fn a_client_killed_while_it_ends_the_command_leaves_nothing_running() {
    let agent = FakeAgent::start();
    let script = "trap 'echo command TERM' TERM; echo c $$; while :; do sleep 1000 & wait; done";
    let (program, client) =
        agent.lock_and_run(&["--agent-patience", "0", "--kill-after", "1h"], script);
    let command = pid(&program, "c");
    client.close();
    program.wait_for("command TERM");
    program.signal(Signal::KILL);
    wait_for_end(command);
    client.wait_until_unlocked();
}

#[test]
fn a_supervisor_killed_while_it_ends_the_command_leaves_nothing_running() {
    let agent = FakeAgent::start();
    let script = "trap 'echo command TERM' TERM; echo supervisor $PPID; echo c $$; \
                  while :; do sleep 1000 & wait; done";
    let (program, client) =
        agent.lock_and_run(&["--agent-patience", "0", "--kill-after", "1h"], script);
    let (supervisor, command) = (pid(&program, "supervisor"), pid(&program, "c"));
    client.close();
    program.wait_for("command TERM");
    kill(supervisor);
    wait_for_end(command);
    client.wait_until_unlocked();
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn a_command_that_ended_under_the_lock_keeps_its_exit_code() {
    let agent = FakeAgent::start();
    let (program, mut client) = agent.lock_and_run(&[], "exit 7");
    client.release();
    assert_eq!(program.finish().0.code(), Some(7));
}
