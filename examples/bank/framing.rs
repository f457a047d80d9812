//! The end of a message: a newline, or a pause of a client or server of the original.
//!
//! The original has no message ends: one send is one message, and each side waits for the
//! other. TCP has no messages: it may cut one in two, or deliver two at once. So our client
//! closes each message with a newline, which the original's patterns accept, and our server
//! closes the answer to such a message with one too.
//!
//! A peer that has sent a newline will send another: until then its message is incomplete,
//! however long that takes. Text without a newline from any other peer is a message
//!
//! - if nothing but a newline could follow it;
//! - if it reads as a message, and the peer has sent such before;
//! - if nothing has followed it for [`PAUSE`].

use std::mem;
use std::time::Duration;

/// The longest message in bytes: as much as the original reads at once. Every request is
/// shorter than a tenth of it.
const MAX_MESSAGE: usize = 1024;

/// How long a pause is that ends a message without a newline.
pub const PAUSE: Duration = Duration::from_millis(500);

/// Whether these bytes are a complete message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Complete {
    No,
    /// They are one, but more of it could follow.
    Perhaps,
    Yes,
}

/// A message, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty if the message was too long.
    pub text: Vec<u8>,
    /// A newline closed it.
    pub had_newline: bool,
}

/// How a peer ends its messages, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Unknown,
    Newlines,
    Pauses,
}

/// The bytes from a peer that are not a message yet: at most the longest message and the
/// latest push.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    ending: Ending,
    /// The current message is too long, and is dropped up to its end.
    is_too_long: bool,
}

impl Inbox {
    pub fn new() -> Self {
        Inbox {
            bytes: Vec::new(),
            ending: Ending::Unknown,
            is_too_long: false,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next message, if there is one.
    ///
    /// `is_quiet`: the peer has sent nothing for [`PAUSE`], or will never send anything
    /// more. `complete` judges text without a newline.
    pub fn next(
        &mut self,
        is_quiet: bool,
        complete: impl Fn(&[u8]) -> Complete,
    ) -> Option<Message> {
        if let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') {
            let mut text: Vec<u8> = self.bytes.drain(..=end).collect();
            text.pop();
            // A newline alone is not a message if it belongs to a message that was taken
            // before it arrived.
            let is_late = text.is_empty() && self.ending == Ending::Pauses && !self.is_too_long;
            self.ending = Ending::Newlines;
            return if is_late {
                self.next(is_quiet, complete)
            } else {
                Some(self.message(text, true))
            };
        }
        if self.bytes.len() > MAX_MESSAGE {
            self.is_too_long = true;
            self.bytes.clear();
        }
        let is_at_its_end = match (self.ending, complete(&self.bytes)) {
            (Ending::Newlines, _) => false,
            (_, Complete::Yes) => true,
            (Ending::Pauses, Complete::Perhaps) => true,
            _ => is_quiet,
        };
        if !self.is_waiting() || !is_at_its_end {
            return None;
        }
        self.ending = Ending::Pauses;
        let text = mem::take(&mut self.bytes);
        Some(self.message(text, false))
    }

    /// Whether a pause of the peer would complete a message.
    pub fn waits_for_a_pause(&self) -> bool {
        self.is_waiting() && self.ending != Ending::Newlines
    }

    fn is_waiting(&self) -> bool {
        self.is_too_long || !self.bytes.is_empty()
    }

    fn message(&mut self, mut text: Vec<u8>, had_newline: bool) -> Message {
        if mem::take(&mut self.is_too_long) || text.len() > MAX_MESSAGE {
            text.clear();
        }
        Message { text, had_newline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that ends in `.` is complete, and text that ends in `,` perhaps.
    fn complete(bytes: &[u8]) -> Complete {
        match bytes.last() {
            Some(b'.') => Complete::Yes,
            Some(b',') => Complete::Perhaps,
            _ => Complete::No,
        }
    }

    fn next(inbox: &mut Inbox, arrives: &str) -> Option<(String, bool)> {
        inbox.push(arrives.as_bytes());
        taken(inbox, false)
    }

    fn after_a_pause(inbox: &mut Inbox) -> Option<(String, bool)> {
        taken(inbox, true)
    }

    fn taken(inbox: &mut Inbox, is_quiet: bool) -> Option<(String, bool)> {
        let Message { text, had_newline } = inbox.next(is_quiet, complete)?;
        Some((String::from_utf8(text).unwrap(), had_newline))
    }

    fn line(text: &str) -> Option<(String, bool)> {
        Some((text.to_owned(), true))
    }

    fn bare(text: &str) -> Option<(String, bool)> {
        Some((text.to_owned(), false))
    }

    #[test]
    fn a_line_is_a_message_however_it_is_cut() {
        let mut inbox = Inbox::new();
        assert_eq!(next(&mut inbox, "a,"), None);
        assert_eq!(next(&mut inbox, "b\nc\nd,"), line("a,b"));
        assert_eq!(next(&mut inbox, ""), line("c"));
        assert_eq!(next(&mut inbox, ""), None);
        assert!(!inbox.waits_for_a_pause());
        assert_eq!(after_a_pause(&mut inbox), None, "a line may take long");
        assert_eq!(next(&mut inbox, "e.\n\n"), line("d,e."));
        assert_eq!(next(&mut inbox, ""), line(""));
    }

    #[test]
    fn without_newlines_the_first_message_ends_at_a_pause_and_a_complete_one_at_once() {
        let mut inbox = Inbox::new();
        assert_eq!(next(&mut inbox, "a,"), None);
        assert!(inbox.waits_for_a_pause());
        assert_eq!(after_a_pause(&mut inbox), bare("a,"));
        assert!(!inbox.waits_for_a_pause());
        assert_eq!(after_a_pause(&mut inbox), None);
        assert_eq!(next(&mut inbox, "b,"), bare("b,"));
        assert_eq!(next(&mut inbox, "c"), None);
        assert_eq!(after_a_pause(&mut inbox), bare("c"));
    }

    #[test]
    fn a_newline_after_its_message_was_taken_is_not_a_message() {
        let mut inbox = Inbox::new();
        assert_eq!(next(&mut inbox, "a."), bare("a."));
        assert_eq!(next(&mut inbox, "\n"), None);
        assert_eq!(next(&mut inbox, "b."), None, "the peer sends newlines");
        assert_eq!(next(&mut inbox, "\nc\n"), line("b."));
        assert_eq!(next(&mut inbox, ""), line("c"));
    }

    #[test]
    fn a_message_that_is_too_long_becomes_an_empty_one_and_takes_no_room() {
        for end in ["\n", ""] {
            let mut inbox = Inbox::new();
            for _ in 0..1000 {
                assert_eq!(next(&mut inbox, &"x".repeat(1000)), None);
                assert!(inbox.bytes.len() <= MAX_MESSAGE);
            }
            inbox.push(end.as_bytes());
            let had_newline = !end.is_empty();
            assert_eq!(
                after_a_pause(&mut inbox),
                Some((String::new(), had_newline))
            );
            assert_eq!(next(&mut inbox, "a\n"), line("a"));
        }
    }
}
