//! The life of a node: it starts, takes up what outlived its crash, stays in the
//! section, crashes, is started anew.

use super::cluster::Program;
use super::event_queue::Due;
use super::network::comes_up;
use super::oracle::Violation;
use super::plan::{Micros, Moment, ProgramKind};
use super::world::World;
use crate::mutex::{Config, Durability, Incarnation, LockName, NodeId, Timer, Token};
use crate::protocol::Event;
use crate::wire::Key;

/// What is known of a node besides its program.
#[derive(Default)]
pub(super) struct Node {
    /// What it has on disk.
    pub(super) below: Option<u64>,
    pub(super) runs: u64,
    /// Those that are in force, each with the number of its setting.
    pub(super) timers: Vec<(Timer, u64)>,
    pub(super) paused_until: Micros,
    /// It crashes at the next such moment, and is down until then.
    pub(super) doomed: Option<(Moment, Micros)>,
    /// What it does in the section; or what it did there before it crashed, and goes
    /// on.
    pub(super) stay: Option<SectionStay>,
}

/// What is done in the section.
#[derive(Clone, Copy)]
pub(super) struct SectionStay {
    pub(super) token: u64,
    /// The number under which its end is put down.
    pub(super) end: u64,
}

impl World<'_> {
    pub(super) fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let is_odd = self.plan.odd == Some(id.0);
        let members = self.plan.members.len() - usize::from(is_odd);
        let group = self.addresses.group(id, members);
        let kind = self.plan.kind(id);
        self.tell(&format!("{id} starts"));
        let node = self.node(id);
        node.runs += 1;
        let (runs, below) = (node.runs, node.below);
        let durability = match kind {
            ProgramKind::Seed => {
                self.cluster.start_seed(group);
                return Ok(());
            }
            ProgramKind::Forgetful => Durability::Forgetful,
            ProgramKind::Durable => Durability::Durable {
                below: below.unwrap_or(1),
                synced: below.is_some(),
            },
        };
        let members = u16::try_from(members).expect("ids are 16 bits wide");
        let config = Config {
            durability,
            ahead: self.plan.ahead,
            keeps_permissions: !self.plan.ask_everybody.contains(&id.0),
            #[cfg(test)]
            planted: self.plan.planted,
            ..Config::new(id, members, Incarnation(u64::from(id.0) << 32 | runs))
        };
        let key = self.plan.has_key.then(|| Key::new([7; 32]));
        self.cluster.place_turno(group, config, key);
        if let (Some(Program::Turno(member, _)), Some(recording)) =
            (self.cluster.program(id), &mut self.recording)
        {
            recording.begin(member);
        }
        if let Some(stay) = self.node(id).stay {
            self.figures.resumed += 1;
            self.oracle.resumes(id);
            let (lock, token) = (LockName::default(), Token::new(stay.token));
            self.handle(id, Event::Resume { lock, token })?;
        }
        self.handle(id, Event::Start)
    }

    /// What is done in the section with this token ends after so long.
    pub(super) fn stays(&mut self, id: NodeId, token: u64, hold: Micros) {
        let ends_at = self.events.now + hold;
        let end = self.events.numbered(ends_at, |end| Due::Leave(id, end));
        self.node(id).stay = Some(SectionStay { token, end });
    }

    /// What was done in the section is over.
    pub(super) fn leave(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.cluster.program(id).is_none() {
            self.tell(&format!("what outlived the crash of {id} ends"));
            self.oracle.left(id);
        }
        self.handle(id, Event::Release(LockName::default()))
    }

    /// Whether it crashes at this moment, because a fault says so.
    pub(super) fn crashes_at(&mut self, id: NodeId, moment: Moment) -> bool {
        match self.node(id).doomed {
            Some((of_fault, until)) if of_fault == moment => self.crash(id, until),
            _ => false,
        }
    }

    /// Whether it did crash: of those that forget their clocks only while all
    /// others know theirs.
    fn crash(&mut self, id: NodeId, until: Micros) -> bool {
        let may_crash = match self.plan.kind(id) {
            ProgramKind::Durable => true,
            ProgramKind::Forgetful => self
                .ids()
                .filter(|other| *other != id)
                .all(|other| self.knows(other)),
            ProgramKind::Seed => false,
        };
        let Some(program) = self.cluster.program(id) else {
            return false;
        };
        if self.is_healed || !may_crash {
            return false;
        }
        self.figures.crashes += 1;
        self.figures.crashes_inside += u64::from(program.is_held());
        self.tell(&format!("{id} crashes"));
        // What it has not written down, it forgets: it may do so, for it has
        // asked nobody and replied to nobody yet.
        let forgets = self.nodes.get(&id).is_none_or(|node| node.below.is_none());
        let outlived = self.node(id).stay.take();
        let outlived = outlived.filter(|_| comes_up(&mut self.dice, self.plan.outlive_in_1000));
        self.oracle.crashed(id, forgets, outlived.is_some());
        self.cluster.crash(id);
        let node = self.node(id);
        node.timers.clear();
        node.doomed = None;
        let restarts = until.max(self.events.now + 1);
        self.events.at(restarts, Due::Restart(id));
        if let Some(stay) = outlived {
            self.figures.crashes_outlived += 1;
            // While the node is down, or about as long after that.
            let hold = self.dice.u64(0..=2 * (restarts - self.events.now));
            self.stays(id, stay.token, hold);
        }
        true
    }

    /// Whether its clock cannot be lost just now.
    fn knows(&self, id: NodeId) -> bool {
        match self.cluster.program(id) {
            Some(Program::Turno(member, _)) => member.unsynced().is_empty(),
            Some(Program::Seed(..)) => true,
            None => self.nodes.get(&id).is_some_and(|node| node.below.is_some()),
        }
    }

    /// From now on all goes well. Everybody asks, and must enter.
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        self.tell("all is well again, and everybody asks");
        self.is_healed = true;
        self.links.heal();
        for id in self.ids() {
            let node = self.node(id);
            node.paused_until = 0;
            node.doomed = None;
            if self.cluster.program(id).is_none() {
                self.start(id)?;
            }
        }
        for id in self.ids() {
            let Some(program) = self.cluster.program(id) else {
                continue;
            };
            if !program.is_held() {
                if self.plan.odd.is_none() {
                    self.oracle.owe(id);
                }
                self.handle(id, Event::Acquire(LockName::default()))?;
            }
        }
        Ok(())
    }
}
