//! A node whose events the tests choose.

use std::net::SocketAddr;

use super::LiveDiagram;
use crate::engine::NodeEvent;
use crate::group::Group;
use crate::protocol::tests::{acquire, reply, unstarted};
use crate::protocol::{Event, Member};
use crate::transport::DropReason;

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
        let member = unstarted(id, members);
        Staged { member, diagram }
    }

    pub(in crate::ui::screen) fn handle(&mut self, event: Event) {
        let mut effects = Vec::new();
        let outcome = self.member.handle(&event, &mut effects);
        self.diagram.happened(&NodeEvent::Handled {
            event: &event,
            outcome: outcome.map(|()| &*effects),
            member: &self.member,
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
        self.handle(acquire());
        let request = self.member.clock();
        for (peer, clock) in self.member.peers().clone().into_iter().zip(request + 1..) {
            self.handle(reply(clock, peer.0, request));
        }
    }
}
