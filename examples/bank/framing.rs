//! Where a message ends: at a newline, or, with a client or server of the
//! original, where it pauses.
//!
//! The original knows no ends: one send is one message, and each side waits for
//! the other. TCP knows no messages: it may cut one in two or hand over two in
//! one piece. So our own ends close each message with a newline, which the
//! original's patterns let pass, and answer with one whoever sent one.
//!
//! Of a peer that has sent a newline we know that it will send another: until
//! then the message is not at its end, however long that takes. Of one that has
//! not, text without a newline is a message
//!
//! - if nothing but a newline could follow it;
//! - if it reads as a message, and the peer has sent such before;
//! - if nothing has followed it for [`PATIENCE`].

use std::mem;
use std::time::Duration;

/// The longest message that is read: as much as the original takes at once. No
/// request is a tenth of it.
const LONGEST: usize = 1024;

/// How long text without a newline waits for more of it.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// Whether bytes are all of a message, as far as they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    No,
    /// It is one, but more could follow.
    Perhaps,
    Certainly,
}

/// A message, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Empty where there was more than anybody reads.
    pub text: Vec<u8>,
    /// A newline closed it.
    pub had_newline: bool,
}

/// What is known of how a peer ends its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    Unknown,
    Newlines,
    Pauses,
}

/// What has arrived from a peer and is no message yet. It holds no more than the
/// longest message and what was pushed last.
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    habit: Habit,
    /// The message that is arriving is too long, and is thrown away up to its
    /// end.
    is_too_long: bool,
}

impl Inbox {
    pub fn new() -> Self {
        Inbox {
            bytes: Vec::new(),
            habit: Habit::Unknown,
            is_too_long: false,
        }
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next message, if there is one.
    ///
    /// `is_quiet`: the peer has sent nothing for [`PATIENCE`], or will never send
    /// anything more. `whole` judges text without a newline.
    pub fn next(&mut self, is_quiet: bool, whole: impl Fn(&[u8]) -> Whole) -> Option<Message> {
        if let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') {
            let mut text: Vec<u8> = self.bytes.drain(..=end).collect();
            text.pop();
            // A newline alone, of a message that was taken for whole before it
            // arrived, is none.
            let is_late = text.is_empty() && self.habit == Habit::Pauses && !self.is_too_long;
            self.habit = Habit::Newlines;
            return if is_late {
                self.next(is_quiet, whole)
            } else {
                Some(self.message(text, true))
            };
        }
        if self.bytes.len() > LONGEST {
            self.is_too_long = true;
            self.bytes.clear();
        }
        let is_at_its_end = match (self.habit, whole(&self.bytes)) {
            (Habit::Newlines, _) => false,
            (_, Whole::Certainly) => true,
            (Habit::Pauses, Whole::Perhaps) => true,
            _ => is_quiet,
        };
        if !self.is_waiting() || !is_at_its_end {
            return None;
        }
        self.habit = Habit::Pauses;
        let text = mem::take(&mut self.bytes);
        Some(self.message(text, false))
    }

    /// Whether it takes a pause to tell if what has arrived is a message.
    pub fn waits_for_a_pause(&self) -> bool {
        self.is_waiting() && self.habit != Habit::Newlines
    }

    fn is_waiting(&self) -> bool {
        self.is_too_long || !self.bytes.is_empty()
    }

    fn message(&mut self, mut text: Vec<u8>, had_newline: bool) -> Message {
        if mem::take(&mut self.is_too_long) || text.len() > LONGEST {
            text.clear();
        }
        Message { text, had_newline }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that ends in `.` is certainly whole, and in `,` perhaps.
    fn whole(bytes: &[u8]) -> Whole {
        match bytes.last() {
            Some(b'.') => Whole::Certainly,
            Some(b',') => Whole::Perhaps,
            _ => Whole::No,
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
        let Message { text, had_newline } = inbox.next(is_quiet, whole)?;
        Some((String::from_utf8(text).unwrap(), had_newline))
    }

    fn line(text: &str) -> Option<(String, bool)> {
        Some((text.to_owned(), true))
    }

    fn bare(text: &str) -> Option<(String, bool)> {
        Some((text.to_owned(), false))
    }

    #[test]
    fn lines_are_messages_however_they_are_cut() {
        let mut inbox = Inbox::new();
        assert_eq!(next(&mut inbox, "a,"), None);
        assert_eq!(next(&mut inbox, "b\nc\nd,"), line("a,b"));
        assert_eq!(next(&mut inbox, ""), line("c"));
        assert_eq!(next(&mut inbox, ""), None);
        assert!(!inbox.waits_for_a_pause());
        assert_eq!(after_a_pause(&mut inbox), None, "a line takes its time");
        assert_eq!(next(&mut inbox, "e.\n\n"), line("d,e."));
        assert_eq!(next(&mut inbox, ""), line(""));
    }

    #[test]
    fn without_newlines_a_pause_ends_the_first_message_and_a_whole_one_itself() {
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
    fn a_newline_that_comes_after_its_message_was_taken_is_no_message() {
        let mut inbox = Inbox::new();
        assert_eq!(next(&mut inbox, "a."), bare("a."));
        assert_eq!(next(&mut inbox, "\n"), None);
        assert_eq!(next(&mut inbox, "b."), None, "it sends newlines after all");
        assert_eq!(next(&mut inbox, "\nc\n"), line("b."));
        assert_eq!(next(&mut inbox, ""), line("c"));
    }

    #[test]
    fn what_is_too_long_is_one_empty_message_and_takes_no_room() {
        for end in ["\n", ""] {
            let mut inbox = Inbox::new();
            for _ in 0..1000 {
                assert_eq!(next(&mut inbox, &"x".repeat(1000)), None);
                assert!(inbox.bytes.len() <= LONGEST);
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
