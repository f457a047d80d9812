//! The real members, remembered: every member and message that a search has met, and what
//! each member makes of each event.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use super::bounds::{Bounds, MAX_MEMBERS, NOW, change_of, id_of, set_of};
use super::input::Input;
use crate::model_check::visited::{Mixer, Unhashed};
use crate::mutex::{Body, Effect, LockName, Message, NodeId, Rejected, State, Timer, ViewNumber};
use crate::protocol::{Event, Member, Output};
use crate::views::{ChangeVote, Configured, ViewMessage};

pub(super) type MemberNumber = u32;
pub(super) type MessageNumber = u32;

/// What is under way to a member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    Lock(Message),
    View(ViewMessage),
}

/// A message, its sender and its receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) content: Content,
}

impl Sent {
    pub(super) fn describe(&self) -> String {
        let (from, to) = (self.from, self.to);
        match &self.content {
            Content::Lock(message) => {
                let view = message.view.unwrap_or_default();
                format!("{message} of view {view} arrives at {to}")
            }
            Content::View(ViewMessage::Beat(beat)) => {
                let (run, view, below) = (beat.nonce.incarnation.0, beat.view, beat.below);
                format!(
                    "a beat of run {run} of {from}, view {view}, below {below}, arrives at {to}"
                )
            }
            Content::View(ViewMessage::Propose {
                number, members, ..
            }) => {
                let members: Vec<_> = members.iter().map(|id| id.0).collect();
                format!("the proposal {number} {members:?} arrives at {to}")
            }
            Content::View(message) => format!("{message} of {from} arrives at {to}"),
        }
    }
}

/// What a member makes of an input.
#[derive(Clone, Debug)]
pub(super) struct MemberStep {
    pub(super) after: MemberNumber,
    pub(super) effects: Vec<Effect>,
    pub(super) adopted: Configured,
    pub(super) change_vote: Option<ChangeVote>,
    pub(super) sends: Vec<MessageNumber>,
}

/// A member, and what a search often asks of it.
#[derive(Clone, Debug)]
pub(super) struct KnownMember {
    pub(super) member: Arc<Member>,
    /// Of the content: the same in every memo.
    pub(super) hash: u64,
    pub(super) view: Option<ViewNumber>,
    /// Those that may count on it, and those that it counts on, as bits.
    pub(super) given: u8,
    pub(super) got: u8,
}

#[derive(Clone, Debug)]
pub(super) struct KnownMessage {
    pub(super) sent: Arc<Sent>,
    pub(super) hash: u64,
}

type Numbers = HashMap<u64, u32, BuildHasherDefault<Unhashed>>;

/// What a search remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    members: Vec<KnownMember>,
    /// By the hash of the content.
    member_numbers: Numbers,
    messages: Vec<KnownMessage>,
    message_numbers: Numbers,
    steps: HashMap<(MemberNumber, Input), Option<Arc<MemberStep>>>,
    /// What was asked with an effect, in order: of a path that is taken again.
    pub(super) log: Option<Vec<Asked>>,
}

/// A step of a path that is taken again.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Started(MemberNumber),
    Asked(MemberNumber, Input),
}

impl Memo {
    pub(super) fn member(&self, number: MemberNumber) -> &KnownMember {
        &self.members[number as usize]
    }

    pub(super) fn message(&self, number: MessageNumber) -> &KnownMessage {
        &self.messages[number as usize]
    }

    pub(super) fn sent(&self, number: MessageNumber) -> &Arc<Sent> {
        &self.message(number).sent
    }

    pub(super) fn state(&self, number: MemberNumber) -> &State {
        self.member(number).member.state(&LockName::default())
    }

    fn add_member(&mut self, bounds: &Bounds, mut member: Member) -> MemberNumber {
        member.forget_history();
        member.forget_heuristics(bounds.has_leaves());
        let hash = hash_of(&member);
        if let Some(number) = self.member_numbers.get(&hash) {
            return *number;
        }
        let number = MemberNumber::try_from(self.members.len()).expect("members are few");
        let views = member.views().expect("every member has views");
        let bits = |is_so: &dyn Fn(NodeId) -> bool| {
            let indices = (0..MAX_MEMBERS).filter(|index| is_so(id_of(*index)));
            indices.map(|index| 1 << index).sum()
        };
        self.members.push(KnownMember {
            hash,
            view: views.view().map(|view| view.number),
            given: bits(&|id| views.is_counted_on(id, NOW)),
            got: bits(&|id| views.counts_on(id)),
            member: Arc::new(member),
        });
        self.member_numbers.insert(hash, number);
        number
    }

    pub(super) fn add_message(&mut self, sent: Sent) -> MessageNumber {
        let hash = hash_of(&sent);
        if let Some(number) = self.message_numbers.get(&hash) {
            return *number;
        }
        let number = MessageNumber::try_from(self.messages.len()).expect("messages are few");
        let sent = Arc::new(sent);
        self.messages.push(KnownMessage { sent, hash });
        self.message_numbers.insert(hash, number);
        number
    }

