//! A node without a thread of its own, driven by its caller.

use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use turno::{LocalNode, LockError};

use crate::fixtures::wait::TIMEOUT;
use crate::group::Group;

#[test]
fn a_node_is_driven_in_the_callers_own_loop() {
    let group = Group::of(2);
    let mut local = LocalNode::start(&group.settings(1)).unwrap();
    let other = group.node(2);
    let handle = local.handle();
    assert_eq!(handle.lock("loop").unwrap_err(), LockError::OwnThread);
    let mut request = handle.request("loop").unwrap();
    let deadline = Instant::now() + TIMEOUT;
    let guard = loop {
        if let Some(outcome) = request.try_recv() {
            break outcome.unwrap();
        }
        assert!(Instant::now() < deadline);
        // The node says when it has something to do.
        let due = local.next_timeout().unwrap_or(deadline);
        let left = due.saturating_duration_since(Instant::now());
        let mut polled = [PollFd::new(&local, PollFlags::IN)];
        poll(&mut polled, Some(&left.try_into().unwrap())).unwrap();
        local.poll().unwrap();
    };
    let token = guard.token();
    drop(guard);
    let waits = other.request("loop").unwrap();
    let waits = thread::spawn(move || waits.wait().unwrap().token());
    while !waits.is_finished() {
        assert!(Instant::now() < deadline);
        local.wait(Some(Duration::from_millis(10))).unwrap();
    }
    assert!(waits.join().unwrap() > token);
    local.close().unwrap();
    assert!(local.is_closed());
}

#[test]
fn a_request_of_its_own_thread_makes_a_node_due_and_one_of_another_thread_wakes_it() {
    let group = Group::of(1);
    let mut local = LocalNode::start(&group.settings(1)).unwrap();
    let handle = local.handle();
    let is_due = |local: &LocalNode| {
        local
            .next_timeout()
            .is_some_and(|due| due <= Instant::now())
    };
    let mut poll = mio::Poll::new().unwrap();
    let readable = mio::Interest::READABLE;
    let descriptor = local.as_raw_fd();
    let mut source = mio::unix::SourceFd(&descriptor);
    let registered = poll
        .registry()
        .register(&mut source, mio::Token(0), readable);
    registered.unwrap();
    let mut events = mio::Events::with_capacity(1);
    local.poll().unwrap();
    // Between `poll` and `next_timeout` the thread is awake: no wake-up is needed.
    let mut request = handle.request("loop").unwrap();
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(events.is_empty());
    assert!(is_due(&local));
    local.poll().unwrap();
    assert!(!is_due(&local));
    // After `next_timeout` the thread may be waiting: it is woken.
    drop(request.try_recv().unwrap().unwrap());
    poll.poll(&mut events, Some(TIMEOUT)).unwrap();
    assert!(!events.is_empty());
    local.poll().unwrap();
    assert!(!is_due(&local));

    let other = thread::spawn(move || drop(handle.lock("loop").unwrap()));
    for step in ["it asks", "it leaves"] {
        poll.poll(&mut events, Some(TIMEOUT)).unwrap();
        assert!(!events.is_empty(), "{step}");
        local.poll().unwrap();
    }
    other.join().unwrap();
}

#[test]
fn a_node_that_writes_a_trace_rests_when_nothing_happens() {
    let group = Group::of(1);
    let folder = tempfile::tempdir().unwrap();
    let settings = group.settings(1).trace(folder.path()).beat(Duration::ZERO);
    let mut local = LocalNode::start(&settings).unwrap();
    let mut request = local.handle().request("loop").unwrap();
    local.poll().unwrap();
    drop(request.try_recv().unwrap().unwrap());
    local.poll().unwrap();
    let deadline = Instant::now() + TIMEOUT;
    // It is due once more, to check that the trace was not deleted.
    while let Some(due) = local.next_timeout() {
        assert!(Instant::now() < deadline, "it is due again and again");
        thread::sleep(due.saturating_duration_since(Instant::now()));
        local.poll().unwrap();
    }
}

#[test]
fn a_node_may_be_moved_to_the_thread_that_drives_it() {
    let group = Group::of(1);
    let mut local = LocalNode::start(&group.settings(1)).unwrap();
    let handle = local.handle();
    local.poll().unwrap();
    let (is_over, over) = mpsc::channel::<()>();
    let drives = thread::spawn(move || {
        while over.try_recv().is_err() {
            local.wait(Some(Duration::from_millis(10))).unwrap();
        }
    });
    drop(handle.lock("moved").unwrap());
    drop(handle.lock_timeout("moved", TIMEOUT).unwrap());
    assert_eq!(handle.status().unwrap().entries, 2);
    is_over.send(()).unwrap();
    drives.join().unwrap();
}
