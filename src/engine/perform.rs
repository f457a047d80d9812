//! The way out: the effects of an event are made durable, reported and performed.

use std::io;

use super::state_file::Durable;
use super::{Engine, NodeEvent, Observer, User};
use crate::mutex::{Effect, Rejected, Timer};
#[cfg(feature = "cli")]
use crate::mutex::{LockName, State};
use crate::protocol::{Event, Output};
use crate::system::boot_clock;
use crate::transport::Outgoing;
use crate::views::{Moment, Views};

/// What the algorithm made of an event. There may be effects of the time that has passed
/// though the event was rejected.
pub(super) struct Step {
    pub(super) handled: Result<(), Rejected>,
    pub(super) output: Output,
}

impl<O: Observer, U: User> Engine<O, U> {
    /// Hands the event to the algorithm, reports what comes of it, and performs it.
    /// In this order: the output of several nodes shows the sending of a datagram
    /// before its arrival. A rejection of the algorithm is handed back.
    ///
    /// # Errors
    /// Those of the state file and of the observer. They end the node; after those
    /// of the state file it must not send anything more.
    pub(crate) fn handle(&mut self, event: &Event) -> io::Result<Result<(), Rejected>> {
        let now = boot_clock::now();
        self.end_lapsed_entries(now)?;
        let step = self.step(now, event);
        self.report_and_perform(event, step)
    }

    /// The clock first, then the event: entries that have ended with the lease end before
    /// anything else is read.
    pub(super) fn end_lapsed_entries(&mut self, now: Moment) -> io::Result<()> {
        if !self.member.is_lapse_due(now) {
            return Ok(());
        }
        let event = Event::Expired(Timer::View);
        let step = self.step(now, &event);
        self.report_and_perform(&event, step).map(drop)
    }

    pub(super) fn step(&mut self, now: Moment, event: &Event) -> Step {
        let mut output = Output::default();
        let handled = self.member.handle_at(now, event, &mut output);
        output
            .effects
            .retain(|effect| !self.transport.throttles(effect));
        Step { handled, output }
    }

    pub(super) fn report_and_perform(
        &mut self,
        event: &Event,
        step: Step,
    ) -> io::Result<Result<(), Rejected>> {
        let Step { handled, output } = step;
        // First of all: if this fails, nothing is reported or performed.
        self.persist(&output.effects)?;
        let reported = self.observer.happened(&NodeEvent::Handled {
            event,
            outcome: handled.map(|()| &output.effects[..]),
            member: &self.member,
        });
        // The effects are performed even if they cannot be reported: others wait.
        self.perform_all(output)?;
        reported.map(|()| handled)
    }

    pub(super) fn perform_all(&mut self, output: Output) -> io::Result<()> {
        for effect in output.effects {
            self.perform(&effect)?;
        }
        for (to, message) in output.view_messages {
            if let Some(outgoing) = self.transport.route_view(to, &message) {
                self.expects_beat(to);
                self.send_to(to, outgoing)?;
            }
        }
        Ok(())
    }

    /// Makes the bound of the clock and the promise durable, both in one write.
    ///
    /// # Errors
    /// Those of the state file. The effects must not be performed then.
    pub(super) fn persist(&mut self, effects: &[Effect]) -> io::Result<()> {
        let mut durable = Durable::default();
        for effect in effects {
            match effect {
                Effect::Reserve { below } => durable.below = durable.below.max(Some(*below)),
                Effect::Promise { number } => {
                    durable.promised = durable.promised.max(Some(*number));
                }
                Effect::Forget => durable.is_forgotten = true,
                _ => {}
            }
        }
        let Some(state) = self
            .state
            .as_mut()
            .filter(|_| durable != Durable::default())
        else {
            return Ok(());
        };
        state.persist(durable).map_err(|error| {
            self.has_lost_state = true;
            io::Error::other(format!("the clock could not be written down: {error}"))
        })
    }

    fn perform(&mut self, effect: &Effect) -> io::Result<()> {
        match effect {
            // Done already.
            Effect::Reserve { .. } | Effect::Promise { .. } | Effect::Forget => {}
            Effect::Join => self.report_view(),
            Effect::Send { to, repetition, .. } => {
                self.peer_stats.sends(effect);
                if *repetition > 0 {
                    self.addresses.asked(*to);
                }
                if let Some(outgoing) = self.transport.route(effect) {
                    return self.send_to(*to, outgoing);
                }
            }
            Effect::Enter { lock, token, .. } => {
                log::info!("entered the critical section, token {token}");
                self.timers.forget(lock);
                self.user.entered(lock, *token);
            }
            Effect::Delegated { lock, tokens } => self.user.delegated(lock, *tokens),
            Effect::Contended { lock } => self.user.contended(lock),
            Effect::Lost { lock } => {
                log::warn!("lock {:?} is lost: the lease has ended", lock.as_str());
                self.user.lost(lock);
            }
            Effect::Refused { lock, first } => self.user.refused(lock, *first),
            Effect::Leave { lock, clock } => self.user.left(lock, *clock),
            Effect::SetTimer { timer, after } => self.timers.set(timer.clone(), *after),
        }
        Ok(())
    }

    fn report_view(&mut self) {
        if let Some(view) = self.member.views().and_then(Views::view) {
            self.views.joined(view);
        }
        let (.., view) = self.split();
        if let Some(text) = view.shown_view() {
            log::info!("{text}");
        }
    }

    pub(super) fn send(&mut self, outgoing: Outgoing) -> io::Result<()> {
        let address = outgoing.address;
        match self.udp.send(outgoing) {
            Err(error) if self.drops.count("not sent") => {
                let error = &error;
                let event = NodeEvent::NotSent { address, error };
                self.observer.happened(&event)
            }
            _ => Ok(()),
        }
    }

    /// The node is about to end, with no lock held or wanted: with failover the others
    /// need not wait until its lease is over.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.say_down()?;
        if self.member.views().is_none() || self.has_lost_state {
            return Ok(());
        }
        self.handle(&Event::End).map(drop)
    }

    /// The user stays in the section: refuses the tries that wait for it.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    #[cfg(feature = "cli")]
    pub(crate) fn refuse_tries(&mut self, lock: &LockName) -> io::Result<()> {
        if !self.member.has_deferred_tries(lock) {
            return Ok(());
        }
        self.handle(&Event::Deny(lock.clone())).map(drop)
    }

    /// Leaves the section, or withdraws the request for it.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    #[cfg(feature = "cli")]
    pub(crate) fn leave(&mut self, lock: &LockName) -> io::Result<()> {
        let event = match self.member.state(lock) {
            // With a clock that is not durable nothing may be sent any more.
            _ if self.has_lost_state => return Ok(()),
            State::Free => return Ok(()),
            State::Wait { .. } => Event::Cancel(lock.clone()),
            State::Held { .. } => Event::Release(lock.clone()),
        };
        self.handle(&event).map(drop)
    }
}
