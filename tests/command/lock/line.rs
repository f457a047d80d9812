//! A waiter loses its place in the line when its agent is lost, or when it is stopped; it
//! has nothing else to lose, and asks again.

use std::fs;

use rustix::process::Signal;

use crate::fixtures::fake_agent::{Client, FakeAgent};
use crate::fixtures::program::Program;
use crate::fixtures::wait::eventually;

/// How long the client says that it waits.
fn wait_ms(client: &mut Client) -> u64 {
    let ask = client.receive();
    let ask: serde_json::Value = serde_json::from_str(&ask).unwrap();
    ask["ask"]["wait_ms"].as_u64().unwrap()
}

/// Grants the lock to this client, which asks for it now, and runs `echo it runs`.
fn gets_its_turn(agent: &FakeAgent, program: Program) {
    let mut client = agent.accept();
    client.grant();
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines, ["it runs"]);
}

#[test]
fn a_waiter_asks_the_next_agent_when_its_agent_is_restarted() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    client.close();
    // It is restarted, and says so.
    let mut client = agent.accept();
    assert!(client.receive().starts_with(r#"{"ask":"#));
    client.send(r#"{"failed":{"why":"it is stopping","again":true}}"#);
    client.wait_for_disconnect();
    // It is lost after it has granted the lock.
    let mut client = agent.accept();
    client.grant_without_go();
    client.close();
    client.wait_until_unlocked();
    // Nobody listens for a while.
    let folder = agent.end();
    let agent = FakeAgent::start_in(folder);
    gets_its_turn(&agent, program);
}

#[test]
fn a_waiter_without_an_agent_fails_when_its_patience_is_over() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["--agent-patience", "0.3", "-v", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    let _folder = agent.end();
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let line = lines.last().unwrap();
    assert!(
        line.starts_with("turno: test: no agent listens at "),
        "{line}"
    );
}

#[test]
fn with_w_an_agent_may_start_later() {
    let agent = FakeAgent::start();
    let arguments = agent.arguments(&["-v", "-w", "100", "test", "echo", "it runs"]);
    let folder = agent.end();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let program = Program::start("turno lock", &arguments);
    program.wait_for("turno: test: waiting for the agent: no agent listens at ");
    let agent = FakeAgent::start_in(folder);
    let mut client = agent.accept();
    // Its limit counts from its start.
    let first = wait_ms(&mut client);
    assert!((50_000..100_000).contains(&first), "{first}");
    client.close();
    let mut client = agent.accept();
    let second = wait_ms(&mut client);
    assert!(second < first, "{second}");
    client.send_granted();
    client.go();
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.contains(&"it runs".to_owned()), "{lines:?}");
}

#[test]
fn with_w_it_does_not_wait_longer_for_an_absent_agent() {
    let arguments = [
        "lock",
        "-w",
        "0.2",
        "-E",
        "75",
        "--socket",
        "/nowhere/s",
        "test",
        "true",
    ];
    let (status, lines) = Program::start("turno lock", &arguments).finish();
    assert_eq!(status.code(), Some(125));
    let expected = "turno: test: not acquired within 200ms: no agent listens at /nowhere/s: ";
    assert!(lines[0].starts_with(expected), "{lines:?}");
}

/// Waits until a process handles SIGTSTP itself.
fn wait_until_it_handles_stops(program: &Program) {
    let file = format!("/proc/{}/status", program.pid());
    eventually("a handler of SIGTSTP", || {
        let status = fs::read_to_string(&file).unwrap();
        let mut lines = status.lines();
        let caught = lines.find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught & (1 << (Signal::TSTP.as_raw() - 1)) != 0).then_some(())
    });
}

/// Waits until a process is stopped.
fn wait_until_stopped(program: &Program) {
    let file = format!("/proc/{}/stat", program.pid());
    eventually("it is stopped", || {
        fs::read_to_string(&file)
            .unwrap()
            .contains(") T ")
            .then_some(())
    });
}

#[test]
fn a_waiter_that_the_user_stops_leaves_the_line_and_asks_again_when_it_continues() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    for _ in 0..3 {
        wait_until_it_handles_stops(&program);
        program.signal(Signal::TSTP);
        client.wait_for_disconnect();
        wait_until_stopped(&program);
        program.signal(Signal::CONT);
        client = agent.accept();
        assert!(client.receive().starts_with(r#"{"ask":"#));
    }
    // Also one that was granted the lock, and may not begin yet.
    client.send_granted();
    client.expect_locked();
    program.signal(Signal::TSTP);
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    wait_until_stopped(&program);
    program.signal(Signal::CONT);
    gets_its_turn(&agent, program);
}

#[test]
fn a_client_that_runs_its_command_stops_as_any_other_and_keeps_the_lock() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "sh", "-c", "echo ready; exec sleep 1000"]);
    let mut client = agent.accept();
    client.receive();
    wait_until_it_handles_stops(&program);
    client.send_granted();
    client.go();
    program.wait_for("ready");
    program.signal(Signal::TSTP);
    wait_until_stopped(&program);
    assert!(client.is_locked());
    program.signal(Signal::CONT);
    program.signal(Signal::TERM);
    client.release();
    assert_eq!(program.finish().0.code(), Some(143));
}
