//! Members that come and go: the rules D1 to D5, one function each, with the bugs that can
//! be planted in them, and what a member does by them. `docs/failover.md` has the reasons.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;

use super::configuration::{Change, ChangeWait, Configuration, Configured};
use super::message::View;
use super::time::Moment;
use super::{Output, Views};
use crate::mutex::planted::planted;
use crate::mutex::{NodeId, ViewNumber};

/// The latest vote for a change, and the members that had to vote for it.
pub type ChangeVote = (ViewNumber, BTreeSet<NodeId>);

/// D1: the latest configuration is durable before anything is said by it.
fn adopted_on_disk(views: &Views) -> Option<Arc<Configuration>> {
    (!planted!(views.config, AdoptionNotDurable)).then(|| Arc::clone(&views.adopted))
}

/// D2: a vote only for a view of the configuration that was adopted last, or one that
/// changes it.
pub(super) fn is_of_own_base(
    views: &Views,
    number: ViewNumber,
    configuration: &Configuration,
) -> bool {
    let base = if configuration.number == number {
        configuration.base
    } else {
        configuration.number
    };
    base == views.adopted.number || planted!(views.config, VotesOnOtherBase)
}

/// D3: the configured members change by one.
fn is_one_change(views: &Views, changed: &Configuration) -> bool {
    let is_one = views.adopted.is_one_change_before(changed);
    is_one || planted!(views.config, TwoAtOnce)
}

/// D4: the voters are a majority of the configuration before, and of the one after.
fn is_majority_of_both(
    views: &Views,
    before: &Configuration,
    after: &Configuration,
    voters: &BTreeSet<NodeId>,
) -> bool {
    let is_majority =
        |of: &Configuration| voters.intersection(&of.members).count() >= of.majority();
    let is_by_old = planted!(views.config, MajorityOfNewOnly) || is_majority(before);
    let is_by_new = planted!(views.config, MajorityOfOldOnly) || is_majority(after);
    is_by_old && is_by_new
}

/// D5: all of S vote for a view that changes the members, and S are members before and
/// after.
fn have_all_voted(views: &Views, members: &BTreeSet<NodeId>, voters: &BTreeSet<NodeId>) -> bool {
    members.is_subset(voters) || planted!(views.config, DecidedWithoutAllOfView)
}

/// D5: and each has joined a view of the configuration before. So a member that may still
/// be in a view is at most one change behind.
fn is_in_view_of_base(views: &Views) -> bool {
    let is_in = views.view.is_some() && views.of_view.number == views.adopted.number;
    is_in || planted!(views.config, VotesForChangeFromOldView)
}

/// A configuration that is told as decided is adopted if it is later than the own one and no
/// rival of it can be decided: a later view of it is decided; or this member has voted for no
/// later change; or a member that had to vote for that has adopted this one, and so never
/// votes for it.
fn may_adopt(
    views: &Views,
    from: NodeId,
    has_successor: bool,
    configuration: &Configuration,
) -> bool {
    let (voted, voters) = &views.change_vote;
    let is_rival_excluded = configuration.number >= *voted
        || voters.contains(&from)
        || planted!(views.config, RivalAdopted);
    // A member that may have forgotten its votes knows nothing of rivals.
    let is_settled = has_successor || views.unheard.is_empty() && is_rival_excluded;
    configuration.number > views.adopted.number && is_settled
}

/// The bound of one's clock is above all tokens of the views before, so that the floor of a
/// later view is, whichever of its members vote.
fn bound_on_adopting(views: &Views) -> Option<u64> {
    (!planted!(views.config, AdoptedWithoutFloor)).then_some(views.adopted.floor)
}

/// Rule 3: the majority of a lease is one of the configuration of the own view.
pub(super) fn members_of_a_lease(views: &Views) -> &Configuration {
    if planted!(views.config, LeaseOfListedMajority) {
        return &views.founding;
    }
    &views.of_view
}

impl Views {
    /// The configuration that was adopted last.
    #[must_use]
    pub fn configuration(&self) -> &Arc<Configuration> {
        &self.adopted
    }

    /// The configured members.
    #[must_use]
    pub fn members(&self) -> &BTreeSet<NodeId> {
        &self.adopted.members
    }

