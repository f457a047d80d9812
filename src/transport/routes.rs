//! The datagrams that are about no request of the algorithm, and where each goes.

use std::net::SocketAddr;

use super::{Outgoing, Socket, Transport};
use crate::mutex::{Body, Incarnation, Message, NodeId, Origin};
use crate::views::ViewMessage;
use crate::wire::{self, Challenge, Heard, LockReport, Query};

impl Transport {
    /// The datagram for a message about views. `None` if there is no such member.
    #[must_use]
    pub fn route_view(&self, to: NodeId, message: &ViewMessage) -> Option<Outgoing> {
        self.route_view_text(to, self.view_text(message))
    }

    /// The text of a message about views, which is the same to all members.
    #[must_use]
    pub fn view_text(&self, message: &ViewMessage) -> String {
        let (from, digest) = (self.group.id, self.group.digest);
        wire::encode_view(from, self.incarnation, message, digest)
    }

    /// As [`Transport::route_view`], of a text that is there.
    #[must_use]
    pub fn route_view_text(&self, to: NodeId, text: String) -> Option<Outgoing> {
        Some(self.outgoing(to, self.group.address(to)?, text))
    }

    /// The datagram that says that this member is up. `None` if that peer is not known to be
    /// a turno node: the original would not know what it means.
    #[must_use]
    pub fn route_up(&self, to: NodeId, count: u64, leaves: bool, heard: Heard) -> Option<Outgoing> {
        let address = self.group.address(to).filter(|_| self.is_known_turno(to))?;
        let (from, digest) = (self.group.id, self.group.digest);
        let text = wire::encode_up(from, self.incarnation, count, leaves, Some(heard), digest);
        Some(self.outgoing(to, address, text))
    }

    /// The datagram that asks a peer what happens with the locks. `None` if it is not known
    /// to be a turno node.
    #[must_use]
    pub fn route_query(&self, to: NodeId, query: &Query) -> Option<Outgoing> {
        let address = self.group.address(to).filter(|_| self.is_known_turno(to))?;
        let (from, digest) = (self.group.id, self.group.digest);
        let text = wire::encode_query(from, self.incarnation, digest, query);
        Some(self.outgoing(to, address, text))
    }

    /// The datagrams of a report to a peer, a piece each. They are sent to its address in use.
    #[must_use]
    pub fn route_report(
        &self,
        to: NodeId,
        query: (u64, Incarnation),
        locks: &[LockReport],
    ) -> Vec<Outgoing> {
        let Some(address) = self.group.address(to) else {
            return Vec::new();
        };
        let (from, digest) = (self.group.id, self.group.digest);
        let texts = wire::encode_report(from, self.incarnation, digest, query, locks);
        let outgoing = texts.into_iter();
        outgoing
            .map(|text| self.outgoing(to, address, text))
            .collect()
    }

    /// The incarnation of this member.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The challenge with which this member finds out whether another one is at this
    /// address, or the response to a challenge that came from there.
    #[must_use]
    pub fn challenge(
        &self,
        to: NodeId,
        address: SocketAddr,
        nonce: u64,
        is_response: bool,
    ) -> Outgoing {
        let challenge = Challenge {
            from: self.group.id,
            incarnation: self.incarnation,
            nonce,
            group: self.group.digest,
        };
        let text = wire::encode_challenge(&challenge, is_response);
        self.outgoing(to, address, text)
    }

    /// An answer that tells a node with another member list that the lists differ: it
    /// carries the digest of ours. It is a welcome, because a welcome is not answered: the
    /// nodes do not object in turn for ever.
    #[must_use]
    pub fn objection(&self, to: NodeId, run: Incarnation, address: SocketAddr) -> Outgoing {
        let message = Message {
            from: self.group.id,
            origin: Origin::Turno(self.incarnation),
            view: None,
            body: Body::Welcome {
                clock: 0,
                to: run,
                again: false,
            },
        };
        let text = wire::encode(&message, self.group.digest);
        self.outgoing(to, address, text)
    }

    /// The datagram with this text for a member, signed if the group has a key.
    fn outgoing(&self, to: NodeId, address: SocketAddr, text: String) -> Outgoing {
        Outgoing {
            socket: Socket::Listening,
            address,
            text: self.sign(text, to),
        }
    }
}
