//! The lines of a trace, read again when they are quoted or drawn, so that they
//! need not stay in memory.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::TraceError;

/// How many files are open at the same time.
const MAX_OPEN: usize = 128;

/// Where the lines of a run are.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Its content, if it is only in memory.
    pub(super) content: Option<Vec<u8>>,
}

/// The sources of all runs.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) sources: Vec<Source>,
    open: RefCell<HashMap<usize, File>>,
}

impl Lines {
    /// Reads a part of the file of a run.
    ///
    /// # Errors
    /// The file can no longer be read, or has become shorter.
    pub(super) fn read(&self, run: usize, part: Range<u64>) -> Result<Vec<u8>, TraceError> {
        let Source { path, content } = &self.sources[run];
        let bytes = match content {
            Some(bytes) => Ok(bytes[part.start as usize..part.end as usize].to_vec()),
            None => self.read_file(run, path, part),
        };
        bytes.map_err(TraceError::io(path))
    }

    fn read_file(&self, run: usize, path: &Path, part: Range<u64>) -> io::Result<Vec<u8>> {
        let mut open = self.open.borrow_mut();
        if open.len() >= MAX_OPEN && !open.contains_key(&run) {
            open.clear();
        }
        let file = match open.entry(run) {
            Entry::Occupied(file) => file.into_mut(),
            Entry::Vacant(free) => free.insert(File::open(path)?),
        };
        let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, part.start)?;
        Ok(bytes)
    }
}
