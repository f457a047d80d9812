//! The accounts directory, one file at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::thread;

use thiserror::Error;

use crate::account::Account;
use crate::protocol::Rg;

/// How many files are synced at the same time.
const MOST_AT_ONCE: usize = 16;

/// With what the names of files end that are not written to their end yet.
const UNFINISHED: &str = ".new";

/// What is wrong, and with which file.
#[derive(Debug, Error)]
#[error("{}: {why}", path.display())]
pub struct Trouble {
    pub path: PathBuf,
    pub why: String,
}

impl Trouble {
    pub fn new(path: &Path, why: impl ToString) -> Self {
        Trouble {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}

/// A directory of accounts.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
    /// Told apart by it are the unfinished files of servers that write at the
    /// same time, as they never should. Drawn, for in containers every process
    /// has the same id.
    writer: u32,
}

/// A file that is written and synced, under a name that nobody reads yet.
#[derive(Debug)]
#[must_use]
pub struct Unfinished {
    path: PathBuf,
    unfinished: PathBuf,
    is_finished: bool,
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

    /// The text of a file; none if there is no such file.
    pub fn read(&self, name: &str) -> Result<Option<String>, Trouble> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            // If it is the directory that is missing, that is no missing account.
            Err(error) if error.kind() == ErrorKind::NotFound && self.folder.is_dir() => Ok(None),
            Err(error) => Err(Trouble::new(&path, error)),
        }
    }

    /// An account, and the text of its file; none if there is none of this rg.
    pub fn account(&self, rg: &Rg) -> Result<Option<(Account, String)>, Trouble> {
        let name = Files::name(rg);
        let Some(text) = self.read(&name)? else {
            return Ok(None);
        };
        match Account::parse(rg, &text) {
            Ok(account) => Ok(Some((account, text))),
            Err(why) => Err(Trouble::new(&self.path(&name), why)),
        }
    }

    /// All that have an account here, in order.
    pub fn owners(&self) -> Result<Vec<Rg>, Trouble> {
        let names = self.names()?;
        let owners = names
            .iter()
            .filter_map(|name| Rg::parse(name.strip_suffix(".json")?));
        let mut owners: Vec<Rg> = owners.collect();
        owners.sort();
        Ok(owners)
    }

    /// Writes and syncs what is to become the text of these files. Whatever can go
    /// wrong for want of room goes wrong here, where nothing has changed yet.
    pub fn prepare(&self, texts: &[(String, String)]) -> Result<Vec<Unfinished>, Trouble> {
        let mut unfinished = Vec::new();
        let mut written = Vec::new();
        for (name, text) in texts {
            let path = self.unfinished(name);
            let trouble = |error| Trouble::new(&path, error);
            let mut file = File::create(&path).map_err(trouble)?;
            // Dropped in the midst of this, it takes no room.
            unfinished.push(Unfinished {
                path: self.path(name),
                unfinished: path.clone(),
                is_finished: false,
            });
            file.write_all(text.as_bytes()).map_err(trouble)?;
            written.push((path, file));
        }
        sync(&written)?;
        Ok(unfinished)
    }

    /// Where the next text of a file is written.
    pub fn unfinished(&self, name: &str) -> PathBuf {
        self.path(&format!("{name}.{}{UNFINISHED}", self.writer))
    }

    /// Gives a file another name.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        let path = self.path(from);
        fs::rename(&path, self.path(to)).map_err(|error| Trouble::new(&path, error))
    }

    /// Makes sure that what was renamed stays renamed.
    pub fn sync(&self) -> Result<(), Trouble> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| Trouble::new(&self.folder, error))
    }

    /// Removes what servers that were killed left half written. Only for whoever
    /// is in the critical section: nobody else is writing then.
    pub fn sweep(&self) -> Result<(), Trouble> {
        for name in self.names()? {
            if name.ends_with(UNFINISHED) {
                // It only takes room.
                let _ = fs::remove_file(self.path(&name));
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, Trouble> {
        let names = || -> io::Result<Vec<String>> {
            let entries = fs::read_dir(&self.folder)?;
            entries
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        };
        names().map_err(|error| Trouble::new(&self.folder, error))
    }
}

/// Syncs all at the same time: then the disk does several in about the time of
/// one, which is what a batch costs.
fn sync(files: &[(PathBuf, File)]) -> Result<(), Trouble> {
    let sync = |share: &[(PathBuf, File)]| {
        share.iter().try_for_each(|(path, file)| {
            let synced = file.sync_all();
            synced.map_err(|error| Trouble::new(path, error))
        })
    };
    let (first, others) = files.split_at(files.len().div_ceil(MOST_AT_ONCE));
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

impl Unfinished {
    /// Puts it in the place of the file, in one instant.
    pub fn finish(mut self) -> Result<(), Trouble> {
        let renamed = fs::rename(&self.unfinished, &self.path);
        self.is_finished = renamed.is_ok();
        renamed.map_err(|error| Trouble::new(&self.path, error))
    }

    /// Puts it in its place if there is no such file yet; says whether it did.
    pub fn finish_new(self) -> Result<bool, Trouble> {
        match fs::hard_link(&self.unfinished, &self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Trouble::new(&self.path, error)),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_finished {
            // If it stays it only takes room, until it is swept.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}
