//! Shared and exclusive requests: which of them conflict, and what becomes of the
//! permissions of both kinds.

use alloc::collections::BTreeSet;

use crate::mutex::clock::NodeId;
use crate::mutex::mode::Mode;
use crate::mutex::planted::planted;
use crate::mutex::ricart_agrawala::{Context, Kept, PeerRequest, State};

/// Whether a member that waits must compare its request with this one. Two shared
/// requests do not conflict, whatever their order.
pub(super) fn conflict_while_waiting(cx: &Context<'_>, ours: Mode, theirs: Mode) -> bool {
    if planted!(cx.config, WriterLetsReadersPass) && theirs.is_shared() {
        return false;
    }
    if planted!(cx.config, ReaderLetsWritersPass) && ours.is_shared() {
        return false;
    }
    ours.conflicts(theirs)
}

/// Whether a member in the section must leave it before it replies to a request.
pub(super) fn conflict_while_held(cx: &Context<'_>, ours: Mode, theirs: Mode) -> bool {
    if planted!(cx.config, HeldWriterLetsReadersIn) && theirs.is_shared() {
        return false;
    }
    if planted!(cx.config, HeldReaderLetsWritersIn) && ours.is_shared() {
        return false;
    }
    ours.conflicts(theirs)
}

/// The mode in which a waiting member asks again for what it has given away.
pub(in crate::mutex) fn mode_asked_again(cx: &Context<'_>, ours: Mode) -> Mode {
    if planted!(cx.config, WriterAsksAgainAsReader) {
        return Mode::Shared;
    }
    ours
}

/// The permission that a reply to a request of this mode leaves with the requester.
pub(in crate::mutex) fn kept_mode(cx: &Context<'_>, request: Mode) -> Mode {
    if planted!(cx.config, SharedReplyKeptAsExclusive) {
        return Mode::Exclusive;
    }
    request
}

/// The peers whose permission is missing for an entry in this mode: a shared permission
/// serves shared entries only.
pub(in crate::mutex) fn missing(cx: &Context<'_>, kept: &Kept, mode: Mode) -> BTreeSet<NodeId> {
    let mode = match planted!(cx.config, SharedPermissionServesWriter) {
        true => Mode::Shared,
        false => mode,
    };
    let peers = cx.peers.iter().copied();
    peers.filter(|peer| !kept.serves(*peer, mode)).collect()
}

/// Kept permissions: if one of a pair holds the other's exclusive permission, the other
/// holds none. So a reply to an exclusive request gives away what is kept of the peer, and
/// a reply to a shared one makes a shared permission of an exclusive one. A waiting member
/// that has lost what its request needs asks for it again, with the request's own clock.
/// Returns that clock, or `None` if there is nothing to ask for.
pub(in crate::mutex) fn give_away(
    cx: &Context<'_>,
    kept: &mut Kept,
    state: &mut State,
    theirs: &PeerRequest,
) -> Option<u64> {
    let peer = theirs.request.id;
    if planted!(cx.config, PermissionKeptAfterReply) {
        return None;
    }
    let ours = match state {
        State::Wait { mode, .. } => *mode,
        State::Free | State::Held { .. } => Mode::Exclusive,
    };
    let had = kept.serves(peer, ours);
    match theirs.mode {
        Mode::Exclusive if planted!(cx.config, SharedPermissionKeptAfterReply) => kept.lower(peer),
        Mode::Exclusive => kept.remove(peer),
        Mode::Shared if planted!(cx.config, ExclusiveKeptAfterSharedReply) => {}
        Mode::Shared => kept.lower(peer),
    }
    let State::Wait {
        request, missing, ..
    } = state
    else {
        return None;
    };
    if !had || kept.serves(peer, ours) || planted!(cx.config, PermissionNotRequestedAgain) {
        return None;
    }
    missing.insert(peer);
    Some(request.clock)
}
