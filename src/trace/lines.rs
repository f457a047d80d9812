//! The lines of a trace, for those that are quoted or drawn: read again from
//! where they are, so that they need not be kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::reader::TraceError;

/// How many files are open at the same time.
const MOST_OPEN: usize = 128;

/// Where the lines of a run are.
#[derive(Debug)]
pub(super) enum Source {
    File(PathBuf),
    /// Under this name in errors.
    Memory(PathBuf, Vec<u8>),
}

/// Where the lines of each run are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) sources: Vec<Source>,
    open: RefCell<HashMap<usize, File>>,
}

impl Lines {
    /// A part of the file of a run.
    ///
    /// # Errors
    /// The file cannot be read any more, or has become shorter.
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
        bytes.map_err(|error| TraceError::Io {
            path: self.path(run).clone(),
            error,
        })
    }

    /// What a run's file is called.
    pub(super) fn path(&self, run: usize) -> &PathBuf {
        match &self.sources[run] {
            Source::File(path) | Source::Memory(path, _) => path,
        }
    }

    fn read_file(&self, run: usize, path: &PathBuf, part: Range<u64>) -> io::Result<Vec<u8>> {
        let mut open = self.open.borrow_mut();
        if open.len() >= MOST_OPEN && !open.contains_key(&run) {
            open.clear();
        }
        let file = match open.entry(run) {
            std::collections::hash_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => free.insert(File::open(path)?),
        };
        let length = usize::try_from(part.end - part.start).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, part.start)?;
        Ok(bytes)
    }
}
