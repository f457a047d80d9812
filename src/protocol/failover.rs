//! Failover: what the views and the lease mean for the locks.

use super::*;
use crate::mutex::{Gate, ViewNumber};
use crate::views::{self, Moment, View, ViewMessage, Views};

/// A member's part in the views of its group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Failover {
    views: Views,
    /// As the views have it. It is asked several times at each event, and only what changes
    /// the views changes it.
    leased_until: Option<Moment>,
    /// The lease has ended, or has not begun.
    is_lapsed: bool,
    /// What the timer of the views is set for.
    pub(super) timer: Option<Moment>,
}

impl Failover {
    fn new(views: Views) -> Self {
        Failover {
            leased_until: views.leased_until(),
            views,
            is_lapsed: true,
            timer: None,
        }
    }

    /// Changes the views.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Views) -> T) -> T {
        let outcome = change(&mut self.views);
        self.leased_until = self.views.leased_until();
        outcome
    }

    /// Until when the lease lasts. `None`: there was none in this run.
    fn leased_until(&self) -> Option<Moment> {
        debug_assert_eq!(self.leased_until, self.views.leased_until());
        self.leased_until
    }
}

impl Member {
    /// A member of a group with failover. `views` has the same id and incarnation.
    #[must_use]
    pub fn with_failover(config: Config, views: views::Config, now: Moment) -> Self {
        let mut member = Member::new(config);
        member.now = now;
        member.failover = Some(Failover::new(Views::new(views, now)));
        member.follow_members();
        member.view_peers = member.peers_in_view();
        member
    }

    /// The views of the group; `None` without failover.
    #[must_use]
    pub fn views(&self) -> Option<&Views> {
        self.failover.as_ref().map(|failover| &failover.views)
    }

    /// Until when entries may be made and last. `None` without failover; in the past if
    /// there is no lease.
    #[must_use]
    pub fn leased_until(&self) -> Option<Moment> {
        let failover = self.failover.as_ref()?;
        Some(failover.leased_until().unwrap_or_default())
    }

    /// A new bound is of use when a majority has noted it: the others get a beat soon.
    pub(super) fn tell_bound(&mut self) {
        if let Some(failover) = &mut self.failover {
            failover.change(|views| views.beat_soon(self.now));
        }
    }

    /// The durable bound of the clock; 0 if it is not durable.
    fn below(&self) -> u64 {
        self.reserved.unwrap_or(0)
    }

    /// The view that requests and replies belong to. `None` without failover, and in no
    /// view.
    pub(super) fn view_number(&self) -> Option<ViewNumber> {
        Some(self.views()?.view()?.number)
    }

    /// Whether a request or a reply is of the view that this member is in (rule 8).
    pub(super) fn is_of_own_view(&self, of: Option<ViewNumber>) -> bool {
        let own = self.view_number();
        (self.failover.is_none() || own.is_some()) && rules::is_of_own_view(&self.config, own, of)
    }

    /// The peers that an entry needs: all others in the view.
    fn peers_in_view(&self) -> BTreeSet<NodeId> {
        let Some(views) = self.views() else {
            return self.peers.clone();
        };
        // In no view it may not enter; its requests are not read, and are repeated.
        let Some(view) = views.view() else {
            return self.peers.clone();
        };
        let mut members = view.members.clone();
        members.remove(&self.config.id);
        members
    }

    /// What an entry needs besides the permissions (rule 9).
    pub(super) fn gate(&self) -> Gate {
        let Some(failover) = &self.failover else {
            return Gate::Open;
        };
        let views = &failover.views;
        let needed = views.config().lease.for_an_entry();
        let until = failover.leased_until();
        let is_leased = until.is_some_and(|until| until > self.now + needed);
        Gate::Lease {
            is_valid: is_leased && !failover.is_lapsed && views.view().is_some(),
            noted: views.noted(),
        }
    }

    /// Whether the lease has ended, and the entries with it, since the last event.
    #[must_use]
    pub fn is_lapse_due(&self, now: Moment) -> bool {
        let until = self.leased_until();
        let is_lapsed = self.failover.as_ref().is_none_or(|it| it.is_lapsed);
        !is_lapsed && until.is_none_or(|until| until <= now)
    }

    /// Rule 3: the clock first, then the event. If the lease has ended, every entry ends,
    /// whatever acknowledgment comes now.
    pub(super) fn lapse(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        self.now = now;
        if !self.is_lapse_due(now) {
            return;
        }
        if let Some(failover) = &mut self.failover {
            failover.is_lapsed = true;
        }
        let held = self.locks.iter();
        let lost = held.filter(|(_, lock)| rules::is_lost(&self.config, lock.state()));
        effects.extend(lost.map(|(lock, _)| Effect::Lost { lock: lock.clone() }));
    }

    /// A message about views, of this run of a member.
    pub(super) fn receive_view_message(
        &mut self,
        from: NodeId,
        message: &ViewMessage,
        output: &mut Output,
    ) -> Result<(), Rejected> {
        let knows = |views: &Views| views.configuration().ever_had(from);
        if from == self.config.id || !self.views().map_or(self.peers.contains(&from), knows) {
            return Err(Rejected::UnknownMember(from));
        }
        if self.has_duplicate_id {
            return Err(Rejected::DuplicateId);
        }
        let (now, below) = (self.now, self.below());
        // A member that must still hear the others' clocks promises nothing.
        let is_synced = self.unsynced.is_empty();
        let Some(failover) = self.failover.as_mut().filter(|_| is_synced) else {
            return Err(Rejected::OtherView);
        };
        let outcome = failover.change(|views| views.receive(now, from, message, below));
        self.follow(outcome, output);
        Ok(())
    }

