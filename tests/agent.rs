//! Agents and their clients, as real processes: what runs under a lock runs alone,
//! whoever is killed.

mod support;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use support::seed_peer::SeedPeer;
use support::stand_in::has_ended;
use support::{PATIENCE, Ports, Program, eventually};
use tempfile::TempDir;

/// The machines of a group: each with an agent, and all in one directory.
struct Machines {
    folder: TempDir,
    members: Vec<String>,
    agents: Vec<Option<Program>>,
    _ports: Ports,
}

impl Machines {
    /// So many, each with an agent.
    fn start(members: usize) -> Self {
        let all: Vec<usize> = (1..=members).collect();
        Self::of_which(members, &all)
    }

    /// So many, of which these have agents.
    fn of_which(members: usize, with_agents: &[usize]) -> Self {
        let ports = Ports::reserve(members);
        let mut machines = Machines {
            folder: tempfile::tempdir().unwrap(),
            members: ports.iter().map(|port| format!(":{port}")).collect(),
            agents: (0..members).map(|_| None).collect(),
            _ports: ports,
        };
        for id in with_agents {
            machines.start_agent(*id);
        }
        machines
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text_of(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn socket(&self, id: usize) -> String {
        self.path(&format!("{id}.sock")).display().to_string()
    }

    fn start_agent(&mut self, id: usize) {
        let socket = self.socket(id);
        self.start_agent_at(id, &socket);
    }

    fn start_agent_at(&mut self, id: usize, socket: &str) {
        let number = id.to_string();
        let state = self.path(&format!("state-{id}")).display().to_string();
        let mut arguments = vec!["agent", "--id", &number, "--socket", socket];
        arguments.extend(["--state", &state, "--resend", "50ms"]);
        arguments.extend(self.members.iter().map(String::as_str));
        let agent = Program::start(&format!("agent {id}"), &arguments);
        eventually(&format!("an answer of agent {id}"), || {
            ask_status(socket, &[]).status.success().then_some(())
        });
        self.agents[id - 1] = Some(agent);
    }

    fn kill_agent(&mut self, id: usize) {
        let agent = self.agents[id - 1].take().unwrap();
        agent.signal(Signal::KILL);
        agent.finish();
    }

    /// `turno lock` on a machine.
    fn lock(&self, id: usize, options: &[&str], name: &str, command: &[&str]) -> Program {
        let socket = self.socket(id);
        let mut arguments = vec!["lock", "--socket", &socket];
        arguments.extend(options);
        arguments.extend([name, "--"]);
        arguments.extend(command);
        Program::start_with(&format!("lock at {id}"), &arguments, Stdio::null())
    }

    /// The same with a shell's script, run in the directory of all.
    fn script(&self, id: usize, options: &[&str], name: &str, script: &str) -> Program {
        let script = format!("cd '{}'; {script}", self.folder.path().display());
        self.lock(id, options, name, &["sh", "-c", &script])
    }

    /// What `turno status` prints, with these arguments.
    fn status(&self, id: usize, arguments: &[&str]) -> String {
        let output = ask_status(&self.socket(id), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the status of a machine has this.
    fn has(&self, id: usize, wanted: &str) {
        eventually(&format!("{wanted:?} in the status of {id}"), || {
            self.status(id, &[]).contains(wanted).then_some(())
        });
    }

    /// Waits until a file has a line, and returns it.
    fn line_in(&self, name: &str) -> String {
        eventually(&format!("a line in {name}"), || {
            let text = self.text_of(name);
            text.split_once('\n').map(|(line, _)| line.to_owned())
        })
    }
}

fn ask_status(socket: &str, arguments: &[&str]) -> Output {
    let turno = env!("CARGO_BIN_EXE_turno");
    let mut command = Command::new(turno);
    command.args(["status", "--socket", socket]);
    command.args(arguments).output().unwrap()
}

fn ends_with(program: Program, code: i32) -> Vec<String> {
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(code), "{lines:#?}");
    lines
}

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
    machines.has(2, "waits for 1");
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
    machines.has(1, "nobody has or wants a lock here");
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
    assert!(told.contains("the agent is ending"), "{told}");
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
            && !answer.contains("the agent is ending")
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
    there.wait_for(" s for 1 (heard ");
    machines.has(1, "keeps 2 waiting");
    machines.has(2, "whom: WAIT, waits for 1");
    client.signal(Signal::TERM);
    ends_with(client, 128 + 15);
    ends_with(here, 0);
    ends_with(there, 0);
}

/// A client that speaks for itself, and starts nothing.
struct Raw(BufReader<UnixStream>);

impl Raw {
    fn connect(machines: &Machines, id: usize) -> Self {
        let stream = UnixStream::connect(machines.socket(id)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(BufReader::new(stream))
    }

    fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
            read => read.map(|_| line).unwrap(),
        }
    }

    /// The token with which its turn comes.
    fn token(&mut self) -> u64 {
        loop {
            let line = self.hear();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(token) = value["granted"]["token"].as_u64() {
                return token;
            }
            assert!(line.contains("waiting"), "{line}");
        }
    }
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
    machines.has(1, "nobody has or wants a lock here");
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
        assert!(
            answer.is_empty() || answer.contains("failed"),
            "{text}: {answer}"
        );
    }
    // Half a line, and then nothing; and many who say nothing.
    let mut half = Raw::connect(&machines, 1);
    half.0.get_mut().write_all(b"{\"ask\":").unwrap();
    let quiet: Vec<Raw> = (0..200).map(|_| Raw::connect(&machines, 1)).collect();
    ends_with(machines.lock(1, &[], "a", &["true"]), 0);
    drop((half, quiet));
}

