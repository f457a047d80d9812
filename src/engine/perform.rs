//! The way out: the effects of an event are made durable, reported and performed.

use std::io;

use super::{Engine, NodeEvent, Observer, User};
use crate::mutex::{Effect, Rejected};
#[cfg(feature = "cli")]
use crate::mutex::{LockName, State};
use crate::protocol::Event;
use crate::transport::Outgoing;

impl<O: Observer, U: User> Engine<O, U> {
    /// Hands the event to the algorithm, reports what comes of it, and performs it.
    /// In this order: the output of several nodes shows the sending of a datagram
    /// before its arrival. A rejection of the algorithm is handed back.
    ///
    /// # Errors
    /// Those of the state file and of the observer. They end the node; after those
    /// of the state file it must not send anything more.
    pub(crate) fn handle(&mut self, event: &Event) -> io::Result<Result<(), Rejected>> {
        let outcome = self.step(event);
        self.report_and_perform(event, outcome)
    }

    pub(super) fn step(&mut self, event: &Event) -> Result<Vec<Effect>, Rejected> {
        let mut effects = Vec::new();
        let outcome = self.member.handle(event, &mut effects);
        effects.retain(|effect| !self.transport.throttles(effect));
        outcome.map(|()| effects)
    }

    pub(super) fn report_and_perform(
        &mut self,
        event: &Event,
        outcome: Result<Vec<Effect>, Rejected>,
    ) -> io::Result<Result<(), Rejected>> {
        // First of all: if this fails, nothing is reported or performed.
        for effect in outcome.iter().flatten() {
            if let Effect::Reserve { below } = effect {
                self.reserve(*below)?;
            }
        }
        let reported = self.observer.happened(&NodeEvent::Handled {
            event,
            outcome: outcome.as_deref().map_err(|rejected| *rejected),
            member: &self.member,
        });
        // The effects are performed even if they cannot be reported: others wait.
        for effect in outcome.iter().flatten() {
            self.perform(effect)?;
        }
        reported.map(|()| outcome.map(drop))
    }

    /// # Errors
    /// Those of the state file. The effects must not be performed then.
    fn reserve(&mut self, below: u64) -> io::Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        state.reserve(below).map_err(|error| {
            self.has_lost_state = true;
            io::Error::other(format!("the clock could not be written down: {error}"))
        })
    }

    fn perform(&mut self, effect: &Effect) -> io::Result<()> {
        match effect {
            // Done already.
            Effect::Reserve { .. } => {}
            Effect::Send { .. } => {
                self.peer_stats.sends(effect);
                if let Some(outgoing) = self.transport.route(effect) {
                    return self.send(outgoing);
                }
            }
            Effect::Enter { lock, token } => {
                log::info!("entered the critical section, token {token}");
                self.timers.forget(lock);
                self.user.entered(lock, *token);
            }
            Effect::Delegated { lock, tokens } => self.user.delegated(lock, *tokens),
            Effect::Contended { lock } => self.user.contended(lock),
            Effect::Leave { lock, clock } => self.user.left(lock, *clock),
            Effect::SetTimer { timer, after } => self.timers.set(timer.clone(), *after),
        }
        Ok(())
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
