use super::*;
use crate::node::waiter::Call;

fn line_of_one() -> Line {
    let lock = LockName::default();
    let mut line = Line::default();
    let call = Call::new(1, lock, false);
    line.waiting.push_back(Asked::new(call));
    line.entered = Some(Token::of(5));
    line
}

fn step(is_wanted_elsewhere: bool, is_calm: bool) -> Step {
    let token = Token::of(5);
    let standing = Standing {
        state: &State::Held { token },
        is_wanted: false,
        is_wanted_elsewhere,
        may_lend: true,
    };
    line_of_one().next_step(standing, || is_calm)
}

#[test]
fn entries_are_lent_while_no_peer_asks() {
    assert_eq!(step(false, true), Step::Lend);
}

#[test]
fn when_a_peer_has_asked_lately_only_leaving_is_lent() {
    assert_eq!(step(false, false), Step::Grant { is_lent: true });
}

#[test]
fn nothing_is_lent_while_a_peer_waits() {
    assert_eq!(step(true, false), Step::Grant { is_lent: false });
}

#[test]
fn it_is_remembered_of_so_many_locks_that_a_peer_has_asked() {
    let mut desk = Desk::default();
    for number in 0..3 * MOST_WANTED {
        let lock = LockName::new(&number.to_string()).unwrap();
        desk.entered(&lock, Token::of(5));
        desk.wanted_elsewhere(&lock);
    }
    assert!(desk.wanted_elsewhere.len() <= MOST_WANTED);
}

/// One entry on loan, taken back because somebody asks here.
fn is_lent_and_taken_back(desk: &mut Desk, lock: &LockName, ticket: u64) {
    let call = Call::new(ticket, lock.clone(), false);
    desk.ask(Asked::new(Arc::clone(&call)));
    let token = Token::of(5);
    let standing = Standing {
        state: &State::Held { token },
        is_wanted: false,
        is_wanted_elsewhere: false,
        may_lend: false,
    };
    if desk.next_step(lock, standing) == Step::Release {
        desk.left(lock, 5);
    }
    desk.entered(lock, token);
    desk.grant(lock, true);
    let granted = call.take().unwrap().unwrap();
    granted.lease.unwrap().leave();
}

#[test]
fn a_lock_that_is_lent_again_and_again_is_on_loan_once() {
    let mut desk = Desk::default();
    let lock = LockName::default();
    for ticket in 0..3 * MOST_LENT as u64 {
        is_lent_and_taken_back(&mut desk, &lock, ticket);
        assert_eq!(desk.lent.len(), 1);
        assert!(!desk.lines[&lock].is_called_in);
    }
}

#[test]
fn when_too_many_are_on_loan_the_oldest_is_called_in() {
    let mut desk = Desk::default();
    let lock = |number: usize| LockName::new(&number.to_string()).unwrap();
    for number in 0..=MOST_LENT {
        is_lent_and_taken_back(&mut desk, &lock(number), number as u64);
    }
    assert_eq!(desk.lent.len(), MOST_LENT);
    assert!(desk.lines[&lock(0)].is_called_in);
    assert!(!desk.lines[&lock(1)].is_called_in);
}
