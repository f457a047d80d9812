//! Rule 6: a member's clock never goes back, whatever happens to its node. And what a
//! restarted member may do while an entry of an earlier run goes on.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::mutex::clock::{ClockError, LamportClock, NodeId};
use crate::mutex::config::{Config, Durability};
use crate::mutex::effect::Effect;
use crate::mutex::message::Body;
use crate::mutex::mode::Mode;
use crate::mutex::planted::planted;
use crate::mutex::ricart_agrawala::{Context, Kept};
use crate::mutex::token::Token;

/// Kept permissions: a restarted member has none.
pub(crate) fn initial_permissions(config: &Config, peers: &BTreeSet<NodeId>) -> Kept {
    let is_restarted = matches!(config.durability, Durability::Durable { below: 2.., .. });
    if planted!(config, PermissionsSurviveCrash) && is_restarted {
        return Kept::of(peers);
    }
    Kept::default()
}

/// Rule 6: a member's clock never goes back. It starts at its persisted bound, or the
/// member must know the clocks of these members before its first request and reply.
pub(crate) fn initial_clock(
    config: &Config,
    peers: &BTreeSet<NodeId>,
) -> (LamportClock, BTreeSet<NodeId>) {
    if planted!(config, ClockForgotten) {
        return (LamportClock::default(), BTreeSet::new());
    }
    let (clock, is_synced) = match config.durability {
        Durability::Forgetful => (LamportClock::default(), false),
        Durability::Durable { below, synced } => (LamportClock::at(below), synced),
    };
    let mut unsynced = peers.clone();
    if is_synced {
        unsynced.clear();
    }
    if config.must_hear_itself {
        unsynced.insert(config.id);
    }
    (clock, unsynced)
}

/// Rule 6: only a welcome to this run tells a peer's clock. Other messages may be old.
pub(crate) fn tells_clock(config: &Config, body: &Body) -> bool {
    matches!(body, Body::Welcome { to, .. } if *to == config.incarnation)
        || planted!(config, SyncedByAnyMessage)
}

/// Rule 6: the bound on disk is moved on before any effect, from `first` on, of the event
/// that took the clock there. So no message has a clock that could be forgotten.
pub(crate) fn reserve(
    config: &Config,
    bound: &mut u64,
    now: u64,
    first: usize,
    effects: &mut Vec<Effect>,
) {
    if now < *bound {
        return;
    }
    let is_new = *bound == 1;
    *bound = now.saturating_add(config.ahead);
    if planted!(config, NeverReserved) && !is_new {
        return;
    }
    if planted!(config, ReservedLate) {
        return effects.push(Effect::Reserve { below: *bound });
    }
    effects.insert(first, Effect::Reserve { below: *bound });
}

/// Resumed entries: the clock was at the entry's token once, and may have been further.
pub(crate) fn resume_clock(
    config: &Config,
    clock: &mut LamportClock,
    token: Token,
) -> Result<(), ClockError> {
    if !planted!(config, ClockBehindResumedToken) {
        clock.catch_up(token.get())?;
    }
    Ok(())
}

/// Resumed entries: one goes on in the mode in which it began.
pub(crate) fn resumed_mode(config: &Config, mode: Mode) -> Mode {
    if planted!(config, ResumedWriterTakenForReader) {
        return Mode::Shared;
    }
    mode
}

/// Resumed entries: leaving one answers no request before all clocks are known.
pub(crate) fn answers_on_leaving(cx: &Context<'_>) -> bool {
    !cx.is_syncing || planted!(cx.config, ResumedEntryLeavesUnsynced)
}

/// Whether an entry began in an earlier run.
pub(super) fn is_resumed(config: &Config, token: Token) -> bool {
    matches!(config.durability, Durability::Durable { below, .. } if token.get() < below)
}
