//! `turno lock` on a real terminal, driven through tmux.

use rustix::process::Signal;

use crate::fixtures::fake_agent::{Client, FakeAgent};
use crate::fixtures::processes::{signal, wait_for_end};
use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::TURNO;

/// Types a `turno lock` on a new terminal, and accepts its connection.
fn typed(agent: &FakeAgent, command: &str) -> Option<(Terminal, Client)> {
    let terminal = Terminal::open(100, 20)?;
    let socket = agent.socket();
    terminal.run("clear");
    terminal.run(&format!(
        "t='{TURNO} lock --agent-patience 0 --socket {socket}'"
    ));
    terminal.run(&format!("clear; $t test -- {command}"));
    Some((terminal, agent.accept()))
}

/// Waits until the shell is back, checks the exit code, and returns the picture.
fn ends_with(terminal: &Terminal, code: i32) -> String {
    terminal.wait_until("the shell", |picture| picture.trim_end().ends_with('$'));
    terminal.run("echo code $?");
    terminal.wait_for(&format!("code {code}"))
}

/// Does what [`typed`] does, and grants the lock.
fn running(agent: &FakeAgent, command: &str) -> Option<(Terminal, Client)> {
    let (terminal, mut client) = typed(agent, command)?;
    client.grant();
    Some((terminal, client))
}

/// Returns the number behind this word on the screen.
fn number(picture: &str, word: &str) -> u32 {
    let found = picture.lines().find_map(|line| line.strip_prefix(word));
    found.unwrap().trim().parse().unwrap()
}

