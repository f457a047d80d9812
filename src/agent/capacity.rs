//! How many callers an agent serves at a time: as many as it has file descriptors for.
//! Others wait outside, so that each whose turn comes gets its record.

use std::fs;
use std::time::Instant;

use rustix::process::{Resource, getrlimit};

/// How many callers an agent serves at a time at most.
const MAX_CALLERS: usize = 4096;

/// The descriptors of a caller: its connection, the node's socket for its request, and the
/// record of its entry.
const PER_CALLER: u64 = 3;

/// How many descriptors are kept for all else: clients that ask for the status or take their
/// entries over, the sockets and files of the node.
const RESERVE: u64 = 12;

/// How many clients may be connected that wait for no lock and hold none.
const MAX_OTHERS: usize = 8;

/// What is taken for open when the system does not tell.
const USUALLY_OPEN: u64 = 16;

/// The limits of an agent.
#[derive(Debug)]
pub(super) struct Capacity {
    callers: usize,
    /// The limit of open files. `None`: it is not what limits the agent.
    open_files: Option<u64>,
    /// When it was last reported that callers wait outside.
    pub(super) reported_at: Option<Instant>,
}

impl Capacity {
    /// That of this process, which has opened all that it needs itself.
    pub(super) fn measure() -> Self {
        let open = fs::read_dir("/proc/self/fd").map_or(USUALLY_OPEN, |open| open.count() as u64);
        Self::of(getrlimit(Resource::Nofile).current, open)
    }

    fn of(limit: Option<u64>, open: u64) -> Self {
        let free = limit.map(|limit| limit.saturating_sub(open + RESERVE) / PER_CALLER);
        let free = free.map(|free| usize::try_from(free).unwrap_or(usize::MAX).max(1));
        let callers = free.unwrap_or(usize::MAX).min(MAX_CALLERS);
        Capacity {
            callers,
            open_files: limit.filter(|_| callers < MAX_CALLERS),
            reported_at: None,
        }
    }

    /// How many clients may be connected.
    pub(super) fn connections(&self) -> usize {
        self.callers + MAX_OTHERS
    }

    /// Why one more caller is not served yet, if so many are.
    pub(super) fn refusal(&self, callers: usize) -> Option<String> {
        (callers >= self.callers).then(|| {
            let why = match self.open_files {
                Some(limit) => format!(
                    "as many as the limit of {limit} open files allows (LimitNOFILE= of its unit, \
                     or ulimit -n)"
                ),
                None => "which is its limit".to_owned(),
            };
            format!("it serves {} callers, {why}: ask again later", self.callers)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_descriptors_for_its_connection_its_request_and_its_record() {
        let capacity = Capacity::of(Some(40), 14);
        assert_eq!(capacity.callers, 4);
        assert_eq!(capacity.refusal(3), None);
        let refusal = capacity.refusal(4).unwrap();
        assert!(refusal.contains("4 callers") && refusal.contains("limit of 40 open files"));
        assert_eq!(Capacity::of(Some(10), 14).callers, 1, "one at least");
        for limit in [Some(1 << 20), None] {
            let capacity = Capacity::of(limit, 14);
            assert_eq!(capacity.callers, MAX_CALLERS);
            assert!(
                !capacity
                    .refusal(MAX_CALLERS)
                    .unwrap()
                    .contains("open files")
            );
        }
    }
}
