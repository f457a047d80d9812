//! The life of a node: it starts, resumes the entry that outlived its crash, and ends
//! its entry.

use super::cluster::Program;
use super::oracle::Violation;
use super::plan::ProgramKind;
use super::world::World;
use crate::mutex::{Config, Durability, Incarnation, LockName, NodeId, Token};
use crate::protocol::Event;
use crate::wire::Key;

impl World<'_> {
    pub(super) fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let is_misled = self.plan.misled == Some(id.0);
        let members = self.plan.members.len() - usize::from(is_misled);
        let group = self.of_present_list(self.addresses.group(id, members));
        let kind = self.plan.kind(id);
        self.report(&format!("{id} starts"));
        let node = self.node(id);
        node.runs += 1;
        let (runs, below) = (node.runs, node.below);
        let knows_clocks = below.is_some() && !node.has_clocks_to_hear;
        let durability = match kind {
            ProgramKind::Original => {
                self.cluster.start_original(group);
                return Ok(());
            }
            ProgramKind::Forgetful => Durability::Forgetful,
            ProgramKind::Durable => Durability::Durable {
                below: below.unwrap_or(1),
                synced: knows_clocks,
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
        match self.views_config(&config) {
            Some(views) => (self.cluster).place_with_failover(group, config, views, key),
            None => self.cluster.place_turno(group, config, key),
        }
        if let (Some(Program::Turno(member, _)), Some(recording)) =
            (self.cluster.program(id), &mut self.recording)
        {
            recording.begin(member);
        }
        if let Some(entry) = self.node(id).entry {
            self.figures.resumed += 1;
            self.oracle.resume(id);
            let (lock, token) = (LockName::default(), Token::new(entry.token));
            let mode = entry.mode;
            self.handle(id, Event::Resume { lock, token, mode })?;
        }
        self.handle(id, Event::Start)
    }

    /// Ends a node's entry, which may have outlived a crash of the node.
    pub(super) fn end_entry(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.cluster.program(id).is_none() {
            self.report(&format!("the entry that outlived {id} ends"));
            self.oracle.leave(id);
        }
        self.handle(id, Event::Release(LockName::default()))
    }

    /// Ends all faults. Every member requests the lock, and must enter.
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        self.report("all faults are over, and every member requests the lock");
        self.links.heal();
        self.strike = None;
        self.measure_takeover();
        for id in self.ids() {
            let node = self.node(id);
            node.paused_until = 0;
            node.next_crash = None;
            if self.cluster.program(id).is_none() {
                self.start(id)?;
            }
        }
        for id in self.ids() {
            let Some(program) = self.cluster.program(id) else {
                continue;
            };
            if !program.is_held() {
                if self.plan.misled.is_none() {
                    self.oracle.expected.insert(id);
                }
                let request = self.request(id, false);
                self.handle(id, request)?;
            }
        }
        Ok(())
    }
}
