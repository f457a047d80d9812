//! The program of a member: a turno node, or a process of the original.

use crate::group::Group;
use crate::mutex::State;
use crate::protocol::Member;
use crate::simulation::original_peer::OriginalPeer;
use crate::transport::Transport;

/// The program of a member.
#[derive(Clone, Debug)]
pub enum Program {
    /// A turno node: the algorithm, and its transport.
    Turno(Box<Member>, Transport),
    /// A process of the original.
    Original(OriginalPeer, Group),
}

impl Program {
    /// Its state: FREE, WAIT or HELD.
    pub fn state(&self) -> String {
        match self {
            Program::Turno(member, _) => member.state(&Default::default()).to_string(),
            Program::Original(peer, _) => peer.state().to_owned(),
        }
    }

    /// Whether it is in the critical section.
    pub fn is_held(&self) -> bool {
        match self {
            Program::Turno(member, _) => {
                matches!(member.state(&Default::default()), State::Held { .. })
            }
            Program::Original(peer, _) => peer.is_held(),
        }
    }

    /// Its clock.
    pub fn clock(&self) -> u64 {
        match self {
            Program::Turno(member, _) => member.clock(),
            Program::Original(peer, _) => peer.clock,
        }
    }

    /// The clock of its latest request; `None` before the first.
    pub fn last_request_clock(&self) -> Option<u64> {
        match self {
            Program::Turno(member, _) => member.last_request_clock(),
            Program::Original(peer, _) => peer.last_request_clock,
        }
    }
}
