//! The agent is lost while the command runs: the command is ended.

use rustix::process::Signal;

use super::pid;
use super::support::stand_in::{StandIn, has_ended, kill, signal};

#[test]
fn all_of_the_command_is_told_to_end() {
    let agent = StandIn::start();
    // A shell's child takes the shell's traps for its own until it is another
    // program: only then it is ended by SIGTERM.
    let script = r#"
        sh -c 'trap "echo child TERM; exit" TERM; sh -c "echo asleep; exec sleep 1000" &
               echo child $$; wait' &
        c=$!
        trap 'echo command TERM; wait $c; exit 0' TERM
        echo ready
        while :; do wait $c; done"#;
    let (program, client) = agent.lock_and_run(&["--kill-after", "1h"], script);
    let child = pid(&program, "child");
    program.wait_for("asleep");
    program.wait_for("ready");
    client.close();
    program.wait_for("child TERM");
    program.wait_for("command TERM");
    has_ended(child);
    client.is_unlocked();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let said = lines.iter().find(|line| line.starts_with("turno: test: "));
    assert!(
        said.unwrap()
            .ends_with("it closed the connection; the command gets SIGTERM now, and SIGKILL in 1h"),
        "{lines:?}"
    );
    assert!(lines.contains(
        &"turno: test: the command was ended, because the lock was lost with the agent".into()
    ));
}

#[test]
fn what_does_not_end_is_killed() {
    let agent = StandIn::start();
    let script = r#"
        trap 'echo command TERM' TERM
        sh -c 'trap "" TERM; echo child $$; while :; do sleep 1000; done' &
        c=$!
        echo command $$
        while :; do wait $c; done"#;
    let (program, client) = agent.lock_and_run(&["--kill-after", "0.2"], script);
    let pids = ["child", "command"].map(|name| pid(&program, name));
    client.close();
    program.wait_for("command TERM");
    client.is_unlocked();
    pids.into_iter().for_each(has_ended);
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn a_child_that_outlives_its_parent_is_killed_too() {
    let agent = StandIn::start();
    let script = "sh -c 'trap \"\" TERM; echo child $$; while :; do sleep 1000; done' & wait";
    let (program, client) = agent.lock_and_run(&["--kill-after", "200ms"], script);
    let child = pid(&program, "child");
    client.close();
    client.is_unlocked();
    has_ended(child);
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn a_command_that_is_stopped_is_told_to_end() {
    let agent = StandIn::start();
    let (program, client) =
        agent.lock_and_run(&["--kill-after", "1h"], "echo c $$; exec sleep 1000");
    signal(pid(&program, "c"), Signal::STOP);
    client.close();
    client.is_unlocked();
    assert_eq!(program.finish().0.code(), Some(125));
}

#[test]
fn the_agent_may_say_why() {
    let agent = StandIn::start();
    let (program, mut client) = agent.lock_and_run(&[], "echo ready; exec sleep 1000");
    program.wait_for("ready");
    client.say(r#"{"failed":{"why":"the disk is full"}}"#);
    client.has_gone();
    client.is_unlocked();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let said = "turno: test: the agent says: the disk is full; the command gets SIGTERM now, and SIGKILL in 10s";
    assert!(lines.contains(&said.to_owned()), "{lines:?}");
}

/// The client can do nothing then; the supervisor can.
#[test]
fn the_client_is_killed_while_it_ends_the_command() {
    let agent = StandIn::start();
    let script = "trap 'echo command TERM' TERM; echo c $$; while :; do sleep 1000 & wait; done";
    let (program, client) = agent.lock_and_run(&["--kill-after", "1h"], script);
    let command = pid(&program, "c");
    client.close();
    program.wait_for("command TERM");
    program.signal(Signal::KILL);
    has_ended(command);
    client.is_unlocked();
}

#[test]
fn the_supervisor_is_killed_while_it_ends_the_command() {
    let agent = StandIn::start();
    let script = "trap 'echo command TERM' TERM; echo supervisor $PPID; echo c $$; \
                  while :; do sleep 1000 & wait; done";
    let (program, client) = agent.lock_and_run(&["--kill-after", "1h"], script);
    let (supervisor, command) = (pid(&program, "supervisor"), pid(&program, "c"));
    client.close();
    program.wait_for("command TERM");
    kill(supervisor);
    has_ended(command);
    client.is_unlocked();
    assert_eq!(program.finish().0.code(), Some(125));
}

/// It has ended under the lock.
#[test]
fn a_command_that_has_ended_before_keeps_its_exit_code() {
    let agent = StandIn::start();
    let (program, mut client) = agent.lock_and_run(&[], "exit 7");
    client.releases();
    assert_eq!(program.finish().0.code(), Some(7));
}