    /// What a member makes of an input; `None` if it changes nothing and has no effect.
    pub(super) fn ask(
        &mut self,
        bounds: &Bounds,
        member: MemberNumber,
        input: Input,
    ) -> Option<Arc<MemberStep>> {
        let step = self.steps.get(&(member, input)).cloned();
        let step = step.unwrap_or_else(|| {
            let step = self.ask_member(bounds, member, input).map(Arc::new);
            self.steps.insert((member, input), step.clone());
            step
        });
        if let (Some(log), Some(_)) = (&mut self.log, &step) {
            log.push(Asked::Asked(member, input));
        }
        step
    }

    /// A run of a member begins.
    pub(super) fn start(&mut self, bounds: &Bounds, member: Member) -> MemberNumber {
        let number = self.add_member(bounds, member);
        if let Some(log) = &mut self.log {
            log.push(Asked::Started(number));
        }
        number
    }

    fn ask_member(
        &mut self,
        bounds: &Bounds,
        number: MemberNumber,
        input: Input,
    ) -> Option<MemberStep> {
        let mut member = Member::clone(&self.member(number).member);
        let (_, handled, output) = self.perform(bounds, &mut member, input);
        let from = member.id();
        let after = self.add_member(bounds, member);
        let mut sends: Vec<_> = output.effects.iter().filter_map(lock_message).collect();
        sends.extend(output.view_messages.into_iter().map(view_message));
        let sends = sends
            .into_iter()
            .map(|(to, content)| Sent { from, to, content });
        let sends: Vec<_> = sends.map(|sent| self.add_message(sent.normal())).collect();
        let mut effects = output.effects;
        effects.retain(|effect| !matters_not(effect));
        let is_nothing = after == number && effects.is_empty() && sends.is_empty();
        (!is_nothing && (handled.is_ok() || !effects.is_empty())).then_some(MemberStep {
            after,
            effects,
            adopted: output.adopted,
            change_vote: output.change_vote,
            sends,
        })
    }

    /// Hands an input to a member. Returns the event that it is to the member, and what
    /// comes of it.
    pub(super) fn perform(
        &self,
        bounds: &Bounds,
        member: &mut Member,
        input: Input,
    ) -> (Event, Result<(), Rejected>, Output) {
        let mut output = Output::default();
        let mut event = Event::Expired(Timer::View);
        let handled = match input {
            Input::Deliver(message) => {
                let sent = self.sent(message);
                event = match sent.content.clone() {
                    Content::Lock(message) => Event::Received {
                        message,
                        reply_to: None,
                    },
                    Content::View(message) => Event::ReceivedView {
                        from: sent.from,
                        message,
                    },
                };
                member.handle_at(NOW, &event, &mut output)
            }
            Input::Propose(counter, members, kind) => {
                let (counter, members) = (u64::from(counter), set_of(members));
                let change = change_of(kind);
                member.propose_as_told(NOW, counter, members, change.as_ref(), &mut output);
                Ok(())
            }
            Input::EndGiven(to) => {
                member.end_given(id_of(to.into()));
                Ok(())
            }
            Input::EndGot(from) => {
                member.end_got(id_of(from.into()), &mut output.effects);
                Ok(())
            }
            _ => {
                event = input.event(bounds).expect("it is an event");
                member.handle_at(NOW, &event, &mut output)
            }
        };
        (event, handled, output)
    }
}
fn matters_not(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::SetTimer { .. } | Effect::Contended { .. } | Effect::Send { .. }
    )
}

/// All clocks are known: greetings mean nothing.
fn lock_message(effect: &Effect) -> Option<(NodeId, Content)> {
    match effect {
        Effect::Send { message, .. }
            if matches!(message.body, Body::Hello | Body::Welcome { .. }) =>
        {
            None
        }
        Effect::Send { to, message, .. } => Some((*to, Content::Lock(message.clone()))),
        _ => None,
    }
}

/// What a beat says for heuristics is left out.
fn view_message((to, mut message): (NodeId, ViewMessage)) -> (NodeId, Content) {
    if let ViewMessage::Beat(beat) = &mut message {
        beat.promised = ViewNumber::FIRST;
        beat.heard.clear();
    }
    (to, Content::View(message))
}

impl Sent {
    /// It does not matter which member tells a decision, if it changes no members.
    fn normal(mut self) -> Self {
        if let Content::View(ViewMessage::Decision(view)) = &self.content
            && view.configuration.is_none()
        {
            self.from = if self.to == NodeId(1) {
                NodeId(2)
            } else {
                NodeId(1)
            };
        }
        self
    }
}

pub(super) fn hash_of(content: &impl Hash) -> u64 {
    let mut hasher = Mixer::default();
    content.hash(&mut hasher);
    hasher.finish()
}
