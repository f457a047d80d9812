//! What agents left behind: the records of entries that go on though the agent that
//! let them in is gone. None of them may be overlooked, or two would be inside.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::OFlags;
use thiserror::Error;

use super::client::Hold;
use super::record::{Entry, Record, Records, is_locked};
use super::{AgentError, Config};
use crate::system::file;
use crate::{LocalNode, LockName, Prepared, ResumedEntry, Token};

/// Why it is not known which entries go on, or cannot be kept. The message says
/// what to do.
#[derive(Debug, Error)]
pub(crate) enum RecoveryError {
    /// Nobody can say where the records would be.
    #[error("cannot tell where {} is: {error}; --socket takes a path from the root on", path.display())]
    Nowhere {
        /// The socket.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The records of new entries would have no place.
    #[error(
        "cannot keep records of entries in {}: {error}; that must be a folder that the agent may make, read and write",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There may be a record of an entry that goes on.
    #[error(
        "cannot look at {}, where an entry that goes on may be recorded: {error}; let the agent read it, or, when nothing that turno lock started here goes on, remove it",
        path.display()
    )]
    Hidden {
        /// The record, or a folder with records.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// It goes on, and nobody knows under which lock.
    #[error(
        "{} is the record of an entry that goes on, and cannot be read: {why}; end what has it open (fuser -v names it), and start the agent again",
        path.display()
    )]
    Damaged {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What no entry needs is in the way.
    #[error(
        "cannot remove {}, which is the record of no entry that goes on: {error}; move it out of that folder, and start the agent again",
        path.display()
    )]
    InTheWay {
        /// What is there.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// There may be records in folders that nobody knows of.
    #[error(
        "{} cannot be read ({error}), and it says where entries that go on are recorded: put it right, or, when nothing that turno lock started here goes on, remove it",
        path.display()
    )]
    RecordFolders {
        /// The list of the folders.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// The next agent would not find the records of this one.
    #[error(
        "cannot write {}: {error}; the state directory must be a folder that the agent may write into, on a disk with room",
        path.display()
    )]
    Unwritten {
        /// The list of the folders.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

/// A record that was left, and what its entry has.
#[derive(Debug)]
pub(super) struct OpenRecord {
    pub(super) record: Record,
    pub(super) lock: LockName,
    pub(super) token: Token,
}

/// The records in this directory whose commands go on. The others are of no use
/// any more.
pub(super) fn open_in(
    folder: &Path,
    of_no_use: impl Fn(&Path) -> Result<(), RecoveryError>,
) -> Result<Vec<OpenRecord>, RecoveryError> {
    let hidden = |path: &Path| {
        let path = path.to_owned();
        |error| RecoveryError::Hidden { path, error }
    };
    let mut left = Vec::new();
    let files = match fs::read_dir(folder) {
        // The machine was started anew.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(left),
        files => files.map_err(hidden(folder))?,
    };
    for file in files {
        let path = file.map_err(hidden(folder))?.path();
        // To open a pipe is to wait for whoever writes.
        let at_once = OFlags::NONBLOCK.bits() as i32;
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(at_once)
            .open(&path);
        let file = match opened {
            // An agent at work there has removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(hidden(&path))?,
        };
        if is_locked(&file).map_err(hidden(&path))? {
            left.push(OpenRecord::read(path, file)?);
        } else {
            of_no_use(&path)?;
        }
    }
    Ok(left)
}

/// Removes what is of no use any more.
pub(super) fn remove(path: &Path) -> Result<(), RecoveryError> {
    fs::remove_file(path).map_err(|error| RecoveryError::InTheWay {
        path: path.to_owned(),
        error,
    })
}

impl OpenRecord {
    fn resumed(&self) -> ResumedEntry {
        let entry = ResumedEntry::new(self.lock.clone(), self.token);
        entry.described(self.record.entry.to_string())
    }

    /// Whoever cannot be read may hold anything, so that is an error.
    fn read(path: PathBuf, file: File) -> Result<Self, RecoveryError> {
        let read = || -> Result<(Entry, LockName), String> {
            let text = fs::read(&path).map_err(|error| error.to_string())?;
            let entry: Entry = serde_json::from_slice(&text).map_err(|error| error.to_string())?;
            let lock = LockName::new(&entry.lock).map_err(|error| error.to_string())?;
            Ok((entry, lock))
        };
        let (entry, lock) = match read() {
            Ok(read) => read,
            Err(why) => return Err(RecoveryError::Damaged { path, why }),
        };
        let token = Token::new(entry.token);
        let record = Record { path, file, entry };
        Ok(OpenRecord {
            record,
            lock,
            token,
        })
    }
}

/// The directories with records that a member's agents have used: of the last one,
/// and of earlier ones that listened elsewhere and left something there. It stands
/// in the member's state directory, so that an agent with another socket finds them.
#[derive(Debug)]
pub(super) struct RecordFolders(PathBuf);

const PLACES: &str = "agent-records.json";

impl RecordFolders {
    /// Of a state directory that is this node's already: the records of an agent at
    /// work are not to be looked at, which for a moment keeps its clients from
    /// locking them.
    pub(super) fn in_state(state: &Path) -> Self {
        RecordFolders(state.join(PLACES))
    }

    /// The records that agents left elsewhere than in this directory.
    pub(super) fn open_elsewhere(&self, here: &Path) -> Result<Vec<OpenRecord>, RecoveryError> {
        let mut left = Vec::new();
        for place in self.read()?.iter().filter(|place| *place != here) {
            // Another member's agent may be at work there by now, and write records
            // that nobody has locked yet.
            left.extend(open_in(place, |_| Ok(()))?);
        }
        Ok(left)
    }

    fn read(&self) -> Result<Vec<PathBuf>, RecoveryError> {
        let places = match fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.and_then(|text| Ok(serde_json::from_slice(&text)?)),
        };
        places.map_err(|error| RecoveryError::RecordFolders {
            path: self.0.clone(),
            error,
        })
    }

    /// From now on records are in this directory; and these were left elsewhere.
    pub(super) fn write(&self, here: &Path, left: &[OpenRecord]) -> Result<(), RecoveryError> {
        let elsewhere = left.iter().filter_map(|left| left.record.path.parent());
        let mut places: Vec<&Path> = elsewhere.chain([here]).collect();
        places.sort();
        places.dedup();
        let text = serde_json::to_vec(&places).map_err(io::Error::from);
        let written = text.and_then(|text| file::replace(&self.0, &text));
        written.map_err(|error| RecoveryError::Unwritten {
            path: self.0.clone(),
            error,
        })
    }
}

/// Starts the node with the entries of earlier runs that go on.
pub(super) fn start_node(
    config: &Config,
    records: &Records,
) -> Result<(LocalNode, Vec<Hold>), AgentError> {
    // This locks the state directory: the records are read only after it, when no
    // other agent of this member runs.
    let prepared = Prepared::new(&config.settings()?)?;
    let folders = config.state.as_deref().map(RecordFolders::in_state);
    let mut open = records.left()?;
    if let Some(folders) = &folders {
        open.extend(folders.open_elsewhere(records.folder())?);
    }
    let entries = open.iter().map(OpenRecord::resumed).collect();
    let (node, guards) = prepared.start(entries)?;
    if let Some(folders) = &folders {
        folders.write(records.folder(), &open)?;
    }
    let since = Instant::now();
    let holds = open.into_iter().zip(guards).map(|(open, guard)| {
        let record = open.record;
        log::warn!(
            "lock {:?} stays held: what {:?} of an earlier run started goes on",
            record.entry.lock,
            record.entry.command
        );
        Hold {
            record,
            guard,
            since,
        }
    });
    Ok((node, holds.collect()))
}
