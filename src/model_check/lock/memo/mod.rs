//! The real algorithm, remembered: every member and every message that a search
//! has met, and what each member makes of each event. The algorithm is pure, so
//! one question to it is enough.

mod obsolete;
mod shift;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

pub(super) use shift::clocks;

use crate::mutex::{Body, Effect, LockName, Message, Mode, NodeId, State};
use crate::protocol::{Event, Member};

// The numbers of a member, a message and a step in the memo.
pub(super) type MemberNumber = u32;
pub(super) type MessageNumber = u32;
pub(super) type StepNumber = u32;

/// A message and its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) to: NodeId,
    pub(super) message: Message,
}

/// An effect, as far as it matters here. Timers do not: a sent message stays under
/// way, so a repetition adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberEffect {
    Send(MessageNumber),
    Reserve(u64),
    Enter(u64, Mode),
    /// The first and the last token.
    Delegate(u64, u64),
    Leave,
    /// The try of the member has ended.
    Refused,
}

/// What a member makes of an event.
#[derive(Clone, Debug)]
pub(super) struct MemberStep {
    pub(super) after: MemberNumber,
    pub(super) effects: Vec<MemberEffect>,
}

/// A member, and what a search often asks of it.
#[derive(Clone, Debug)]
pub(super) struct KnownMember {
    pub(super) member: Arc<Member>,
    /// Of the content: the same in every memo.
    pub(super) hash: u64,
    pub(super) least_clock: u64,
    pub(super) is_held: bool,
    pub(super) is_free: bool,
    /// Whether it waits, for replies or for clocks.
    pub(super) is_waiting: bool,
    /// A bit for each peer whose permission it holds, by index: exclusive ones, and shared.
    pub(super) kept: [u8; 2],
}

/// A message, and what a search often asks of it.
#[derive(Clone, Debug)]
pub(super) struct KnownMessage {
    sent: Arc<Sent>,
    pub(super) hash: u64,
    pub(super) least_clock: u64,
}

/// What a search remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    members: Vec<KnownMember>,
    members_by_content: HashMap<Arc<Member>, MemberNumber>,
    messages: Vec<KnownMessage>,
    messages_by_content: HashMap<Arc<Sent>, MessageNumber>,
    steps: Vec<MemberStep>,
    deliveries: HashMap<(MemberNumber, MessageNumber), Option<StepNumber>>,
    other_events: HashMap<(MemberNumber, Event), Option<StepNumber>>,
    without_requests: HashMap<(MemberNumber, NodeId), MemberNumber>,
    shifted_members: HashMap<(MemberNumber, u64), MemberNumber>,
    shifted_messages: HashMap<(MessageNumber, u64), MessageNumber>,
    /// The fingerprints of what has been seen to recover.
    pub(super) recovered: HashSet<u64>,
}

impl Memo {
    pub(super) fn member(&self, number: MemberNumber) -> &KnownMember {
        &self.members[number as usize]
    }

    pub(super) fn known_message(&self, number: MessageNumber) -> &KnownMessage {
        &self.messages[number as usize]
    }

    pub(super) fn sent(&self, number: MessageNumber) -> &Arc<Sent> {
        &self.known_message(number).sent
    }

    /// The index of the member that a message is for.
    pub(super) fn receiver(&self, number: MessageNumber) -> usize {
        usize::from(self.sent(number).to.0) - 1
    }

    pub(super) fn step(&self, number: StepNumber) -> &MemberStep {
        &self.steps[number as usize]
    }

    pub(super) fn add_member(&mut self, member: Member) -> MemberNumber {
        if let Some(number) = self.members_by_content.get(&member) {
            return *number;
        }
        let number = MemberNumber::try_from(self.members.len()).expect("members are few");
        let member = Arc::new(member);
        let lock = LockName::default();
        let (state, kept) = (member.state(&lock), member.kept(&lock));
        self.members.push(KnownMember {
            hash: hash_of(&*member),
            least_clock: member.least_clock(),
            kept: [kept.exclusive(), kept.shared()]
                .map(|peers| peers.iter().fold(0, |bits, peer| bits | 1 << (peer.0 - 1))),
            is_held: matches!(state, State::Held { .. }),
            is_free: *state == State::Free && !member.is_awaiting_sync(&lock),
            is_waiting: matches!(state, State::Wait { .. }) || member.is_awaiting_sync(&lock),
            member: Arc::clone(&member),
        });
        self.members_by_content.insert(member, number);
        number
    }

