//! The messages: what may arrive, and what may be sent.

use super::*;

impl Reference {
    /// Updates the state from a message that was accepted.
    pub(super) fn receive(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        before: &Member,
    ) {
        let (from, clock) = (message.from, message.body.clock());
        if from == self.config.id {
            // The member itself, or another node with its id.
            if message.origin == Origin::Turno(self.config.incarnation) {
                self.unsynced.remove(&from);
            }
            return;
        }
        assert!(self.peers.contains(&from), "only members are accepted");
        if let Body::Welcome { to, .. } = message.body {
            assert_eq!(to, self.config.incarnation, "it answers an earlier run");
            self.unsynced.remove(&from);
            return;
        }
        if clock.saturating_sub(before.clock()) > MAX_JUMP {
            // The clock is not believed: its owner is asked for it.
            return;
        }
        match &message.body {
            Body::Request {
                lock,
                clock,
                is_try,
                mode,
            } => {
                let echo = RequestId {
                    clock: *clock,
                    // A process of the original has none.
                    incarnation: match message.origin {
                        Origin::Turno(incarnation) => incarnation,
                        Origin::Original => Incarnation(0),
                    },
                };
                if !is_try || message.origin == Origin::Original {
                    self.asked_to_wait.insert((from, lock.clone(), echo));
                }
                let request = (from, lock.clone(), echo);
                self.modes.entry(request).or_default().insert(*mode);
                self.received.insert((from, lock.clone(), echo, reply_to));
            }
            Body::Reply { lock, echo, .. } => {
                let replied = self.replied(from, lock, *echo);
                replied.insert(from);
                if self.config.keeps_permissions && message.origin != Origin::Original {
                    // It serves what it was asked for.
                    let mode = self.wanted[lock];
                    self.kept
                        .entry(lock.clone())
                        .or_default()
                        .insert(from, mode);
                }
                assert!(clock > echo.clock, "the replier is past the request");
                assert!(
                    !before.has_duplicate_id(),
                    "another node with this id may use it"
                );
            }
            Body::Superseded { lock, echo, .. } => {
                self.replied(from, lock, *echo);
                self.own.remove(lock);
            }
            Body::Note { lock, echo, .. } => {
                self.replied(from, lock, *echo);
            }
            Body::Hello | Body::Welcome { .. } => {}
        }
    }

    /// Returns the peers that have replied to the current request. An answer must be
    /// to that request (rule 2), and the only one of its sender (rule 3).
    fn replied(&mut self, from: NodeId, lock: &LockName, echo: RequestId) -> &mut BTreeSet<NodeId> {
        let Some(Own::Waits {
            request, replied, ..
        }) = self.own.get_mut(lock)
        else {
            panic!("without a request the answer of {from} was accepted");
        };
        let (clock, incarnation) = (*request, self.config.incarnation);
        assert_eq!(
            echo,
            RequestId { clock, incarnation },
            "{from} answers another request"
        );
        assert!(!replied.contains(&from), "{from} has answered already");
        replied
    }

    pub(super) fn send(
        &mut self,
        to: NodeId,
        reply_to: Option<SocketAddr>,
        message: &Message,
        (event, before): (&Event, &Member),
        after: &Member,
    ) {
        let origin = Origin::Turno(self.config.incarnation);
        assert_eq!((message.from, message.origin), (self.config.id, origin));
        let clock = message.body.clock();
        assert!(clock <= MAX_CLOCK, "no peer can decode {message}");
        let is_clock_sync = matches!(message.body, Body::Hello | Body::Welcome { .. });
        assert!(self.peers.contains(&to) || is_clock_sync && to == self.config.id);
        // A member that has not received all clocks would have to receive them after
        // a restart too. Until then no message of it lets a peer enter, so its clock
        // need not be on disk.
        let is_syncing = !self.unsynced.is_empty();
        let needs_clocks = matches!(
            message.body,
            Body::Request { .. } | Body::Reply { .. } | Body::Note { .. }
        );
        assert!(!(is_syncing && needs_clocks), "{message} too early");
        assert!(
            is_syncing || clock < self.reserved,
            "{message} is not on disk"
        );
        match &message.body {
            Body::Request { lock, clock, .. } => self.ask(to, lock, *clock),
            Body::Note { lock, echo, .. } => self.refuse(to, lock, *echo),
            Body::Reply { lock, echo, .. } | Body::Superseded { lock, echo, .. } => {
                let answered = (to, lock.clone(), *echo, reply_to);
                assert!(
                    self.received.contains(&answered),
                    "{to} sent no such request: {message}"
                );
                if let Body::Reply { .. } = message.body {
                    let theirs = self.mode_of((event, before), to, lock, *echo);
                    self.permit((to, theirs), lock, clock, *echo, after);
                }
            }
            Body::Hello | Body::Welcome { .. } => {}
        }
    }

