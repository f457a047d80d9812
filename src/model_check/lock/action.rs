//! The actions that a search takes.

use super::bounds::{Bounds, id_of};
use super::memo::{Memo, MessageNumber};
use crate::mutex::LockName;
use crate::protocol::Event;

/// An action of one member, by its index, or of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Acquire(usize),
    /// As above, in shared mode.
    Share(usize),
    /// All members try at once.
    Rush,
    /// A holder refuses the tries that wait.
    Deny(usize),
    Release(usize),
    Cancel(usize),
    Delegate(usize),
    Deliver(MessageNumber),
    Crash(usize),
    /// An entry that outlived the crash of its node ends.
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
            Action::Acquire(index) if bounds.are_tries => (index, Event::Try(lock)),
            Action::Acquire(index) => (index, Event::Acquire(lock)),
            Action::Share(index) if bounds.are_tries => (index, Event::TryShared(lock)),
            Action::Share(index) => (index, Event::AcquireShared(lock)),
            Action::Deny(index) => (index, Event::Deny(lock)),
            Action::Release(index) => (index, Event::Release(lock)),
            Action::Cancel(index) => (index, Event::Cancel(lock)),
            Action::Delegate(index) => {
                let entries = bounds.tokens;
                (index, Event::Delegate { lock, entries })
            }
            Action::Rush
            | Action::Deliver(_)
            | Action::Crash(_)
            | Action::End(_)
            | Action::Restart(_) => return None,
        })
    }
}

impl Transition {
    pub(super) fn describe(self, memo: &Memo) -> String {
        let mut text = match self.action {
            Action::Acquire(index) => format!("{} requests the lock", id_of(index)),
            Action::Share(index) => format!("{} requests the lock in shared mode", id_of(index)),
            Action::Rush => "all members try at once".to_owned(),
            Action::Deny(index) => format!("{} refuses the tries", id_of(index)),
            Action::Release(index) => format!("{} leaves", id_of(index)),
            Action::Cancel(index) => format!("{} cancels its request", id_of(index)),
            Action::Delegate(index) => format!("{} delegates tokens", id_of(index)),
            Action::Crash(index) => format!("{} crashes", id_of(index)),
            Action::End(index) => format!("the entry that outlived {} ends", id_of(index)),
            Action::Restart(index) => format!("{} restarts", id_of(index)),
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
