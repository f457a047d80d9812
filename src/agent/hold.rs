//! An entry into a critical section, from its grant to its release.

use std::time::Instant;

use super::protocol::ClientStatus;
use super::record::Record;
use crate::Guard;
use crate::system::millis;

/// A recorded entry. Only [`Hold::release`] ends it: it outlives this process.
#[must_use = "the lock stays held until it is released"]
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) record: Record,
    pub(super) guard: Guard,
    pub(super) since: Instant,
}

impl Hold {
    /// Releases the lock, after the record of the entry is removed.
    pub(super) fn release(self) {
        self.record.remove();
        drop(self.guard);
    }

    pub(super) fn status(&self, state: &str, host: &str) -> ClientStatus {
        let entry = self.record.entry.clone();
        ClientStatus {
            lock: entry.lock,
            state: state.to_owned(),
            token: Some(self.guard.token().get()),
            pid: entry.pid,
            uid: entry.uid,
            host: host.to_owned(),
            command: entry.command,
            since_ms: millis(self.since.elapsed()),
        }
    }
}
