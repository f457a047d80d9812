//! The actions that a search takes.

use super::bounds::{id_of, set_of};
use super::memo::{Memo, MessageNumber};

/// An action of one member, by its index, or of the network, or of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Deliver(MessageNumber),
    /// What the first acknowledged to the second ends.
    End(u8, u8),
    /// The counter of the view's number, and its members as bits.
    Propose(u8, u8, u8),
    /// The same, and the kind of the change of the configured members.
    Change(u8, u8, u8, u8),
    Acquire(u8),
    /// An entry whose gate may have opened.
    Enter(u8),
    Release(u8),
    /// It gets tokens for further entries.
    Delegate(u8),
    Restart(u8),
    /// It leaves in order, and comes back.
    Leave(u8),
}

impl Action {
    pub(super) fn describe(self, memo: &Memo) -> String {
        let id = |index: u8| id_of(usize::from(index));
        match self {
            Action::Deliver(message) => memo.sent(message).describe(),
            Action::End(by, to) => {
                format!("what {} acknowledged to {} ends", id(by), id(to))
            }
            Action::Propose(index, counter, members) => {
                let members: Vec<_> = set_of(members).iter().map(|id| id.0).collect();
                format!("{0} proposes {counter}.{0} {members:?}", id(index))
            }
            Action::Change(index, counter, members, kind) => {
                let members: Vec<_> = set_of(members).iter().map(|id| id.0).collect();
                let change = match kind {
                    1 => "adds a member".to_owned(),
                    _ => format!("removes {}", kind - 1),
                };
                format!("{0} {change} by {counter}.{0} {members:?}", id(index))
            }
            Action::Acquire(index) => format!("{} requests the lock", id(index)),
            Action::Enter(index) => format!("{} enters late", id(index)),
            Action::Release(index) => format!("{} leaves the section", id(index)),
            Action::Delegate(index) => format!("{} delegates tokens", id(index)),
            Action::Restart(index) => format!("{} restarts", id(index)),
            Action::Leave(index) => format!("{} leaves the group and comes back", id(index)),
        }
    }
}
