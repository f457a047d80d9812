//! Agents and their clients, as real processes: what runs under a lock runs alone,
//! whoever is killed.

#[path = "../support/mod.rs"]
mod support;

mod machines;
mod misled;
mod raw;
mod status;
mod trouble;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use machines::{Machines, ends_with};
use raw::Raw;
use rustix::process::{Pid, Signal, kill_process};
use support::seed_peer::SeedPeer;
use support::stand_in::has_ended;
use support::{PATIENCE, Ports, Program};

/// Waits until no process of this number is there, or only its remains.
fn is_gone(pid: &str) {
    has_ended(pid.parse().unwrap());
}

/// Says who it is, and would go on for ever: and so would its grandchild.
const GOES_ON: &str = "(sleep 10000 & echo $! > child); echo $$ > command; sleep 10000; true";

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
fn a_killed_client_takes_all_of_its_command_with_it_and_the_lock_is_free() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "kill", GOES_ON);
    let (child, command) = (machines.line_in("child"), machines.line_in("command"));
    client.signal(Signal::KILL);
    client.finish();
    ends_with(machines.lock(2, &[], "kill", &["true"]), 0);
    is_gone(&child);
    is_gone(&command);
}

#[test]
fn a_killed_command_is_a_code_of_the_client_and_the_lock_is_free() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "kill", "echo $$ > command; sleep 10000; true");
    let pid: i32 = machines.line_in("command").parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    ends_with(client, 128 + 9);
    ends_with(machines.lock(2, &[], "kill", &["true"]), 0);
}

#[test]
fn when_the_agent_is_killed_the_command_ends_and_then_others_go_on() {
    let mut machines = Machines::start(2);
    let script = format!("trap '' TERM; {GOES_ON}");
    let client = machines.script(1, &["--kill-after", "100ms"], "lost", &script);
    let (child, command) = (machines.line_in("child"), machines.line_in("command"));
    machines.kill_agent(1);
    ends_with(client, 125);
    is_gone(&child);
    is_gone(&command);
    // Only the agent itself can say that it does not hold the lock any more.
    let waits = machines.lock(2, &[], "lost", &["true"]);
    machines.has(2, &format!("waits for {} (1)", machines.members[0]));
    machines.start_agent(1);
    ends_with(waits, 0);
}

#[test]
fn an_agent_that_is_started_anew_lets_nobody_in_while_what_it_let_in_goes_on() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "anew", GOES_ON);
    machines.line_in("command");
    // It cannot see that its agent is gone.
    client.signal(Signal::STOP);
    machines.kill_agent(1);
    // One that does not get so far changes nothing.
    let socket = machines.socket(1);
    let taken = machines.members[1].clone();
    let fails = ["agent", "--id", "1", "--socket", &socket, &taken];
    ends_with(Program::start("fails", &fails), 1);
    machines.start_agent(1);
    machines.has(1, "ending");
    // Nor one that listens elsewhere.
    machines.kill_agent(1);
    let beside = machines.path("elsewhere.sock");
    machines.start_agent_at(1, &beside.display().to_string());
    ends_with(machines.lock(2, &["-w", "0.5"], "anew", &["true"]), 124);
    machines.kill_agent(1);
    machines.start_agent(1);
    machines.has(1, "ending");
    ends_with(machines.lock(2, &["-w", "0.5"], "anew", &["true"]), 124);
    ends_with(machines.lock(1, &["-n"], "anew", &["true"]), 124);
    ends_with(machines.lock(1, &[], "other", &["true"]), 0);
    let here = machines.lock(1, &[], "anew", &["true"]);
    let there = machines.lock(2, &[], "anew", &["true"]);
    client.signal(Signal::CONT);
    ends_with(client, 125);
    ends_with(here, 0);
    ends_with(there, 0);
    machines.has(1, "no lock is held or wanted here");
}

