//! What was measured of each peer: how fast it answers, how often it was asked again,
//! and why its datagrams are dropped.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mutex::{Body, Effect, Message, NodeId};
use crate::transport::DropReason;

/// A member that runs sends more often than that.
const MAX_DROP_AGE: Duration = Duration::from_secs(30);

/// A welcome takes less than this.
const MAX_WELCOME: Duration = Duration::from_secs(10);

/// The clock of a hello: no request has it.
const HELLO: u64 = 0;

/// What was measured of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerStats {
    /// The fastest answer to a request, a hello or a beat that was sent once. Slower replies
    /// may have been deferred.
    pub(crate) fastest_reply: Option<Duration>,
    /// How many datagrams were sent again because no answer came.
    pub(crate) sent_again: u64,
    /// Why the latest datagram in its name was dropped, if it was, and when.
    dropped: Option<(DropReason, Instant)>,
    /// The clock of the latest request or hello and when it was sent, until it is answered
    /// or sent again.
    asked: Option<(u64, Instant)>,
    /// When the latest hello was sent.
    greeted: Option<Instant>,
}

impl PeerStats {
    fn has_just_greeted(&self) -> bool {
        let greeted = self.greeted.map(|at| at.elapsed());
        greeted.is_some_and(|ago| ago < MAX_WELCOME)
    }

    fn measured(&mut self, took: Duration) {
        let fastest = self.fastest_reply.map_or(took, |it| it.min(took));
        self.fastest_reply = Some(fastest);
    }

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
            // The welcome may be that to an earlier one.
            Body::Hello if stats.has_just_greeted() => stats.asked = None,
            Body::Hello => stats.asked = Some((HELLO, Instant::now())),
            _ => {}
        }
        if message.body == Body::Hello {
            stats.greeted = Some(Instant::now());
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
        let echo = match message.body {
            Body::Reply { echo, .. } => echo.clock,
            Body::Welcome { .. } => HELLO,
            _ => return,
        };
        if let Some((_, at)) = stats.asked.take_if(|(clock, _)| *clock == echo) {
            stats.measured(at.elapsed());
        }
    }

    /// A peer has answered in this time.
    pub(super) fn measured(&mut self, from: NodeId, took: Duration) {
        self.by_peer.entry(from).or_default().measured(took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutex::{Incarnation, LockName, Mode, Origin, RequestId};

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
                    mode: Mode::Exclusive,
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

    fn hello() -> Effect {
        let mut hello = request(2, 0);
        if let Effect::Send { message, .. } = &mut hello {
            message.body = Body::Hello;
        }
        hello
    }

    fn welcome() -> Message {
        let (clock, to, again) = (7, Incarnation(1), false);
        let body = Body::Welcome { clock, to, again };
        Message { body, ..reply(2) }
    }

    #[test]
    fn a_welcome_is_timed_unless_two_hellos_may_have_asked_for_it() {
        let mut peer_stats = AllPeerStats::default();
        peer_stats.sends(&hello());
        peer_stats.sends(&hello());
        peer_stats.heard(&welcome());
        assert_eq!(peer_stats.by_peer[&PEER].fastest_reply, None);
        let mut peer_stats = AllPeerStats::default();
        peer_stats.sends(&hello());
        peer_stats.heard(&welcome());
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
