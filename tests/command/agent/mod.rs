//! Agents and their clients as real processes: a command under a lock runs alone,
//! whichever process is killed.

mod changed_list;
mod check;
mod failures;
mod group_status;
pub mod machines;
mod metrics;
mod misconfigured;
mod moved;
mod names;
mod new_key;
mod one_way;
mod own_id;
mod raw_client;
mod replayed;
mod restarts;
mod shared;
mod status;
mod told;
mod top;
mod tries;
mod turns;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::fixtures::original_peer::OriginalPeer;
use crate::fixtures::ports::Ports;
use crate::fixtures::processes::{kill, wait_for_end};
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::TIMEOUT;
use machines::{IDLE, Machines, ends_with};
use raw_client::RawClient;

/// Writes its pid and that of its child to files, and runs on, as the child does.
const ENDLESS: &str = "(sleep 10000 & echo $! > child); echo $$ > command; sleep 10000; true";

#[test]
fn commands_of_three_machines_run_one_at_a_time_with_rising_tokens() {
    let machines = Machines::start(3);
    let counts = "n=$(cat count 2>/dev/null || echo 0); echo $TURNO_TOKEN >> tokens; echo $((n + 1)) > count";
    let locks: Vec<Program> = (0..30)
        .map(|turn| machines.script(turn % 3 + 1, &[], "count", counts))
        .collect();
    for lock in locks {
        ends_with(lock, 0);
    }
    assert_eq!(machines.text_of("count"), "30\n");
    let tokens = machines.text_of("tokens");
    let tokens: Vec<u64> = tokens.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(tokens.len(), 30);
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}

#[test]
fn killing_a_client_ends_its_whole_command_and_frees_the_lock() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "kill", ENDLESS);
    let (child, command) = (machines.pid_in("child"), machines.pid_in("command"));
    client.signal(Signal::KILL);
    client.finish();
    ends_with(machines.lock(2, &[], "kill", &["true"]), 0);
    wait_for_end(child);
    wait_for_end(command);
}

#[test]
fn a_killed_command_is_an_exit_code_of_the_client_and_frees_the_lock() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "kill", "echo $$ > command; sleep 10000; true");
    kill(machines.pid_in("command"));
    ends_with(client, 128 + 9);
    ends_with(machines.lock(2, &[], "kill", &["true"]), 0);
}

#[test]
fn without_patience_the_command_of_a_killed_agent_ends_and_after_a_restart_others_enter() {
    let mut machines = Machines::start(2);
    let script = format!("trap '' TERM; {ENDLESS}");
    let options = ["--agent-patience", "0", "--kill-after", "100ms"];
    let client = machines.script(1, &options, "lost", &script);
    let (child, command) = (machines.pid_in("child"), machines.pid_in("command"));
    machines.kill_agent(1);
    ends_with(client, 125);
    wait_for_end(child);
    wait_for_end(command);
    // Only the agent itself can report that it does not hold the lock any more.
    let waits = machines.lock(2, &[], "lost", &["true"]);
    machines.wait_for_status(2, &format!("waits for {} (1)", machines.members[0]));
    machines.start_agent(1);
    ends_with(waits, 0);
}

#[test]
fn a_restarted_agent_grants_no_lock_under_which_an_earlier_command_still_runs() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "again", ENDLESS);
    machines.line_in("command");
    // A stopped client cannot see that its agent is gone.
    client.signal(Signal::STOP);
    machines.kill_agent(1);
    // An agent that fails to start changes nothing.
    let socket = machines.socket(1);
    let taken = machines.members[1].clone();
    let fails = ["agent", "--id", "1", "--socket", &socket, &taken];
    ends_with(Program::start("fails", &fails), 1);
    machines.start_agent(1);
    machines.wait_for_status(1, "ending");
    // Nor does one at another socket.
    machines.kill_agent(1);
    let beside = machines.path("elsewhere.sock");
    machines.start_agent_at(1, &beside.display().to_string());
    ends_with(machines.lock(2, &["-w", "0.5"], "again", &["true"]), 124);
    machines.kill_agent(1);
    machines.start_agent(1);
    machines.wait_for_status(1, "ending");
    ends_with(machines.lock(2, &["-w", "0.5"], "again", &["true"]), 124);
    ends_with(machines.lock(1, &["-n"], "again", &["true"]), 124);
    ends_with(machines.lock(1, &[], "other", &["true"]), 0);
    let here = machines.lock(1, &[], "again", &["true"]);
    let there = machines.lock(2, &[], "again", &["true"]);
    client.signal(Signal::CONT);
    machines.wait_for_status(1, "holding for ");
    client.signal(Signal::TERM);
    ends_with(client, 128 + 15);
    ends_with(here, 0);
    ends_with(there, 0);
    machines.wait_for_status(1, IDLE);
}