#[test]
fn an_agent_that_is_told_to_end_ends_what_runs_and_then_goes() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "end", GOES_ON);
    let command = machines.line_in("command");
    let waits = machines.lock(1, &[], "end", &["true"]);
    machines.has(1, "waiting");
    let agent = machines.agents[0].take().unwrap();
    agent.signal(Signal::TERM);
    ends_with(client, 125);
    let told = ends_with(waits, 125).join("\n");
    assert!(told.contains("it is stopping"), "{told}");
    is_gone(&command);
    ends_with(agent, 0);
    // It has answered everybody, and nothing is left of it.
    assert!(!Path::new(&machines.socket(1)).exists());
    machines.start_agent(1);
    ends_with(machines.lock(2, &[], "end", &["true"]), 0);
}

#[test]
fn an_agent_that_is_told_twice_to_end_leaves_the_lock_held_by_what_goes_on() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "twice", GOES_ON);
    machines.line_in("command");
    client.signal(Signal::STOP);
    let agent = machines.agents[0].take().unwrap();
    agent.signal(Signal::TERM);
    let deadline = Instant::now() + PATIENCE;
    while UnixStream::connect(machines.socket(1)).is_ok_and(|mut it| {
        let mut answer = String::new();
        it.set_read_timeout(Some(PATIENCE)).unwrap();
        writeln!(it, r#"{{"status":{{}}}}"#).is_ok()
            && BufReader::new(it).read_line(&mut answer).is_ok()
            && !answer.contains("it is stopping")
    }) {
        assert!(Instant::now() < deadline, "it does not end");
    }
    agent.signal(Signal::TERM);
    agent.finish();
    machines.start_agent(1);
    machines.has(1, "ending");
    ends_with(machines.lock(2, &["-w", "0.5"], "twice", &["true"]), 124);
    client.signal(Signal::CONT);
    ends_with(client, 125);
    ends_with(machines.lock(2, &[], "twice", &["true"]), 0);
}

#[test]
fn a_client_that_waits_is_told_for_whom() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "whom", "echo $$ > command; sleep 10000");
    machines.line_in("command");
    let here = machines.lock(1, &["-v"], "whom", &["true"]);
    let line = here.wait_for(" s for process ");
    assert!(line.contains("(sh -c "), "{line}");
    let there = machines.lock(2, &["-v"], "whom", &["true"]);
    there.wait_for(&format!(" s for {} (1), heard ", machines.members[0]));
    machines.has(1, &format!("defers {} (2)", machines.members[1]));
    machines.has(
        2,
        &format!("whom: WAIT, waits for {} (1)", machines.members[0]),
    );
    client.signal(Signal::TERM);
    ends_with(client, 128 + 15);
    ends_with(here, 0);
    ends_with(there, 0);
}

