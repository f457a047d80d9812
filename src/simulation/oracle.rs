//! What must never happen, judged by what the members do and not by what they report.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::mutex::{Mode, NodeId};
use crate::narrate::listed;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Violation {
    #[error("{entered} entered while {holder} was in the section")]
    TwoHolders { holder: NodeId, entered: NodeId },
    #[error("{id} entered with token {token}, after {before}")]
    TokenDidNotRise { id: NodeId, token: u64, before: u64 },
    #[error("{0} delegated tokens outside the section")]
    DelegatedOutside(NodeId),
    #[error("the clock of {id} went back from {before} to {clock}")]
    ClockWentBack { id: NodeId, clock: u64, before: u64 },
    #[error("{0} entered in a group whose member lists differ")]
    EnteredDivided(NodeId),
    #[error("{first} and {second} tried at the same moment, and both entered")]
    TwoTries { first: NodeId, second: NodeId },
    #[error("{} did not enter, though nothing is lost any more", listed(.0))]
    NeverEnter(BTreeSet<NodeId>),
    #[error("{} did not join a view of all members, though nothing is lost any more", listed(.0))]
    NeverWhole(BTreeSet<NodeId>),
    #[error("{0} woke up past its deadline, and read on before it said that its entry is lost")]
    NotLost(NodeId),
    #[error("all have entered and left, and still send datagrams")]
    NeverRest,
}

/// Watches a group.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    /// Whether member lists differ, so that no member may ever enter.
    is_divided: bool,
    /// The holders, each with its token and mode: one, or several in shared mode.
    holders: Vec<(NodeId, u64, Mode)>,
    largest_token: u64,
    /// The largest of an exclusive entry: shared entries are past that one only.
    largest_exclusive: u64,
    clocks: BTreeMap<NodeId, u64>,
    /// The members that must still enter.
    pub expected: BTreeSet<NodeId>,
}

impl Oracle {
    pub fn new(is_divided: bool) -> Self {
        Oracle {
            is_divided,
            ..Oracle::default()
        }
    }

    /// A member enters.
    pub fn enter(&mut self, id: NodeId, token: u64, mode: Mode) -> Result<(), Violation> {
        if self.is_divided {
            return Err(Violation::EnteredDivided(id));
        }
        let mut holders = self.holders.iter();
        if let Some((holder, ..)) = holders.find(|(_, _, other)| mode.conflicts(*other)) {
            let holder = *holder;
            return Err(Violation::TwoHolders {
                holder,
                entered: id,
            });
        }
        self.raise(id, token, token, mode)?;
        self.holders.push((id, token, mode));
        self.expected.remove(&id);
        Ok(())
    }

    /// A member delegates tokens, from the first to the last of these.
    pub fn delegate(&mut self, id: NodeId, first: u64, last: u64) -> Result<(), Violation> {
        let Some((.., mode)) = self.entry_of(id) else {
            return Err(Violation::DelegatedOutside(id));
        };
        self.raise(id, first, last, mode)
    }

    /// An exclusive token is larger than all before it, a shared one than all exclusive ones
    /// before it.
    fn raise(&mut self, id: NodeId, token: u64, last: u64, mode: Mode) -> Result<(), Violation> {
        let before = match mode {
            Mode::Exclusive => self.largest_token,
            Mode::Shared => self.largest_exclusive,
        };
        if token <= before {
            return Err(Violation::TokenDidNotRise { id, token, before });
        }
        self.largest_token = self.largest_token.max(last);
        if mode == Mode::Exclusive {
            self.largest_exclusive = last;
        }
        Ok(())
    }

    /// A member leaves, or the entry that outlived its crash ends.
    pub fn leave(&mut self, id: NodeId) {
        self.holders.retain(|(holder, ..)| *holder != id);
    }

    /// A member crashes. Its entry ends, unless it outlives the crash. A member that
    /// forgets its clock may begin with a smaller one.
    pub fn crash(&mut self, id: NodeId, forgets: bool, is_outlived: bool) {
        if !is_outlived {
            self.leave(id);
        }
        if forgets {
            self.clocks.remove(&id);
        }
    }

    /// A member resumes the entry that outlived its crash: its clock must have reached
    /// the token.
    pub fn resume(&mut self, id: NodeId) {
        if let Some((_, token, _)) = self.entry_of(id) {
            let clock = self.clocks.entry(id).or_insert(token);
            *clock = token.max(*clock);
        }
    }

    /// The member that has been in the section for longest.
    pub fn holder(&self) -> Option<NodeId> {
        self.holders.first().map(|(holder, ..)| *holder)
    }

    /// How many members are in the section.
    pub fn holders(&self) -> usize {
        self.holders.len()
    }

    /// This member's entry, if it is in the section.
    fn entry_of(&self, id: NodeId) -> Option<(NodeId, u64, Mode)> {
        let mut holders = self.holders.iter();
        holders.find(|(holder, ..)| *holder == id).copied()
    }

    /// Notes a member's clock, which must not go back.
    pub fn note_clock(&mut self, id: NodeId, clock: u64) -> Result<(), Violation> {
        let before = self.clocks.insert(id, clock).unwrap_or(0);
        if clock < before {
            return Err(Violation::ClockWentBack { id, clock, before });
        }
        Ok(())
    }
}
