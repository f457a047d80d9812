use super::*;
use crate::node::waiter::Waiter;

fn line_of_one() -> WaitQueue {
    let lock = LockName::default();
    let mut line = WaitQueue::default();
    let call = Waiter::new(1, lock, false);
    line.waiting.push_back(QueuedWaiter::new(call));
    line.entered = Some(Token::of(5));
    line
}

fn step(is_wanted_elsewhere: bool, is_calm: bool) -> Step {
    let token = Token::of(5);
    let view = LockView {
        state: &State::Held { token },
        is_wanted: false,
        is_wanted_elsewhere,
        may_delegate: true,
    };
    line_of_one().next_step(view, || is_calm)
}

#[test]
fn entries_are_lent_while_no_peer_asks() {
    assert_eq!(step(false, true), Step::Delegate);
}

#[test]
fn when_a_peer_has_asked_lately_only_leaving_is_lent() {
    assert_eq!(step(false, false), Step::Grant { is_delegated: true });
}

#[test]
fn nothing_is_lent_while_a_peer_waits() {
    assert_eq!(
        step(true, false),
        Step::Grant {
            is_delegated: false
        }
    );
}

#[test]
fn it_is_remembered_of_so_many_locks_that_a_peer_has_asked() {
    let mut table = LockTable::default();
    for number in 0..3 * MAX_REMEMBERED {
        let lock = LockName::new(&number.to_string()).unwrap();
        table.entered(&lock, Token::of(5));
        table.contended(&lock);
    }
    assert!(table.wanted_elsewhere.len() <= MAX_REMEMBERED);
}

/// One entry on loan, taken back because somebody asks here.
fn is_lent_and_taken_back(table: &mut LockTable, lock: &LockName, ticket: u64) {
    let call = Waiter::new(ticket, lock.clone(), false);
    table.ask(QueuedWaiter::new(Arc::clone(&call)));
    let token = Token::of(5);
    let view = LockView {
        state: &State::Held { token },
        is_wanted: false,
        is_wanted_elsewhere: false,
        may_delegate: false,
    };
    if table.next_step(lock, view) == Step::Release {
        table.left(lock, 5);
    }
    table.entered(lock, token);
    table.grant(lock, true);
    let granted = call.take().unwrap().unwrap();
    granted.delegation.unwrap().leave();
}

#[test]
fn a_lock_that_is_lent_again_and_again_is_on_loan_once() {
    let mut table = LockTable::default();
    let lock = LockName::default();
    for ticket in 0..3 * MAX_DELEGATED as u64 {
        is_lent_and_taken_back(&mut table, &lock, ticket);
        assert_eq!(table.delegated.len(), 1);
        assert!(!table.queues[&lock].is_recalled);
    }
}

#[test]
fn when_too_many_are_on_loan_the_oldest_is_recalled() {
    let mut table = LockTable::default();
    let lock = |number: usize| LockName::new(&number.to_string()).unwrap();
    for number in 0..=MAX_DELEGATED {
        is_lent_and_taken_back(&mut table, &lock(number), number as u64);
    }
    assert_eq!(table.delegated.len(), MAX_DELEGATED);
    assert!(table.queues[&lock(0)].is_recalled);
    assert!(!table.queues[&lock(1)].is_recalled);
}
