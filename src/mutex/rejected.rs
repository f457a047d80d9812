//! Why a member may refuse an event.

use core::{error, fmt};

use super::clock::{ClockError, NodeId};

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// This member has requested or holds the lock already.
    NotFree,
    /// No request waits here, so there is nothing to cancel.
    NotWaiting,
    /// This member is not in the critical section.
    NotHeld,
    /// This many tokens cannot be delegated: none, or more than the clock may get ahead
    /// of a peer ([`super::Config::ahead`]), or any before all clocks are known. After
    /// leaving and entering again, a quarter of `ahead` can be delegated.
    NotDelegated(u64),
    /// The sender is not in the member list.
    UnknownMember(NodeId),
    /// The sender has our own id.
    OwnId(NodeId),
    /// The peer has made a newer request since.
    Superseded,
    /// A request for one lock more than are remembered while clocks are not known.
    TooManyLocks,
    /// A reply while no request waits for one.
    UnexpectedReply,
    /// A reply to another request than the current one (rule 2).
    StaleReply,
    /// A second reply from the same member (rule 3).
    DuplicateReply,
    /// A welcome to another run of this member.
    StaleWelcome,
    /// Permissions do not count while another node has our id.
    DuplicateId,
    /// The received clock is not plausible, or ours is at its end.
    Clock(ClockError),
    /// A request or reply of another view than the own one (failover, rule 8).
    OtherView,
    /// The timer's purpose no longer exists.
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
                    "cannot delegate {entries} tokens before the peers are asked again"
                );
            }
            Rejected::UnknownMember(id) => return write!(f, "id {id} is no member's"),
            Rejected::OwnId(id) => return write!(f, "id {id} is our own"),
            Rejected::Superseded => "superseded by a newer request",
            Rejected::TooManyLocks => "too many locks are requested before all clocks are known",
            Rejected::UnexpectedReply => "no request of ours waits for a reply",
            Rejected::StaleReply => "it does not answer our current request",
            Rejected::DuplicateReply => "that member has replied already",
            Rejected::StaleWelcome => "it answers another run of this member",
            Rejected::DuplicateId => "another node has this member's id",
            Rejected::Clock(error) => return error.fmt(f),
            Rejected::OtherView => "it belongs to another view",
            Rejected::StaleTimer => "the timer is stale",
        })
    }
}

impl error::Error for Rejected {}
