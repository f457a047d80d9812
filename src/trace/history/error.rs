//! Why a trace cannot be read.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a trace cannot be read, or merged.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The system refuses.
    #[error("cannot read {}: {error}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The folder contains no trace.
    #[error("no node-*.jsonl with an event in {}: start the nodes with --trace and this folder", .0.display())]
    Empty(PathBuf),
    /// A line is malformed.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// There are more events than can be numbered.
    #[error("more than 4294967295 events; move some of the files elsewhere")]
    TooLong,
    /// The runs do not form a history: a datagram arrived before it was sent.
    #[error(
        "the trace contradicts itself: an event of node {id}, at clock {clock}, happened before itself"
    )]
    Circle {
        /// The member of the event.
        id: u16,
        /// Its clock.
        clock: u64,
    },
    /// The runs do not form a history: they belong to different groups.
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
