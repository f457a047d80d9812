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
mod searched;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use super::clock::{NodeId, Timestamp};
use super::effect::Effect;
use super::event::Timer;
use super::message::{Echo, Incarnation, Origin};
use super::planted::planted;
use super::rejected::Rejected;
use super::token::Token;
pub(super) use context::Context;

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
    fn echo(&self) -> Echo {
        let incarnation = match self.origin {
            Origin::Turno(incarnation) => incarnation,
            Origin::Seed => Incarnation(0),
        };
        let clock = self.request.clock;
        Echo { clock, incarnation }
    }
}

/// How many requests of one seed peer are kept in the reply queue. It makes one
/// at a time; more than one come of a peer that was started anew, or of
/// somebody who pretends to be it.
const MOST_OF_A_SEED: usize = 8;

/// One lock, as one member sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RicartAgrawala {
    pub(super) state: State,
    pub(super) reply_queue: Vec<Deferred>,
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
    pub(super) fn with_permissions(kept: BTreeSet<NodeId>) -> Self {
        RicartAgrawala {
            kept,
            ..RicartAgrawala::default()
        }
    }

    /// What outlasts a lock that nobody wants any more.
    pub(super) fn into_permissions(self) -> BTreeSet<NodeId> {
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
    pub(super) fn is_idle(&self) -> bool {
        self.state == State::Free && self.reply_queue.is_empty()
    }

    /// "A node enters its critical section after all other nodes have been
    /// notified of the request and have sent a reply granting their
    /// permission." The clock has ticked for the request. Whose permission was
    /// kept is not asked.
    pub(super) fn acquire(&mut self, cx: &mut Context<'_>) {
        let request = cx.clock.now();
        #[cfg(test)]
        let request = match self.given_up.take() {
            Some(given_up) if planted!(cx.config, ClockReused) => given_up,
            _ => request,
        };
        self.kept.retain(|peer| cx.may_leave_unasked(*peer));
        let missing = cx.peers - &self.kept;
        if missing.is_empty() {
            return self.enter(cx);
        }
        self.state = State::Wait {
            request: cx.stamp(request),
            missing,
        };
        self.send_request(cx, request, 0);
        #[cfg(test)]
        self.count_early(cx);
    }

    /// Of a planted bug.
    #[cfg(test)]
    fn count_early(&mut self, cx: &mut Context<'_>) {
        let early = core::mem::take(&mut self.early);
        if let State::Wait { missing, .. } = &mut self.state {
            missing.retain(|peer| !early.contains(peer));
            if missing.is_empty() {
                self.enter(cx);
            }
        }
    }

    /// The datagrams may be lost: ask again, with the same clock (rule 1).
    pub(super) fn resend(
        &mut self,
        cx: &mut Context<'_>,
        of_timer: u64,
        sent: u32,
    ) -> Result<(), Rejected> {
        match &mut self.state {
            State::Wait { request, .. } if request.clock == of_timer => {
                if planted!(cx.config, NeverResent) {
                    return Ok(());
                }
                if planted!(cx.config, ResentWithNewClock) {
                    request.clock = cx.clock.tick()?;
                }
                let clock = request.clock;
                self.send_request(cx, clock, sent);
                Ok(())
            }
            _ => Err(Rejected::StaleTimer),
        }
    }

    fn send_request(&self, cx: &mut Context<'_>, request: u64, sent: u32) {
        let State::Wait { missing, .. } = &self.state else {
            return;
        };
        for peer in missing {
            cx.send_request(*peer, request, sent);
        }
        let timer = Timer::Resend {
            lock: cx.lock.clone(),
            request,
            sent: sent.saturating_add(1),
        };
        let after = cx.config.pace.after(sent);
        cx.effects.push(Effect::SetTimer { timer, after });
    }

    /// The clock of our request, if it waits for this peer's reply.
    pub(super) fn request_missing(&self, peer: NodeId) -> Option<u64> {
        match &self.state {
            State::Wait { request, missing } if missing.contains(&peer) => Some(request.clock),
            _ => None,
        }
    }

    /// Whether the request of this clock waits for replies.
    pub(super) fn is_asking(&self, clock: u64) -> bool {
        matches!(&self.state, State::Wait { request, .. } if request.clock == clock)
    }

    pub(super) fn receive_request(
        &mut self,
        cx: &mut Context<'_>,
        asked: Deferred,
    ) -> Result<(), Rejected> {
        if asked.origin == Origin::Seed {
            // Its clock may go back, when it was started anew, and it asks once:
            // all that it asks is answered.
            if !self.reply_queue.contains(&asked) {
                cx.receive(asked.request.clock)?;
                self.answer_or_defer(cx, asked);
            }
            return Ok(());
        }
        // A turno peer's clock never goes back (rule 6).
        let (peer, clock) = (asked.request.id, asked.request.clock);
        let latest = self.latest.get(&peer).copied();
        match latest {
            Some(latest) if clock < latest.request && asked.origin == latest.origin => {
                return Err(Rejected::Overtaken);
            }
            Some(latest) if clock < latest.request => {
                // By a request of another run. If that was an earlier one, whoever
                // asks now must ask with a new clock.
                cx.send_overtaken(&asked);
                return Ok(());
            }
            Some(latest) if clock == latest.request && asked.origin == latest.origin => {
                // It was sent again, because no reply came: no event for the
                // clock. The same reply is sent again too; so it is as if the
                // network had repeated it.
                match latest.replied {
                    Some(clock) => cx.send_reply(&asked, clock, 1),
                    None => cx.send_welcome(&asked),
                }
                return Ok(());
            }
            // Of another run, with the same clock: past that we are already.
            Some(latest) if clock == latest.request => {}
            _ => cx.receive(clock)?,
        }
        let latest = Latest {
            request: clock,
            origin: asked.origin,
            replied: None,
        };
        self.latest.insert(peer, latest);
        self.answer_or_defer(cx, asked);
        Ok(())
    }

    fn answer_or_defer(&mut self, cx: &mut Context<'_>, asked: Deferred) {
        if cx.is_hearing || self.we_go_first(cx, asked.request) {
            self.defer(cx, asked);
        } else {
            self.reply(cx, &asked);
        }
    }

    /// The clock is that of this moment, not of the request's arrival (rule 4).
    fn reply(&mut self, cx: &mut Context<'_>, asked: &Deferred) {
        let clock = cx.clock.now();
        if let Some(latest) = self.latest.get_mut(&asked.request.id)
            && latest.request == asked.request.clock
            && latest.origin == asked.origin
        {
            latest.replied = Some(clock);
        }
        cx.send_reply(asked, clock, 0);
        self.give_away(cx, asked.request.id);
    }

    /// Whoever has our permission does not leave us its own. If we wait, we ask
    /// for it again; if that is lost, the request's timer will.
    fn give_away(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        if planted!(cx.config, KeptThoughGivenAway) || !self.kept.remove(&peer) {
            return;
        }
        if let State::Wait { request, missing } = &mut self.state {
            if planted!(cx.config, GivenAwayForGood) {
                return;
            }
            missing.insert(peer);
            cx.send_request(peer, request.clock, 0);
        }
    }

    /// "A REPLY message is returned immediately if the originator of the REQUEST
    /// message has priority; otherwise, the REPLY is delayed." Rule 5 says who
    /// has.
    fn we_go_first(&self, cx: &Context<'_>, theirs: Timestamp) -> bool {
        match &self.state {
            State::Free => false,
            State::Wait { request: ours, .. } if planted!(cx.config, NoTieBreak) => {
                ours.clock < theirs.clock
            }
            State::Wait { .. } if planted!(cx.config, RepliesWhileWaiting) => false,
            State::Wait { request: ours, .. } if planted!(cx.config, OrderTurned) => theirs < *ours,
            State::Wait { request: ours, .. } => *ours < theirs,
            State::Held { token } if planted!(cx.config, ResumedAndReplies) => {
                cx.config.is_of_this_run(*token)
            }
            State::Held { .. } => true,
        }
    }

    /// A turno peer waits for one reply, that to its latest request.
    fn defer(&mut self, cx: &Context<'_>, asked: Deferred) {
        let peer = asked.request.id;
        let is_of = |deferred: &Deferred| {
            deferred.request.id == peer
                && (deferred.origin == Origin::Seed) == (asked.origin == Origin::Seed)
        };
        let most = match asked.origin {
            Origin::Seed if planted!(cx.config, OneRequestOfASeed) => 1,
            Origin::Seed => MOST_OF_A_SEED,
            Origin::Turno(_) => 1,
        };
        if self.reply_queue.iter().filter(|d| is_of(d)).count() == most
            && let Some(oldest) = self.reply_queue.iter().position(is_of)
        {
            self.reply_queue.remove(oldest);
        }
        self.reply_queue.push(asked);
    }

    pub(super) fn receive_reply(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        origin: Origin,
        clock: u64,
        echo: Echo,
    ) -> Result<(), Rejected> {
        let State::Wait { request, missing } = &mut self.state else {
            #[cfg(test)]
            if self.state == State::Free && planted!(cx.config, LateReplyAccepted) {
                self.early.insert(peer);
                return Ok(());
            }
            return Err(Rejected::NotAwaited);
        };
        // Rule 2. And whoever replies has gone past our request's clock first,
        // so its own is larger.
        let answers = echo.clock == request.clock && echo.incarnation == cx.config.incarnation;
        let counts = answers && clock > request.clock || planted!(cx.config, NoEcho);
        if !counts {
            return Err(Rejected::StaleReply);
        }
        if !missing.contains(&peer) {
            if !planted!(cx.config, RepliesCounted) {
                return Err(Rejected::RepeatedReply);
            }
            missing.pop_first();
        }
        cx.receive(clock)?;
        missing.remove(&peer);
        if cx.config.keeps_permissions && origin != Origin::Seed {
            self.kept.insert(peer);
        }
        if missing.is_empty() {
            self.enter(cx);
        }
        Ok(())
    }

    /// A request of an earlier run, that was still under way when this one heard
    /// the clocks, has overtaken ours: to that peer ours looks old, and it would
    /// never be answered. So it is given up for a new one.
    pub(super) fn ask_anew(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        told: u64,
        echo: Echo,
    ) -> Result<(), Rejected> {
        let ours = Some(echo.clock) == self.request_missing(peer);
        if !ours || echo.incarnation != cx.config.incarnation {
            return Err(Rejected::StaleReply);
        }
        cx.clock.receive(told)?;
        self.answer_all(cx);
        self.acquire(cx);
        Ok(())
    }

    fn enter(&mut self, cx: &mut Context<'_>) {
        let token = cx.clock.token();
        self.state = State::Held { token };
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Enter { lock, token });
    }

    /// Clocks for further entries within this stay. They are past the token of the
    /// entry, and whatever is said from now on is past them.
    pub(super) fn lend(&mut self, cx: &mut Context<'_>, entries: u64) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        // An earlier run may have had some lent to this entry already, and only the
        // others' clocks tell how many.
        let is_hearing = cx.is_hearing && !planted!(cx.config, ResumedLendsUnheard);
        let mut peers = cx.peers.iter();
        if is_hearing || !peers.all(|peer| cx.may_get_ahead_of(*peer, entries)) {
            return Err(Rejected::NotLent(entries));
        }
        let tokens = cx.clock.lend(entries)?.ok_or(Rejected::NotLent(entries))?;
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Lent { lock, tokens });
        Ok(())
    }

    /// An earlier run was in the critical section with this token, and what it did
    /// there goes on: the entry is this run's now. Every permission that it had
    /// still stands, for nobody was answered since.
    pub(super) fn resume(&mut self, token: Token) {
        self.state = State::Held { token };
    }

    pub(super) fn release(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        cx.effects.push(Effect::Leave {
            lock: cx.lock.clone(),
            clock: cx.clock.now(),
        });
        if cx.is_hearing && !planted!(cx.config, ResumedAnswersUnheard) {
            // An entry of an earlier run: nobody is answered before all clocks are
            // heard.
            self.state = State::Free;
        } else {
            self.answer_all(cx);
        }
        Ok(())
    }

    /// The request's clock is never used again (rule 1): a reply to it that is
    /// still under way will find no request that it echoes.
    pub(super) fn cancel(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Wait { .. } = self.state else {
            return Err(Rejected::NotWaiting);
        };
        #[cfg(test)]
        if planted!(cx.config, ClockReused)
            && let State::Wait { request, .. } = &self.state
        {
            self.given_up = Some(request.clock);
        }
        self.answer_all(cx);
        Ok(())
    }

    /// FREE, and so nobody has to wait for us.
    pub(super) fn answer_all(&mut self, cx: &mut Context<'_>) {
        self.state = State::Free;
        self.answer_queue(cx);
    }

    pub(super) fn answer_queue(&mut self, cx: &mut Context<'_>) {
        for deferred in core::mem::take(&mut self.reply_queue) {
            if !planted!(cx.config, QueueForgotten) {
                self.reply(cx, &deferred);
            }
        }
    }
}
