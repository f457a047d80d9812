//! `turno lock`, with a stand-in for the agent.

#[path = "../support/mod.rs"]
mod support;

mod agent_lost;
mod killed;
mod signals;
mod terminal;
mod waiting;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::thread;

use support::Program;
use support::stand_in::{Client, StandIn, is_alive};

/// The process of which a line tells: `NAME 4711`.
fn pid(program: &Program, name: &str) -> u32 {
    let line = program.wait_for(&format!("{name} "));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// All that a `turno lock` prints and says, while its lock is granted.
fn granted(agent: &StandIn, arguments: &[&str], input: &[u8]) -> (Output, Client) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_turno"))
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
    // It may not want all of it.
    thread::spawn(move || pipe.write_all(&input));
    let reader = thread::spawn(|| child.wait_with_output().unwrap());
    client.releases();
    (reader.join().unwrap(), client)
}

fn code_of(command: &[&str]) -> (Option<i32>, String) {
    let agent = StandIn::start();
    let (output, client) = granted(&agent, &[&["test", "--"], command].concat(), b"");
    assert!(!client.is_locked());
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn the_exit_code_is_the_commands_own() {
    for code in [0, 1, 2, 77, 124, 125, 255] {
        let exits = format!("exit {code}");
        let (ended, said) = code_of(&["sh", "-c", &exits]);
        assert_eq!((ended, said.as_str()), (Some(code), ""));
    }
}

#[test]
fn of_a_command_killed_by_a_signal_it_is_128_and_the_number() {
    for (signal, code) in [("TERM", 143), ("KILL", 137), ("INT", 130), ("SEGV", 139)] {
        let kills = format!("ulimit -c 0; kill -{signal} $$");
        let (ended, said) = code_of(&["sh", "-c", &kills]);
        assert_eq!((ended, said.as_str()), (Some(code), ""));
    }
}

#[test]
fn a_command_that_cannot_be_executed_has_codes_of_its_own() {
    let (code, said) = code_of(&["/nowhere/\u{1b}[2Jat all"]);
    assert_eq!(code, Some(127));
    assert_eq!(
        said,
        "turno: cannot run /nowhere/\\u{1b}[2Jat all: No such file or directory (os error 2)\n"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no program").unwrap();
    let (code, said) = code_of(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(126));
    assert!(said.contains("Permission denied"), "{said}");
    // Nor is it given to a shell.
    fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    let (code, said) = code_of(&[file.to_str().unwrap()]);
    assert_eq!(code, Some(126));
    assert!(said.contains("Exec format error"), "{said}");
}

#[test]
fn input_and_output_are_the_commands_own() {
    let input: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let agent = StandIn::start();
    let (output, _) = granted(&agent, &["test", "--", "cat"], &input);
    assert!(output.stdout == input);
    // What it does not read is left to others.
    let script = "read line; echo \"$line\"; echo error >&2";
    let (output, _) = granted(&agent, &["test", "sh", "-c", script], b"one\ntwo\n");
    assert_eq!(output.stdout, b"one\n");
    assert_eq!(output.stderr, b"error\n");
}

#[test]
fn the_command_gets_its_arguments_as_they_are_and_sees_its_lock() {
    let agent = StandIn::start();
    let script = r#"echo "$TURNO_LOCK $TURNO_TOKEN $TURNO_NODE"; for a; do echo "<$a>"; done"#;
    let arguments = [
        "disk 7", "sh", "-c", script, "0", "-n", "$HOME *", "", "--", "é",
    ];
    let (output, _) = granted(&agent, &arguments, b"");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed, "disk 7 17 2\n<-n>\n<$HOME *>\n<>\n<-->\n<é>\n");
}

#[test]
fn the_command_inherits_the_record_and_nothing_else_of_turno() {
    let agent = StandIn::start();
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
fn what_a_command_leaves_behind_of_its_own_accord_goes_on() {
    let agent = StandIn::start();
    let script = "sleep 1000 >/dev/null 2>&1 & echo left $!";
    let (program, mut client) = agent.lock_and_run(&[], script);
    let left = pid(&program, "left");
    client.releases();
    let (status, _) = program.finish();
    assert_eq!(status.code(), Some(0));
    assert!(is_alive(left));
    support::stand_in::kill(left);
    client.is_unlocked();
}

#[test]
fn with_v_it_says_how_long_it_took() {
    let agent = StandIn::start();
    let (output, _) = granted(&agent, &["-v", "disk 7", "true"], b"");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(
        lines[0].starts_with("turno: disk 7: acquired after "),
        "{said}"
    );
    assert!(lines[0].ends_with(", token 17"), "{said}");
    assert!(
        lines[1].starts_with("turno: disk 7: released after "),
        "{said}"
    );
}

#[test]
fn wrong_use_is_told_apart() {
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
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_turno"))
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_supervisor_is_for_turno_alone() {
    let output = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["lock-supervisor", "--", "echo", "it runs"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(output.stdout, b"");
}
