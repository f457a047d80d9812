//! The contents of the state file.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{StateError, io_error};
use crate::mutex::NodeId;
use crate::wire::GroupDigest;

/// What a start with a new state costs.
const WAITS: &str = "then waits for the clock of every other member before its first request";

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) turno_state: u32,
    pub(super) id: u16,
    pub(super) group: String,
    /// The clock of every run so far is below this.
    pub(super) clock_below: u64,
    /// Whether the clocks of all peers were heard since the file was made.
    pub(super) heard: bool,
    /// Since the group first had failover: what a member must not forget of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failover: Option<FailoverRecord>,
    /// The first bytes of a SHA-256 of the other fields, against damage.
    pub(super) check: String,
}

/// What a member must not forget of failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailoverRecord {
    /// The lease of the latest run, in microseconds; 0 if that run had no failover.
    pub(super) lease: u64,
    /// The highest view number that was voted for: counter and proposer.
    pub(super) promised: (u64, u16),
    /// Whether all members were heard since the lease is this one.
    pub(super) heard: bool,
}

impl Record {
    /// Of a member that never ran.
    pub(super) fn new(id: NodeId, group: GroupDigest) -> Self {
        let mut record = Record {
            turno_state: 1,
            id: id.0,
            group: group.to_string(),
            clock_below: 1,
            heard: false,
            failover: None,
            check: String::new(),
        };
        record.check = record.sum();
        record
    }

    pub(super) fn sum(&self) -> String {
        let mut fields = format!(
            "{} {} {} {} {}",
            self.turno_state, self.id, self.group, self.clock_below, self.heard
        );
        if let Some(FailoverRecord {
            lease,
            promised: (counter, proposer),
            heard,
        }) = self.failover
        {
            fields += &format!(" {lease} {counter} {proposer} {heard}");
        }
        let digest = Sha256::digest(fields);
        digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Whether the clock is that of another list, and no other clock was heard since.
    pub(super) fn is_carried_over(&self) -> bool {
        !self.heard && self.clock_below > 1
    }

    pub(super) fn whose(&self) -> String {
        format!("member {} of group {}", self.id, self.group)
    }
}

/// Reads a state, whosever it is.
pub(super) fn read(path: &Path) -> Result<Record, StateError> {
    let damaged = |why: &str| {
        StateError(format!(
            "{} is damaged ({why}). Restore a copy if it is the latest; otherwise start with \
             --new-state: this member {WAITS}",
            path.display()
        ))
    };
    let text = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StateError(format!(
            "{} is missing. If this member never ran with this directory, or its state is lost, \
             start it with --new-state: it {WAITS}",
            path.display()
        )),
        _ => io_error(path, &error),
    })?;
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
    if record.turno_state != 1 {
        return Err(damaged(&format!("its format is {}", record.turno_state)));
    }
    if record.check != record.sum() {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(record)
}
