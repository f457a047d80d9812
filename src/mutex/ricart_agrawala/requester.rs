//! Our own request: which peers it goes to, which replies count, and its cancellation.

use core::time::Duration;

use super::{Context, RicartAgrawala, State, rules};
use crate::mutex::clock::{NodeId, Timestamp};
use crate::mutex::effect::Effect;
use crate::mutex::message::{First, Origin, RequestId};
use crate::mutex::mode::Mode;
use crate::mutex::rejected::Rejected;
use crate::mutex::timer::Timer;

/// The pause before a try is sent again. It is short, and shorter at first: on a network that
/// loses datagrams a try must reach a holder before its entry is over.
fn try_pause(sent: u32) -> Duration {
    Duration::from_millis(if sent < 10 { 10 } else { 50 })
}

impl RicartAgrawala {
    /// "A node enters its critical section after all other nodes have been notified of
    /// the request and have sent a reply granting their permission." The clock has ticked
    /// for the request. Peers whose permission was kept are not asked, except by a try: of
    /// several members that try at the same moment one enters, however short its entry.
    pub(crate) fn acquire(&mut self, cx: &mut Context<'_>, mode: Mode, is_try: bool) {
        let clock = rules::request_clock(cx, &mut self.cancelled);
        self.kept
            .retain(|peer| rules::may_enter_unasked(cx, peer, is_try));
        let missing = rules::missing(cx, &self.kept, mode);
        // What is asked for is not kept in a weaker form.
        self.kept.retain(|peer| !missing.contains(&peer));
        let id = cx.config.id;
        let request = Timestamp { clock, id };
        self.state = State::Wait {
            request,
            missing,
            is_try,
            mode,
        };
        if !self.enter_if_permitted(cx) {
            self.send_request(cx, clock, 0);
        }
    }

    /// Enters if no permission is missing, and the gate is open at this moment. Whether
    /// it has entered.
    fn enter_if_permitted(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Wait { mode, .. } = self.state else {
            return false;
        };
        let may_enter = self.is_permitted(cx) && rules::may_enter(cx);
        if may_enter {
            self.enter(cx, mode);
        }
        may_enter
    }

    fn is_permitted(&self, cx: &Context<'_>) -> bool {
        matches!(&self.state, State::Wait { missing, .. } if rules::is_permitted(cx, missing))
    }

    /// The gate may have opened. An entry is an event of its own.
    pub(crate) fn hasten(&self, cx: &mut Context<'_>) {
        if self.is_permitted(cx) && rules::may_enter(cx) {
            cx.effects.push(Effect::SetTimer {
                timer: Timer::Enter {
                    lock: cx.lock.clone(),
                },
                after: Duration::ZERO,
            });
        }
    }

    /// The gate was open a moment ago.
    pub(crate) fn enter_late(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let has_entered = self.enter_if_permitted(cx);
        has_entered.then_some(()).ok_or(Rejected::StaleTimer)
    }

    pub(super) fn send_request(&self, cx: &mut Context<'_>, request: u64, sent: u32) {
        let State::Wait {
            missing,
            is_try,
            mode,
            ..
        } = &self.state
        else {
            return;
        };
        for peer in missing {
            cx.send_request(*peer, request, (*mode, *is_try), sent);
        }
        let timer = Timer::Resend {
            lock: cx.lock.clone(),
            request,
            sent: sent.saturating_add(1),
        };
        let after = match is_try {
            true => try_pause(sent),
            false => cx.config.pace.after(sent),
        };
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
        let State::Wait {
            request,
            missing,
            mode,
            ..
        } = &mut self.state
        else {
            return rules::unexpected_reply(cx, &self.state, &mut self.kept, peer);
        };
        if !rules::answers(cx, (*request, *mode), clock, echo) {
            return Err(Rejected::StaleReply);
        }
        let counted = rules::counts_for(cx, missing, peer).ok_or(Rejected::DuplicateReply)?;
        rules::receive_clock(cx, clock)?;
        missing.remove(&counted);
        if cx.config.keeps_permissions && origin != Origin::Original {
            self.kept.insert(peer, rules::kept_mode(cx, *mode));
        }
        self.enter_if_permitted(cx);
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
        let (mode, is_try) = (self.mode(), self.is_trying());
        self.become_free(cx);
        self.acquire(cx, mode, is_try);
        Ok(())
    }

    /// The peer refuses our try.
    pub(crate) fn receive_note(
        &mut self,
        cx: &mut Context<'_>,
        peer: NodeId,
        echo: RequestId,
        first: First,
    ) -> Result<(), Rejected> {
        let request = self.request_to(peer).filter(|_| self.is_trying());
        if !rules::answers_try(cx, request, echo) {
            return Err(Rejected::StaleReply);
        }
        cx.report_refused(Some((peer, first)));
        self.cancel(cx)
    }

    pub(crate) fn is_trying(&self) -> bool {
        matches!(self.state, State::Wait { is_try: true, .. })
    }

    /// The mode of our request or entry.
    pub(crate) fn mode(&self) -> Mode {
        match self.state {
            State::Free => Mode::Exclusive,
            State::Wait { mode, .. } | State::Held { mode, .. } => mode,
        }
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
            State::Wait {
                request, missing, ..
            } if missing.contains(&peer) => Some(request.clock),
            _ => None,
        }
    }

    /// Whether the request with this clock waits for replies.
    pub(crate) fn is_asking(&self, clock: u64) -> bool {
        matches!(&self.state, State::Wait { request, .. } if request.clock == clock)
    }
}
