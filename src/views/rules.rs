//! The rules of failover: one function for each decision that the others rest on, with
//! the bugs that can be planted in it. The numbers are those of `docs/failover.md`.

use alloc::collections::{BTreeMap, BTreeSet};

use super::configuration::Configured;
use super::members::members_of_a_lease;
use super::message::{Beat, Nonce, View, ViewMessage};
use super::time::Moment;
use super::{Config, Views};
use crate::mutex::planted::planted;
use crate::mutex::{NodeId, ViewNumber};

/// Rule 2: a beat of a barred member is not acknowledged, unless it has joined the view
/// that barred it, or a later one. The acknowledger need not have joined the view of the
/// beat, nor be in it.
pub(super) fn may_acknowledge(views: &Views, from: NodeId, beat: &Beat) -> bool {
    let barred = views.barred.get(&from).copied().unwrap_or_default();
    beat.view >= barred || planted!(views.config, BarredAcknowledged)
}

/// Rule 2: the beat's bound is durable here before it is acknowledged. So a majority that
/// goes on without the sender knows a bound on its tokens. Returns the bound, if it is
/// more than the durable one.
pub(super) fn bound_before_acknowledging(views: &Views, beat: &Beat, below: u64) -> Option<u64> {
    let is_new = beat.below > below && !planted!(views.config, BoundNotNoted);
    is_new.then_some(beat.below)
}

/// Rule 2: until when the sender of a beat may count on its acknowledgment. `now` was
/// read after the beat arrived.
pub(super) fn acknowledged_until(config: &Config, now: Moment) -> Moment {
    if planted!(config, NoGrace) {
        return now + (config.lease.acknowledged() - config.lease.grace());
    }
    now + config.lease.acknowledged()
}

/// Rule 3: from when a lease counts: the sending of the beat that was acknowledged, however
/// late the acknowledgment arrives.
pub(super) fn leased_from(config: &Config, sent: Moment, arrived: Moment) -> Moment {
    if planted!(config, LeaseFromArrival) {
        return arrived;
    }
    sent
}

/// Rule 3: only acknowledgments of this run's beats count.
pub(super) fn is_of_this_run(config: &Config, nonce: Nonce) -> bool {
    nonce.incarnation == config.incarnation
}

/// Rule 3: a lease needs the acknowledgments of a majority, this member's own included.
/// Returns how many that is.
pub(super) fn members_for_a_lease(views: &Views) -> usize {
    if planted!(views.config, LeaseWithoutMajority) {
        return 1;
    }
    members_of_a_lease(views).majority()
}

/// Rule 4: a member votes for (n, S) only if n is larger than every number that it has
/// voted for, it is itself in S, and no member outside of S may still count on it.
pub(super) fn may_vote(
    views: &Views,
    now: Moment,
    number: ViewNumber,
    members: &BTreeSet<NodeId>,
) -> bool {
    let is_later =
        number > views.promised || number == views.promised && planted!(views.config, VotesTwice);
    let is_inside = members.contains(&views.config.id) || planted!(views.config, VoterOutside);
    let mut counting = views.acknowledgments.given_to(now);
    let is_counted_on = counting.any(|member| !members.contains(&member));
    is_later && is_inside && (!is_counted_on || planted!(views.config, VotesWhileCountedOn))
}

/// Rule 4: the members of S vote, and no others.
pub(super) fn is_voter(config: &Config, members: &BTreeSet<NodeId>, member: NodeId) -> bool {
    members.contains(&member) || planted!(config, VoterOutside)
}

/// Rule 4: the promise is durable before the vote is sent.
pub(super) fn promise_before_voting(config: &Config, number: ViewNumber) -> Option<ViewNumber> {
    (!planted!(config, PromiseNotDurable)).then_some(number)
}

/// Rule 4: a vote bars every member outside of S. A later vote with a member in S does
/// not lift that: the member may still be in the view that it was barred from.
pub(super) fn bar(views: &mut Views, number: ViewNumber, members: &BTreeSet<NodeId>) {
    if planted!(views.config, BarLifted) {
        views.barred.retain(|member, _| !members.contains(member));
    }
    let outside: BTreeSet<_> = views.members() - members;
    for outside in &outside {
        views.barred.insert(*outside, number);
    }
}

/// Rule 5: a restart counts as an acknowledgment to every member. An earlier run may have
/// given one just before it ended.
pub(super) fn acknowledged_at_start(
    config: &Config,
    members: &BTreeSet<NodeId>,
    now: Moment,
) -> BTreeMap<NodeId, Moment> {
    if planted!(config, RestartForgetsAcknowledgments) {
        return BTreeMap::new();
    }
    let until = acknowledged_until(config, now);
    let others = members.iter().filter(|member| **member != config.id);
    others.map(|member| (*member, until)).collect()
}

