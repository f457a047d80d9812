use super::*;
use crate::mutex::{Mode, State};
use crate::node::waiter::Waiter;

fn waiter(ticket: u64, lock: &LockName) -> Arc<Waiter> {
    Waiter::new(Caller {
        ticket,
        lock: lock.clone(),
        mode: Mode::Exclusive,
        is_try: false,
        description: None,
    })
}

fn one_waiter() -> WaitQueue {
    let mut queue = WaitQueue::default();
    let waiter = waiter(1, &LockName::default());
    queue.waiting.push_back(QueuedWaiter::new(waiter));
    queue.entered = Some(Token::new(5));
    queue
}

fn action(is_contended: bool, is_calm: bool) -> NextAction {
    let (token, mode) = (Token::new(5), Mode::Exclusive);
    let view = LockView {
        state: &State::Held { token, mode },
        is_awaiting_sync: false,
        is_contended,
        has_deferred_tries: false,
        is_lease_enough: true,
        may_delegate: true,
    };
    one_waiter().next_action(view, || is_calm)
}

#[test]
fn entries_are_delegated_while_no_peer_asks() {
    assert_eq!(action(false, true), NextAction::Delegate);
}

#[test]
fn after_a_peer_has_asked_only_leaving_is_delegated() {
    let is_delegated = true;
    assert_eq!(action(false, false), NextAction::Grant { is_delegated });
}

#[test]
fn nothing_is_delegated_while_a_peer_waits() {
    let is_delegated = false;
    assert_eq!(action(true, false), NextAction::Grant { is_delegated });
}

#[test]
fn contention_is_remembered_for_a_bounded_number_of_locks() {
    let mut table = LockTable::default();
    for number in 0..3 * MAX_CONTENDED {
        let lock = LockName::new(&number.to_string()).unwrap();
        table.entered(&lock, Token::new(5));
        table.contended(&lock);
    }
    assert!(table.contended.len() <= MAX_CONTENDED);
}

/// One entry is delegated, and recalled because another caller asks.
fn delegate_and_recall(table: &mut LockTable, lock: &LockName, ticket: u64) {
    let waiter = waiter(ticket, lock);
    table.ask(QueuedWaiter::new(Arc::clone(&waiter)));
    let (token, mode) = (Token::new(5), Mode::Exclusive);
    let view = LockView {
        state: &State::Held { token, mode },
        is_awaiting_sync: false,
        is_contended: false,
        has_deferred_tries: false,
        is_lease_enough: true,
        may_delegate: false,
    };
    if table.next_action(lock, view) == NextAction::Return {
        table.left(lock, 5);
    }
    table.entered(lock, token);
    table.grant(lock, true);
    let granted = waiter.take().unwrap().unwrap();
    granted.delegation.unwrap().leave();
}

#[test]
fn a_lock_that_is_delegated_again_and_again_counts_once() {
    let mut table = LockTable::default();
    let lock = LockName::default();
    for ticket in 0..3 * MAX_DELEGATED as u64 {
        delegate_and_recall(&mut table, &lock, ticket);
        assert_eq!(table.delegated.len(), 1);
        assert!(!table.queues[&lock].is_recalled);
    }
}

#[test]
fn the_oldest_of_too_many_delegations_is_recalled() {
    let mut table = LockTable::default();
    let lock = |number: usize| LockName::new(&number.to_string()).unwrap();
    for number in 0..=MAX_DELEGATED {
        delegate_and_recall(&mut table, &lock(number), number as u64);
    }
    assert_eq!(table.delegated.len(), MAX_DELEGATED);
    assert!(table.queues[&lock(0)].is_recalled);
    assert!(!table.queues[&lock(1)].is_recalled);
}

#[test]
fn a_waiter_is_told_who_comes_first() {
    let mut table = LockTable::default();
    let lock = LockName::default();
    let described = Caller {
        description: Some("process 812 (./backup)".into()),
        ..waiter(1, &lock).caller.clone()
    };
    table.resume(described, Token::new(5));
    for ticket in [2, 3] {
        table.ask(QueuedWaiter::new(waiter(ticket, &lock)));
    }
    let text = |ticket| table.blocked(&lock, ticket).map(|it| it.to_string());
    assert_eq!(text(2).unwrap(), "process 812 (./backup)");
    assert_eq!(text(3).unwrap(), "process 812 (./backup), and 1 more");
    assert_eq!(text(9), None, "it does not wait");
}
