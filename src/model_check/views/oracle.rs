//! What must never happen.

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
    /// Each decided view, with its members as bits.
    pub(super) decided: Vec<(ViewNumber, u8)>,
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
        match self.decided.iter().find(|(known, _)| *known == number) {
            Some((_, known)) if *known != members => Err(Violation::TwoViewsOfOneNumber),
            Some(_) => Ok(false),
            None => {
                self.decided.push((number, members));
                self.decided.sort();
                Ok(true)
            }
        }
    }
}
