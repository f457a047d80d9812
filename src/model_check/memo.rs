//! The real state machine, remembered: every member that was ever reached, every
//! message that was ever sent, and what each member makes of each event. The
//! algorithm is pure, so it is asked once and the answer serves for ever.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::mutex::{Body, Effect, LockName, Message, NodeId, State};
use crate::protocol::{Event, Member};

/// A member's place in the table.
pub(super) type MemberNumber = u32;

/// A message's place in the table.
pub(super) type MessageNumber = u32;

/// A message and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) to: NodeId,
    pub(super) message: Message,
}

/// What is asked for, as far as it matters here. (Timers are left out: what is
/// sent stays under way, so sending it again adds nothing.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Send(MessageNumber),
    Reserve(u64),
    Enter(u64),
    /// The first and the last token.
    Lend(u64, u64),
    Leave,
}

/// What a member makes of an event.
#[derive(Debug)]
pub(super) struct MemberStep {
    pub(super) after: MemberNumber,
    pub(super) acts: Vec<Act>,
}

/// What is to be known of a member at a glance.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) member: Arc<Member>,
    /// Of its content: the same in every table.
    pub(super) hash: u64,
    pub(super) least_clock: u64,
    pub(super) is_held: bool,
    pub(super) is_free: bool,
    /// It waits, for replies or for clocks.
    pub(super) is_waiting: bool,
}

/// The tables.
#[derive(Debug, Default)]
pub(super) struct Memo {
    pub(super) members: Vec<Known>,
    members_by_content: HashMap<Arc<Member>, MemberNumber>,
    pub(super) messages: Vec<(Arc<Sent>, u64)>,
    messages_by_content: HashMap<Arc<Sent>, MessageNumber>,
    forgotten: HashMap<(MemberNumber, NodeId), MemberNumber>,
    shifted: HashMap<(MemberNumber, u64), MemberNumber>,
    shifted_messages: HashMap<(MessageNumber, u64), MessageNumber>,
    deliveries: HashMap<(MemberNumber, MessageNumber), Option<Arc<MemberStep>>>,
    others: HashMap<(MemberNumber, Event), Option<Arc<MemberStep>>>,
}

impl Memo {
    pub(super) fn member(&self, number: MemberNumber) -> &Known {
        &self.members[number as usize]
    }

    pub(super) fn sent(&self, number: MessageNumber) -> &Arc<Sent> {
        &self.messages[number as usize].0
    }

    pub(super) fn message_hash(&self, number: MessageNumber) -> u64 {
        self.messages[number as usize].1
    }

    pub(super) fn add_member(&mut self, member: Member) -> MemberNumber {
        if let Some(number) = self.members_by_content.get(&member) {
            return *number;
        }
        let number = MemberNumber::try_from(self.members.len()).expect("members are few");
        let member = Arc::new(member);
        let lock = LockName::default();
        let state = member.state(&lock);
        self.members.push(Known {
            hash: hash_of(&*member),
            least_clock: member.least_clock(),
            is_held: matches!(state, State::Held { .. }),
            is_free: *state == State::Free && !member.is_awaiting_sync(&lock),
            is_waiting: matches!(state, State::Wait { .. }) || member.is_awaiting_sync(&lock),
            member: Arc::clone(&member),
        });
        self.members_by_content.insert(member, number);
        number
    }

    pub(super) fn add_message(&mut self, sent: Sent) -> MessageNumber {
        if let Some(number) = self.messages_by_content.get(&sent) {
            return *number;
        }
        let number = MessageNumber::try_from(self.messages.len()).expect("messages are few");
        let sent = Arc::new(sent);
        self.messages.push((Arc::clone(&sent), hash_of(&*sent)));
        self.messages_by_content.insert(sent, number);
        number
    }

    /// What a member makes of a message that arrives; none if it changes nothing
    /// and asks for nothing.
    pub(super) fn deliver(
        &mut self,
        member: MemberNumber,
        message: MessageNumber,
    ) -> Option<Arc<MemberStep>> {
        if let Some(step) = self.deliveries.get(&(member, message)) {
            return step.clone();
        }
        let event = Event::Received {
            message: self.sent(message).message.clone(),
            reply_to: None,
        };
        let step = self.ask(member, &event);
        self.deliveries.insert((member, message), step.clone());
        step
    }

    /// What a member makes of any other event.
    pub(super) fn handle(&mut self, member: MemberNumber, event: Event) -> Option<Arc<MemberStep>> {
        let key = (member, event);
        if let Some(step) = self.others.get(&key) {
            return step.clone();
        }
        let step = self.ask(member, &key.1);
        self.others.insert(key, step.clone());
        step
    }

    fn ask(&mut self, number: MemberNumber, event: &Event) -> Option<Arc<MemberStep>> {
        let mut member = Member::clone(&self.member(number).member);
        let mut effects = Vec::new();
        member.handle(event, &mut effects).ok()?;
        member.forget_history();
        let after = self.add_member(member);
        let acts: Vec<Act> = effects
            .into_iter()
            .filter_map(|effect| self.act(after, effect))
            .collect();
        (after != number || !acts.is_empty()).then(|| Arc::new(MemberStep { after, acts }))
    }

