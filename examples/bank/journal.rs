//! The journal: what was decided, before it is in the accounts.
//!
//! A file is changed by writing another and renaming it, which is all or
//! nothing. For two files there is no such thing, and a transfer changes two. So
//! the changes of a batch are first written down together, as one file: the
//! moment it is renamed to [`PENDING`] they have happened. Then they are made.
//! Whoever is killed meanwhile leaves the journal behind, and the next server
//! that has its turn makes the rest of them. Made, it is renamed to [`DONE`].
//!
//! In it stands the highest token that anybody has written with. It is what a
//! writer that comes too late is refused by, even where an account has lost its
//! mark.

use serde::{Deserialize, Serialize};

use crate::files::{Files, Trouble};
use crate::protocol::Rg;

/// A batch that is decided, and perhaps not in all its accounts.
pub const PENDING: &str = ".journal";

/// The last batch that is in all its accounts.
pub const DONE: &str = ".journal.done";

/// What was changed in one go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// How many there were before it, and itself.
    pub batch: u64,
    /// The token that it was written with.
    pub token: u64,
    pub changes: Vec<Change>,
}

/// A change of one account, as texts of its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub rg: Rg,
    pub before: String,
    pub after: String,
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The file is as it was.
    ToBeMade,
    /// The file is as it is to be.
    Made,
    /// It is neither: somebody who does not know of the journal was here.
    Crossed,
}

/// What the journal says at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    pub pending: Option<Batch>,
    pub done: Option<Batch>,
}

impl Journal {
    pub fn read(files: &Files) -> Result<Self, Trouble> {
        let read = |name| match files.read(name)? {
            None => Ok(None),
            Some(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| Trouble::new(&files.path(name), error)),
        };
        Ok(Journal {
            pending: read(PENDING)?,
            done: read(DONE)?,
        })
    }

    /// The highest token that anybody has written with; 0 if nobody has.
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

    /// What it makes of which files.
    pub fn texts(&self) -> Vec<(String, String)> {
        let changes = self.changes.iter();
        changes
            .map(|change| (change.name(), change.after.clone()))
            .collect()
    }

    /// Makes what is not made of it yet. Again and again it comes to the same.
    pub fn make(&self, files: &Files) -> Result<(), Trouble> {
        let mut unmade = Vec::new();
        for change in &self.changes {
            match change.progress(files)? {
                Progress::ToBeMade => unmade.push((change.name(), change.after.clone())),
                Progress::Made => {}
                Progress::Crossed => return Err(change.crossed(files)),
            }
        }
        for account in files.prepare(&unmade)? {
            account.finish()?;
        }
        Batch::has_been_made(files)
    }

    /// All its accounts have been written: makes sure of that, and says so. (That
    /// it is said need not last: it would be found out again.)
    pub fn has_been_made(files: &Files) -> Result<(), Trouble> {
        files.sync()?;
        files.rename(PENDING, DONE)
    }
}

impl Change {
    pub fn name(&self) -> String {
        Files::name(&self.rg)
    }

    pub fn progress(&self, files: &Files) -> Result<Progress, Trouble> {
        Ok(match files.read(&self.name())? {
            Some(text) if text == self.after => Progress::Made,
            Some(text) if text == self.before => Progress::ToBeMade,
            _ => Progress::Crossed,
        })
    }

    /// Whose account it is, which of two things it should say, and that it says
    /// neither.
    pub fn crossed(&self, files: &Files) -> Trouble {
        let (before, after) = (self.before.trim_end(), self.after.trim_end());
        let why = format!(
            "somebody has changed it in the midst of a transfer that {PENDING} has from {before} to {after}; write one of the two into it, then that is what counts"
        );
        Trouble::new(&files.path(&self.name()), why)
    }
}
