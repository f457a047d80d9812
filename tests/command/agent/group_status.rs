//! What happens on all machines is known on each: `turno status`, and what waiters are told.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::machines::{Machines, ends_with};
use super::raw_client::RawClient;
use crate::fixtures::program::Program;
use crate::fixtures::turno::{TURNO, run};
use crate::fixtures::wait::eventually;

/// Holds its lock until there is a file `end`.
const HOLDS: &str = "echo >> inside; while ! [ -e end ]; do sleep 0.01; done";

/// Starts this many agents with a key.
fn keyed(members: usize) -> Machines {
    let mut machines = Machines::with_agents(members, &[]);
    let key = machines.path("key").display().to_string();
    assert_eq!(run(&["key", &key]).0, Some(0));
    for id in 1..=members {
        let socket = machines.socket(id);
        let agent = machines.agent(id, &socket, &["--key", &key], &machines.members);
        machines.agents[id - 1] = Some(agent);
    }
    machines
}

fn json(machines: &Machines, id: usize) -> Value {
    serde_json::from_str(&machines.status(id, &["--json"])).unwrap()
}

/// Waits until this member tells of a lock that is wanted so often in the group, and
/// returns what it tells of the group.
fn group_with_waiters(machines: &Machines, id: usize, waiters: usize) -> Value {
    eventually(&format!("{waiters} waiters in the status of {id}"), || {
        let group = json(machines, id)["group"].take();
        let waiting = group["locks"][0]["waiting"].as_array()?.len();
        (waiting == waiters).then_some(group)
    })
}

#[test]
fn each_machine_shows_the_holder_and_the_waiters_of_all_in_their_order() {
    let machines = keyed(3);
    let holder = machines.script(2, &[], "nightly", HOLDS);
    machines.line_in("inside");
    let first = machines.lock(3, &[], "nightly", &["true", "first"]);
    group_with_waiters(&machines, 1, 1);
    let second = machines.lock(1, &[], "nightly", &["true", "second"]);
    for id in 1..=3 {
        let group = group_with_waiters(&machines, id, 2);
        let lock = &group["locks"][0];
        assert_eq!(lock["name"], "nightly");
        let caller = |of: &Value| {
            let mut callers = group["callers"].as_array().unwrap().iter();
            callers.find(|caller| caller["id"] == *of).unwrap()
        };
        let (holds, waits) = (caller(&lock["holder"]), &lock["waiting"]);
        assert_eq!(
            (&holds["member"], &holds["state"]),
            (&2.into(), &"holding".into())
        );
        assert_eq!(holds["pid"], holder.pid());
        assert_eq!(holds["command"][0], "sh");
        assert!(holds["token"].is_u64() && holds["uid"].is_u64(), "{holds}");
        for (of, (member, program)) in [(3, &first), (1, &second)].into_iter().enumerate() {
            let waiter = caller(&waits[of]);
            assert_eq!(
                (&waiter["member"], &waiter["pid"]),
                (&member.into(), &program.pid().into())
            );
        }
        assert_eq!(group["unanswered"], Value::Array(Vec::new()));
        let text = machines.status(id, &[]);
        let place = match id {
            2 => "this member (2)".to_owned(),
            _ => format!("{} (2)", machines.members[1]),
        };
        let line = text
            .lines()
            .find(|line| line.contains("holding for "))
            .unwrap();
        assert!(line.contains(&format!(" on {place}, token ")), "{text}");
        assert!(
            line.contains(&format!(", process {} of ", holder.pid())),
            "{text}"
        );
        assert!(text.find("true first").unwrap() < text.find("true second").unwrap());
    }
    fs::write(machines.path("end"), "").unwrap();
    for program in [holder, first, second] {
        ends_with(program, 0);
    }
}

#[test]
fn without_a_key_no_command_line_is_told_to_another_machine() {
    let machines = Machines::start(2);
    let holder = machines.script(1, &[], "nightly", HOLDS);
    machines.line_in("inside");
    let caller = eventually("the holder in the status of 2", || {
        let caller = json(&machines, 2)["group"]["callers"][0].take();
        (!caller.is_null()).then_some(caller)
    });
    assert_eq!(caller["pid"], holder.pid());
    assert_eq!(caller["command"], Value::Null);
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
}

