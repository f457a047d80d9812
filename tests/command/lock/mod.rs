//! `turno lock` against a fake agent.

mod agent_lost;
mod agent_restarted;
mod keeping;
mod killed;
mod line;
mod reentrant;
mod signals;
mod terminal;
mod waiting;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::fixtures::fake_agent::{Client, FakeAgent};
use crate::fixtures::processes::{is_alive, kill};
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;

/// Waits for a line `NAME 4711`, and returns the pid.
fn pid(program: &Program, name: &str) -> u32 {
    let line = program.wait_for(&format!("{name} "));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Runs a `turno lock`, grants it the lock, and returns all that it prints.
fn granted(agent: &FakeAgent, arguments: &[&str], input: &[u8]) -> (Output, Client) {
    let mut child = Command::new(TURNO)
        .args(agent.arguments(arguments))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut client = agent.accept();
    client.grant();
    let mut pipe = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The command may not read all of it.
    thread::spawn(move || pipe.write_all(&input));
    let reader = thread::spawn(|| child.wait_with_output().unwrap());
    client.release();
    (reader.join().unwrap(), client)
}

/// Runs a command under a lock, and returns its exit code and its errors.
fn code_of(command: &[&str]) -> (Option<i32>, String) {
    let agent = FakeAgent::start();
    let (output, client) = granted(&agent, &[&["test", "--"], command].concat(), b"");
    assert!(!client.is_locked());
    let error = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), error)
}

#[test]
fn the_exit_code_is_the_commands_own() {
    for code in [0, 1, 2, 77, 124, 125, 255] {
        let exits = format!("exit {code}");
        let (ended, error) = code_of(&["sh", "-c", &exits]);
        assert_eq!((ended, error.as_str()), (Some(code), ""));
    }
}

#[test]
fn the_exit_code_of_a_command_killed_by_a_signal_is_128_and_its_number() {
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("SEGV", 139)] {
        let kills = format!("ulimit -c 0; kill -{signal} $$");
        let (ended, error) = code_of(&["sh", "-c", &kills]);
        assert_eq!((ended, error.as_str()), (Some(code), ""));
    }
}

#[test]
fn a_command_that_cannot_be_executed_has_codes_of_its_own() {
    let (code, error) = code_of(&["/nowhere/\u{1b}[2Jat all"]);
    assert_eq!(code, Some(127));
    assert_eq!(
        error,
        "turno: cannot run /nowhere/\\u{1b}[2Jat all: No such file or directory (os error 2)\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no program").unwrap();
    let (code, error) = code_of(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(126));
    assert!(error.contains("Permission denied"), "{error}");
    // A file of an unknown format is not handed to a shell.
    fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let (code, error) = code_of(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(126));
    assert!(error.contains("Exec format error"), "{error}");
}

#[test]
fn input_and_output_are_the_commands_own() {
    let input: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let agent = FakeAgent::start();
    let (output, _) = granted(&agent, &["test", "--", "cat"], &input);
    assert!(output.stdout == input);
    // The input may have more than the command reads.
    let script = "read line; echo \"$line\"; echo error >&2";
    let (output, _) = granted(&agent, &["test", "sh", "-c", script], b"one\ntwo\n");
    assert_eq!(output.stdout, b"one\n");
    assert_eq!(output.stderr, b"error\n");
}

#[test]
fn the_command_gets_its_arguments_unchanged_and_its_lock_in_the_environment() {
    let agent = FakeAgent::start();
    let script = r#"echo "$TURNO_LOCK $TURNO_TOKEN $TURNO_NODE"; for a; do echo "<$a>"; done"#;
    let arguments = [
        "disk 7", "sh", "-c", script, "0", "-n", "$HOME *", "", "--", "é",
    ];
    let (output, _) = granted(&agent, &arguments, b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "disk 7 17 2\n<-n>\n<$HOME *>\n<>\n<-->\n<é>\n");
}

#[test]
fn the_command_inherits_the_record_and_no_other_file_or_signal_setting_of_turno() {
    let agent = FakeAgent::start();
    let script = "ls -l /proc/self/fd; grep Sig[BIC] /proc/self/status";
    let (output, client) = granted(&agent, &["test", "sh", "-c", script], b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    let without = Command::new("sh").args(["-c", script]).output().unwrap();
    let without = String::from_utf8(without.stdout).unwrap();
    let signals = |printed: &str| {
        let lines = printed.lines().filter(|line| line.starts_with("Sig"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(signals(&printed), signals(&without));
    assert_eq!(signals(&printed).len(), 3, "{printed}");
    assert_eq!(printed.lines().count(), without.lines().count() + 1);
    let record = client.record().to_str().unwrap();
    assert_eq!(printed.matches(record).count(), 1, "{printed}");
}

#[test]
fn a_process_that_a_command_leaves_behind_keeps_running() {
    let agent = FakeAgent::start();
    let script = "sleep 1000 >/dev/null 2>&1 & echo left $!";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let left = pid(&program, "left");
    client.release();
    let (status, _) = program.finish();
    assert_eq!(status.code(), Some(0));
    assert!(is_alive(left));
    kill(left);
    client.wait_until_unlocked();
}

#[test]
fn with_v_it_reports_how_long_it_waited_and_held_the_lock() {
    let agent = FakeAgent::start();
    let (output, _) = granted(&agent, &["-v", "disk 7", "true"], b"");
    let error = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert!(
        lines[0].starts_with("turno: disk 7: acquired after "),
        "{error}"
    );
    assert!(lines[0].ends_with(", token 17"), "{error}");
    assert!(
        lines[1].starts_with("turno: disk 7: released after "),
        "{error}"
    );
}

#[test]
fn wrong_use_has_an_exit_code_of_its_own() {
    let long = "x".repeat(129);
    for arguments in [
        &["lock"][..],
        &["lock", "test"],
        &["lock", &long, "true"],
        &["lock", "a\nb", "true"],
        &["lock", "-n", "-w", "1", "test", "true"],
        &["lock", "-w", "-1", "test", "true"],
        &["lock", "-w", "NaN", "test", "true"],
        &["lock", "-w", "soon", "test", "true"],
        &["lock", "-E", "256", "test", "true"],
        &["lock", "--agent-patience", "soon", "test", "true"],
    ] {
        let output = Command::new(TURNO).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn only_turno_can_start_the_supervisor() {
    let output = Command::new(TURNO)
        .args(["lock-supervisor", "--", "echo", "it runs"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(output.stdout, b"");
}
