//! A lock that a node holds and delegates to its own process, so that a handle can
//! enter again without the node's thread. (NFSv4 does the same with files: delegate,
//! recall, return; RFC 8881, section 10.2.)
//!
//! To the group the node is in the section all the time. Inside the process the
//! handles take turns by one atomic word; each entry has a token out of a range of
//! clocks that the node's clock has passed. As soon as a peer or a queued caller wants
//! the lock, the node recalls it: it is returned at once if no caller is in the
//! section, else when that caller leaves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::lease::SharedLease;
use super::waiter::Caller;
use crate::mutex::planted::planted;
use crate::mutex::{LockName, Token, Tokens};
use crate::system::locked;

/// No caller is in the section, and the next may enter.
const IDLE: u64 = 0;
/// A caller is in the section.
const HELD: u64 = 1;
/// A caller is in the section, and tells the node when it leaves.
const RECALLED: u64 = 2;
/// The node has the lock back.
const RETURNED: u64 = 3;

/// Above the two bits of the state stands how many tokens are used.
const ONE_USED: u64 = 4;
const STATE: u64 = ONE_USED - 1;

/// A delegated lock.
#[derive(Debug)]
pub(super) struct Delegation {
    word: AtomicU64,
    /// Without tokens the caller can leave without the node's thread, but not enter
    /// again.
    tokens: Option<Tokens>,
    /// The caller that the lock was first granted to.
    pub(super) caller: Caller,
    /// The lease that the node had when it entered.
    pub(super) epoch: u64,
}

/// All delegated locks, by name, and the lease on which they and all entries depend.
#[derive(Debug, Default)]
pub(super) struct Delegations {
    by_name: Mutex<HashMap<Box<str>, Arc<Delegation>>>,
    pub(super) lease: SharedLease,
}

impl Delegations {
    fn by_name(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Delegation>>> {
        locked(&self.by_name)
    }

    pub(super) fn add(&self, delegation: Arc<Delegation>) {
        if delegation.tokens.is_some() {
            let name = delegation.caller.lock.as_str().into();
            self.by_name().insert(name, delegation);
        }
    }

    pub(super) fn remove(&self, lock: &LockName) {
        self.by_name().remove(lock.as_str());
    }

    /// Enters the section, if the lock is delegated and the section empty.
    pub(super) fn enter(&self, lock: &str) -> Option<(Token, Arc<Delegation>)> {
        let delegation = Arc::clone(self.by_name().get(lock)?);
        let token = delegation.enter(&self.lease)?;
        Some((token, delegation))
    }

    /// The node has ended: no caller enters any more.
    pub(super) fn end(&self) {
        for (_, delegation) in self.by_name().drain() {
            delegation.recall();
        }
    }
}

impl Delegation {
    /// `caller` is in the section; `tokens` are for the entries after it.
    pub(super) fn new(caller: Caller, tokens: Option<Tokens>, epoch: u64) -> Self {
        Delegation {
            word: AtomicU64::new(HELD),
            tokens,
            caller,
            epoch,
        }
    }

