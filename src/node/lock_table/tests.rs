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

/// A caller in this mode.
fn caller_in(mode: Mode, ticket: u64, lock: &LockName, is_try: bool) -> Arc<Waiter> {
    Waiter::new(Caller {
        mode,
        is_try,
        ..waiter(ticket, lock).caller.clone()
    })
}

fn shared_view(state: &State, is_contended: bool) -> LockView<'_> {
    LockView {
        state,
        is_awaiting_sync: false,
        is_contended,
        has_deferred_tries: false,
        is_lease_enough: true,
        may_delegate: true,
    }
}

fn five() -> Token {
    Token::new(5)
}

fn shared() -> State {
    let (token, mode) = (five(), Mode::Shared);
    State::Held { token, mode }
}

/// A table in whose node this many callers share the lock.
fn shared_by(callers: u64, lock: &LockName) -> (LockTable, Vec<Arc<Waiter>>) {
    let mut table = LockTable::default();
    let waiters: Vec<_> = (1..=callers)
        .map(|ticket| caller_in(Mode::Shared, ticket, lock, false))
        .collect();
    for waiter in &waiters {
        table.ask(QueuedWaiter::new(Arc::clone(waiter)));
    }
    table.entered(lock, five());
    (table, waiters)
}

/// Does what is to be done until nothing is, and returns it.
fn settle(table: &mut LockTable, lock: &LockName, is_contended: bool) -> Vec<NextAction> {
    let mut actions = Vec::new();
    loop {
        let action = table.next_action(lock, shared_view(&shared(), is_contended));
        match action {
            NextAction::Grant { is_delegated } => table.grant(lock, is_delegated),
            NextAction::Refuse => table.refuse_first(lock),
            _ => {
                actions.push(action);
                return actions;
            }
        }
        actions.push(action);
    }
}

const GRANT: NextAction = NextAction::Grant {
    is_delegated: false,
};

#[test]
fn callers_share_an_entry_and_its_token_and_the_last_one_ends_it() {
    let lock = LockName::default();
    let (mut table, waiters) = shared_by(2, &lock);
    assert_eq!(
        settle(&mut table, &lock, false),
        [GRANT, GRANT, NextAction::Wait]
    );
    let late = caller_in(Mode::Shared, 3, &lock, false);
    table.ask(QueuedWaiter::new(Arc::clone(&late)));
    assert_eq!(settle(&mut table, &lock, false), [GRANT, NextAction::Wait]);
    for waiter in waiters.iter().chain([&late]) {
        assert_eq!(waiter.take().unwrap().unwrap().token, five());
    }
    for ticket in [2, 1] {
        table.leave(&lock, ticket);
        assert_eq!(settle(&mut table, &lock, false), [NextAction::Wait]);
    }
    table.leave(&lock, 3);
    assert_eq!(settle(&mut table, &lock, false), [NextAction::Release]);
}

#[test]
fn while_a_caller_waits_that_wants_the_lock_alone_none_joins() {
    let lock = LockName::default();
    let (mut table, _waiters) = shared_by(1, &lock);
    settle(&mut table, &lock, false);
    let writer = waiter(7, &lock);
    let reader = caller_in(Mode::Shared, 8, &lock, false);
    table.ask(QueuedWaiter::new(Arc::clone(&writer)));
    table.ask(QueuedWaiter::new(Arc::clone(&reader)));
    assert_eq!(settle(&mut table, &lock, false), [NextAction::Wait]);
    assert!(reader.take().is_none());
    // It leaves the line.
    table.cancel(&lock, 7, LockError::Ended);
    assert_eq!(settle(&mut table, &lock, false), [GRANT, NextAction::Wait]);
}

#[test]
fn while_another_member_waits_only_those_join_that_had_asked_before() {
    let lock = LockName::default();
    let (mut table, _waiters) = shared_by(2, &lock);
    assert_eq!(
        settle(&mut table, &lock, true),
        [GRANT, GRANT, NextAction::Wait]
    );
    let late = caller_in(Mode::Shared, 3, &lock, false);
    table.ask(QueuedWaiter::new(Arc::clone(&late)));
    assert_eq!(settle(&mut table, &lock, true), [NextAction::Wait]);
    let a_try = caller_in(Mode::Shared, 4, &lock, true);
    table.cancel(&lock, 3, LockError::Ended);
    table.ask(QueuedWaiter::new(Arc::clone(&a_try)));
    assert_eq!(
        settle(&mut table, &lock, true),
        [NextAction::Refuse, NextAction::Wait]
    );
}

#[test]
fn a_try_of_the_other_mode_ends_at_once() {
    let lock = LockName::default();
    let (mut table, _waiters) = shared_by(1, &lock);
    settle(&mut table, &lock, false);
    for (mode, is_refused) in [(Mode::Exclusive, true), (Mode::Shared, false)] {
        table.ask(QueuedWaiter::new(caller_in(mode, 9, &lock, true)));
        assert_eq!(table.next_refused().is_some(), is_refused, "{mode}");
    }
}

#[test]
fn an_entry_in_another_mode_than_the_first_waiter_wants_is_left() {
    let lock = LockName::default();
    let mut table = LockTable::default();
    let writer = waiter(1, &lock);
    table.ask(QueuedWaiter::new(Arc::clone(&writer)));
    table.entered(&lock, five());
    assert_eq!(settle(&mut table, &lock, false), [NextAction::Release]);
    table.left(&lock, 6);
    let action = table.next_action(&lock, shared_view(&State::Free, false));
    assert_eq!(action, NextAction::Acquire(Mode::Exclusive));
}

#[test]
fn several_shared_entries_of_an_earlier_run_go_on() {
    let lock = LockName::default();
    let mut table = LockTable::default();
    for (ticket, token) in [(1, 5), (2, 9), (3, 7)] {
        let caller = caller_in(Mode::Shared, ticket, &lock, false).caller.clone();
        table.resume(caller, Token::new(token));
    }
    let queue = table.queue(&lock).unwrap();
    assert_eq!(queue.holders().count(), 3);
    assert_eq!(queue.since.unwrap().1, Token::new(9), "the largest");
    for ticket in [1, 2] {
        table.leave(&lock, ticket);
        assert_eq!(settle(&mut table, &lock, false), [NextAction::Wait]);
    }
    table.leave(&lock, 3);
    assert_eq!(settle(&mut table, &lock, false), [NextAction::Release]);
}
