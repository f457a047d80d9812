//! The locks of the whole group: an agent asks the others when a user or a client that waits
//! needs to know.

use std::collections::BTreeMap;
use std::io;

use super::Agent;
use super::client::Client;
use super::group_status::GroupStatus;
use super::protocol::{AgentStatus, Answer};
use crate::mutex::LockName;
use crate::narrate::lock_called;
use crate::node::survey::lock_report;
use crate::system::users;
use crate::wire::{CallerReport, LockReport};

/// A client that has asked for the status of the group.
#[derive(Debug)]
pub(super) struct Asking {
    client: usize,
    survey: u64,
    /// Only about this lock.
    lock: Option<LockName>,
}

impl Agent {
    /// Asks the members for a client, which is answered when they have answered.
    ///
    /// # Errors
    /// Why they cannot be asked.
    pub(super) fn ask_group(
        &mut self,
        client: usize,
        lock: Option<&str>,
        brief: bool,
    ) -> Result<(), String> {
        let lock = lock.map(LockName::new).transpose();
        let lock = lock.map_err(|error| error.to_string())?;
        let survey = match &lock {
            Some(lock) if brief => self.node.short_survey(lock),
            lock => self.node.survey(lock.as_ref()),
        };
        let survey = survey.map_err(|error| error.to_string())?;
        // A client gets one answer to all that it has asked meanwhile.
        self.asking.retain(|asking| asking.client != client);
        self.asking.push(Asking {
            client,
            survey,
            lock,
        });
        Ok(())
    }

    /// Answers the queries of other members, and the clients whose surveys are over.
    ///
    /// # Errors
    /// Those of the node.
    pub(super) fn serve_surveys(&mut self) -> io::Result<()> {
        let mut own = None;
        while let Some(question) = self.node.next_question() {
            let own = own.get_or_insert_with(|| reports(&self.status()));
            self.node.answer(&question, own.clone())?;
        }
        if self.asking.is_empty() {
            return Ok(());
        }
        let node = &self.node;
        let answered = self
            .asking
            .extract_if(.., |it| node.is_survey_over(it.survey));
        let answered: Vec<_> = answered.collect();
        if answered.is_empty() {
            return Ok(());
        }
        let status = self.status();
        let own = reports(&status);
        for asking in answered {
            let told = self.node.told(asking.survey);
            let own = about(&own, asking.lock.as_ref().map(LockName::as_str));
            let group = GroupStatus::of(status.node.id, own, told).with_deadlocks();
            let status = AgentStatus {
                group: Some(group),
                ..status.clone()
            };
            self.tell(asking.client, &Answer::Status(Box::new(status)));
        }
        Ok(())
    }

    /// Tells the clients that wait who has the lock, once the members have told.
    pub(super) fn report_waits(&mut self) {
        let node = &mut self.node;
        let due = self.clients.iter_mut().filter_map(|(token, client)| {
            let waiting = client.waiting_mut()?;
            Some((*token, waiting.report(node)?))
        });
        let due: Vec<(usize, u64)> = due.collect();
        if due.is_empty() {
            return;
        }
        let status = self.status();
        let own = reports(&status);
        // Many may have begun to wait for one lock at the same moment.
        let mut groups: BTreeMap<(u64, String), GroupStatus> = BTreeMap::new();
        for (token, survey) in due {
            let Some(waiting) = self.clients.get(&token).and_then(Client::waiting) else {
                continue;
            };
            let lock = waiting.request.name().to_owned();
            let group = groups
                .entry((survey, lock))
                .or_insert_with_key(|(_, lock)| {
                    let told = self.node.told(survey);
                    GroupStatus::of(status.node.id, about(&own, Some(lock)), told)
                });
            if let Some(text) = self.wait_text(token, group) {
                self.tell(token, &Answer::Waiting { text });
            }
        }
    }

    /// `4 s for nightly: held by beta:7001 (2), pid 812, ./backup, for 12 min`.
    fn wait_text(&mut self, token: usize, group: &GroupStatus) -> Option<String> {
        let waiting = self.clients.get(&token)?.waiting()?;
        let lock = waiting.request.name();
        let blocked = self.node.blocked(&waiting.request);
        let mut reasons = Vec::new();
        let mut callers = group.callers_of(lock);
        // It may be this caller itself that is the first.
        let own_id = format!("{}.{}", self.node.id(), waiting.request.ticket());
        if let Some(first) = callers.next().filter(|first| first.id != own_id) {
            let member = self.node.member_name(first.member);
            reasons.push(match first.caller.is_holder() {
                true => first.as_holder(&member),
                false => first.as_first(&member),
            });
        }
        reasons.extend(self.node.silences(&waiting.request));
        if reasons.is_empty() || blocked.is_about_this_member() {
            reasons = vec![format!("waiting for {blocked}")];
        }
        let (name, waited) = (lock_called(lock), waiting.timer.began.elapsed().as_secs());
        Some(format!("{waited} s for {name}: {}", reasons.join("; ")))
    }

    /// Sends an answer to a client, and closes its connection if it has gone.
    pub(super) fn tell(&mut self, token: usize, answer: &Answer) {
        if let Some(client) = self.clients.get_mut(&token)
            && client.connection.send(answer).is_err()
            && let Some(client) = self.clients.remove(&token)
        {
            self.close(client);
        }
    }
}

/// Those about this lock, or all.
fn about(reports: &[LockReport], lock: Option<&str>) -> Vec<LockReport> {
    let is_it = |report: &&LockReport| lock.is_none_or(|lock| report.name == lock);
    reports.iter().filter(is_it).cloned().collect()
}

/// What this agent tells of its clients.
fn reports(status: &AgentStatus) -> Vec<LockReport> {
    let users = users::names();
    let mut locks: Vec<LockReport> = Vec::new();
    for client in &status.clients {
        if locks.last().is_none_or(|lock| lock.name != client.lock) {
            let mut of_node = status.node.locks.iter();
            let lock = of_node.find(|lock| lock.name == client.lock);
            locks.push(lock.map_or_else(
                || LockReport {
                    name: client.lock.clone(),
                    ..LockReport::default()
                },
                lock_report,
            ));
        }
        if let Some(lock) = locks.last_mut() {
            lock.callers.push(CallerReport {
                user: client.uid.and_then(|uid| users.get(&uid)).cloned(),
                ..client.into()
            });
        }
    }
    locks
}
