//! A lock that a node holds and lends to its own process, so that a handle can
//! enter again without waking the node.
//!
//! To the group the node is in the section all the time. Inside, the handles take
//! turns by one atomic word; each turn has a token out of a range of clocks that
//! the node's clock has gone past. As soon as anybody else wants the lock, a peer
//! or a caller who waits in line, the node takes it back: at once if nobody is
//! inside, else when whoever is inside leaves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::mutex::{LockName, Token, Tokens};

/// Nobody is inside, and the next one may enter.
const IDLE: u64 = 0;
/// Somebody is inside.
const HELD: u64 = 1;
/// Somebody is inside, and the node is told when he leaves.
const RECALLED: u64 = 2;
/// The node has it back.
const RETURNED: u64 = 3;

/// How many tokens were used stands above the two bits of the state.
const ONE_USED: u64 = 4;
const STATE: u64 = ONE_USED - 1;

/// A lock on loan.
#[derive(Debug)]
pub(super) struct Lease {
    word: AtomicU64,
    tokens: Tokens,
    /// Of the call that it was lent to first.
    pub(super) ticket: u64,
}

/// All locks on loan, by name.
#[derive(Debug, Default)]
pub(super) struct Loans(Mutex<HashMap<Box<str>, Arc<Lease>>>);

impl Loans {
    fn leases(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Lease>>> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, lock: &LockName, lease: Arc<Lease>) {
        self.leases().insert(lock.as_str().into(), lease);
    }

    pub(super) fn remove(&self, lock: &LockName) {
        self.leases().remove(lock.as_str());
    }

    /// Enters, if the lock is on loan and nobody is inside or before us.
    pub(super) fn enter(&self, lock: &str) -> Option<(Token, Arc<Lease>)> {
        let lease = Arc::clone(self.leases().get(lock)?);
        Some((lease.enter()?, lease))
    }

    /// The node has ended: nobody enters any more.
    pub(super) fn end(&self) {
        for (_, lease) in self.leases().drain() {
            lease.recall();
        }
    }
}

impl Lease {
    /// Somebody is inside already, who called with this ticket; these are the
    /// tokens of those who follow.
    pub(super) fn new(ticket: u64, tokens: Tokens) -> Self {
        Lease {
            word: AtomicU64::new(HELD),
            tokens,
            ticket,
        }
    }

    /// Enters, if nobody is inside or before us.
    pub(super) fn enter(&self) -> Option<Token> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & STATE != IDLE {
                return None;
            }
            let token = self.tokens.nth(word / ONE_USED)?;
            let entered = word + ONE_USED + HELD - IDLE;
            // Acquire: what the one before did inside is seen.
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

    /// Leaves. Whether the node must be told.
    pub(super) fn leave(&self) -> bool {
        let left = |word| {
            let state = if word & STATE == RECALLED {
                RETURNED
            } else {
                IDLE
            };
            Some(word - (word & STATE) + state)
        };
        // Release: what was done inside is seen by the next one.
        let before = self
            .word
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, left);
        before.is_ok_and(|word| word & STATE == RECALLED)
    }

    /// The node wants it back. Whether it has it; if not, whoever is inside will
    /// say so when he leaves.
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
