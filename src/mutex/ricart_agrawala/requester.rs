//! Our own request: which peers it goes to, which replies count, and its cancellation.

use super::{Context, RicartAgrawala, State, rules};
use crate::mutex::clock::{NodeId, Timestamp};
use crate::mutex::effect::Effect;
use crate::mutex::message::{Origin, RequestId};
use crate::mutex::rejected::Rejected;
use crate::mutex::timer::Timer;

impl RicartAgrawala {
    /// "A node enters its critical section after all other nodes have been notified of
    /// the request and have sent a reply granting their permission." The clock has ticked
    /// for the request. Peers whose permission was kept are not asked.
    pub(crate) fn acquire(&mut self, cx: &mut Context<'_>) {
        let clock = rules::request_clock(cx, &mut self.cancelled);
        self.kept.retain(|peer| rules::may_enter_unasked(cx, *peer));
        let missing = cx.peers - &self.kept;
        if missing.is_empty() {
            return self.enter(cx);
        }
        let id = cx.config.id;
        let request = Timestamp { clock, id };
        self.state = State::Wait { request, missing };
        self.send_request(cx, clock, 0);
    }

    fn send_request(&self, cx: &mut Context<'_>, request: u64, sent: u32) {
        let State::Wait { missing, .. } = &self.state else {
            return;
        };
        for peer in missing {
            cx.send_request(*peer, request, sent);
        }
        let timer = Timer::Resend {
            lock: cx.lock.clone(),
            request,
            sent: sent.saturating_add(1),
        };
        let after = cx.config.pace.after(sent);
        cx.effects.push(Effect::SetTimer { timer, after });
    }

    pub(crate) fn resend(
        &mut self,
        cx: &mut Context<'_>,
        of_timer: u64,
        sent: u32,
    ) -> Result<(), Rejected> {
        let request = rules::resend_clock(cx, &mut self.state, of_timer);
        self.send_request(cx, request.ok_or(Rejected::StaleTimer)?, sent);
        Ok(())
    }

    pub(crate) fn receive_reply(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        origin: Origin,
        clock: u64,
        echo: RequestId,
    ) -> Result<(), Rejected> {
        let State::Wait { request, missing } = &mut self.state else {
            return rules::unexpected_reply(cx, &self.state, &mut self.kept, peer);
        };
        if !rules::answers(cx, *request, clock, echo) {
            return Err(Rejected::StaleReply);
        }
        let counted = rules::counts_for(cx, missing, peer).ok_or(Rejected::DuplicateReply)?;
        rules::receive_clock(cx, clock)?;
        missing.remove(&counted);
        if cx.config.keeps_permissions && origin != Origin::Original {
            self.kept.insert(peer);
        }
        if missing.is_empty() {
            self.enter(cx);
        }
        Ok(())
    }

    /// A request of an earlier run, which arrived after the peer told this run its clock,
    /// has superseded ours: the peer takes ours for an old one, and would never answer
    /// it. So a new request replaces it.
    pub(crate) fn receive_superseded(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        clock: u64,
        echo: RequestId,
    ) -> Result<(), Rejected> {
        let is_ours = Some(echo.clock) == self.request_to(peer);
        if !is_ours || echo.incarnation != cx.config.incarnation {
            return Err(Rejected::StaleReply);
        }
        rules::receive_clock(cx, clock)?;
        self.become_free(cx);
        self.acquire(cx);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Wait { request, .. } = self.state else {
            return Err(Rejected::NotWaiting);
        };
        rules::retire_clock(cx, &mut self.cancelled, request);
        self.become_free(cx);
        Ok(())
    }

    /// The clock of our request, if it waits for this peer's reply.
    pub(crate) fn request_to(&self, peer: NodeId) -> Option<u64> {
        match &self.state {
            State::Wait { request, missing } if missing.contains(&peer) => Some(request.clock),
            _ => None,
        }
    }

    /// Whether the request with this clock waits for replies.
    pub(crate) fn is_asking(&self, clock: u64) -> bool {
        matches!(&self.state, State::Wait { request, .. } if request.clock == clock)
    }
}
