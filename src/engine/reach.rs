//! Which peers this member reaches: a link may work one way only. Each peer says when it
//! last heard this member.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::mutex::{Incarnation, NodeId};
use crate::wire::Heard;

/// A peer must have said for so long that it does not hear this member: what it says just
/// after the start of one of the two is of before.
const MIN_DEAF: Duration = Duration::from_secs(5);

/// What a peer has said is believed for this time. A peer that hears nothing sends hellos,
/// a minute and a quarter apart at most.
const MAX_AGE: Duration = Duration::from_secs(90);

/// What one peer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    /// When it said so.
    at: Instant,
    /// When it last heard this member. `None`: never, or that is not known.
    heard: Option<Instant>,
    /// Since when it has said that it does not hear this member, if it does.
    deaf_since: Option<Instant>,
}

/// What all peers say.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    said: BTreeMap<NodeId, Said>,
    /// The run of the latest hello of each peer.
    greeted: BTreeMap<NodeId, Incarnation>,
}

impl Reach {
    /// A peer says when it last heard this member, which sends it something so often that
    /// it hears this member in `max_silence`. `None`: this member sends nothing when idle.
    pub(super) fn says(
        &mut self,
        peer: NodeId,
        heard: Heard,
        max_silence: Option<Duration>,
        now: Instant,
    ) {
        let heard = heard.ago();
        let is_deaf = match (heard, max_silence) {
            (None, _) => true,
            (Some(ago), Some(max)) => ago > max,
            (Some(_), None) => false,
        };
        // A time of before this machine was started is none.
        let heard = heard.and_then(|ago| now.checked_sub(ago));
        self.note(peer, heard, is_deaf, now);
    }

    /// A peer says hello. Each is answered, so a run says hello again if no answer arrived.
    pub(super) fn greets(&mut self, peer: NodeId, run: Incarnation, now: Instant) {
        if self.greeted.insert(peer, run) == Some(run) {
            let heard = self.said.get(&peer).and_then(|said| said.heard);
            self.note(peer, heard, true, now);
        }
    }

    /// A peer has answered this member.
    pub(super) fn answers(&mut self, peer: NodeId, now: Instant) {
        self.note(peer, Some(now), false, now);
    }

    fn note(&mut self, peer: NodeId, heard: Option<Instant>, is_deaf: bool, now: Instant) {
        let before = self.said.get(&peer).and_then(|said| said.deaf_since);
        let deaf_since = is_deaf.then(|| before.unwrap_or(now));
        let said = Said {
            at: now,
            heard,
            deaf_since,
        };
        self.said.insert(peer, said);
    }

    /// When a peer last heard this member, as it says. `None`: never, or it does not say so.
    pub(crate) fn heard_by(&self, peer: NodeId) -> Option<Instant> {
        self.said.get(&peer)?.heard
    }

    /// Whether a peer hears this member. `None`: it has not said so lately, or not for long
    /// enough.
    pub(crate) fn reaches(&self, peer: NodeId, max_silence: Option<Duration>) -> Option<bool> {
        let said = self.said.get(&peer)?;
        if said.at.elapsed() > max_silence.unwrap_or_default().max(MAX_AGE) {
            return None;
        }
        match said.deaf_since {
            None => Some(true),
            Some(since) if said.at.duration_since(since) >= MIN_DEAF => Some(false),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(3);
    const SECOND: Duration = Duration::from_secs(1);
    const MAX_SILENCE: Option<Duration> = Some(Duration::from_secs(35));

    fn ago(seconds: u64) -> Heard {
        Heard::MillisAgo(seconds * 1000)
    }

    /// What is known of a peer that said this, so many seconds ago each.
    fn after(said: &[(u32, Heard)]) -> Reach {
        let mut reach = Reach::default();
        let now = Instant::now();
        for (seconds, heard) in said {
            let at = now.checked_sub(SECOND * *seconds).unwrap();
            reach.says(PEER, *heard, MAX_SILENCE, at);
        }
        reach
    }

    #[test]
    fn a_peer_that_has_heard_this_member_lately_is_reached() {
        let reach = after(&[(2, ago(30))]);
        assert_eq!(reach.reaches(PEER, MAX_SILENCE), Some(true));
        let heard = reach.heard_by(PEER).unwrap().elapsed();
        assert!(heard >= SECOND * 32 && heard < SECOND * 60, "{heard:?}");
        assert_eq!(reach.reaches(NodeId(2), MAX_SILENCE), None);
    }

    #[test]
    fn a_peer_that_does_not_hear_this_member_for_long_is_not_reached() {
        let reach = after(&[(20, ago(30)), (10, ago(40)), (0, ago(50))]);
        assert_eq!(reach.reaches(PEER, MAX_SILENCE), Some(false));
        let never = after(&[(10, Heard::Never), (0, Heard::Never)]);
        assert_eq!(never.reaches(PEER, MAX_SILENCE), Some(false));
        assert_eq!(never.heard_by(PEER), None);
    }

    #[test]
    fn what_a_peer_says_at_the_start_of_one_of_the_two_proves_nothing() {
        for heard in [ago(3600), Heard::Never] {
            let mut reach = after(&[(4, heard), (0, heard)]);
            assert_eq!(reach.reaches(PEER, MAX_SILENCE), None);
            reach.answers(PEER, Instant::now());
            assert_eq!(reach.reaches(PEER, MAX_SILENCE), Some(true));
        }
    }

    #[test]
    fn what_a_peer_said_long_ago_is_not_known_any_more() {
        let reach = after(&[(91, ago(1))]);
        assert_eq!(reach.reaches(PEER, MAX_SILENCE), None);
        assert_eq!(reach.reaches(PEER, Some(SECOND * 100)), Some(true));
    }

    #[test]
    fn a_member_that_sends_nothing_when_idle_does_not_expect_to_be_heard() {
        let mut reach = Reach::default();
        let now = Instant::now();
        for seconds in [20, 0] {
            let at = now.checked_sub(SECOND * seconds).unwrap();
            reach.says(PEER, ago(3600), None, at);
        }
        assert_eq!(reach.reaches(PEER, None), Some(true));
    }

    #[test]
    fn a_run_that_says_hello_again_and_again_hears_no_answer() {
        let mut reach = Reach::default();
        let now = Instant::now();
        let greets = |reach: &mut Reach, run: u64, seconds: u32| {
            let at = now.checked_sub(SECOND * seconds).unwrap();
            reach.greets(PEER, Incarnation(run), at);
        };
        greets(&mut reach, 1, 60);
        greets(&mut reach, 2, 30);
        assert_eq!(reach.reaches(PEER, None), None);
        greets(&mut reach, 2, 29);
        assert_eq!(reach.reaches(PEER, None), None);
        greets(&mut reach, 2, 20);
        assert_eq!(reach.reaches(PEER, None), Some(false));
        reach.answers(PEER, now);
        assert_eq!(reach.reaches(PEER, None), Some(true));
    }
}
