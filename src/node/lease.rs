//! The membership lease, as the guards of a process see it: none outlives it, whatever the
//! node's thread does meanwhile.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;
use std::time::Duration;

#[cfg(test)]
use crate::mutex::planted::Planted;
use crate::mutex::planted::planted;
use crate::system::{boot_clock, locked, micros};
use crate::views::Moment;

/// The moment that never comes: without failover no entry is lost.
const NEVER: Moment = Moment(u64::MAX);

/// The epoch of a resumed entry before this run's first lease.
const BEFORE_THE_FIRST: u64 = u64::MAX;

/// Entries for whose loss a task waits are numbered.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// The lease of a node. The node's thread writes it; guards and delegations read it,
/// without a system call.
#[derive(Debug)]
pub(super) struct SharedLease {
    /// In microseconds of the boot clock.
    until: AtomicU64,
    /// How much of it an entry needs at its beginning, in microseconds.
    for_an_entry: AtomicU64,
    /// How often it has lapsed while something was held: a later lease is another one.
    epoch: AtomicU64,
    /// By entry.
    wakers: Mutex<HashMap<u64, Vec<Waker>>>,
    /// A bug, to see that the tests find it.
    #[cfg(test)]
    pub(super) planted: Option<Planted>,
}

/// Without failover.
impl Default for SharedLease {
    fn default() -> Self {
        SharedLease {
            until: AtomicU64::new(NEVER.0),
            for_an_entry: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            wakers: Mutex::default(),
            #[cfg(test)]
            planted: None,
        }
    }
}

impl SharedLease {
    #[cfg(test)]
    pub(super) fn with(planted: Option<Planted>) -> Self {
        SharedLease {
            planted,
            ..SharedLease::default()
        }
    }

    /// The lease reaches until then. It had not lapsed, or [`SharedLease::lapse`] was
    /// called before.
    pub(super) fn extend(&self, until: Moment) {
        self.until.store(until.0, Ordering::SeqCst);
    }

    /// An entry needs this much of the lease at its beginning.
    pub(super) fn set_for_an_entry(&self, needed: Duration) {
        self.for_an_entry.store(micros(needed), Ordering::SeqCst);
    }

    /// The lease has ended, and every entry with it.
    pub(super) fn lapse(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        let wakers = std::mem::take(&mut *locked(&self.wakers));
        for waker in wakers.into_values().flatten() {
            // A runtime that panics must not end the node.
            if catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err() {
                log::error!("a waker has panicked");
            }
        }
    }

