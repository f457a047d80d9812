//! What members say to each other about views. The text of the datagrams is in
//! [`crate::wire`].

use alloc::collections::{BTreeMap, BTreeSet};
use core::fmt;

use super::configuration::Configured;
use crate::mutex::{Incarnation, NodeId, ViewNumber};

/// A view: the members that go on together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct View {
    /// Its number.
    pub number: ViewNumber,
    /// The members in it, S.
    pub members: BTreeSet<NodeId>,
    /// Every token of an older view is below this.
    pub floor: u64,
    /// The configured members, C. If the number of that is the view's, the view changes them.
    pub configuration: Configured,
}

/// Which beat: of which run of its sender, and which one of that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce {
    /// The run.
    pub incarnation: Incarnation,
    /// Counts the beats of the run from 1.
    pub counter: u64,
}

/// A message about views.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ViewMessage {
    /// The sender is up (rule 1).
    Beat(Beat),
    /// The receiver's beat is acknowledged (rule 2).
    Acknowledge(Nonce),
    /// The sender proposes a view.
    Propose {
        /// Its number.
        number: ViewNumber,
        /// Its members.
        members: BTreeSet<NodeId>,
        /// The configured members that the sender has adopted, or a change of them: then
        /// its number is that of the view.
        configuration: Configured,
    },
    /// The sender votes for the receiver's proposal (rule 4).
    Vote {
        /// The number of the view.
        number: ViewNumber,
        /// The members of the view. A proposer that has forgotten an earlier proposal may
        /// use its number again.
        members: BTreeSet<NodeId>,
        /// That of the proposal.
        configuration: Configured,
        /// The sender's clock is, and was in every earlier run, below this.
        below: u64,
    },
    /// A majority has voted for this view (rule 6).
    Decision(View),
    /// The sender holds nothing, and uses no lease any more (rule 10).
    Leave(Nonce),
}

/// A heartbeat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Beat {
    /// Which beat of the sender it is.
    pub nonce: Nonce,
    /// The number of the view that the sender has joined; [`ViewNumber::FIRST`] if it
    /// is in none.
    pub view: ViewNumber,
    /// The highest number that the sender has voted for.
    pub promised: ViewNumber,
    /// The sender's tokens are below this.
    pub below: u64,
    /// The last beat that the sender has heard of each member.
    pub heard: BTreeMap<NodeId, Nonce>,
    /// Whether the sender votes and replies: it does not while it has still to hear others,
    /// because it may have forgotten what it promised.
    pub takes_part: bool,
    /// The member that the sender was asked to remove from the group.
    pub removes: Option<NodeId>,
}

impl fmt::Display for ViewMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewMessage::Beat(beat) => write!(f, "beat {}", beat.nonce.counter),
            ViewMessage::Acknowledge(nonce) => write!(f, "acknowledge {}", nonce.counter),
            ViewMessage::Propose { number, .. } => write!(f, "propose {number}"),
            ViewMessage::Vote { number, .. } => write!(f, "vote {number}"),
            ViewMessage::Decision(view) => write!(f, "decision {}", view.number),
            ViewMessage::Leave(nonce) => write!(f, "leave {}", nonce.counter),
        }
    }
}