    pub(super) fn add_message(&mut self, mut sent: Sent) -> MessageNumber {
        if let Some(number) = self.messages_by_content.get(&sent) {
            return *number;
        }
        let number = MessageNumber::try_from(self.messages.len()).expect("messages are few");
        let least_clock = clocks(&mut sent.message.body).min().map(|clock| *clock);
        let sent = Arc::new(sent);
        self.messages.push(KnownMessage {
            hash: hash_of(&*sent),
            least_clock: least_clock.unwrap_or(u64::MAX),
            sent: Arc::clone(&sent),
        });
        self.messages_by_content.insert(sent, number);
        number
    }

    /// What a member makes of a message; `None` if it changes nothing and has no
    /// effect.
    pub(super) fn deliver(
        &mut self,
        member: MemberNumber,
        message: MessageNumber,
    ) -> Option<StepNumber> {
        if let Some(step) = self.deliveries.get(&(member, message)) {
            return *step;
        }
        let event = Event::Received {
            message: as_read(
                &self.member(member).member,
                self.sent(message).message.clone(),
            ),
            reply_to: None,
        };
        let step = self.ask(member, &event);
        self.deliveries.insert((member, message), step);
        step
    }

    /// What a member makes of any other event.
    pub(super) fn handle(&mut self, member: MemberNumber, event: Event) -> Option<StepNumber> {
        let key = (member, event);
        if let Some(step) = self.other_events.get(&key) {
            return *step;
        }
        let step = self.ask(member, &key.1);
        self.other_events.insert(key, step);
        step
    }

    fn ask(&mut self, number: MemberNumber, event: &Event) -> Option<StepNumber> {
        let mut member = Member::clone(&self.member(number).member);
        let mut effects = Vec::new();
        member.handle(event, &mut effects).ok()?;
        member.forget_history();
        let after = self.add_member(member);
        let effects = effects.into_iter();
        let effects = effects.filter_map(|effect| self.effect(after, effect));
        let effects: Vec<_> = effects.collect();
        if after == number && effects.is_empty() {
            return None;
        }
        self.steps.push(MemberStep { after, effects });
        Some(StepNumber::try_from(self.steps.len() - 1).expect("steps are few"))
    }

    fn effect(&mut self, sender: MemberNumber, effect: Effect) -> Option<MemberEffect> {
        Some(match effect {
            Effect::Reserve { below } => MemberEffect::Reserve(below),
            Effect::Enter { token, mode, .. } => MemberEffect::Enter(token.get(), mode),
            Effect::Delegated { tokens, .. } => {
                MemberEffect::Delegate(tokens.first().get(), tokens.last().get())
            }
            Effect::Leave { .. } => MemberEffect::Leave,
            Effect::Refused { .. } => MemberEffect::Refused,
            Effect::Promise { .. }
            | Effect::Forget
            | Effect::Join
            | Effect::Lost { .. }
            | Effect::Contended { .. }
            | Effect::SetTimer { .. } => return None,
            Effect::Send { to, message, .. } => {
                // A hello to a peer whose clock is known only makes that peer repeat what is
                // under way already.
                let unsynced = self.member(sender).member.unsynced();
                if message.body == Body::Hello && !unsynced.contains(&to) {
                    return None;
                }
                MemberEffect::Send(self.add_message(Sent { to, message }))
            }
        })
    }
}

/// A message as this member reads it: of an older version, without modes.
pub(super) fn as_read(member: &Member, mut message: Message) -> Message {
    if let Body::Request { mode, .. } = &mut message.body
        && member.config().knows_no_modes
    {
        *mode = Mode::Exclusive;
    }
    message
}

fn hash_of(content: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    hasher.finish()
}
