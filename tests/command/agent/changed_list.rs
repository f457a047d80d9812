//! The member list changes, and tokens go on rising: `--adopt-list` and `--without`.

use std::net::UdpSocket;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use turno::internals::mutex::{Body, Incarnation, Message, NodeId, Origin};
use turno::internals::wire::{self, Datagram, GroupDigest};

use super::machines::{Machines, ends_with};
use crate::fixtures::program::Program;
use crate::fixtures::turno::{TURNO, run};

/// What an agent says of a member that was left out, and of which a datagram arrives.
fn is_heard(member: &str) -> String {
    format!("a datagram of {member} (3) with the old list has arrived")
}

/// How many clocks a changed list skips.
const SKIPPED: u64 = 1 << 32;

/// Four machines: the first three are the old list, and the fourth takes a place in the new
/// one.
struct Change {
    machines: Machines,
    /// Options of every agent.
    options: Vec<String>,
}

impl Change {
    /// The three of the old list run, and each has entered. Returns the latest token.
    fn begin(options: &[&str]) -> (Self, u64) {
        let mut change = Change {
            machines: Machines::with_agents(4, &[]),
            options: options.iter().map(ToString::to_string).collect(),
        };
        let old = change.list(&[1, 2, 3]);
        for machine in 1..=3 {
            change.start(machine, machine, &[], &old);
        }
        let mut latest = 0;
        for machine in [1, 2, 3, 3] {
            latest = change.enters_after(machine, latest);
        }
        (change, latest)
    }

    /// As [`Change::begin`], and all three were killed.
    fn killed() -> (Self, u64) {
        let (mut change, latest) = Change::begin(&[]);
        for machine in [1, 2, 3] {
            change.end(machine, Signal::KILL);
        }
        (change, latest)
    }

    /// The members at these machines.
    fn list(&self, machines: &[usize]) -> Vec<String> {
        let members = machines
            .iter()
            .map(|id| self.machines.members[id - 1].clone());
        members.collect()
    }

    fn arguments(&self, machine: usize, id: usize, options: &[&str]) -> Vec<String> {
        let state = self.machines.path(&format!("state-{machine}"));
        let state = state.display().to_string();
        let id = id.to_string();
        let socket = self.machines.socket(machine);
        let fixed = ["agent", "--id", &id, "--socket", &socket, "--state", &state];
        let fixed = fixed.iter().chain(options).map(ToString::to_string);
        fixed.chain(self.options.iter().cloned()).collect()
    }

    /// Starts the agent of a machine as this member of this list.
    fn start(&mut self, machine: usize, id: usize, options: &[&str], list: &[String]) {
        let state = self.machines.path(&format!("state-{machine}"));
        let state = state.display().to_string();
        let mut all = vec!["--state", &state];
        all.extend(options);
        all.extend(self.options.iter().map(String::as_str));
        let socket = self.machines.socket(machine);
        let agent = self.machines.agent(id, &socket, &all, list);
        self.machines.agents[machine - 1] = Some(agent);
    }

    /// The message with which the agent of a machine does not start.
    fn refusal(&self, machine: usize, id: usize, options: &[&str], list: &[String]) -> String {
        let arguments = self.arguments(machine, id, options);
        let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        arguments.extend(list.iter().map(String::as_str));
        let (code, _, error) = run(&arguments);
        assert_eq!(code, Some(1), "{error}");
        error
    }

    /// What the check of a configuration of member 1 says.
    fn check(&self, machine: usize, options: &[&str], list: &[String]) -> (i32, String) {
        let mut arguments = self.arguments(machine, machine, options);
        arguments.push("--check".to_owned());
        arguments.extend(list.iter().cloned());
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, text, _) = run(&arguments);
        (code.unwrap(), text)
    }

    fn end(&mut self, machine: usize, by: Signal) {
        let agent = self.machines.agents[machine - 1].take().unwrap();
        agent.signal(by);
        agent.finish();
    }

    /// Enters at a machine, and returns the token, which is larger than this one.
    fn enters_after(&self, machine: usize, latest: u64) -> u64 {
        let token = self.enters(machine);
        assert!(token > latest, "{token} after {latest}");
        token
    }

    fn enters(&self, machine: usize) -> u64 {
        let socket = self.machines.socket(machine);
        let script = "echo token $TURNO_TOKEN";
        let arguments = ["lock", "--socket", &socket, "-w", "60", "job", "--"];
        let arguments = [&arguments[..], &["sh", "-c", script]].concat();
        let lock = Program::start_with("lock", &arguments, Stdio::null());
        let lines = ends_with(lock, 0);
        let token = lines.iter().find_map(|line| line.strip_prefix("token "));
        token.unwrap().parse().unwrap()
    }

    fn log_of(&self, machine: usize) -> &Program {
        self.machines.agents[machine - 1].as_ref().unwrap()
    }
}

