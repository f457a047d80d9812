//! All turno nodes try to get the lock at one moment: at most one of them enters.

use std::collections::BTreeMap;

use super::cluster::Program;
use super::event_queue::Due;
use super::oracle::Violation;
use super::world::World;
use crate::mutex::{LockName, Mode, NodeId};
use crate::protocol::{Event, Member};
use crate::views::Views;

/// The tries of one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Rush {
    /// The clock of the try of each member.
    tries: BTreeMap<NodeId, u64>,
    winner: Option<NodeId>,
}

impl World<'_> {
    /// Has every member try whose user does not wait yet. Nothing arrives meanwhile.
    pub(super) fn rush(&mut self) -> Result<(), Violation> {
        if self.links.is_healed {
            return Ok(());
        }
        self.report("all members try at once");
        self.figures.rushes += 1;
        self.rush = Rush::default();
        for id in self.ids() {
            let is_paused = self.node(id).paused_until > self.events.now;
            if is_paused || !matches!(self.cluster.program(id), Some(Program::Turno(..))) {
                continue;
            }
            let before = self.request_of(id);
            let request = self.request(id, true);
            self.handle(id, request)?;
            let tried = self.request_of(id).filter(|clock| Some(*clock) != before);
            self.rush.tries.extend(tried.map(|clock| (id, clock)));
        }
        Ok(())
    }

    fn turno(&self, id: NodeId) -> Option<&Member> {
        match self.cluster.program(id)? {
            Program::Turno(member, _) => Some(member),
            Program::Original(..) => None,
        }
    }

    fn request_of(&self, id: NodeId) -> Option<u64> {
        self.turno(id)?.last_request_clock()
    }

    /// A member enters. If this is its exclusive try of the rush, no other exclusive one
    /// has entered.
    pub(super) fn win_rush(&mut self, id: NodeId, mode: Mode) -> Result<(), Violation> {
        let tried = self.rush.tries.remove(&id);
        if mode.is_shared() || tried.is_none() || tried != self.request_of(id) {
            return Ok(());
        }
        let first = self.rush.winner.replace(id);
        match first.filter(|first| self.is_in_view_of(id, *first)) {
            Some(first) => Err(Violation::TwoTries { first, second: id }),
            None => Ok(()),
        }
    }

    /// A member crashes, and forgets which tries it has refused.
    pub(super) fn forget_rush_of(&mut self, id: NodeId) {
        self.rush.tries.remove(&id);
        self.rush.winner.take_if(|winner| *winner == id);
    }

    /// Whether a member is needed for an entry of that one. The entry of a member that is
    /// not in the view any more has ended with its lease, and another may take its place.
    fn is_in_view_of(&self, id: NodeId, other: NodeId) -> bool {
        let views = self.turno(id).and_then(Member::views);
        let view = views.and_then(Views::view);
        view.is_none_or(|view| view.members.contains(&other))
    }

    /// The try of a member has ended. Once all faults are over, its user asks again.
    pub(super) fn end_try(&mut self, id: NodeId) {
        self.figures.refused += 1;
        self.rush.tries.remove(&id);
        if self.oracle.expected.contains(&id) {
            self.events.schedule(self.events.now, Due::Acquires(id));
        }
    }

    /// A member that is in the section, and stays there, refuses the tries that wait.
    pub(super) fn deny_tries(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.contended.take() != Some(id) {
            return Ok(());
        }
        let lock = LockName::default();
        let is_held = self.turno(id).is_some_and(|member| member.holds(&lock));
        if is_held && self.node(id).entry.is_some() {
            self.handle(id, Event::Deny(lock))?;
        }
        Ok(())
    }
}
