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
pub(super) enum Source {
    File(PathBuf),
    /// Lines in memory, and the path that errors name.
    Memory(PathBuf, Vec<u8>),
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
        let bytes = match &self.sources[run] {
            Source::Memory(_, bytes) => usize::try_from(part.start)
                .ok()
                .zip(usize::try_from(part.end).ok())
                .and_then(|(start, end)| bytes.get(start..end))
                .map(<[u8]>::to_vec)
                .ok_or_else(|| io::ErrorKind::UnexpectedEof.into()),
            Source::File(path) => self.read_file(run, path, part),
        };
        bytes.map_err(TraceError::io(self.path(run)))
    }

    /// The path of a run's file.
    pub(super) fn path(&self, run: usize) -> &Path {
        match &self.sources[run] {
            Source::File(path) | Source::Memory(path, _) => path,
        }
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
