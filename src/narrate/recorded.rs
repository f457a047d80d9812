//! The words about a record of a trace.

use std::borrow::Cow;

use super::account::{Account, Live};
use super::words::received;
use crate::trace::{EventKind, Header, MessageKind, MessageRecord, Phase, Record};

impl<'a> Account<'a> {
    /// Describes an event of a trace.
    pub(crate) fn recorded(header: &Header, record: &'a Record) -> Self {
        // In the section a reply is ignored, and so is an acquire. An entry at a welcome
        // is not recognized: welcomes arrive in the section, too.
        let is_reply = |message: &MessageRecord| message.kind == MessageKind::Reply;
        let has_entered = (record.state, &record.ignored) == (Phase::Held, &None)
            && (record.event == EventKind::Acquire
                || record.message.as_ref().is_some_and(is_reply));
        Account {
            id: header.id,
            members: header.members,
            record: Cow::Borrowed(record),
            entries: usize::from(has_entered),
            live: Live::default(),
        }
    }

    /// The event on one line of a drawing that shows the clock elsewhere.
    pub(crate) fn text(&self) -> String {
        let lines: Vec<String> = self.lines("").into_iter().map(|line| line.text).collect();
        match &self.record.message {
            _ if !lines.is_empty() => lines.join("; "),
            Some(message) => received(&message.received_head(), ""),
            None => format!("{:?}", self.record.event).to_lowercase(),
        }
    }
}
