//! A command that asks for the lock under which it runs, against a real agent.

use std::process::{Command, Stdio};

use crate::fixtures::fake_agent::FakeAgent;
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// An agent of a group of one, and how a shell calls `turno lock` with it.
struct Agent {
    _agent: Program,
    _ports: Ports,
    folder: tempfile::TempDir,
}

impl Agent {
    fn start() -> Self {
        let ports = Ports::reserve(1);
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s").display().to_string();
        let address = format!(":{}", ports.iter().next().unwrap());
        let arguments = ["agent", "--id", "1", "--socket", &socket, &address];
        let agent = Program::start("agent", &arguments);
        eventually("an answer of the agent", || {
            let mut status = Command::new(TURNO);
            let status = status
                .args(["status", "--socket", &socket])
                .output()
                .unwrap();
            status.status.success().then_some(())
        });
        Agent {
            _agent: agent,
            _ports: ports,
            folder,
        }
    }

    /// Runs a script in which `$L` is `turno lock`, and returns its exit code and its lines.
    fn run(&self, script: &str) -> (Option<i32>, Vec<String>) {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).env("L", format!("{TURNO} lock"));
        shell.env("TURNO_SOCKET", self.folder.path().join("s"));
        shell.env_remove("TURNO_HELD").current_dir(&self.folder);
        let (status, lines) = Program::spawn("sh", shell.stdin(Stdio::null())).finish();
        (status.code(), lines)
    }
}

#[test]
fn a_command_that_asks_for_its_own_lock_is_told_instead_of_waiting_for_itself() {
    let agent = Agent::start();
    for options in ["", "-n ", "-w 5 "] {
        let script = format!("$L a -- $L b -- $L {options}a -- echo it runs");
        let (code, lines) = agent.run(&script);
        assert_eq!(code, Some(125));
        assert_eq!(
            lines,
            [
                "turno: a: the agent says: this command runs under that lock already, and would wait \
              for itself; --reentrant runs it under the turn that there is"
            ]
        );
    }
}

#[test]
fn with_reentrant_a_command_runs_under_the_outer_turn_with_its_token() {
    let agent = Agent::start();
    let script = r#"
        $L a -- sh -c 'echo $TURNO_TOKEN
            $L b -- $L --reentrant a -- sh -c "echo \$TURNO_LOCK \$TURNO_TOKEN; exit 7"
            echo $?
            $L --reentrant a -- /nowhere/at-all; echo $?
            $L --reentrant c -- sh -c "echo \$TURNO_LOCK"'"#;
    let (code, lines) = agent.run(script);
    assert_eq!(code, Some(0), "{lines:?}");
    let token = lines[0].clone();
    let lines: Vec<&String> = lines
        .iter()
        .filter(|line| !line.starts_with("turno: "))
        .collect();
    assert_eq!(lines, [&token, &format!("a {token}"), "7", "127", "c"]);
}

#[test]
fn the_environment_lists_all_outer_turns_the_outermost_first() {
    let agent = Agent::start();
    let script = r#"$L 'disk 7' -- $L b -- sh -c 'echo "$TURNO_HELD"'"#;
    let (_, lines) = agent.run(script);
    let names: Vec<&str> = lines
        .iter()
        .map(|line| line.splitn(3, ' ').nth(2).unwrap())
        .collect();
    assert_eq!(names, ["disk 7", "b"]);
}

/// A background process keeps the environment of a turn that has ended.
#[test]
fn a_turn_that_has_ended_proves_nothing() {
    let agent = Agent::start();
    // The second turn is another one, so the process that was left behind waits for it.
    let script = r#"
        $L a -- sh -c '(while ! [ -e held ]; do sleep 0.01; done; : > asks
                        exec $L --reentrant a -- sh -c "echo token \$TURNO_TOKEN") &'
        $L a -- sh -c ': > held; while ! [ -e asks ]; do sleep 0.01; done
                       sleep 0.2; echo token $TURNO_TOKEN'
        wait"#;
    let (_, lines) = agent.run(script);
    let tokens: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("token "))
        .collect();
    assert_eq!(tokens.len(), 2, "{lines:?}");
    assert_ne!(tokens[0], tokens[1], "{lines:?}");
}

#[test]
fn an_agent_that_does_not_know_of_outer_turns_is_asked_without() {
    let agent = FakeAgent::start();
    let lock = |options: &[&str]| {
        let mut command = Command::new(TURNO);
        command.args(agent.arguments(&[options, &["test", "echo", "it runs"]].concat()));
        command
            .env("TURNO_HELD", "17 25:4711 test")
            .stdin(Stdio::null());
        Program::spawn("turno lock", &mut command)
    };
    let refusal = r#"{"failed":{"why":"malformed message: unknown field `outer`, expected ..."}}"#;
    // It is there, so that takes no patience.
    let program = lock(&["--agent-patience", "0"]);
    let mut client = agent.accept();
    let ask = client.receive();
    let outer = r#""outer":{"name":"test","token":17,"device":25,"inode":4711}"#;
    assert!(ask.contains(outer), "{ask}");
    client.send(refusal);
    let mut client = agent.accept();
    let ask = client.receive();
    assert!(!ask.contains("outer"), "{ask}");
    client.send_granted();
    client.go();
    client.release();
    assert_eq!(program.finish().0.code(), Some(0));

    let program = lock(&["--reentrant"]);
    let mut client = agent.accept();
    assert!(client.receive().contains(r#""reentrant":true"#));
    client.send(refusal);
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(125));
    assert!(lines[0].contains("the agent is older"), "{lines:?}");
}
