//! Idle members say that they are up, so that one that is down is seen before it is needed.
//! With failover the beats of the views serve.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, Instant};

use super::timers::jittered;
use super::{Engine, NodeView, Observer, User};
use crate::mutex::NodeId;
use crate::system::millis;
use crate::wire::Heard;

/// What a node knows of the presence of its peers.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// How often this member says that it is up. `None`: never.
    interval: Option<Duration>,
    /// When it says so next. Jittered: members that began together must not send together.
    next: Option<Instant>,
    count: u64,
    /// The peers that have said that they are up.
    seen: BTreeSet<NodeId>,
    /// The peers that have said that they end, and were not heard since.
    stopped: BTreeSet<NodeId>,
}

impl Presence {
    pub(super) fn new(interval: Option<Duration>) -> Self {
        let interval = interval.filter(|interval| !interval.is_zero());
        Presence {
            interval,
            next: interval.map(|interval| Instant::now() + jittered(interval)),
            ..Presence::default()
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// A datagram of a peer has arrived.
    pub(super) fn heard(&mut self, from: NodeId) {
        self.stopped.remove(&from);
    }

    /// Whether this peer has said that it ends, and was not heard since.
    pub(crate) fn has_stopped(&self, id: NodeId) -> bool {
        self.stopped.contains(&id)
    }

    /// How long this peer may be silent if it is up. `None`: it does not say that it is up.
    pub(crate) fn max_silence(&self, id: NodeId) -> Option<Duration> {
        self.own_max_silence().filter(|_| self.seen.contains(&id))
    }

    /// How long this member is silent at most. `None`: it does not say that it is up.
    pub(super) fn own_max_silence(&self) -> Option<Duration> {
        // Two may be lost, and the last may be late.
        self.interval.map(|interval| interval * 7 / 2)
    }
}

impl NodeView<'_> {
    /// Whether a peer is up, as far as this node can tell. `None`: it does not say so.
    pub(crate) fn is_up(&self, id: NodeId) -> Option<bool> {
        if self.presence.has_stopped(id) {
            return Some(false);
        }
        let lease = self
            .member
            .views()
            .map(|views| views.config().lease.length());
        let max = lease.or_else(|| self.presence.max_silence(id))?;
        let heard = self.heard.get(&id).map(Instant::elapsed);
        Some(heard.is_some_and(|heard| heard <= max))
    }

    /// Whether a peer hears this node, as far as this node can tell. `None`: the peer does not
    /// say so, or is not heard itself.
    pub(crate) fn reaches(&self, id: NodeId) -> Option<bool> {
        if self.is_up(id) == Some(false) {
            return None;
        }
        self.reach.reaches(id, self.presence.own_max_silence())
    }
}

impl<O: Observer, U: User> Engine<O, U> {
    /// Says to all peers that this member is up, if that is due.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn say_up(&mut self) -> io::Result<()> {
        let presence = &mut self.presence;
        if let Some(interval) = presence.interval
            && presence.next.is_some_and(|next| next <= Instant::now())
        {
            presence.next = Some(Instant::now() + jittered(interval));
            self.search_silent();
            self.send_up(false)?;
        }
        Ok(())
    }

    /// Says that this member ends, if it has ever said that it is up.
    ///
    /// # Errors
    /// Those of the observer.
    pub(super) fn say_down(&mut self) -> io::Result<()> {
        match self.presence.interval {
            Some(_) => self.send_up(true),
            None => Ok(()),
        }
    }

    /// Those that no longer say that they are up may have moved.
    fn search_silent(&mut self) {
        let (.., view) = self.split();
        let peers = view.member.peers().iter();
        let is_silent =
            |id: &NodeId| view.is_up(*id) == Some(false) && !view.presence.has_stopped(*id);
        let silent: Vec<NodeId> = peers.copied().filter(is_silent).collect();
        for id in silent {
            self.addresses.asked(id);
        }
    }

    fn send_up(&mut self, leaves: bool) -> io::Result<()> {
        self.presence.count += 1;
        let count = self.presence.count;
        for peer in self.member.peers().clone() {
            let heard = self.heard.get(&peer).map(Instant::elapsed);
            let heard = heard.map_or(Heard::Never, |ago| Heard::MillisAgo(millis(ago)));
            if let Some(outgoing) = self.transport.route_up(peer, count, leaves, heard) {
                self.send_to(peer, outgoing)?;
            }
        }
        Ok(())
    }

    /// A peer says that it is up, or is about to end.
    pub(super) fn receive_up(&mut self, from: NodeId, leaves: bool, heard: Option<Heard>) {
        if !self.member.peers().contains(&from) {
            return;
        }
        if let Some(heard) = heard {
            let max = self.presence.own_max_silence();
            self.reach.says(from, heard, max, Instant::now());
        }
        self.note_heard(from);
        self.presence.seen.insert(from);
        if leaves {
            self.presence.stopped.insert(from);
        }
        self.peer_stats.up(from);
    }
}
