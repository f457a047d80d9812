//! Nodes, guards and requests, as a program uses them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use turno::{Guard, Handle, LocalNode, LockError, Node, Request, Settings, StartError, Token};

use crate::fixtures::wait::{TIMEOUT, eventually};
use crate::group::{Group, wait_for_deferral};

/// A critical section that panics if two callers are inside, or if tokens do not
/// rise.
#[derive(Default)]
struct Section {
    is_used: AtomicBool,
    latest: AtomicU64,
    uses: AtomicU64,
}

impl Section {
    fn use_with(&self, guard: &Guard) {
        assert!(!self.is_used.swap(true, Ordering::SeqCst), "two are inside");
        let token = guard.token().get();
        assert!(
            self.latest.swap(token, Ordering::SeqCst) < token,
            "the token has not risen"
        );
        self.uses.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        self.is_used.store(false, Ordering::SeqCst);
    }
}

#[test]
fn threads_of_three_nodes_take_turns_and_tokens_rise() {
    const EACH: u64 = 200;
    const THREADS: u64 = 3;
    let group = Group::of(3);
    let nodes = group.all();
    let section = Section::default();
    thread::scope(|scope| {
        for node in &nodes {
            for _ in 0..THREADS {
                let (handle, section) = (node.handle(), &section);
                scope.spawn(move || {
                    for _ in 0..EACH {
                        let guard = handle.lock("counter").unwrap();
                        section.use_with(&guard);
                    }
                });
            }
        }
    });
    assert_eq!(section.uses.into_inner(), 3 * THREADS * EACH);
    // A node does not count the entries of a delegation.
    for node in &nodes {
        let entries = node.status().unwrap().entries;
        assert!((1..=THREADS * EACH).contains(&entries), "{entries}");
    }
}

#[test]
fn locks_of_different_names_do_not_wait_for_each_other() {
    let group = Group::of(2);
    let nodes = group.all();
    let _one = nodes[0].lock("one").unwrap();
    let _two = nodes[1].lock("two").unwrap();
    let _nameless = nodes[1].lock("").unwrap();
    let _accented = nodes[0].lock("cópia 備份").unwrap();
}

#[test]
fn callers_of_one_node_get_the_lock_in_the_order_of_their_requests() {
    let node = Group::of(1).node(1);
    let first = node.lock("queue").unwrap();
    let mut requests: Vec<_> = (0..100).map(|_| node.request("queue").unwrap()).collect();
    assert!(
        requests
            .iter_mut()
            .all(|request| request.try_recv().is_none())
    );
    drop(first);
    let mut latest: Option<Token> = None;
    for request in requests {
        let guard = request.wait().unwrap();
        assert!(latest < Some(guard.token()));
        latest = Some(guard.token());
    }
}

/// The third member is dropped, and looks crashed to the others. It has had the lock after the
/// first, which has to ask it again.
#[test]
fn a_wait_ends_with_busy_if_a_member_has_the_lock_though_another_one_is_down() {
    let group = Group::of(3);
    let (first, second) = (group.node(1), group.node(2));
    let [may_ask, has_had_it, is_over] = [const { AtomicBool::new(false) }; 3];
    let held = thread::scope(|scope| {
        scope.spawn(|| {
            let mut third = LocalNode::start(&group.settings(3)).unwrap();
            let mut request = None;
            while !is_over.load(Ordering::SeqCst) {
                third.wait(Some(Duration::from_millis(10))).unwrap();
                if request.is_none() && may_ask.load(Ordering::SeqCst) {
                    request = Some(third.handle().request("held").unwrap());
                }
                if let Some(guard) = request.as_mut().and_then(Request::try_recv) {
                    drop(guard.unwrap());
                    has_had_it.store(true, Ordering::SeqCst);
                }
            }
        });
        drop(first.lock("held").unwrap());
        may_ask.store(true, Ordering::SeqCst);
        eventually("the third member's turn", || {
            has_had_it.load(Ordering::SeqCst).then_some(())
        });
        let held = second.lock("held").unwrap();
        is_over.store(true, Ordering::SeqCst);
        held
    });
    let limit = Duration::from_millis(2500);
    let error = first.lock_timeout("held", limit).unwrap_err();
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
    let holder = format!("{} (2) has it", group.members[1]);
    assert!(error.to_string().ends_with(&holder), "{error}");
    let error = first.lock_timeout("free", limit).unwrap_err();
    assert!(matches!(error, LockError::Unanswered { .. }), "{error}");
    drop(held);
}