#[test]
fn on_sigint_an_agent_ends_the_commands_under_its_locks_and_then_itself() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "end", ENDLESS);
    let command = machines.pid_in("command");
    let waits = machines.lock(1, &[], "end", &["true"]);
    machines.wait_for_status(1, "waiting");
    let agent = machines.agents[0].take().unwrap();
    agent.signal(Signal::INT);
    ends_with(client, 125);
    let lines = ends_with(waits, 125).join("\n");
    assert!(lines.contains("it is stopping"), "{lines}");
    wait_for_end(command);
    ends_with(agent, 0);
    // It has answered each peer, and leaves nothing behind.
    assert!(!Path::new(&machines.socket(1)).exists());
    machines.start_agent(1);
    ends_with(machines.lock(2, &[], "end", &["true"]), 0);
}

#[test]
fn on_a_second_signal_an_agent_ends_at_once_and_a_running_command_keeps_the_lock() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "twice", ENDLESS);
    machines.line_in("command");
    client.signal(Signal::STOP);
    let agent = machines.agents[0].take().unwrap();
    agent.signal(Signal::INT);
    let deadline = Instant::now() + TIMEOUT;
    while UnixStream::connect(machines.socket(1)).is_ok_and(|mut it| {
        let mut answer = String::new();
        it.set_read_timeout(Some(TIMEOUT)).unwrap();
        writeln!(it, r#"{{"status":{{}}}}"#).is_ok()
            && BufReader::new(it).read_line(&mut answer).is_ok()
            && !answer.contains("it is stopping")
    }) {
        assert!(Instant::now() < deadline, "it does not end");
    }
    agent.signal(Signal::TERM);
    agent.finish();
    machines.start_agent(1);
    machines.wait_for_status(1, "ending");
    ends_with(machines.lock(2, &["-w", "0.5"], "twice", &["true"]), 124);
    client.signal(Signal::CONT);
    ends_with(client, 125);
    ends_with(machines.lock(2, &[], "twice", &["true"]), 0);
}

#[test]
fn a_waiting_client_reports_what_it_waits_for() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "whom", "echo $$ > command; sleep 10000");
    machines.line_in("command");
    let here = machines.lock(1, &["-v"], "whom", &["true"]);
    let held = format!(
        "whom: held by {} (1), pid {}, ",
        machines.members[0],
        client.pid()
    );
    let line = here.wait_for(&held);
    assert!(line.contains(", sh -c "), "{line}");
    let there = machines.lock(2, &["-v"], "whom", &["true"]);
    there.wait_for(&held);
    machines.wait_for_status(1, &format!("defers {} (2)", machines.members[1]));
    machines.wait_for_status(
        2,
        &format!("whom: WAIT, waits for {} (1)", machines.members[0]),
    );
    client.signal(Signal::TERM);
    ends_with(client, 128 + 15);
    ends_with(here, 0);
    ends_with(there, 0);
}

