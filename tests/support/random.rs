//! Randomness that can be had again: from a seed, which a test prints.

use std::ops::RangeInclusive;

/// Dice with a seed.
pub struct Random {
    dice: fastrand::Rng,
}

impl Random {
    /// From `TURNO_SEED` if it is set, else from the system; printed, so that who
    /// sees the test fail can set it.
    pub fn seeded() -> Self {
        let seed = match std::env::var("TURNO_SEED") {
            Ok(seed) => seed.parse().expect("TURNO_SEED is a number"),
            Err(_) => fastrand::u64(..),
        };
        eprintln!("TURNO_SEED={seed}");
        let dice = fastrand::Rng::with_seed(seed);
        Random { dice }
    }

    /// Another one, which goes on by itself.
    pub fn split(&mut self) -> Self {
        let dice = self.dice.fork();
        Random { dice }
    }

    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.dice.u64(range)
    }

    /// True so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.within(1..=100) <= percent
    }

    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.dice.usize(..choices.len())]
    }
}
