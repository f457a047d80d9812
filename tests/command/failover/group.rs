//! A group of agents with failover, in a network of which members can be cut off.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::log::{Log, WRITER};
use crate::fixtures::network::Network;
use crate::fixtures::processes::{is_alive, signal};
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// How long a client waits that must get its lock.
const LONG: &str = "100";

/// The agents of a group, with their files in one folder.
pub struct Group {
    // Agents end before their files and their network go.
    agents: Vec<Option<Program>>,
    pub network: Network,
    /// `None`: without failover.
    pub lease: Option<Duration>,
    folder: TempDir,
}

impl Group {
    /// Starts three agents, and waits until each is in the view of all and has a lease.
    pub fn start(lease: Duration) -> Self {
        let mut group = Self::with_lease(Some(lease));
        group.start_all();
        group
    }

    /// Of three members whose agents do not run yet.
    pub fn with_lease(lease: Option<Duration>) -> Self {
        Group {
            folder: tempfile::tempdir().unwrap(),
            network: Network::of(3),
            lease,
            agents: (0..3).map(|_| None).collect(),
        }
    }

    pub fn ids() -> [usize; 3] {
        [1, 2, 3]
    }

    /// The other two.
    pub fn others(id: usize) -> Vec<usize> {
        Self::ids()
            .into_iter()
            .filter(|other| *other != id)
            .collect()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self, id: usize) -> String {
        self.path(&format!("{id}.sock")).display().to_string()
    }

    pub fn start_all(&mut self) {
        for id in Self::ids() {
            self.start_agent(id);
        }
        for id in Self::ids() {
            self.wait_until_ready(id);
        }
    }

    pub fn start_agent(&mut self, id: usize) {
        let mut command = self.network.agent(id);
        command
            .arg("--state")
            .arg(self.path(&format!("state-{id}")));
        command.args(["--socket", &self.socket(id), "--resend", "50ms"]);
        if let Some(lease) = self.lease {
            command.args(["--failover", &format!("{}ms", lease.as_millis())]);
        }
        command.env("RUST_LOG", "info").stdin(Stdio::null());
        self.agents[id - 1] = Some(Program::spawn(&format!("agent {id}"), &mut command));
        eventually(&format!("an answer of agent {id}"), || {
            self.try_status(id, &["--json"])
        });
    }

    pub fn agent(&self, id: usize) -> &Program {
        self.agents[id - 1].as_ref().unwrap()
    }

    /// Ends an agent with this signal, waits until it has ended, and returns its lines.
    pub fn end_agent(&mut self, id: usize, by: Signal) -> Vec<String> {
        let agent = self.agents[id - 1].take().unwrap();
        agent.signal(by);
        let (status, lines) = agent.finish();
        assert!(by == Signal::KILL || status.success(), "{lines:#?}");
        lines
    }

    /// Waits until a member is in a view of all with a lease, or just answers if the group
    /// has no failover.
    pub fn wait_until_ready(&self, id: usize) {
        if self.lease.is_some() {
            self.wait_for_view(id, "it is in a view of all, with a lease", |view| {
                view["members"] == serde_json::json!([1, 2, 3]) && view["left_ms"].is_u64()
            });
        }
    }

    fn try_status(&self, id: usize, arguments: &[&str]) -> Option<String> {
        let mut status = Command::new(TURNO);
        status
            .args(["status", "--socket", &self.socket(id)])
            .args(arguments);
        let output = status.output().unwrap();
        output
            .status
            .success()
            .then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// Returns what `turno status` prints with these arguments.
    pub fn status(&self, id: usize, arguments: &[&str]) -> String {
        self.try_status(id, arguments).expect("the agent answers")
    }

    /// The field `view` of the status of a member.
    pub fn view(&self, id: usize) -> Value {
        let status: Value = serde_json::from_str(&self.status(id, &["--json"])).unwrap();
        status["node"]["view"].clone()
    }

    /// Waits until the view of a member is such, and returns it.
    pub fn wait_for_view(&self, id: usize, wanted: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{id}: {wanted}"), || {
            Some(self.view(id)).filter(&is_it)
        })
    }

    /// Starts `turno lock` for the lock of these tests at a member.
    pub fn lock(&self, id: usize, options: &[&str], command: &[&str]) -> Program {
        self.lock_named("job", id, options, command)
    }

    pub fn lock_named(&self, name: &str, id: usize, options: &[&str], command: &[&str]) -> Program {
        let socket = self.socket(id);
        let mut arguments = vec!["lock", "--socket", &socket];
        arguments.extend(options);
        arguments.extend([name, "--"]);
        arguments.extend(command);
        Program::start_with(&format!("lock at {id}"), &arguments, Stdio::null())
    }

    /// Enters at a member, and returns the token and how long that took.
    pub fn enter(&self, id: usize) -> (u64, Duration) {
        self.enter_named("job", id)
    }

    pub fn enter_named(&self, name: &str, id: usize) -> (u64, Duration) {
        let began = Instant::now();
        let command = ["sh", "-c", "echo token $TURNO_TOKEN"];
        let lock = self.lock_named(name, id, &["-w", LONG], &command);
        let lines = ends_with(lock, 0);
        let token = lines.iter().find_map(|line| line.strip_prefix("token "));
        (token.unwrap().parse().unwrap(), began.elapsed())
    }

    /// Starts a command under the lock that writes into this log, see [`Log`].
    pub fn write(&self, id: usize, log: &Log, who: &str, times: u32) -> Program {
        let times = times.to_string();
        let command = ["bash", "-c", WRITER, "writer", &log.path(), who, &times];
        self.lock(id, &["-v", "-w", LONG, "--kill-after", "10s"], &command)
    }

    pub fn log(&self, name: &str) -> Log {
        Log::at(self.path(name))
    }

    pub fn text_of(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

/// Waits until a program has ended with this exit code, and returns its lines.
pub fn ends_with(program: Program, code: i32) -> Vec<String> {
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(code), "{lines:#?}");
    lines
}

/// Stopped processes. They continue when this is dropped.
pub struct Stopped(Vec<u32>);

impl Stopped {
    pub fn stop(pids: &[u32]) -> Self {
        pids.iter().for_each(|pid| signal(*pid, Signal::STOP));
        Stopped(pids.to_vec())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in self.0.iter().filter(|pid| is_alive(**pid)) {
            signal(*pid, Signal::CONT);
        }
    }
}
