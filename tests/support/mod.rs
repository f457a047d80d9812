//! What the integration tests share: the real binary as a child whose lines
//! can be waited for, ports that nobody else takes, and a seed peer.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file is a crate of its own, and none uses all of it"
)]

pub mod forgery;
pub mod judge;
pub mod outsider;
pub mod players;
pub mod ports;
pub mod program;
pub mod random;
pub mod relay;
pub mod relayed;
pub mod seed_peer;
pub mod stand_in;
pub mod target;
pub mod tmux;

use std::thread;
use std::time::{Duration, Instant};

pub use ports::Ports;
pub use program::Program;

/// How long anything may take before a test gives up: far longer than it ever
/// does.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for what can only be asked for again and again.
pub fn eventually<T>(wanted: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited for {wanted} in vain");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A `turno shared` and the processes of one group.
pub struct Group {
    pub shared: Program,
    pub addresses: Vec<String>,
    pub section: String,
    _ports: Ports,
}

impl Group {
    /// A critical section, running, and addresses for `members` processes.
    pub fn of(members: usize) -> Self {
        let shared = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
        let section = shared.listens_at();
        let ports = Ports::reserve(members);
        Group {
            shared,
            addresses: ports.iter().map(|port| format!(":{port}")).collect(),
            section,
            _ports: ports,
        }
    }

    /// Process `id`, which uses the section for `hold`.
    pub fn process(&self, id: usize, hold: &str) -> Program {
        self.process_with(id, &["--hold", hold])
    }

    pub fn process_with(&self, id: usize, options: &[&str]) -> Program {
        let number = id.to_string();
        let mut arguments = vec!["process", &number, "--shared", &self.section];
        arguments.extend(options);
        arguments.extend(self.addresses.iter().map(String::as_str));
        Program::start(&format!("process {id}"), &arguments)
    }

    /// All processes, in order of their ids, when all have greeted each other.
    pub fn all(&self, hold: &str) -> Vec<Program> {
        self.all_with(&["--hold", hold])
    }

    /// All processes, and none sends anything twice within the time of a test.
    pub fn all_that_ask_once(&self, hold: &str) -> Vec<Program> {
        self.all_with(&["--hold", hold, "--resend", "1h"])
    }

    pub fn all_with(&self, options: &[&str]) -> Vec<Program> {
        let ids = 1..=self.addresses.len();
        let processes: Vec<Program> = ids
            .clone()
            .map(|id| self.process_with(id, options))
            .collect();
        for (process, id) in processes.iter().zip(ids.clone()) {
            for peer in ids.clone().filter(|peer| *peer != id) {
                process.is_welcomed_by(peer);
            }
        }
        processes
    }
}
