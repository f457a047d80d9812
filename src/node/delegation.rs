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
use std::sync::{Arc, Mutex, MutexGuard};

use crate::mutex::{LockName, Token, Tokens};
use crate::system::locked;

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
pub(super) struct Delegation {
    word: AtomicU64,
    /// None: it can be left without a word to the node, but not entered again.
    tokens: Option<Tokens>,
    pub(super) lock: LockName,
    /// Of the call that it was lent to first.
    pub(super) ticket: u64,
}

/// All locks on loan, by name.
#[derive(Debug, Default)]
pub(super) struct Delegations(Mutex<HashMap<Box<str>, Arc<Delegation>>>);

impl Delegations {
    fn delegations(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Delegation>>> {
        locked(&self.0)
    }

    pub(super) fn add(&self, delegation: Arc<Delegation>) {
        if delegation.tokens.is_some() {
            self.delegations()
                .insert(delegation.lock.as_str().into(), delegation);
        }
    }

    pub(super) fn remove(&self, lock: &LockName) {
        self.delegations().remove(lock.as_str());
    }

    /// Enters, if the lock is on loan and nobody is inside or before us.
    pub(super) fn enter(&self, lock: &str) -> Option<(Token, Arc<Delegation>)> {
        let delegation = Arc::clone(self.delegations().get(lock)?);
        Some((delegation.enter()?, delegation))
    }

    /// The node has ended: nobody enters any more.
    pub(super) fn end(&self) {
        for (_, delegation) in self.delegations().drain() {
            delegation.recall();
        }
    }
}

impl Delegation {
    /// Somebody is inside already, who called with this ticket; these are the
    /// tokens of those who follow.
    pub(super) fn new(lock: LockName, ticket: u64, tokens: Option<Tokens>) -> Self {
        Delegation {
            word: AtomicU64::new(HELD),
            tokens,
            lock,
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
            let token = self.tokens?.nth(word / ONE_USED)?;
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::mutex::{Config, Effect, Incarnation, NodeId};
    use crate::protocol::{Event, Member};

    /// As a member lends them.
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
    fn one_at_a_time_enters_until_the_tokens_are_used_up() {
        let tokens = tokens(2);
        let delegation = Delegation::new(LockName::default(), 1, Some(tokens));
        assert_eq!(
            delegation.enter(),
            None,
            "somebody is inside from the beginning"
        );
        assert!(!delegation.leave());
        assert_eq!(delegation.enter(), Some(tokens.first()));
        assert_eq!(delegation.enter(), None);
        assert!(!delegation.leave());
        assert_eq!(delegation.enter(), Some(tokens.last()));
        assert!(!delegation.leave());
        assert_eq!(delegation.enter(), None, "there are no more tokens");
        assert!(delegation.recall());
    }

    #[test]
    fn it_is_taken_back_at_once_or_when_whoever_is_inside_leaves() {
        let delegation = Delegation::new(LockName::default(), 1, Some(tokens(9)));
        assert!(!delegation.recall());
        assert!(!delegation.recall(), "it was recalled already");
        assert!(delegation.leave(), "the node is told");
        assert!(delegation.recall(), "it is back");
        assert_eq!(delegation.enter(), None);
        let delegation = Delegation::new(LockName::default(), 1, Some(tokens(9)));
        delegation.leave();
        assert!(delegation.recall());
        assert_eq!(delegation.enter(), None);
    }

    #[test]
    fn whatever_the_threads_do_no_two_are_inside_and_one_end_is_told() {
        for _ in 0..200 {
            let delegation = Delegation::new(LockName::default(), 1, Some(tokens(10_000)));
            assert!(!delegation.leave());
            let inside = AtomicU64::new(0);
            let told = AtomicU64::new(0);
            let is_back = AtomicU64::new(0);
            thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        for _ in 0..50 {
                            if delegation.enter().is_some() {
                                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                                inside.fetch_sub(1, Ordering::SeqCst);
                                told.fetch_add(delegation.leave().into(), Ordering::SeqCst);
                            }
                        }
                    });
                }
                scope.spawn(|| is_back.store(delegation.recall().into(), Ordering::SeqCst));
            });
            // Either it was idle, or whoever was inside has told of his end.
            let ends = is_back.into_inner() + told.into_inner();
            assert_eq!(ends, 1);
        }
    }

    #[test]
    fn without_tokens_it_is_left_in_silence_and_not_entered_again() {
        let delegation = Delegation::new(LockName::default(), 1, None);
        assert!(!delegation.leave(), "the node need not be told");
        assert_eq!(delegation.enter(), None);
        assert!(delegation.recall(), "the node has it back at once");
    }

    #[test]
    fn whoever_is_inside_when_it_is_wanted_back_says_so_when_he_leaves() {
        let delegation = Delegation::new(LockName::default(), 1, None);
        assert!(!delegation.recall());
        assert!(delegation.leave());
        assert!(delegation.recall());
    }
}
