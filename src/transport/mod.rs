//! Between the algorithm and the sockets: from which socket a message is sent, where it
//! goes, and which datagrams are accepted. Pure, like the algorithm.
//!
//! An original peer's reply does not say which request it answers. So a request to a peer
//! that is not known to be a turno node is sent from a socket of its own, and a reply
//! that arrives there answers it. A datagram is accepted only if a member can have
//! sent it.

mod drop_reason;
mod incoming;
mod routes;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::group::Group;
#[cfg(test)]
use crate::mutex::planted::Planted;
use crate::mutex::planted::planted;
use crate::mutex::{Body, Effect, Incarnation, LockName, Message, NodeId, Origin, RequestId};
use crate::wire::{self, Challenge, Datagram, Head, Key, Malformed, Signed};
pub use drop_reason::{DropReason, Dropped};
pub use incoming::Incoming;

/// A socket of this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Socket {
    /// The socket whose address is in the member list.
    Listening,
    /// The socket of the request with this clock (0: of the hello), and of no other.
    OfRequest(u64),
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// From which socket.
    pub socket: Socket,
    /// Where to.
    pub address: SocketAddr,
    /// The text.
    pub text: Vec<u8>,
}

/// Where the other members are, and which of them are turno nodes.
#[derive(Clone, Debug)]
pub struct Transport {
    group: Group,
    incarnation: Incarnation,
    key: Option<Key>,
    /// The peers whose last datagram was a turno node's.
    turno_peers: BTreeSet<NodeId>,
    /// The lock of each request that has a socket of its own.
    asked: BTreeMap<u64, LockName>,
    /// A bug, to see that the proofs find it.
    #[cfg(test)]
    pub(crate) planted: Option<Planted>,
}

impl Transport {
    /// The transport of one run of a member.
    #[must_use]
    pub fn new(group: Group, incarnation: Incarnation, key: Option<Key>) -> Self {
        Transport {
            group,
            incarnation,
            key,
            turno_peers: BTreeSet::new(),
            asked: BTreeMap::new(),
            #[cfg(test)]
            planted: None,
        }
    }

    /// Who belongs.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Who belongs, and where they are, which may change.
    pub(crate) fn group_mut(&mut self) -> &mut Group {
        &mut self.group
    }

    /// From now on signs and accepts with this key.
    pub fn set_key(&mut self, key: Key) {
        self.key = Some(key);
    }