/// Rule 5: a restarted member bars every other one from the views below its promise.
pub(super) fn barred_at_start(
    config: &Config,
    members: &BTreeSet<NodeId>,
) -> BTreeMap<NodeId, ViewNumber> {
    if planted!(config, RestartForgetsBars) {
        return BTreeMap::new();
    }
    let others = members.iter().filter(|member| **member != config.id);
    others.map(|member| (*member, config.promised)).collect()
}

/// Rule 5: a restarted member is in no view until it joins one; in the first view if it
/// has never voted for another.
pub(super) fn is_in_first_view(config: &Config, promised: ViewNumber) -> bool {
    promised == ViewNumber::FIRST || planted!(config, RestartIntoFirstView)
}

/// Rule 6: a view is decided by the votes of a majority of C. Returns how many.
pub(super) fn votes_for_a_decision(views: &Views) -> usize {
    if planted!(views.config, DecidedWithoutMajority) {
        return 1;
    }
    views.adopted.majority()
}

/// Rule 7: a member joins a decided view that it is in, if it is later than its own and
/// not before its promise. So a view that is decided late, after one of its voters has
/// voted for a later one, is never entered by all of its members.
pub(super) fn may_join(views: &Views, view: &View) -> bool {
    let own = views.view.as_ref().map(|own| own.number);
    let is_kept = view.number >= views.promised || planted!(views.config, JoinsBeforePromise);
    let is_of_own_members =
        views.configuration_of(&view.configuration).number == views.adopted.number;
    view.members.contains(&views.config.id)
        && Some(view.number) > own
        && is_kept
        && is_of_own_members
}

/// Rule 9: a token needs a bound that a majority has noted, this member included. Returns
/// how many that is.
pub(super) fn members_for_a_bound(views: &Views) -> usize {
    members_of_a_lease(views).majority()
}

/// A number so much above all that this member knows is no honest one. To take it would
/// leave no room for later views.
const MAX_NUMBER_JUMP: u64 = 1 << 32;

/// A bound so much above this member's own is no honest one. To note it would leave no room
/// for later tokens.
const MAX_BOUND_JUMP: u64 = 1 << 40;

/// Whether an honest member can have sent this number of a view.
pub(super) fn is_number_plausible(views: &Views, number: ViewNumber) -> bool {
    let joined = views.view.as_ref().map(|view| view.number);
    let known = views.promised.max(joined.unwrap_or_default());
    number.counter <= known.counter.saturating_add(MAX_NUMBER_JUMP)
}

/// Whether an honest member can have sent this bound.
pub(super) fn is_bound_plausible(bound: u64, below: u64) -> bool {
    bound <= below.saturating_add(MAX_BOUND_JUMP)
}

/// Whether an honest member can have sent this configuration.
fn is_configuration_plausible(views: &Views, configuration: &Configured, below: u64) -> bool {
    let Some(it) = configuration else { return true };
    let ids = it.members.iter().chain(it.added.keys());
    is_number_plausible(views, it.number)
        && is_bound_plausible(it.floor, below)
        && !it.is_founding()
        && !it.members.is_empty()
        && { ids }.all(|id| it.ever_had(*id))
}

/// Whether an honest member can have sent this proposal, vote or decision.
pub(super) fn is_plausible(views: &Views, message: &ViewMessage, own_below: u64) -> bool {
    match message {
        ViewMessage::Vote { below, .. } => is_bound_plausible(*below, own_below),
        ViewMessage::Propose { configuration, .. } => {
            is_configuration_plausible(views, configuration, own_below)
        }
        ViewMessage::Decision(view) => {
            is_number_plausible(views, view.number)
                && is_bound_plausible(view.floor, own_below)
                && is_configuration_plausible(views, &view.configuration, own_below)
                && view
                    .members
                    .is_subset(&views.configuration_of(&view.configuration).members)
        }
        _ => true,
    }
}

/// Rule 10: a word of leaving counts if the last beat that was acknowledged is of the same
/// run and not after it. Otherwise it may be old: a later run may count on this member.
pub(super) fn is_last_word(config: &Config, acknowledged: Option<&Nonce>, word: Nonce) -> bool {
    let is_last = acknowledged
        .is_some_and(|last| last.incarnation == word.incarnation && last.counter <= word.counter);
    is_last || planted!(config, OldLeaveCounts)
}

/// Rule 10: a run that leaves says nothing of the others. The beat that was acknowledged
/// last may be an old one, of a run before the one that counts on this member.
pub(super) fn other_runs_count_on(config: &Config) -> bool {
    if planted!(config, LeaveOfAllRuns) {
        return false;
    }
    !planted!(config, OldLeaveCounts)
}
