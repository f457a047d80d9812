//! Many seeds, on all cores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::addresses::Addresses;
use super::figures::Figures;
use super::oracle::Violation;
use super::plan::Plan;
use super::world::play;

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// All that happened.
    pub figures: Figures,
    /// The least seed that showed what must not be, if one did.
    pub failed: Option<(u64, Violation)>,
}

/// Plays `count` seeds from `first` on, with so many threads. Stops when one
/// shows what must not be. `progress` is called now and then with how many have
/// been played, by any thread.
#[must_use]
pub fn run(first: u64, count: u64, threads: usize, progress: impl Fn(u64) + Sync) -> Runs {
    let (next, played) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let runs = Mutex::new(Runs::default());
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
                    let (of_this, judged) = play(&Plan::of(seed), &addresses, None);
                    figures += of_this;
                    if let Err(violation) = judged {
                        is_over.store(true, Ordering::Relaxed);
                        let mut runs = runs.lock().unwrap_or_else(|broken| broken.into_inner());
                        if runs.failed.as_ref().is_none_or(|(least, _)| seed < *least) {
                            runs.failed = Some((seed, violation));
                        }
                    }
                    progress(played.fetch_add(1, Ordering::Relaxed) + 1);
                }
                let mut runs = runs.lock().unwrap_or_else(|broken| broken.into_inner());
                runs.figures += figures;
            });
        }
    });
    runs.into_inner()
        .unwrap_or_else(|broken| broken.into_inner())
}
