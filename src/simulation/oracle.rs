//! What must never be, whatever happens: judged by what the members do, not by
//! what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::mutex::NodeId;
use crate::narrate::listed;

/// Something that must never be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// Two are in the critical section.
    TwoHolders {
        /// Who was in it.
        holder: NodeId,
        /// Who entered.
        entered: NodeId,
    },
    /// An entry's token is not larger than all before it.
    TokenDidNotRise {
        /// Whose entry.
        id: NodeId,
        /// Its token.
        token: u64,
        /// The largest before.
        before: u64,
    },
    /// Somebody who is not in the critical section was lent tokens.
    LentOutside(NodeId),
    /// A clock went back.
    ClockWentBack {
        /// Whose.
        id: NodeId,
        /// What it shows.
        clock: u64,
        /// What it showed before.
        before: u64,
    },
    /// Somebody entered, though not all have the same member list.
    EnteredDivided(NodeId),
    /// All is well again, and these do not enter.
    NeverEnter(BTreeSet<NodeId>),
    /// Nobody wants anything, and they do not come to rest.
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
            Violation::LentOutside(id) => {
                write!(f, "{id} was lent tokens and is not in the section")
            }
            Violation::ClockWentBack { id, clock, before } => {
                write!(f, "the clock of {id} went back from {before} to {clock}")
            }
            Violation::EnteredDivided(id) => {
                write!(f, "{id} entered in a group whose member lists differ")
            }
            Violation::NeverEnter(ids) => {
                let ids = listed(ids);
                write!(
                    f,
                    "{ids} asked and did not enter, though nothing is lost any more"
                )
            }
            Violation::NeverRest => {
                f.write_str("all have entered and left, and still there is no end of datagrams")
            }
        }
    }
}

/// Watches a group.
#[derive(Clone, Debug, Default)]
pub struct Oracle {
    is_divided: bool,
    /// Who is in the section, and the token of that entry.
    holder: Option<(NodeId, u64)>,
    largest: u64,
    clocks: BTreeMap<NodeId, u64>,
    /// Who must still enter.
    owed: BTreeSet<NodeId>,
}

impl Oracle {
    /// For a group of which not all have the same member list, or all.
    #[must_use]
    pub fn new(is_divided: bool) -> Self {
        Oracle {
            is_divided,
            ..Oracle::default()
        }
    }

    /// A member entered.
    ///
    /// # Errors
    /// What must not be.
    pub fn entered(&mut self, id: NodeId, token: u64) -> Result<(), Violation> {
        if self.is_divided {
            return Err(Violation::EnteredDivided(id));
        }
        if let Some((holder, _)) = self.holder {
            return Err(Violation::TwoHolders {
                holder,
                entered: id,
            });
        }
        let before = self.largest;
        if token <= before {
            return Err(Violation::TokenDidNotRise { id, token, before });
        }
        self.holder = Some((id, token));
        self.largest = token;
        self.owed.remove(&id);
        Ok(())
    }

    /// A member was lent tokens, from the first to the last of these.
    ///
    /// # Errors
    /// What must not be.
    pub fn lent(&mut self, id: NodeId, first: u64, last: u64) -> Result<(), Violation> {
        if self.token_of(id).is_none() {
            return Err(Violation::LentOutside(id));
        }
        let before = self.largest;
        if first <= before {
            let token = first;
            return Err(Violation::TokenDidNotRise { id, token, before });
        }
        self.largest = last;
        Ok(())
    }

    /// A member left, or what it did in the section ended without it.
    pub fn left(&mut self, id: NodeId) {
        self.holder.take_if(|(holder, _)| *holder == id);
    }

    /// A member crashed. What it did in the section died with it, unless that
    /// outlives it: then it still is in the section. If it forgot its clock, that
    /// begins anew.
    pub fn crashed(&mut self, id: NodeId, forgets: bool, is_outlived: bool) {
        if !is_outlived {
            self.left(id);
        }
        if forgets {
            self.clocks.remove(&id);
        }
    }

    /// A member takes up what outlived its crash, and so must not be behind that
    /// entry's token.
    pub fn resumes(&mut self, id: NodeId) {
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

    /// A member's clock shows this now.
    ///
    /// # Errors
    /// It went back.
    pub fn clock(&mut self, id: NodeId, clock: u64) -> Result<(), Violation> {
        let before = self.clocks.insert(id, clock).unwrap_or(0);
        if clock < before {
            return Err(Violation::ClockWentBack { id, clock, before });
        }
        Ok(())
    }

    /// From now on these must enter.
    pub fn owe(&mut self, id: NodeId) {
        self.owed.insert(id);
    }

    /// Who has not entered that must.
    #[must_use]
    pub fn owed(&self) -> &BTreeSet<NodeId> {
        &self.owed
    }
}
