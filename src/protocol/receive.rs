//! The messages of the peers.

use super::*;

/// The number of locks for which requests are deferred while clocks are not known. A
/// request for one more is dropped, as if it was lost: its sender sends it again.
pub(super) const MAX_UNSYNCED_LOCKS: usize = 1024;

impl Member {
    pub(super) fn receive(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let Message {
            from,
            origin,
            view,
            body,
        } = message;
        let (from, origin) = (*from, *origin);
        if from == self.config.id {
            return self.receive_from_own_id(message, reply_to, effects);
        }
        if !self.peers.contains(&from) {
            return Err(Rejected::UnknownMember(from));
        }
        let is_greeting = matches!(body, Body::Hello | Body::Welcome { .. });
        if !is_greeting && !self.is_of_own_view(*view) {
            return Err(Rejected::OtherView);
        }
        let handled = match body {
            Body::Request {
                lock,
                clock,
                is_try,
                mode,
            } => {
                let incoming = PeerRequest {
                    request: Timestamp {
                        clock: *clock,
                        id: from,
                    },
                    origin,
                    reply_to,
                    is_try: *is_try,
                    mode: *mode,
                };
                self.receive_request(lock, incoming, effects)
            }
            Body::Reply { .. } if self.has_duplicate_id => Err(Rejected::DuplicateId),
            Body::Reply { lock, clock, echo } => self.with_lock(lock, effects, |lock, cx| {
                lock.receive_reply(cx, from, origin, *clock, *echo)
            }),
            Body::Note {
                lock, echo, first, ..
            } => self.with_lock(lock, effects, |lock, cx| {
                lock.receive_note(cx, from, *echo, *first)
            }),
            Body::Superseded { lock, clock, echo } => {
                let handled = self.with_lock(lock, effects, |lock, cx| {
                    lock.receive_superseded(cx, from, *clock, *echo)
                });
                if handled.is_ok() {
                    self.last_request_clock = Some(self.clock());
                }
                handled
            }
            Body::Hello => {
                self.receive_hello(message, reply_to, effects);
                Ok(())
            }
            Body::Welcome { clock, to, again } => {
                // The peer is not asked for its clock again: this is its answer.
                self.receive_welcome(from, *clock, *to, *again)?;
                Ok(())
            }
        };
        match handled {
            Ok(()) => {
                if rules::tells_clock(&self.config, body) {
                    self.mark_synced(from, effects);
                }
                self.note_run(from, origin);
                self.note_clock(from, body.clock());
                Ok(())
            }
            Err(Rejected::Clock(ClockError::TooFarAhead { .. }))
                if self.suspect_clocks.insert(from) =>
            {
                // Another node may have sent it. The peer's own answer is believed, and a
                // peer that did send it sends it again.
                self.send_hellos([from].into(), 1, effects);
                Ok(())
            }
            rejected => rejected,
        }
    }

    fn receive_request(
        &mut self,
        lock: &LockName,
        incoming: PeerRequest,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        // Once all clocks are known, requests are deferred only for locks in use here.
        let is_syncing = !self.unsynced.is_empty();
        if is_syncing && self.locks.len() > MAX_UNSYNCED_LOCKS && !self.locks.contains_key(lock) {
            return Err(Rejected::TooManyLocks);
        }
        let (peer, was_urgent) = (incoming.request.id, self.is_sync_urgent());
        self.with_lock(lock, effects, |lock, cx| lock.receive_request(cx, incoming))?;
        if is_syncing {
            self.hasten_sync(peer, was_urgent, effects);
        }
        Ok(())
    }

    pub(super) fn note_run(&mut self, peer: NodeId, origin: Origin) {
        if let Origin::Turno(run) = origin {
            let known = self.runs.entry(peer).or_insert(Some(run));
            known.take_if(|known| *known != run);
        }
    }

    /// Only a clock that ours has gone past: any other was not believed.
    fn note_clock(&mut self, peer: NodeId, clock: u64) {
        if clock <= self.clock.now() {
            let known = self.peer_clocks.entry(peer).or_insert(clock);
            *known = clock.max(*known);
        }
    }
}
