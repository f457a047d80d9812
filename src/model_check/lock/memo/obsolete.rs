//! What can no longer have an effect: messages, and what members remember of requests.

use super::{MemberNumber, Memo, MessageNumber};
use crate::mutex::{Body, LockName, Mode, NodeId, State};
use crate::protocol::Member;

impl Memo {
    /// Whether a member, `None` after a crash, will never again do anything because of
    /// this message. Every new request has a new clock, so
    /// - a reply is obsolete unless its request waits for it, or may still do so;
    /// - a welcome is obsolete unless the receiver's present run does not know the
    ///   sender's clock, or has not seen this run of the sender;
    /// - a request is obsolete once the member has seen a newer one of the same run, and
    ///   will not forget it in a crash.
    ///
    /// `a_reduced_search_reaches_the_same_states` searches small groups with obsolete
    /// messages left in, and sees that they change nothing.
    pub(in super::super) fn is_obsolete(
        &self,
        message: MessageNumber,
        to: Option<MemberNumber>,
        may_crash: bool,
    ) -> bool {
        let message = &self.sent(message).message;
        let receiver = to.map(|to| &self.member(to).member);
        match &message.body {
            Body::Reply { lock, echo, .. }
            | Body::Note { lock, echo, .. }
            | Body::Superseded { lock, echo, .. } => receiver.is_none_or(|receiver| {
                waiting_request(receiver, lock, message.from) != Some(echo.clock)
                    || echo.incarnation != receiver.config().incarnation
            }),
            Body::Welcome { to, .. } => receiver.is_none_or(|receiver| {
                *to != receiver.config().incarnation
                    || !receiver.unsynced().contains(&message.from)
                        && receiver.knows_run(message.from, message.origin)
            }),
            Body::Request { .. } if may_crash => false,
            Body::Request { lock, clock, .. } => receiver.is_some_and(|receiver| {
                receiver.locks().any(|(name, state)| {
                    name == lock && state.is_superseded(message.from, message.origin, *clock)
                })
            }),
            Body::Hello => false,
        }
    }

    /// The clock of the latest request of a peer that this member has seen.
    pub(in super::super) fn latest_request(
        &self,
        member: MemberNumber,
        peer: NodeId,
    ) -> Option<u64> {
        let lock = LockName::default();
        let mut locks = self.member(member).member.locks();
        locks.find(|(name, _)| **name == lock)?.1.latest_of(peer)
    }

    /// The clock of the request of this member that waits for that peer, or will if the
    /// member gives a kept permission away.
    pub(in super::super) fn waiting_request(
        &self,
        member: MemberNumber,
        peer: NodeId,
    ) -> Option<u64> {
        waiting_request(&self.member(member).member, &LockName::default(), peer)
    }

    /// Returns the member without the latest request of that peer.
    pub(in super::super) fn without_request_of(
        &mut self,
        member: MemberNumber,
        peer: NodeId,
    ) -> MemberNumber {
        if let Some(without) = self.without_requests.get(&(member, peer)) {
            return *without;
        }
        let mut without = Member::clone(&self.member(member).member);
        without.forget_request_of(peer);
        let without = self.add_member(without);
        self.without_requests.insert((member, peer), without);
        without
    }
}

fn waiting_request(member: &Member, lock: &LockName, peer: NodeId) -> Option<u64> {
    match member.state(lock) {
        State::Wait {
            request, missing, ..
        } if missing.contains(&peer) || member.kept(lock).serves(peer, Mode::Shared) => {
            Some(request.clock)
        }
        _ => None,
    }
}
