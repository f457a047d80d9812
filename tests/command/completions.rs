//! Completions in real shells, each at a terminal: Tab completes the name of a lock that a
//! running agent knows, so that the shell takes it for one word.

use std::fs;
use std::path::Path;

use crate::agent::machines::Machines;
use crate::fixtures::needs::require;
use crate::fixtures::program::Program;
use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::{TURNO, run};

/// A lock that has to be quoted, and one that a shell would obey if it were not.
const LOCKS: [&str; 2] = ["disk 7", "a$(touch obeyed):b"];

/// The script of a shell, in a file.
fn script(machines: &Machines, shell: &str, name: &str) -> String {
    let (code, text, error) = run(&["completions", shell]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    fs::write(machines.path(name), text).unwrap();
    machines.path(name).display().to_string()
}

/// An agent whose locks are held.
fn agent_with_locks() -> (Machines, Vec<Program>) {
    let machines = Machines::start(1);
    let held = LOCKS.map(|name| machines.script(1, &[], name, "echo begun; sleep 10000"));
    let held: Vec<Program> = held.into_iter().collect();
    held.iter().for_each(|it| drop(it.wait_for("begun")));
    (machines, held)
}

/// Starts a shell by this command on a terminal, and has it complete the names of both locks.
/// They are held, so that turno lock -n ends with 124 if the shell has given it that name.
fn completes_lock_names(machines: &Machines, shell: &str, code: &str) {
    let Some(terminal) = Terminal::open(100, 30) else {
        return;
    };
    let folder = Path::new(TURNO).parent().unwrap().display();
    let (socket, here) = (machines.socket(1), machines.folder());
    terminal.run(&format!(
        "cd {here}; export PATH={folder}:$PATH TURNO_SOCKET={socket}; clear; {shell}"
    ));
    terminal.run("echo it; echo is; echo there");
    terminal.wait_for("\nthere");
    for (typed, completed) in [("di", "disk\\ 7"), ("a", "obeyed")] {
        terminal.press(&["C-l"]);
        terminal.press(&["-l", &format!("turno lock -w 0.01 {typed}")]);
        terminal.press(&["Tab"]);
        terminal.wait_for(completed);
        terminal.run(&format!(" -- true; echo code ${code} of {typed}"));
        terminal.wait_for(&format!("\ncode 124 of {typed}"));
    }
    assert!(!machines.path("obeyed").exists());
}

#[test]
fn bash_completes_the_names_of_locks_as_one_word() {
    let (machines, _held) = agent_with_locks();
    let script = script(&machines, "bash", "turno.bash");
    let rc = machines.path("rc");
    fs::write(&rc, format!("PS1='$ '\nsource {script}\n")).unwrap();
    completes_lock_names(
        &machines,
        &format!("bash --noprofile --rcfile {} -i", rc.display()),
        "?",
    );
}

#[test]
fn zsh_completes_the_names_of_locks_as_one_word() {
    if require("zsh", &["zsh"]).is_none() {
        return;
    }
    let (machines, _held) = agent_with_locks();
    script(&machines, "zsh", "_turno");
    let folder = machines.folder();
    let rc = format!("PS1='$ '\nfpath=({folder} $fpath)\nautoload -U compinit\ncompinit -D -u\n");
    fs::write(machines.path(".zshrc"), rc).unwrap();
    completes_lock_names(&machines, &format!("env ZDOTDIR={folder} zsh -i"), "?");
}

#[test]
fn fish_completes_the_names_of_locks_as_one_word() {
    if require("fish", &["fish"]).is_none() {
        return;
    }
    let (machines, _held) = agent_with_locks();
    let script = script(&machines, "fish", "turno.fish");
    let shell = format!(
        "env HOME={} fish --no-config -C 'source {script}'",
        machines.folder()
    );
    completes_lock_names(&machines, &shell, "status");
}

#[test]
fn names_are_told_for_the_word_that_is_one_and_members_by_their_names() {
    let (machines, _held) = agent_with_locks();
    let socket = machines.socket(1);
    let names = |words: &[&str]| {
        let (code, text, error) = run(&[&["complete-names", "--"], words].concat());
        assert_eq!(error, "");
        (code, text)
    };
    let both = (Some(0), format!("{}\n{}\n", LOCKS[1], LOCKS[0]));
    assert_eq!(names(&["lock", "--socket", &socket, "-w", "3", ""]), both);
    assert_eq!(
        names(&["lock", "--socket", &socket, "x", ""]),
        (Some(1), String::new())
    );
    // Nothing is said of an agent that is not there.
    let nowhere = machines.path("nowhere").display().to_string();
    assert_eq!(
        names(&["lock", "--socket", &nowhere, ""]),
        (Some(0), String::new())
    );
    let pair = Machines::start(2);
    let words = ["agent", "--socket", &pair.socket(1), "--without", ""];
    assert_eq!(names(&words), (Some(0), format!("{}\n", pair.members[1])));
}
