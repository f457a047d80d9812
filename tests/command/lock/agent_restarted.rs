//! The agent is lost while the command runs, and another one comes: the command goes on
//! under its record.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

use super::pid;
use crate::fixtures::fake_agent::{Client, FakeAgent};
use crate::fixtures::processes::{is_alive, wait_for_end};
use crate::fixtures::program::Program;

/// Ends when it reads a line from a file, or gets SIGTERM.
const WAITS: &str = r#"trap 'echo got TERM; exit 3' TERM; echo command $$
    while ! [ -e "$0" ]; do sleep 0.01; done; echo whole"#;

/// Starts a `turno lock` that runs [`WAITS`], and grants it the lock.
fn waits_for(agent: &FakeAgent, options: &[&str], file: &str) -> (Program, Client) {
    let lock = [options, &["test", "--", "sh", "-c", WAITS, file]].concat();
    let program = agent.lock(&lock);
    let mut client = agent.accept();
    client.grant();
    program.wait_for("command ");
    (program, client)
}

/// Accepts the next connection, and checks that it wants the entry of an earlier one.
fn resumed(agent: &FakeAgent, earlier: &Client) -> Client {
    let record = fs::metadata(earlier.record()).unwrap();
    let mut client = agent.accept();
    let (device, inode) = (record.dev(), record.ino());
    assert_eq!(
        client.receive(),
        format!(r#"{{"resume":{{"name":"test","token":17,"device":{device},"inode":{inode}}}}}"#)
    );
    client
}

#[test]
fn the_command_goes_on_however_often_its_agent_is_restarted() {
    let agent = FakeAgent::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("end").display().to_string();
    let (program, first) = waits_for(&agent, &[], &file);
    first.close();
    for _ in 0..5 {
        let mut next = resumed(&agent, &first);
        next.send(r#"{"resumed":{}}"#);
        assert!(first.is_locked());
        // It is restarted, as it says or without a word.
        next.send(r#"{"failed":{"why":"it is stopping","again":true}}"#);
        next.close();
        // One that is lost before it has answered changes nothing.
        resumed(&agent, &first).close();
    }
    let mut last = resumed(&agent, &first);
    last.send(r#"{"resumed":{}}"#);
    File::create(file).unwrap();
    last.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines[1..], ["whole"], "a restart is no news");
}

#[test]
fn a_command_that_ends_while_its_agent_is_away_keeps_its_exit_code() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["-v"], "/nowhere/at-all");
    client.close();
    program.wait_for(
        "test: the agent is lost: it closed the connection; the command goes on, and turno connects \
         again for at most 1m",
    );
    program.signal(Signal::TERM);
    // The agent that is there does not answer.
    let next = resumed(&agent, &client);
    client.wait_until_unlocked();
    next.close();
    assert_eq!(program.finish().0.code(), Some(3));
}

#[test]
fn with_v_it_reports_that_the_agent_is_away_and_back() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["-v"], "/nowhere/at-all");
    client.close();
    let mut next = resumed(&agent, &client);
    next.send(r#"{"resumed":{}}"#);
    let line = program.wait_for("test: the agent is back after ");
    assert!(line.ends_with(", and the command goes on under its lock"));
    program.signal(Signal::TERM);
    next.release();
    assert_eq!(program.finish().0.code(), Some(3));
}

#[test]
fn a_command_that_the_next_agent_does_not_know_is_killed_at_once() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["--kill-after", "1h"], "/nowhere/at-all");
    let command = pid(&program, "command");
    client.close();
    resumed(&agent, &client).send(r#"{"not_held":{"why":"it is not held"}}"#);
    wait_for_end(command);
    client.wait_until_unlocked();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(
        lines[1..],
        [
            "turno: test: the agent says: it is not held: the command is killed now",
            "turno: test: the command was killed, because its agent does not hold the lock any more"
        ]
    );
}

#[test]
fn a_command_whose_record_is_gone_is_killed_at_once() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["--kill-after", "1h"], "/nowhere/at-all");
    fs::remove_file(client.record()).unwrap();
    assert!(is_alive(pid(&program, "command")));
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert!(
        lines[1].ends_with("and the record of the entry is gone: the command is killed now"),
        "{lines:?}"
    );
    assert!(!lines.contains(&"got TERM".to_owned()), "{lines:?}");
}

#[test]
fn a_command_whose_agent_stays_away_is_ended_when_its_patience_is_over() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["--agent-patience", "0.3"], "/nowhere/at-all");
    let _folder = agent.end();
    client.close();
    program.wait_for("got TERM");
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(
        lines[1],
        "turno: test: the agent is lost: it closed the connection, and has not come back within \
         300ms; the command gets SIGTERM now, and SIGKILL in 10s"
    );
}

#[test]
fn a_command_whose_next_agent_does_not_answer_is_ended_when_its_patience_is_over() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &["--agent-patience", "0.3"], "/nowhere/at-all");
    client.close();
    let _silent = resumed(&agent, &client);
    program.wait_for("got TERM");
    assert_eq!(program.finish().0.code(), Some(125));
}

/// It keeps the entry while its record is locked.
#[test]
fn a_command_whose_next_agent_is_older_is_ended() {
    let agent = FakeAgent::start();
    let (program, client) = waits_for(&agent, &[], "/nowhere/at-all");
    client.close();
    resumed(&agent, &client)
        .send(r#"{"failed":{"why":"malformed message: unknown variant `resume`"}}"#);
    program.wait_for("got TERM");
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert!(
        lines[1].starts_with("turno: test: the agent is older than this turno lock, "),
        "{lines:?}"
    );
}
