//! The member lists that a state has been of: the present one, and the one before. The state
//! file has only a digest of its list, by which a list is known to be the right one; an
//! older turno, which does not know this file, leaves it as it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Change;
use crate::group::{Group, Listed};
use crate::mutex::NodeId;
use crate::system::file;
use crate::wire::GroupDigest;

const FILE: &str = "turno-members.json";

/// How many lists are kept: the present one, and the one that it replaced.
const MAX_LISTS: usize = 2;

/// The file with the lists, and what is in it.
#[derive(Debug)]
pub(super) struct Lists {
    path: PathBuf,
    lists: Contents,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Contents {
    /// The latest first; members as the list has them, with their names.
    lists: Vec<Vec<String>>,
    /// What this member was in the list before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Before>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    id: u16,
    /// In microseconds; 0 without failover.
    lease: u64,
}

impl Lists {
    /// Of the state in this directory. A file that cannot be read is taken for none: what is
    /// in it is needed only to change the list, and that says so.
    pub(super) fn read(folder: &Path) -> Self {
        let path = folder.join(FILE);
        let text = fs::read(&path).unwrap_or_default();
        Lists {
            lists: serde_json::from_slice(&text).unwrap_or_default(),
            path,
        }
    }

    /// The list with this digest.
    pub(super) fn with_digest(&self, digest: &str) -> Option<Vec<Listed>> {
        let lists = self.lists.lists.iter().map(|list| parsed(list));
        lists.flatten().find(|list| digest_of(list) == digest)
    }

    /// The change of the list before to the one of this group, if that was the latest.
    pub(super) fn change_to(&self, group: &Group) -> Option<Change> {
        let [latest, old] = &self.lists.lists[..] else {
            return None;
        };
        let before = self.lists.before?;
        let is_latest = digest_of(&parsed(latest)?) == group.digest.to_string();
        let old = parsed(old).filter(|_| is_latest)?;
        Some(Change::made(NodeId(before.id), before.lease, old, group))
    }

    /// Puts the list of this group first. The list that it replaces, if this is a change, is
    /// all that is kept beside it.
    ///
    /// # Errors
    /// Those of writing it down.
    pub(super) fn put(&mut self, group: &Group, change: Option<&Change>) -> io::Result<()> {
        let latest = group.list();
        let (mut lists, before) = match change {
            Some(change) => {
                let (NodeId(id), lease) = (change.own, change.lease);
                let old = change.old.iter().map(ToString::to_string).collect();
                (vec![old], Some(Before { id, lease }))
            }
            None => {
                let lists = self.lists.lists.clone();
                let is_same = lists.first() == Some(&latest);
                (lists, self.lists.before.filter(|_| is_same))
            }
        };
        let is_latest = |list: &Vec<String>| {
            parsed(list).is_some_and(|list| digest_of(&list) == group.digest.to_string())
        };
        lists.retain(|list| !is_latest(list));
        lists.insert(0, latest);
        lists.truncate(MAX_LISTS);
        let contents = Contents { lists, before };
        if contents == self.lists {
            return Ok(());
        }
        self.lists = contents;
        let mut text = serde_json::to_vec(&self.lists)?;
        text.push(b'\n');
        file::replace(&self.path, &text)
    }
}

fn parsed(list: &[String]) -> Option<Vec<Listed>> {
    list.iter().map(|member| member.parse().ok()).collect()
}

fn digest_of(list: &[Listed]) -> String {
    let addresses = list.iter().map(|member| member.address.to_string());
    GroupDigest::of(addresses).to_string()
}