    /// A new request has a new clock (rule 1). It may discard permissions and ask for
    /// them; a peer that it does not ask must have permitted before.
    pub(super) fn request(
        &mut self,
        lock: &LockName,
        clock: u64,
        is_try: bool,
        asked_now: &BTreeSet<(LockName, u64, NodeId)>,
    ) {
        if self.own.contains_key(lock) {
            return;
        }
        let Some(mode) = self.wanted.get(lock).copied() else {
            panic!("{lock} is not wanted");
        };
        assert!(clock > self.latest, "a new request has a new clock");
        self.latest = clock;
        let kept = self.kept.entry(lock.clone()).or_default();
        kept.retain(|peer, _| !asked_now.contains(&(lock.clone(), clock, *peer)));
        assert!(!is_try || kept.is_empty(), "a try asks every peer");
        let (request, replied) = (clock, serving(kept, mode));
        self.own.insert(
            lock.clone(),
            Own::Waits {
                request,
                mode,
                replied,
            },
        );
    }

    /// A request goes to peers whose reply is missing, always with the same clock.
    fn ask(&mut self, to: NodeId, lock: &LockName, clock: u64) {
        let Some(Own::Waits {
            request, replied, ..
        }) = self.own.get(lock)
        else {
            panic!("it holds {lock} and asks for it");
        };
        assert_eq!(*request, clock, "a repeated request has the same clock");
        assert!(!replied.contains(&to), "{to} has replied");
        self.to_ask_again.remove(&(lock.clone(), to));
    }

    /// Only a try that comes after the own request, or during an entry, or was made before
    /// its end, is refused.
    fn refuse(&mut self, to: NodeId, lock: &LockName, echo: RequestId) {
        let refused = (to, lock.clone(), echo);
        let theirs = self.modes.get(&refused).cloned().unwrap_or_default();
        let heard_on_leaving = self.heard_on_leaving.get(lock).and_then(|it| it.get(&to));
        let is_late = heard_on_leaving.is_some_and(|heard| echo.clock < *heard);
        // An older try of the same peer has ended, too.
        let mut of_peer = self.refused.iter();
        let is_covered =
            of_peer.any(|(of, name, later)| (*of, name) == (to, lock) && later.clock >= echo.clock);
        if is_covered || is_late {
            return;
        }
        if let Some(Own::Holds(mode) | Own::Waits { mode, .. }) = self.own.get(lock) {
            let is_shared = |mode: &Mode| *mode == Mode::Shared;
            let conflicts = !is_shared(mode) || !theirs.iter().all(is_shared);
            assert!(conflicts, "both are shared, and {to} is refused");
        }
        match self.own.get(lock) {
            Some(Own::Holds(_)) => {}
            Some(Own::Waits { request, .. }) => {
                assert!(
                    (*request, self.config.id) < (echo.clock, to),
                    "{to} is first"
                );
            }
            None => panic!("{lock} is not wanted, and {to} is refused"),
        }
        self.refused.insert(refused);
    }

    /// The mode of a request that is permitted now. One that arrived in both modes has that in
    /// which it was deferred, or arrives.
    fn mode_of(
        &self,
        (event, before): (&Event, &Member),
        to: NodeId,
        lock: &LockName,
        echo: RequestId,
    ) -> Mode {
        let modes = self.modes.get(&(to, lock.clone(), echo));
        let modes: Vec<Mode> = modes.into_iter().flatten().copied().collect();
        if let [mode] = modes[..] {
            return mode;
        }
        let mut deferred = before.reply_queue(lock).iter();
        let is_it = |clock: u64| clock == echo.clock;
        match event {
            Event::Received { message, .. } if message.from == to => match &message.body {
                Body::Request { clock, mode, .. } if is_it(*clock) => *mode,
                _ => Mode::Exclusive,
            },
            _ => deferred
                .find(|deferred| deferred.request.id == to && is_it(deferred.request.clock))
                .map_or(Mode::Exclusive, |deferred| deferred.mode),
        }
    }

    /// Only an older request is permitted, unless it was permitted before, or both are
    /// shared.
    fn permit(
        &mut self,
        (to, theirs): (NodeId, Mode),
        lock: &LockName,
        clock: u64,
        echo: RequestId,
        after: &Member,
    ) {
        let permission = (to, lock.clone(), clock, echo);
        if self.permitted.contains(&permission) {
            return;
        }
        let request = (to, lock.clone(), echo);
        assert!(
            !self.refused.contains(&request) || self.asked_to_wait.contains(&request),
            "the try of {to} was refused"
        );
        let kept = self.kept.entry(lock.clone()).or_default();
        let had = kept.get(&to).copied();
        let has = had.filter(|_| theirs == Mode::Shared).map(|_| Mode::Shared);
        match has {
            Some(mode) => kept.insert(to, mode),
            None => kept.remove(&to),
        };
        let are_shared = |ours: Mode| ours == Mode::Shared && theirs == Mode::Shared;
        match self.own.get_mut(lock) {
            Some(Own::Holds(mode)) => {
                assert!(are_shared(*mode), "it holds {lock} and permits {to}");
            }
            Some(Own::Waits {
                request,
                mode,
                replied,
            }) => {
                assert!(
                    (echo.clock, to) < (*request, self.config.id) || are_shared(*mode),
                    "its request for {lock} is older than that of {to}"
                );
                let serves = |of: Mode| of == Mode::Exclusive || *mode == Mode::Shared;
                if had.is_some_and(serves) && !has.is_some_and(serves) {
                    replied.remove(&to);
                    self.to_ask_again.insert((lock.clone(), to));
                }
            }
            None => {}
        }
        self.advance(clock, after);
        assert!(clock > echo.clock, "past the request's clock");
        self.permitted.insert(permission);
    }
}
