//! The datagrams that were dropped: counted by cause, and told of at a bounded
//! rate, for a flood must not fill a disk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many drops are told of one by one in a second.
const MOST_TOLD: u32 = 10;

const SECOND: Duration = Duration::from_secs(1);

/// What was dropped so far.
#[derive(Debug, Default)]
pub(super) struct Drops {
    by_cause: BTreeMap<&'static str, u64>,
    second: Option<Second>,
}

/// A second in which something was dropped.
#[derive(Debug)]
struct Second {
    began: Instant,
    told: u32,
    untold: u64,
}

impl Drops {
    /// Counts one. Whether it is to be told of.
    pub(super) fn count(&mut self, cause: &'static str) -> bool {
        *self.by_cause.entry(cause).or_default() += 1;
        let second = self.second.get_or_insert_with(|| Second {
            began: Instant::now(),
            told: 0,
            untold: 0,
        });
        let is_told = second.told < MOST_TOLD;
        if is_told {
            second.told += 1;
        } else {
            second.untold += 1;
        }
        is_told
    }

    /// When the second is over of which something is still to be told.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let second = self.second.as_ref().filter(|second| second.untold > 0)?;
        Some(second.began + SECOND)
    }

    /// How many more there were in a second that is over, if that is to be told.
    pub(super) fn untold(&mut self) -> Option<u64> {
        let second = self
            .second
            .take_if(|second| second.began.elapsed() >= SECOND)?;
        (second.untold > 0).then_some(second.untold)
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
        assert!(drops.count("rubbish") == drops.count("other"));
        assert_eq!(drops.by_cause()["rubbish"], 1001);
        assert_eq!(drops.by_cause()["other"], 1);
        let second = drops.second.as_mut().unwrap();
        second.began = second.began.checked_sub(SECOND).unwrap();
        assert_eq!(drops.untold(), Some(992));
        assert_eq!((drops.untold(), drops.next_due()), (None, None));
        assert!(drops.count("rubbish"));
    }
}
