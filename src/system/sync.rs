//! Mutexes in which nothing panics.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks one of which nothing panics while it is locked: so it is never poisoned,
/// and if it were, what is in it would be as good as ever.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
