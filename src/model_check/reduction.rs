//! What cannot matter any more, left out: so that states that will go on alike are
//! one. `nothing_is_missed_by_leaving_out_what_is_dead` says that they do.

use super::bounds::Bounds;
use super::memo::{Memo, MessageNumber};
use super::world::{MOST, World};
use crate::mutex::{Body, NodeId};

impl World {
    /// Leaves out what cannot matter any more.
    pub(super) fn reduce(&mut self, bounds: &Bounds, memo: &mut Memo) {
        self.forget_what_is_done(memo);
        let mut network = std::mem::take(&mut self.network);
        network.retain(|message| !self.is_dead(memo, *message));
        self.network = network;
        // What is written down stays where it is.
        if bounds.crashes == 0 {
            self.shift(memo);
        }
    }

    /// Whether a message under way can never mean anything any more.
    fn is_dead(&self, memo: &Memo, message: MessageNumber) -> bool {
        let place = usize::from(memo.sent(message).to.0) - 1;
        memo.is_dead(message, self.members[place], self.crashes_left > 0)
    }

    /// Only how clocks compare matters, not where they stand.
    fn shift(&mut self, memo: &mut Memo) {
        let members = self.members.iter().flatten();
        let of_members = members.map(|member| memo.member(*member).least_clock);
        let of_messages = self.network.iter().map(|m| memo.least_clock(*m));
        let of_token = (self.section.last_token > 0).then_some(self.section.last_token);
        let least = of_members.chain(of_messages).chain(of_token).min();
        let by = least.unwrap_or(1) - 1;
        if by == 0 {
            return;
        }
        for member in self.members.iter_mut().flatten() {
            *member = memo.shift(*member, by);
        }
        for message in &mut self.network {
            *message = memo.shift_message(*message, by);
        }
        self.network.sort_unstable();
        self.section.shift(by);
    }

    /// A peer that does not wait for a member any more with the latest request
    /// that this one saw of it, and cannot come to do so again by giving away what
    /// it has kept: no copy of that request can do anything, nor an older one, and
    /// newer ones have larger clocks. And a token that all clocks have reached cannot
    /// be reached again.
    fn forget_what_is_done(&mut self, memo: &mut Memo) {
        if self
            .members
            .iter()
            .flatten()
            .all(|member| memo.member(*member).member.clock() >= self.section.last_token)
            && self.crashes_left == 0
            && (0..MOST).all(|place| self.outlived_by(place).is_none())
        {
            self.section.last_token = 0;
        }
        // Whoever crashes takes an old request for a new one.
        if self.crashes_left > 0 {
            return;
        }
        for at in 0..MOST {
            for from in 0..MOST {
                let (Some(member), Some(peer)) = (self.members[at], self.members[from]) else {
                    continue;
                };
                // Requests of its earlier runs may be under way as well.
                if self.lives[from] > 1 {
                    continue;
                }
                let id = |place: usize| NodeId(place as u16 + 1);
                let Some(seen) = memo.latest_of(member, id(from)) else {
                    continue;
                };
                if memo.waits_for(peer, id(at)) == Some(seen) {
                    continue;
                }
                let is_from = |message: &MessageNumber| {
                    let sent = memo.sent(*message);
                    sent.to == id(at)
                        && sent.message.from == id(from)
                        && matches!(sent.message.body, Body::Request { .. })
                };
                let is_old = |message: &MessageNumber| {
                    is_from(message) && memo.sent(*message).message.body.clock() <= seen
                };
                self.network.retain(|message| !is_old(message));
                self.members[at] = Some(memo.without_request_of(member, id(from)));
            }
        }
    }
}