    /// The views' timer, or time that has passed.
    pub(super) fn tick_views(&mut self, output: &mut Output) {
        let (now, below) = (self.now, self.below());
        let is_synced = self.unsynced.is_empty();
        if let Some(failover) = self.failover.as_mut().filter(|_| is_synced) {
            failover.timer = None;
            let outcome = failover.change(|views| views.tick(now, below));
            self.follow(outcome, output);
        }
    }

    /// Another node has this member's id: this one cannot know what was promised in its
    /// name.
    pub(super) fn forget_views(&mut self, effects: &mut Vec<Effect>) {
        if let Some(failover) = &mut self.failover {
            failover.change(|views| views.forget(self.now));
            effects.push(Effect::Forget);
        }
    }

    /// Nothing is held or waited for, and this member is about to end (rule 10).
    pub(super) fn leave(&mut self, output: &mut Output) -> Result<(), Rejected> {
        let is_free = |lock: &RicartAgrawala| *lock.state() == State::Free;
        if !self.locks.values().all(is_free) {
            return Err(Rejected::NotFree);
        }
        if let Some(failover) = &mut self.failover {
            let outcome = failover.change(Views::leave);
            self.follow(outcome, output);
        }
        Ok(())
    }

    pub(super) fn follow(&mut self, outcome: views::Output, output: &mut Output) {
        if let Some(number) = outcome.promise {
            output.effects.push(Effect::Promise { number });
        }
        if let Some(below) = outcome.below.filter(|below| Some(*below) > self.reserved) {
            self.reserved = Some(below);
            output.effects.push(Effect::Reserve { below });
        }
        output.change_vote = outcome.change_vote.or(output.change_vote.take());
        output.adopted = outcome.adopted.or(output.adopted.take());
        if outcome.has_adopted {
            self.follow_members();
        }
        output.view_messages.extend(outcome.sends);
        if outcome.is_renewed {
            self.renew(&mut output.effects);
        }
        if let Some(view) = outcome.joined {
            self.join(&view, &mut output.effects);
        }
    }

    /// The configured members are others than before: what is known of those that were
    /// removed is forgotten, and a member that has still to hear the clocks hears those of
    /// the new ones, too.
    fn follow_members(&mut self) {
        let Some(failover) = &self.failover else {
            return;
        };
        let mut peers = failover.views.members().clone();
        peers.remove(&self.config.id);
        if peers == self.peers {
            return;
        }
        let is_peer = |id: &NodeId| peers.contains(id) || *id == self.config.id;
        if !self.unsynced.is_empty() {
            let new = peers.difference(&self.peers).copied();
            self.unsynced.extend(new);
        }
        self.unsynced.retain(is_peer);
        self.suspect_clocks.retain(is_peer);
        self.runs.retain(|id, _| is_peer(id));
        self.peer_clocks.retain(|id, _| is_peer(id));
        self.peers = peers;
        self.view_peers = self.peers_in_view();
    }

    /// The lease or the bound may have been extended: entries that have all permissions
    /// may be due.
    fn renew(&mut self, effects: &mut Vec<Effect>) {
        let until = self.leased_until();
        if let Some(failover) = &mut self.failover
            && until.is_some_and(|until| until > self.now)
        {
            failover.is_lapsed = false;
        }
        self.for_each_lock(effects, |lock, cx| lock.hasten(cx));
    }

    fn join(&mut self, view: &View, effects: &mut Vec<Effect>) {
        self.view_peers = self.peers_in_view();
        effects.push(Effect::Join);
        rules::clock_on_joining(&self.config, &mut self.clock, view.floor);
        for memory in self.memory.values_mut() {
            memory.kept.clear();
        }
        self.for_each_lock(effects, |lock, cx| lock.join_view(cx));
        self.make_awaiting_requests(effects);
        self.renew(effects);
    }

    fn for_each_lock(
        &mut self,
        effects: &mut Vec<Effect>,
        mut act: impl FnMut(&mut RicartAgrawala, &mut Context<'_>),
    ) {
        for name in self.locks.keys().cloned().collect::<Vec<_>>() {
            // The closure rejects nothing.
            let _ = self.with_lock(&name, effects, |lock, cx| {
                act(lock, cx);
                Ok(())
            });
        }
    }

    /// Sets the views' timer for what is due next: a beat, a ballot, or the end of the
    /// lease.
    pub(super) fn set_view_timer(&mut self, effects: &mut Vec<Effect>) {
        let (now, until) = (self.now, self.leased_until());
        // The views do nothing before all clocks are known.
        let is_synced = self.unsynced.is_empty();
        let Some(failover) = self.failover.as_mut().filter(|_| is_synced) else {
            return;
        };
        let mut due = failover.views.next_tick().max(now);
        if !failover.is_lapsed {
            due = due.min(until.unwrap_or(due));
        }
        if failover.timer != Some(due) {
            failover.timer = Some(due);
            effects.push(Effect::SetTimer {
                timer: Timer::View,
                after: due.since(now),
            });
        }
    }
}
