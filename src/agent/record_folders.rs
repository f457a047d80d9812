//! The directories in which the agents of one member have recorded entries.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::recovery::{OpenRecord, read_open};
use crate::system::file;

const FILE: &str = "agent-records.json";

/// The list of the directories with records: that of the latest agent, and those of
/// earlier agents with other sockets, if open records are left there. It is in the
/// member's state directory, so that an agent with another socket finds them.
#[derive(Debug)]
pub(super) struct RecordFolders(PathBuf);

impl RecordFolders {
    /// The list in this state directory, which this node has locked: a check of the records
    /// of a running agent could keep its clients from locking them.
    pub(super) fn in_state(state: &Path) -> Self {
        RecordFolders(state.join(FILE))
    }

    /// Returns the open records in the listed directories, except in `own`.
    pub(super) fn open_elsewhere(&self, own: &Path) -> Result<Vec<OpenRecord>, String> {
        let mut open = Vec::new();
        for folder in self.read()?.iter().filter(|folder| *folder != own) {
            // Nothing is removed here: another member's agent may use this directory now,
            // and its new records are not locked yet.
            open.extend(read_open(folder, |_| Ok(()))?);
        }
        Ok(open)
    }

    /// Lists this directory, and those of these open records.
    pub(super) fn write(&self, own: &Path, open: &[OpenRecord]) -> Result<(), String> {
        let folders = open.iter().filter_map(|open| open.record.path.parent());
        let mut folders: Vec<&Path> = folders.chain([own]).collect();
        folders.sort();
        folders.dedup();
        let text = serde_json::to_vec(&folders).map_err(io::Error::from);
        let written = text.and_then(|text| file::replace(&self.0, &text));
        // The next agent would not find the records of this one.
        written.map_err(|error| {
            format!(
                "cannot write {}: {error}; the agent must be able to write into its state \
                 directory, on a disk with free space",
                self.0.display()
            )
        })
    }

    fn read(&self) -> Result<Vec<PathBuf>, String> {
        let folders = match fs::read(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.and_then(|text| Ok(serde_json::from_slice(&text)?)),
        };
        // There may be open records in directories that nothing else lists.
        folders.map_err(|error| {
            format!(
                "cannot read {}, which lists the directories with records of commands: {error}; \
                 repair it, or remove it when no command of turno lock runs on this machine",
                self.0.display()
            )
        })
    }
}
