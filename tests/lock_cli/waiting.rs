//! Before the command runs.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::granted;
use super::support::Program;
use super::support::stand_in::StandIn;

#[test]
fn it_asks_for_the_lock_and_says_what_for() {
    let agent = StandIn::start();
    let asked = |options: &[&str]| {
        let _program = agent.lock(&[options, &["disk 7", "rsync", "-a", "é"]].concat());
        agent.accept().hear()
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
fn nothing_runs_before_the_agent_says_go() {
    let agent = StandIn::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.grant_without_go();
    client.close();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" is lost: "), "{lines:?}");
    client.is_unlocked();
}

/// The answer to a `turno lock` with these options; what it comes to.
fn comes_to(answer: &str, options: &[&str]) -> (Option<i32>, String) {
    let agent = StandIn::start();
    let program = agent.lock(&[options, &["test", "echo", "it runs"]].concat());
    let mut client = agent.accept();
    client.hear();
    client.say(answer);
    client.has_gone();
    let (status, lines) = program.finish();
    (status.code(), lines.join("\n"))
}

#[test]
fn a_lock_that_is_not_to_be_had_in_time_has_a_code_of_its_own() {
    let answer = r#"{"timed_out":{"why":"process 4711 holds it"}}"#;
    let code = |options: &[&str]| comes_to(answer, options);
    let said = "turno: test: process 4711 holds it".to_owned();
    assert_eq!(code(&["-w", "1"]), (Some(124), said.clone()));
    assert_eq!(code(&["-w", "1", "-E", "75"]), (Some(75), said.clone()));
    assert_eq!(code(&["-n"]), (Some(124), String::new()));
    assert_eq!(code(&["-n", "-v"]), (Some(124), said));
    assert_eq!(code(&["-n", "-E", "0"]), (Some(0), String::new()));
}

