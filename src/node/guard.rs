//! An entry into the critical section.

use std::fmt;
use std::sync::Arc;

use super::delegation::Delegation;
use super::mailbox::Mailbox;
use super::waiter::Caller;
use crate::mutex::Token;

/// An acquired lock. Dropping it releases the lock.
///
/// A panic drops it too: the next holder finds the resource as the panic left it. If
/// the process dies, its node dies with it, and no other member enters before the
/// node is started again.
#[must_use = "dropping it releases the lock"]
pub struct Guard {
    mailbox: Arc<Mailbox>,
    caller: Caller,
    token: Token,
    delegation: Option<Arc<Delegation>>,
}

impl Guard {
    pub(super) fn new(
        mailbox: Arc<Mailbox>,
        caller: Caller,
        token: Token,
        delegation: Option<Arc<Delegation>>,
    ) -> Self {
        Guard {
            mailbox,
            caller,
            token,
            delegation,
        }
    }

    /// The fencing token of this entry: larger than that of every earlier entry of
    /// this lock in the whole group. Send it to the resource with every write; the
    /// resource refuses a token smaller than the largest that it has seen.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> &str {
        self.caller.lock.as_str()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.mailbox.leave(&self.caller, self.delegation.as_deref());
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lock", &self.caller.lock)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
