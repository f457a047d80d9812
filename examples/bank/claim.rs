//! Who may use a directory of accounts: one server alone, or those of one group.
//!
//! A lock keeps apart those who ask for it. It is no help against a server that
//! asks for another, or for none: one that believes to be alone, one of another
//! group, one that was given another name for the lock. Any of these would lose
//! money, and is easily started. So a server claims the directory first, in two
//! ways:
//!
//! - it locks the directory itself, as far as its own machine sees: exclusively
//!   if it is alone, shared if it is one of a group. The system forgets that
//!   when the process ends, however it ends;
//! - the first of a group writes [`GROUP`], which says by which lock of which
//!   group the accounts are shared. That lasts, and other machines see it.
//!
//! # Tokens of a group that begins anew
//!
//! Its clocks may have begun anew too, and its tokens be smaller than those in
//! the files: every write would be refused. So [`GROUP`] has the highest token
//! that was there before, and the group counts its own from there. Whoever
//! removes the file says that nobody of the old group writes any more. If that
//! is wrong the fence still holds: all tokens of the new one are larger.

use std::fs::{File, TryLockError};

use serde::{Deserialize, Serialize};

use crate::complain;
use crate::files::{Files, Trouble};
use crate::journal::Journal;

/// By which lock of which group the accounts are shared; no such file if they
/// are not.
pub const GROUP: &str = ".group";

/// The right to use a directory of accounts, for as long as it lives.
pub struct Claim {
    /// None where the file system knows no such locks.
    _locked: Option<File>,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    lock: String,
    /// As all of them were given it.
    members: Vec<String>,
    /// The tokens of the group begin above this.
    tokens_above: u64,
}

impl Claim {
    /// For a server that shares the accounts with nobody.
    ///
    /// # Errors
    /// Another server of this machine uses them, or a group shares them.
    pub fn alone(files: &Files) -> Result<Self, Trouble> {
        let why = "another server uses these accounts, and this one believes to be alone; servers that share them have an --id each";
        let locked = lock(files, File::try_lock, why)?;
        match Group::read(files)? {
            None => Ok(Claim { _locked: locked }),
            Some(group) => Err(group.refusal(files)),
        }
    }

    /// For a server of a group with these members, kept apart by the lock of this
    /// name. Also what the group adds to its tokens.
    ///
    /// # Errors
    /// A server of this machine uses them that believes to be alone, or they are
    /// shared by other means.
    pub fn shared(
        files: &Files,
        lock_name: &str,
        members: &[String],
    ) -> Result<(Self, u64), Trouble> {
        let why = "another server uses these accounts, and believes to be alone";
        let locked = lock(files, File::try_lock_shared, why)?;
        let group = match Group::read(files)? {
            Some(group) => group,
            None => Group::found(files, lock_name, members)?,
        };
        if group.lock != lock_name || group.members != members {
            return Err(group.refusal(files));
        }
        Ok((Claim { _locked: locked }, group.tokens_above))
    }
}

impl Group {
    fn read(files: &Files) -> Result<Option<Self>, Trouble> {
        let Some(text) = files.read(GROUP)? else {
            return Ok(None);
        };
        let group = serde_json::from_str(&text);
        group.map_err(|error| Trouble::new(&files.path(GROUP), error))
    }

    /// Writes the file, unless another member comes first; what is in it then.
    fn found(files: &Files, lock: &str, members: &[String]) -> Result<Self, Trouble> {
        let group = Group {
            lock: lock.to_owned(),
            members: members.to_owned(),
            tokens_above: highest_token(files)?,
        };
        let text = serde_json::to_string_pretty(&group).expect("texts and a number are JSON");
        let write = || {
            for unfinished in files.prepare(&[(GROUP.to_owned(), text + "\n")])? {
                unfinished.finish_new()?;
            }
            files.sync()
        };
        let written = write();
        // Another member that came first may also have swept away what of ours was
        // not finished.
        match Group::read(files)? {
            Some(group) => Ok(group),
            None => written.map(|()| group),
        }
    }

