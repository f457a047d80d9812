//! An event or a datagram reaches a program, and what the program does is performed.

use super::addresses::member_at;
use super::cluster::{Done, Handled, Parcel, ProgramStep};
use super::event_queue::Due;
use super::oracle::Violation;
use super::plan::{Micros, Moment};
use super::world::World;
use crate::mutex::NodeId;
use crate::protocol::Event;

impl World<'_> {
    /// Hands an event to a program, if it runs.
    pub(super) fn handle(&mut self, id: NodeId, event: Event) -> Result<(), Violation> {
        if self.cluster.program(id).is_none() {
            return Ok(());
        }
        self.read_clock(id)?;
        if let Event::Cancel(_) = event {
            self.figures.cancelled += 1;
        }
        let step = self.cluster.handle(id, event);
        self.perform_step(step, None)
    }

    /// Delivers a datagram.
    pub(super) fn arrive(&mut self, parcel: &Parcel) -> Result<(), Violation> {
        self.read_clock(member_at(parcel.destination))?;
        match self.cluster.arrive(parcel) {
            Some(step) => self.perform_step(step, Some(parcel)),
            None => {
                self.figures.unread += 1;
                Ok(())
            }
        }
    }

    pub(super) fn perform_step(
        &mut self,
        step: ProgramStep,
        arrived: Option<&Parcel>,
    ) -> Result<(), Violation> {
        let id = step.id;
        if let Some(recording) = &mut self.recording {
            recording.step(self.events.now, &self.cluster, &step, arrived);
        }
        let is_request = matches!(
            step.handled,
            Some(Handled::Handled(
                Event::Acquire(_) | Event::AcquireShared(_),
                _
            ))
        );
        for (index, done) in step.done.into_iter().enumerate() {
            if self.crashes_at(id, Moment::Amid(index)) {
                self.figures.crashes_amid += 1;
                return Ok(());
            }
            let moment = match done {
                Done::Entered(..) => Some(Moment::Inside),
                Done::Promised(_) => Some(Moment::Voting),
                _ => None,
            };
            self.perform(id, done, is_request)?;
            if moment.is_some_and(|moment| self.crashes_at(id, moment)) {
                return Ok(());
            }
        }
        self.deny_tries(id)?;
        self.follow_lease(id)?;
        // Not earlier: a clock counts once it is persisted or sent.
        match self.cluster.program(id) {
            Some(program) => self.oracle.note_clock(id, program.clock()),
            None => Ok(()),
        }
    }

    /// `is_request`: the user has just requested the lock, so an entry needed no message.
    fn perform(&mut self, id: NodeId, done: Done, is_request: bool) -> Result<(), Violation> {
        match done {
            Done::Reserved(below) => {
                let node = self.node(id);
                (node.below, node.has_clocks_to_hear) = (Some(below), false);
                if self.plan.failover.is_none() {
                    self.node(id).has_votes_to_hear = false;
                }
            }
            Done::Sent(parcel) => {
                let (now, random) = (self.events.now, &mut self.random);
                let figures = &mut self.figures;
                for at in self.links.arrivals(now, id, &parcel, random, figures) {
                    self.events.schedule(at, Due::Arrival(parcel.clone()));
                }
            }
            Done::Entered(token, mode) => {
                self.oracle.enter(id, token, mode)?;
                self.win_rush(id, mode)?;
                self.figures.shared += u64::from(mode.is_shared());
                let is_overlapping = self.oracle.holders() > 1;
                self.figures.overlapping += u64::from(is_overlapping);
                self.figures.entries += 1;
                self.figures.entries_without_request += u64::from(is_request);
                let hold = self.random.u64(0..=self.plan.max_hold);
                let hold = hold.min(self.max_hold());
                self.hold(id, (token, mode), hold);
                self.begin_leased_entry(id, token);
                if self.plan.max_delegated > 0 && self.random.bool() {
                    let at = self.events.now + self.random.u64(0..=hold);
                    self.events.schedule(at, Due::Delegation(id, token));
                }
            }
            Done::Delegated(first, last) => {
                self.oracle.delegate(id, first, last)?;
                self.figures.delegated += last - first + 1;
            }
            Done::Left => self.oracle.leave(id),
            Done::Contended => self.contended = Some(id),
            Done::Refused => self.end_try(id),
            Done::Promised(number) => {
                let node = self.node(id);
                (node.promised, node.has_votes_to_hear) = (Some(number), false);
            }
            Done::Joined => self.figures.failover.joined += 1,
            Done::Lost => self.lose(id),
            Done::Timer(timer, after) => {
                let at = if timer.is_jittered() {
                    // A quarter more or less, as in a node.
                    let after = Micros::try_from(after.as_micros()).unwrap_or(Micros::MAX / 4);
                    let jitter = self.random.u64(0..=after / 2);
                    self.events.now + after - after / 4 + jitter
                } else {
                    self.exactly_after(id, after)
                };
                let number = (self.events).schedule_numbered(at, |number| Due::Timer(id, number));
                let timers = &mut self.node(id).timers;
                timers.retain(|(other, _)| !timer.replaces(other));
                timers.push((timer, number));
            }
        }
        Ok(())
    }
}
