//! Depth-first search on all cores: a thread keeps only the states on its own path.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread;

use super::Found;
use super::breadth::Breadth;
use super::model::Model;
use super::visited::Visited;

/// The number of waiting states from which on all cores search.
const MIN_QUEUE: usize = 2_000;

/// Searches all states until a violation. Each million states it reports progress.
pub(super) fn depth_first<M: Model>(
    model: &M,
    progress: impl Fn(u64) + Sync,
) -> Found<M::Violation> {
    let mut search = Breadth::new(model);
    if let Some(found) = search.run(None, |search| search.queue.len() >= MIN_QUEUE) {
        return found;
    }
    let shared = Shared {
        model,
        states: AtomicU64::new(search.reached.len() as u64),
        first_memo: search.memo,
        visited: search.visited,
        seen: AtomicU16::new(search.seen),
        is_over: AtomicBool::new(false),
        violation: Mutex::new(None),
        queue: Mutex::new(search.queue.into_iter().map(|(state, _)| state).collect()),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| shared.run(&progress));
        }
    });
    Found {
        states: shared.states.into_inner(),
        seen: shared.seen.into_inner(),
        violation: shared.violation.into_inner().unwrap(),
        steps: Vec::new(),
        runs: Vec::new(),
    }
}

/// What the threads share.
struct Shared<'m, M: Model> {
    model: &'m M,
    /// The memo of the states in the queue; each thread gets a copy.
    first_memo: M::Memo,
    visited: Visited,
    /// The states at which the threads start.
    queue: Mutex<Vec<M::State>>,
    states: AtomicU64,
    seen: AtomicU16,
    is_over: AtomicBool,
    violation: Mutex<Option<M::Violation>>,
}

impl<M: Model> Shared<'_, M> {
    fn run(&self, progress: &impl Fn(u64)) {
        let (mut memo, mut seen) = (self.first_memo.clone(), 0);
        if let Err(violation) = self.search(&mut memo, &mut seen, progress) {
            self.is_over.store(true, Ordering::Relaxed);
            *self.violation.lock().unwrap() = Some(violation);
        }
        self.seen.fetch_or(seen, Ordering::Relaxed);
    }

    fn search(
        &self,
        memo: &mut M::Memo,
        seen: &mut u16,
        progress: &impl Fn(u64),
    ) -> Result<(), M::Violation> {
        let mut path = Vec::new();
        while let Some(start) = self.pop() {
            let actions = self.visit(memo, seen, &start)?;
            path.push((start, actions));
            while let Some((state, actions)) = path.last_mut() {
                if self.is_over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let Some(action) = actions.pop() else {
                    path.pop();
                    continue;
                };
                let Some(next) = self.model.step(memo, state, action, seen).transpose()? else {
                    continue;
                };
                if self.visited.insert(self.model.fingerprint(memo, &next)) {
                    let states = self.states.fetch_add(1, Ordering::Relaxed) + 1;
                    if states.is_multiple_of(1_000_000) {
                        progress(states);
                    }
                    let actions = self.visit(memo, seen, &next)?;
                    path.push((next, actions));
                }
            }
        }
        Ok(())
    }

    fn pop(&self) -> Option<M::State> {
        self.queue.lock().unwrap().pop()
    }

    /// Judges a new state, and returns the actions to take from it.
    fn visit(
        &self,
        memo: &mut M::Memo,
        seen: &mut u16,
        state: &M::State,
    ) -> Result<Vec<M::Action>, M::Violation> {
        *seen |= self.model.coverage(memo, state);
        self.model.recovers(memo, state)?;
        let mut actions = Vec::new();
        self.model.actions(memo, state, &mut actions);
        Ok(actions)
    }
}
