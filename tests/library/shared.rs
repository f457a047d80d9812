//! Shared entries, as a program uses them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use turno::{LockError, Mode};

use crate::group::{Group, wait_for_deferral};

/// Readers and writers, each with what it has seen of the tokens: a writer's is larger than
/// all before it, a reader's than that of every writer before it.
#[derive(Default)]
struct Section {
    readers: AtomicU64,
    writers: AtomicU64,
    largest: AtomicU64,
    largest_of_a_writer: AtomicU64,
    most_readers: AtomicU64,
}

impl Section {
    fn read(&self, token: u64) {
        let readers = self.readers.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_readers.fetch_max(readers, Ordering::SeqCst);
        assert_eq!(self.writers.load(Ordering::SeqCst), 0, "a writer is inside");
        assert!(token > self.largest_of_a_writer.load(Ordering::SeqCst));
        self.largest.fetch_max(token, Ordering::SeqCst);
        thread::yield_now();
        self.readers.fetch_sub(1, Ordering::SeqCst);
    }

    fn write(&self, token: u64) {
        assert_eq!(self.writers.fetch_add(1, Ordering::SeqCst), 0);
        assert_eq!(self.readers.load(Ordering::SeqCst), 0, "a reader is inside");
        assert!(token > self.largest.fetch_max(token, Ordering::SeqCst));
        self.largest_of_a_writer.store(token, Ordering::SeqCst);
        thread::yield_now();
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn threads_of_three_nodes_read_together_and_write_alone() {
    let group = Group::of(3);
    let nodes = group.all();
    let section = Section::default();
    thread::scope(|scope| {
        for node in &nodes {
            for thread in 0..3 {
                let (handle, section) = (node.handle(), &section);
                scope.spawn(move || {
                    for turn in 0..100 {
                        if (turn + thread) % 4 == 0 {
                            let guard = handle.lock("report").unwrap();
                            assert_eq!(guard.mode(), Mode::Exclusive);
                            section.write(guard.token().get());
                        } else {
                            let guard = handle.lock_shared("report").unwrap();
                            assert_eq!(guard.mode(), Mode::Shared);
                            section.read(guard.token().get());
                        }
                    }
                });
            }
        }
    });
    assert!(section.most_readers.into_inner() > 1, "they never overlap");
}

#[test]
fn a_shared_lock_is_tried_and_waited_for_with_a_limit() {
    let group = Group::of(2);
    let nodes = group.all();
    let [one, two] = [nodes[0].handle(), nodes[1].handle()];
    let reader = one.lock_shared("report").unwrap();
    let others = [
        one.try_lock_shared("report").unwrap(),
        two.try_lock_shared("report").unwrap(),
        two.lock_shared_timeout("report", Duration::from_secs(20))
            .unwrap(),
    ];
    let busy = |outcome: Result<_, LockError>| matches!(outcome, Err(LockError::Busy { .. }));
    assert!(busy(one.try_lock("report")));
    assert!(busy(two.try_lock("report")));
    drop(others);
    let writer = two.request("report").unwrap();
    wait_for_deferral(&nodes[0]);
    let limit = Duration::from_millis(200);
    assert!(
        busy(one.lock_shared_timeout("report", limit)),
        "a writer waits"
    );
    assert!(busy(one.try_lock_shared("report")));
    drop(reader);
    let writer = writer.wait().unwrap();
    assert!(busy(one.try_lock_shared("report")));
    drop(writer);
    drop(one.try_lock_shared("report").unwrap());
}

/// All permissions are kept, so no datagram is sent.
#[test]
fn readers_that_enter_again_and_again_send_nothing() {
    let group = Group::of(2);
    let nodes = group.all();
    for node in &nodes {
        drop(node.handle().lock_shared("report").unwrap());
    }
    let clocks = || nodes.iter().map(|node| node.status().unwrap().clock);
    let before: Vec<u64> = clocks().collect();
    for _ in 0..50 {
        for node in &nodes {
            drop(node.handle().lock_shared("report").unwrap());
        }
    }
    // A clock ticks for each request of its own, and for what it receives.
    let ticks = clocks().zip(before).map(|(now, before)| now - before);
    assert_eq!(ticks.collect::<Vec<_>>(), [50, 50]);
}
