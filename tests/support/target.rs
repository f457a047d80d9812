//! A group to be attacked: on a good network, and all of it overheard.

use std::process::Command;

use rustix::process::Signal;
use turno::internals::wire::ENDS;

use super::Program;
use super::forgery::Request;
use super::judge::judge;
use super::outsider::{Missile, Outsider};
use super::random::Random;
use super::relay::Faults;
use super::relayed::Relayed;

const ENTERED: &str = "Process entered CS";
const REQUEST: &str = "x: req<";
const OPTIONS: &[&str] = &["--hold", "1ms"];

/// Three processes, and how often they were asked for the section.
pub struct Target {
    pub group: Relayed,
    pub processes: Vec<Program>,
    asked: usize,
}

impl Target {
    pub fn start(options: &[&str]) -> Self {
        let random = Random::seeded();
        let group = Relayed::with_options(3, Faults::NONE, random, options);
        let processes = group.all(OPTIONS);
        Target {
            group,
            processes,
            asked: 0,
        }
    }

    pub fn process(&mut self, id: usize) -> &mut Program {
        &mut self.processes[id - 1]
    }

    /// Kills one, and starts it anew.
    pub fn starts_anew(&mut self, id: usize) {
        let killed = self.processes.remove(id - 1);
        self.group.kill(id, killed);
        let next = self.group.process(id, OPTIONS);
        next.wait_for("listens at");
        self.processes.insert(id - 1, next);
    }

    pub fn asks(&mut self, id: usize) {
        self.asked += 1;
        self.process(id).say("x");
    }

    /// Has one ask, and waits until this peer has given its permission.
    pub fn asks_and_hears(&mut self, id: usize, peer: usize) {
        self.process(id).so_far();
        let requests = self.process(id).count(REQUEST);
        self.asks(id);
        self.process(id).wait_for_nth(requests + 1, REQUEST);
        let reply = format!(",{peer}> received, clock ");
        self.process(id).wait_until("the reply", |lines| {
            let mut since_asked = lines
                .rsplit(|line| line.starts_with(REQUEST))
                .next()?
                .iter();
            let is_it = |l: &&String| l.starts_with("reply<") && l.contains(&reply);
            // What does not count says why.
            since_asked
                .find(|line| is_it(line) && !line.contains(": "))
                .map(drop)
        });
    }

    pub fn enters(&mut self, id: usize) {
        self.asks(id);
        self.all_leave();
    }

    /// Waits until the section has heard so many ends as were asked for.
    pub fn all_leave(&self) {
        self.group.shared.wait_until("all have left", |lines| {
            let ends = |line: &&String| line.starts_with('[') && line.ends_with(ENDS);
            (lines.iter().filter(ends).count() == self.asked).then_some(())
        });
    }

    /// The clock of a process, which ticks to show it.
    pub fn clock(&mut self, id: usize) -> u64 {
        let before = self.process(id).count("tick, clock ");
        self.process(id).say(&id.to_string());
        let line = self.process(id).wait_for_nth(before + 1, "tick, clock ");
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// All this is thrown at a process, and its clock does not move.
    pub fn withstands(&mut self, id: usize, outsider: &Outsider, missiles: &[Missile]) {
        let before = self.clock(id);
        let address = self.group.listen[id - 1].clone();
        outsider.throw(missiles, self.process(id), &address);
        assert_eq!(self.clock(id), before + 1, "the clock of {id} has moved");
    }

    /// 3 is stopped, so 1 waits for its reply and for no other. The request. (The
    /// others have asked since 1 did, so that it must ask them.)
    pub fn makes_one_wait(&mut self) -> Request {
        for id in [1, 2, 3, 1, 2, 3] {
            self.enters(id);
        }
        self.process(3).signal(Signal::STOP);
        self.asks_and_hears(1, 2);
        self.overheard_request(1)
    }

    /// It has not entered, and now it may. So may all.
    pub fn lets_it_enter(mut self) {
        assert_eq!(self.process(1).count(ENTERED), 2);
        self.process(3).signal(Signal::CONT);
        self.all_leave();
        for id in [2, 3, 1] {
            self.enters(id);
        }
        self.finish();
    }

    /// The request that a process made last.
    pub fn overheard_request(&self, from: usize) -> Request {
        let captured = self.group.relay.captured();
        let end = format!(",{from}>{{");
        let mut requests = captured.iter().rev().filter_map(|captured| {
            let text = str::from_utf8(&captured.text).ok()?;
            let (clock, tail) = text.strip_prefix("req<")?.split_once(&end)?;
            let field = |name: &str| {
                let (_, rest) = tail.split_once(&format!("\"{name}\":\""))?;
                Some(rest.split('"').next()?.to_owned())
            };
            Some(Request {
                clock: clock.parse().ok()?,
                incarnation: field("incarnation")?,
                group: field("group")?,
            })
        });
        requests.find(|request| request.clock > 0).unwrap()
    }

    /// As often as was asked for, and each in its turn.
    pub fn finish(self) {
        let lines = self.group.shared.lines();
        let heard: Vec<String> = lines
            .into_iter()
            .filter(|line| !line.starts_with("refused"))
            .collect();
        let entries = judge(&heard).unwrap();
        assert_eq!(entries.values().sum::<usize>(), self.asked);
    }
}

/// A key of a group's own, in a folder that is gone with the test.
pub struct KeyFile {
    pub path: String,
    _folder: tempfile::TempDir,
}

impl KeyFile {
    pub fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("turno.key").display().to_string();
        let turno = env!("CARGO_BIN_EXE_turno");
        let made = Command::new(turno).args(["key", &path]).status().unwrap();
        assert!(made.success());
        KeyFile {
            path,
            _folder: folder,
        }
    }
}
