//! A link that works one way only: what the third member sends never reaches the first.

use std::process::Command;

use serde_json::Value;

use super::machines::{Machines, ends_with};
use crate::attackers::relay::{Faults, Relay};
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::random::Random;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// Three agents with a relay between them.
struct Linked {
    // Agents end before the relay.
    agents: Vec<Program>,
    machines: Machines,
    relay: Relay,
    /// The relay's public ports, and where the agents listen.
    pairs: Vec<(u16, u16)>,
    _ports: Ports,
}

impl Linked {
    fn new() -> Self {
        let ports = Ports::reserve(6);
        let pairs: Vec<(u16, u16)> = ports.iter().zip(ports.iter().skip(3)).collect();
        Linked {
            agents: Vec::new(),
            machines: Machines::with_agents(3, &[]),
            relay: Relay::start(&pairs, Faults::NONE, Random::seeded()),
            pairs,
            _ports: ports,
        }
    }

    fn start(&mut self, options: &[&str]) {
        let members: Vec<String> = self
            .pairs
            .iter()
            .map(|(port, _)| format!(":{port}"))
            .collect();
        for id in 1..=3 {
            let listen = format!("127.0.0.1:{}", self.pairs[id - 1].1);
            let state = self
                .machines
                .path(&format!("state-{id}"))
                .display()
                .to_string();
            let own = ["--listen", &listen, "--state", &state];
            let options = [&own[..], options].concat();
            let socket = self.machines.socket(id);
            let agent = self.machines.agent(id, &socket, &options, &members);
            self.agents.push(agent);
        }
    }

    /// What a member's status has of another member.
    fn peer(&self, id: usize, peer: usize) -> Value {
        let status: Value = serde_json::from_str(&self.machines.status(id, &["--json"])).unwrap();
        let mut peers = status["node"]["peers"].as_array().unwrap().iter();
        peers.find(|it| it["id"] == peer).unwrap().clone()
    }

    /// Waits until a member says so of another one that is up: whether that one hears it.
    fn wait_until(&self, id: usize, peer: usize, hears: bool) -> Value {
        eventually(&format!("{peer} hears {id}: {hears}"), || {
            Some(self.peer(id, peer)).filter(|it| it["hears_us"] == hears && it["is_up"] == true)
        })
    }

    fn has_metric(&self, id: usize, line: &str) {
        // On a busy machine a member may be late, and what it says is not known for a moment.
        eventually(&format!("{line:?} in the metrics of {id}"), || {
            let metrics = self.machines.status(id, &["--prometheus"]);
            metrics.contains(line).then_some(())
        });
    }

    /// Waits until the third member says that the first does not hear it, and checks that it
    /// says so everywhere.
    fn third_is_not_heard(&self, last: &str) {
        eventually("1 does not hear 3", || {
            (self.peer(3, 1)["hears_us"] == false).then_some(())
        });
        self.wait_until(3, 2, true);
        let text = self.machines.status(3, &[]);
        let line = format!("    it does not hear this member: {last}");
        let of_first = format!("  :{} (1) at ", self.pairs[0].0);
        let mut lines = text.lines().skip_while(|line| !line.starts_with(&of_first));
        let following = lines.nth(1).unwrap_or_default();
        assert!(following.starts_with(&line), "{text}");
        assert_eq!(
            text.matches("does not hear this member: ").count(),
            1,
            "{text}"
        );
        self.has_metric(3, "turno_peer_hears_us{peer=\"1\"} 0\n");
        self.has_metric(3, "turno_peer_hears_us{peer=\"2\"} 1\n");
        let told = self.agents[2].wait_for(" (1) is heard, but it does not hear this member: ");
        assert!(told.contains(" WARN "), "{told}");
        // The first one only knows that it hears nothing.
        assert_ne!(self.peer(1, 3)["hears_us"], false);
    }
}

/// With a key, of which every member is known to be a turno node.
fn key(machines: &Machines) -> String {
    let path = machines.path("key").display().to_string();
    let made = Command::new(TURNO).args(["key", &path]).status().unwrap();
    assert!(made.success());
    path
}

#[test]
fn of_a_link_that_begins_to_work_one_way_only_the_unheard_end_says_which() {
    let mut linked = Linked::new();
    let key = key(&linked.machines);
    linked.start(&["--beat", "200ms", "--key", &key]);
    for (id, peer) in [(1, 3), (3, 1), (3, 2)] {
        let peer = linked.wait_until(id, peer, true);
        assert!(peer["heard_us_ms"].as_u64().unwrap() < 60_000, "{peer}");
    }
    linked.has_metric(3, "turno_peer_hears_us{peer=\"1\"} 1\n");
    linked.relay.cut_way(3, 1);
    linked.third_is_not_heard("last heard it ");
    eventually("1 takes 3 for down", || {
        (linked.peer(1, 3)["is_up"] == false).then_some(())
    });
    linked.has_metric(1, "turno_peer_up{peer=\"3\"} 0\n");

    let lines = ends_with(
        linked.machines.lock(3, &["-w", "0.5"], "job", &["true"]),
        123,
    );
    let silent =
        "(1) does not answer, last heard 0 s ago, and says that it does not hear this member";
    assert!(lines.last().unwrap().contains(silent), "{lines:?}");

    linked.relay.heal_ways();
    linked.wait_until(3, 1, true);
    linked.agents[2].wait_for(" (1) hears this member again");
    assert!(!linked.machines.status(3, &[]).contains("does not hear"));
}

/// The first member cannot know that the third is a turno node, and sends it hellos only.
#[test]
fn of_a_link_that_never_worked_one_way_the_unheard_end_says_so_without_a_key_too() {
    let mut linked = Linked::new();
    linked.relay.cut_way(3, 1);
    linked.start(&[]);
    linked.third_is_not_heard("has not heard it yet");
    linked.relay.heal_ways();
    linked.wait_until(3, 1, true);
}

#[test]
fn with_failover_the_beats_say_which_way_a_link_fails() {
    let mut linked = Linked::new();
    linked.start(&["--failover", "3s"]);
    linked.wait_until(3, 1, true);
    linked.relay.cut_way(3, 1);
    linked.third_is_not_heard("last heard it ");
    linked.relay.heal_ways();
    linked.wait_until(3, 1, true);
}
