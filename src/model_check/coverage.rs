//! What must have been seen, so that a search cannot pass by doing nothing.

use super::bounds::Bounds;
use super::memo::{Act, MemberStep, Memo};
use super::step::Action;
use super::world::World;
use crate::mutex::{Body, LockName};

pub(super) const ALL_ENTERED: u16 = 1;
pub(super) const ENTERED_AFTER_RESTART: u16 = 2;
pub(super) const DEFERRED: u16 = 4;
pub(super) const CRASHED_WHILE_HELD: u16 = 8;
pub(super) const ALL_ASK_AT_ONCE: u16 = 16;
/// An entry that took no message, in a group of several.
pub(super) const ENTERED_UNASKED: u16 = 32;
/// A request that went to some of the others, and not to all.
pub(super) const ASKED_SOME: u16 = 64;
/// A permission that was given away in WAIT, and asked for again.
pub(super) const ASKED_AGAIN: u16 = 128;
/// An entry of an earlier run goes on, and another one waits for its end.
pub(super) const DEFERRED_BY_EARLIER_RUN: u16 = 256;
/// An entry outlived its node, and ended before that was started anew.
pub(super) const ENDED_WHILE_DOWN: u16 = 512;

impl Bounds {
    /// What of the above a step shows.
    pub(super) fn shown(&self, memo: &Memo, action: Action, step: &MemberStep) -> u16 {
        let is_request = |act: &&Act| match act {
            Act::Send(message) => {
                matches!(memo.sent(*message).message.body, Body::Request { .. })
            }
            _ => false,
        };
        let requests = step.acts.iter().filter(is_request).count();
        let enters = step.acts.iter().any(|act| matches!(act, Act::Enter(_)));
        let peers = usize::from(self.members) - 1;
        match action {
            Action::Acquire(_) if enters && peers > 0 => ENTERED_UNASKED,
            Action::Acquire(_) if (1..peers).contains(&requests) => ASKED_SOME,
            Action::Deliver(message) if requests > 0 => match memo.sent(message).message.body {
                Body::Request { .. } => ASKED_AGAIN,
                _ => 0,
            },
            _ => 0,
        }
    }
}

impl World {
    /// What of the above is to be seen here.
    pub(super) fn shows(&self, bounds: &Bounds, memo: &Memo) -> u16 {
        let members = &self.members[..usize::from(bounds.members)];
        let known = || members.iter().flatten().map(|member| memo.member(*member));
        let lock = LockName::default();
        let mut shows = 0;
        let is_done = (0..members.len()).all(|place| self.asked[place] == bounds.entries_of(place));
        if is_done && members.iter().all(Option::is_some) && known().all(|known| known.is_free) {
            shows |= ALL_ENTERED;
        }
        let is_second_life = |place: usize| self.lives[place] > 1;
        for (place, member) in members.iter().enumerate() {
            let is_held = member.is_some_and(|member| memo.member(member).is_held);
            if is_held && is_second_life(place) {
                shows |= ENTERED_AFTER_RESTART;
            }
            if is_held && self.crashes_left > 0 {
                shows |= CRASHED_WHILE_HELD;
            }
            let stay = self.section.stay_at(place).filter(|_| is_held);
            let is_of_earlier_run = stay.is_some_and(|stay| stay.life < self.lives[place]);
            let queue = |number| memo.member(number).member.reply_queue(&lock);
            if is_of_earlier_run && member.is_some_and(|member| !queue(member).is_empty()) {
                shows |= DEFERRED_BY_EARLIER_RUN;
            }
        }
        if known().any(|known| !known.member.reply_queue(&lock).is_empty()) {
            shows |= DEFERRED;
        }
        if known().count() == members.len() && known().all(|known| known.is_waiting) {
            shows |= ALL_ASK_AT_ONCE;
        }
        shows
    }
}