#[test]
fn a_hundred_clients_get_one_lock_in_the_order_of_their_requests() {
    let machines = Machines::start(2);
    let mut clients: Vec<RawClient> = (0..100)
        .map(|_| {
            let mut client = RawClient::connect(&machines, 1);
            client.send(r#"{"ask":{"name":"hundred"}}"#);
            // The client is queued when this is answered.
            let mut status = RawClient::connect(&machines, 1);
            status.send(r#"{"status":{}}"#);
            status.receive();
            client
        })
        .collect();
    let mut latest = 0;
    for client in &mut clients {
        let token = client.token();
        assert!(token > latest);
        latest = token;
        client.send(r#"{"done":{}}"#);
    }
}

#[test]
fn many_names_leave_nothing_behind() {
    let machines = Machines::start(1);
    for number in 0..2000 {
        let mut client = RawClient::connect(&machines, 1);
        client.send(&format!(r#"{{"ask":{{"name":"name {number}"}}}}"#));
        client.token();
        client.send(r#"{"done":{}}"#);
        assert_eq!(client.receive(), "");
    }
    machines.wait_for_status(1, IDLE);
    let held = machines.path("1.sock.held");
    assert_eq!(fs::read_dir(held).unwrap().count(), 0);
}

#[test]
fn a_client_that_is_killed_at_any_stage_blocks_no_other() {
    let machines = Machines::start(2);
    let ask = r#"{"ask":{"name":"stages"}}"#;
    // Before it asks, while it waits, once it has the lock, and once it may begin.
    drop(RawClient::connect(&machines, 1));
    let mut holder = RawClient::connect(&machines, 2);
    holder.send(ask);
    holder.token();
    holder.send(r#"{"locked":{}}"#);
    let mut waits = RawClient::connect(&machines, 1);
    waits.send(ask);
    machines.wait_for_status(1, "waiting");
    drop(waits);
    drop(holder);
    let mut entered = RawClient::connect(&machines, 1);
    entered.send(ask);
    entered.token();
    drop(entered);
    let mut begins = RawClient::connect(&machines, 1);
    begins.send(ask);
    begins.token();
    begins.send(r#"{"locked":{}}"#);
    assert_eq!(begins.receive(), "{\"go\":{}}\n");
    drop(begins);
    ends_with(machines.lock(2, &[], "stages", &["true"]), 0);
    ends_with(machines.lock(1, &[], "stages", &["true"]), 0);
}

#[test]
fn malformed_input_of_a_client_is_answered_and_changes_nothing() {
    let machines = Machines::start(1);
    for malformed in [
        "malformed\n".to_owned(),
        "{\"ask\":{\"name\":\"a\\u0007b\"}}\n".to_owned(),
        format!("{{\"ask\":{{\"name\":\"{}\"}}}}\n", "a".repeat(129)),
        "{\"done\":{}}\n".to_owned(),
        "{\"ask\":{\"name\":\"a\",\"what\":1}}\n".to_owned(),
        "x".repeat(300 << 10),
        "\u{0}\n".to_owned(),
    ] {
        let mut client = RawClient::connect(&machines, 1);
        // The agent may close before all is written.
        let _ = client.0.get_mut().write_all(malformed.as_bytes());
        let answer = client.receive();
        let text: String = malformed.chars().take(40).collect();
        // An agent that closes with bytes unread resets the connection.
        let is_unread = malformed.len() > 256 << 10 && answer.is_empty();
        assert!(is_unread || answer.contains("failed"), "{text}: {answer}");
    }
    // A client that sends half a line, and many that send nothing.
    let mut half = RawClient::connect(&machines, 1);
    half.0.get_mut().write_all(b"{\"ask\":").unwrap();
    let silent: Vec<RawClient> = (0..200).map(|_| RawClient::connect(&machines, 1)).collect();
    ends_with(machines.lock(1, &[], "a", &["true"]), 0);
    drop((half, silent));
}

/// The original echoes nothing, so its permission is asked for every entry.
#[test]
fn a_process_of_the_original_takes_turns_with_agents_at_the_nameless_lock() {
    let machines = Machines::with_agents(3, &[1, 3]);
    let section = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let hold = Duration::from_millis(2);
    let address = section.section_address();
    let original = OriginalPeer::start(2, &machines.members, &address, hold);
    for _ in 0..20 {
        let locks = [1, 3].map(|id| machines.script(id, &[], "", "echo $TURNO_TOKEN >> tokens"));
        original.request();
        for lock in locks {
            ends_with(lock, 0);
        }
        original.wait_for_exit();
    }
    let tokens = machines.text_of("tokens");
    let tokens: Vec<u64> = tokens.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(tokens.len(), 40);
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}

#[test]
fn an_agent_notifies_the_service_manager_when_it_is_ready_and_when_it_ends() {
    let ports = Ports::reserve(1);
    let port = format!(":{}", ports.iter().next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let manager = folder.path().join("notify");
    let notifications = UnixDatagram::bind(&manager).unwrap();
    notifications.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut agent = Command::new(TURNO);
    agent
        .args(["agent", "--id", "1", &port, "--socket"])
        .arg(folder.path().join("turno.sock"))
        .env("NOTIFY_SOCKET", &manager)
        .stdin(Stdio::null());
    let agent = Program::spawn("agent", &mut agent);
    let receive = || {
        let mut text = [0; 64];
        let length = notifications.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(receive(), "READY=1");
    agent.signal(Signal::TERM);
    assert_eq!(receive(), "STOPPING=1");
    ends_with(agent, 0);
}
