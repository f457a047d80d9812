//! The journal: the changes that are decided, before the accounts have them.
//!
//! A file is replaced atomically, by writing another one and renaming it. Two files cannot
//! be, and a transfer changes two. So the changes of a batch are first written together into
//! one file: its rename to [`PENDING`] decides the batch. Then the changes are applied. If
//! the server is killed meanwhile, the next turn of a server applies the rest. An applied
//! journal is renamed to [`DONE`].
//!
//! The journal has the highest token of any write. By it a late writer is refused, even if
//! an account has lost its mark.

use serde::{Deserialize, Serialize};

use crate::files::{FileError, Files};
use crate::protocol::Rg;

/// The file of a batch that is decided, and perhaps not applied.
pub const PENDING: &str = ".journal";

/// The file of the last batch that is applied.
pub const DONE: &str = ".journal.done";

/// The changes of one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// Its number, counted from 1.
    pub batch: u64,
    /// The token of its writer.
    pub token: u64,
    pub changes: Vec<Change>,
}

/// A change of one account, as the texts of its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub rg: Rg,
    pub before: String,
    pub after: String,
}

/// The progress of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The file has the text before the change.
    Pending,
    /// The file has the text after the change.
    Applied,
    /// The file has another text, from a program that ignores the journal.
    Conflict,
}

/// The journal at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    pub pending: Option<Batch>,
    pub done: Option<Batch>,
}

impl Journal {
    pub fn read(files: &Files) -> Result<Self, FileError> {
        let read = |name| match files.read(name)? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| FileError::new(&files.path(name), error)),
        };
        Ok(Journal {
            pending: read(PENDING)?,
            done: read(DONE)?,
        })
    }

    /// The highest token of any write; 0 if there was none.
    pub fn token(&self) -> u64 {
        self.batches().map(|batch| batch.token).max().unwrap_or(0)
    }

    /// The number of the last batch; 0 if there was none.
    pub fn last(&self) -> u64 {
        self.batches().map(|batch| batch.batch).max().unwrap_or(0)
    }

    fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.pending.iter().chain(&self.done)
    }
}

impl Batch {
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("text and numbers are JSON");
        text + "\n"
    }

    /// The new text of each of its files.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.changes.iter().map(Change::text).collect()
    }

    /// Applies the changes that are not applied yet. It may be repeated.
    pub fn apply(&self, files: &Files) -> Result<(), FileError> {
        let mut pending = Vec::new();
        for change in &self.changes {
            match change.progress(files)? {
                Progress::Pending => pending.push(change.text()),
                Progress::Applied => {}
                Progress::Conflict => return Err(change.conflict(files)),
            }
        }
        for account in files.stage(&pending)? {
            account.publish()?;
        }
        Batch::mark_applied(files)
    }

    /// Syncs the accounts, and renames the journal. (That rename need not be durable: the
    /// next turn would find the changes applied.)
    pub fn mark_applied(files: &Files) -> Result<(), FileError> {
        files.sync()?;
        files.rename(PENDING, DONE)
    }
}

impl Change {
    pub fn name(&self) -> String {
        Files::name(&self.rg)
    }

    fn text(&self) -> (String, String) {
        (self.name(), self.after.clone())
    }

    pub fn progress(&self, files: &Files) -> Result<Progress, FileError> {
        Ok(match files.read(&self.name())? {
            Some(text) if text == self.after => Progress::Applied,
            Some(text) if text == self.before => Progress::Pending,
            _ => Progress::Conflict,
        })
    }

    /// The error of a conflict: the account, and the two texts of which it has neither.
    pub fn conflict(&self, files: &Files) -> FileError {
        let (before, after) = (self.before.trim_end(), self.after.trim_end());
        let why = format!(
            "another program has changed it during a transfer, which {PENDING} has from {before} to {after}; write one of these two texts into it"
        );
        FileError::new(&files.path(&self.name()), why)
    }
}