    fn refusal(&self, files: &Files) -> Trouble {
        let Group { lock, members, .. } = self;
        let members = members.join(" ");
        let why = format!(
            "servers of the group {members} share these accounts by the lock {lock:?}: start this one with --lock {lock:?}, its --id and the same members, or remove this file once they have all ended for good"
        );
        Trouble::new(&files.path(GROUP), why)
    }
}

/// The highest token that anybody has written with, even where the journal is
/// lost.
fn highest_token(files: &Files) -> Result<u64, Trouble> {
    let mut highest = Journal::read(files)?.token();
    for rg in files.owners()? {
        // What is wrong with an account, whoever asks for it is told.
        if let Ok(Some((account, _))) = files.account(&rg) {
            highest = highest.max(account.token);
        }
    }
    Ok(highest)
}

fn lock(
    files: &Files,
    try_lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    why: &str,
) -> Result<Option<File>, Trouble> {
    let folder = files.folder();
    let directory = File::open(folder).map_err(|error| Trouble::new(folder, error))?;
    match try_lock(&directory) {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(Trouble::new(folder, why)),
        Err(TryLockError::Error(error)) => {
            let folder = folder.display();
            complain(&format!("{folder}: cannot be marked as in use: {error}"));
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn members(text: &str) -> Vec<String> {
        text.split(' ').map(ToOwned::to_owned).collect()
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Folder(tempfile::tempdir().unwrap())
        }

        fn files(&self) -> Files {
            Files::new(self.0.path().to_owned())
        }

        fn shared(&self, lock: &str, group: &str) -> Result<(Claim, u64), String> {
            let claim = Claim::shared(&self.files(), lock, &members(group));
            claim.map_err(|trouble| trouble.to_string())
        }

        fn alone(&self) -> Result<Claim, String> {
            Claim::alone(&self.files()).map_err(|trouble| trouble.to_string())
        }
    }

    #[test]
    fn the_servers_of_a_group_share_and_nobody_else_does() {
        let folder = Folder::new();
        let first = folder.shared("bank", ":1 :2").unwrap();
        let second = folder.shared("bank", ":1 :2").unwrap();
        assert!(folder.alone().is_err());
        drop((first, second));
        for other in [
            folder.alone().map(drop),
            folder.shared("bank", ":1 :3").map(drop),
            folder.shared("other", ":1 :2").map(drop),
        ] {
            let why = other.unwrap_err();
            let names = ".group: servers of the group :1 :2 share these accounts by";
            assert!(why.contains(names), "{why}");
        }
        fs::remove_file(folder.files().path(GROUP)).unwrap();
        let alone = folder.alone().unwrap();
        let why = folder.shared("bank", ":1 :2").map(drop).unwrap_err();
        assert!(why.ends_with("believes to be alone"), "{why}");
        assert!(folder.alone().is_err());
        drop(alone);
        assert!(folder.shared("bank", ":1 :2").is_ok());
    }

    #[test]
    fn a_group_counts_from_the_highest_token_that_it_finds() {
        let folder = Folder::new();
        let done = "{\"batch\": 1, \"token\": 17, \"changes\": []}";
        fs::write(folder.files().path(crate::journal::DONE), done).unwrap();
        assert_eq!(folder.shared("bank", ":1").unwrap().1, 17);
        let done = done.replace("17", "29");
        fs::write(folder.files().path(crate::journal::DONE), done).unwrap();
        assert_eq!(folder.shared("bank", ":1").unwrap().1, 17, "it goes on");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = Folder::new();
        fs::write(folder.files().path(GROUP), "{}").unwrap();
        for why in [
            folder.alone().map(drop).unwrap_err(),
            folder.shared("bank", ":1").map(drop).unwrap_err(),
        ] {
            assert!(why.contains(".group: missing field `lock`"), "{why}");
        }
    }
}
