//! Guards of a node whose peers end: without a majority its lease ends, and every entry
//! with it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use turno::{Guard, LocalNode, Node, Settings};

use crate::fixtures::wait::{TIMEOUT, eventually};
use crate::group::Group;

const LEASE: Duration = Duration::from_secs(1);

/// Three members with state directories.
struct Members {
    group: Group,
    folder: TempDir,
}

impl Members {
    fn new() -> Self {
        Members {
            group: Group::of(3),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn settings(&self, id: u16) -> Settings {
        let state = self.folder.path().join(id.to_string());
        self.group.settings(id).failover(LEASE).state(state)
    }

    fn node(&self, id: u16) -> Node {
        Node::start(&self.settings(id)).unwrap()
    }

    fn all(&self) -> [Node; 3] {
        [1, 2, 3].map(|id| self.node(id))
    }
}

fn wait_until_lost(guard: &Guard) {
    eventually("the loss", || guard.is_lost().then_some(()));
}

#[test]
fn an_entry_is_lost_when_the_lease_ends_and_stays_lost_when_it_is_back() {
    let members = Members::new();
    let [one, two, three] = members.all();
    let guard = one.lock("job").unwrap();
    let token = guard.token();
    let expires = guard.expires().unwrap();
    assert!(expires > Instant::now() && expires <= Instant::now() + LEASE);
    // It is renewed all the time.
    eventually("a renewal", || {
        (guard.expires().unwrap() > expires).then_some(())
    });
    assert!(!guard.is_lost());
    drop((two, three));
    wait_until_lost(&guard);
    let _back = members.node(2);
    // There is a lease again.
    drop(one.lock_timeout("other", TIMEOUT).unwrap());
    assert!(guard.is_lost());
    drop(guard);
    let next = one.lock_timeout("job", TIMEOUT).unwrap();
    assert!(next.token() > token && !next.is_lost());
}

#[test]
fn without_a_majority_an_error_says_so_and_which_members_are_not_heard() {
    let members = Members::new();
    let [one, two, three] = members.all();
    let guard = one.lock("job").unwrap();
    drop((two, three));
    wait_until_lost(&guard);
    drop(guard);
    let error = one.lock_timeout("job", LEASE / 2).unwrap_err().to_string();
    let expected = "waiting for a majority of the members, which is not heard: ";
    assert!(error.contains(expected), "{error}");
    for id in [2, 3] {
        let missing = format!("{} ({id}), heard ", members.group.members[id - 1]);
        assert!(error.contains(&missing), "{error}");
    }
}

/// A delegated entry is made without the node's thread.
#[test]
fn a_delegated_entry_is_refused_after_the_lease_has_ended() {
    let members = Members::new();
    let [one, two, three] = members.all();
    drop(one.lock("job").unwrap());
    drop(one.lock("job").unwrap());
    assert_eq!(
        one.status().unwrap().entries,
        1,
        "the second one is delegated"
    );
    let witness = one.lock("other").unwrap();
    drop((two, three));
    // As long as there is enough of the lease, delegated entries are made.
    while let Ok(guard) = one.try_lock("job") {
        assert!(!guard.is_lost());
    }
    let left = witness
        .expires()
        .unwrap()
        .saturating_duration_since(Instant::now());
    assert!(left <= LEASE / 2, "{left:?} are left");
    wait_until_lost(&witness);
    assert!(one.try_lock("job").is_err());
    let _back = members.node(2);
    drop(one.lock_timeout("job", TIMEOUT).unwrap());
}

/// Sends when it is woken.
struct Woken(Sender<()>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

fn waker() -> (Waker, Receiver<()>) {
    let (sender, woken) = channel();
    (Waker::from(Arc::new(Woken(sender))), woken)
}

#[test]
fn a_task_that_waits_for_the_loss_is_woken() {
    let members = Members::new();
    let [one, two, three] = members.all();
    let guard = one.lock("job").unwrap();
    let (waker, woken) = waker();
    let mut context = Context::from_waker(&waker);
    let mut lost = pin!(guard.lost());
    assert_eq!(lost.as_mut().poll(&mut context), Poll::Pending);
    drop((two, three));
    woken.recv_timeout(TIMEOUT).unwrap();
    assert_eq!(lost.as_mut().poll(&mut context), Poll::Ready(()));
    assert!(guard.is_lost());
}

/// A node whose thread does nothing cannot renew its lease, and its guards know it.
#[test]
fn the_guard_of_a_node_that_is_not_driven_is_lost_and_its_drop_is_harmless() {
    let members = Members::new();
    let [two, _three] = [2, 3].map(|id| members.node(id));
    let mut local = LocalNode::start(&members.settings(1)).unwrap();
    let guard = drive_until_granted(&mut local);
    assert!(!guard.is_lost());
    let waits = two.request("job").unwrap();
    let expires = guard.expires().unwrap();
    let next = waits.wait().unwrap();
    assert!(Instant::now() > expires && guard.is_lost());
    assert!(next.token() > guard.token());
    // It does not release the other's entry.
    drop(guard);
    let mut request = local.handle().request("job").unwrap();
    while !defers_a_reply(&two) {
        local.wait(Some(Duration::from_millis(10))).unwrap();
        assert!(request.try_recv().is_none());
    }
    assert!(!next.is_lost());
    let token = next.token();
    drop(next);
    drop(request);
    assert!(drive_until_granted(&mut local).token() > token);
}

/// Whether this node defers a reply.
fn defers_a_reply(node: &Node) -> bool {
    let locks = node.status().unwrap().locks;
    locks.iter().any(|lock| !lock.deferred.is_empty())
}

/// Drives a node until a request of its own is granted.
fn drive_until_granted(local: &mut LocalNode) -> Guard {
    let mut request = local.handle().request("job").unwrap();
    eventually("the lock", || {
        local.wait(Some(Duration::from_millis(10))).unwrap();
        request.try_recv().map(Result::unwrap)
    })
}

#[test]
fn without_failover_no_entry_expires() {
    let node = Group::of(1).node(1);
    let guard = node.lock("job").unwrap();
    assert!(!guard.is_lost() && guard.expires().is_none());
    let (waker, _woken) = waker();
    let lost = pin!(guard.lost());
    assert!(lost.poll(&mut Context::from_waker(&waker)).is_pending());
}
