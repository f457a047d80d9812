//! Leaves out what can no longer matter, so that states that behave alike are one.
//! `a_reduced_search_reaches_the_same_states` shows that they do.

use super::bounds::{Bounds, id_of};
use super::group_state::{GroupState, MAX_MEMBERS};
use super::memo::{Memo, MessageNumber};
use crate::mutex::Body;

impl GroupState {
    pub(super) fn reduce(&mut self, bounds: &Bounds, memo: &mut Memo) {
        self.forget_token(memo);
        // A member that crashes takes an old request for a new one.
        if self.crashes_left == 0 {
            self.forget_requests(memo);
        }
        let (members, may_crash) = (self.members, self.crashes_left > 0);
        self.network.retain(|message| {
            !memo.is_obsolete(*message, members[memo.receiver(*message)], may_crash)
        });
        // A persisted clock stays where it is.
        if bounds.crashes == 0 {
            self.shift(memo);
        }
    }

    /// Moves all clocks down: only how they compare matters.
    fn shift(&mut self, memo: &mut Memo) {
        let members = self.members.iter().flatten();
        let of_members = members.map(|member| memo.member(*member).least_clock);
        let messages = self.network.iter();
        let of_messages = messages.map(|message| memo.known_message(*message).least_clock);
        let last_tokens = [self.oracle.last_token, self.oracle.last_exclusive];
        let of_token = last_tokens.into_iter().filter(|token| *token > 0);
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
        self.oracle.shift(by);
    }

    /// Forgets a token that all clocks have reached: no later token is as small.
    fn forget_token(&mut self, memo: &Memo) {
        let have_reached = |token: u64| {
            let mut members = self.members.iter().flatten();
            members.all(|member| memo.member(*member).member.clock() >= token)
        };
        let have_reached = [
            have_reached(self.oracle.last_token),
            have_reached(self.oracle.last_exclusive),
        ];
        let may_resume = (0..MAX_MEMBERS).any(|index| self.outliving(index).is_some());
        if self.crashes_left > 0 || may_resume {
            return;
        }
        if have_reached[0] {
            self.oracle.last_token = 0;
        }
        if have_reached[1] {
            self.oracle.last_exclusive = 0;
        }
    }

    /// Forgets the latest request that a member has seen of a peer, once that request
    /// does not wait for the member any more, and cannot do so again because a kept
    /// permission is given away. No copy of it has an effect then, nor an older
    /// request, and newer ones have larger clocks.
    fn forget_requests(&mut self, memo: &mut Memo) {
        for at in 0..MAX_MEMBERS {
            for from in 0..MAX_MEMBERS {
                let (Some(member), Some(peer)) = (self.members[at], self.members[from]) else {
                    continue;
                };
                // Requests of its earlier runs may be under way as well.
                if self.runs[from] > 1 {
                    continue;
                }
                let Some(seen) = memo.latest_request(member, id_of(from)) else {
                    continue;
                };
                if memo.waiting_request(peer, id_of(at)) == Some(seen) {
                    continue;
                }
                let is_old = |message: &MessageNumber| {
                    let sent = memo.sent(*message);
                    let is_request = matches!(sent.message.body, Body::Request { .. });
                    sent.to == id_of(at)
                        && sent.message.from == id_of(from)
                        && is_request
                        && sent.message.body.clock() <= seen
                };
                self.network.retain(|message| !is_old(message));
                self.members[at] = Some(memo.without_request_of(member, id_of(from)));
            }
        }
    }
}
