//! What was measured, and what is made of it.

use std::time::Duration;

/// One process entered, alone.
pub struct Run {
    /// Nanoseconds, of each entry (of repeated ones: of a hundred, divided).
    pub samples: Vec<f64>,
    /// Nanoseconds of processor time per entry, of all processes together.
    pub processor: f64,
}

/// All processes entered as often as they could.
pub struct Contention {
    /// For how long.
    pub length: Duration,
    /// How often each.
    pub entries: Vec<f64>,
    /// Nanoseconds of processor time, of all processes together.
    pub processor: f64,
}

impl Run {
    pub fn middle(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }

    pub fn most(&self) -> f64 {
        quantile(&self.samples, 0.99)
    }

    pub fn mean(&self) -> f64 {
        self.samples.iter().sum::<f64>() / self.samples.len() as f64
    }
}

impl Contention {
    pub fn total(&self) -> f64 {
        self.entries.iter().sum()
    }

    /// Nanoseconds from entry to entry.
    pub fn each(&self) -> f64 {
        self.length.as_nanos() as f64 / self.total()
    }

    /// The fewest entries of one by the most of one.
    pub fn fairness(&self) -> f64 {
        let fewest = self.entries.iter().copied().fold(f64::INFINITY, f64::min);
        fewest / self.entries.iter().copied().fold(1.0, f64::max)
    }
}

/// The value below which this part of them lies.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * part) as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// A figure of every round.
pub struct Spread {
    pub least: f64,
    pub middle: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        Spread {
            least: quantile(&values, 0.0),
            middle: quantile(&values, 0.5),
            most: quantile(&values, 1.0),
        }
    }
}
