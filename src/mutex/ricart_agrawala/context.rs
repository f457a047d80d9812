//! What the algorithm for one lock knows of the member around it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::PeerRequest;
use crate::mutex::clock::{LamportClock, NodeId};
use crate::mutex::config::Config;
use crate::mutex::effect::Effect;
use crate::mutex::lock_name::LockName;
use crate::mutex::message::{Body, First};
use crate::mutex::mode::Mode;
use crate::mutex::rules;
use crate::mutex::view_number::ViewNumber;

/// What belongs to the member and not to one of its locks.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a mut LamportClock,
    pub(crate) peers: &'a BTreeSet<NodeId>,
    /// The last known clock of each peer.
    pub(crate) peer_clocks: &'a BTreeMap<NodeId, u64>,
    /// Whether some peers' clocks are not known yet.
    pub(crate) is_syncing: bool,
    /// Whether another node has this member's id.
    pub(crate) has_duplicate_id: bool,
    /// The view that the messages belong to. `None` in a group without failover.
    pub(crate) view: Option<ViewNumber>,
    /// What an entry needs besides the permissions.
    pub(crate) gate: Gate,
    pub(crate) lock: &'a LockName,
    pub(crate) effects: &'a mut Vec<Effect>,
}

/// What an entry needs besides the permissions of all peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing: the group has no failover.
    Open,
    /// A lease at this moment, and a token below a bound (failover, rule 9).
    Lease {
        /// Whether this member is in a view and has a lease now.
        is_valid: bool,
        /// A majority has noted that this member's tokens are below this.
        noted: u64,
    },
}

impl Context<'_> {
    pub(super) fn report_contended(&mut self) {
        let lock = self.lock.clone();
        self.effects.push(Effect::Contended { lock });
    }

    pub(super) fn send_request(
        &mut self,
        to: NodeId,
        clock: u64,
        (mode, is_try): (Mode, bool),
        repetition: u32,
    ) {
        let body = Body::Request {
            lock: self.lock.clone(),
            clock,
            is_try,
            mode,
        };
        self.send(to, None, body, repetition);
    }

    pub(super) fn send_note(&mut self, incoming: &PeerRequest, first: First) {
        let body = Body::Note {
            lock: self.lock.clone(),
            clock: self.clock.now(),
            echo: incoming.echo(),
            first,
        };
        self.send(incoming.request.id, None, body, 0);
    }

    pub(super) fn report_refused(&mut self, first: Option<(NodeId, First)>) {
        let lock = self.lock.clone();
        self.effects.push(Effect::Refused { lock, first });
    }

    pub(super) fn send_reply(&mut self, incoming: &PeerRequest, clock: u64, repetition: u32) {
        let (lock, echo) = (self.lock.clone(), incoming.echo());
        let reply_to = rules::reply_address(self, incoming);
        let body = Body::Reply { lock, clock, echo };
        self.send(incoming.request.id, reply_to, body, repetition);
    }

    pub(super) fn send_superseded(&mut self, incoming: &PeerRequest) {
        let body = Body::Superseded {
            lock: self.lock.clone(),
            clock: self.clock.now(),
            echo: incoming.echo(),
        };
        self.send(incoming.request.id, incoming.reply_to, body, 0);
    }

    pub(super) fn send_welcome(&mut self, incoming: &PeerRequest) {
        let body = Body::Welcome {
            clock: self.clock.now(),
            to: incoming.echo().incarnation,
            again: false,
        };
        self.send(incoming.request.id, incoming.reply_to, body, 0);
    }

    fn send(&mut self, to: NodeId, reply_to: Option<SocketAddr>, body: Body, repetition: u32) {
        let mut effect = self.config.send(to, reply_to, body, repetition);
        if let Effect::Send { message, .. } = &mut effect
            && !matches!(message.body, Body::Welcome { .. })
        {
            message.view = self.view;
        }
        self.effects.push(effect);
    }
}
