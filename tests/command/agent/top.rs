//! `turno top` on a real terminal, driven through tmux.

use rustix::process::{Pid, Signal, kill_process};

use super::machines::Machines;
use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::TURNO;

/// Three machines, of which the second holds a lock, and the third waits for it.
fn group() -> (Machines, impl Sized) {
    let machines = Machines::start(3);
    let holder = machines.script(2, &[], "nightly", "echo $$ > held; exec sleep 1000");
    machines.line_in("held");
    let waiter = machines.lock(3, &[], "nightly", &["true"]);
    (machines, (holder, waiter))
}

#[test]
fn the_whole_group_is_shown_on_any_machine_and_q_ends_it() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let (machines, _clients) = group();
    terminal.run(&format!("{TURNO} top --socket {}", machines.socket(1)));
    let is_shown = |picture: &str| {
        let lock = picture.lines().find(|line| line.contains("nightly"));
        lock.is_some_and(|line| line.contains("(2)") && line.contains("pid "))
    };
    terminal.wait_until("the holder", is_shown);
    let has_waiter = |picture: &str| {
        let lock = picture.lines().find(|line| line.contains("nightly"));
        lock.is_some_and(|line| line.contains(" 1, "))
    };
    terminal.wait_until("the waiter", has_waiter);
    terminal.wait_until("two others that are up", |picture| {
        picture.matches(" up ").count() == 2
    });
    terminal.press(&["/", "x", "y", "z", "Enter"]);
    terminal.wait_until("no lock", |picture| !picture.contains("nightly"));
    terminal.press(&["Escape"]);
    terminal.wait_for("nightly");
    terminal.resize(40, 10);
    terminal.wait_until("a narrow picture", |picture| {
        picture.contains("nightly") && !picture.contains("pid ")
    });
    terminal.press(&["q"]);
    terminal.run("echo back at the prompt");
    terminal.wait_for("back at the prompt");
}

#[test]
fn a_signal_that_ends_it_gives_the_terminal_back() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let (machines, _clients) = group();
    let pid = machines.path("pid").display().to_string();
    terminal.run(&format!(
        "sh -c 'echo $$ > {pid}; exec {TURNO} top --socket {}'; echo ended $?",
        machines.socket(1)
    ));
    terminal.wait_for("nightly");
    let top = Pid::from_raw(machines.pid_in("pid").cast_signed()).unwrap();
    kill_process(top, Signal::TERM).unwrap();
    let picture = terminal.wait_for("ended 0");
    assert!(!picture.contains("nightly"), "{picture}");
    terminal.run("echo typed");
    terminal.wait_for("typed");
}
