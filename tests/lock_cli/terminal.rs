//! On a real terminal, driven through tmux.

use rustix::process::Signal;

use super::support::stand_in::{Client, StandIn, has_ended, signal};
use super::support::tmux::Terminal;

/// A terminal on which a `turno lock` was typed, and its client.
fn typed(agent: &StandIn, command: &str) -> Option<(Terminal, Client)> {
    let terminal = Terminal::open(100, 20)?;
    let (turno, socket) = (env!("CARGO_BIN_EXE_turno"), agent.socket());
    terminal.run("clear");
    terminal.run(&format!("t='{turno} lock --socket {socket}'"));
    terminal.run(&format!("clear; $t test -- {command}"));
    Some((terminal, agent.accept()))
}

/// Waits until the shell is there again; the picture with the exit code.
fn ends_with(terminal: &Terminal, code: i32) -> String {
    terminal.wait_until("the shell", |picture| picture.trim_end().ends_with('$'));
    terminal.run("echo code $?");
    terminal.wait_for(&format!("code {code}"))
}

/// As [`typed`], with the lock granted.
fn running(agent: &StandIn, command: &str) -> Option<(Terminal, Client)> {
    let (terminal, mut client) = typed(agent, command)?;
    client.grant();
    Some((terminal, client))
}

/// The number behind this word on the screen.
fn number(picture: &str, word: &str) -> u32 {
    let found = picture.lines().find_map(|line| line.strip_prefix(word));
    found.unwrap().trim().parse().unwrap()
}

#[test]
fn it_says_for_whom_it_waits_and_ctrl_c_ends_it() {
    let agent = StandIn::start();
    let Some((terminal, mut client)) = typed(&agent, "echo it runs") else {
        return;
    };
    client.hear();
    client.say(r#"{"waiting":{"text":"1 s for 3 (heard 1 s ago)"}}"#);
    terminal.wait_for("turno: test: waiting 1 s for 3 (heard 1 s ago)");
    terminal.keys(&["C-c"]);
    client.has_gone();
    ends_with(&terminal, 130);

    terminal.run("$t test -- echo it runs");
    let mut client = agent.accept();
    client.say(r#"{"waiting":{"text":"2 s for 3 (heard 2 s ago)"}}"#);
    terminal.wait_for("turno: test: waiting 2 s for 3 (heard 2 s ago)");
    client.grant();
    client.releases();
    let picture = ends_with(&terminal, 0);
    assert!(
        picture.contains("turno: test: acquired after "),
        "{picture}"
    );
}

/// What a Ctrl-C does to a command that says when it is ready.
fn is_ended_by_ctrl_c(command: &str) {
    let agent = StandIn::start();
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    terminal.wait_for("ready\n");
    terminal.keys(&["C-c"]);
    client.releases();
    ends_with(&terminal, 130);
}

#[test]
fn ctrl_c_ends_the_command() {
    is_ended_by_ctrl_c("sh -c 'echo ready; exec sleep 1000'");
}

#[test]
fn a_command_gets_ctrl_c_once() {
    let agent = StandIn::start();
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
        terminal.keys(&["C-c"]);
        terminal.wait_until("as many as there were", |picture| {
            picture.matches("got INT").count() == n
        });
    }
    signal(number(&terminal.picture(), "command "), Signal::TERM);
    client.releases();
    let picture = ends_with(&terminal, 3);
    assert_eq!(picture.matches("got INT").count(), 3, "{picture}");
}

/// The terminal's signals do not come to it, so the client passes them on.
#[test]
fn ctrl_c_ends_a_command_in_a_session_of_its_own() {
    is_ended_by_ctrl_c("setsid sh -c 'echo ready; exec sleep 1000'");
}

#[test]
fn ctrl_z_stops_it_and_fg_goes_on() {
    let agent = StandIn::start();
    let Some((terminal, mut client)) = running(&agent, "sh -c 'echo ready; read x; echo got $x'")
    else {
        return;
    };
    terminal.wait_for("ready\n");
    terminal.keys(&["C-z"]);
    terminal.wait_for("Stopped");
    assert!(client.is_locked());
    terminal.run("fg");
    // What is typed before would be bash's.
    terminal.wait_until("the command", |picture| {
        picture.trim_end().ends_with("got $x'")
    });
    terminal.run("word");
    terminal.wait_for("got word");
    client.releases();
    ends_with(&terminal, 0);
}

#[test]
fn ctrl_z_while_it_waits() {
    let agent = StandIn::start();
    let Some((terminal, mut client)) = typed(&agent, "echo it runs") else {
        return;
    };
    terminal.keys(&["C-z"]);
    terminal.wait_for("Stopped");
    terminal.run("fg");
    client.grant();
    client.releases();
    ends_with(&terminal, 0);
}

/// The supervisor is not stopped with the others.
#[test]
fn the_client_killed_while_all_is_stopped() {
    let agent = StandIn::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    terminal.keys(&["C-z"]);
    terminal.wait_for("Stopped");
    terminal.run("kill -9 %1");
    client.has_gone();
    client.is_unlocked();
    has_ended(command);
}

#[test]
fn an_interactive_command_has_the_terminal() {
    let agent = StandIn::start();
    let Some((terminal, mut client)) = running(&agent, "bash --norc --noprofile -i") else {
        return;
    };
    terminal.run("echo in $TURNO_LOCK");
    terminal.wait_for("in test");
    // Then it has the terminal.
    terminal.run("sh -c 'echo ready; exec sleep 1000'");
    terminal.wait_for("ready\n");
    terminal.keys(&["C-c"]);
    // What is typed before would be thrown away.
    terminal.wait_until("the shell", |picture| picture.trim_end().ends_with("^C\n$"));
    terminal.run("echo after $?");
    terminal.wait_for("after 130");
    terminal.run("exit 5");
    client.releases();
    ends_with(&terminal, 5);
}

#[test]
fn a_terminal_that_hangs_up_ends_the_command() {
    let agent = StandIn::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    terminal.hang_up();
    client.is_unlocked();
    has_ended(command);
}

#[test]
fn the_agent_lost_is_told_of() {
    let agent = StandIn::start();
    let Some((terminal, client)) = running(&agent, "sh -c 'echo ready; exec sleep 1000'") else {
        return;
    };
    terminal.wait_for("ready\n");
    client.close();
    terminal.wait_for("the command was ended, because the lock was lost");
    ends_with(&terminal, 125);
}

/// Both at the same moment: the command's own end, and a signal to all.
#[test]
fn a_signal_to_the_whole_group() {
    let agent = StandIn::start();
    let command = "sh -c 'echo command $$; exec sleep 1000'";
    let Some((terminal, mut client)) = running(&agent, command) else {
        return;
    };
    let command = number(&terminal.wait_for("command "), "command ");
    let stat = std::fs::read_to_string(format!("/proc/{command}/stat")).unwrap();
    let group = stat.rsplit(") ").next().unwrap().split(' ').nth(2).unwrap();
    let group = rustix::process::Pid::from_raw(group.parse().unwrap()).unwrap();
    rustix::process::kill_process_group(group, Signal::TERM).unwrap();
    client.releases();
    ends_with(&terminal, 143);
    has_ended(command);
}
