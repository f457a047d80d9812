//! What a search asks a member.

use super::bounds::Bounds;
use super::memo::MessageNumber;
use crate::mutex::{LockName, Mode, Timer, Token};
use crate::protocol::Event;

/// What to ask a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Input {
    Deliver(MessageNumber),
    Beat,
    /// The counter, the members as bits, and the kind of change.
    Propose(u8, u8, u8),
    /// The end of what it acknowledged to the member at this index.
    EndGiven(u8),
    /// The end of what the member at this index acknowledged to it.
    EndGot(u8),
    Acquire,
    Enter,
    Release,
    Delegate,
    Leave,
    /// The entry of this token goes on.
    Resume(u64),
}

impl Input {
    /// The event, if it is one of the member's own.
    pub(super) fn event(self, bounds: &Bounds) -> Option<Event> {
        let lock = LockName::default();
        Some(match self {
            Input::Beat => Event::Expired(Timer::View),
            Input::Acquire => Event::Acquire(lock),
            Input::Enter => Event::Expired(Timer::Enter { lock }),
            Input::Release => Event::Release(lock),
            Input::Delegate => Event::Delegate {
                lock,
                entries: bounds.delegated_tokens(),
            },
            Input::Leave => Event::End,
            Input::Resume(token) => Event::Resume {
                lock,
                token: Token::new(token),
                mode: Mode::Exclusive,
            },
            _ => return None,
        })
    }
}
