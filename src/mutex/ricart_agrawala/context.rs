//! What the algorithm for one lock has of the member around it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::Deferred;
use crate::mutex::config::Config;
use crate::mutex::effect::Effect;
use crate::mutex::lock_name::LockName;
use crate::mutex::message::Body;
use crate::mutex::planted::planted;
use crate::mutex::rejected::Rejected;
use crate::mutex::{LamportClock, NodeId, Timestamp};

/// What belongs to the member and not to one of its locks.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a Config,
    pub(crate) clock: &'a mut LamportClock,
    pub(crate) peers: &'a BTreeSet<NodeId>,
    /// How far each peer's clock was heard to have got.
    pub(crate) heard: &'a BTreeMap<NodeId, u64>,
    /// Not all peers' clocks were heard yet.
    pub(crate) is_syncing: bool,
    /// Another node claims to be this member.
    pub(crate) is_claimed: bool,
    pub(crate) lock: &'a LockName,
    pub(crate) effects: &'a mut Vec<Effect>,
}

impl Context<'_> {
    /// A message of this clock arrived (rule 4).
    pub(super) fn receive(&mut self, clock: u64) -> Result<(), Rejected> {
        if planted!(self.config, NoTickPast) {
            self.clock.catch_up(clock)?;
        } else {
            self.clock.receive(clock)?;
        }
        Ok(())
    }

    /// Whether a permission that was kept may be used. While another node claims to
    /// be this member nobody enters, and replies are not believed; so all are
    /// asked, and it waits. And a peer that has heard nothing of us for long is
    /// asked, while there is still room for tokens to be lent.
    pub(super) fn may_leave_unasked(&self, peer: NodeId) -> bool {
        !self.is_claimed && self.may_get_ahead_of(peer, self.config.unsynced_ahead() / 2)
    }

    /// Whether the clock may get so much further though this peer does not hear of
    /// it. Otherwise a member that forgets its clock would not skip enough when it
    /// is started anew, and a seed peer, which asks once, would not be believed by
    /// one that has heard of nothing.
    pub(super) fn may_get_ahead_of(&self, peer: NodeId, further: u64) -> bool {
        let heard = self.heard.get(&peer).copied().unwrap_or(self.clock.now());
        let ahead = self.clock.now().saturating_sub(heard);
        ahead.saturating_add(further) <= self.config.unsynced_ahead()
            || planted!(self.config, NeverHeard)
    }

    pub(super) fn stamp(&self, clock: u64) -> Timestamp {
        let id = self.config.id;
        Timestamp { clock, id }
    }

    pub(super) fn contended(&mut self) {
        let lock = self.lock.clone();
        self.effects.push(Effect::Contended { lock });
    }

    pub(super) fn send_request(&mut self, to: NodeId, clock: u64, repetition: u32) {
        let lock = self.lock.clone();
        self.send(to, None, Body::Request { lock, clock }, repetition);
    }

    pub(super) fn send_reply(&mut self, asked: &Deferred, clock: u64, repetition: u32) {
        let body = Body::Reply {
            lock: self.lock.clone(),
            clock: if planted!(self.config, EchoWithoutClock) {
                asked.request.clock + 1
            } else {
                clock
            },
            echo: asked.echo(),
        };
        let reply_to = if planted!(self.config, SeedAnsweredAtItsPort) {
            None
        } else {
            asked.reply_to
        };
        self.send(asked.request.id, reply_to, body, repetition);
    }

    pub(super) fn send_superseded(&mut self, asked: &Deferred) {
        let body = Body::Superseded {
            lock: self.lock.clone(),
            clock: self.clock.now(),
            echo: asked.echo(),
        };
        self.send(asked.request.id, asked.reply_to, body, 0);
    }

    pub(super) fn send_welcome(&mut self, asked: &Deferred) {
        let body = Body::Welcome {
            clock: self.clock.now(),
            to: asked.echo().incarnation,
            again: false,
        };
        self.send(asked.request.id, asked.reply_to, body, 0);
    }

    pub(super) fn send(
        &mut self,
        to: NodeId,
        reply_to: Option<SocketAddr>,
        body: Body,
        repetition: u32,
    ) {
        let effect = self.config.send(to, reply_to, body, repetition);
        self.effects.push(effect);
    }
}
