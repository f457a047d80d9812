//! An entry into the critical section.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::delegation::Delegation;
use super::lease::EntryLease;
use super::mailbox::Mailbox;
use super::waiter::Caller;
use crate::mutex::{Mode, Token};
use crate::system::boot_clock;
use crate::views::Moment;

/// An acquired lock. Dropping it releases the lock.
///
/// With [`Settings::failover`](crate::Settings::failover) an entry can be lost, when this
/// member is cut off from the majority: see [`Guard::is_lost`]. The drop of a lost guard is
/// harmless.
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
    lease: EntryLease,
}

impl Guard {
    pub(super) fn new(
        mailbox: Arc<Mailbox>,
        caller: Caller,
        token: Token,
        delegation: Option<Arc<Delegation>>,
        lease: EntryLease,
    ) -> Self {
        Guard {
            mailbox,
            caller,
            token,
            delegation,
            lease,
        }
    }

    /// Whether the entry is exclusive or shared.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.caller.mode
    }

    /// The fencing token of this entry: larger than that of every earlier entry of
    /// this lock in the whole group. Send it to the resource with every write; the
    /// resource refuses a token smaller than the largest that it has seen.
    ///
    /// The token of a shared entry is larger than that of every exclusive entry before it,
    /// and smaller than that of every one after it. Tokens of shared entries that overlap
    /// have no order among each other, and may be equal. So a resource refuses an exclusive
    /// token that is smaller than the largest that it has seen of either kind, and a shared
    /// one that is smaller than the largest exclusive one.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// The number by which [`LockStatus`](super::LockStatus) names this entry.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.caller.ticket
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> &str {
        self.caller.lock.as_str()
    }

    /// Whether the entry has ended because the lease has: another member may be in the
    /// section. It stays lost when the lease is back. Always false without
    /// [`Settings::failover`](crate::Settings::failover).
    ///
    /// Drop a lost guard soon: until then its own member defers the others' requests in the
    /// view that it comes back to.
    ///
    /// Ask before each step that must not be done without the lock. Between the answer
    /// and the step the lease may end: only the resource can refuse the step, by its
    /// [token](Guard::token). It takes no system call.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lease.is_lost(&self.mailbox.delegations.lease)
    }

    /// Completes when the node sees that the entry is lost, or ends; never without
    /// [`Settings::failover`](crate::Settings::failover). Use it beside the work that
    /// must end then. A node that hangs completes nothing: a timer at [`Guard::expires`]
    /// needs no node.
    pub async fn lost(&self) {
        poll_fn(|context| {
            let shared = &self.mailbox.delegations.lease;
            match self.lease.poll_lost(shared, context.waker()) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// When the entry is lost if the lease is not renewed; the node renews it all the
    /// time, so a later call gives a later time. `None` without
    /// [`Settings::failover`](crate::Settings::failover).
    #[must_use]
    pub fn expires(&self) -> Option<Instant> {
        let until = self.leased_until()?;
        Some(Instant::now() + until.since(boot_clock::now()))
    }

    /// As [`Guard::expires`], as the time since the machine started: the clock
    /// `CLOCK_BOOTTIME`, which counts while the machine is suspended, and is the same for
    /// all processes. For work that another process does, and must end by itself.
    #[must_use]
    pub fn expires_since_boot(&self) -> Option<Duration> {
        Some(self.leased_until()?.since(Moment::default()))
    }

    fn leased_until(&self) -> Option<Moment> {
        self.lease.until(&self.mailbox.delegations.lease)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.lease.end(&self.mailbox.delegations.lease);
        self.mailbox.leave(&self.caller, self.delegation.as_deref());
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lock", &self.caller.lock)
            .field("token", &self.token)
            .field("mode", &self.caller.mode)
            .finish_non_exhaustive()
    }
}
