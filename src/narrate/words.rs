//! Whole lines about an event.

use std::fmt;

use super::Tone::{Ignored, Ordinary, Section, Trouble};
use super::account::{Account, Answer};
use super::{Line, listed};
use crate::engine::DUPLICATE_ID;
use crate::mutex::Rejected;
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

fn sent_again((request, to): (String, String)) -> Line {
    Ignored.line(format!("{request} sent again to {to}"))
}

/// What the head of a message does not show of its kind.
pub(crate) fn remark(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Request | MessageKind::Reply => "",
        MessageKind::Note => "refused, another member comes first",
        MessageKind::Superseded => "overtaken by a request of an earlier run",
        MessageKind::Hello => "hello",
        MessageKind::Welcome => "welcome, no permission",
    }
}

impl Account<'_> {
    /// The lines about the event; some events need none. `clock` is the part of a line
    /// that shows the clock, `, clock 5`, or empty where it is shown elsewhere.
    pub(crate) fn lines(&self, clock: &str) -> Vec<Line> {
        let record = &self.record;
        let message = record.message.as_ref();
        if let Some(why) = &record.ignored {
            return vec![self.rejection(why, clock)];
        }
        let mut lines = match record.event {
            EventKind::Start => vec![],
            EventKind::Tick => vec![Ordinary.line(format!("tick{clock}"))],
            EventKind::Acquire => vec![Ordinary.line(self.acquired(clock))],
            EventKind::Cancel => vec![Ordinary.line("the request is given up")],
            EventKind::Deny => self.denied(),
            EventKind::Release => vec![Section.line(EXITED)],
            EventKind::Delegate => vec![Ordinary.line(self.delegated())],
            EventKind::Resume => {
                let (token, lock) = (record.token.unwrap_or(0), record.lock.as_deref());
                let lock = lock.unwrap_or_default();
                let text = format!("the entry with token {token} in lock {lock:?} continues");
                vec![Ordinary.line(text)]
            }
            EventKind::Received => {
                message.map_or_else(Vec::new, |message| self.received(message, clock))
            }
            EventKind::Timer if self.live.is_unclaimed => {
                vec![Ordinary.line("no other node claims to be this member any more")]
            }
            EventKind::Timer => self.request().map(sent_again).into_iter().collect(),
            EventKind::View => self.about_view(),
            EventKind::End => vec![],
        };
        if matches!(record.event, EventKind::Release | EventKind::Cancel) {
            let replies = record.sent.iter();
            let replies = replies.map(|reply| sent(&self.head(reply), reply.peer));
            lines.extend(replies.map(|text| Ordinary.line(text)));
        }
        lines.extend((0..self.entries).map(|_| Section.line(ENTERED)));
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
            None => format!("x: no member to ask{clock}"),
        }
    }

    /// Tries that waited for this member to leave are refused.
    fn denied(&self) -> Vec<Line> {
        let notes = self.record.sent.iter();
        let notes = notes.map(|note| sent(&self.head(note), note.peer));
        notes.map(|text| Ordinary.line(text)).collect()
    }

    fn delegated(&self) -> String {
        let Some(tokens) = self.live.delegated else {
            return format!("tokens up to {} are delegated", self.record.clock);
        };
        let (first, last) = (tokens.first(), tokens.last());
        format!("tokens {first} to {last} are delegated")
    }

    fn received(&self, message: &MessageRecord, clock: &str) -> Vec<Line> {
        let from = message.peer;
        let head = received(&message.received_head(), clock);
        if self.is_doubted() {
            let text = format!("{head}: too far ahead to be believed, {from} is asked");
            return vec![Trouble.line(text)];
        }
        if from == self.id {
            // Reported once, however often the other node claims the id.
            let line = self.live.is_first_claim.then(|| Trouble.line(DUPLICATE_ID));
            return line.into_iter().collect();
        }
        let (tone, text) = match (message.kind, remark(message.kind)) {
            // A request of ours is a part of the answer.
            (MessageKind::Request, _) => return vec![self.answered(&head)],
            (MessageKind::Reply, _) => (Ordinary, head),
            (MessageKind::Note | MessageKind::Superseded, remark) => {
                (Ordinary, format!("{head}: {remark}"))
            }
            (_, remark) => (Ignored, format!("{head}: {remark}")),
        };
        let request = self.request().map(|request| match message.kind {
            MessageKind::Hello => sent_again(request),
            _ => Ordinary.line(format!("x: {}{clock}", sent(&request.0, request.1))),
        });
        [tone.line(text)].into_iter().chain(request).collect()
    }

    /// The outcome of a request, and the comparison that decided.
    fn answered(&self, head: &str) -> Line {
        let because = match (self.record.state, &self.record.because) {
            (Phase::Wait, Some(because)) => format!(", for {because}"),
            (Phase::Held, _) => " until we leave".to_owned(),
            _ if self.live.unsynced.is_empty() => " until all clocks are heard".to_owned(),
            _ => format!(" until the clock of {} is heard", self.live.unsynced),
        };
        let is_compared = self.record.state == Phase::Wait;
        let compared = if is_compared { &*because } else { "" };
        let request = self.request().map(|(request, _)| request);
        let request = request.map_or_else(String::new, |request| format!(", and {request} sent"));
        let (tone, text) = match self.answer() {
            Answer::Superseded => (Ignored, remark(MessageKind::Superseded).to_owned()),
            Answer::RepliedAgain(reply) => (Ignored, format!("{reply} sent again")),
            Answer::StillDeferred => (Ignored, "again, and still deferred".to_owned()),
            Answer::Replied(reply) => (Ordinary, format!("{reply} sent{compared}{request}")),
            Answer::Refused(note) => (Ordinary, format!("{note} sent{because}")),
            Answer::Deferred => (Ordinary, format!("deferred{because}")),
        };
        tone.line(format!("{head}: {text}"))
    }

    pub(super) fn rejection(&self, why: &str, clock: &str) -> Line {
        match (self.record.event, &self.record.message) {
            (EventKind::Acquire, _) if why == Rejected::NotFree.to_string() => {
                Ignored.line("'x' ignored")
            }
            (EventKind::Acquire, _) => Trouble.line(format!("'x' ignored: {why}")),
            (_, Some(message)) => {
                let head = received(&message.received_head(), clock);
                Ignored.line(format!("{head}: ignored, {why}"))
            }
            (_, None) => Trouble.line(why),
        }
    }
}
