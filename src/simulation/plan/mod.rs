//! A plan: the group, its network, what the users do and when, and what goes wrong.
//! Plain data, so that a plan that shows a violation can be shrunk, stored and run
//! again.

mod changed_list;
mod check;
mod failover;
mod failover_faults;
mod generate;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub use self::check::PlanError;
pub use self::failover::{Failover, FailoverPlan};
use crate::mutex::NodeId;
#[cfg(test)]
use crate::mutex::planted::Planted;

/// Virtual time, in microseconds from the beginning.
pub type Micros = u64;

const SECOND: Micros = 1_000_000;

/// Everything that happens in a run, except what is left to chance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The seed of what is left to chance: which datagrams are lost, how long each takes.
    #[serde(rename = "dice")]
    pub random_seed: u64,
    /// The members; the first is member 1.
    pub members: Vec<ProgramKind>,
    /// The turno nodes that keep no permissions, and so ask every peer for every entry.
    #[serde(default)]
    pub ask_everybody: BTreeSet<u16>,
    /// Whether the group has a key. Processes of the original have none.
    pub has_key: bool,
    /// How far ahead of the clock its bound is persisted.
    pub ahead: u64,
    /// The network until all faults are over.
    pub network: Network,
    /// The longest entry.
    #[serde(rename = "hold")]
    pub max_hold: Micros,
    /// The most tokens that a turno node delegates in an entry; in some entries it
    /// delegates none.
    #[serde(default, rename = "lent")]
    pub max_delegated: u64,
    /// How many of a thousand entries outlive a crash of their node. Such an entry goes
    /// on until it ends by itself, and a node that restarts meanwhile resumes it.
    #[serde(default)]
    pub outlive_in_1000: u32,
    #[serde(rename = "wishes")]
    pub user_actions: Vec<UserAction>,
    pub faults: Vec<Fault>,
    /// The member whose list lacks the last member, if there is one. Then no member ever
    /// gets permission.
    #[serde(rename = "odd")]
    pub misled: Option<u16>,
    /// When all turno nodes try at the same moment to get the lock.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rushes: Vec<Micros>,
    /// How many of a thousand requests of turno nodes are shared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shared_in_1000: u32,
    /// When all faults are over. From then on nothing is lost, and every member requests
    /// the lock and must enter.
    pub heals_at: Micros,
    /// The group has failover. All its members are durable turno nodes then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<FailoverPlan>,
    /// A bug that the simulation must find.
    #[cfg(test)]
    #[serde(skip)]
    pub(crate) planted: Option<Planted>,
}

/// The program of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// turno, with a state directory.
    Durable,
    /// turno, without a state directory.
    Forgetful,
    /// A process of the original.
    #[serde(rename = "seed")]
    Original,
}

/// What the network does to datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The shortest time that a datagram takes.
    pub least: Micros,
    /// How much longer it may take.
    pub spread: Micros,
    /// How many of a thousand are delayed much longer.
    pub late_in_1000: u32,
    /// How much longer those may take.
    pub late_by: Micros,
    pub lost_in_1000: u32,
    /// How many of a thousand arrive a second time, late.
    pub repeated_in_1000: u32,
}

/// Something that a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAction {
    pub at: Micros,
    pub id: u16,
    pub what: UserActionKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserActionKind {
    #[serde(rename = "ask")]
    Acquire,
    #[serde(rename = "give-up")]
    Cancel,
    /// Types the own id.
    Tick,
}

/// Something that goes wrong, and when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// Datagrams between one side and the others are lost.
    Partition {
        at: Micros,
        until: Micros,
        side: BTreeSet<u16>,
        /// Whether the others' datagrams reach this side.
        is_one_way: bool,
    },
    /// A node crashes and restarts.
    Crash {
        at: Micros,
        until: Micros,
        id: u16,
        moment: Moment,
    },
    /// A node stands still, and goes on as if nothing had happened.
    Pause { at: Micros, until: Micros, id: u16 },
    /// Datagrams of one member to another are lost.
    Link {
        at: Micros,
        until: Micros,
        from: u16,
        to: u16,
        /// Whether datagrams the other way arrive.
        is_one_way: bool,
    },
    /// A machine is suspended: it stands still, and what arrives meanwhile is lost.
    Suspend { at: Micros, until: Micros, id: u16 },
    /// A machine loses its disk and all that ran on it, and starts again. It stays as it
    /// is while another member has still to hear what it forgot.
    Wipe { at: Micros, until: Micros, id: u16 },
    /// A node ends in order, if it neither holds nor requests the lock, and starts again.
    Leave { at: Micros, until: Micros, id: u16 },
    /// The member list changes: all members stop, and what they run ends. The machines of some
    /// are dead for good, and new ones have their places; the others take their states over.
    ChangeList {
        at: Micros,
        until: Micros,
        dead: BTreeSet<u16>,
    },
    /// Whichever member is in the section, or enters next, is struck while all others
    /// request the lock: a takeover, which is measured.
    Strike {
        at: Micros,
        until: Micros,
        how: Strike,
    },
}

/// What happens to a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strike {
    /// It is cut off from all others.
    CutOff,
    /// It crashes.
    Crash,
    /// It stands still.
    Pause,
}

/// The moment of a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// At once, between two steps.
    Now,
    /// In the middle of the next step that does more than this many things.
    Amid(usize),
    /// After the next entry.
    Inside,
    /// Once the next vote for a view is durable, before it is sent.
    Voting,
}

impl Plan {
    /// The program of a member.
    pub(super) fn kind(&self, id: NodeId) -> ProgramKind {
        self.members[usize::from(id.0) - 1]
    }

    /// Whether nothing goes wrong except that holders are struck.
    pub(super) fn is_calm(&self) -> bool {
        let is_strike = |fault: &Fault| matches!(fault, Fault::Strike { .. });
        self.faults.iter().all(is_strike)
            && self.network.lost_in_1000 == 0
            && self.network.late_in_1000 == 0
    }
}

impl Fault {
    /// When it begins, and when it is over.
    pub fn when(&self) -> (Micros, Micros) {
        match self {
            Fault::Partition { at, until, .. }
            | Fault::Crash { at, until, .. }
            | Fault::Pause { at, until, .. }
            | Fault::Link { at, until, .. }
            | Fault::Suspend { at, until, .. }
            | Fault::Wipe { at, until, .. }
            | Fault::Leave { at, until, .. }
            | Fault::ChangeList { at, until, .. }
            | Fault::Strike { at, until, .. } => (*at, *until),
        }
    }

    /// The members that it names, except those of a partition.
    pub fn named(&self) -> [Option<u16>; 2] {
        match self {
            Fault::Partition { .. } | Fault::Strike { .. } => [None; 2],
            Fault::ChangeList { dead, .. } => [dead.first().copied(), dead.last().copied()],
            Fault::Crash { id, .. }
            | Fault::Pause { id, .. }
            | Fault::Suspend { id, .. }
            | Fault::Wipe { id, .. }
            | Fault::Leave { id, .. } => [Some(*id), None],
            Fault::Link { from, to, .. } => [Some(*from), Some(*to)],
        }
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// JSON, which can be read again.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}
