//! A limit of lines per second, so that a flood does not fill a disk.

use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Admits a number of lines per second, and fewer after a second that had more (a flood).
/// Counts the others.
#[derive(Debug)]
pub(crate) struct Quota {
    ordinary: u32,
    in_flood: u32,
    second: Option<Second>,
    is_flood: bool,
}

/// A second with lines.
#[derive(Debug)]
struct Second {
    began: Instant,
    admitted: u32,
    unreported: u64,
}

impl Quota {
    /// The limits per second, ordinarily and in a flood.
    pub(crate) fn new(ordinary: u32, in_flood: u32) -> Self {
        Quota {
            ordinary,
            in_flood,
            second: None,
            is_flood: false,
        }
    }

    /// Whether this line is admitted.
    pub(crate) fn take(&mut self) -> bool {
        let second = self.second.get_or_insert_with(|| Second {
            began: Instant::now(),
            admitted: 0,
            unreported: 0,
        });
        let max = match self.is_flood {
            true => self.in_flood,
            false => self.ordinary,
        };
        let is_admitted = second.admitted < max;
        second.admitted += u32::from(is_admitted);
        second.unreported += u64::from(!is_admitted);
        is_admitted
    }

    /// As [`Quota::take`], for what is not reported when it is not admitted.
    pub(crate) fn take_quietly(&mut self) -> bool {
        // This begins the next second.
        let _ = self.unreported();
        self.take()
    }

    /// When a second with unreported lines ends. `None` if there is none.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let second = self.second.as_ref()?;
        (second.unreported > 0).then(|| second.began + SECOND)
    }

    /// How many lines were not admitted in a second that is over, if any.
    pub(crate) fn unreported(&mut self) -> Option<u64> {
        let is_over = |second: &mut Second| second.began.elapsed() >= SECOND;
        let second = self.second.take_if(is_over)?;
        self.is_flood = second.unreported > 0;
        self.is_flood.then_some(second.unreported)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a second pass.
    fn wait(quota: &mut Quota) {
        let second = quota.second.as_mut().unwrap();
        second.began = second.began.checked_sub(SECOND).unwrap();
    }

    #[test]
    fn in_a_flood_a_few_lines_are_admitted_and_all_are_counted() {
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
