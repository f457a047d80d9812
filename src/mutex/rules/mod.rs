//! The rules of the algorithm: one function for each decision, with the bugs that can be
//! planted in it. No bug of the algorithm is planted anywhere else.
//!
//! Rules 1 to 6 are those of [`super::ricart_agrawala`]. Quotations are from Ricart and
//! Agrawala 1981, section 2; IR1 and IR2 are rules of Lamport 1978.

mod failover;
mod modes;
mod restart;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::clock::{NodeId, Timestamp};
use super::message::{Origin, RequestId};
use super::mode::Mode;
use super::planted::planted;
use super::rejected::Rejected;
use super::ricart_agrawala::{Context, Kept, PeerRequest, State};
pub(crate) use failover::{
    clock_on_joining, is_lost, is_of_own_view, is_permitted, may_enter, reserve_early,
    void_permissions,
};
pub(super) use modes::{give_away, kept_mode, missing, mode_asked_again};
pub(crate) use restart::{
    answers_on_leaving, initial_clock, initial_permissions, reserve, resume_clock, resumed_mode,
    tells_clock,
};

/// How many requests of one original peer are deferred. It makes one at a time: more come
/// from a peer that was restarted, or from a program that pretends to be one.
const MAX_DEFERRED_OF_AN_ORIGINAL: usize = 8;

/// The clock of the last cancelled request, which a planted bug uses again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Cancelled {
    #[cfg(test)]
    clock: Option<u64>,
}

/// Rule 1: a new request has a new clock, to which ours has just ticked (IR1).
/// "Our_Sequence_Number := Highest_Sequence_Number + 1".
#[cfg_attr(not(test), expect(unused_variables, reason = "of a planted bug"))]
pub(super) fn request_clock(cx: &Context<'_>, cancelled: &mut Cancelled) -> u64 {
    #[cfg(test)]
    if planted!(cx.config, ClockReused)
        && let Some(clock) = cancelled.clock.take()
    {
        return clock;
    }
    cx.clock.now()
}

/// Rule 1: the clock of a cancelled request is never used again. So a late reply to it
/// echoes no current request.
#[cfg_attr(not(test), expect(unused_variables, reason = "of a planted bug"))]
pub(super) fn retire_clock(cx: &Context<'_>, cancelled: &mut Cancelled, request: Timestamp) {
    #[cfg(test)]
    if planted!(cx.config, ClockReused) {
        cancelled.clock = Some(request.clock);
    }
}

/// Rule 1: a request that may be lost is sent again, with the same clock. Returns that
/// clock, or `None` if the timer is of another request.
pub(super) fn resend_clock(cx: &mut Context<'_>, state: &mut State, timer: u64) -> Option<u64> {
    let State::Wait { request, .. } = state else {
        return None;
    };
    if request.clock != timer || planted!(cx.config, NeverResent) {
        return None;
    }
    if planted!(cx.config, ResentWithNewClock) {
        request.clock = cx.clock.tick().ok()?;
    }
    Some(request.clock)
}

/// Rule 2: a reply counts only if it echoes the current request. The replier has gone
/// past the request's clock first (rule 4), so its own clock is larger.
pub(super) fn answers(
    cx: &Context<'_>,
    (request, mode): (Timestamp, Mode),
    clock: u64,
    echo: RequestId,
) -> bool {
    let is_echo = echo.clock == request.clock && echo.incarnation == cx.config.incarnation;
    let is_earlier = mode == Mode::Exclusive
        && echo.clock < request.clock
        && planted!(cx.config, EarlierReplyCountsForWriter);
    is_echo && clock > request.clock || is_earlier || planted!(cx.config, EchoIgnored)
}

/// Rule 2: while no request waits, no reply counts.
pub(super) fn unexpected_reply(
    cx: &Context<'_>,
    state: &State,
    kept: &mut Kept,
    peer: NodeId,
) -> Result<(), Rejected> {
    if planted!(cx.config, LateReplyCounted) && *state == State::Free {
        kept.insert(peer, Mode::Exclusive);
        return Ok(());
    }
    Err(Rejected::UnexpectedReply)
}

/// Rule 3: replies are a set of senders, never a number. Returns the member for which a
/// reply of this peer counts.
pub(super) fn counts_for(
    cx: &Context<'_>,
    missing: &BTreeSet<NodeId>,
    peer: NodeId,
) -> Option<NodeId> {
    if planted!(cx.config, RepliesCounted) && !missing.contains(&peer) {
        return missing.first().copied();
    }
    missing.get(&peer).copied()
}

/// Rule 4: a reply carries the replier's clock as it is sent, not as the request arrived
/// (IR2).
pub(super) fn reply_clock(cx: &Context<'_>, request: Timestamp) -> u64 {
    if planted!(cx.config, ReplyWithoutOwnClock) {
        return request.clock + 1;
    }
    cx.clock.now()
}

/// Rule 4: the receiver of a message goes strictly past its clock (IR2).
pub(super) fn receive_clock(cx: &mut Context<'_>, clock: u64) -> Result<(), Rejected> {
    if planted!(cx.config, NoTickOnReceive) {
        cx.clock.catch_up(clock)?;
    } else {
        cx.clock.receive(clock)?;
    }
    Ok(())
}

/// Rule 5: requests are ordered by (clock, id). "If the sequence numbers are equal, the
/// node numbers are compared to determine which will enter first."
fn precedes(cx: &Context<'_>, ours: Timestamp, theirs: Timestamp) -> bool {
    if planted!(cx.config, NoTieBreak) {
        return ours.clock < theirs.clock;
    }
    if planted!(cx.config, OrderReversed) {
        return theirs < ours;
    }
    ours < theirs
}

