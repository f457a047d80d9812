//! The others' requests: who is replied to at once, and whose reply waits until we
//! leave.

use super::{Context, Deferred, Latest, RicartAgrawala, State};
use crate::mutex::message::Origin;
use crate::mutex::planted::planted;
use crate::mutex::rejected::Rejected;
use crate::mutex::{NodeId, Timestamp};

/// How many requests of one seed peer are kept in the reply queue. It makes one
/// at a time; more than one come of a peer that was started anew, or of
/// somebody who pretends to be it.
const MOST_OF_A_SEED: usize = 8;

impl RicartAgrawala {
    pub(crate) fn receive_request(
        &mut self,
        cx: &mut Context<'_>,
        asked: Deferred,
    ) -> Result<(), Rejected> {
        if asked.origin == Origin::Seed {
            // Its clock may go back, when it was started anew, and it asks once:
            // all that it asks is answered.
            if !self.reply_queue.contains(&asked) {
                cx.receive(asked.request.clock)?;
                self.answer_or_defer(cx, asked);
            }
            return Ok(());
        }
        // A turno peer's clock never goes back (rule 6).
        let (peer, clock) = (asked.request.id, asked.request.clock);
        let latest = self.latest.get(&peer).copied();
        match latest {
            Some(latest) if clock < latest.request && asked.origin == latest.origin => {
                return Err(Rejected::Superseded);
            }
            Some(latest) if clock < latest.request => {
                // By a request of another run. If that was an earlier one, whoever
                // asks now must ask with a new clock.
                cx.send_superseded(&asked);
                return Ok(());
            }
            Some(latest) if clock == latest.request && asked.origin == latest.origin => {
                // It was sent again, because no reply came: no event for the
                // clock. The same reply is sent again too; so it is as if the
                // network had repeated it.
                match latest.replied {
                    Some(clock) => cx.send_reply(&asked, clock, 1),
                    None => {
                        cx.send_welcome(&asked);
                        cx.contended();
                    }
                }
                return Ok(());
            }
            // Of another run, with the same clock: past that we are already.
            Some(latest) if clock == latest.request => {}
            _ => cx.receive(clock)?,
        }
        let latest = Latest {
            request: clock,
            origin: asked.origin,
            replied: None,
        };
        self.latest.insert(peer, latest);
        self.answer_or_defer(cx, asked);
        Ok(())
    }

    fn answer_or_defer(&mut self, cx: &mut Context<'_>, asked: Deferred) {
        if cx.is_syncing || self.we_go_first(cx, asked.request) {
            self.defer(cx, asked);
        } else {
            self.reply(cx, &asked);
        }
    }

    /// The clock is that of this moment, not of the request's arrival (rule 4).
    fn reply(&mut self, cx: &mut Context<'_>, asked: &Deferred) {
        let clock = cx.clock.now();
        if let Some(latest) = self.latest.get_mut(&asked.request.id)
            && latest.request == asked.request.clock
            && latest.origin == asked.origin
        {
            latest.replied = Some(clock);
        }
        cx.send_reply(asked, clock, 0);
        self.give_away(cx, asked.request.id);
    }

    /// Whoever has our permission does not leave us its own. If we wait, we ask
    /// for it again; if that is lost, the request's timer will.
    fn give_away(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        if planted!(cx.config, KeptThoughGivenAway) || !self.kept.remove(&peer) {
            return;
        }
        if let State::Wait { request, missing } = &mut self.state {
            if planted!(cx.config, GivenAwayForGood) {
                return;
            }
            missing.insert(peer);
            cx.send_request(peer, request.clock, 0);
        }
    }

    /// "A REPLY message is returned immediately if the originator of the REQUEST
    /// message has priority; otherwise, the REPLY is delayed." Rule 5 says who
    /// has.
    fn we_go_first(&self, cx: &Context<'_>, theirs: Timestamp) -> bool {
        match &self.state {
            State::Free => false,
            State::Wait { request: ours, .. } if planted!(cx.config, NoTieBreak) => {
                ours.clock < theirs.clock
            }
            State::Wait { .. } if planted!(cx.config, RepliesWhileWaiting) => false,
            State::Wait { request: ours, .. } if planted!(cx.config, OrderTurned) => theirs < *ours,
            State::Wait { request: ours, .. } => *ours < theirs,
            State::Held { token } if planted!(cx.config, ResumedAndReplies) => {
                cx.config.is_of_this_run(*token)
            }
            State::Held { .. } => true,
        }
    }

    /// A turno peer waits for one reply, that to its latest request.
    fn defer(&mut self, cx: &mut Context<'_>, asked: Deferred) {
        let peer = asked.request.id;
        let is_of = |deferred: &Deferred| {
            deferred.request.id == peer
                && (deferred.origin == Origin::Seed) == (asked.origin == Origin::Seed)
        };
        let most = match asked.origin {
            Origin::Seed if planted!(cx.config, OneRequestOfASeed) => 1,
            Origin::Seed => MOST_OF_A_SEED,
            Origin::Turno(_) => 1,
        };
        if self.reply_queue.iter().filter(|d| is_of(d)).count() == most
            && let Some(oldest) = self.reply_queue.iter().position(is_of)
        {
            self.reply_queue.remove(oldest);
        }
        self.reply_queue.push(asked);
        cx.contended();
    }

    /// FREE, and so nobody has to wait for us.
    pub(crate) fn answer_all(&mut self, cx: &mut Context<'_>) {
        self.state = State::Free;
        self.answer_queue(cx);
    }

    pub(crate) fn answer_queue(&mut self, cx: &mut Context<'_>) {
        for deferred in core::mem::take(&mut self.reply_queue) {
            if !planted!(cx.config, QueueForgotten) {
                self.reply(cx, &deferred);
            }
        }
    }
}
