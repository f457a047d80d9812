//! Whole lines about an event.

use std::fmt;

use super::account::{Account, Answer};
use super::{Line, Tone, ignored, listed, ordinary, trouble};
use crate::engine::claimed;
use crate::mutex::{NodeId, Rejected};
use crate::trace::{EventKind, MessageKind, MessageRecord, Phase};

pub(crate) const ENTERED: &str = "Process entered CS";
pub(crate) const EXITED: &str = "Process exited CS";

/// `req<4,2> received, clock 5`.
pub(crate) fn received(head: &str, clock: &str) -> String {
    format!("{head} received{clock}")
}

/// `reply<5,1> sent to 2`.
pub(crate) fn sent(head: &str, to: impl fmt::Display) -> String {
    format!("{head} sent to {to}")
}

/// What the head of a message does not show: of which kind it is.
pub(crate) fn remark(kind: MessageKind) -> Option<&'static str> {
    match kind {
        MessageKind::Request | MessageKind::Reply => None,
        MessageKind::Superseded => Some("overtaken by a request of an earlier run"),
        MessageKind::Hello => Some("hello"),
        MessageKind::Welcome => Some("welcome, no permission"),
    }
}

impl Account<'_> {
    /// The lines about the event; some events need none. `clock` is the part of a line
    /// that shows the clock, `, clock 5`, or empty where it is shown elsewhere.
    pub(crate) fn lines(&self, clock: &str) -> Vec<Line> {
        let record = self.record;
        if let Some(why) = &record.ignored {
            return vec![self.rejection(why, clock)];
        }
        let mut lines = match record.event {
            EventKind::Start => vec![],
            EventKind::Tick => vec![ordinary(format!("tick{clock}"))],
            EventKind::Acquire => vec![ordinary(self.acquired(clock))],
            EventKind::Cancel => vec![ordinary("the request is given up")],
            EventKind::Release => vec![section(EXITED)],
            EventKind::Delegate => vec![ordinary(self.delegated())],
            EventKind::Resume => vec![ordinary(format!(
                "the entry with token {} in lock {:?} continues",
                record.token.unwrap_or(0),
                record.lock.as_deref().unwrap_or_default()
            ))],
            EventKind::Received => match &record.message {
                Some(message) => self.received(message, clock),
                None => vec![],
            },
            EventKind::Timer => self.expired().into_iter().collect(),
        };
        if matches!(record.event, EventKind::Release | EventKind::Cancel) {
            let replies = record.sent.iter();
            lines.extend(replies.map(|reply| ordinary(sent(&self.head(reply), reply.peer))));
        }
        lines.extend(self.entered.iter().map(|_| section(ENTERED)));
        lines
    }

    /// The event on one line of a drawing that shows the clock elsewhere.
    #[cfg(feature = "cli")]
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self.lines("").into_iter().map(|line| line.text).collect();
        match &self.record.message {
            _ if !lines.is_empty() => lines.join("; "),
            Some(message) => received(&message.kind.head(message.clock, message.peer), ""),
            None => format!("{:?}", self.record.event).to_lowercase(),
        }
    }

    fn acquired(&self, clock: &str) -> String {
        match self.request() {
            Some((request, asked)) => format!("x: {}{clock}", sent(&request, asked)),
            // Not all clocks are known, so there is no request yet.
            None if self.record.state == Phase::Free => {
                let asked = listed(self.record.sent.iter().map(|hello| hello.peer));
                format!("x: asks {asked} for the clock first")
            }
            None if self.members > 1 => format!("x: all permissions kept{clock}"),
            None => format!("x: nobody to ask{clock}"),
        }
    }

    fn delegated(&self) -> String {
        match self.delegated {
            Some(tokens) => format!(
                "tokens {} to {} are delegated",
                tokens.first(),
                tokens.last()
            ),
            None => format!("tokens up to {} are delegated", self.record.clock),
        }
    }

    fn expired(&self) -> Option<Line> {
        if self.is_unclaimed {
            return Some(ordinary("nobody else claims to be this member any more"));
        }
        let (request, asked) = self.request()?;
        Some(ignored(format!("{request} sent again to {asked}")))
    }

    fn received(&self, message: &MessageRecord, clock: &str) -> Vec<Line> {
        let from = message.peer;
        let head = received(&message.kind.head(message.clock, from), clock);
        if self.is_doubted() {
            return vec![trouble(format!(
                "{head}: too far ahead to be believed, {from} is asked"
            ))];
        }
        if from == self.id {
            // Reported once, however often the other node claims the id.
            let claim = self.is_first_claim.then(|| trouble(claimed(NodeId(from))));
            return claim.into_iter().collect();
        }
        let mut lines = vec![match (message.kind, remark(message.kind)) {
            // A request of ours is a part of the answer.
            (MessageKind::Request, _) => return vec![self.answered(&head)],
            (MessageKind::Superseded, Some(remark)) => ordinary(format!("{head}: {remark}")),
            (_, Some(remark)) => ignored(format!("{head}: {remark}")),
            (_, None) => ordinary(head),
        }];
        if let Some((request, asked)) = self.request() {
            lines.push(match message.kind {
                MessageKind::Hello => ignored(format!("{request} sent again to {asked}")),
                _ => ordinary(format!("x: {}{clock}", sent(&request, asked))),
            });
        }
        lines
    }

    /// The outcome of a request, and the comparison that decided.
    fn answered(&self, head: &str) -> Line {
        let because = match (self.record.state, &self.record.because) {
            (Phase::Wait, Some(because)) => format!(", for {because}"),
            _ => String::new(),
        };
        match self.answer() {
            Answer::Superseded => {
                let remark = remark(MessageKind::Superseded).unwrap_or_default();
                ignored(format!("{head}: {remark}"))
            }
            Answer::RepliedAgain(reply) => ignored(format!("{head}: {reply} sent again")),
            Answer::StillDeferred => ignored(format!("{head}: again, and still deferred")),
            Answer::Replied(reply) => ordinary(match self.request() {
                Some((request, _)) => format!("{head}: {reply} sent{because}, and {request} sent"),
                None => format!("{head}: {reply} sent{because}"),
            }),
            Answer::Deferred => ordinary(match self.record.state {
                Phase::Wait => format!("{head}: deferred{because}"),
                Phase::Held => format!("{head}: deferred until we leave"),
                Phase::Free if self.unsynced.is_empty() => {
                    format!("{head}: deferred until all clocks are heard")
                }
                Phase::Free => {
                    let unsynced = &self.unsynced;
                    format!("{head}: deferred until the clock of {unsynced} is heard")
                }
            }),
        }
    }

    fn rejection(&self, why: &str, clock: &str) -> Line {
        match (self.record.event, &self.record.message) {
            (EventKind::Acquire, _) if why == Rejected::NotFree.to_string() => {
                ignored("'x' ignored")
            }
            (EventKind::Acquire, _) => trouble(format!("'x' ignored: {why}")),
            (_, Some(message)) => {
                let head = received(&message.kind.head(message.clock, message.peer), clock);
                ignored(format!("{head}: ignored, {why}"))
            }
            (_, None) => trouble(why),
        }
    }
}

fn section(text: &str) -> Line {
    let (text, tone) = (text.to_owned(), Tone::Section);
    Line { text, tone }
}