/// "A REPLY message is returned immediately if the originator of the REQUEST message has
/// priority; otherwise, the REPLY is delayed." A member whose peers' clocks are not known
/// cannot tell (rule 6), and delays it.
pub(super) fn defers(cx: &Context<'_>, state: &State, theirs: &PeerRequest) -> bool {
    let we_go_first = match state {
        State::Free => false,
        State::Wait { .. } if planted!(cx.config, RepliesWhileWaiting) => false,
        State::Wait { request, mode, .. } => {
            modes::conflict_while_waiting(cx, *mode, theirs.mode)
                && precedes(cx, *request, theirs.request)
        }
        State::Held { token, .. } if planted!(cx.config, ResumedEntryReplies) => {
            !restart::is_resumed(cx.config, *token)
        }
        State::Held { mode, .. } => modes::conflict_while_held(cx, *mode, theirs.mode),
    };
    cx.is_syncing || we_go_first
}

/// "... or defers a response until after it leaves its own critical section": then every
/// deferred request is answered. Where a resumed entry goes on as the last clock becomes
/// known, those that do not conflict with it are.
pub(super) fn take_deferred(
    cx: &Context<'_>,
    state: &State,
    queue: &mut Vec<PeerRequest>,
) -> Vec<PeerRequest> {
    let may_answer = |deferred: &mut PeerRequest| {
        let is_free = *state == State::Free;
        is_free || !defers(cx, state, deferred) || planted!(cx.config, ResumedEntryAnswersQueue)
    };
    let deferred = queue.extract_if(.., may_answer).collect();
    if planted!(cx.config, QueueForgotten) {
        return Vec::new();
    }
    deferred
}

/// How many requests of one peer are deferred. A turno peer waits for one reply, that to
/// its latest request; an original peer, for a reply to each.
pub(super) fn max_deferred(cx: &Context<'_>, origin: Origin) -> usize {
    match origin {
        Origin::Original if planted!(cx.config, OneRequestPerOriginal) => 1,
        Origin::Original => MAX_DEFERRED_OF_AN_ORIGINAL,
        Origin::Turno(_) => 1,
    }
}

/// An original peer waits for its reply at the socket of its request.
pub(super) fn reply_address(cx: &Context<'_>, request: &PeerRequest) -> Option<SocketAddr> {
    if planted!(cx.config, OriginalAnsweredAtListedPort) {
        return None;
    }
    request.reply_to
}

/// Kept permissions: whether one may be used. While another node has our id, no reply
/// counts, so a member that asks every peer waits. A peer that has not seen our clock for
/// long is asked while there is still room for delegated tokens.
///
/// A try uses none. With kept permissions it could enter and leave before another try of
/// the same moment arrives, and both would enter.
pub(super) fn may_enter_unasked(cx: &Context<'_>, peer: NodeId, is_try: bool) -> bool {
    !cx.has_duplicate_id
        && (!is_try || planted!(cx.config, TryKeepsPermissions))
        && may_get_ahead(cx, peer, cx.config.unsynced_ahead() / 2)
}

/// A try: one that a peer made before this member left the section, as far as the peer's
/// clock shows, is refused, unless it was there in shared mode.
pub(super) fn refuse_on_leaving(
    cx: &Context<'_>,
    state: &State,
    refused_below: &mut BTreeMap<NodeId, u64>,
) {
    #[cfg(test)]
    if !cx.config.has_tries {
        return;
    }
    // A shared entry does not end the moment of a try: it conflicts with none that is
    // shared, and an exclusive one that comes late is granted.
    let is_shared = matches!(state, State::Held { mode, .. } if mode.is_shared());
    if is_shared || planted!(cx.config, LateTryGranted) {
        return;
    }
    for (peer, clock) in cx.peer_clocks {
        let below = refused_below.entry(*peer).or_default();
        *below = (*below).max(*clock);
    }
}

/// A try: one that was refused is never granted. The peer may not have received the note.
pub(super) fn refuse(
    cx: &Context<'_>,
    refused_below: &mut BTreeMap<NodeId, u64>,
    request: Timestamp,
) {
    if !planted!(cx.config, RefusedTryGranted) {
        let below = refused_below.entry(request.id).or_default();
        *below = (*below).max(request.clock + 1);
    }
}

/// A try: whether a note answers it. `request` is the clock of the try that waits for the
/// note's sender.
pub(super) fn answers_try(cx: &Context<'_>, request: Option<u64>, echo: RequestId) -> bool {
    let is_echo = request == Some(echo.clock) && echo.incarnation == cx.config.incarnation;
    is_echo || request.is_some() && planted!(cx.config, NoteOfAnyRequest)
}

/// Kept permissions: whether the clock may go this much further without the peer's
/// knowledge. Past that, a restarted member that forgot its clock would skip too little
/// (rule 6), and an original peer, which asks once, would be rejected by a peer that
/// has not seen our clock.
fn may_get_ahead(cx: &Context<'_>, peer: NodeId, further: u64) -> bool {
    let now = cx.clock.now();
    let ahead = now.saturating_sub(cx.peer_clocks.get(&peer).copied().unwrap_or(now));
    ahead.saturating_add(further) <= cx.config.unsynced_ahead()
        || planted!(cx.config, AheadWithoutBound)
}

/// Whether tokens for further entries may be delegated. An earlier run may have delegated
/// some to a resumed entry, and only the peers' clocks tell how many.
pub(super) fn may_delegate(cx: &Context<'_>, entries: u64) -> bool {
    let mut peers = cx.peers.iter();
    (!cx.is_syncing || planted!(cx.config, ResumedEntryDelegatesUnsynced))
        && failover::may_delegate(cx, entries)
        && peers.all(|peer| may_get_ahead(cx, *peer, entries))
}
