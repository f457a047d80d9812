//! What must never happen.

use std::cmp::Ordering;

use super::bounds::{MAX_MEMBERS, bits_of};
use crate::mutex::{Tokens, ViewNumber};
use crate::views::View;

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Two members are in the critical section at once.
    TwoInside,
    /// The token of an entry is not larger than that of an earlier entry.
    TokenDidNotRise,
    /// Two views of one number are decided.
    TwoViewsOfOneNumber,
    /// Views of two different lines of configured members are decided, so that two groups
    /// may go on beside each other; or one of an older configuration, and it is later than
    /// one of a newer.
    TwoLines,
    /// Tokens are delegated outside of the critical section.
    DelegatedOutside,
    /// A member has joined an older view than its own.
    ViewWentBack,
}

/// The critical section and the decisions, as an observer of the whole group sees them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Oracle {
    /// Who is inside. An entry lasts until it is left or lost, or its member restarts.
    pub(super) inside: [bool; MAX_MEMBERS],
    pub(super) last_token: u64,
    /// Each decided view.
    pub(super) decided: Vec<Decided>,
}

/// A decided view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Decided {
    pub(super) number: ViewNumber,
    /// The members as bits.
    pub(super) members: u8,
    /// The configuration that its voters had adopted: how many changes led to it, and its
    /// number.
    version: u64,
    pub(super) base: ViewNumber,
    pub(super) is_after_a_change: bool,
}

impl Oracle {
    pub(super) fn enter(&mut self, index: usize, token: u64) -> Result<(), Violation> {
        if self.inside.contains(&true) {
            return Err(Violation::TwoInside);
        }
        if token <= self.last_token {
            return Err(Violation::TokenDidNotRise);
        }
        self.inside[index] = true;
        self.last_token = token;
        Ok(())
    }

    pub(super) fn delegate(&mut self, index: usize, tokens: Tokens) -> Result<(), Violation> {
        if !self.inside[index] {
            return Err(Violation::DelegatedOutside);
        }
        if tokens.first().get() <= self.last_token {
            return Err(Violation::TokenDidNotRise);
        }
        self.last_token = tokens.last().get();
        Ok(())
    }

    /// Whether the view is a new one.
    pub(super) fn decide(&mut self, view: &View) -> Result<bool, Violation> {
        let (number, members) = (view.number, bits_of(&view.members));
        let (version, base) = match &view.configuration {
            None => (0, ViewNumber::FIRST),
            Some(it) if it.number == number => (it.version - 1, it.base),
            Some(it) => (it.version, it.number),
        };
        let decided = Decided {
            number,
            members,
            version,
            base,
            is_after_a_change: view.configuration.is_some(),
        };
        match self.decided.iter().find(|known| known.number == number) {
            Some(known) if *known != decided => Err(Violation::TwoViewsOfOneNumber),
            Some(_) => Ok(false),
            None => {
                let is_other_line = |known: &Decided| match known.version.cmp(&version) {
                    Ordering::Less => known.number > number,
                    Ordering::Greater => known.number < number,
                    Ordering::Equal => known.base != base,
                };
                if self.decided.iter().any(is_other_line) {
                    return Err(Violation::TwoLines);
                }
                self.decided.push(decided);
                self.decided.sort();
                Ok(true)
            }
        }
    }
}