    fn act(&mut self, sender: MemberNumber, effect: Effect) -> Option<Act> {
        Some(match effect {
            Effect::Reserve { below } => Act::Reserve(below),
            Effect::Enter { token, .. } => Act::Enter(token.get()),
            Effect::Delegated { tokens, .. } => {
                Act::Lend(tokens.first().get(), tokens.last().get())
            }
            Effect::Leave { .. } => Act::Leave,
            Effect::Contended { .. } | Effect::SetTimer { .. } => return None,
            Effect::Send { to, message, .. } => {
                // A hello to somebody whose clock is known only makes it send
                // again what is under way already.
                let unsynced = self.member(sender).member.unsynced();
                if message.body == Body::Hello && !unsynced.contains(&to) {
                    return None;
                }
                Act::Send(self.add_message(Sent { to, message }))
            }
        })
    }

    /// The clock of the latest request of a peer that this member has seen.
    pub(super) fn latest_of(&self, member: MemberNumber, peer: NodeId) -> Option<u64> {
        let lock = LockName::default();
        let mut locks = self.member(member).member.locks();
        locks.find(|(name, _)| **name == lock)?.1.latest_of(peer)
    }

    /// The clock of the request that this member waits with for that peer, or may
    /// yet wait with: when it gives away what it has kept.
    pub(super) fn waits_for(&self, member: MemberNumber, peer: NodeId) -> Option<u64> {
        waits_for(&self.member(member).member, &LockName::default(), peer)
    }

    /// The member, without the latest request of that peer.
    pub(super) fn without_request_of(
        &mut self,
        member: MemberNumber,
        peer: NodeId,
    ) -> MemberNumber {
        if let Some(without) = self.forgotten.get(&(member, peer)) {
            return *without;
        }
        let mut without = Member::clone(&self.member(member).member);
        without.forget_request_of(peer);
        let without = self.add_member(without);
        self.forgotten.insert((member, peer), without);
        without
    }

    /// The member, as it would be if all had happened so much earlier.
    pub(super) fn shift(&mut self, member: MemberNumber, by: u64) -> MemberNumber {
        if let Some(shifted) = self.shifted.get(&(member, by)) {
            return *shifted;
        }
        let mut shifted = Member::clone(&self.member(member).member);
        shifted.shift(by);
        let shifted = self.add_member(shifted);
        self.shifted.insert((member, by), shifted);
        shifted
    }

    /// The message, as it would be if all had happened so much earlier.
    pub(super) fn shift_message(&mut self, message: MessageNumber, by: u64) -> MessageNumber {
        if let Some(shifted) = self.shifted_messages.get(&(message, by)) {
            return *shifted;
        }
        let mut sent = Sent::clone(self.sent(message));
        match &mut sent.message.body {
            Body::Request { clock, .. } | Body::Welcome { clock, .. } => *clock -= by,
            Body::Reply { clock, echo, .. } | Body::Superseded { clock, echo, .. } => {
                *clock -= by;
                echo.clock -= by;
            }
            Body::Hello => {}
        }
        let shifted = self.add_message(sent);
        self.shifted_messages.insert((message, by), shifted);
        shifted
    }

    /// The least clock in a message.
    pub(super) fn least_clock(&self, message: MessageNumber) -> u64 {
        match &self.sent(message).message.body {
            Body::Reply { clock, echo, .. } | Body::Superseded { clock, echo, .. } => {
                (*clock).min(echo.clock)
            }
            Body::Hello => u64::MAX,
            body => body.clock(),
        }
    }

    /// Whether a message means nothing any more to whom it is for, and never will
    /// (none: it has crashed). Requests get new clocks, so
    /// - a reply is dead unless its request waits for it, or may yet do so;
    /// - a welcome, unless its run has not heard the sender, or not this run of it;
    /// - a request, once a newer one of the same run was seen, by one that will not
    ///   forget it in a crash.
    ///
    /// `nothing_is_missed_by_leaving_out_what_is_dead` searches small groups with
    /// dead messages left in, and sees that they change nothing.
    pub(super) fn is_dead(
        &self,
        message: MessageNumber,
        to: Option<MemberNumber>,
        may_crash: bool,
    ) -> bool {
        let message = &self.sent(message).message;
        let receiver = to.map(|to| &self.member(to).member);
        let is_new = |receiver: &Arc<Member>| !receiver.knows_run(message.from, message.origin);
        match &message.body {
            Body::Reply { lock, echo, .. } | Body::Superseded { lock, echo, .. } => receiver
                .is_none_or(|receiver| {
                    let waits = waits_for(receiver, lock, message.from) == Some(echo.clock);
                    !waits || echo.incarnation != receiver.config().incarnation
                }),
            Body::Welcome { to, .. } => receiver.is_none_or(|receiver| {
                *to != receiver.config().incarnation
                    || !receiver.unsynced().contains(&message.from) && !is_new(receiver)
            }),
            Body::Request { .. } if may_crash => false,
            Body::Request { lock, clock } => receiver.is_some_and(|receiver| {
                let mut locks = receiver.locks();
                locks.any(|(name, state)| {
                    name == lock && state.is_superseded(message.from, message.origin, *clock)
                })
            }),
            Body::Hello => false,
        }
    }
}

fn waits_for(member: &Member, lock: &LockName, peer: NodeId) -> Option<u64> {
    match member.state(lock) {
        State::Wait { request, missing }
            if missing.contains(&peer) || member.kept(lock).contains(&peer) =>
        {
            Some(request.clock)
        }
        _ => None,
    }
}

fn hash_of(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
