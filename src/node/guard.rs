//! An entry.

use std::fmt;
use std::sync::Arc;

use super::delegation::Delegation;
use super::mailbox::Mailbox;
use crate::mutex::{LockName, Token};

/// An entry: the lock is ours until this is dropped.
///
/// It is released when it is dropped, by a panic too: whoever comes next finds the
/// resource as the panic left it. If the process dies, its node dies with it and
/// nobody else enters before the node is started anew.
#[must_use = "the lock is released when it is dropped"]
pub struct Guard {
    mailbox: Arc<Mailbox>,
    lock: LockName,
    ticket: u64,
    token: Token,
    delegation: Option<Arc<Delegation>>,
}

impl Guard {
    /// The fencing token of this entry: larger than that of any earlier entry of
    /// this lock in the whole group. Hand it to the resource with every write, and
    /// have the resource refuse a smaller one than the largest it has seen.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// Of the call with this ticket; with a lease, of a lock that is on loan.
    pub(super) fn new(
        mailbox: Arc<Mailbox>,
        lock: LockName,
        ticket: u64,
        token: Token,
        delegation: Option<Arc<Delegation>>,
    ) -> Self {
        Guard {
            mailbox,
            lock,
            ticket,
            token,
            delegation,
        }
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> &str {
        self.lock.as_str()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.mailbox
            .leave(&self.lock, self.ticket, self.delegation.as_deref());
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lock", &self.lock)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
