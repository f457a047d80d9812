//! The datagrams that were dropped: counted by cause, and told of at a bounded
//! rate, for a flood must not fill a disk.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::system::Quota;

/// How many drops are told of one by one in a second.
const MOST_TOLD: u32 = 10;

/// What was dropped so far.
#[derive(Debug)]
pub(super) struct Drops {
    by_cause: BTreeMap<&'static str, u64>,
    quota: Quota,
}

impl Default for Drops {
    fn default() -> Self {
        Drops {
            by_cause: BTreeMap::new(),
            quota: Quota::new(MOST_TOLD, MOST_TOLD),
        }
    }
}

impl Drops {
    /// Counts one. Whether it is to be told of.
    pub(super) fn count(&mut self, cause: &'static str) -> bool {
        *self.by_cause.entry(cause).or_default() += 1;
        self.quota.take()
    }

    /// When there is something still to be told.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.quota.next_timeout()
    }

    /// How many more there were than were told of, if that is to be told.
    pub(super) fn unreported(&mut self) -> Option<u64> {
        self.quota.unreported()
    }

    /// How many of each cause.
    pub(super) fn by_cause(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_cause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_ten_a_second_told() {
        let mut drops = Drops::default();
        let told = (0..1000).filter(|_| drops.count("rubbish")).count();
        assert_eq!(told, 10);
        assert!(!drops.count("other"));
        assert_eq!(drops.by_cause()["rubbish"], 1000);
        assert_eq!(drops.by_cause()["other"], 1);
        assert!(drops.next_timeout().is_some());
    }
}
