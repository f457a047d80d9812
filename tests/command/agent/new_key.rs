//! A group gets a new key while its agents run.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::machines::{Machines, ends_with};
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;
use crate::fixtures::wait::eventually;

/// Three agents, each with a key file of its own, as on three machines.
struct Keyed {
    machines: Machines,
    agents: Vec<Program>,
}

impl Keyed {
    fn start() -> Self {
        let machines = Machines::with_agents(3, &[]);
        let mut keyed = Keyed {
            machines,
            agents: Vec::new(),
        };
        assert_eq!(run(&["key", &keyed.file(0)]).0, Some(0));
        for id in 1..=3 {
            keyed.copy(id);
            let (machines, file) = (&keyed.machines, keyed.file(id));
            let options = ["--key", &file];
            let agent = machines.agent(id, &machines.socket(id), &options, &machines.members);
            keyed.agents.push(agent);
        }
        keyed
    }

    /// The key file of a machine; of the operator with 0.
    fn file(&self, id: usize) -> String {
        let path = self.machines.path(&format!("{id}.key"));
        path.display().to_string()
    }

    fn copy(&self, id: usize) {
        fs::copy(self.file(0), self.file(id)).unwrap();
    }

    /// Has an agent read its file, and waits until it has.
    fn reload(&self, id: usize) {
        let agent = &self.agents[id - 1];
        let done = agent.count("SIGHUP: ");
        agent.signal(Signal::HUP);
        agent.wait_for_nth(done + 1, "SIGHUP: ");
    }

    /// Changes the key on the operator's machine, copies it and reloads the agents, one
    /// after another.
    fn change(&self, how: &str) {
        let (code, _, error) = run(&["key", how, &self.file(0)]);
        assert_eq!(code, Some(0), "{error}");
        for id in 1..=3 {
            self.copy(id);
            self.reload(id);
        }
    }

    fn status(&self, id: usize) -> Value {
        serde_json::from_str(&self.machines.status(id, &["--json"])).unwrap()
    }
}

#[test]
fn a_group_gets_a_new_key_under_load_without_a_pause_and_without_a_refusal() {
    let keyed = Keyed::start();
    let first = keyed.status(1)["node"]["keys"].clone();
    let is_over = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        let clients: Vec<_> = (1..=3)
            .map(|id| {
                let (machines, is_over) = (&keyed.machines, &is_over);
                scope.spawn(move || {
                    let mut longest = Duration::ZERO;
                    while !is_over.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        ends_with(machines.lock(id, &[], "load", &["true"]), 0);
                        longest = longest.max(began.elapsed());
                    }
                    longest
                })
            })
            .collect();
        for how in ["--add", "--switch", "--drop"] {
            keyed.change(how);
            let entries = |id: usize| keyed.status(id)["node"]["entries"].as_u64().unwrap();
            let before: Vec<u64> = (1..=3).map(entries).collect();
            eventually("entries on all machines", || {
                let has_entered = |id: usize| entries(id) > before[id - 1] + 2;
                (1..=3).all(has_entered).then_some(())
            });
        }
        is_over.store(true, Ordering::Relaxed);
        let longest = clients.into_iter().map(|client| client.join().unwrap());
        longest.max().unwrap()
    });
    for id in 1..=3 {
        let status = keyed.status(id);
        let node = &status["node"];
        assert_eq!(node["dropped"].get("signature wrong"), None, "{status}");
        assert_eq!(node["keys"].as_array().unwrap().len(), 1, "{status}");
        assert_eq!(node["keys"], keyed.status(1)["node"]["keys"]);
        assert_ne!(node["keys"], first);
    }
    println!("the longest wait for an entry: {longest:?}");
}

#[test]
fn a_bad_key_file_at_a_reload_changes_nothing_and_is_told_of() {
    let keyed = Keyed::start();
    let keys = keyed.status(2)["node"]["keys"].clone();
    fs::write(keyed.file(2), "no key").unwrap();
    keyed.reload(2);
    let text = "the key of before goes on";
    let line = keyed.agents[1].wait_for(text);
    assert!(line.contains(" ERROR SIGHUP: the key file "), "{line}");
    fs::remove_file(keyed.file(2)).unwrap();
    keyed.reload(2);
    assert!(
        keyed.agents[1]
            .wait_for_nth(2, text)
            .contains("No such file")
    );
    assert_eq!(keyed.status(2)["node"]["keys"], keys);
    for id in 1..=3 {
        ends_with(keyed.machines.lock(id, &[], "job", &["true"]), 0);
    }
}

#[test]
fn a_key_file_is_changed_step_by_step_and_a_step_out_of_order_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("turno.key");
    let file = path.display().to_string();
    let lines = || {
        let text = fs::read_to_string(&path).unwrap();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |how: &str, why: &str| {
        let (code, _, error) = run(&["key", how, &file]);
        assert!(code != Some(0) && error.contains(why), "{how}: {error}");
    };
    refused("--add", "No such file");
    assert_eq!(run(&["key", &file]).0, Some(0));
    refused("--switch", "first --add another");
    refused("--drop", "there is none to drop");
    let old = lines();
    let (code, text, _) = run(&["key", "--add", &file]);
    assert_eq!(code, Some(0));
    assert!(text.ends_with("; the first signs\n"), "{text}");
    let both = lines();
    assert_eq!((both.len(), &both[0]), (2, &old[0]));
    assert!(!text.contains(&both[1]), "the secret is not shown");
    assert_eq!(run(&["key", "--switch", &file]).0, Some(0));
    assert_eq!(lines(), [both[1].clone(), both[0].clone()]);
    assert_eq!(run(&["key", "--drop", &file]).0, Some(0));
    assert_eq!(lines(), [both[1].clone()]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    for _ in 0..3 {
        assert_eq!(run(&["key", "--add", &file]).0, Some(0));
    }
    refused("--add", "the file has 4 keys");
    assert_eq!(run(&["key", "--add", "--drop", &file]).0, Some(2));
}
