//! Many seeds, on all cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::addresses::Addresses;
use super::figures::Figures;
use super::oracle::Violation;
use super::plan::Plan;
use super::run::run_plan;

/// Runs the plans of `count` seeds from `first` on, until one shows a violation. Returns
/// how often each thing happened, and the smallest seed that showed a violation. After
/// each seed `progress` gets the number of seeds so far, from any thread.
pub fn run_seeds(
    plan_of: impl Fn(u64) -> Plan + Sync,
    first: u64,
    count: u64,
    threads: usize,
    progress: impl Fn(u64) + Sync,
) -> (Figures, Option<(u64, Violation)>) {
    let next = AtomicU64::new(0);
    let outcome = Mutex::new((Figures::default(), None));
    let lock = || outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let run_next = |addresses: &Addresses| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count || lock().1.is_some() {
            return false;
        }
        let seed = first.wrapping_add(number);
        let (figures, result) = run_plan(&plan_of(seed), addresses, None);
        let mut outcome = lock();
        let (sum, failed) = &mut *outcome;
        *sum += figures;
        if let Err(violation) = result
            && failed.as_ref().is_none_or(|(least, _)| seed < *least)
        {
            *failed = Some((seed, violation));
        }
        let finished = sum.plans;
        drop(outcome);
        progress(finished);
        true
    };
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let addresses = Addresses::default();
                while run_next(&addresses) {}
            });
        }
    });
    lock().clone()
}