#[test]
fn the_status_is_for_people_programs_and_prometheus() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "shown", "echo $$ > command; sleep 10000");
    machines.line_in("command");
    let text = machines.status(1, &["shown"]);
    assert!(
        text.contains("shown: HELD") && text.contains("holding for 0s, token "),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&machines.status(1, &["--json"])).unwrap();
    assert_eq!(json["clients"][0]["lock"], "shown");
    assert_eq!(json["clients"][0]["pid"], client.pid());
    assert_eq!(json["clients"][0]["command"][0], "sh");
    assert_eq!(json["node"]["locks"][0]["state"], "HELD");
    assert_eq!(json["node"]["peers"][0]["id"], 2);
    let metrics = machines.status(1, &["--prometheus"]);
    assert!(
        metrics.contains("turno_clients{state=\"holding\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("# TYPE turno_entries_total counter\nturno_entries_total 1\n"));
    let mode = fs::metadata(machines.socket(1))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    client.signal(Signal::TERM);
    client.finish();
}

#[test]
fn what_is_wrong_at_a_start_is_said_with_the_way_out() {
    let machines = Machines::start(1);
    let refused = |arguments: &[&str], code: i32, why: &str| {
        let agent = Program::start("refused", &[&["agent"], arguments].concat());
        let lines = ends_with(agent, code).join("\n");
        assert!(lines.contains(why), "{lines}");
    };
    let socket = machines.socket(1);
    let free = machines.path("free.sock").display().to_string();
    let in_use = format!("an agent listens at {socket} already; --socket names another path");
    refused(&["--id", "1", ":1", "--socket", &socket], 1, &in_use);
    refused(&["--socket", &free], 2, "no members: give --config FILE");
    refused(&[":1", "--socket", &free], 2, "no id: give --id N");
    refused(
        &["--id", "3", ":1", "--socket", &free],
        2,
        "id 3 is out of range",
    );
    refused(
        &["--config", "/nowhere.json"],
        2,
        "cannot read /nowhere.json",
    );
    let taken = machines.members[0].clone();
    refused(
        &["--id", "1", &taken, "--socket", &free],
        1,
        "the port is in use",
    );
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
    let mut agent = Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["agent", "--id", "1", &port, "--socket"])
        .arg(folder.path().join("turno.sock"))
        .env("NOTIFY_SOCKET", &manager)
        .spawn()
        .unwrap();
    let hear = || {
        let mut word = [0; 64];
        let length = heard.recv(&mut word).unwrap();
        String::from_utf8_lossy(&word[..length]).into_owned()
    };
    assert_eq!(hear(), "READY=1");
    let pid = Pid::from_child(&agent);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(hear(), "STOPPING=1");
    assert!(agent.wait().unwrap().success());
}