#[test]
fn a_member_that_does_not_answer_is_named() {
    let mut machines = Machines::start(3);
    ends_with(machines.lock(1, &[], "nightly", &["true"]), 0);
    machines.kill_agent(3);
    let text = machines.status(1, &[]);
    let expected = format!(
        "\n{} (3) did not answer: what is held or wanted there is not shown\n",
        machines.members[2]
    );
    assert!(text.contains(&expected), "{text}");
    assert!(
        text.contains("its host says that the port is closed: no agent listens there"),
        "{text}"
    );
    assert_eq!(
        json(&machines, 1)["group"]["unanswered"],
        serde_json::json!([3])
    );
}

#[test]
fn a_wait_ends_with_124_if_the_lock_is_held_though_another_member_is_down() {
    let mut machines = Machines::start(3);
    for id in 1..=3 {
        ends_with(machines.lock(id, &[], "nightly", &["true"]), 0);
    }
    let holder = machines.script(2, &[], "nightly", HOLDS);
    machines.line_in("inside");
    machines.kill_agent(3);
    for limit in ["0.8", "2.5"] {
        let lines = ends_with(machines.lock(1, &["-w", limit], "nightly", &["true"]), 124);
        assert_eq!(lines, [""; 0], "this is the ordinary case");
    }
    let lines = ends_with(machines.lock(1, &["-w", "2.5"], "other", &["true"]), 123);
    let expected = format!(
        "turno: other: not run: {} (3) does not answer, last heard ",
        machines.members[2]
    );
    assert!(lines[0].starts_with(&expected), "{lines:?}");
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
}

#[test]
fn a_waiter_is_told_who_has_the_lock_and_who_is_down() {
    let mut machines = keyed(3);
    for id in 1..=3 {
        ends_with(machines.lock(id, &[], "nightly", &["true"]), 0);
    }
    let holder = machines.script(2, &[], "nightly", HOLDS);
    machines.line_in("inside");
    let (name, pid) = (machines.members[1].clone(), holder.pid());
    machines.kill_agent(3);
    let waiters = [1, 2].map(|id| machines.lock(id, &["-v"], "nightly", &["true"]));
    let expected = format!(" s for nightly: held by {name} (2), pid {pid}, sh -c cd '");
    for waiter in &waiters {
        let line = waiter.wait_for("turno: nightly: waiting ");
        assert!(line.contains(&expected), "{line}");
    }
    let silent = format!("; {} (3) does not answer, last heard ", machines.members[2]);
    let line = waiters[0].wait_for(&silent);
    assert!(line.contains(&expected), "{line}");
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
    for waiter in waiters {
        waiter.signal(Signal::TERM);
        waiter.finish();
    }
}

/// Each command holds one lock and asks for the other.
#[test]
fn a_deadlock_of_two_locks_is_shown_on_every_machine() {
    let machines = keyed(2);
    let crosswise = |id: usize, held: &str, wanted: &str| -> Program {
        let socket = machines.socket(id);
        let script = format!(
            "echo > has-{held}; while ! [ -e has-{wanted} ]; do sleep 0.01; done; \
             {TURNO} lock --socket {socket} {wanted} -- true"
        );
        machines.script(id, &[], held, &script)
    };
    let programs = [crosswise(1, "left", "right"), crosswise(2, "right", "left")];
    for id in 1..=2 {
        machines.wait_for_status(
            id,
            "  deadlock, a circle of waits: the holder of left waits for right, the holder of right \
             waits for left; end one of these commands\n",
        );
    }
    let one = machines.status(1, &["left"]);
    assert!(one.contains("deadlock, a circle of waits: "), "{one}");
    assert!(!one.contains("\nright: "), "{one}");
    for program in programs {
        program.signal(Signal::TERM);
        program.finish();
    }
}

#[test]
fn many_waiters_are_told_in_several_pieces() {
    const WAITERS: usize = 150;
    let machines = keyed(2);
    let holder = machines.script(1, &[], "nightly", HOLDS);
    machines.line_in("inside");
    let command = "x".repeat(100);
    let clients: Vec<RawClient> = (0..WAITERS)
        .map(|_| {
            let mut client = RawClient::connect(&machines, 1);
            client.send(&format!(
                r#"{{"ask":{{"name":"nightly","command":["{command}"]}}}}"#
            ));
            client
        })
        .collect();
    let group = group_with_waiters(&machines, 2, WAITERS);
    let tickets = group["callers"].as_array().unwrap().iter();
    let tickets: Vec<u64> = tickets.map(|it| it["ticket"].as_u64().unwrap()).collect();
    assert!(tickets.is_sorted(), "{tickets:?}");
    assert_eq!(group["left_out"], 0);
    drop(clients);
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
}
