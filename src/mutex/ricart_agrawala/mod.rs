//! The algorithm for one lock: FREE → WAIT → HELD, and the reply queue.
//!
//! Quotations are from Ricart and Agrawala 1981. Six rules keep it safe on a
//! network that loses, repeats and reorders:
//!
//! 1. a new request has a new clock, and is sent again with the same clock;
//! 2. a reply counts only while its echo is the current request;
//! 3. replies are a set of senders, never a number;
//! 4. a reply carries the replier's clock as it is sent, and the receiver goes
//!    strictly past it;
//! 5. requests are ordered by (clock, id);
//! 6. a member's clock never goes back, whatever happens to its node.
//!
//! # Kept permissions
//!
//! O. S. F. Carvalho and G. Roucairol, "On Mutual Exclusion in Computer
//! Networks", Communications of the ACM 26(2), 1983: a permission lasts until it
//! is asked back. So a member that enters again before anybody else has asked
//! sends nothing, and an entry costs between 0 and 2(N-1) messages.
//!
//! Of a pair at most one holds the other's permission: from when the reply to its
//! current request counts, until it replies to the other one itself. That neither
//! holds it is always safe, so a FREE or HELD lock may forget what it holds at any
//! time, as it does in a crash. The rules are as above, but for two:
//!
//! - only those are asked whose permission is missing;
//! - whoever waits and replies to an older request of a peer whose permission it
//!   has kept gives that away with the reply, and asks for it again, with the
//!   request's own clock.
//!
//! A request that arrives again with the reply that it got before needs no second
//! thought. If we hold the peer's permission, it was given after that reply, and
//! to a younger request of ours; so the peer had done with its own.
//!
//! Tokens rise as ever. Whoever enters holds the permission of whoever was in the
//! section before it, and that one gave it after it had left, with its clock of
//! that moment. But the requests' own clocks may come out of order: who has all
//! permissions does not ask whether somebody else's request is on its way.

mod context;
#[cfg(test)]
mod model_hooks;
mod requester;
mod responder;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use super::clock::{NodeId, Timestamp};
use super::effect::Effect;
use super::message::{Incarnation, Origin, RequestId};
use super::planted::planted;
use super::rejected::Rejected;
use super::token::Token;
pub(crate) use context::Context;

/// What a member does about the critical section of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing.
    #[default]
    Free,
    /// It has asked, and somebody has not replied yet.
    Wait {
        /// The request.
        request: Timestamp,
        /// Who has not replied: a set of members, never a number (rule 3).
        missing: BTreeSet<NodeId>,
    },
    /// It is in the critical section.
    Held {
        /// The fencing token of this entry.
        token: Token,
    },
}

/// The seed's word for the state.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Free => "FREE",
            State::Wait { .. } => "WAIT",
            State::Held { .. } => "HELD",
        })
    }
}

/// A request whose reply waits until we have left the section ourselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deferred {
    /// The request.
    pub request: Timestamp,
    /// The program that made it.
    pub origin: Origin,
    /// Where its reply goes, if not to the address in the member list.
    pub reply_to: Option<SocketAddr>,
}

impl Deferred {
    /// What an answer says of it. A seed peer reads no echo, and has no
    /// incarnation.
    fn echo(&self) -> RequestId {
        let incarnation = match self.origin {
            Origin::Turno(incarnation) => incarnation,
            Origin::Seed => Incarnation(0),
        };
        let clock = self.request.clock;
        RequestId { clock, incarnation }
    }
}

/// One lock, as one member sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RicartAgrawala {
    pub(crate) state: State,
    pub(crate) reply_queue: Vec<Deferred>,
    /// Whose permission is ours until we reply to them: turno nodes that have
    /// replied to us. A seed peer's serves one entry.
    kept: BTreeSet<NodeId>,
    /// The latest request of each turno peer.
    latest: BTreeMap<NodeId, Latest>,
    /// Of a planted bug: who replied when nobody had asked.
    #[cfg(test)]
    early: BTreeSet<NodeId>,
    /// Of a planted bug: the clock of the request that was given up last.
    #[cfg(test)]
    given_up: Option<u64>,
}

/// The latest request of a peer, and our reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Latest {
    request: u64,
    origin: Origin,
    /// The clock of our reply; none while it is deferred.
    replied: Option<u64>,
}

impl RicartAgrawala {
    /// A lock that nobody is known to want, with what was kept of it.
    pub(crate) fn with_permissions(kept: BTreeSet<NodeId>) -> Self {
        RicartAgrawala {
            kept,
            ..RicartAgrawala::default()
        }
    }

    /// What outlasts a lock that nobody wants any more.
    pub(crate) fn into_permissions(self) -> BTreeSet<NodeId> {
        self.kept
    }

    /// FREE, WAIT or HELD.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whose replies wait until we leave, in the order in which they asked.
    #[must_use]
    pub fn reply_queue(&self) -> &[Deferred] {
        &self.reply_queue
    }

    /// Whose permission we hold until we reply to them. While we wait, others may
    /// have replied to this request alone: seed peers.
    #[must_use]
    pub fn kept(&self) -> &BTreeSet<NodeId> {
        &self.kept
    }

    /// Nobody here or elsewhere is known to want it.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Free && self.reply_queue.is_empty()
    }

    fn enter(&mut self, cx: &mut Context<'_>) {
        let token = cx.clock.token();
        self.state = State::Held { token };
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Enter { lock, token });
    }

    /// Clocks for further entries within this stay. They are past the token of the
    /// entry, and whatever is said from now on is past them.
    pub(crate) fn delegate(&mut self, cx: &mut Context<'_>, entries: u64) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        // An earlier run may have had some lent to this entry already, and only the
        // others' clocks tell how many.
        let is_syncing = cx.is_syncing && !planted!(cx.config, ResumedLendsUnheard);
        let mut peers = cx.peers.iter();
        if is_syncing || !peers.all(|peer| cx.may_get_ahead_of(*peer, entries)) {
            return Err(Rejected::NotDelegated(entries));
        }
        let tokens = cx
            .clock
            .delegate(entries)?
            .ok_or(Rejected::NotDelegated(entries))?;
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Delegated { lock, tokens });
        Ok(())
    }

    /// An earlier run was in the critical section with this token, and what it did
    /// there goes on: the entry is this run's now. Every permission that it had
    /// still stands, for nobody was answered since.
    pub(crate) fn resume(&mut self, token: Token) {
        self.state = State::Held { token };
    }

    pub(crate) fn release(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        cx.effects.push(Effect::Leave {
            lock: cx.lock.clone(),
            clock: cx.clock.now(),
        });
        if cx.is_syncing && !planted!(cx.config, ResumedAnswersUnheard) {
            // An entry of an earlier run: nobody is answered before all clocks are
            // heard.
            self.state = State::Free;
        } else {
            self.answer_all(cx);
        }
        Ok(())
    }
}