    /// Enters the section if it is empty, not recalled, a token is left, the lease has
    /// not ended since the node entered, and enough of it is left.
    pub(super) fn enter(&self, lease: &SharedLease) -> Option<Token> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & STATE != IDLE {
                return None;
            }
            let token = self.tokens?.nth(word / ONE_USED)?;
            if !lease.is_enough(self.epoch) && !planted!(lease, DelegationOutlivesLease) {
                return None;
            }
            let entered = word + ONE_USED + HELD - IDLE;
            // Acquire: what the last caller did in the section is seen.
            match self.word.compare_exchange_weak(
                word,
                entered,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(token),
                Err(other) => word = other,
            }
        }
    }

    /// Leaves the section. Whether the node must be told.
    pub(super) fn leave(&self) -> bool {
        let left = |word| {
            let state = if word & STATE == RECALLED {
                RETURNED
            } else {
                IDLE
            };
            Some(word - (word & STATE) + state)
        };
        // Release: the next caller sees what was done in the section.
        let before = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, left);
        before.is_ok_and(|word| word & STATE == RECALLED)
    }

    /// Recalls the lock. Whether it is returned; if not, the caller in the section
    /// tells the node when it leaves.
    pub(super) fn recall(&self) -> bool {
        let recalled = |word| match word & STATE {
            IDLE => Some(word - IDLE + RETURNED),
            HELD => Some(word - HELD + RECALLED),
            _ => None,
        };
        let after = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, recalled);
        match after {
            Ok(before) => before & STATE == IDLE,
            Err(word) => word & STATE == RETURNED,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::mutex::planted::Planted;
    use crate::mutex::{Config, Effect, Incarnation, Mode, NodeId};
    use crate::protocol::{Event, Member};
    use crate::system::boot_clock;
    use crate::views::Moment;
    use std::time::Duration;

    fn caller() -> Caller {
        Caller {
            ticket: 1,
            lock: LockName::default(),
            mode: Mode::Exclusive,
            is_try: false,
            description: None,
        }
    }

    /// Tokens that a member has delegated.
    fn tokens(entries: u64) -> Tokens {
        let mut member = Member::new(Config::new(NodeId(1), 1, Incarnation(1)));
        let mut effects = Vec::new();
        let lock = LockName::default();
        member.handle(&Event::Start, &mut effects).unwrap();
        let acquire = Event::Acquire(lock.clone());
        member.handle(&acquire, &mut effects).unwrap();
        let delegate = Event::Delegate { lock, entries };
        member.handle(&delegate, &mut effects).unwrap();
        let delegated = effects.iter().find_map(|effect| match effect {
            Effect::Delegated { tokens, .. } => Some(*tokens),
            _ => None,
        });
        delegated.unwrap()
    }

    #[test]
    fn callers_enter_one_at_a_time_until_the_tokens_are_used_up() {
        let tokens = tokens(2);
        let delegation = Delegation::new(caller(), Some(tokens), 0);
        assert_eq!(
            delegation.enter(&SharedLease::default()),
            None,
            "the first caller is in the section"
        );
        assert!(!delegation.leave());
        assert_eq!(
            delegation.enter(&SharedLease::default()),
            Some(tokens.first())
        );
        assert_eq!(delegation.enter(&SharedLease::default()), None);
        assert!(!delegation.leave());
        assert_eq!(
            delegation.enter(&SharedLease::default()),
            Some(tokens.last())
        );
        assert!(!delegation.leave());
        assert_eq!(
            delegation.enter(&SharedLease::default()),
            None,
            "no token is left"
        );
        assert!(delegation.recall());
    }

    #[test]
    fn a_delegation_ends_with_the_lease_also_when_another_lease_begins() {
        let hour = Duration::from_secs(3600);
        let enters = |planted, until: Moment, epoch| {
            let lease = SharedLease::with(planted);
            let delegation = Delegation::new(caller(), Some(tokens(9)), 0);
            delegation.leave();
            lease.extend(until);
            for _ in 0..epoch {
                lease.lapse();
            }
            delegation.enter(&lease).is_some()
        };
        let (past, later) = (Moment(boot_clock::now().0 - 1), boot_clock::now() + hour);
        assert!(enters(None, later, 0));
        for (until, epoch) in [(past, 0), (past, 1), (later, 1)] {
            assert!(!enters(None, until, epoch));
            let bug = Some(Planted::DelegationOutlivesLease);
            assert!(enters(bug, until, epoch), "the test can fail");
        }
    }

    #[test]
    fn a_recalled_lock_is_returned_at_once_or_when_its_caller_leaves() {
        let delegation = Delegation::new(caller(), Some(tokens(9)), 0);
        assert!(!delegation.recall());
        assert!(!delegation.recall(), "it was recalled already");
        assert!(delegation.leave(), "the node is told");
        assert!(delegation.recall(), "it is returned");
        assert_eq!(delegation.enter(&SharedLease::default()), None);
        let delegation = Delegation::new(caller(), Some(tokens(9)), 0);
        delegation.leave();
        assert!(delegation.recall());
        assert_eq!(delegation.enter(&SharedLease::default()), None);
    }

    #[test]
    fn threads_exclude_each_other_and_the_node_learns_of_the_return_once() {
        for _ in 0..200 {
            let delegation = Delegation::new(caller(), Some(tokens(10_000)), 0);
            assert!(!delegation.leave());
            let inside = AtomicU64::new(0);
            let told = AtomicU64::new(0);
            let is_back = AtomicU64::new(0);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            if delegation.enter(&SharedLease::default()).is_some() {
                                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                                inside.fetch_sub(1, Ordering::SeqCst);
                                told.fetch_add(delegation.leave().into(), Ordering::SeqCst);
                            }
                        }
                    });
                }
                scope.spawn(|| is_back.store(delegation.recall().into(), Ordering::SeqCst));
            });
            // Either the recall found it idle, or the last caller told the node.
            let ends = is_back.into_inner() + told.into_inner();
            assert_eq!(ends, 1);
        }
    }

    #[test]
    fn without_tokens_the_caller_leaves_without_the_node_and_no_other_enters() {
        let delegation = Delegation::new(caller(), None, 0);
        assert!(!delegation.leave(), "the node need not be told");
        assert_eq!(delegation.enter(&SharedLease::default()), None);
        assert!(delegation.recall(), "it is returned at once");
    }

    #[test]
    fn the_caller_of_a_recalled_lock_tells_the_node_when_it_leaves() {
        let delegation = Delegation::new(caller(), None, 0);
        assert!(!delegation.recall());
        assert!(delegation.leave());
        assert!(delegation.recall());
    }
}
