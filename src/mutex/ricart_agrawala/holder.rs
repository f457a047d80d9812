//! The critical section: entering, delegating tokens for further entries, and leaving.

use super::{Context, RicartAgrawala, State, rules};
use crate::mutex::effect::Effect;
use crate::mutex::mode::Mode;
use crate::mutex::rejected::Rejected;
use crate::mutex::token::Token;

impl RicartAgrawala {
    pub(super) fn enter(&mut self, cx: &mut Context<'_>, mode: Mode) {
        let token = cx.clock.token();
        self.state = State::Held { token, mode };
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Enter { lock, token, mode });
    }

    /// Takes over an entry of an earlier run, which goes on. Every permission that it had
    /// still stands: no request was answered since.
    pub(crate) fn resume(&mut self, token: Token, mode: Mode) {
        self.state = State::Held { token, mode };
    }

    /// Delegates tokens for further entries until this member leaves. They are past the
    /// token of the entry, and all later messages are past them.
    pub(crate) fn delegate(&mut self, cx: &mut Context<'_>, entries: u64) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        if !rules::may_delegate(cx, entries) {
            return Err(Rejected::NotDelegated(entries));
        }
        let tokens = cx.clock.delegate(entries)?;
        let tokens = tokens.ok_or(Rejected::NotDelegated(entries))?;
        let lock = cx.lock.clone();
        cx.effects.push(Effect::Delegated { lock, tokens });
        Ok(())
    }

    /// The user leaves. Tries that waited for that are refused.
    pub(crate) fn release(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        self.deny(cx)?;
        rules::refuse_on_leaving(cx, &self.state, &mut self.refused_below);
        self.return_unused(cx)
    }

    /// No user is in the section: leaves it for the peers, whose tries are granted.
    pub(crate) fn return_unused(&mut self, cx: &mut Context<'_>) -> Result<(), Rejected> {
        let State::Held { .. } = self.state else {
            return Err(Rejected::NotHeld);
        };
        cx.effects.push(Effect::Leave {
            lock: cx.lock.clone(),
            clock: cx.clock.now(),
        });
        if rules::answers_on_leaving(cx) {
            self.become_free(cx);
        } else {
            self.state = State::Free;
        }
        Ok(())
    }

    /// A view is joined (failover, rule 7). Permissions and requests of older views are
    /// void; a waiting member asks all peers again, with the same timestamp, and a holder
    /// goes on and defers. A try ends: another may have entered in the view before.
    pub(crate) fn join_view(&mut self, cx: &mut Context<'_>) {
        self.reply_queue.clear();
        self.latest.clear();
        rules::void_permissions(cx, &mut self.kept, &mut self.state);
        if self.is_trying() {
            cx.report_refused(None);
            self.state = State::Free;
        } else if let State::Wait { request, .. } = &self.state {
            let clock = request.clock;
            self.send_request(cx, clock, 0);
        }
    }

    pub(super) fn become_free(&mut self, cx: &mut Context<'_>) {
        self.state = State::Free;
        self.answer_deferred(cx);
    }
}
