//! The state of a run.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::addresses::Addresses;
use super::cluster::Cluster;
use super::event_queue::{Due, EventQueue};
use super::figures::{FailoverFigures, Figures};
use super::network::Links;
use super::oracle::Oracle;
use super::plan::{Micros, Moment as CrashMoment, Plan, ProgramKind, Strike};
use super::recording::Recording;
use super::rush::Rush;
use crate::mutex::{LockName, Mode, NodeId, Timer, ViewNumber};
use crate::protocol::Event;
use crate::views::Moment;

pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) random: Rng,
    /// Which requests are shared: it leaves everything else of a seed as it is.
    pub(super) modes: Rng,
    pub(super) addresses: &'a Addresses,
    pub(super) cluster: Cluster,
    pub(super) oracle: Oracle,
    pub(super) events: EventQueue,
    pub(super) links: Links<'a>,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) figures: Figures,
    /// The next holder is struck like this, until then.
    pub(super) strike: Option<(Strike, Micros)>,
    /// The holder that was struck, and when, until another member enters.
    pub(super) struck: Option<(NodeId, Micros)>,
    /// The tries of the latest rush.
    pub(super) rush: Rush,
    /// A peer has begun to wait for this member.
    pub(super) contended: Option<NodeId>,
    pub(super) recording: Option<&'a mut Recording>,
    /// How often the member list has changed.
    pub(super) list: u64,
}

/// What belongs to a node besides its program.
#[derive(Default)]
pub(super) struct Node {
    /// The bound of its clock on disk.
    pub(super) below: Option<u64>,
    pub(super) runs: u64,
    /// The timers in force, each with the number of its event.
    pub(super) timers: Vec<(Timer, u64)>,
    pub(super) paused_until: Micros,
    /// As long as this, what arrives is lost.
    pub(super) suspended_until: Micros,
    /// How long its machine was suspended, if its clock does not count that: a planted bug.
    pub(super) uncounted: Micros,
    /// The latest vote on disk. `None`: all others must be heard first.
    pub(super) promised: Option<ViewNumber>,
    /// Its clock is carried over from another list, and it has not heard the others'.
    pub(super) has_clocks_to_hear: bool,
    /// Its promise is, and it has not heard the others'.
    pub(super) has_votes_to_hear: bool,
    /// The moment of its next crash, and the time of the restart.
    pub(super) next_crash: Option<(CrashMoment, Micros)>,
    /// Its entry, which may have outlived a crash.
    pub(super) entry: Option<Entry>,
}

impl Node {
    /// Whether its next run may begin with a smaller clock: it has sent nothing yet that
    /// grants or asks.
    pub(super) fn forgets_its_clock(&self) -> bool {
        self.below.is_none() || self.has_clocks_to_hear
    }

    /// Whether its state is carried over from another list, and it has not heard the others.
    pub(super) fn is_carried_over(&self) -> bool {
        self.has_clocks_to_hear || self.has_votes_to_hear
    }
}

/// An entry to the critical section.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) token: u64,
    pub(super) mode: Mode,
    /// The number of the event that ends it.
    pub(super) end: u64,
    /// What it has from the lease, in a group with failover.
    pub(super) lease: Option<LeasedEntry>,
}

/// An entry that ends with the lease.
#[derive(Clone, Copy)]
pub(super) struct LeasedEntry {
    /// Until when it may last, by the clock of its member's machine.
    pub(super) deadline: Moment,
    /// Whether it is a command, which is dead soon after its deadline whatever becomes of
    /// the node. Otherwise it is in the node's own process.
    pub(super) is_command: bool,
    /// How long after the deadline the command is dead.
    pub(super) dies_after: Micros,
    /// The node has said that it is lost.
    pub(super) is_lost: bool,
    /// The command is dead, or the node stands still past the deadline.
    pub(super) is_dead: bool,
}

impl<'a> World<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        addresses: &'a Addresses,
        recording: Option<&'a mut Recording>,
    ) -> Self {
        World {
            plan,
            random: Rng::with_seed(plan.random_seed),
            modes: Rng::with_seed(plan.random_seed ^ 0x4d4f_4445),
            addresses,
            cluster: Cluster::default(),
            oracle: Oracle::new(plan.misled.is_some()),
            events: EventQueue::default(),
            links: Links::new(plan),
            nodes: BTreeMap::new(),
            figures: Figures {
                plans: 1,
                failover: FailoverFigures {
                    groups: u64::from(plan.failover.is_some()),
                    ..FailoverFigures::default()
                },
                ..Figures::default()
            },
            strike: None,
            struck: None,
            rush: Rush::default(),
            contended: None,
            recording,
            list: 0,
        }
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u16::try_from(self.plan.members.len()).expect("ids are 16 bits wide");
        (1..=count).map(NodeId)
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_default()
    }

    /// Records a line about something that happens.
    pub(super) fn report(&mut self, what: &str) {
        if let Some(recording) = &mut self.recording {
            recording.report(self.events.now, what);
        }
    }

    /// The event of a user that requests the lock, in either mode.
    pub(super) fn request(&mut self, id: NodeId, is_try: bool) -> Event {
        let is_turno = self.plan.kind(id) != ProgramKind::Original;
        let is_shared = self.modes.u32(0..1000) < self.plan.shared_in_1000 && is_turno;
        let lock = LockName::default();
        match (is_shared, is_try) {
            (false, false) => Event::Acquire(lock),
            (false, true) => Event::Try(lock),
            (true, false) => Event::AcquireShared(lock),
            (true, true) => Event::TryShared(lock),
        }
    }

    /// The entry of this token goes on for this long.
    pub(super) fn hold(&mut self, id: NodeId, (token, mode): (u64, Mode), hold: Micros) {
        let ends_at = self.events.now + hold;
        let end = (self.events).schedule_numbered(ends_at, |end| Due::EntryEnds(id, end));
        self.node(id).entry = Some(Entry {
            token,
            mode,
            end,
            lease: None,
        });
    }
}