#[test]
fn what_the_agent_cannot_do_is_a_failure_of_turno() {
    let answer = r#"{"failed":{"why":"the node \u001b[2J has ended"}}"#;
    let said = r"turno: test: the agent says: the node \u{1b}[2J has ended".to_owned();
    assert_eq!(comes_to(answer, &["-E", "75"]), (Some(125), said));
    let (code, said) = comes_to(r#"{"go":{}}"#, &[]);
    assert_eq!(code, Some(125));
    assert!(said.contains("it sent an unexpected answer: Go"), "{said}");
    let (code, said) = comes_to("\u{1b}[2J", &[]);
    assert_eq!(code, Some(125));
    assert!(said.contains("expected value"), "{said}");
}

#[test]
fn a_record_that_cannot_be_locked_is_a_failure_of_turno() {
    let granted = r#"{"granted":{"token":17,"node":2,"record":"/nowhere/record"}}"#;
    let (code, said) = comes_to(granted, &[]);
    assert_eq!(code, Some(125));
    assert!(said.contains("cannot lock /nowhere/record, the agent's record"));

    let agent = StandIn::start();
    let record = tempfile::NamedTempFile::new().unwrap();
    let other = std::fs::File::open(record.path()).unwrap();
    other.lock().unwrap();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.hear();
    client.say(&format!(
        r#"{{"granted":{{"token":17,"node":2,"record":{:?}}}}}"#,
        record.path()
    ));
    client.has_gone();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert!(lines[0].contains("cannot lock /"), "{lines:?}");
}

#[test]
fn an_agent_that_is_not_there_can_be_started() {
    let program = Program::start(
        "turno lock",
        &["lock", "--socket", "/nowhere/s", "a", "true"],
    );
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    let said = &lines[0];
    assert!(said.starts_with("turno: a: no agent listens at /nowhere/s: No such"));
    assert!(said.contains("turno agent"), "{said}");

    // One that has ended leaves its socket.
    let agent = StandIn::start();
    let socket = agent.socket();
    let _folder = agent.end();
    let arguments = ["lock", "--socket", &socket, "a", "true"];
    let (status, lines) = Program::start("turno lock", &arguments).finish();
    assert_eq!(status.code(), Some(125));
    assert!(lines[0].contains("Connection refused"), "{lines:?}");
}

#[test]
fn an_agent_that_does_not_answer_is_not_waited_for_longer_than_said() {
    let agent = StandIn::start();
    let program = agent.lock(&["-w", "0.1", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.hear();
    client.has_gone();
    is_not_waited_for(program);
}

/// It says how to look, then that its time is over.
fn is_not_waited_for(program: Program) {
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(124));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains(" does not answer: it may be stopped, "));
    assert!(lines[1].ends_with(" does not answer"), "{lines:?}");
}

#[test]
fn an_agent_that_does_not_answer_is_told_of_once_and_waited_for() {
    let silent = " does not answer: it may be stopped, ";
    let is_waited_for = |says_before: Option<&str>| {
        let agent = StandIn::start();
        let program = agent.lock(&["test", "echo", "it runs"]);
        let mut client = agent.accept();
        if let Some(says) = says_before {
            client.say(says);
        }
        let line = program.wait_for(silent);
        let socket = agent.socket();
        assert!(line.starts_with(&format!("turno: test: the agent at {socket}{silent}")));
        client.grant();
        client.releases();
        assert_eq!(program.finish().1, [line, "it runs".to_owned()]);
    };
    is_waited_for(None);
    // It owes another word after some time.
    is_waited_for(Some(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#));
}

/// What the agent has said meanwhile is there to be read.
#[test]
fn who_was_stopped_himself_says_nothing_of_the_agent() {
    let agent = StandIn::start();
    let program = agent.lock(&["-v", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.say(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    program.wait_for("waiting 0 s");
    program.signal(Signal::STOP);
    client.say(r#"{"waiting":{"text":"2 s for 2 (heard 0 s ago)"}}"#);
    // To this one it says nothing, for as long as the other was to wait for a word.
    let other = agent.lock(&["test", "echo", "it runs"]);
    let _silent = agent.accept();
    other.wait_for(" does not answer");
    program.signal(Signal::CONT);
    client.grant();
    client.releases();
    let (_, lines) = program.finish();
    let says_so = |line: &String| line.contains(" does not answer");
    assert!(!lines.iter().any(says_so), "{lines:?}");
}

/// However late it reads it.
#[test]
fn who_was_stopped_himself_takes_what_was_granted_meanwhile() {
    let agent = StandIn::start();
    let command = ["-v", "-w", "1", "test", "echo", "it runs"];
    let program = agent.lock(&command);
    let mut client = agent.accept();
    client.hear();
    client.say(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    program.wait_for("waiting 0 s");
    program.signal(Signal::STOP);
    client.say(r#"{"waiting":{"text":"1 s for 2 (heard 0 s ago)"}}"#);
    client.say_granted();
    // This one waits for a word for as long as the other would have.
    let other = agent.lock(&command);
    let _silent = agent.accept();
    let (status, _) = other.finish();
    assert_eq!(status.code(), Some(124));
    program.signal(Signal::CONT);
    client.go();
    client.releases();
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(0), "{lines:?}");
    assert!(lines.contains(&"it runs".to_owned()), "{lines:?}");
}

#[test]
fn with_v_it_says_for_whom_it_waits_after_a_moment() {
    let agent = StandIn::start();
    let program = agent.lock(&["-v", "test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.say(r#"{"waiting":{"text":"0 s for 2 (heard 0 s ago)"}}"#);
    client.say(r#"{"waiting":{"text":"0 s for 3 \u001b[2J (heard 1 s ago)"}}"#);
    let line = program.wait_for("waiting");
    assert_eq!(
        line,
        r"turno: test: waiting 0 s for 3 \u{1b}[2J (heard 1 s ago)"
    );
    client.say(r#"{"waiting":{"text":"2 s for 3 (heard 3 s ago)"}}"#);
    program.wait_for("turno: test: waiting 2 s for 3 (heard 3 s ago)");
    client.grant();
    program.wait_for("it runs");
    client.releases();
    let (status, _) = program.finish();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn without_a_terminal_it_says_nothing() {
    let agent = StandIn::start();
    let program = agent.lock(&["test", "echo", "it runs"]);
    let mut client = agent.accept();
    client.say(r#"{"waiting":{"text":"100 s for 2 (heard 0 s ago)"}}"#);
    client.grant();
    client.releases();
    assert_eq!(program.finish().1, ["it runs"]);
}

#[test]
fn the_agent_is_looked_for_where_the_environment_says() {
    let agent = StandIn::start();
    let asks = |variable: &str, value: &std::path::Path| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_turno"))
            .args(["lock", "test", "true"])
            .env_remove("TURNO_SOCKET")
            .env(variable, value)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        agent.accept().hear();
        child.wait().unwrap();
    };
    asks("TURNO_SOCKET", agent.socket().as_ref());
}

/// So many clients wait that the system takes no more.
#[test]
fn an_agent_that_takes_no_client_is_not_waited_for_longer_than_said() {
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
    is_not_waited_for(Program::start("turno lock", &arguments));
}

#[test]
fn its_help_names_every_exit_code() {
    let help = Command::new(env!("CARGO_BIN_EXE_turno"))
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
    let agent = StandIn::start();
    let (output, _) = granted(&agent, &["deploy", "--", "true"], b"");
    assert!(output.status.success());
}
