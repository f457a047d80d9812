//! The rules of failover that Ricart-Agrawala itself must keep. Their numbers are those of
//! `docs/failover.md`; the others are in [`crate::views`].

use alloc::collections::BTreeSet;

use crate::mutex::clock::{LamportClock, NodeId};
use crate::mutex::config::Config;
use crate::mutex::planted::planted;
use crate::mutex::ricart_agrawala::{Context, Gate, Kept, State};
use crate::mutex::view_number::ViewNumber;

/// Rule 3: as the lease ends, every entry ends.
pub(crate) fn is_lost(config: &Config, state: &State) -> bool {
    matches!(state, State::Held { .. }) && !planted!(config, HoldOutlivesLease)
}

/// Rule 7: the clock becomes at least the floor of a view, so that tokens rise from view
/// to view.
pub(crate) fn clock_on_joining(config: &Config, clock: &mut LamportClock, floor: u64) {
    if !planted!(config, FloorIgnored) && clock.now() < floor {
        *clock = LamportClock::at(floor);
    }
}

/// Rule 7: permissions of older views are void, and a waiting member needs those of all
/// peers again. A holder keeps what it has.
pub(crate) fn void_permissions(cx: &Context<'_>, kept: &mut Kept, state: &mut State) {
    if !planted!(cx.config, PermissionsSurviveView) {
        kept.clear();
    }
    if let State::Wait { missing, mode, .. } = state {
        *missing = super::missing(cx, kept, *mode);
    }
    if planted!(cx.config, HolderRepliesInView)
        && let State::Held { .. } = state
    {
        *state = State::Free;
    }
}

/// Rule 8: only messages of the own view are read.
pub(crate) fn is_of_own_view(
    config: &Config,
    own: Option<ViewNumber>,
    of: Option<ViewNumber>,
) -> bool {
    own == of || planted!(config, ReplyOfOtherView)
}

/// Rule 9: an entry needs the permissions of all of S.
pub(crate) fn is_permitted(cx: &Context<'_>, missing: &BTreeSet<NodeId>) -> bool {
    let most = cx.peers.len() / 2;
    missing.is_empty() || planted!(cx.config, EntersWithMajority) && missing.len() <= most
}

/// Rule 9: an entry needs a lease at this moment, and a token below a bound that a
/// majority has noted.
pub(crate) fn may_enter(cx: &Context<'_>) -> bool {
    let Gate::Lease { is_valid, noted } = cx.gate else {
        return true;
    };
    let is_bounded = cx.clock.now() < noted || planted!(cx.config, TokenBeyondBound);
    (is_valid || planted!(cx.config, EntersWithoutLease)) && is_bounded
}

/// Rule 9: so do tokens that are delegated.
pub(super) fn may_delegate(cx: &Context<'_>, entries: u64) -> bool {
    let Gate::Lease { is_valid, noted } = cx.gate else {
        return true;
    };
    let is_bounded = cx.clock.now().saturating_add(entries) < noted;
    is_valid && (is_bounded || planted!(cx.config, DelegatedBeyondBound))
}

/// Rule 9: the next bound is reserved when half of the last one is used, so that no entry
/// waits for it.
pub(crate) fn reserve_early(config: &Config, now: u64) -> u64 {
    now.saturating_add(config.ahead / 2)
}
