//! `turno lock` before its command runs.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::granted;
use crate::fixtures::fake_agent::FakeAgent;
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;

#[test]
fn it_asks_for_the_lock_and_names_its_command() {
    let agent = FakeAgent::start();
    let asked = |options: &[&str]| {
        let _program = agent.lock(&[options, &["disk 7", "rsync", "-a", "é"]].concat());
        agent.accept().receive()
    };
    let ask = |at_once, wait| {
        format!(
            r#"{{"ask":{{"name":"disk 7","at_once":{at_once},"wait_ms":{wait},"command":["rsync","-a","é"]}}}}"#
        )
    };
    assert_eq!(asked(&[]), ask(false, "null"));
    assert_eq!(asked(&["-n"]), ask(true, "null"));
    assert_eq!(asked(&["--wait", "1.5"]), ask(false, "1500"));
    assert_eq!(asked(&["-w", "2m"]), ask(false, "120000"));
    assert_eq!(asked(&["-w0"]), ask(true, "null"));
}

#[test]
fn nothing_runs_before_the_agent_sends_go() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["--agent-patience", "0", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.grant_without_go();
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" is lost: "), "{lines:?}");
    client.wait_until_unlocked();
}

/// Sends this answer to a `turno lock` with these options, and returns its exit code
/// and its output.
fn outcome(answer: &str, options: &[&str]) -> (Option<i32>, String) {
    let agent = FakeAgent::start();
    let program = agent.lock(&[options, &["test", "echo", "it runs"]].concat());
    let mut client = agent.accept();
    client.receive();
    client.send(answer);
    // With -v it asks besides who has the lock; this agent is older.
    if options.contains(&"-v") && answer.contains("process 4711 holds it") {
        assert!(client.receive().starts_with(r#"{"group":"#));
        client.send(r#"{"failed":{"why":"unknown variant `group`"}}"#);
    }
    client.wait_for_disconnect();
    let (status, lines) = program.finish();
    (status.code(), lines.join("\n"))
}

#[test]
fn another_caller_that_has_the_lock_has_an_exit_code_of_its_own_and_is_told_with_v() {
    let answer = r#"{"timed_out":{"why":"process 4711 holds it"}}"#;
    let code = |options: &[&str]| outcome(answer, options);
    let expected = "turno: test: process 4711 holds it".to_owned();
    assert_eq!(code(&["-w", "1"]), (Some(124), String::new()));
    assert_eq!(code(&["-w", "1", "-v"]), (Some(124), expected.clone()));
    assert_eq!(code(&["-w", "1", "-E", "75"]), (Some(75), String::new()));
    assert_eq!(code(&["-n"]), (Some(124), String::new()));
    assert_eq!(code(&["-n", "-v"]), (Some(124), expected));
    assert_eq!(code(&["-n", "-E", "0"]), (Some(0), String::new()));
}

#[test]
fn members_that_do_not_answer_have_an_exit_code_of_their_own_and_are_always_told() {
    let why = "not run: gamma:7001 (3) does not answer, last heard 2 h ago";
    let answer = format!(r#"{{"timed_out":{{"why":"{why}","is_unanswered":true}}}}"#);
    let expected = (Some(123), format!("turno: test: {why}"));
    for options in [&["-n"][..], &["-w", "1"], &["-n", "-E", "75"]] {
        assert_eq!(outcome(&answer, options), expected);
    }
}

#[test]
fn a_failure_of_the_agent_is_a_failure_of_turno() {
    let answer = r#"{"failed":{"why":"the node \u001b[2J has ended"}}"#;
    let expected = r"turno: test: the agent says: the node \u{1b}[2J has ended".to_owned();
    assert_eq!(outcome(answer, &["-E", "75"]), (Some(125), expected));
    let (code, error) = outcome(r#"{"go":{}}"#, &[]);
    assert_eq!(code, Some(125));
    assert!(
        error.contains("it sent an unexpected answer: Go"),
        "{error}"
    );
    let (code, error) = outcome("\u{1b}[2J", &[]);
    assert_eq!(code, Some(125));
    assert!(error.contains("expected value"), "{error}");
}

#[test]
fn a_record_that_cannot_be_locked_is_a_failure_of_turno() {
    let granted = r#"{"granted":{"token":17,"node":2,"record":"/nowhere/record"}}"#;
    let (code, error) = outcome(granted, &[]);
    assert_eq!(code, Some(125));
    assert!(error.contains("cannot lock /nowhere/record, the agent's record"));

    let agent = FakeAgent::start();
    let record = tempfile::NamedTempFile::new().unwrap();
    let other = std::fs::File::open(record.path()).unwrap();
    other.lock().unwrap();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    client.send(&format!(
        r#"{{"granted":{{"token":17,"node":2,"record":{:?}}}}}"#,
        record.path()
    ));
    client.wait_for_disconnect();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert!(lines[0].contains("cannot lock /"), "{lines:?}");
}

#[test]
fn without_an_agent_it_says_how_to_start_one() {
    let program = Program::start(
        "turno lock",
        &["lock", "--socket", "/nowhere/s", "a", "true"],
    );
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let error = &lines[0];
    assert!(error.starts_with("turno: a: no agent listens at /nowhere/s: No such"));
    assert!(error.contains("turno agent"), "{error}");

    // An agent that was killed leaves its socket.
    let agent = FakeAgent::start();
    let socket = agent.socket();
    let _folder = agent.end();
    let arguments = ["lock", "--socket", &socket, "a", "true"];
    let (status, lines) = Program::start("turno lock", &arguments).finish();
    assert_eq!(status.code(), Some(125));
    assert!(lines[0].contains("Connection refused"), "{lines:?}");
}

#[test]
fn with_w_it_does_not_wait_longer_for_a_silent_agent() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["-w", "0.1", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.receive();
    client.wait_for_disconnect();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" does not answer: it may be stopped, "));
}

#[test]
fn it_reports_a_silent_agent_once_and_waits_for_it() {
    let silent = " does not answer: it may be stopped, ";
    let waits = |sent_before: Option<&str>| {
        let agent = FakeAgent::start();
        let program = agent.lock(&["test", "echo", "it runs"]);
        let mut client = agent.accept();
        if let Some(line) = sent_before {
            client.send(line);
        }
        let line = program.wait_for(silent);
        let socket = agent.socket();
        assert!(line.starts_with(&format!("turno: test: the agent at {socket}{silent}")));
        client.grant();
        client.release();
        assert_eq!(program.finish().1, [line, "it runs".to_owned()]);
    };
    waits(None);
    // After some time the agent owes another line.
    waits(Some(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#));
}

/// What the agent has sent meanwhile is read first.
#[test]
fn a_client_that_was_stopped_itself_does_not_call_the_agent_silent() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["-v", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.send(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    program.wait_for("waiting 0 s");
    program.signal(Signal::STOP);
    client.send(r#"{"waiting":{"text":"2 s for 2 (heard 0 s ago)"}}"#);
    // The agent is silent to this one until the other one's time would be over too.
    let other = agent.lock(&["test", "echo", "it runs"]);
    let _silent = agent.accept();
    other.wait_for(" does not answer");
    program.signal(Signal::CONT);
    client.grant();
    client.release();
    let (_, lines) = program.finish();
    let is_report = |line: &String| line.contains(" does not answer");
    assert!(!lines.iter().any(is_report), "{lines:?}");
}

/// However late the client reads that.
#[test]
fn a_client_that_was_stopped_itself_accepts_a_lock_that_was_granted_meanwhile() {
    let agent = FakeAgent::start();
    let command = ["-v", "-w", "1", "test", "echo", "it runs"];
    let program = agent.lock(&command);
    let mut client = agent.accept();
    client.receive();
    client.send(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    program.wait_for("waiting 0 s");
    program.signal(Signal::STOP);
    client.send(r#"{"waiting":{"text":"1 s for 2 (heard 0 s ago)"}}"#);
    client.send_granted();
    // This one waits for a line until the other one's time would be over too.
    let other = agent.lock(&command);
    let _silent = agent.accept();
    let (status, _) = other.finish();
    assert_eq!(status.code(), Some(125));
    program.signal(Signal::CONT);
    client.go();
    client.release();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.contains(&"it runs".to_owned()), "{lines:?}");
}

#[test]
fn with_v_it_reports_what_it_waits_for() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["-v", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.send(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    client.send(r#"{"waiting":{"text":"0 s for 3 \u001b[2J (heard 1 s ago)"}}"#);
    let line = program.wait_for("waiting");
    assert_eq!(
        line,
        r"turno: test: waiting 0 s for 3 \u{1b}[2J (heard 1 s ago)"
    );
    client.send(r#"{"waiting":{"text":"2 s for 3 (heard 3 s ago)"}}"#);
    program.wait_for("turno: test: waiting 2 s for 3 (heard 3 s ago)");
    client.grant();
    program.wait_for("it runs");
    client.release();
    let (status, _) = program.finish();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn without_a_terminal_it_prints_nothing_of_its_own() {
    let agent = FakeAgent::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.send(r#"{"waiting":{"text":"100 s for 2 (heard 0 s ago)"}}"#);
    client.grant();
    client.release();
    assert_eq!(program.finish().1, ["it runs"]);
}

#[test]
fn the_environment_names_the_socket_of_the_agent() {
    let agent = FakeAgent::start();
    let asks = |variable: &str, value: &std::path::Path| {
        let mut child = Command::new(TURNO)
            .args(["lock", "--agent-patience", "0", "test", "true"])
            .env_remove("TURNO_SOCKET")
            .env(variable, value)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        agent.accept().receive();
        child.wait().unwrap();
    };
    asks("TURNO_SOCKET", agent.socket().as_ref());
}

/// The queue of clients is so full that the system accepts no more.
#[test]
fn with_n_it_does_not_wait_for_an_agent_that_accepts_no_client() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listener, 0).unwrap();
    let _first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let arguments = [
        "lock",
        "-v",
        "-n",
        "--socket",
        path.to_str().unwrap(),
        "test",
        "true",
    ];
    let (status, lines) = Program::start("turno lock", &arguments).finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(" does not answer: it may be stopped, "));
    assert!(lines[1].ends_with(" does not answer"), "{lines:?}");
}

#[test]
fn its_help_names_every_exit_code() {
    let help = Command::new(TURNO)
        .args(["lock", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for code in [
        "  124  ", "  125  ", "  126  ", "  127  ", "  2  ", "128 + N",
    ] {
        assert!(help.contains(code), "{code}");
    }
    // And its first example works.
    let agent = FakeAgent::start();
    let (output, _) = granted(&agent, &["deploy", "--", "true"], b"");
    assert!(output.status.success());
}
