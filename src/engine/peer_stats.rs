//! What was measured of each peer: how fast it answers, how often it was asked again,
//! and why its datagrams are dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mutex::{Body, Effect, Message, NodeId};
use crate::transport::DropReason;

/// A member that runs sends more often than that.
const MAX_DROP_AGE: Duration = Duration::from_secs(30);

/// What was measured of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerStats {
    /// The fastest reply to a request that was sent once. Slower ones may have been
    /// deferred.
    pub(crate) fastest_reply: Option<Duration>,
    /// How many datagrams were sent again because no answer came.
    pub(crate) sent_again: u64,
    /// Why the latest datagram in its name was dropped, if it was, and when.
    dropped: Option<(DropReason, Instant)>,
    /// The clock of the latest request and when it was sent, until it is answered or
    /// sent again.
    asked: Option<(u64, Instant)>,
}

impl PeerStats {
    /// Why the latest datagram in its name was dropped, if that was lately: the member may
    /// have been stopped, or its key changed. Anybody may have sent that datagram.
    pub(crate) fn dropped(&self) -> Option<DropReason> {
        let (reason, at) = self.dropped?;
        (at.elapsed() < MAX_DROP_AGE).then_some(reason)
    }
}

/// What was measured of every peer.
#[derive(Debug, Default)]
pub(super) struct AllPeerStats {
    pub(super) by_peer: BTreeMap<NodeId, PeerStats>,
}

impl AllPeerStats {
    /// A message is sent.
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
        let stats = self.by_peer.entry(*to).or_default();
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

    /// A datagram that names this peer as its sender is dropped.
    pub(super) fn dropped(&mut self, from: NodeId, reason: DropReason) {
        self.by_peer.entry(from).or_default().dropped = Some((reason, Instant::now()));
    }

    /// This peer has said that it is up.
    pub(super) fn up(&mut self, from: NodeId) {
        self.by_peer.entry(from).or_default().dropped = None;
    }

    /// A valid message of this peer arrived, even if late or repeated.
    pub(super) fn heard(&mut self, message: &Message) {
        let Some(stats) = self.by_peer.get_mut(&message.from) else {
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
                view: None,
                body: Body::Request {
                    lock,
                    clock,
                    is_try: false,
                },
            },
            repetition,
        }
    }

    fn reply(to: u64) -> Message {
        Message {
            from: PEER,
            origin: Origin::Turno(Incarnation(2)),
            view: None,
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
    fn only_a_reply_to_a_request_that_was_sent_once_is_timed() {
        let mut peer_stats = AllPeerStats::default();
        peer_stats.sends(&request(2, 0));
        peer_stats.heard(&reply(1));
        assert_eq!(peer_stats.by_peer[&PEER].fastest_reply, None);
        peer_stats.sends(&request(2, 1));
        peer_stats.heard(&reply(2));
        assert_eq!(peer_stats.by_peer[&PEER].fastest_reply, None);
        assert_eq!(peer_stats.by_peer[&PEER].sent_again, 1);
        peer_stats.sends(&request(4, 0));
        peer_stats.heard(&reply(4));
        assert!(peer_stats.by_peer[&PEER].fastest_reply.is_some());
    }

    #[test]
    fn a_valid_message_clears_the_reason_of_the_last_drop() {
        let mut peer_stats = AllPeerStats::default();
        let why = DropReason::Forged;
        peer_stats.dropped(PEER, why);
        assert_eq!(peer_stats.by_peer[&PEER].dropped(), Some(why));
        let before = Instant::now().checked_sub(MAX_DROP_AGE).unwrap();
        let stats = peer_stats.by_peer.get_mut(&PEER).unwrap();
        stats.dropped = Some((why, before));
        assert_eq!(stats.dropped(), None, "it is not repeated for ever");
        peer_stats.dropped(PEER, why);
        peer_stats.heard(&reply(1));
        assert_eq!(peer_stats.by_peer[&PEER].dropped(), None);
    }
}
