//! What was seen of each peer: how fast it answers, how often it had to be asked
//! again, and why it is not believed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mutex::{Body, Effect, Message, NodeId};
use crate::transport::DropReason;

/// What was seen of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerStats {
    /// The fastest reply to a request that was sent once. Others may have been
    /// deferred.
    pub(crate) fastest_reply: Option<Duration>,
    /// How many datagrams were sent again, for want of an answer.
    pub(crate) sent_again: u64,
    /// Why the latest datagram in its name was dropped, if it was. Anybody may have
    /// sent that. What is heard without being of use is not dropped.
    pub(crate) dropped: Option<DropReason>,
    /// The latest request, unless it was answered or sent again, and when it was
    /// sent.
    asked: Option<(u64, Instant)>,
}

/// What was seen of every peer.
#[derive(Debug, Default)]
pub(super) struct AllPeerStats(BTreeMap<NodeId, PeerStats>);

impl AllPeerStats {
    /// This is sent.
    pub(super) fn sends(&mut self, effect: &Effect) {
        let Effect::Send {
            to,
            message,
            repetition,
            ..
        } = effect
        else {
            return;
        };
        let stats = self.0.entry(*to).or_default();
        match message.body {
            Body::Request { clock, .. } if *repetition == 0 => {
                stats.asked = Some((clock, Instant::now()));
            }
            Body::Request { .. } | Body::Hello if *repetition > 0 => {
                stats.sent_again += 1;
                stats.asked = None;
            }
            _ => {}
        }
    }

    /// A datagram that names this peer as its sender was dropped.
    pub(super) fn dropped(&mut self, from: NodeId, why: DropReason) {
        self.0.entry(from).or_default().dropped = Some(why);
    }

    /// This was heard of a peer, and not dropped: which is not to say that it was of
    /// use. A reply that comes late or twice shows as well that the peer is
    /// believed.
    pub(super) fn heard(&mut self, message: &Message) {
        let Some(stats) = self.0.get_mut(&message.from) else {
            return;
        };
        stats.dropped = None;
        if let Body::Reply { echo, .. } = message.body
            && let Some((_, at)) = stats.asked.take_if(|(clock, _)| *clock == echo.clock)
        {
            let took = at.elapsed();
            let fastest = stats.fastest_reply.map_or(took, |it| it.min(took));
            stats.fastest_reply = Some(fastest);
        }
    }

    /// By peer.
    pub(super) fn by_peer(&self) -> &BTreeMap<NodeId, PeerStats> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutex::{Incarnation, LockName, Origin, RequestId};

    const PEER: NodeId = NodeId(2);

    fn request(clock: u64, repetition: u32) -> Effect {
        let lock = LockName::default();
        Effect::Send {
            to: PEER,
            reply_to: None,
            message: Message {
                from: NodeId(1),
                origin: Origin::Turno(Incarnation(1)),
                body: Body::Request { lock, clock },
            },
            repetition,
        }
    }

    fn reply(to: u64) -> Message {
        Message {
            from: PEER,
            origin: Origin::Turno(Incarnation(2)),
            body: Body::Reply {
                lock: LockName::default(),
                clock: to + 1,
                echo: RequestId {
                    clock: to,
                    incarnation: Incarnation(1),
                },
            },
        }
    }

    #[test]
    fn only_the_reply_to_a_request_that_was_sent_once_is_timed() {
        let mut peer_stats = AllPeerStats::default();
        peer_stats.sends(&request(2, 0));
        peer_stats.heard(&reply(1));
        assert_eq!(peer_stats.by_peer()[&PEER].fastest_reply, None);
        peer_stats.sends(&request(2, 1));
        peer_stats.heard(&reply(2));
        assert_eq!(peer_stats.by_peer()[&PEER].fastest_reply, None);
        assert_eq!(peer_stats.by_peer()[&PEER].sent_again, 1);
        peer_stats.sends(&request(4, 0));
        peer_stats.heard(&reply(4));
        assert!(peer_stats.by_peer()[&PEER].fastest_reply.is_some());
    }

    #[test]
    fn why_a_peer_is_not_believed_is_forgotten_when_it_is() {
        let mut peer_stats = AllPeerStats::default();
        let why = DropReason::Forged;
        peer_stats.dropped(PEER, why);
        assert_eq!(peer_stats.by_peer()[&PEER].dropped, Some(why));
        peer_stats.heard(&reply(1));
        assert_eq!(peer_stats.by_peer()[&PEER].dropped, None);
    }
}
