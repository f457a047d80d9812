//! Notes: what fits beside an arrow of the live diagram.

use super::Tone;
use super::account::{Account, Answer};
use crate::printable::Printable;
use crate::trace::{EventKind, MessageKind, MessageRecord, Phase};

/// A state and its number: `HELD` and `token 5`, `WAIT` and `request 4`.
pub(crate) fn state(phase: Phase, number: Option<u64>) -> (&'static str, String) {
    let (state, kind) = match phase {
        Phase::Free => return ("FREE", String::new()),
        Phase::Wait => ("WAIT", "request"),
        Phase::Held => ("HELD", "token"),
    };
    let number = number.map(|number| format!("{kind} {number}"));
    (state, number.unwrap_or_default())
}

/// `HELD, token 5`.
pub(crate) fn state_text(phase: Phase, number: Option<u64>) -> String {
    let (state, number) = state(phase, number);
    let mut text = state.to_owned();
    add(&mut text, &number);
    text
}

/// Adds to a note; either may be empty.
pub(crate) fn add(note: &mut String, more: &str) {
    if !note.is_empty() && !more.is_empty() {
        note.push_str(", ");
    }
    note.push_str(more);
}

impl Account<'_> {
    /// The note about the event; `None` where the live diagram does not show it.
    pub(crate) fn note(&self) -> Option<(Tone, String)> {
        let record = &self.record;
        let note = match (record.event, &record.ignored, &record.message) {
            (EventKind::Acquire, Some(why), _) => {
                return Some((Tone::Ignored, self.rejection(why, "").text));
            }
            (EventKind::Received, Some(why), _) => {
                return Some((Tone::Ignored, format!("ignored: {why}")));
            }
            (_, Some(_), _) => return None,
            (_, None, Some(message)) => return self.note_on_received(message),
            (EventKind::Start, ..) => "starts",
            (EventKind::Tick, ..) => "ticks",
            (EventKind::Resume, ..) => "an entry continues",
            (EventKind::Delegate, ..) => "delegates tokens",
            (EventKind::Acquire, ..) if self.request().is_some() && self.record.shared => {
                "asks for a shared entry"
            }
            (EventKind::Acquire, ..) if self.request().is_some() => "asks",
            (EventKind::Acquire, ..) => "asks for all clocks first",
            (EventKind::Cancel, ..) => "gives up",
            (EventKind::Deny, ..) if self.record.sent.is_empty() => return None,
            (EventKind::Deny, ..) => "refuses tries",
            (EventKind::Release, ..) => "leaves",
            (EventKind::Timer, ..) if self.live.is_unclaimed => "no other node has our id",
            (EventKind::View, ..) => return self.note_on_view(),
            (EventKind::Timer | EventKind::Received | EventKind::End, ..) => return None,
        };
        Some((Tone::Ordinary, note.to_owned()))
    }

    /// The note about an entry, if the event led to one.
    pub(crate) fn note_on_entry(&self) -> Option<String> {
        let (lock, token) = self.live.entered.as_ref()?;
        let mut note = state_text(Phase::Held, Some(token.get()));
        add(&mut note, &name(Some(lock.as_str())));
        Some(note)
    }

    fn note_on_received(&self, message: &MessageRecord) -> Option<(Tone, String)> {
        if message.peer == self.id {
            let note = "another node has our id".to_owned();
            return self.live.is_first_claim.then_some((Tone::Trouble, note));
        }
        if self.is_doubted() {
            return Some((Tone::Trouble, "clock too far ahead".to_owned()));
        }
        let (tone, mut note) = match message.kind {
            MessageKind::Request => self.note_on_answer(),
            MessageKind::Superseded => (Tone::Ordinary, "overtaken: asks again".to_owned()),
            MessageKind::Note => (Tone::Ordinary, "refused".to_owned()),
            _ => (Tone::Ordinary, String::new()),
        };
        add(&mut note, &name(message.lock.as_deref()));
        Some((tone, note))
    }

    fn note_on_answer(&self) -> (Tone, String) {
        let because = self.record.because.as_deref().unwrap_or_default();
        let note = match (self.answer(), self.record.state) {
            (Answer::RepliedAgain(_) | Answer::StillDeferred, _) => {
                return (Tone::Ignored, "again".to_owned());
            }
            (Answer::Superseded, _) => "overtaken".to_owned(),
            (Answer::Replied(_), Phase::Wait) => because.to_owned(),
            (Answer::Replied(_), _) => String::new(),
            (Answer::Refused(_), _) => format!("{because}: refused"),
            (Answer::Deferred, Phase::Wait) => format!("{because}: deferred"),
            (Answer::Deferred, Phase::Held) => "HELD: deferred".to_owned(),
            (Answer::Deferred, Phase::Free) => "clocks unknown: deferred".to_owned(),
        };
        (Tone::Ordinary, note)
    }
}

/// The name of a lock other than the original's one, for a note.
fn name(lock: Option<&str>) -> String {
    match lock {
        None | Some("") => String::new(),
        Some(lock) => format!("lock {}", Printable::new(lock.as_bytes())),
    }
}
