//! Whole lines about an event.

use std::fmt;

use super::account::{Account, Answer};
use super::{Line, Tone, listed};
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
            EventKind::Tick => vec![Tone::Ordinary.line(format!("tick{clock}"))],
            EventKind::Acquire => vec![Tone::Ordinary.line(self.acquired(clock))],
            EventKind::Cancel => vec![Tone::Ordinary.line("the request is given up")],
            EventKind::Release => vec![Tone::Section.line(EXITED)],
            EventKind::Delegate => vec![Tone::Ordinary.line(self.delegated())],
            EventKind::Resume => vec![Tone::Ordinary.line(format!(
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
            lines.extend(
                replies.map(|reply| Tone::Ordinary.line(sent(&self.head(reply), reply.peer))),
            );
        }
        lines.extend((0..self.entries).map(|_| Tone::Section.line(ENTERED)));
        lines
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
        match self.live.delegated {
            Some(tokens) => format!(
                "tokens {} to {} are delegated",
                tokens.first(),
                tokens.last()
            ),
            None => format!("tokens up to {} are delegated", self.record.clock),
        }
    }

    fn expired(&self) -> Option<Line> {
        if self.live.is_unclaimed {
            return Some(Tone::Ordinary.line("nobody else claims to be this member any more"));
        }
        let (request, asked) = self.request()?;
        Some(Tone::Ignored.line(format!("{request} sent again to {asked}")))
    }

    fn received(&self, message: &MessageRecord, clock: &str) -> Vec<Line> {
        let from = message.peer;
        let head = received(&message.kind.head(message.clock, from), clock);
        if self.is_doubted() {
            return vec![Tone::Trouble.line(format!(
                "{head}: too far ahead to be believed, {from} is asked"
            ))];
        }
        if from == self.id {
            // Reported once, however often the other node claims the id.
            let claim = self
                .live
                .is_first_claim
                .then(|| Tone::Trouble.line(claimed(NodeId(from))));
            return claim.into_iter().collect();
        }
        let mut lines = vec![match (message.kind, remark(message.kind)) {
            // A request of ours is a part of the answer.
            (MessageKind::Request, _) => return vec![self.answered(&head)],
            (MessageKind::Superseded, Some(remark)) => {
                Tone::Ordinary.line(format!("{head}: {remark}"))
            }
            (_, Some(remark)) => Tone::Ignored.line(format!("{head}: {remark}")),
            (_, None) => Tone::Ordinary.line(head),
        }];
        if let Some((request, asked)) = self.request() {
            lines.push(match message.kind {
                MessageKind::Hello => {
                    Tone::Ignored.line(format!("{request} sent again to {asked}"))
                }
                _ => Tone::Ordinary.line(format!("x: {}{clock}", sent(&request, asked))),
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
                Tone::Ignored.line(format!("{head}: {remark}"))
            }
            Answer::RepliedAgain(reply) => {
                Tone::Ignored.line(format!("{head}: {reply} sent again"))
            }
            Answer::StillDeferred => {
                Tone::Ignored.line(format!("{head}: again, and still deferred"))
            }
            Answer::Replied(reply) => Tone::Ordinary.line(match self.request() {
                Some((request, _)) => format!("{head}: {reply} sent{because}, and {request} sent"),
                None => format!("{head}: {reply} sent{because}"),
            }),
            Answer::Deferred => Tone::Ordinary.line(match self.record.state {
                Phase::Wait => format!("{head}: deferred{because}"),
                Phase::Held => format!("{head}: deferred until we leave"),
                Phase::Free if self.live.unsynced.is_empty() => {
                    format!("{head}: deferred until all clocks are heard")
                }
                Phase::Free => {
                    let unsynced = &self.live.unsynced;
                    format!("{head}: deferred until the clock of {unsynced} is heard")
                }
            }),
        }
    }

    fn rejection(&self, why: &str, clock: &str) -> Line {
        match (self.record.event, &self.record.message) {
            (EventKind::Acquire, _) if why == Rejected::NotFree.to_string() => {
                Tone::Ignored.line("'x' ignored")
            }
            (EventKind::Acquire, _) => Tone::Trouble.line(format!("'x' ignored: {why}")),
            (_, Some(message)) => {
                let head = received(&message.kind.head(message.clock, message.peer), clock);
                Tone::Ignored.line(format!("{head}: ignored, {why}"))
            }
            (_, None) => Tone::Trouble.line(why),
        }
    }
}
