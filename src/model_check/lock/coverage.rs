//! What a search must see, so that it cannot pass because nothing happened.

use super::action::Action;
use super::bounds::Bounds;
use super::group_state::GroupState;
use super::memo::{MemberEffect, MemberNumber, MemberStep, Memo};
use crate::mutex::{Body, LockName};

/// The name of each bit, from the lowest bit up.
pub(super) const NAMES: &[&str] = &[
    "all-entered",
    "entered-after-restart",
    "deferred",
    "held-before-a-crash",
    "all-ask-at-once",
    "entered-without-a-request",
    "requested-of-some",
    "requested-again",
    "deferred-by-earlier-run",
    "ended-while-down",
    "try-entered",
    "try-refused-by-a-holder",
    "try-refused-by-an-older-request",
    "try-refused-after-leaving",
    "two-readers-inside",
    "permission-lowered",
];

pub(super) const ALL_ENTERED: u16 = 1;
pub(super) const ENTERED_AFTER_RESTART: u16 = 2;
pub(super) const DEFERRED: u16 = 4;
pub(super) const CRASHED_WHILE_HELD: u16 = 8;
pub(super) const ALL_WAIT: u16 = 16;
/// An entry without a message, in a group of several.
pub(super) const ENTERED_WITHOUT_REQUEST: u16 = 32;
/// A request to some of the peers, and not to all.
pub(super) const REQUESTED_OF_SOME: u16 = 64;
/// A permission given away in WAIT, and requested again.
pub(super) const REQUESTED_AGAIN: u16 = 128;
/// An entry of an earlier run goes on, and a peer waits for its end.
pub(super) const DEFERRED_BY_EARLIER_RUN: u16 = 256;
/// An entry that outlived its node ended before the restart.
pub(super) const ENDED_WHILE_DOWN: u16 = 512;

/// Of several tries of one moment, one has entered.
pub(super) const TRY_ENTERED: u16 = 1024;
/// A holder has sent a note.
pub(super) const TRY_REFUSED_HELD: u16 = 2048;
/// A waiter has sent a note.
pub(super) const TRY_REFUSED_AHEAD: u16 = 4096;
/// A member that has left has sent a note.
pub(super) const TRY_REFUSED_LATE: u16 = 8192;

/// Two members are in the section in shared mode.
pub(super) const TWO_READERS: u16 = 16384;
/// A reply has made a shared permission of an exclusive one.
pub(super) const PERMISSION_LOWERED: u16 = 32768;

impl Bounds {
    /// The bits that a search of this group must see.
    pub(super) fn wanted_coverage(&self) -> u16 {
        let mut wanted = ALL_ENTERED | DEFERRED | ALL_WAIT;
        if self.crashes > 0 {
            wanted |= ENTERED_AFTER_RESTART | CRASHED_WHILE_HELD;
        }
        if self.outlives {
            wanted |= DEFERRED_BY_EARLIER_RUN | ENDED_WHILE_DOWN;
        }
        if self.rushes > 0 {
            wanted |= TRY_ENTERED | TRY_REFUSED_AHEAD | TRY_REFUSED_LATE;
        }
        if self.sharing > 1 {
            wanted |= TWO_READERS;
        }
        if self.are_tries {
            // No try enters unasked, or is deferred.
            return wanted & !DEFERRED | TRY_REFUSED_HELD | TRY_REFUSED_AHEAD | TRY_REFUSED_LATE;
        }
        if self.keeping_none < self.members && self.entries > 1 {
            wanted |= ENTERED_WITHOUT_REQUEST;
            if self.sharing > 0 {
                wanted |= PERMISSION_LOWERED;
            }
            if self.members > 2 {
                wanted |= REQUESTED_OF_SOME | REQUESTED_AGAIN;
            }
        }
        wanted
    }

    /// The bits that only a step shows.
    pub(super) fn step_coverage(
        &self,
        memo: &Memo,
        before: MemberNumber,
        action: Action,
        step: &MemberStep,
    ) -> u16 {
        let is_request = |message| matches!(memo.sent(message).message.body, Body::Request { .. });
        let sends_request = |effect: &&MemberEffect| matches!(effect, MemberEffect::Send(sent) if is_request(*sent));
        let requests = step.effects.iter().filter(sends_request).count();
        let mut effects = step.effects.iter();
        let enters = effects.any(|effect| matches!(effect, MemberEffect::Enter(..)));
        let is_note = |message| matches!(memo.sent(message).message.body, Body::Note { .. });
        let mut effects = step.effects.iter();
        let sends_note =
            effects.any(|effect| matches!(effect, MemberEffect::Send(sent) if is_note(*sent)));
        let peers = usize::from(self.members) - 1;
        match action {
            Action::Acquire(_) | Action::Share(_) if enters && peers > 0 => ENTERED_WITHOUT_REQUEST,
            Action::Acquire(_) | Action::Share(_) if (1..peers).contains(&requests) => {
                REQUESTED_OF_SOME
            }
            Action::Deny(_) => TRY_REFUSED_HELD,
            Action::Deliver(_) if self.sharing > 0 && lowers(memo, before, step) => {
                PERMISSION_LOWERED
            }
            Action::Deliver(message) if sends_note && is_request(message) => {
                match memo.member(step.after).is_waiting {
                    true => TRY_REFUSED_AHEAD,
                    false => TRY_REFUSED_LATE,
                }
            }
            Action::Deliver(message) if requests > 0 && is_request(message) => REQUESTED_AGAIN,
            _ => 0,
        }
    }
}

/// Whether a shared permission takes the place of an exclusive one in this step.
fn lowers(memo: &Memo, before: MemberNumber, step: &MemberStep) -> bool {
    let [exclusive, _] = memo.member(before).kept;
    let [_, shared] = memo.member(step.after).kept;
    exclusive & shared != 0
}

impl GroupState {
    /// The bits that this state shows.
    pub(super) fn coverage(&self, bounds: &Bounds, memo: &Memo) -> u16 {
        let members = &self.members[..usize::from(bounds.members)];
        let lock = LockName::default();
        let is_won = self.oracle.rush.is_some_and(|rush| rush.is_won);
        let (mut coverage, mut free, mut waiting, mut done) = (0, 0, 0, 0);
        for (index, number) in members.iter().enumerate() {
            done += usize::from(self.requests[index] == bounds.entries_of(index));
            let Some(member) = number.map(|number| memo.member(number)) else {
                continue;
            };
            free += usize::from(member.is_free);
            waiting += usize::from(member.is_waiting);
            let defers = !member.member.reply_queue(&lock).is_empty();
            if defers {
                coverage |= DEFERRED;
            }
            if !member.is_held {
                continue;
            }
            if self.runs[index] > 1 {
                coverage |= ENTERED_AFTER_RESTART;
            }
            if self.crashes_left > 0 {
                coverage |= CRASHED_WHILE_HELD;
            }
            let entry = self.oracle.entry_of(index);
            if defers && entry.is_some_and(|entry| entry.run < self.runs[index]) {
                coverage |= DEFERRED_BY_EARLIER_RUN;
            }
        }
        if done == members.len() && free == members.len() {
            coverage |= ALL_ENTERED;
        }
        if waiting == members.len() {
            coverage |= ALL_WAIT;
        }
        if self.oracle.readers() > 1 {
            coverage |= TWO_READERS;
        }
        if is_won {
            coverage |= TRY_ENTERED;
        }
        coverage
    }
}
