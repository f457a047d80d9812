//! Clocks moved down: only how they compare matters.

use super::{MemberNumber, Memo, MessageNumber, Sent};
use crate::mutex::Body;
use crate::protocol::Member;

impl Memo {
    /// Returns the member with all its clocks lower by this much.
    pub(in super::super) fn shift(&mut self, member: MemberNumber, by: u64) -> MemberNumber {
        if let Some(shifted) = self.shifted_members.get(&(member, by)) {
            return *shifted;
        }
        let mut shifted = Member::clone(&self.member(member).member);
        shifted.shift(by);
        let shifted = self.add_member(shifted);
        self.shifted_members.insert((member, by), shifted);
        shifted
    }

    /// Returns the message with all its clocks lower by this much.
    pub(in super::super) fn shift_message(
        &mut self,
        message: MessageNumber,
        by: u64,
    ) -> MessageNumber {
        if let Some(shifted) = self.shifted_messages.get(&(message, by)) {
            return *shifted;
        }
        let mut sent = Sent::clone(self.sent(message));
        clocks(&mut sent.message.body).for_each(|clock| *clock -= by);
        let shifted = self.add_message(sent);
        self.shifted_messages.insert((message, by), shifted);
        shifted
    }
}

/// The clocks in a message.
pub(in super::super) fn clocks(body: &mut Body) -> impl Iterator<Item = &mut u64> {
    let (clock, echo) = match body {
        Body::Request { clock, .. } | Body::Welcome { clock, .. } => (Some(clock), None),
        Body::Reply { clock, echo, .. }
        | Body::Note { clock, echo, .. }
        | Body::Superseded { clock, echo, .. } => (Some(clock), Some(&mut echo.clock)),
        Body::Hello => (None, None),
    };
    clock.into_iter().chain(echo)
}
