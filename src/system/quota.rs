//! How many lines may be told in a second, so that a flood fills no disk.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Lets so many through in a second, fewer in a second that follows one in which
/// there were more, and counts the rest.
#[derive(Debug)]
pub(crate) struct Quota {
    most: u32,
    /// In a flood.
    fewer: u32,
    second: Option<Second>,
    is_flood: bool,
}

/// A second in which there was something to tell.
#[derive(Debug)]
struct Second {
    began: Instant,
    told: u32,
    unreported: u64,
}

impl Quota {
    /// So many in a second; in a flood so many.
    pub(crate) fn new(most: u32, fewer: u32) -> Self {
        Quota {
            most,
            fewer,
            second: None,
            is_flood: false,
        }
    }

    /// Whether this one is to be told of.
    pub(crate) fn take(&mut self) -> bool {
        let second = self.second.get_or_insert_with(|| Second {
            began: Instant::now(),
            told: 0,
            unreported: 0,
        });
        let most = if self.is_flood { self.fewer } else { self.most };
        let is_told = second.told < most;
        if is_told {
            second.told += 1;
        } else {
            second.unreported += 1;
        }
        is_told
    }

    /// When the second is over of which something is still to be told.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let second = self
            .second
            .as_ref()
            .filter(|second| second.unreported > 0)?;
        Some(second.began + SECOND)
    }

    /// How many more there were in a second that is over, if that is to be told.
    pub(crate) fn unreported(&mut self) -> Option<u64> {
        let second = self
            .second
            .take_if(|second| second.began.elapsed() >= SECOND)?;
        self.is_flood = second.unreported > 0;
        (second.unreported > 0).then_some(second.unreported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second goes by.
    fn wait(quota: &mut Quota) {
        let second = quota.second.as_mut().unwrap();
        second.began = second.began.checked_sub(SECOND).unwrap();
    }

    #[test]
    fn in_a_flood_a_few_are_told_and_all_are_counted() {
        let mut quota = Quota::new(100, 10);
        assert_eq!((0..1000).filter(|_| quota.take()).count(), 100);
        assert!(quota.next_timeout().is_some());
        wait(&mut quota);
        assert_eq!(quota.unreported(), Some(900));
        assert_eq!((quota.unreported(), quota.next_timeout()), (None, None));
        assert_eq!((0..1000).filter(|_| quota.take()).count(), 10);
        wait(&mut quota);
        assert_eq!(quota.unreported(), Some(990));
        assert_eq!((0..10).filter(|_| quota.take()).count(), 10);
        wait(&mut quota);
        assert_eq!(quota.unreported(), None, "the flood is over");
        assert_eq!((0..50).filter(|_| quota.take()).count(), 50);
    }
}