#[test]
fn a_waiting_client_reports_what_it_waits_for_and_ctrl_c_ends_it() {
    let agent = FakeAgent::start();
    let Some((terminal, mut client)) = typed(&agent, "echo it runs") else {
        return;
    };
    client.receive();
    client.send(r#"{"waiting":{"text":"1 s for 3 (heard 1 s ago)"}}"#);
    terminal.wait_for("turno: test: waiting 1 s for 3 (heard 1 s ago)");
    terminal.press(&["C-c"]);
    client.wait_for_disconnect();
    ends_with(&terminal, 130);

    terminal.run("$t test -- echo it runs");
    let mut client = agent.accept();
    client.send(r#"{"waiting":{"text":"2 s for 3 (heard 2 s ago)"}}"#);
    terminal.wait_for("turno: test: waiting 2 s for 3 (heard 2 s ago)");
    client.grant();
    client.release();
    let picture = ends_with(&terminal, 0);
    assert!(
        picture.contains("turno: test: acquired after "),
        "{picture}"
    );
}

/// Checks that Ctrl-C ends a command that prints `ready`.
fn is_ended_by_ctrl_c(command: &str) {
    let agent = FakeAgent::start();
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    terminal.wait_for("ready\n");
    terminal.press(&["C-c"]);
    client.release();
    ends_with(&terminal, 130);
}

#[test]
fn ctrl_c_ends_the_command() {
    is_ended_by_ctrl_c("sh -c 'echo ready; exec sleep 1000'");
}

#[test]
fn a_command_gets_ctrl_c_once() {
    let agent = FakeAgent::start();
    let script = r#"trap "echo got INT" INT; sleep 1000 & s=$!; trap "kill -9 $s; exit 3" TERM;
        echo command $$; echo ready; while :; do wait $s; done"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script");
    std::fs::write(&file, script).unwrap();
    let Some((terminal, mut client)) = running(&agent, &format!("sh {}", file.display())) else {
        return;
    };
    for n in 1..=3 {
        terminal.wait_for("ready\n");
        terminal.press(&["C-c"]);
        terminal.wait_until("one line for each key", |picture| {
            picture.matches("got INT").count() == n
        });
    }
    signal(number(&terminal.picture(), "command "), Signal::TERM);
    client.release();
    let picture = ends_with(&terminal, 3);
    assert_eq!(picture.matches("got INT").count(), 3, "{picture}");
}

/// The terminal does not send its signals to such a command: the client does.
#[test]
fn ctrl_c_ends_a_command_in_a_session_of_its_own() {
    is_ended_by_ctrl_c("setsid sh -c 'echo ready; exec sleep 1000'");
}

#[test]
fn ctrl_z_stops_the_command_and_fg_continues_it() {
    let agent = FakeAgent::start();
    let Some((terminal, mut client)) = running(&agent, "sh -c 'echo ready; read x; echo got $x'")
    else {
        return;
    };
    terminal.wait_for("ready\n");
    terminal.press(&["C-z"]);
    terminal.wait_for("Stopped");
    assert!(client.is_locked());
    terminal.run("fg");
    // Before that bash would read what is typed.
    terminal.wait_until("the command", |picture| {
        picture.trim_end().ends_with("got $x'")
    });
    terminal.run("word");
    terminal.wait_for("got word");
    client.release();
    ends_with(&terminal, 0);
}

#[test]
fn ctrl_z_takes_a_waiting_client_out_of_the_line_and_fg_has_it_ask_again() {
    let agent = FakeAgent::start();
    let Some((terminal, mut client)) = typed(&agent, "echo it runs") else {
        return;
    };
    client.receive();
    client.send(r#"{"waiting":{"text":"1 s for 3 (heard 1 s ago)"}}"#);
    terminal.wait_for("waiting 1 s");
    terminal.press(&["C-z"]);
    terminal.wait_for("Stopped");
    client.wait_for_disconnect();
    terminal.run("fg");
    let mut client = agent.accept();
    client.grant();
    client.release();
    ends_with(&terminal, 0);
}

/// Ctrl-Z does not stop the supervisor.
#[test]
fn a_client_killed_while_it_and_its_command_are_stopped_leaves_nothing_running() {
    let agent = FakeAgent::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    terminal.press(&["C-z"]);
    terminal.wait_for("Stopped");
    terminal.run("kill -9 %1");
    client.wait_for_disconnect();
    client.wait_until_unlocked();
    wait_for_end(command);
}

#[test]
fn an_interactive_command_has_the_terminal() {
    let agent = FakeAgent::start();
    let Some((terminal, mut client)) = running(&agent, "bash --norc --noprofile -i") else {
        return;
    };
    terminal.run("echo in $TURNO_LOCK");
    terminal.wait_for("in test");
    // Now it has the terminal.
    terminal.run("sh -c 'echo ready; exec sleep 1000'");
    terminal.wait_for("ready\n");
    terminal.press(&["C-c"]);
    // Before that the terminal would discard what is typed.
    terminal.wait_until("the shell", |picture| picture.trim_end().ends_with("^C\n$"));
    terminal.run("echo after $?");
    terminal.wait_for("after 130");
    terminal.run("exit 5");
    client.release();
    ends_with(&terminal, 5);
}

#[test]
fn a_terminal_that_hangs_up_ends_the_command() {
    let agent = FakeAgent::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    terminal.hang_up();
    client.wait_until_unlocked();
    wait_for_end(command);
}

#[test]
fn the_loss_of_the_agent_is_reported() {
    let agent = FakeAgent::start();
    let Some((terminal, client)) = running(&agent, "sh -c 'echo ready; exec sleep 1000'") else {
        return;
    };
    terminal.wait_for("ready\n");
    client.close();
    terminal.wait_for("the command was ended, because the lock was lost");
    ends_with(&terminal, 125);
}

/// The command ends by the same signal that the client passes on.
#[test]
fn a_signal_to_the_whole_process_group_ends_the_command_once() {
    let agent = FakeAgent::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    let stat = std::fs::read_to_string(format!("/proc/{command}/stat")).unwrap();
    let group = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap();
    let group = rustix::process::Pid::from_raw(group.parse().unwrap()).unwrap();
    rustix::process::kill_process_group(group, Signal::TERM).unwrap();
    client.release();
    ends_with(&terminal, 143);
    wait_for_end(command);
}
