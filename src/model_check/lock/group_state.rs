//! The state of a whole group.
//!
//! A sent message stays under way for ever: it may arrive at any time, any number
//! of times, in any order, or never. So a set of messages stands for a network
//! that loses, repeats and reorders.

use super::bounds::Bounds;
use super::memo::{MemberEffect, MemberNumber, MemberStep, Memo, MessageNumber};
use super::oracle::{Entry, Oracle, Violation};
use crate::mutex::{Mode, Token};

/// The most members of a group.
pub(super) const MAX_MEMBERS: usize = 4;

/// The state of a whole group. Members are known by their index.
#[derive(Clone, Debug)]
pub(crate) struct GroupState {
    /// `None` after a crash.
    pub(super) members: [Option<MemberNumber>; MAX_MEMBERS],
    /// The messages under way, in order.
    pub(super) network: Vec<MessageNumber>,
    /// The number of requests that each has made.
    pub(super) requests: [u8; MAX_MEMBERS],
    /// The number of times that each has started.
    pub(super) runs: [u8; MAX_MEMBERS],
    /// The bound of its clock that each has persisted.
    pub(super) reserved: [u64; MAX_MEMBERS],
    pub(super) crashes_left: u8,
    pub(super) cancels_left: u8,
    pub(super) rushes_left: u8,
    pub(super) delegations_left: u8,
    pub(super) oracle: Oracle,
}

impl GroupState {
    /// Returns the state before any member starts.
    pub(super) fn new(bounds: &Bounds) -> Self {
        GroupState {
            members: [None; MAX_MEMBERS],
            network: Vec::new(),
            requests: [0; MAX_MEMBERS],
            runs: [0; MAX_MEMBERS],
            reserved: [1; MAX_MEMBERS],
            crashes_left: bounds.crashes,
            cancels_left: bounds.cancels,
            rushes_left: bounds.rushes,
            delegations_left: bounds.delegations,
            oracle: Oracle::default(),
        }
    }

    /// Applies a member's step, up to a crash after `max_effects` of its effects.
    pub(super) fn apply(
        &mut self,
        index: usize,
        step: &MemberStep,
        max_effects: usize,
    ) -> Result<(), Violation> {
        self.members[index] = Some(step.after);
        for effect in step.effects.iter().take(max_effects) {
            match *effect {
                MemberEffect::Send(message) => {
                    if let Err(at) = self.network.binary_search(&message) {
                        self.network.insert(at, message);
                    }
                }
                MemberEffect::Reserve(bound) => self.reserved[index] = bound,
                MemberEffect::Leave => {}
                MemberEffect::Refused => self.oracle.refuse(index),
                MemberEffect::Delegate(first, last) => self.oracle.delegate(index, first, last)?,
                MemberEffect::Enter(token, mode) => {
                    let run = self.runs[index];
                    self.oracle.enter(Entry {
                        index,
                        token,
                        mode,
                        run,
                    })?;
                }
            }
        }
        Ok(())
    }

    /// A node crashes. Its entry ends with it, unless entries outlive crashes.
    pub(super) fn crash(&mut self, bounds: &Bounds, index: usize) {
        self.members[index] = None;
        self.crashes_left = self.crashes_left.saturating_sub(1);
        if !bounds.outlives {
            self.oracle.leave(index);
        }
    }

    /// The token and the mode of the entry that goes on though its node has crashed.
    pub(super) fn outliving(&self, index: usize) -> Option<(Token, Mode)> {
        let entry = self.oracle.entry_of(index)?;
        let is_down = self.members[index].is_none();
        is_down.then(|| (Token::new(entry.token), entry.mode))
    }

    /// Whether the holder's clock has not reached its token.
    pub(super) fn is_behind_token(&self, memo: &Memo) -> bool {
        self.oracle.entries.iter().flatten().any(|entry| {
            let holder = self.members[entry.index];
            holder.is_some_and(|holder| memo.member(holder).member.clock() < entry.token)
        })
    }

    /// Whether one of two members holds the other's exclusive permission, and the other one
    /// of the first.
    pub(super) fn are_both_permitted(&self, memo: &Memo) -> bool {
        let kept = |index: usize| self.members[index].map(|number| memo.member(number).kept);
        let is_wrong = |one: usize, other: usize| {
            let (Some([exclusive, _]), Some([back, shared_back])) = (kept(one), kept(other)) else {
                return false;
            };
            exclusive & 1 << other != 0 && (back | shared_back) & 1 << one != 0
        };
        (0..MAX_MEMBERS).any(|one| (0..MAX_MEMBERS).any(|other| is_wrong(one, other)))
    }

    /// Whether every member runs and is free.
    pub(super) fn are_all_free(&self, bounds: &Bounds, memo: &Memo) -> bool {
        let mut members = self.members[..usize::from(bounds.members)].iter();
        members.all(|member| member.is_some_and(|number| memo.member(number).is_free))
            && self.are_all_synced(bounds, memo)
    }

    /// Whether every member has started and knows its peers' clocks.
    pub(super) fn are_all_synced(&self, bounds: &Bounds, memo: &Memo) -> bool {
        let is_synced = |number| memo.member(number).member.unsynced().is_empty();
        let mut members = self.members[..usize::from(bounds.members)].iter();
        members.all(|member| member.is_some_and(is_synced))
    }
}
