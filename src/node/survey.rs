//! What the members tell each other of their locks: the node asks for its callers, and
//! answers for them.

use std::io;
use std::process;
use std::time::Duration;

use super::local_node::LocalNode;
use super::status::LockStatus;
#[cfg(feature = "cli")]
use crate::engine::Told;
use crate::engine::{MAX_WAIT, Question};
use crate::mutex::{LockName, NodeId};
use crate::system::millis;
use crate::wire::{CallerReport, HOLDING, LockReport, WAITING};

/// How long a short survey takes at least if a member says nothing.
#[cfg(feature = "cli")]
const MIN_LIMIT: Duration = Duration::from_millis(300);

/// What was told so long ago still counts when a wait ends.
const MAX_AGE: Duration = Duration::from_millis(1500);

impl LocalNode {
    /// Asks all other members what happens with this lock, or with all. Returns the number
    /// of the survey, which takes at most a second.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub(crate) fn survey(&mut self, lock: Option<&LockName>) -> io::Result<u64> {
        self.engine.survey(lock, MAX_WAIT)
    }

    /// As [`LocalNode::survey`], for a caller that waits: members that say nothing get two
    /// round trips.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    #[cfg(feature = "cli")]
    pub(crate) fn short_survey(&mut self, lock: &LockName) -> io::Result<u64> {
        let limit = (self.slowest_reply() * 2).clamp(MIN_LIMIT, MAX_WAIT);
        self.engine.survey(Some(lock), limit)
    }

    /// Whether that survey is over.
    #[cfg(feature = "cli")]
    pub(crate) fn is_survey_over(&self, survey: u64) -> bool {
        self.engine.is_survey_over(survey)
    }

    /// What the members have told in a survey that is over. `None`: it is forgotten.
    #[cfg(feature = "cli")]
    pub(crate) fn told(&self, survey: u64) -> Option<&Told> {
        self.engine.told(survey)
    }

    /// From now on the owner answers the queries of other members: it knows more of the
    /// callers.
    #[cfg(feature = "cli")]
    pub(crate) fn leave_questions_to_owner(&mut self) {
        self.has_answering_owner = true;
    }

    /// A query that the owner is to answer.
    #[cfg(feature = "cli")]
    pub(crate) fn next_question(&mut self) -> Option<Question> {
        self.engine.next_question()
    }

    /// Answers a query.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub(crate) fn answer(
        &mut self,
        question: &Question,
        mut locks: Vec<LockReport>,
    ) -> io::Result<()> {
        locks.retain(|lock| question.is_about(&lock.name));
        self.engine.answer(question, locks)
    }

    /// Answers the queries of other members, unless the owner does.
    pub(super) fn answer_questions(&mut self) -> io::Result<()> {
        if self.has_answering_owner {
            return Ok(());
        }
        while let Some(question) = self.engine.next_question() {
            let locks = self.own_reports();
            self.answer(&question, locks)?;
        }
        Ok(())
    }

    /// What there is to tell of the callers of this process.
    fn own_reports(&mut self) -> Vec<LockReport> {
        let locks = self.status().locks;
        let reports = locks.iter().filter_map(|lock| self.own_report(lock));
        reports.filter(|lock| !lock.callers.is_empty()).collect()
    }

    fn own_report(&self, lock: &LockStatus) -> Option<LockReport> {
        let (name, table) = (LockName::new(&lock.name).ok()?, &self.engine.user);
        let caller = |ticket, state: &str| CallerReport {
            ticket,
            state: state.to_owned(),
            pid: Some(process::id()),
            shared: table.is_shared(&name, ticket),
            command: table.description(&name, ticket).into_iter().collect(),
            ..CallerReport::default()
        };
        let holder = lock.holder.map(|ticket| CallerReport {
            token: lock.token,
            since_ms: lock.held_ms.unwrap_or_default(),
            ..caller(ticket, HOLDING)
        });
        let sharing = lock.sharing.iter().map(|(ticket, since_ms)| CallerReport {
            token: lock.token,
            since_ms: *since_ms,
            ..caller(*ticket, HOLDING)
        });
        let waiting = lock.waiting.iter().map(|ticket| CallerReport {
            since_ms: table.waited(&name, *ticket).map_or(0, millis),
            ..caller(*ticket, WAITING)
        });
        Some(LockReport {
            callers: holder.into_iter().chain(sharing).chain(waiting).collect(),
            ..lock_report(lock)
        })
    }

    /// The member that has told lately that it is in the section of this lock.
    pub(super) fn known_holder(&self, lock: &LockName) -> Option<NodeId> {
        let told = self.engine.told_lately(lock, MAX_AGE)?;
        let mut members = told.members.iter();
        let holds = |report: &LockReport| {
            let mut callers = report.callers.iter();
            report.name == lock.as_str() && callers.any(CallerReport::is_holder)
        };
        let holder = members.find(|(_, member)| member.locks.iter().any(holds));
        holder.map(|(id, _)| *id)
    }
}

/// What there is to tell of a lock, without its callers.
pub(crate) fn lock_report(lock: &LockStatus) -> LockReport {
    LockReport {
        name: lock.name.clone(),
        request: lock.request,
        waits_for: lock.waits_for.clone(),
        callers: Vec::new(),
    }
}