    /// Until when it reaches. `None` without failover.
    pub(super) fn until(&self) -> Option<Moment> {
        let until = Moment(self.until.load(Ordering::SeqCst));
        (until != NEVER).then_some(until)
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// Whether an entry of this epoch still has it.
    pub(super) fn is_valid(&self, epoch: u64) -> bool {
        self.has_left(epoch, Duration::ZERO)
    }

    /// Whether an entry of this epoch may begin.
    pub(super) fn is_enough(&self, epoch: u64) -> bool {
        let needed = self.for_an_entry.load(Ordering::SeqCst);
        self.has_left(epoch, Duration::from_micros(needed))
    }

    /// Whether an entry that begins now may begin.
    pub(super) fn is_enough_now(&self) -> bool {
        self.is_enough(self.epoch())
    }

    fn has_left(&self, epoch: u64, needed: Duration) -> bool {
        // In this order: a lease that reaches further after a lapse is not taken for the
        // one before.
        let until = self.until();
        self.epoch() == epoch && until.is_none_or(|until| boot_clock::now() + needed < until)
    }

    fn register(&self, entry: u64, waker: &Waker) {
        let mut wakers = locked(&self.wakers);
        let wakers = wakers.entry(entry).or_default();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

/// The lease of one entry. Once it is lost, it stays lost.
#[derive(Debug)]
pub(super) struct EntryLease {
    epoch: AtomicU64,
    is_lost: AtomicBool,
    /// Its number among the entries for whose loss a task waits; 0 before one does.
    number: AtomicU64,
    /// Until when the earlier run of a resumed entry had its lease.
    resumed_until: Moment,
}

impl EntryLease {
    /// Of an entry that was made in this epoch.
    pub(super) fn of(epoch: u64) -> Self {
        EntryLease {
            epoch: AtomicU64::new(epoch),
            is_lost: AtomicBool::new(false),
            number: AtomicU64::new(0),
            resumed_until: NEVER,
        }
    }

    /// Of an entry that goes on with the lease of an earlier run, and then with this run's
    /// if it comes in time. `None`: the earlier run had no failover.
    pub(super) fn resumed(until: Option<Moment>) -> Self {
        EntryLease {
            resumed_until: until.unwrap_or_default(),
            ..EntryLease::of(BEFORE_THE_FIRST)
        }
    }

    pub(super) fn is_lost(&self, shared: &SharedLease) -> bool {
        if self.is_lost.load(Ordering::SeqCst) {
            return true;
        }
        let epoch = self.epoch.load(Ordering::SeqCst);
        let is_valid = if epoch == BEFORE_THE_FIRST {
            self.goes_on(shared)
        } else {
            shared.is_valid(epoch)
        };
        if !is_valid {
            self.is_lost.store(true, Ordering::SeqCst);
        }
        !is_valid
    }

    /// Whether a resumed entry has the earlier run's lease, or takes this run's up in time.
    fn goes_on(&self, shared: &SharedLease) -> bool {
        let epoch = shared.epoch();
        let is_past = shared.until().is_some() && boot_clock::now() >= self.resumed_until;
        if is_past && !planted!(shared, ResumedTooLate) {
            return false;
        }
        if shared.is_valid(epoch) {
            self.epoch.store(epoch, Ordering::SeqCst);
        }
        true
    }

    /// Until when the entry lasts if the lease is not renewed; in the past if it is lost.
    /// `None` without failover.
    pub(super) fn until(&self, shared: &SharedLease) -> Option<Moment> {
        let until = shared.until()?;
        if self.is_lost(shared) {
            return Some(Moment::default());
        }
        let is_first = self.epoch.load(Ordering::SeqCst) == BEFORE_THE_FIRST;
        Some(if is_first { self.resumed_until } else { until })
    }

    /// Whether it is lost; if not, the task is woken when it is.
    pub(super) fn poll_lost(&self, shared: &SharedLease, waker: &Waker) -> bool {
        if shared.until().is_none() {
            return false;
        }
        let mut number = self.number.load(Ordering::SeqCst);
        if number == 0 {
            let next = NEXT_NUMBER.fetch_add(1, Ordering::SeqCst);
            let set = self
                .number
                .compare_exchange(0, next, Ordering::SeqCst, Ordering::SeqCst);
            number = set.map_or_else(|other| other, |_| next);
        }
        shared.register(number, waker);
        self.is_lost(shared)
    }

    /// The entry has ended: no task waits for its loss any more.
    pub(super) fn end(&self, shared: &SharedLease) {
        let number = self.number.load(Ordering::SeqCst);
        if number != 0 {
            locked(&shared.wakers).remove(&number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn past() -> Moment {
        Moment(boot_clock::now().0 - 1)
    }

    #[test]
    fn without_failover_nothing_is_lost() {
        let shared = SharedLease::default();
        assert!(!EntryLease::of(0).is_lost(&shared));
        assert!(!EntryLease::resumed(None).is_lost(&shared));
        assert_eq!(EntryLease::of(0).until(&shared), None);
    }

    #[test]
    fn an_entry_that_is_lost_stays_lost_when_the_lease_is_back() {
        let shared = SharedLease::default();
        shared.extend(boot_clock::now() + HOUR);
        let (seen, unseen) = (EntryLease::of(0), EntryLease::of(0));
        assert!(!seen.is_lost(&shared));
        // Its time is over: that is known though the node's thread does nothing.
        shared.extend(past());
        assert!(seen.is_lost(&shared));
        shared.lapse();
        shared.extend(boot_clock::now() + HOUR);
        assert!(seen.is_lost(&shared) && unseen.is_lost(&shared));
        assert!(!EntryLease::of(shared.epoch()).is_lost(&shared));
    }

    #[test]
    fn an_entry_begins_only_with_enough_of_the_lease_and_then_lasts_to_its_end() {
        let shared = SharedLease::default();
        shared.set_for_an_entry(2 * HOUR);
        assert!(shared.is_enough(0), "without failover");
        shared.extend(boot_clock::now() + HOUR);
        assert!(!shared.is_enough(0) && shared.is_valid(0));
        shared.extend(boot_clock::now() + 3 * HOUR);
        assert!(shared.is_enough(0) && !shared.is_enough(1));
    }

    #[test]
    fn a_resumed_entry_goes_on_only_if_the_new_lease_comes_before_the_old_one_ends() {
        let shared = SharedLease::default();
        shared.extend(Moment::default());
        let in_time = EntryLease::resumed(Some(boot_clock::now() + HOUR));
        assert!(!in_time.is_lost(&shared), "it has the earlier run's lease");
        let late = EntryLease::resumed(Some(past()));
        let without = EntryLease::resumed(None);
        shared.extend(boot_clock::now() + HOUR);
        assert!(!in_time.is_lost(&shared));
        assert!(late.is_lost(&shared) && without.is_lost(&shared));
        shared.extend(past());
        assert!(in_time.is_lost(&shared), "it has this run's lease now");
    }

    #[test]
    fn a_resumed_entry_that_goes_on_too_late_is_found() {
        let goes_on_late = |planted| {
            let shared = SharedLease::with(planted);
            shared.extend(Moment::default());
            let entry = EntryLease::resumed(Some(past()));
            shared.extend(boot_clock::now() + HOUR);
            !entry.is_lost(&shared)
        };
        assert!(!goes_on_late(None));
        assert!(goes_on_late(Some(Planted::ResumedTooLate)));
    }

    #[test]
    fn a_lost_entry_expires_at_once_and_not_with_the_next_lease() {
        let shared = SharedLease::default();
        shared.extend(boot_clock::now() + HOUR);
        let entry = EntryLease::of(0);
        assert!(entry.until(&shared) > Some(boot_clock::now()));
        shared.lapse();
        shared.extend(boot_clock::now() + HOUR);
        assert_eq!(entry.until(&shared), Some(Moment::default()));
    }

    #[test]
    fn an_entry_that_has_ended_leaves_no_waker() {
        let shared = SharedLease::default();
        shared.extend(boot_clock::now() + HOUR);
        let (one, two) = (EntryLease::of(0), EntryLease::of(0));
        for entry in [&one, &two, &two] {
            assert!(!entry.poll_lost(&shared, Waker::noop()));
        }
        assert_eq!(locked(&shared.wakers).len(), 2);
        one.end(&shared);
        two.end(&shared);
        assert!(locked(&shared.wakers).is_empty());
    }
}
