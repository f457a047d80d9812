//! Dropped datagrams: counted by cause, and reported at a limited rate, because a flood
//! must not fill a disk.

use std::collections::BTreeMap;

use crate::system::Quota;

/// How many drops are reported one by one in a second.
const MAX_REPORTED: u32 = 10;

/// The datagrams dropped so far.
#[derive(Debug)]
pub(super) struct Drops {
    pub(super) by_cause: BTreeMap<&'static str, u64>,
    /// Limits the reports.
    pub(super) quota: Quota,
}

impl Default for Drops {
    fn default() -> Self {
        Drops {
            by_cause: BTreeMap::new(),
            quota: Quota::new(MAX_REPORTED, MAX_REPORTED),
        }
    }
}

impl Drops {
    /// Counts one. Whether it is to be reported.
    pub(super) fn count(&mut self, cause: &'static str) -> bool {
        *self.by_cause.entry(cause).or_default() += 1;
        self.quota.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drop_is_counted_and_ten_a_second_are_reported() {
        let mut drops = Drops::default();
        let told = (0..1000).filter(|_| drops.count("rubbish")).count();
        assert_eq!(told, 10);
        assert!(!drops.count("other"));
        assert_eq!(drops.by_cause, [("other", 1), ("rubbish", 1000)].into());
        assert!(drops.quota.next_timeout().is_some());
    }
}