#[test]
fn a_hundred_clients_of_one_lock_are_let_in_in_the_order_in_which_they_asked() {
    let machines = Machines::start(2);
    let mut clients: Vec<Raw> = (0..100)
        .map(|_| {
            let mut client = Raw::connect(&machines, 1);
            client.say(r#"{"ask":{"name":"hundred"}}"#);
            // It stands in line when this is answered.
            let mut status = Raw::connect(&machines, 1);
            status.say(r#"{"status":{}}"#);
            status.hear();
            client
        })
        .collect();
    let mut latest = 0;
    for client in &mut clients {
        let token = client.token();
        assert!(token > latest);
        latest = token;
        client.say(r#"{"done":{}}"#);
    }
}

#[test]
fn many_names_leave_nothing_behind() {
    let machines = Machines::start(1);
    for number in 0..2000 {
        let mut client = Raw::connect(&machines, 1);
        client.say(&format!(r#"{{"ask":{{"name":"name {number}"}}}}"#));
        client.token();
        client.say(r#"{"done":{}}"#);
        assert_eq!(client.hear(), "");
    }
    machines.has(1, "no lock is held or wanted here");
    let held = machines.path("1.sock.held");
    assert_eq!(fs::read_dir(held).unwrap().count(), 0);
}

#[test]
fn clients_that_are_killed_at_every_stage_keep_nobody_out() {
    let machines = Machines::start(2);
    let ask = r#"{"ask":{"name":"stages"}}"#;
    // Before it asks; while it waits; when it was let in; and when it may begin.
    drop(Raw::connect(&machines, 1));
    let mut holder = Raw::connect(&machines, 2);
    holder.say(ask);
    holder.token();
    let mut waits = Raw::connect(&machines, 1);
    waits.say(ask);
    machines.has(1, "waiting");
    drop(waits);
    drop(holder);
    let mut entered = Raw::connect(&machines, 1);
    entered.say(ask);
    entered.token();
    drop(entered);
    let mut begins = Raw::connect(&machines, 1);
    begins.say(ask);
    begins.token();
    begins.say(r#"{"locked":{}}"#);
    assert_eq!(begins.hear(), "{\"go\":{}}\n");
    drop(begins);
    ends_with(machines.lock(2, &[], "stages", &["true"]), 0);
    ends_with(machines.lock(1, &[], "stages", &["true"]), 0);
}

#[test]
fn what_nobody_understands_is_answered_and_changes_nothing() {
    let machines = Machines::start(1);
    for foul in [
        "rubbish\n".to_owned(),
        "{\"ask\":{\"name\":\"a\\u0007b\"}}\n".to_owned(),
        format!("{{\"ask\":{{\"name\":\"{}\"}}}}\n", "a".repeat(129)),
        "{\"done\":{}}\n".to_owned(),
        "{\"ask\":{\"name\":\"a\",\"what\":1}}\n".to_owned(),
        "x".repeat(300 << 10),
        "\u{0}\n".to_owned(),
    ] {
        let mut client = Raw::connect(&machines, 1);
        // It may close before all is written.
        let _ = client.0.get_mut().write_all(foul.as_bytes());
        let answer = client.hear();
        let text: String = foul.chars().take(40).collect();
        // One who closes with something unread resets the connection.
        let is_unread = foul.len() > 256 << 10 && answer.is_empty();
        assert!(is_unread || answer.contains("failed"), "{text}: {answer}");
    }
    // Half a line, and then nothing; and many who say nothing.
    let mut half = Raw::connect(&machines, 1);
    half.0.get_mut().write_all(b"{\"ask\":").unwrap();
    let quiet: Vec<Raw> = (0..200).map(|_| Raw::connect(&machines, 1)).collect();
    ends_with(machines.lock(1, &[], "a", &["true"]), 0);
    drop((half, quiet));
}

/// It echoes nothing, and is asked for every entry.
#[test]
fn a_process_of_the_original_takes_turns_with_agents_at_the_nameless_lock() {
    let machines = Machines::of_which(3, &[1, 3]);
    let shared = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let hold = Duration::from_millis(2);
    let section = shared.listens_at();
    let original = SeedPeer::start(2, &machines.members, &section, hold);
    for _ in 0..20 {
        let locks = [1, 3].map(|id| machines.script(id, &[], "", "echo $TURNO_TOKEN >> tokens"));
        original.want();
        for lock in locks {
            ends_with(lock, 0);
        }
        original.has_left();
    }
    let tokens = machines.text_of("tokens");
    let tokens: Vec<u64> = tokens.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(tokens.len(), 40);
    assert!(tokens.is_sorted_by(|one, next| one < next), "{tokens:?}");
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_and_when_it_ends() {
    let ports = Ports::reserve(1);
    let port = format!(":{}", ports.iter().next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let manager = folder.path().join("notify");
    let heard = UnixDatagram::bind(&manager).unwrap();
    heard.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut agent = Command::new(env!("CARGO_BIN_EXE_turno"));
    agent
        .args(["agent", "--id", "1", &port, "--socket"])
        .arg(folder.path().join("turno.sock"))
        .env("NOTIFY_SOCKET", &manager)
        .stdin(Stdio::null());
    let agent = Program::spawn("agent", &mut agent);
    let hear = || {
        let mut word = [0; 64];
        let length = heard.recv(&mut word).unwrap();
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    agent.signal(Signal::TERM);
    assert_eq!(hear(), "STOPPING=1");
    ends_with(agent, 0);
}
