//! The measurements, and the figures computed from them.

use std::time::Duration;

/// The entries of one process, alone.
pub struct Run {
    /// Nanoseconds per entry; of repeated entries, the mean of each hundred.
    pub samples: Vec<f64>,
    /// Processor time of all processes per entry, in nanoseconds.
    pub processor: f64,
}

/// The entries of all processes, at the same time.
pub struct Contention {
    /// How long they were counted.
    pub length: Duration,
    /// How many each process made.
    pub entries: Vec<f64>,
    /// Processor time of all processes, in nanoseconds.
    pub processor: f64,
}

impl Run {
    pub fn median(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }

    pub fn p99(&self) -> f64 {
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

    /// The fewest entries of a process, divided by the most entries of a process.
    pub fn fairness(&self) -> f64 {
        let min = self.entries.iter().copied().fold(f64::INFINITY, f64::min);
        min / self.entries.iter().copied().fold(1.0, f64::max)
    }
}

/// The value below which this part of the values lies.
pub fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (sorted.len() as f64 * part) as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// A figure over all rounds.
pub struct Spread {
    pub min: f64,
    pub median: f64,
    pub max: f64,
}

impl Spread {
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        Spread {
            min: quantile(&values, 0.0),
            median: quantile(&values, 0.5),
            max: quantile(&values, 1.0),
        }
    }
}
