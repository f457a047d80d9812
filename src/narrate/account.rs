//! An event and its outcome, as far as words depend on them.

use std::collections::BTreeSet;

use super::listed;
use crate::mutex::{Effect, LockName, Timer, Token, Tokens};
use crate::protocol::{Event, Member};
use crate::trace::{EventKind, Header, MessageKind, MessageRecord, Phase, Record};

/// An event of a member and its outcome: the one description that all words are made
/// from. A live node and a trace both give it; the trace knows less.
pub(crate) struct Account<'a> {
    /// The member.
    pub(crate) id: u16,
    /// The number of members.
    pub(super) members: u16,
    pub(crate) record: &'a Record,
    /// The entries that the event led to.
    pub(crate) entered: Vec<Entered>,
    /// Which of the sent messages were sent before; empty if that is unknown.
    repeated: Vec<bool>,
    /// The tokens that were delegated.
    pub(super) delegated: Option<Tokens>,
    /// The members whose clocks are still unknown, as `1, 3`; empty if there are none
    /// or that is unknown.
    pub(super) unsynced: String,
    /// Another node claims this member's id, for the first time.
    pub(super) is_first_claim: bool,
    /// No other node claims this member's id any more.
    pub(super) is_unclaimed: bool,
}

/// An entry into the critical section.
pub(crate) struct Entered {
    pub(crate) lock: Option<String>,
    pub(crate) token: u64,
}

/// The outcome of a request that a peer sent.
pub(super) enum Answer {
    /// It is void: a request of another run has overtaken it.
    Superseded,
    /// The reply, with this head, was sent again.
    RepliedAgain(String),
    /// It arrived again, and the reply is still deferred.
    StillDeferred,
    /// The reply, with this head, was sent.
    Replied(String),
    /// The reply is deferred.
    Deferred,
}

impl<'a> Account<'a> {
    /// Describes an event that a live node handled. The effects are empty if the event
    /// was rejected.
    pub(crate) fn new(
        record: &'a Record,
        event: &Event,
        effects: &[Effect],
        member: &Member,
    ) -> Self {
        let mut account = Account {
            unsynced: listed(member.unsynced()),
            is_unclaimed: matches!(event, Event::Expired(Timer::Unclaim { .. })),
            ..Account::empty(member.id().0, member.config().members, record)
        };
        for effect in effects {
            match effect {
                Effect::Enter { lock, token } => account.entered.push(Entered::new(lock, *token)),
                Effect::Send { repetition, .. } => account.repeated.push(*repetition > 0),
                Effect::Delegated { tokens, .. } => account.delegated = Some(*tokens),
                Effect::SetTimer { timer, .. } => {
                    account.is_first_claim |= matches!(timer, Timer::Unclaim { claim: 1 });
                }
                _ => {}
            }
        }
        account
    }

    /// Describes an event of a trace.
    #[cfg(feature = "cli")]
    pub(crate) fn recorded(header: &Header, record: &'a Record) -> Self {
        // A reply that arrives in the section is ignored, and an acquire is. A greeting
        // that leads to an entry is not recognized: others arrive in the section, too.
        let may_enter = record.event == EventKind::Acquire
            || record.message.as_ref().map(|message| message.kind) == Some(MessageKind::Reply);
        let token = record
            .token
            .filter(|_| may_enter && record.ignored.is_none() && record.state == Phase::Held);
        let lock = || record.lock.clone();
        let entered = token.map(|token| Entered {
            lock: lock(),
            token,
        });
        Account {
            entered: entered.into_iter().collect(),
            ..Account::empty(header.id, header.members, record)
        }
    }

    fn empty(id: u16, members: u16, record: &'a Record) -> Self {
        Account {
            id,
            members,
            record,
            entered: Vec::new(),
            repeated: Vec::new(),
            delegated: None,
            unsynced: String::new(),
            is_first_claim: false,
            is_unclaimed: false,
        }
    }

    /// The messages that were sent, each with whether it was sent before.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (&'a MessageRecord, bool)> + '_ {
        let repeated = self
            .repeated
            .iter()
            .copied()
            .chain(std::iter::repeat(false));
        self.record.sent.iter().zip(repeated)
    }

    /// The head of a message that this member sent.
    pub(super) fn head(&self, message: &MessageRecord) -> String {
        message.kind.head(message.clock, self.id)
    }

    /// The request that was sent, and its receivers: `1, 3`.
    pub(super) fn request(&self) -> Option<(String, String)> {
        let requests = || {
            let sent = self.record.sent.iter();
            sent.filter(|message| message.kind == MessageKind::Request)
        };
        let receivers: BTreeSet<u16> = requests().map(|message| message.peer).collect();
        Some((self.head(requests().last()?), listed(receivers)))
    }

    /// Whether the clock of the received message is too far ahead to be believed, so
    /// that its sender was asked for its clock.
    pub(crate) fn is_doubted(&self) -> bool {
        let Some(message) = &self.record.message else {
            return false;
        };
        let sent = &self.record.sent;
        // A request that was taken is answered or queued.
        message.kind != MessageKind::Hello
            && sent.iter().any(|sent| sent.peer == message.peer)
            && sent.iter().all(|sent| sent.kind == MessageKind::Hello)
            && !self.record.queue.contains(&(message.clock, message.peer))
    }

    /// The outcome of the received request.
    pub(super) fn answer(&self) -> Answer {
        let mut reply = None;
        for (sent, is_repeated) in self.sent() {
            match sent.kind {
                MessageKind::Superseded => return Answer::Superseded,
                MessageKind::Reply if is_repeated => return Answer::RepliedAgain(self.head(sent)),
                MessageKind::Reply => reply = reply.or(Some(self.head(sent))),
                // It only tells the peer that this member is alive.
                MessageKind::Welcome => return Answer::StillDeferred,
                _ => {}
            }
        }
        reply.map_or(Answer::Deferred, Answer::Replied)
    }
}

impl Entered {
    fn new(lock: &LockName, token: Token) -> Self {
        Entered {
            lock: (!lock.is_nameless()).then(|| lock.to_string()),
            token: token.clock(),
        }
    }
}
