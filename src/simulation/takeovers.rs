//! How long takeovers took: from the last sign of life of a holder to the next entry.

use std::fmt;
use std::ops::AddAssign;

use super::plan::Micros;

/// Parts of a lease that are counted apart: fiftieths, up to four leases.
const PARTS: usize = 200;
const PARTS_PER_LEASE: u64 = 50;

/// Groups of these sizes are told apart, and the last row is of all others.
const SIZES: [usize; 3] = [3, 5, 7];

/// What no takeover may exceed: two leases and this.
const MORE_THAN_TWO_LEASES: Micros = 1_000_000;

/// How long takeovers took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Takeovers {
    /// How many took as many fiftieths of a lease, for each size.
    counts: [[u32; PARTS]; SIZES.len() + 1],
    /// How many took longer than two leases and a second.
    pub late: u64,
}

impl Default for Takeovers {
    fn default() -> Self {
        Takeovers {
            counts: [[0; PARTS]; SIZES.len() + 1],
            late: 0,
        }
    }
}

impl Takeovers {
    pub(super) fn add(&mut self, members: usize, took: Micros, lease: Micros) {
        let row = SIZES.iter().position(|size| *size == members);
        let part = usize::try_from(took * PARTS_PER_LEASE / lease).unwrap_or(PARTS);
        self.counts[row.unwrap_or(SIZES.len())][part.min(PARTS - 1)] += 1;
        self.late += u64::from(took > 2 * lease + MORE_THAN_TWO_LEASES);
    }

    /// Of each size of group with a takeover (`None`: other sizes): how many there were,
    /// and the median and the longest in leases.
    pub fn rows(&self) -> Vec<(Option<usize>, u64, f64, f64)> {
        let sizes = SIZES.into_iter().map(Some).chain([None]);
        let rows = sizes.zip(&self.counts).filter_map(|(size, counts)| {
            let count: u64 = counts.iter().map(|count| u64::from(*count)).sum();
            let leases = |part: usize| (part + 1) as f64 / PARTS_PER_LEASE as f64;
            let worst = counts.iter().rposition(|count| *count > 0)?;
            let mut below = 0;
            let median = counts.iter().position(|part| {
                below += u64::from(*part);
                below * 2 >= count
            })?;
            Some((size, count, leases(median), leases(worst)))
        });
        rows.collect()
    }
}

impl AddAssign for Takeovers {
    fn add_assign(&mut self, other: Self) {
        let counts = self.counts.iter_mut().flatten();
        for (count, more) in counts.zip(other.counts.iter().flatten()) {
            *count += more;
        }
        self.late += other.late;
    }
}

/// One line for each size of group.
impl fmt::Display for Takeovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (size, count, median, worst) in self.rows() {
            let size = size.map_or("of other sizes".to_owned(), |size| format!("of {size}"));
            write!(
                f,
                "\n{count} takeovers in groups {size}: median {median:.2} L, longest {worst:.2} L"
            )?;
        }
        if self.late > 0 {
            write!(f, "\n{} took longer than 2 L + 1 s", self.late)?;
        }
        Ok(())
    }
}
