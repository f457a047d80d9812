//! The record of the entry, which the client locks before it begins.

use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::LockCommandError;

/// How long to try to lock a record that the agent has just locked to check it.
const MAX_CHECK: Duration = Duration::from_secs(1);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// Locks the record of the entry. Only the agent may have it locked, for an instant, to
/// check whether it is locked.
pub(super) fn lock(record: &Path) -> Result<File, LockCommandError> {
    let lock = || -> io::Result<File> {
        let file = File::open(record)?;
        let until = Instant::now() + MAX_CHECK;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < until => thread::sleep(PAUSE),
                locked => return Ok(locked.map(|()| file)?),
            }
        }
    };
    lock().map_err(|error| {
        LockCommandError::Failed(format!(
            "cannot lock {}, the agent's record of this entry: {error}; the command was not run",
            record.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_the_record_does_not_prevent_its_lock() {
        let record = tempfile::NamedTempFile::new().unwrap();
        let check = File::open(record.path()).unwrap();
        flock(&check, FlockOperation::LockExclusive).unwrap();
        let path = record.path().to_owned();
        let locks = thread::spawn(move || lock(&path).map(drop));
        drop(check);
        assert!(locks.join().unwrap().is_ok());
    }
}
