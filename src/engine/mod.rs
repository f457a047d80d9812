//! What every node does for its user, whatever the user is: sockets, timers, state file, and the
//! algorithm between them.
//!
//! ```text
//! user ───┐                                                                    ┌─ UDP datagrams
//! UDP ────┼─ drain ─> Envelope ─ decode ─> Event ─ handle ─> Effect ─ perform ─┼─ user
//! timers ─┘            one queue            pure algorithm     in order        ├─ timers, state file
//!                                                                              └─ observer
//! ```
//!
//! The [`Engine`] never waits. Its owner has the poll and the queue: it puts the
//! input of its own user into the same queue, and hands the engine what is the
//! engine's ([`Input`]).

mod addresses;
mod config;
mod drops;
mod envelope;
mod intake;
pub(crate) mod key_file;
mod observer;
mod old_list;
mod peer_stats;
mod perform;
mod port_probe;
mod presence;
mod questions;
mod reach;
mod stall_report;
pub(crate) mod state_file;
mod survey;
mod timers;
mod udp;
mod view_report;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Registry;

use crate::group::Group;
use crate::mutex::{self, Durability, First, Incarnation, LockName, Mode, NodeId, Token, Tokens};
use crate::protocol::{Event, Member};
use crate::system::boot_clock;
use crate::transport::Transport;
use crate::views;
use crate::wire::Key;
use addresses::{Addresses, LookUps};
use drops::Drops;
use peer_stats::{AllPeerStats, PeerStats};
use port_probe::PortProbes;
use presence::Presence;
use questions::Questions;
use reach::Reach;
use state_file::StateFile;
use survey::Surveys;
use timers::Timers;
use udp::Udp;
use view_report::ViewHistory;

pub use config::Config;
pub(crate) use config::{cannot_listen, in_context, lease};
pub(crate) use envelope::{Envelope, Input};
pub use key_file::KeyFileError;
pub use observer::{NodeEvent, Observer, Snapshot};
pub(crate) use questions::Question;
pub(crate) use stall_report::{DUPLICATE_ID, StallReports, missing, write_missing};
pub use stall_report::{MissingPeer, Stall};
pub use state_file::StateError;
pub(crate) use survey::MAX_WAIT;
#[cfg(feature = "cli")]
pub(crate) use survey::{MemberReport, Told};

/// Who uses the critical sections that a node enters. Its methods must not wait.
pub(crate) trait User {
    /// The node has entered.
    fn entered(&mut self, lock: &LockName, token: Token);

    /// The node leaves, at this clock. What is still to be said to the resource is
    /// said now: when this returns the next member is let in.
    fn left(&mut self, lock: &LockName, clock: u64);

    /// Tokens for further entries while the node is in the section.
    fn delegated(&mut self, _lock: &LockName, _tokens: Tokens) {}

    /// The request of a peer is deferred. A user that stays in the section has
    /// [`Event::Deny`] handled.
    fn contended(&mut self, _lock: &LockName) {}

    /// The try has ended: this member comes first, or the view has changed.
    fn refused(&mut self, _lock: &LockName, _first: Option<(NodeId, First)>) {}

    /// The lease has ended, and the entry with it: what it started must have ended before,
    /// and what it still says comes too late. The node defers until it leaves.
    fn lost(&mut self, _lock: &LockName) {}
}

/// One member of a group, running; its owner waits for its sources.
pub(crate) struct Engine<O, U> {
    udp: Udp,
    timers: Timers,
    state: Option<StateFile>,
    transport: Transport,
    member: Member,
    drops: Drops,
    /// When each peer last sent a valid datagram, duplicates included.
    heard: BTreeMap<NodeId, Instant>,
    peer_stats: AllPeerStats,
    views: ViewHistory,
    presence: Presence,
    port_probes: PortProbes,
    surveys: Surveys,
    questions: Questions,
    reach: Reach,
    addresses: Addresses,
    /// `None` if the list has no names.
    look_ups: Option<LookUps>,
    has_key: bool,
    /// What members are asked that seem to go on with the old list.
    old_list: Option<old_list::Question>,
    /// The members that go on with the old list, of which the user was told.
    told_of_old_list: BTreeSet<NodeId>,
    pub(crate) observer: O,
    pub(crate) user: U,
    /// The clock could not be made durable.
    has_lost_state: bool,
}

