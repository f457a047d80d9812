//! What must never happen, judged by what the members do and not by what they report.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mutex::NodeId;
use crate::narrate::listed;

/// What must never happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two members are in the critical section.
    TwoHolders {
        /// The holder.
        holder: NodeId,
        /// The member that entered.
        entered: NodeId,
    },
    /// A token is not larger than all tokens before it.
    TokenDidNotRise {
        /// The holder.
        id: NodeId,
        /// Its token.
        token: u64,
        /// The largest token before.
        before: u64,
    },
    /// A member delegated tokens outside the critical section.
    DelegatedOutside(NodeId),
    /// A clock went back.
    ClockWentBack {
        /// The member.
        id: NodeId,
        /// Its clock.
        clock: u64,
        /// Its clock before.
        before: u64,
    },
    /// A member entered, though not all have the same member list.
    EnteredDivided(NodeId),
    /// These members do not enter, though all faults are over.
    NeverEnter(BTreeSet<NodeId>),
    /// The members send datagrams for ever, though there is no request.
    NeverRest,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::TwoHolders { holder, entered } => {
                write!(f, "{entered} entered while {holder} was in the section")
            }
            Violation::TokenDidNotRise { id, token, before } => {
                write!(f, "{id} entered with token {token}, after {before}")
            }
            Violation::DelegatedOutside(id) => {
                write!(f, "{id} delegated tokens outside the section")
            }
            Violation::ClockWentBack { id, clock, before } => {
                write!(f, "the clock of {id} went back from {before} to {clock}")
            }
            Violation::EnteredDivided(id) => {
                write!(f, "{id} entered in a group whose member lists differ")
            }
            Violation::NeverEnter(ids) => {
                let ids = listed(ids);
                write!(f, "{ids} did not enter, though nothing is lost any more")
            }
            Violation::NeverRest => {
                f.write_str("all have entered and left, and still send datagrams")
            }
        }
    }
}

/// Watches a group.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    is_divided: bool,
    /// The holder, and its token.
    holder: Option<(NodeId, u64)>,
    largest_token: u64,
    clocks: BTreeMap<NodeId, u64>,
    /// The members that must still enter.
    expected: BTreeSet<NodeId>,
}

impl Oracle {
    /// An oracle of a group whose member lists may differ.
    #[must_use]
    pub fn new(is_divided: bool) -> Self {
        Oracle {
            is_divided,
            ..Oracle::default()
        }
    }

    /// A member enters.
    ///
    /// # Errors
    /// The violation.
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
    ///
    /// # Errors
    /// The violation.
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

    /// The token of this member's entry, if it is in the section.
    fn token_of(&self, id: NodeId) -> Option<u64> {
        let (_, token) = self.holder.filter(|(holder, _)| *holder == id)?;
        Some(token)
    }

    /// Notes a member's clock.
    ///
    /// # Errors
    /// The clock went back.
    pub fn note_clock(&mut self, id: NodeId, clock: u64) -> Result<(), Violation> {
        let before = self.clocks.insert(id, clock).unwrap_or(0);
        if clock < before {
            return Err(Violation::ClockWentBack { id, clock, before });
        }
        Ok(())
    }

    /// From now on this member must enter.
    pub fn expect_entry(&mut self, id: NodeId) {
        self.expected.insert(id);
    }

    /// The members that must still enter.
    #[must_use]
    pub fn expected(&self) -> &BTreeSet<NodeId> {
        &self.expected
    }
}
