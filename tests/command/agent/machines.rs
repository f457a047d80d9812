//! Simulated machines: each has an agent and clients.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// What `turno status` shows of a node without clients.
pub const IDLE: &str = "no lock is held or wanted";

/// The machines of a group, with their files in one folder.
pub struct Machines {
    folder: TempDir,
    pub members: Vec<String>,
    pub agents: Vec<Option<Program>>,
    _ports: Ports,
}

impl Machines {
    /// Starts an agent on each of this many machines.
    pub fn start(members: usize) -> Self {
        let all: Vec<usize> = (1..=members).collect();
        Self::with_agents(members, &all)
    }

    /// Starts agents on these of the machines.
    pub fn with_agents(members: usize, ids: &[usize]) -> Self {
        let ports = Ports::reserve(members);
        let mut machines = Machines {
            folder: tempfile::tempdir().unwrap(),
            members: ports.iter().map(|port| format!(":{port}")).collect(),
            agents: (0..members).map(|_| None).collect(),
            _ports: ports,
        };
        for id in ids {
            machines.start_agent(*id);
        }
        machines
    }

    /// Returns the folder of all machines.
    pub fn folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text_of(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub fn socket(&self, id: usize) -> String {
        self.path(&format!("{id}.sock")).display().to_string()
    }

    pub fn start_agent(&mut self, id: usize) {
        let socket = self.socket(id);
        self.start_agent_at(id, &socket);
    }

    pub fn start_agent_at(&mut self, id: usize, socket: &str) {
        let state = self.path(&format!("state-{id}")).display().to_string();
        let agent = self.agent(id, socket, &["--state", &state], &self.members);
        self.agents[id - 1] = Some(agent);
    }

    /// Starts an agent with these options and this member list.
    pub fn agent(&self, id: usize, socket: &str, options: &[&str], members: &[String]) -> Program {
        let number = id.to_string();
        let mut arguments = vec!["agent", "--id", &number, "--socket", socket];
        arguments.extend(["--resend", "50ms"]);
        arguments.extend(options);
        arguments.extend(members.iter().map(String::as_str));
        let agent = Program::start(&format!("agent {id}"), &arguments);
        eventually(&format!("an answer of agent {id}"), || {
            run_status(socket, &[]).status.success().then_some(())
        });
        agent
    }

    pub fn kill_agent(&mut self, id: usize) {
        let agent = self.agents[id - 1].take().unwrap();
        agent.signal(Signal::KILL);
        agent.finish();
    }

    /// Starts `turno lock` on a machine.
    pub fn lock(&self, id: usize, options: &[&str], name: &str, command: &[&str]) -> Program {
        let socket = self.socket(id);
        let mut arguments = vec!["lock", "--socket", &socket];
        arguments.extend(options);
        arguments.extend([name, "--"]);
        arguments.extend(command);
        Program::start_with(&format!("lock at {id}"), &arguments, Stdio::null())
    }

    /// The same with a script, which a shell runs in the folder of all machines.
    pub fn script(&self, id: usize, options: &[&str], name: &str, script: &str) -> Program {
        let script = format!("cd '{}'; {script}", self.folder.path().display());
        self.lock(id, options, name, &["sh", "-c", &script])
    }

    /// Returns what `turno status` prints with these arguments.
    pub fn status(&self, id: usize, arguments: &[&str]) -> String {
        let output = run_status(&self.socket(id), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Waits until the status of a machine contains this.
    pub fn wait_for_status(&self, id: usize, wanted: &str) {
        eventually(&format!("{wanted:?} in the status of {id}"), || {
            self.status(id, &[]).contains(wanted).then_some(())
        });
    }

    /// Waits until a file has a line, and returns it.
    pub fn line_in(&self, name: &str) -> String {
        eventually(&format!("a line in {name}"), || {
            let text = self.text_of(name);
            text.split_once('\n').map(|(line, _)| line.to_owned())
        })
    }

    /// Waits until a file has a line, and returns the pid in it.
    pub fn pid_in(&self, name: &str) -> u32 {
        self.line_in(name).parse().unwrap()
    }
}

pub fn run_status(socket: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(TURNO);
    command.args(["status", "--socket", socket]);
    command.args(arguments).output().unwrap()
}

/// Waits until a program has ended with this exit code, and returns its lines.
pub fn ends_with(program: Program, code: i32) -> Vec<String> {
    let (status, lines) = program.finish();
    assert_eq!(status.code(), Some(code), "{lines:#?}");
    lines
}
