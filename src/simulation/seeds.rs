//! Many seeds, on all cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::addresses::Addresses;
use super::figures::Figures;
use super::oracle::Violation;
use super::plan::Plan;
use super::run::run_plan;

/// The outcome of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub figures: Figures,
    /// The smallest seed that showed a violation, and the violation.
    pub failed: Option<(u64, Violation)>,
}

/// Runs the plans of `count` seeds from `first` on, until one shows a violation. After
/// each, `progress` gets the number of seeds so far, from any thread.
pub fn run_seeds(first: u64, count: u64, threads: usize, progress: impl Fn(u64) + Sync) -> Outcome {
    let (next, finished) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let shared = Mutex::new(Outcome::default());
    let outcome = || shared.lock().unwrap_or_else(PoisonError::into_inner);
    thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                let addresses = Addresses::default();
                let mut figures = Figures::default();
                while !is_over.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let seed = first.wrapping_add(number);
                    let (of_seed, result) = run_plan(&Plan::of(seed), &addresses, None);
                    figures += of_seed;
                    if let Err(violation) = result {
                        is_over.store(true, Ordering::Relaxed);
                        let failed = &mut outcome().failed;
                        if failed.as_ref().is_none_or(|(least, _)| seed < *least) {
                            *failed = Some((seed, violation));
                        }
                    }
                    progress(finished.fetch_add(1, Ordering::Relaxed) + 1);
                }
                outcome().figures += figures;
            });
        }
    });
    outcome().clone()
}
