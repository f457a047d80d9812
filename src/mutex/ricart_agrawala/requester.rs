//! Our own request: to whom it goes, which replies count for it, and how it is given
//! up.

use super::{Context, RicartAgrawala, State};
use crate::mutex::NodeId;
use crate::mutex::effect::Effect;
use crate::mutex::message::{Origin, RequestId};
use crate::mutex::planted::planted;
use crate::mutex::rejected::Rejected;
use crate::mutex::timer::Timer;

impl RicartAgrawala {
    /// "A node enters its critical section after all other nodes have been
    /// notified of the request and have sent a reply granting their
    /// permission." The clock has ticked for the request. Whose permission was
    /// kept is not asked.
    pub(crate) fn acquire(&mut self, cx: &mut Context<'_>) {
        let request = cx.clock.now();
        #[cfg(test)]
        let request = match self.given_up.take() {
            Some(given_up) if planted!(cx.config, ClockReused) => given_up,
            _ => request,
        };
        self.kept.retain(|peer| cx.may_leave_unasked(*peer));
        let missing = cx.peers - &self.kept;
        if missing.is_empty() {
            return self.enter(cx);
        }
        self.state = State::Wait {
            request: cx.stamp(request),
            missing,
        };
        self.send_request(cx, request, 0);
        #[cfg(test)]
        self.count_early(cx);
    }

    /// Of a planted bug.
    #[cfg(test)]
    fn count_early(&mut self, cx: &mut Context<'_>) {
        let early = core::mem::take(&mut self.early);
        if let State::Wait { missing, .. } = &mut self.state {
            missing.retain(|peer| !early.contains(peer));
            if missing.is_empty() {
                self.enter(cx);
            }
        }
    }

    /// The datagrams may be lost: ask again, with the same clock (rule 1).
    pub(crate) fn resend(
        &mut self,
        cx: &mut Context<'_>,
        of_timer: u64,
        sent: u32,
    ) -> Result<(), Rejected> {
        match &mut self.state {
            State::Wait { request, .. } if request.clock == of_timer => {
                if planted!(cx.config, NeverResent) {
                    return Ok(());
                }
                if planted!(cx.config, ResentWithNewClock) {
                    request.clock = cx.clock.tick()?;
                }
                let clock = request.clock;
                self.send_request(cx, clock, sent);
                Ok(())
            }
            _ => Err(Rejected::StaleTimer),
        }
    }

    pub(super) fn send_request(&self, cx: &mut Context<'_>, request: u64, sent: u32) {
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

    /// The clock of our request, if it waits for this peer's reply.
    pub(crate) fn request_missing(&self, peer: NodeId) -> Option<u64> {
        match &self.state {
            State::Wait { request, missing } if missing.contains(&peer) => Some(request.clock),
            _ => None,
        }
    }

    /// Whether the request of this clock waits for replies.
    pub(crate) fn is_asking(&self, clock: u64) -> bool {
        matches!(&self.state, State::Wait { request, .. } if request.clock == clock)
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
            #[cfg(test)]
            if self.state == State::Free && planted!(cx.config, LateReplyAccepted) {
                self.early.insert(peer);
                return Ok(());
            }
            return Err(Rejected::NotAwaited);
        };
        // Rule 2. And whoever replies has gone past our request's clock first,
        // so its own is larger.
        let answers = echo.clock == request.clock && echo.incarnation == cx.config.incarnation;
        let counts = answers && clock > request.clock || planted!(cx.config, NoEcho);
        if !counts {
            return Err(Rejected::StaleReply);
        }
        if !missing.contains(&peer) {
            if !planted!(cx.config, RepliesCounted) {
                return Err(Rejected::RepeatedReply);
            }
            missing.pop_first();
        }
        cx.receive(clock)?;
        missing.remove(&peer);
        if cx.config.keeps_permissions && origin != Origin::Seed {
            self.kept.insert(peer);
        }
        if missing.is_empty() {
            self.enter(cx);
        }
        Ok(())
    }

    /// A request of an earlier run, that was still under way when this one heard
    /// the clocks, has overtaken ours: to that peer ours looks old, and it would
    /// never be answered. So it is given up for a new one.
    pub(crate) fn request_again(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        told: u64,
        echo: RequestId,
    ) -> Result<(), Rejected> {
        let ours = Some(echo.clock) == self.request_missing(peer);
        if !ours || echo.incarnation != cx.config.incarnation {
            return Err(Rejected::StaleReply);
        }
        cx.clock.receive(told)?;
        self.answer_all(cx);
        self.acquire(cx);
        Ok(())
    }

    /// The request's clock is never used again (rule 1): a reply to it that is
    /// still under way will find no request that it echoes.
    pub(crate) fn cancel(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Wait { .. } = self.state else {
            return Err(Rejected::NotWaiting);
        };
        #[cfg(test)]
        if planted!(cx.config, ClockReused)
            && let State::Wait { request, .. } = &self.state
        {
            self.given_up = Some(request.clock);
        }
        self.answer_all(cx);
        Ok(())
    }
}
