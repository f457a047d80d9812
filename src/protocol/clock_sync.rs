//! Asking the peers for their clocks: hellos and welcomes.

use core::time::Duration;

use super::*;

/// How often a peer is asked for its clock because a message of its id had one too far
/// ahead: the peer may not have sent it.
pub(super) const MAX_SUSPECT_ROUNDS: u32 = 8;

/// The longest pause between two hellos to a peer while no request waits for the clocks.
pub(super) const MAX_IDLE_PAUSE: Duration = Duration::from_secs(60);

impl Member {
    /// Sends hellos, and sets the timer that sends them again to peers whose clock is not
    /// known.
    pub(super) fn send_hellos(
        &mut self,
        to: BTreeSet<NodeId>,
        sent: u32,
        effects: &mut Vec<Effect>,
    ) {
        let mut pace = self.config.pace;
        let is_urgent = self.is_sync_urgent();
        // So rare that no peer need be spared the repetition.
        let is_rare = !is_urgent && pace.after(sent) >= pace.longest;
        let repetition = if is_rare { 0 } else { sent };
        for peer in to {
            effects.push(self.config.send(peer, None, Body::Hello, repetition));
        }
        if !self.needs_clocks() {
            return;
        }
        if !is_urgent {
            pace.longest = pace.longest.max(MAX_IDLE_PAUSE);
        }
        effects.push(Effect::SetTimer {
            timer: Timer::Hello {
                sent: sent.saturating_add(1),
            },
            after: pace.after(sent),
        });
    }

    pub(super) fn resend_hellos(
        &mut self,
        sent: u32,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if !self.needs_clocks() {
            return Err(Rejected::StaleTimer);
        }
        if sent > MAX_SUSPECT_ROUNDS {
            self.suspect_clocks.clear();
        }
        self.send_hellos(&self.unsynced | &self.suspect_clocks, sent, effects);
        Ok(())
    }

    pub(super) fn receive_hello(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) {
        let peer = message.from;
        self.note_run(peer, message.origin);
        if let Origin::Turno(to) = message.origin {
            let ran_before = self.runs.get(&peer).is_some_and(Option::is_none);
            let welcome = Body::Welcome {
                clock: self.clock.now(),
                to,
                again: self.may_have_forgotten_runs || ran_before,
            };
            effects.push(self.config.send(peer, reply_to, welcome, 0));
        }
        if self.unsynced.contains(&peer) {
            effects.push(self.config.send(peer, None, Body::Hello, 1));
        }
        // The peer has just started, and has not received our requests.
        for (name, lock) in &self.locks {
            if let Some(clock) = lock.request_to(peer) {
                let request = Body::Request {
                    lock: name.clone(),
                    clock,
                    is_try: lock.is_trying(),
                    mode: lock.mode(),
                };
                let mut request = self.config.send(peer, None, request, 1);
                if let Effect::Send { message, .. } = &mut request {
                    message.view = self.view_number();
                }
                effects.push(request);
            }
        }
    }

    /// A welcome without a question says only that the peer is up.
    pub(super) fn receive_welcome(
        &mut self,
        peer: NodeId,
        clock: u64,
        to: Incarnation,
        again: bool,
    ) -> Result<(), Rejected> {
        if to != self.config.incarnation {
            return Err(Rejected::StaleWelcome);
        }
        if self.unsynced.contains(&peer) || self.suspect_clocks.contains(&peer) {
            self.clock.catch_up(clock)?;
            self.ran_before |= again;
        }
        Ok(())
    }

    /// Notes that the clock of this member is known. With the last one, the deferred
    /// requests are answered, and the requests of this member are made.
    pub(super) fn mark_synced(&mut self, id: NodeId, effects: &mut Vec<Effect>) {
        self.suspect_clocks.remove(&id);
        let was_unsynced = self.unsynced.remove(&id);
        if !was_unsynced || !self.unsynced.is_empty() {
            return;
        }
        if self.ran_before {
            self.clock = LamportClock::at(self.clock.now().saturating_add(self.config.ahead));
        }
        for name in self.locks.keys().cloned().collect::<Vec<_>>() {
            let answer = |lock: &mut RicartAgrawala, cx: &mut Context<'_>| {
                lock.answer_deferred(cx);
                Ok(())
            };
            // The closure rejects nothing.
            let _ = self.with_lock(&name, effects, answer);
        }
        self.make_awaiting_requests(effects);
    }

    /// Makes the requests that waited for the clocks, or for a view.
    pub(super) fn make_awaiting_requests(&mut self, effects: &mut Vec<Effect>) {
        while self.may_request()
            && let Some((lock, asked)) = self.awaiting_sync.first_key_value()
            && let (lock, asked) = (lock.clone(), *asked)
            && self.request(&lock, asked, effects).is_ok()
        {
            self.awaiting_sync.remove(&lock);
        }
    }

    /// Whether all clocks are known, and this member is in a view if there are any.
    pub(super) fn may_request(&self) -> bool {
        let is_in_view = self.views().is_none_or(|views| views.view().is_some());
        self.unsynced.is_empty() && is_in_view
    }

    /// A peer's request arrived before all clocks are known. So the peer is up, and can
    /// tell its clock; and if no request waited before, the other peers are asked now.
    pub(super) fn hasten_sync(
        &mut self,
        peer: NodeId,
        was_urgent: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.unsynced.contains(&peer) {
            effects.push(self.config.send(peer, None, Body::Hello, 0));
        }
        if !was_urgent && self.is_sync_urgent() {
            let mut others = self.unsynced.clone();
            others.remove(&peer);
            self.send_hellos(others, 1, effects);
        }
    }

    /// Whether a request waits for the clocks, of this member or of a peer. Otherwise
    /// there is no hurry: a peer that starts late sends a hello itself.
    pub(super) fn is_sync_urgent(&self) -> bool {
        let mut locks = self.locks.values();
        !self.awaiting_sync.is_empty() || locks.any(|lock| !lock.reply_queue().is_empty())
    }

    pub(super) fn needs_clocks(&self) -> bool {
        !self.unsynced.is_empty() || !self.suspect_clocks.is_empty()
    }
}
