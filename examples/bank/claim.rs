//! The servers that may use a directory of accounts: one server alone, or those of one
//! group.
//!
//! A lock separates only the servers that ask for it. It does not help against a server
//! that asks for another lock or for none: one that is started as the only one, one of
//! another group, one with another lock name. Such a server would lose money, and is easily
//! started by mistake. So a server first claims the directory, in two ways:
//!
//! - it locks the directory itself, which works within one machine: exclusively if it is
//!   alone, shared if it is one of a group. The system drops this lock when the process
//!   ends, however it ends;
//! - the first server of a group writes [`GROUP`], which names the group and its lock. The
//!   file stays, and other machines see it.
//!
//! # Tokens of a new group
//!
//! The clocks of a new group may begin at 1 again, and its tokens may be smaller than those
//! in the files, so every write would be refused. Therefore [`GROUP`] has the highest token
//! of the time before it, and the group adds that to its tokens. A user who removes the file
//! asserts that no server of the old group still writes. If that is wrong, the fence still
//! holds: all tokens of the new group are larger.

use std::fs::{File, TryLockError};

use serde::{Deserialize, Serialize};

use crate::files::{FileError, Files};
use crate::journal::Journal;
use crate::warn;

/// The file that names the group and the lock of shared accounts.
pub const GROUP: &str = ".group";

/// The right to use a directory of accounts, until it is dropped.
pub struct Claim {
    /// `None` if the file system has no such locks.
    _locked: Option<File>,
}

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    lock: String,
    /// The member list, as every server was given it.
    members: Vec<String>,
    /// The token above which the tokens of the group begin.
    tokens_above: u64,
}

impl Claim {
    /// Claims the accounts for one server alone.
    ///
    /// # Errors
    /// Another server of this machine uses them, or a group shares them.
    pub fn alone(files: &Files) -> Result<Self, FileError> {
        let why = "another server uses these accounts, and this one is started without a group; servers that share them have an --id each";
        let locked = lock(files, File::try_lock, why)?;
        match Group::read(files)? {
            None => Ok(Claim { _locked: locked }),
            Some(group) => Err(group.refusal(files)),
        }
    }

    /// Claims the accounts for a server of the group with these members and this lock.
    /// Returns also the number that the group adds to its tokens.
    ///
    /// # Errors
    /// A server of this machine uses them without a group, or another group or lock shares
    /// them.
    pub fn shared(
        files: &Files,
        lock_name: &str,
        members: &[String],
    ) -> Result<(Self, u64), FileError> {
        let why = "another server uses these accounts without a group";
        let locked = lock(files, File::try_lock_shared, why)?;
        let group = match Group::read(files)? {
            Some(group) => group,
            None => Group::create(files, lock_name, members)?,
        };
        if group.lock != lock_name || group.members != members {
            return Err(group.refusal(files));
        }
        Ok((Claim { _locked: locked }, group.tokens_above))
    }
}

impl Group {
    fn read(files: &Files) -> Result<Option<Self>, FileError> {
        let Some(text) = files.read(GROUP)? else {
            return Ok(None);
        };
        let group = serde_json::from_str(&text);
        group.map_err(|error| FileError::new(&files.path(GROUP), error))
    }

    /// Writes the file, unless another member is first. Returns the contents of the file.
    fn create(files: &Files, lock: &str, members: &[String]) -> Result<Self, FileError> {
        let group = Group {
            lock: lock.to_owned(),
            members: members.to_owned(),
            tokens_above: highest_token(files)?,
        };
        let text = serde_json::to_string_pretty(&group).expect("texts and a number are JSON");
        let write = || {
            for file in files.stage(&[(GROUP.to_owned(), text + "\n")])? {
                file.publish_new()?;
            }
            files.sync()
        };
        let written = write();
        // Another member that was first may also have removed our staged file.
        match Group::read(files)? {
            Some(group) => Ok(group),
            None => written.map(|()| group),
        }
    }

    fn refusal(&self, files: &Files) -> FileError {
        let Group { lock, members, .. } = self;
        let members = members.join(" ");
        let why = format!(
            "servers of the group {members} share these accounts by the lock {lock:?}: start this one with --lock {lock:?}, its --id and the same members, or remove this file after all of them have ended for good"
        );
        FileError::new(&files.path(GROUP), why)
    }
}

/// The highest token of any write, even if the journal is lost.
fn highest_token(files: &Files) -> Result<u64, FileError> {
    let mut highest = Journal::read(files)?.token();
    for rg in files.owners()? {
        // An error in an account is reported to the client that asks for the account.
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
) -> Result<Option<File>, FileError> {
    let folder = files.folder();
    let directory = File::open(folder).map_err(|error| FileError::new(folder, error))?;
    match try_lock(&directory) {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Err(FileError::new(folder, why)),
        Err(TryLockError::Error(error)) => {
            let folder = folder.display();
            warn(&format!("{folder}: cannot be locked: {error}"));
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
            claim.map_err(|error| error.to_string())
        }

        fn alone(&self) -> Result<Claim, String> {
            Claim::alone(&self.files()).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn only_the_servers_of_one_group_share_the_accounts() {
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
        assert!(why.ends_with("without a group"), "{why}");
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
        assert_eq!(folder.shared("bank", ":1").unwrap().1, 17, "it stays");
    }

    #[test]
    fn an_unreadable_file_is_reported() {
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
