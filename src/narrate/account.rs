//! An event and its outcome, as far as words depend on them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::listed;
use crate::mutex::{Effect, LockName, Rejected, Timer, Token, Tokens};
use crate::protocol::{Event, Member};
use crate::trace::{MessageKind, MessageRecord, Record};

/// An event of a member and its outcome: the one description that all words are made
/// from. A live node and a trace both give it; the trace knows less.
pub(crate) struct Account<'a> {
    /// The member.
    pub(super) id: u16,
    /// The number of members.
    pub(super) members: u16,
    pub(crate) record: Cow<'a, Record>,
    /// How many entries the event led to.
    pub(super) entries: usize,
    pub(super) live: Live,
}

/// What a live node knows and its trace does not contain.
#[derive(Default)]
pub(super) struct Live {
    /// The latest entry that the event led to.
    pub(super) entered: Option<(LockName, Token)>,
    /// Which of the sent messages were sent before.
    repeated: Vec<bool>,
    /// The tokens that were delegated.
    pub(super) delegated: Option<Tokens>,
    /// The members whose clocks are still unknown: `1, 3`.
    pub(super) unsynced: String,
    /// Whether another node claims this member's id, for the first time.
    pub(super) is_first_claim: bool,
    /// Whether no other node claims this member's id any more.
    pub(super) is_unclaimed: bool,
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
    /// The request is a try, and the note with this head refuses it.
    Refused(String),
    /// The reply is deferred.
    Deferred,
}

impl Account<'_> {
    /// Describes an event that a live node handled; `None` for a timer that was stale.
    pub(crate) fn new(
        event: &Event,
        outcome: Result<&[Effect], Rejected>,
        member: &Member,
    ) -> Option<Self> {
        let record = Record::new(0, event, outcome, member)?;
        let mut entries = 0;
        let mut live = Live {
            unsynced: listed(member.unsynced()),
            is_unclaimed: matches!(event, Event::Expired(Timer::ForgetDuplicate { .. })),
            ..Live::default()
        };
        for effect in outcome.unwrap_or_default() {
            match effect {
                Effect::Enter { lock, token, .. } => {
                    entries += 1;
                    live.entered = Some((lock.clone(), *token));
                }
                Effect::Send { repetition, .. } => live.repeated.push(*repetition > 0),
                Effect::Delegated { tokens, .. } => live.delegated = Some(*tokens),
                Effect::SetTimer { timer, .. } => {
                    live.is_first_claim |= matches!(timer, Timer::ForgetDuplicate { sightings: 1 });
                }
                _ => {}
            }
        }
        Some(Account {
            id: member.id().0,
            members: member.config().members,
            record: Cow::Owned(record),
            entries,
            live,
        })
    }

    /// The messages that were sent, each with whether it was sent before.
    pub(crate) fn sent(&self) -> impl Iterator<Item = (&MessageRecord, bool)> {
        let repeated = self.live.repeated.iter().copied();
        let repeated = repeated.chain(std::iter::repeat(false));
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
        Some((self.head(requests().next_back()?), listed(receivers)))
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
                MessageKind::Note => return Answer::Refused(self.head(sent)),
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
