//! Why a member may refuse an event.

use core::{error, fmt};

use super::clock::{ClockError, NodeId};

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The lock is wanted here already, or held.
    NotFree,
    /// Nobody waits here, so there is nothing to give up.
    NotWaiting,
    /// Nobody here is in the critical section, so nobody leaves it.
    NotHeld,
    /// So many tokens are not lent: none, or more than it may get ahead of a peer
    /// ([`super::Config::ahead`]), or any before all clocks are heard. Whoever leaves
    /// and enters again may have a quarter of `ahead` lent.
    NotDelegated(u64),
    /// The sender is not in the member list.
    NoMember(NodeId),
    /// The sender gives our id as its own.
    OwnId(NodeId),
    /// The peer has made a newer request since.
    Superseded,
    /// A request for one lock more than can be kept in mind while not all clocks
    /// are heard.
    TooManyLocks,
    /// A reply while no request waits for one.
    NotAwaited,
    /// A reply to another request than the current one (rule 2).
    StaleReply,
    /// A second reply from the same member (rule 3).
    RepeatedReply,
    /// A welcome to an earlier run of this member.
    StaleWelcome,
    /// A permission, while another node claims to be this member.
    Claimed,
    /// The received clock cannot be believed, or ours is at its end.
    Clock(ClockError),
    /// A timer of something that is done with.
    StaleTimer,
}

impl From<ClockError> for Rejected {
    fn from(error: ClockError) -> Self {
        Rejected::Clock(error)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rejected::NotFree => "already waiting, or in the critical section",
            Rejected::NotWaiting => "not waiting",
            Rejected::NotHeld => "not in the critical section",
            Rejected::NotDelegated(entries) => {
                return write!(
                    f,
                    "{entries} tokens are not lent before others are asked again"
                );
            }
            Rejected::NoMember(id) => return write!(f, "id {id} is no member's"),
            Rejected::OwnId(id) => return write!(f, "id {id} is our own"),
            Rejected::Superseded => "overtaken by a newer request",
            Rejected::TooManyLocks => "too many locks are asked for before all clocks are heard",
            Rejected::NotAwaited => "no request of ours waits for a reply",
            Rejected::StaleReply => "it does not answer our current request",
            Rejected::RepeatedReply => "that member has replied already",
            Rejected::StaleWelcome => "it answers another run of this member",
            Rejected::Claimed => "another node claims to be this member",
            Rejected::Clock(error) => return error.fmt(f),
            Rejected::StaleTimer => "the timer is stale",
        })
    }
}

impl error::Error for Rejected {}
