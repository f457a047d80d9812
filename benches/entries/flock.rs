//! The lock of one machine.

use std::fs::File;
use std::io;

use rustix::fs::{FlockOperation, flock};

use super::worker::{Kind, Work};

/// An open file that is locked and unlocked with flock(2).
pub struct Flock(File);

impl Flock {
    pub fn open() -> io::Result<Self> {
        tempfile::tempfile().map(Flock)
    }
}

impl Work for Flock {
    fn entry(&mut self, _kind: Kind) -> io::Result<()> {
        flock(&self.0, FlockOperation::LockExclusive)?;
        flock(&self.0, FlockOperation::Unlock)?;
        Ok(())
    }
}
