//! A group of real processes with a relay between them.

use std::net::UdpSocket;
use std::ops::RangeInclusive;

use rustix::process::Signal;

use super::judge::{self, Entries};
use super::random::Random;
use super::relay::{Faults, Relay};
use super::{Ports, Program};

/// A `turno shared`, a relay, and the addresses of a group's processes. What
/// they say to the critical section does not pass by the relay.
pub struct Relayed {
    pub shared: Program,
    pub section: String,
    pub relay: Relay,
    /// The member list: the relay's doors.
    pub list: Vec<String>,
    /// Where the processes listen.
    pub listen: Vec<String>,
    /// With which the section and all processes are started.
    options: Vec<String>,
    _ports: Ports,
}

impl Relayed {
    pub fn of(members: usize, faults: Faults, random: Random) -> Self {
        Self::with_options(members, faults, random, &[])
    }

    /// With options that the section and the processes share.
    pub fn with_options(members: usize, faults: Faults, random: Random, options: &[&str]) -> Self {
        let start = [&["shared", "--listen", "127.0.0.1:0"], options].concat();
        let shared = Program::start("shared", &start);
        let section = shared.listens_at();
        let ports = Ports::reserve(2 * members);
        let doors: Vec<(u16, u16)> = ports.iter().zip(ports.iter().skip(members)).collect();
        Relayed {
            shared,
            section,
            relay: Relay::start(&doors, faults, random),
            list: doors
                .iter()
                .map(|(outside, _)| format!(":{outside}"))
                .collect(),
            listen: doors
                .iter()
                .map(|(_, inside)| format!("127.0.0.1:{inside}"))
                .collect(),
            options: options.iter().map(ToString::to_string).collect(),
            _ports: ports,
        }
    }

    pub fn ids(&self) -> RangeInclusive<usize> {
        1..=self.list.len()
    }

    /// Process `id`, behind its door.
    pub fn process(&self, id: usize, options: &[&str]) -> Program {
        let (number, listen) = (id.to_string(), self.listen[id - 1].as_str());
        let mut arguments = vec!["process", &number, "--shared", &self.section];
        arguments.extend(["--listen", listen, "--resend", "20ms"]);
        arguments.extend(self.options.iter().map(String::as_str));
        arguments.extend(options);
        arguments.extend(self.list.iter().map(String::as_str));
        Program::start(&format!("process {id}"), &arguments)
    }

    pub fn all(&self, options: &[&str]) -> Vec<Program> {
        self.ids().map(|id| self.process(id, options)).collect()
    }

    /// Kills a process, and lets the section's lines say when. All the lines that
    /// it printed.
    pub fn kill(&self, id: usize, process: Program) -> Vec<String> {
        process.signal(Signal::KILL);
        let (status, lines) = process.finish();
        assert!(!status.success(), "it ended by itself");
        self.note(&judge::obituary(id));
        lines
    }

    /// Has the section print this behind all that was said to it before. It is
    /// no datagram of turno's, so the section tells of it and does nothing.
    pub fn note(&self, text: &str) {
        let times = self.shared.count(text);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(text.as_bytes(), &self.section).unwrap();
        self.shared.wait_for_nth(times + 1, text);
    }

    /// How often each process has entered so far, if all was as it should be.
    pub fn entries(&self) -> Entries {
        self.note("who was here?");
        judge::judge(&self.shared.lines()).unwrap_or_else(|wrong| panic!("{wrong}"))
    }
}