/// What can be seen of a node.
pub(crate) struct NodeView<'a> {
    /// Who belongs.
    pub(crate) group: &'a Group,
    /// The algorithm.
    pub(crate) member: &'a Member,
    /// When each peer was last heard.
    pub(crate) heard: &'a BTreeMap<NodeId, Instant>,
    /// What was measured of each peer.
    pub(crate) peer_stats: &'a BTreeMap<NodeId, PeerStats>,
    /// How many datagrams were dropped, by cause.
    pub(crate) drops: &'a BTreeMap<&'static str, u64>,
    /// The changes of the view.
    pub(crate) views: &'a ViewHistory,
    /// Which peers say that they are up.
    pub(crate) presence: &'a Presence,
    /// Whose hosts say that their ports are closed.
    pub(crate) port_probes: &'a PortProbes,
    /// Which peers say that they hear this member.
    pub(crate) reach: &'a Reach,
    /// Where the peers that have moved were before.
    pub(crate) moved_from: &'a BTreeMap<NodeId, SocketAddr>,
}

impl<O: Observer, U: User> Engine<O, U> {
    /// Binds the socket and registers it with this poll.
    ///
    /// # Errors
    /// The system's, with what to do: the address may not be available.
    pub(crate) fn bind(
        config: Config,
        registry: &Registry,
        observer: O,
        user: U,
    ) -> io::Result<Self> {
        let Config {
            group,
            key,
            mut state,
            lease,
            resolver,
            ..
        } = config;
        if let Some(state) = state.as_ref().filter(|state| state.is_changing())
            && let Some(change) = state.change()
        {
            old_list::must_be_silent(change, &group, key.as_ref(), &resolver)?;
        }
        let udp = Udp::bind(group.listen, registry)
            .map_err(|error| cannot_listen(group.listen, &error))?;
        let random = getrandom::u64().map_err(io::Error::from);
        let random = random.map_err(|error| in_context("cannot draw a random number", &error))?;
        let incarnation = Incarnation(random);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        let durability = state.as_ref().map(StateFile::durability);
        let durability = durability.unwrap_or(if lease.is_some() {
            Durability::UNWRITTEN
        } else {
            Durability::Forgetful
        });
        let core = mutex::Config {
            durability,
            must_hear_itself: group.may_be_elsewhere(),
            keeps_permissions: config.keeps_permissions,
            pace: config.pace,
            ..mutex::Config::new(group.id, members, incarnation)
        };
        let begun = state.as_mut().map(|state| state.begin(&group, lease));
        let begun = begun.transpose();
        let is_amnesiac = begun
            .map_err(|error| in_context("cannot write the state", &error))?
            .unwrap_or(true);
        let member = match lease {
            None => Member::new(core),
            Some(lease) => {
                let views = views::Config {
                    promised: state.as_ref().map(StateFile::promised).unwrap_or_default(),
                    is_amnesiac,
                    ..views::Config::new(&core, lease)
                };
                Member::with_failover(core, views, boot_clock::now())
            }
        };
        let look_ups = Addresses::has_names(&group)
            .then(|| LookUps::new(resolver, registry, udp::LOOK_UPS))
            .transpose()
            .map_err(|error| in_context("cannot look up names", &error))?;
        log::info!("this is incarnation {incarnation} of member {}", group.id);
        Ok(Engine {
            udp,
            timers: Timers::default(),
            state,
            addresses: Addresses::new(&group, key.is_some(), Instant::now()),
            look_ups,
            has_key: key.is_some(),
            old_list: None,
            told_of_old_list: BTreeSet::new(),
            transport: Transport::new(group.with_failover(lease), incarnation, key),
            member,
            drops: Drops::default(),
            heard: BTreeMap::new(),
            peer_stats: AllPeerStats::default(),
            views: ViewHistory::default(),
            presence: Presence::new(config.beat.filter(|_| lease.is_none())),
            port_probes: PortProbes::default(),
            surveys: Surveys::default(),
            questions: Questions::default(),
            reach: Reach::default(),
            observer,
            user,
            has_lost_state: false,
        })
    }

