//! The actions that a search takes.

use super::bounds::Bounds;
use super::memo::{Memo, MessageNumber};
use crate::mutex::LockName;
use crate::protocol::Event;

/// An action of one member, by its index, or of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Acquire(usize),
    Release(usize),
    Cancel(usize),
    Delegate(usize),
    Deliver(MessageNumber),
    Crash(usize),
    /// The entry ends that outlived the crash of its node.
    End(usize),
    Restart(usize),
}

/// An action, and the crash in the middle of it, if there is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transition {
    pub(super) action: Action,
    /// The member crashes after this many effects of the action.
    pub(super) crash_after: Option<usize>,
}

impl Action {
    /// The event that a user hands to a member; `None` if no user acts.
    pub(super) fn user_event(self, bounds: &Bounds) -> Option<(usize, Event)> {
        let lock = LockName::default();
        Some(match self {
            Action::Acquire(index) => (index, Event::Acquire(lock)),
            Action::Release(index) => (index, Event::Release(lock)),
            Action::Cancel(index) => (index, Event::Cancel(lock)),
            Action::Delegate(index) => {
                let entries = bounds.tokens;
                (index, Event::Delegate { lock, entries })
            }
            Action::Deliver(_) | Action::Crash(_) | Action::End(_) | Action::Restart(_) => {
                return None;
            }
        })
    }
}

impl Transition {
    pub(super) fn describe(self, memo: &Memo) -> String {
        let id = |index: usize| index + 1;
        let mut text = match self.action {
            Action::Acquire(index) => format!("{} requests the lock", id(index)),
            Action::Release(index) => format!("{} leaves", id(index)),
            Action::Cancel(index) => format!("{} cancels its request", id(index)),
            Action::Delegate(index) => format!("{} delegates tokens", id(index)),
            Action::Crash(index) => format!("{} crashes", id(index)),
            Action::End(index) => format!("the entry that outlived {} ends", id(index)),
            Action::Restart(index) => format!("{} restarts", id(index)),
            Action::Deliver(message) => {
                let sent = memo.sent(message);
                format!("{} arrives at {}", sent.message, sent.to)
            }
        };
        if let Some(effects) = self.crash_after {
            text.push_str(&format!(", and crashes after {effects} effects"));
        }
        text
    }
}