#[test]
fn a_request_that_times_out_reports_what_it_waited_for() {
    let group = Group::of(2);
    let first = group.node(1);
    let moment = Duration::from_millis(10);
    let missing = format!("{} (2) does not answer, not heard yet", group.members[1]);
    // However short the wait: the node may see its beginning and its end at once.
    for timeout in [Duration::ZERO; 100].into_iter().chain([moment]) {
        let error = first.lock_timeout("a", timeout).unwrap_err();
        assert!(matches!(error, LockError::Unanswered { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.starts_with(r#"the lock "a" was not acquired within "#),
            "{text}"
        );
        assert!(text.ends_with(&missing), "{text}");
    }
    let second = group.node(2);
    let held = first.lock("a").unwrap();
    let error = first.lock_timeout("a", moment).unwrap_err().to_string();
    // On a busy machine it waits longer than the moment.
    let (waited, reason) = error.split_once(": ").unwrap();
    assert!(waited.starts_with(r#"the lock "a" was not acquired within "#));
    assert_eq!(reason, "another caller of this node comes first");
    let error = first.try_lock("a").unwrap_err();
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("another caller of this node comes first")
    );
    let error = second.try_lock("a").unwrap_err();
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
    let holder = format!("{} (1) has it", group.members[0]);
    assert!(error.to_string().ends_with(&holder), "{error}");
    drop(held);
    // No caller waits any more, so none blocks another.
    drop(second.try_lock("a").unwrap());
    drop(first.try_lock("a").unwrap());
}

#[test]
fn dropping_a_request_cancels_it_and_releases_a_granted_lock() {
    let group = Group::of(2);
    let nodes = group.all();
    let held = nodes[0].lock("drop").unwrap();
    let behind = nodes[0].request("drop").unwrap();
    let elsewhere = nodes[1].request("drop").unwrap();
    drop((behind, elsewhere, held));
    let granted = nodes[1].request("drop").unwrap();
    eventually("it holds the lock", || {
        nodes[1].status().unwrap().locks.first()?.holder
    });
    drop(granted);
    drop(nodes[0].lock("drop").unwrap());
}

/// Wakes the one task of [`block_on`].
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn a_request_is_a_future_of_any_runtime() {
    let group = Group::of(2);
    let nodes = group.all();
    let held = nodes[0].lock("async").unwrap();
    let waits = nodes[1].request("async").unwrap();
    let waiter = thread::spawn(move || block_on(waits).unwrap().token());
    let token = held.token();
    drop(held);
    assert!(waiter.join().unwrap() > token);
}

#[test]
fn a_panic_releases_the_lock() {
    let group = Group::of(2);
    let nodes = group.all();
    let handle = nodes[0].handle();
    let panicked = thread::spawn(move || {
        let _guard = handle.lock("panic").unwrap();
        std::panic::resume_unwind(Box::new("as if it had panicked"));
    });
    assert!(panicked.join().is_err());
    drop(nodes[1].lock("panic").unwrap());
    drop(nodes[0].lock("panic").unwrap());
}

#[test]
fn dropping_a_node_ends_its_waits_and_lets_the_peers_enter() {
    let group = Group::of(2);
    let mut nodes = group.all();
    drop(nodes[0].lock("end").unwrap());
    let held = nodes[0].lock("end").unwrap();
    let waits = nodes[0].request("end").unwrap();
    let elsewhere = nodes[1].request("end").unwrap();
    wait_for_deferral(&nodes[0]);
    let handle = nodes[0].handle();
    // It does not wait for the guard.
    drop(nodes.remove(0));
    assert_eq!(waits.wait().unwrap_err(), LockError::Ended);
    let ended = |handle: &Handle| handle.lock("other").map(drop);
    assert_eq!(ended(&handle), Err(LockError::Ended));
    // But it holds the lock until the guard is dropped.
    drop(held);
    drop(elsewhere.wait().unwrap());
    eventually("the end of the node", || handle.status().err());
    assert_eq!(ended(&handle), Err(LockError::Ended));
}

#[test]
fn shutdown_waits_until_all_guards_are_dropped() {
    let group = Group::of(1);
    let node = group.node(1);
    let held = node.lock("inside").unwrap();
    let (entered, is_entered) = mpsc::channel();
    let is_left = Arc::new(AtomicBool::new(false));
    let left = Arc::clone(&is_left);
    let inside = thread::spawn(move || {
        let _held = held;
        entered.send(()).unwrap();
        thread::yield_now();
        left.store(true, Ordering::SeqCst);
    });
    is_entered.recv().unwrap();
    node.shutdown().unwrap();
    assert!(is_left.load(Ordering::SeqCst));
    inside.join().unwrap();
}

#[test]
fn invalid_names_and_invalid_groups_are_errors() {
    let node = Group::of(1).node(1);
    assert!(matches!(node.lock("a\nb"), Err(LockError::Name(_))));
    assert!(matches!(
        node.lock(&"a".repeat(129)),
        Err(LockError::Name(_))
    ));
    let start = |settings: &Settings| Node::start(settings).unwrap_err();
    let error = start(&Settings::new(1, ["alpha"]));
    assert!(matches!(error, StartError::Config(_)) && error.is_config_error());
    let text = error.to_string();
    assert_eq!(
        text,
        r#""alpha" is not an address: no port in it; write :PORT or HOST:PORT"#
    );
    assert!(start(&Settings::new(3, [":1", ":2"])).is_config_error());
    let error = start(&Settings::new(1, ["a=:1", "a=:2"])).to_string();
    assert!(error.contains("have the same name, a; give each its own"));
    let error = start(&Settings::new(1, [":1"]).key("/nowhere/turno.key"));
    assert!(
        error
            .to_string()
            .starts_with("the key file /nowhere/turno.key: ")
    );
    assert!(!error.is_config_error());
}

#[test]
fn a_node_with_names_of_members_is_in_one_group_with_a_node_without() {
    let group = Group::of(2);
    let named =
        [("alpha", 0), ("beta", 1)].map(|(name, at)| format!("{name}={}", group.members[at]));
    let (first, second) = (
        Node::start(&Settings::new(1, named)).unwrap(),
        group.node(2),
    );
    let token = first.lock("a").unwrap().token();
    assert!(second.lock("a").unwrap().token() > token);
    let status = first.status().unwrap();
    let peer = &status.peers[0];
    assert_eq!(
        (&*status.called, &*peer.called, &peer.name),
        ("alpha", "beta", &group.members[1])
    );
    drop(second);
    let error = first
        .lock_timeout("a", Duration::from_millis(300))
        .unwrap_err();
    assert!(
        error.to_string().contains("beta (2) does not answer"),
        "{error}"
    );
}

/// A node forgets every lock that was used, except those that it delegates.
#[test]
fn a_hundred_thousand_names_used_once_leave_nothing_behind() {
    /// How many locks a node delegates at a time, and the one that is about to go.
    const MAX_KEPT: usize = 256 + 1;
    let node = Group::of(1).node(1);
    for number in 0..100_000 {
        drop(node.lock(&format!("name {number}")).unwrap());
    }
    assert!(node.status().unwrap().locks.len() <= MAX_KEPT);
}

/// All threads of two nodes ask at once, and none starves.
#[test]
fn a_hundred_callers_of_one_lock_all_get_it() {
    let group = Group::of(2);
    let nodes = group.all();
    let section = Section::default();
    let begin = Barrier::new(100);
    thread::scope(|scope| {
        for number in 0..100 {
            let (handle, section, begin) = (nodes[number % 2].handle(), &section, &begin);
            scope.spawn(move || {
                begin.wait();
                section.use_with(&handle.lock_timeout("many", TIMEOUT).unwrap());
            });
        }
    });
}
