//! The files of the accounts directory.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;

use thiserror::Error;

use crate::account::Account;
use crate::protocol::Rg;

/// How many files are synced at the same time at most.
const MAX_AT_ONCE: usize = 16;

/// The ending of the names of staged files.
const STAGED: &str = ".new";

/// An error, and its file.
#[derive(Debug, Error)]
#[error("{}: {why}", path.display())]
pub struct FileError {
    pub path: PathBuf,
    pub why: String,
}

impl FileError {
    pub fn new(path: &Path, why: impl ToString) -> Self {
        FileError {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// A directory of accounts.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
    /// Distinguishes the staged files of servers that write at the same time, which should
    /// never happen. It is random, because processes in containers may have the same id.
    writer: u32,
}

/// A file that is written and synced under another name, which no server reads.
#[derive(Debug)]
#[must_use]
pub struct Staged {
    path: PathBuf,
    staged: PathBuf,
    is_published: bool,
}

impl Files {
    pub fn new(folder: PathBuf) -> Self {
        let writer = fastrand::u32(..);
        Files { folder, writer }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The name of an account's file.
    pub fn name(rg: &Rg) -> String {
        format!("{rg}.json")
    }

    /// The text of a file. `None` if there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<String>, FileError> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            // If the whole directory is missing, that is an error.
            Err(error) if error.kind() == ErrorKind::NotFound && self.folder.is_dir() => Ok(None),
            Err(error) => Err(FileError::new(&path, error)),
        }
    }

    /// An account, and the text of its file. `None` if there is no such account.
    pub fn account(&self, rg: &Rg) -> Result<Option<(Account, String)>, FileError> {
        let name = Files::name(rg);
        let Some(text) = self.read(&name)? else {
            return Ok(None);
        };
        match Account::parse(rg, &text) {
            Ok(account) => Ok(Some((account, text))),
            Err(why) => Err(FileError::new(&self.path(&name), why)),
        }
    }

    /// The owners of all accounts, in order.
    pub fn owners(&self) -> Result<Vec<Rg>, FileError> {
        let names = self.names()?;
        let owners = names
            .iter()
            .filter_map(|name| Rg::parse(name.strip_suffix(".json")?));
        let mut owners: Vec<Rg> = owners.collect();
        owners.sort();
        Ok(owners)
    }

    /// Writes and syncs the new texts of these files, under other names. A full disk makes
    /// this fail, and nothing has changed then.
    pub fn stage(&self, texts: &[(String, String)]) -> Result<Vec<Staged>, FileError> {
        let mut all = Vec::new();
        let mut written = Vec::new();
        for (name, text) in texts {
            let staged = self.staged(name);
            let error = |error| FileError::new(&staged, error);
            let mut file = File::create(&staged).map_err(error)?;
            // From here on an error removes the file.
            all.push(Staged {
                path: self.path(name),
                staged: staged.clone(),
                is_published: false,
            });
            file.write_all(text.as_bytes()).map_err(error)?;
            written.push((staged, file));
        }
        sync(&written)?;
        Ok(all)
    }

    /// The path at which the new text of a file is staged.
    pub fn staged(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.{}{STAGED}", self.writer))
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        let path = self.path(from);
        fs::rename(&path, self.path(to)).map_err(|error| FileError::new(&path, error))
    }

    /// Makes the renames durable.
    pub fn sync(&self) -> Result<(), FileError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| FileError::new(&self.folder, error))
    }

    /// Removes the staged files of killed servers. Only in a turn, when no other server
    /// writes.
    pub fn remove_staged(&self) -> Result<(), FileError> {
        for name in self.names()? {
            if name.ends_with(STAGED) {
                // If it stays, it only takes room.
                let _ = fs::remove_file(self.path(&name));
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, FileError> {
        let names = || -> io::Result<Vec<String>> {
            let entries = fs::read_dir(&self.folder)?;
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        };
        names().map_err(|error| FileError::new(&self.folder, error))
    }
}

/// Syncs all files at the same time, in about the time of one.
fn sync(files: &[(PathBuf, File)]) -> Result<(), FileError> {
    let sync = |share: &[(PathBuf, File)]| {
        share.iter().try_for_each(|(path, file)| {
            let synced = file.sync_all();
            synced.map_err(|error| FileError::new(path, error))
        })
    };
    let (first, others) = files.split_at(files.len().div_ceil(MAX_AT_ONCE));
    thread::scope(|scope| {
        let others = others.chunks(first.len().max(1));
        let others: Vec<_> = others
            .map(|share| scope.spawn(move || sync(share)))
            .collect();
        let mut synced = sync(first);
        for other in others {
            synced = synced.and(other.join().expect("syncing does not panic"));
        }
        synced
    })
}

impl Staged {
    /// Replaces the file, atomically.
    pub fn publish(mut self) -> Result<(), FileError> {
        let renamed = fs::rename(&self.staged, &self.path);
        self.is_published = renamed.is_ok();
        renamed.map_err(|error| FileError::new(&self.path, error))
    }

    /// Creates the file, if it does not exist. Returns whether it was created.
    pub fn publish_new(self) -> Result<bool, FileError> {
        match fs::hard_link(&self.staged, &self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(FileError::new(&self.path, error)),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.is_published {
            // If it stays, it only takes room until a server removes it.
            let _ = fs::remove_file(&self.staged);
        }
    }
}
