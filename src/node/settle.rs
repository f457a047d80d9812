//! The body of a poll: obeys the handles' commands, and brings what callers want and
//! what the algorithm does together.

use std::io;
use std::time::{Duration, Instant};

use super::error::Blocked;
use super::local_node::LocalNode;
use super::lock_table::{LockView, NextAction};
use super::mailbox::Command;
use crate::mutex::{LockName, Mode};
use crate::protocol::Event;

/// How many further entries are delegated: after these a handle wakes the node again.
const DELEGATED_ENTRIES: u64 = 1000;

/// How often it is checked whether a report of a long wait is due.
const REPORT_EVERY: Duration = Duration::from_secs(1);

impl LocalNode {
    pub(super) fn obey(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Ask(queued) => {
                self.engine.user.ask(queued);
                let next = || Instant::now() + REPORT_EVERY;
                self.next_report.get_or_insert_with(next);
            }
            Command::Try(queued) => {
                let limit = Instant::now() + self.try_limit();
                self.tries.limit(limit, queued.caller());
                self.engine.user.ask(queued);
            }
            Command::Leave { lock, ticket } => self.engine.user.leave(&lock, ticket),
            Command::Cancel { lock, ticket } => {
                // The shortest patience still has its request sent.
                self.settle_all()?;
                self.end_wait(&lock, ticket);
            }
            Command::Survey { lock, ticket } => {
                if self.is_holder_uncertain(&lock, ticket) {
                    self.survey(Some(&lock))?;
                }
            }
            Command::Status(sender) => {
                self.settle_all()?;
                // Ignore: the caller may have gone.
                let _ = sender.send(self.status());
            }
            Command::Shutdown(only_holders_left) => {
                self.closing = Some(only_holders_left);
                self.engine.user.close();
            }
        }
        Ok(())
    }

    pub(super) fn blocked_caller(
        &mut self,
        lock: &LockName,
        ticket: u64,
        waited: Duration,
    ) -> Blocked {
        let (_, table, view) = self.engine.split();
        let local = table.blocked(lock, ticket);
        local.unwrap_or_else(|| view.stall(lock, waited).into())
    }

    pub(super) fn settle_all(&mut self) -> io::Result<()> {
        while let Some(lock) = self.engine.user.next_dirty() {
            self.settle(&lock)?;
        }
        self.settle_tries();
        Ok(())
    }

    pub(super) fn settle(&mut self, lock: &LockName) -> io::Result<()> {
        let mut may_delegate = self.delegates;
        loop {
            let (_, table, view) = self.engine.split();
            let member = view.member;
            let action = table.next_action(
                lock,
                LockView {
                    state: member.state(lock),
                    is_awaiting_sync: member.is_awaiting_sync(lock),
                    is_contended: !member.reply_queue(lock).is_empty(),
                    has_deferred_tries: member.has_deferred_tries(lock),
                    is_lease_enough: self.mailbox.delegations.lease.is_enough_now(),
                    may_delegate,
                },
            );
            let event = match action {
                NextAction::Wait => return Ok(()),
                NextAction::Grant { is_delegated } => {
                    table.grant(lock, is_delegated);
                    continue;
                }
                NextAction::Refuse => {
                    table.refuse_first(lock);
                    continue;
                }
                NextAction::Acquire(Mode::Exclusive) => Event::Acquire(lock.clone()),
                NextAction::Acquire(Mode::Shared) => Event::AcquireShared(lock.clone()),
                NextAction::Try(Mode::Exclusive) => Event::Try(lock.clone()),
                NextAction::Try(Mode::Shared) => Event::TryShared(lock.clone()),
                NextAction::Deny => Event::Deny(lock.clone()),
                NextAction::Cancel => Event::Cancel(lock.clone()),
                NextAction::Release => Event::Release(lock.clone()),
                NextAction::Return => Event::Return(lock.clone()),
                NextAction::Delegate => Event::Delegate {
                    lock: lock.clone(),
                    entries: DELEGATED_ENTRIES,
                },
            };
            if let Err(rejected) = self.engine.handle(&event)? {
                match action {
                    NextAction::Delegate => may_delegate = false,
                    _ => self.engine.user.refuse(lock, rejected),
                }
            }
        }
    }

    /// Reports what is due though nothing arrived.
    pub(super) fn report(&mut self) -> io::Result<()> {
        self.engine.report()?;
        if self.next_report.is_some_and(|due| due <= Instant::now()) {
            let (_, table, view) = self.engine.split();
            for (lock, queue) in table.queues() {
                if let Some(stall) = queue.reports.due(&view, lock) {
                    log::warn!("lock {:?}: {stall}", lock.as_str());
                }
            }
            let has_waiters = self.engine.user.has_waiters();
            self.next_report = has_waiters.then(|| Instant::now() + REPORT_EVERY);
        }
        Ok(())
    }

    pub(super) fn answer_shutdown(&mut self) {
        if let Some(answer) = self.closing.take_if(|_| self.engine.user.is_held()) {
            // Ignore: the caller may have gone.
            let _ = answer.send(());
        }
    }
}
