//! What must never happen, judged by what the members do and not by what they report.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::mutex::NodeId;
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
    /// The holder, and its token.
    holder: Option<(NodeId, u64)>,
    largest_token: u64,
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
    pub fn enter(&mut self, id: NodeId, token: u64) -> Result<(), Violation> {
        if self.is_divided {
            return Err(Violation::EnteredDivided(id));
        }
        if let Some((holder, _)) = self.holder {
            return Err(Violation::TwoHolders {
                holder,
                entered: id,
            });
        }
        self.raise(id, token, token)?;
        self.holder = Some((id, token));
        self.expected.remove(&id);
        Ok(())
    }

    /// A member delegates tokens, from the first to the last of these.
    pub fn delegate(&mut self, id: NodeId, first: u64, last: u64) -> Result<(), Violation> {
        if self.token_of(id).is_none() {
            return Err(Violation::DelegatedOutside(id));
        }
        self.raise(id, first, last)
    }

    fn raise(&mut self, id: NodeId, token: u64, last: u64) -> Result<(), Violation> {
        let before = self.largest_token;
        if token <= before {
            return Err(Violation::TokenDidNotRise { id, token, before });
        }
        self.largest_token = last;
        Ok(())
    }

    /// A member leaves, or the entry that outlived its crash ends.
    pub fn leave(&mut self, id: NodeId) {
        self.holder.take_if(|(holder, _)| *holder == id);
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
        if let Some(token) = self.token_of(id) {
            let clock = self.clocks.entry(id).or_insert(token);
            *clock = token.max(*clock);
        }
    }

    /// The member in the section.
    pub fn holder(&self) -> Option<NodeId> {
        self.holder.map(|(holder, _)| holder)
    }

    /// The token of this member's entry, if it is in the section.
    fn token_of(&self, id: NodeId) -> Option<u64> {
        let (_, token) = self.holder.filter(|(holder, _)| *holder == id)?;
        Some(token)
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
