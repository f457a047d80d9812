//! Why a trace cannot be read.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a trace cannot be read, or merged.
#[derive(Debug, Error)]
pub enum TraceError {
    #[error("cannot read {}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("no node-*.jsonl with an event in {}: start the nodes with --trace and this folder", .0.display())]
    Empty(PathBuf),
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        why: String,
    },
    #[error("more than 4294967295 events; move some of the files elsewhere")]
    TooLong,
    /// The runs do not form a history: a datagram arrived before it was sent.
    #[error(
        "the trace contradicts itself: an event of node {id}, at clock {clock}, happened before itself"
    )]
    Circle { id: u16, clock: u64 },
    #[error("the traces are of different groups: one has {0} members, and another {1}")]
    Groups(u16, u16),
}

impl TraceError {
    /// For `map_err`: an error of the system about this file or folder.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> TraceError {
        move |error| TraceError::Io {
            path: path.to_owned(),
            error,
        }
    }
}