    /// Begins to take part. `resumed` are entries of an earlier run that go on.
    /// Comes first, and once.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn begin(
        &mut self,
        section: Option<SocketAddr>,
        resumed: &[(LockName, Token, Mode)],
    ) -> io::Result<()> {
        self.observer.happened(&NodeEvent::Began {
            group: self.transport.group(),
            section,
            has_key: self.has_key,
        })?;
        for (lock, token, mode) in resumed.iter().cloned() {
            let resumed = self.handle(&Event::Resume { lock, token, mode })?;
            resumed.map_err(io::Error::other)?;
        }
        self.handle(&Event::Start).map(drop)
    }

    /// Whether the group has a key.
    pub(crate) fn has_key(&self) -> bool {
        self.has_key
    }

    /// The names of the keys, the one that signs first.
    pub(crate) fn key_names(&self) -> Vec<String> {
        self.transport.key().map(Key::names).unwrap_or_default()
    }

    /// Replaces the key of a group that has one. Returns whether the others, if they have
    /// the key of before, accept what is signed from now on, and their signatures are
    /// accepted.
    #[cfg(feature = "cli")]
    pub(crate) fn change_key(&mut self, key: Key) -> bool {
        let before = self.transport.key();
        let is_smooth =
            before.is_some_and(|before| key.is_accepted_by(before) && before.is_accepted_by(&key));
        self.transport.set_key(key);
        is_smooth
    }

    /// The algorithm.
    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    /// The observer, the user, and what can be seen of the node.
    pub(crate) fn split(&mut self) -> (&mut O, &mut U, NodeView<'_>) {
        let view = NodeView {
            views: &self.views,
            presence: &self.presence,
            port_probes: &self.port_probes,
            reach: &self.reach,
            moved_from: self.addresses.before(),
            group: self.transport.group(),
            member: &self.member,
            heard: &self.heard,
            peer_stats: &self.peer_stats.by_peer,
            drops: &self.drops.by_cause,
        };
        (&mut self.observer, &mut self.user, view)
    }

    /// The poll reports this token as ready. It need not be the engine's.
    pub(crate) fn ready(&mut self, token: mio::Token) {
        self.udp.ready(token);
        if let Some(look_ups) = &mut self.look_ups {
            look_ups.ready(token);
        }
    }

    /// Puts the timers that are due into the queue, and behind them what has arrived.
    pub(crate) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        self.timers.drain(queue);
        self.udp.drain(queue);
        if let Some(look_ups) = &mut self.look_ups {
            look_ups.drain(queue);
        }
    }

    /// Whether there is more to drain at once.
    pub(crate) fn has_more(&self) -> bool {
        self.udp.has_more()
    }

    /// When to go on though nothing arrives.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let due = [
            self.timers.next_timeout(),
            self.drops.quota.next_timeout(),
            self.observer.next_refresh(),
            self.presence.next_timeout(),
            self.surveys.next_timeout(),
            self.addresses.next_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// Reports what is due though nothing arrived.
    ///
    /// # Errors
    /// Those of the observer.
    pub(crate) fn report(&mut self) -> io::Result<()> {
        self.observer.check()?;
        self.say_up()?;
        self.go_on_with_surveys()?;
        self.search_members()?;
        match self.drops.quota.unreported() {
            Some(unreported) => self.observer.happened(&NodeEvent::DroppedMore(unreported)),
            None => Ok(()),
        }
    }

    /// Reports how many datagrams were dropped so far.
    ///
    /// # Errors
    /// Those of the observer.
    #[cfg(feature = "cli")]
    pub(crate) fn report_drops(&mut self) -> io::Result<()> {
        let drops = NodeEvent::Drops(&self.drops.by_cause);
        self.observer.happened(&drops)
    }

    /// The queue is empty: closes the sockets of requests that no longer wait.
    pub(crate) fn close_idle_sockets(&mut self) {
        let member = &self.member;
        if self.transport.retain(|clock| member.is_asking(clock)) {
            self.udp.retain(|clock| self.transport.is_open(clock));
        }
    }
}
