//! The peers' requests: "the other node either sends a REPLY immediately or defers a
//! response until after it leaves its own critical section."

use super::{Context, Latest, PeerRequest, RicartAgrawala, State, rules};
use crate::mutex::clock::Timestamp;
use crate::mutex::message::{First, Origin};
use crate::mutex::rejected::Rejected;

impl RicartAgrawala {
    pub(crate) fn receive_request(
        &mut self,
        cx: &mut Context<'_>,
        incoming: PeerRequest,
    ) -> Result<(), Rejected> {
        if incoming.origin == Origin::Original {
            // A restarted original peer's clock may go back, and it asks once: so each
            // of its requests is answered.
            if !self.reply_queue.contains(&incoming) {
                rules::receive_clock(cx, incoming.request.clock)?;
                self.answer_or_defer(cx, incoming);
            }
            return Ok(());
        }
        // A turno peer's clock never goes back (rule 6).
        let (peer, clock) = (incoming.request.id, incoming.request.clock);
        if self.refuses(cx, &incoming) {
            return Ok(());
        }
        let latest = self.latest.get(&peer).copied();
        match latest {
            Some(latest) if clock < latest.request && incoming.origin == latest.origin => {
                return Err(Rejected::Superseded);
            }
            Some(latest) if clock < latest.request => {
                // By a request of another run. If that was an earlier run, the peer must
                // make a new request.
                cx.send_superseded(&incoming);
                return Ok(());
            }
            Some(latest) if clock == latest.request && incoming.origin == latest.origin => {
                // The peer sent it again, because no reply came. That is no event for the
                // clock, and the reply is the same: as if the network had repeated both.
                match latest.replied {
                    Some(clock) => cx.send_reply(&incoming, clock, 1),
                    None => {
                        cx.send_welcome(&incoming);
                        self.refuse_if_ahead(cx);
                        cx.report_contended();
                    }
                }
                return Ok(());
            }
            // Of another run, with the same clock: our clock is past it already.
            Some(latest) if clock == latest.request => {}
            _ => rules::receive_clock(cx, clock)?,
        }
        let latest = Latest {
            request: clock,
            origin: incoming.origin,
            replied: None,
        };
        self.latest.insert(peer, latest);
        self.answer_or_defer(cx, incoming);
        Ok(())
    }

    fn answer_or_defer(&mut self, cx: &mut Context<'_>, incoming: PeerRequest) {
        if rules::defers(cx, &self.state, &incoming) {
            self.defer(cx, incoming);
        } else {
            self.reply(cx, &incoming);
        }
    }

    fn defer(&mut self, cx: &mut Context<'_>, incoming: PeerRequest) {
        let is_alike = |deferred: &PeerRequest| {
            deferred.request.id == incoming.request.id
                && (deferred.origin == Origin::Original) == (incoming.origin == Origin::Original)
        };
        let alike = self.reply_queue.iter().filter(|d| is_alike(d)).count();
        if alike == rules::max_deferred(cx, incoming.origin)
            && let Some(oldest) = self.reply_queue.iter().position(is_alike)
        {
            self.reply_queue.remove(oldest);
        }
        self.reply_queue.push(incoming);
        self.refuse_if_ahead(cx);
        cx.report_contended();
    }

    /// Refuses the deferred tries if our own request is older.
    fn refuse_if_ahead(&mut self, cx: &mut Context<'_>) {
        if matches!(self.state, State::Wait { .. }) {
            self.refuse_tries(cx, First::Ahead);
        }
    }

    /// The user stays in the section: refuses the deferred tries.
    pub(crate) fn deny(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        self.refuse_tries(cx, First::Held);
        Ok(())
    }

    /// Before all clocks are known a try may be the first, and no other request is older.
    fn refuse_tries(&mut self, cx: &mut Context<'_>, first: First) {
        if cx.is_syncing {
            return;
        }
        for refused in self.reply_queue.extract_if(.., |deferred| deferred.is_try) {
            rules::refuse(cx, &mut self.refused_below, refused.request);
            cx.send_note(&refused, first);
        }
    }

    /// Whether a try was refused, or was made before this member left. If so, a note says so.
    fn refuses(&self, cx: &mut Context<'_>, incoming: &PeerRequest) -> bool {
        let Timestamp { clock, id } = incoming.request;
        let below = self.refused_below.get(&id);
        let is_refused = incoming.is_try && below.is_some_and(|below| clock < *below);
        if is_refused {
            let is_ahead = matches!(self.state, State::Wait { .. });
            cx.send_note(incoming, if is_ahead { First::Ahead } else { First::Held });
        }
        is_refused
    }

    fn reply(&mut self, cx: &mut Context<'_>, incoming: &PeerRequest) {
        let peer = incoming.request.id;
        let clock = rules::reply_clock(cx, incoming.request);
        if let Some(latest) = self.latest.get_mut(&peer)
            && latest.request == incoming.request.clock
            && latest.origin == incoming.origin
        {
            latest.replied = Some(clock);
        }
        cx.send_reply(incoming, clock, 0);
        // If this request is lost, its timer sends it again.
        if let Some(ours) = rules::give_away(cx, &mut self.kept, &mut self.state, incoming) {
            let mode = rules::mode_asked_again(cx, self.mode());
            cx.send_request(peer, ours, (mode, self.is_trying()), 0);
        }
    }

    pub(crate) fn answer_deferred(&mut self, cx: &mut Context<'_>) {
        for deferred in rules::take_deferred(cx, &self.state, &mut self.reply_queue) {
            self.reply(cx, &deferred);
        }
    }
}
