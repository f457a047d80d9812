//! Greetings: whose clock must be heard, who is another node with our id, and when
//! to say hello again.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use super::Member;
use crate::mutex::Effect;
use crate::mutex::Rejected;
use crate::mutex::Timer;
use crate::mutex::planted::planted;
use crate::mutex::{Body, Incarnation, Message, Origin};
use crate::mutex::{Context, RicartAgrawala, State};
use crate::mutex::{LamportClock, NodeId};

/// The longest pause between two greetings of a peer while nothing is wanted.
pub(super) const UNHURRIED: Duration = Duration::from_secs(60);

/// For how long another node's claim to be this member is believed.
const CLAIM: Duration = Duration::from_secs(5);

impl Member {
    /// Whoever asks is there, and can tell its clock. And from now on somebody
    /// waits for all those that are not heard.
    pub(super) fn hurry(&mut self, asking: NodeId, is_news: bool, effects: &mut Vec<Effect>) {
        if self.unsynced.contains(&asking) {
            effects.push(self.config.send(asking, None, Body::Hello, 0));
        }
        if is_news && !self.is_in_no_hurry() {
            let mut others = self.unsynced.clone();
            others.remove(&asking);
            self.greet(others, 1, effects);
        }
    }

    /// That is ourselves, greeting our own address; or another node that was
    /// given our id.
    pub(super) fn receive_from_own_id(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        match message.origin {
            Origin::Turno(incarnation) if incarnation == self.config.incarnation => {
                self.heard(self.config.id, effects);
                Ok(())
            }
            Origin::Turno(other) => self.receive_from_double(other, message, reply_to, effects),
            Origin::Seed => Err(Rejected::OwnId(message.from)),
        }
    }

    /// Another node has our id, or an earlier run of ours had: what that one said
    /// may still be under way, or be sent again by somebody. So only an answer to
    /// this run is believed. Each greeting leads to one here and to one there.
    pub(super) fn receive_from_double(
        &mut self,
        other: Incarnation,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let is_last_word = match message.body {
            Body::Hello => false,
            Body::Welcome { to, again, .. } if to == self.config.incarnation => {
                self.is_claimed = true;
                self.claims += 1;
                let claim = self.claims;
                effects.push(Effect::SetTimer {
                    timer: Timer::Unclaim { claim },
                    after: CLAIM,
                });
                again
            }
            _ => return Err(Rejected::OwnId(message.from)),
        };
        if !is_last_word {
            let welcome = Body::Welcome {
                clock: self.clock.now(),
                to: other,
                again: message.body != Body::Hello,
            };
            let to = self.config.id;
            effects.push(self.config.send(to, reply_to, welcome, 0));
        }
        Ok(())
    }

    pub(super) fn greeted_by(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) {
        let peer = message.from;
        self.note_run(peer, message.origin);
        if let Origin::Turno(to) = message.origin {
            let welcome = Body::Welcome {
                clock: self.clock.now(),
                to,
                again: self.may_have_forgotten_runs
                    || self.runs.get(&peer).is_some_and(Option::is_none),
            };
            effects.push(self.config.send(peer, reply_to, welcome, 0));
        }
        if self.unsynced.contains(&peer) {
            effects.push(self.config.send(peer, None, Body::Hello, 1));
        }
        // It has just started, and has seen no request of ours.
        for (name, lock) in &self.locks {
            if let Some(clock) = lock.request_missing(peer) {
                let lock = name.clone();
                let request = Body::Request { lock, clock };
                effects.push(self.config.send(peer, None, request, 1));
            }
        }
    }

    /// The clock of this peer is known. If it was the last one, whoever asked in
    /// the meantime is answered, and all that is wanted is asked for.
    pub(super) fn heard(&mut self, peer: NodeId, effects: &mut Vec<Effect>) {
        self.suspect_clocks.remove(&peer);
        let was_unheard = self.unsynced.remove(&peer);
        if !was_unheard || !self.unsynced.is_empty() {
            return;
        }
        if self.ran_before {
            self.clock = LamportClock::at(self.clock.now().saturating_add(self.config.ahead));
        }
        for name in self.locks.keys().cloned().collect::<Vec<_>>() {
            let answer = |lock: &mut RicartAgrawala, cx: &mut Context<'_>| {
                // An entry of an earlier run may go on.
                if *lock.state() == State::Free || planted!(cx.config, ResumedAndAnswersAll) {
                    lock.answer_queue(cx);
                }
                Ok(())
            };
            // Nothing in it can be refused.
            let _ = self.with_lock(&name, effects, answer);
        }
        while let Some(lock) = self.wanted.first().cloned()
            && self.request(&lock, effects).is_ok()
        {
            self.wanted.remove(&lock);
        }
    }

    /// Says hello, and will say it again to whom it has not heard.
    pub(super) fn greet(
        &mut self,
        greeted: BTreeSet<NodeId>,
        sent: u32,
        effects: &mut Vec<Effect>,
    ) {
        // So seldom that it is no flood, whoever it is for.
        let is_seldom =
            self.is_in_no_hurry() && self.config.pace.after(sent) >= self.config.pace.longest;
        let repetition = if is_seldom { 0 } else { sent };
        for peer in greeted {
            effects.push(self.config.send(peer, None, Body::Hello, repetition));
        }
        if self.unsynced.is_empty() && self.suspect_clocks.is_empty() {
            return;
        }
        let mut pace = self.config.pace;
        if self.is_in_no_hurry() {
            pace.longest = pace.longest.max(UNHURRIED);
        }
        effects.push(Effect::SetTimer {
            timer: Timer::Greet {
                sent: sent.saturating_add(1),
            },
            after: pace.after(sent),
        });
    }

    /// Nobody waits for the clocks that are not heard: not here, and not for a
    /// reply of ours. Who starts late says hello to us.
    pub(super) fn is_in_no_hurry(&self) -> bool {
        let mut locks = self.locks.values();
        self.wanted.is_empty() && locks.all(|lock| lock.reply_queue().is_empty())
    }
}