#[test]
fn a_machine_that_is_dead_for_good_is_replaced_and_tokens_go_on_rising() {
    let folder = tempfile::tempdir().unwrap();
    let trace = folder.path().display().to_string();
    let (mut change, old) = Change::begin(&["--trace", &trace]);
    let section = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let resource = UdpSocket::bind("127.0.0.1:0").unwrap();
    resource.connect(section.section_address()).unwrap();
    let write = |token: u64, id: u16, wanted: &str| {
        let text = format!("cs<{token},{id}>(a write)");
        resource.send(text.as_bytes()).unwrap();
        section.wait_for(&format!("{wanted}[PID: {id}, Clock: {token}] a write"));
    };
    write(old, 3, "");

    change.end(3, Signal::KILL);
    change.end(1, Signal::TERM);
    change.end(2, Signal::TERM);
    let new = change.list(&[1, 2, 4]);
    let gone = change.machines.members[2].clone();
    let adopt = ["--adopt-list", "--without", &gone];
    let error = change.refusal(4, 3, &adopt, &new);
    assert!(
        error.contains("a member that is new starts without --adopt-list"),
        "{error}"
    );
    for machine in [1, 2] {
        change.start(machine, machine, &adopt, &new);
        let told = format!("{gone} (3) of the old list, as this agent was told");
        change.log_of(machine).wait_for(&told);
    }
    // No one enters before the new member is heard.
    let early = change.machines.lock(1, &["-w", "0.5"], "job", &["true"]);
    ends_with(early, 123);
    change.start(4, 3, &[], &new);
    let mut latest = change.enters_after(4, old + SKIPPED);
    for machine in [1, 2, 4, 1] {
        latest = change.enters_after(machine, latest);
    }
    write(latest, 1, "");
    let late = format!("refused, stale: process 1 was admitted with clock {latest}: ");
    write(old, 3, &late);

    // The option is left where the agent is started.
    change.end(1, Signal::TERM);
    change.start(1, 1, &adopt, &new);
    change.log_of(1).wait_for("there is nothing to take over");
    let token = change.enters_after(1, latest);
    assert!(token < latest + SKIPPED / 2, "{token} after {latest}");
    for machine in [1, 2, 4] {
        change.end(machine, Signal::TERM);
    }
    let (code, report, error) = run(&["trace", "check", &trace]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{report}");
    assert!(report.contains("10 entries"), "{report}");
}

#[test]
fn no_list_is_adopted_while_a_command_runs_or_a_member_goes_on_with_the_old_list() {
    let (mut change, latest) = Change::begin(&[]);
    let new = change.list(&[1, 2]);
    let gone = change.machines.members[2].clone();
    let adopt = ["--adopt-list", "--without", &gone];
    let client = change
        .machines
        .script(1, &[], "other", "echo $$ > command; exec sleep 1000");
    change.machines.line_in("command");
    change.end(1, Signal::TERM);
    let error = change.refusal(1, 1, &[], &new);
    assert!(error.contains("start each with --adopt-list"), "{error}");
    let error = change.refusal(1, 1, &["--adopt-list"], &new);
    assert!(
        error.contains(&format!("say so: --without {gone}.")),
        "{error}"
    );
    let error = change.refusal(1, 1, &adopt, &new);
    assert!(
        error.contains("still runs here under lock \"other\""),
        "{error}"
    );
    let (code, text) = change.check(1, &adopt, &new);
    let found = text.contains("WRONG: --adopt-list: ") && text.contains("under lock \"other\"");
    assert!(code == 2 && found, "{text}");
    client.signal(Signal::TERM);
    client.finish();

    let error = change.refusal(1, 1, &adopt, &new);
    let heard = format!(
        "{} (2) still runs with the old list: stop all its members",
        new[1]
    );
    let dead = format!("{gone} (3), which was said to be dead for good, still runs");
    assert!(error.contains(&heard) || error.contains(&dead), "{error}");
    change.end(2, Signal::TERM);
    let error = change.refusal(1, 1, &adopt, &new);
    assert!(error.contains(&dead), "{error}");
    // Nothing has changed: the old list goes on.
    let old = change.list(&[1, 2, 3]);
    for machine in [1, 2] {
        change.start(machine, machine, &[], &old);
    }
    let latest = change.enters_after(1, latest);
    assert!(latest < SKIPPED);

    for machine in [1, 2, 3] {
        change.end(machine, Signal::TERM);
    }
    for machine in [1, 2] {
        change.start(machine, machine, &adopt, &new);
    }
    change.enters_after(2, latest + SKIPPED);
    // The one that was said to be dead wakes up: it is no member any more.
    change.start(3, 3, &[], &old);
    let lock = change.machines.lock(3, &["-w", "1"], "job", &["true"]);
    ends_with(lock, 123);
    change.log_of(1).wait_for(&is_heard(&gone));
}

#[test]
fn an_agent_that_is_killed_while_it_changes_the_list_goes_on_with_it_and_does_not_go_back() {
    let (mut change, latest) = Change::killed();
    let (old, new) = (change.list(&[1, 2, 3]), change.list(&[1, 2]));
    let adopt = ["--adopt-list", "--without", &old[2]];
    change.start(1, 1, &adopt, &new);
    change.end(1, Signal::KILL);
    let error = change.refusal(1, 1, &[], &old);
    assert!(error.contains("belongs to member 1 of group "), "{error}");
    // While it waits for the others, one that was said to be dead wakes up: it stays out.
    change.start(1, 1, &[], &new);
    change.start(3, 3, &[], &old);
    let dead = format!(
        "{} (3), which was said to be dead for good, still runs",
        old[2]
    );
    let lines = ends_with(change.machines.agents[0].take().unwrap(), 1);
    assert!(lines.last().unwrap().contains(&dead), "{lines:#?}");
    assert!(change.refusal(1, 1, &[], &new).contains(&dead));
    change.end(3, Signal::KILL);
    // Without the option, too.
    change.start(1, 1, &[], &new);
    change.start(2, 2, &adopt, &new);
    let token = change.enters_after(1, latest + SKIPPED);
    assert!(token < latest + 2 * SKIPPED, "{token} after {latest}");
}

/// A datagram may have been recorded when its sender was alive. Only an answer to a question
/// of this run shows that it still runs.
#[test]
fn a_recorded_datagram_of_a_member_that_was_left_out_does_not_end_the_change() {
    let (mut change, latest) = Change::killed();
    let (old, new) = (change.list(&[1, 2, 3]), change.list(&[1, 2]));
    let adopt = ["--adopt-list", "--without", &old[2]];
    change.start(1, 1, &adopt, &new);
    let digest = GroupDigest::of(old.iter().map(String::as_str));
    let message = |body: Body| {
        let (from, origin) = (NodeId(3), Origin::Turno(Incarnation(33)));
        let message = Message {
            from,
            origin,
            view: None,
            body,
        };
        wire::encode(&message, digest)
    };
    let dead = UdpSocket::bind(format!("127.0.0.1{}", old[2])).unwrap();
    dead.set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let alpha = format!("127.0.0.1{}", new[0]);
    dead.send_to(message(Body::Hello).as_bytes(), &alpha)
        .unwrap();
    let mut buffer = [0; 2000];
    loop {
        let length = dead.recv(&mut buffer).unwrap();
        if let Ok(Datagram::Message { message, group }) = wire::decode(&buffer[..length])
            && (message.from, group, &message.body) == (NodeId(1), Some(digest), &Body::Hello)
        {
            break;
        }
    }
    // An answer to an earlier question is a recorded one, too.
    let welcome = |to| Body::Welcome {
        clock: 9,
        to,
        again: false,
    };
    let recorded = message(welcome(Incarnation(34)));
    dead.send_to(recorded.as_bytes(), &alpha).unwrap();
    change.start(2, 2, &adopt, &new);
    change.enters_after(1, latest + SKIPPED);
    // The change is complete, so the agent only says what it has heard.
    dead.send_to(recorded.as_bytes(), &alpha).unwrap();
    change.log_of(1).wait_for(&is_heard(&old[2]));
}

#[test]
fn the_check_of_a_configuration_says_what_a_change_of_the_list_does() {
    let (mut change, _) = Change::begin(&[]);
    for machine in [1, 2, 3] {
        change.end(machine, Signal::TERM);
    }
    let new = change.list(&[1, 2]);
    let gone = change.machines.members[2].clone();
    let check = |options: &[&str]| change.check(1, options, &new);
    let (code, text) = check(&["--adopt-list"]);
    assert!(
        code == 2 && text.contains(&format!("--without {gone}.")),
        "{text}"
    );
    let (code, text) = check(&["--adopt-list", "--without", &gone]);
    let told = "note: the state goes over to the new list: its clock was below ";
    assert!(code == 0 && text.contains(told), "{text}");
    let (code, text) = check(&["--new-state"]);
    assert_eq!(code, 0);
    assert!(
        text.contains("note: --new-state GIVES UP THE CLOCK OF THE OLD LIST"),
        "{text}"
    );
    assert!(text.contains("TOKENS BEGIN AGAIN NEAR 1"), "{text}");
    change.start(1, 1, &["--new-state"], &new);
    change
        .log_of(1)
        .wait_for("--new-state GIVES UP THE CLOCK OF THE OLD LIST");
}

#[test]
fn with_failover_a_list_changes_while_a_majority_of_the_states_is_there() {
    let (mut change, latest) = Change::begin(&["--failover", "1s"]);
    for machine in [1, 2, 3] {
        change.end(machine, Signal::TERM);
    }
    let old = change.list(&[1, 2, 3]);
    let alone = change.list(&[1, 4]);
    let most = ["--adopt-list", "--without", &old[1], "--without", &old[2]];
    // A list of two has no failover.
    let options = std::mem::take(&mut change.options);
    let error = change.refusal(1, 1, &most, &alone);
    assert!(
        error.contains("2 of the 3 members of the old list are left out"),
        "{error}"
    );
    change.options = options;
    let new = change.list(&[4, 1, 2]);
    let adopt = ["--adopt-list", "--without", &old[2]];
    // Their ids change, too.
    change.start(1, 2, &adopt, &new);
    change.start(2, 3, &adopt, &new);
    change.start(4, 1, &[], &new);
    let mut latest = change.enters_after(4, latest + SKIPPED);
    for machine in [2, 1] {
        latest = change.enters_after(machine, latest);
    }
    // And a majority goes on.
    change.end(2, Signal::KILL);
    latest = change.enters_after(4, latest);
    change.enters_after(1, latest);
}

/// The old agent of the group is of an older turno, which wrote no list down.
#[test]
fn the_list_of_an_older_turno_is_learnt_by_one_more_start_with_it() {
    let (mut change, latest) = Change::begin(&[]);
    for machine in [1, 2, 3] {
        change.end(machine, Signal::TERM);
        let list = format!("state-{machine}/turno-members.json");
        std::fs::remove_file(change.machines.path(&list)).unwrap();
    }
    let (old, new) = (change.list(&[1, 2, 3]), change.list(&[1, 2]));
    let adopt = ["--adopt-list", "--without", &old[2]];
    let error = change.refusal(1, 1, &adopt, &new);
    assert!(
        error.contains("Start the agent once with the old list"),
        "{error}"
    );
    for machine in [1, 2] {
        change.start(machine, machine, &[], &old);
    }
    for machine in [1, 2] {
        change.end(machine, Signal::TERM);
    }
    for machine in [1, 2] {
        change.start(machine, machine, &adopt, &new);
    }
    change.enters_after(1, latest + SKIPPED);
}

#[test]
fn a_change_of_the_list_without_a_state_directory_is_refused_before_anything_is_made() {
    let arguments = [
        "agent",
        "--id",
        "1",
        ":7001",
        "--adopt-list",
        "--socket",
        "/proc/turno/a.sock",
    ];
    let output = std::process::Command::new(TURNO)
        .args(arguments)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--adopt-list takes over the clock in the state directory"),
        "{error}"
    );
}
