//! A node whose events the tests choose.

use std::net::SocketAddr;

use super::LiveDiagram;
use crate::engine::NodeEvent;
use crate::group::Group;
use crate::mutex::{
    Body, Config, Durability, Effect, Incarnation, LockName, Message, NodeId, Origin, RequestId,
};
use crate::protocol::{Event, Member};
use crate::transport::DropReason;

const OWN_RUN: Incarnation = Incarnation(7);

/// The run of every other member, unless a test names another.
const RUN: Incarnation = Incarnation(9);

/// A member and the diagram of its events.
pub(in crate::ui::screen) struct Staged {
    pub(in crate::ui::screen) member: Member,
    pub(in crate::ui::screen) diagram: LiveDiagram,
}

impl Staged {
    /// Member `id` of `members`, all at ports from 10001, that knows the clocks of all
    /// peers.
    pub(in crate::ui::screen) fn new(id: u16, members: u16) -> Self {
        let ports: Vec<u16> = (10_001..=10_000 + members).collect();
        let mut diagram = LiveDiagram::default();
        diagram.happened(&NodeEvent::Began {
            group: &Group::on_loopback(id, &ports),
            section: Some(SocketAddr::from(([127, 0, 0, 1], 10_000))),
            has_key: false,
        });
        let member = Member::new(Config {
            durability: Durability::Durable {
                below: 1,
                synced: true,
            },
            ..Config::new(NodeId(id), members, OWN_RUN)
        });
        Staged { member, diagram }
    }

    pub(in crate::ui::screen) fn happens(&mut self, event: &Event) {
        let mut effects = Vec::new();
        let outcome = self.member.handle(event, &mut effects);
        self.diagram.happened(&NodeEvent::Handled {
            event,
            outcome: outcome.map(|()| &*effects),
            member: &self.member,
        });
    }

    /// Shows the diagram an event with these effects, past the algorithm.
    pub(super) fn show(&mut self, event: &Event, effects: &[Effect]) {
        self.diagram.happened(&NodeEvent::Handled {
            event,
            outcome: Ok(effects),
            member: &self.member,
        });
    }

    pub(in crate::ui::screen) fn asks(&mut self) {
        self.happens(&Event::Acquire(LockName::default()));
    }

    pub(in crate::ui::screen) fn leaves(&mut self) {
        self.happens(&Event::Release(LockName::default()));
    }

    pub(in crate::ui::screen) fn hears_request(&mut self, clock: u64, from: u16) {
        let lock = LockName::default();
        self.hears(from, RUN, Body::Request { lock, clock });
    }

    /// A reply to the request of this clock.
    pub(in crate::ui::screen) fn hears_reply(&mut self, clock: u64, from: u16, request: u64) {
        let echo = RequestId {
            clock: request,
            incarnation: OWN_RUN,
        };
        let lock = LockName::default();
        self.hears(from, RUN, Body::Reply { lock, clock, echo });
    }

    pub(in crate::ui::screen) fn hears(&mut self, from: u16, run: Incarnation, body: Body) {
        self.happens(&Event::Received {
            message: Message {
                from: NodeId(from),
                origin: Origin::Turno(run),
                view: None,
                body,
            },
            reply_to: None,
        });
    }

    /// The node drops a datagram from this port.
    pub(in crate::ui::screen) fn drops(&mut self, port: u16) {
        self.diagram.happened(&NodeEvent::Dropped {
            source: SocketAddr::from(([127, 0, 0, 1], port)),
            bytes: b"\x1b[2J",
            reason: DropReason::Forged,
            member: &self.member,
        });
    }

    /// It asks, and all peers reply at once.
    pub(in crate::ui::screen) fn enters(&mut self) {
        self.asks();
        let request = self.member.clock();
        for (peer, clock) in self.member.peers().clone().into_iter().zip(request + 1..) {
            self.hears_reply(clock, peer.0, request);
        }
    }
}
