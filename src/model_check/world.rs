//! The state of a whole group.
//!
//! What was sent once stays under way for ever: it may arrive at any time, any
//! number of times, in any order, or never. So a set of messages stands for a
//! network that loses, repeats and reorders.

use std::sync::Arc;

use super::bounds::Bounds;
use super::memo::{Act, MemberNumber, MemberStep, Memo, MessageNumber};
use super::oracle::{Oracle, SectionStay, Violation};
use crate::mutex::Token;
use crate::protocol::Member;

/// The most members of a group that is searched.
pub(super) const MOST: usize = 4;

/// A state of the whole group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    /// None: crashed.
    pub(super) members: [Option<MemberNumber>; MOST],
    /// What is under way, in order of its numbers.
    pub(super) network: Vec<MessageNumber>,
    pub(super) asked: [u8; MOST],
    pub(super) lives: [u8; MOST],
    /// What each has written down.
    pub(super) below: [u64; MOST],
    pub(super) crashes_left: u8,
    pub(super) cancels_left: u8,
    pub(super) lends_left: u8,
    pub(super) section: Oracle,
    /// What of [`super::seen`] the step showed that led here. No part of the state.
    pub(super) shown: u16,
}

impl World {
    /// Before anybody has been started.
    pub(super) fn new(bounds: &Bounds) -> Self {
        World {
            members: [None; MOST],
            network: Vec::new(),
            asked: [0; MOST],
            lives: [0; MOST],
            below: [1; MOST],
            crashes_left: bounds.crashes,
            cancels_left: bounds.cancels,
            lends_left: bounds.delegates,
            section: Oracle::default(),
            shown: 0,
        }
    }

    /// Somebody takes a step, and does the first so many things that it asks for.
    pub(super) fn take(
        &mut self,
        place: usize,
        step: &Arc<MemberStep>,
        effects: usize,
    ) -> Result<(), Violation> {
        self.members[place] = Some(step.after);
        for act in step.acts.iter().take(effects) {
            match *act {
                Act::Send(message) => self.send(message),
                Act::Reserve(below) => self.below[place] = below,
                Act::Leave => {}
                Act::Lend(first, last) => self.section.delegate(first, last)?,
                Act::Enter(token) => {
                    let life = self.lives[place];
                    self.section.enter(SectionStay { place, token, life })?;
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, message: MessageNumber) {
        if let Err(at) = self.network.binary_search(&message) {
            self.network.insert(at, message);
        }
    }

    /// A node crashes. What it does in the section dies with it, or does not.
    pub(super) fn crash(&mut self, bounds: &Bounds, place: usize) {
        self.members[place] = None;
        self.crashes_left = self.crashes_left.saturating_sub(1);
        if !bounds.outlives {
            self.section.leave(place);
        }
    }

    /// The token of what goes on at this place, though its node has crashed.
    pub(super) fn outlived_by(&self, place: usize) -> Option<Token> {
        let stay = self.section.stay_at(place)?;
        self.members[place]
            .is_none()
            .then(|| Token::new(stay.token))
    }

    /// Whether whoever is inside has a clock that has not got to the token.
    pub(super) fn is_behind_token(&self, memo: &Memo) -> bool {
        self.section.stay.is_some_and(|stay| {
            let member = self.members[stay.place];
            member.is_some_and(|member| memo.member(member).member.clock() < stay.token)
        })
    }

    /// The same state in other tables.
    pub(super) fn moved(&self, from: &Memo, to: &mut Memo) -> World {
        let mut moved = self.clone();
        for member in moved.members.iter_mut().flatten() {
            *member = to.add_member(Member::clone(&from.member(*member).member));
        }
        for message in &mut moved.network {
            *message = to.add_message((**from.sent(*message)).clone());
        }
        moved.network.sort_unstable();
        moved
    }
}