    /// Whether this member was removed from the group, for good.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        !self.adopted.members.contains(&self.config.id)
    }

    /// The change that this member was asked for, while it is not made.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        self.change.as_ref()
    }

    /// Asks for a change of the members: this member proposes it until it is made, or
    /// `None` withdraws it.
    pub fn ask_for_change(&mut self, now: Moment, change: Option<Change>) {
        self.change = change.filter(|change| !self.adopted.has(change));
        self.beat_soon(now);
    }

    pub(super) fn configuration_of(&self, of: &Configured) -> Arc<Configuration> {
        Arc::clone(of.as_ref().unwrap_or(&self.founding))
    }

    /// Whether this member may vote for a ballot as far as its configuration goes.
    pub(super) fn may_vote_in(
        &self,
        number: ViewNumber,
        members: &BTreeSet<NodeId>,
        configuration: &Configuration,
    ) -> bool {
        if !is_of_own_base(self, number, configuration)
            || !members.is_subset(&configuration.members)
        {
            return false;
        }
        configuration.number != number
            || members.is_subset(&self.adopted.members)
                && is_one_change(self, configuration)
                && is_in_view_of_base(self)
    }

    /// Rule 6, and D4 and D5 for a change.
    pub(super) fn is_decided(
        &self,
        number: ViewNumber,
        members: &BTreeSet<NodeId>,
        configuration: &Configuration,
        voters: &BTreeSet<NodeId>,
    ) -> bool {
        if configuration.number != number {
            return voters.len() >= super::rules::votes_for_a_decision(self);
        }
        is_majority_of_both(self, &self.adopted, configuration, voters)
            && have_all_voted(self, members, voters)
    }

    /// A member says that it has adopted this configuration.
    pub(super) fn adopt(
        &mut self,
        now: Moment,
        from: NodeId,
        has_successor: bool,
        configuration: &Arc<Configuration>,
        output: &mut Output,
    ) {
        if !may_adopt(self, from, has_successor, configuration) {
            return;
        }
        let before = core::mem::replace(&mut self.adopted, Arc::clone(configuration));
        output.adopted = adopted_on_disk(self);
        output.below = output.below.max(bound_on_adopting(self));
        output.has_adopted = true;
        self.proposal = None;
        self.intent = None;
        self.hearing.retain(&self.adopted.members);
        self.hear_new_members_as_amnesiac(now, &before);
        if self.change.as_ref().is_some_and(|it| configuration.has(it)) {
            self.change = None;
        }
    }

    /// An amnesiac may have voted for what a new member proposed, and acknowledged its
    /// beats: it must hear that one, too. What a member has voted for that was removed since
    /// is decided before the view that told of the change, or never.
    fn hear_new_members_as_amnesiac(&mut self, now: Moment, before: &Configuration) {
        if self.unheard.is_empty() {
            return;
        }
        let members = &self.adopted.members;
        self.unheard.retain(|id| members.contains(id));
        for new in members.difference(&before.members) {
            if *new != self.config.id {
                self.unheard.insert(*new);
                let until = super::rules::acknowledged_until(&self.config, now);
                self.acknowledgments.count_on_start(*new, until);
                self.barred.entry(*new).or_insert(self.promised);
            }
        }
    }

    /// The members that are to be removed, as this member and those that it hears say.
    pub(super) fn is_unwanted(&self, member: NodeId, now: Moment) -> bool {
        let is_it = |change: &Change| *change == Change::Remove(member);
        self.change.as_ref().is_some_and(is_it)
            || self
                .hearing
                .is_unwanted(member, now, self.config.lease.length())
    }

    /// Whether any member is to be removed.
    pub(super) fn has_unwanted(&self, now: Moment) -> bool {
        self.members().iter().any(|it| self.is_unwanted(*it, now))
    }

    /// What the change waits for that this member was asked for.
    #[must_use]
    pub fn change_waits_for(&self) -> Option<ChangeWait> {
        let change = self.change.as_ref()?;
        let Some(view) = self.view.as_ref().filter(|_| is_in_view_of_base(self)) else {
            return Some(ChangeWait::NoView);
        };
        if let Change::Remove(id) = change
            && view.members.contains(id)
        {
            return Some(ChangeWait::StillInView(*id));
        }
        let changed = self.adopted.changed(ViewNumber::FIRST, change)?;
        if !is_majority_of_both(self, &self.adopted, &changed, &view.members) {
            return Some(ChangeWait::NoMajority);
        }
        let voted = self.proposal.as_ref().map(|it| it.voters());
        let voted = voted.unwrap_or_else(|| [self.config.id].into());
        Some(ChangeWait::Votes(&view.members - &voted))
    }

    /// The configuration that this member proposes.
    pub(super) fn changed(&self, number: ViewNumber, change: &Change) -> Option<Configuration> {
        let changed = self.adopted.changed(number, change)?;
        if planted!(self.config, TwoAtOnce) {
            let twice = changed.changed(number, change)?;
            return Some(Configuration {
                base: self.adopted.number,
                ..twice
            });
        }
        Some(changed)
    }

    /// Proposes the change that this member was asked for, if it can be made now.
    pub(super) fn propose_change(&mut self, now: Moment, below: u64, output: &mut Output) {
        if !matches!(self.change_waits_for(), Some(ChangeWait::Votes(_)))
            || self.proposal.is_some()
            || now < self.propose_after
        {
            return;
        }
        let (Some(change), Some(View { members, .. })) = (self.change.clone(), self.view.clone())
        else {
            return;
        };
        let counter = self.next_counter(now, &members);
        self.propose(now, counter, members, Some(&change), below, output);
    }
}