    /// The group's key, if it has one.
    #[must_use]
    pub fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }

    /// Forgets the sockets of requests that no longer wait. Whether there were any.
    pub fn retain(&mut self, mut is_asking: impl FnMut(u64) -> bool) -> bool {
        let before = self.asked.len();
        if !planted!(self, OriginalReplyAnywhere) {
            self.asked.retain(|clock, _| is_asking(*clock));
        }
        self.asked.len() < before
    }

    /// Whether the socket that was opened for the request of this clock is still
    /// needed.
    #[must_use]
    pub fn is_open(&self, request: u64) -> bool {
        self.asked.contains_key(&request)
    }

    /// Whether this repetition is not sent. The receiver may be an original peer, and
    /// an original peer that defers queues every repetition and answers each. So it is
    /// sent the 1st, 2nd, 4th and 8th repetition, and then every 8th.
    #[must_use]
    pub fn throttles(&self, effect: &Effect) -> bool {
        match effect {
            Effect::Send { to, repetition, .. } if !self.is_known_turno(*to) => {
                *repetition > 0 && !repetition.is_power_of_two() && !repetition.is_multiple_of(8)
            }
            _ => false,
        }
    }

    /// Whether this peer is known to be a turno node. An original peer signs nothing.
    #[must_use]
    pub fn is_known_turno(&self, peer: NodeId) -> bool {
        self.key.is_some() || self.turno_peers.contains(&peer)
    }

    /// The datagram for an [`Effect::Send`]. `None` for any other effect, and for a
    /// repetition that is not sent.
    pub fn route(&mut self, effect: &Effect) -> Option<Outgoing> {
        let Effect::Send {
            to,
            reply_to,
            message,
            ..
        } = effect
        else {
            return None;
        };
        if self.throttles(effect) {
            return None;
        }
        let is_known_turno = self.is_known_turno(*to);
        let socket = match &message.body {
            Body::Request { lock, clock, .. } if !is_known_turno => {
                self.asked.insert(*clock, lock.clone());
                Socket::OfRequest(*clock)
            }
            Body::Hello if !is_known_turno && *to != self.group.id => {
                self.asked.insert(0, LockName::default());
                Socket::OfRequest(0)
            }
            _ => Socket::Listening,
        };
        let address = reply_to.or_else(|| self.group.address(*to))?;
        Some(Outgoing {
            socket,
            address,
            text: self.signed(message, *to),
        })
    }

    fn signed(&self, message: &Message, to: NodeId) -> Vec<u8> {
        self.sign(wire::encode(message, self.group.digest), to)
    }

    fn sign(&self, text: String, to: NodeId) -> Vec<u8> {
        let mut text = text.into_bytes();
        if let Some(key) = &self.key {
            key.sign(self.group.digest, self.group.id, to, &mut text);
        }
        text
    }

    /// Reads a datagram that arrived.
    ///
    /// # Errors
    /// [`Dropped`] says why it is not accepted. Nothing has changed then.
    pub fn receive(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        socket: Socket,
    ) -> Result<Incoming, Dropped> {
        let signed = Signed::split(datagram);
        let text = match (&self.key, &signed) {
            (Some(_), Some(signed)) => signed.text,
            _ => datagram,
        };
        let head = wire::decode_head(text);
        let named_sender = head.as_ref().ok().map(|(head, _)| head.stamp.id);
        let incoming = self.accept(head, signed, source, socket);
        incoming.map_err(|reason| Dropped {
            named_sender,
            reason,
        })
    }

    fn accept(
        &mut self,
        head: Result<(Head, &[u8]), Malformed>,
        signed: Option<Signed<'_>>,
        source: SocketAddr,
        socket: Socket,
    ) -> Result<Incoming, DropReason> {
        let decoded = head.and_then(|(head, rest)| wire::decode_rest(head, rest));
        if decoded.is_err() && self.key.is_none() && signed.is_some() {
            return Err(DropReason::Signed);
        }
        let decoded = decoded?;
        let (from, group) = match &decoded {
            Datagram::Section(_) => return Err(DropReason::ForSection),
            Datagram::Message { message, group } => (message.from, *group),
            Datagram::View { from, group, .. }
            | Datagram::Up { from, group, .. }
            | Datagram::Query { from, group, .. }
            | Datagram::Report { from, group, .. } => (*from, Some(*group)),
            Datagram::Challenge(of) | Datagram::Response(of) => {
                if self.key.is_none() {
                    return Err(DropReason::NoKey);
                }
                (of.from, Some(of.group))
            }
            Datagram::OriginalReply { from, .. } => (*from, None),
        };
        match (&self.key, &signed, group) {
            (None, ..) => self.check_host(from, source)?,
            (Some(key), Some(signed), Some(group)) => {
                if !key.verifies(group, from, self.group.id, signed) {
                    return Err(DropReason::Forged);
                }
            }
            (Some(_), ..) => return Err(DropReason::Unsigned),
        }
        if let Some(group) = group.filter(|group| *group != self.group.digest)
            && !planted!(self, ForeignListAccepted)
        {
            let asks = match &decoded {
                Datagram::Message { message, .. } => message.asks(),
                _ => None,
            };
            return Err(DropReason::OtherList { from, group, asks });
        }
        if group.is_none() && self.group.lease.is_some() {
            return Err(DropReason::Original);
        }
        let message = match decoded {
            Datagram::Message { message, .. } => message,
            Datagram::OriginalReply { clock, .. } => Message {
                from,
                origin: Origin::Original,
                view: None,
                body: self.original_reply(clock, socket)?,
            },
            Datagram::View { message, .. } => return Ok(Incoming::View { from, message }),
            Datagram::Query {
                incarnation, query, ..
            } => {
                return Ok(Incoming::Query {
                    from,
                    incarnation,
                    query,
                });
            }
            Datagram::Report { piece, .. } => return Ok(Incoming::Report { from, piece }),
            Datagram::Up { leaves, heard, .. } => {
                return Ok(Incoming::Up {
                    from,
                    leaves,
                    heard,
                });
            }
            Datagram::Challenge(Challenge { nonce, .. }) => {
                return Ok(Incoming::Challenge { from, nonce });
            }
            Datagram::Response(Challenge { nonce, .. }) => {
                return Ok(Incoming::Response { from, nonce });
            }
            Datagram::Section(_) => return Err(DropReason::ForSection),
        };
        if message.origin == Origin::Original {
            self.turno_peers.remove(&from);
        } else if self.group.has(from) {
            self.turno_peers.insert(from);
        }
        let is_elsewhere = message.origin == Origin::Original || from == self.group.id;
        Ok(Incoming::Lock {
            message,
            reply_to: is_elsewhere.then_some(source),
        })
    }

    /// What an original peer's reply at this socket means.
    fn original_reply(&self, clock: u64, socket: Socket) -> Result<Body, DropReason> {
        let incarnation = self.incarnation;
        let asked = match socket {
            Socket::Listening => None,
            Socket::OfRequest(0) => {
                return Ok(Body::Welcome {
                    clock,
                    to: incarnation,
                    again: false,
                });
            }
            Socket::OfRequest(_) if planted!(self, OriginalReplyAnywhere) => {
                self.asked.last_key_value()
            }
            Socket::OfRequest(asked) => self.asked.get_key_value(&asked),
        };
        let (asked, lock) = asked.ok_or(DropReason::NoEcho)?;
        Ok(Body::Reply {
            lock: lock.clone(),
            clock,
            echo: RequestId {
                clock: *asked,
                incarnation,
            },
        })
    }

    /// The algorithm itself refuses a sender that is no member.
    fn check_host(&self, from: NodeId, source: SocketAddr) -> Result<(), DropReason> {
        if !self.group.has(from) || self.group.is_at(from, source.ip()) {
            return Ok(());
        }
        let expected = self.group.address(from);
        Err(DropReason::ForeignHost { from, expected })
    }
}

#[cfg(test)]
mod tests;
