//! The latest events: how a status differs from the one before.

use std::collections::VecDeque;
use std::time::Instant;

use super::table::{Lock, Table};

/// How many are kept: more than a screen shows.
const MAX_KEPT: usize = 200;

/// The latest events, the newest last.
#[derive(Debug)]
pub(super) struct Happenings {
    started: Instant,
    latest: VecDeque<Happening>,
}

/// An event.
#[derive(Debug)]
pub(super) struct Happening {
    /// Seconds since the view was opened.
    pub(super) after_s: u64,
    pub(super) text: String,
    pub(super) is_trouble: bool,
}

impl Happenings {
    pub(super) fn new() -> Self {
        Happenings {
            started: Instant::now(),
            latest: VecDeque::new(),
        }
    }

    /// The latest ones, at most so many, the newest last.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &Happening> {
        self.latest
            .iter()
            .skip(self.latest.len().saturating_sub(count))
    }

    /// Notes what has changed. The first status is not a change.
    pub(super) fn compare(&mut self, before: Option<&Table>, now: &Table) {
        let Some(before) = before else {
            return;
        };
        for member in &now.members {
            let was = before.members.iter().find(|it| it.name == member.name);
            if was.is_some_and(|was| was.state != member.state) {
                let text = format!("{} is {}", member.name, member.state.name());
                self.push(text, member.state.is_trouble());
            }
        }
        if let Some(view) = now.view.as_ref().filter(|_| before.view != now.view) {
            self.push(format!("{}: {view}", now.head), false);
        }
        let find = |table: &'_ Table, name: &str| {
            table.locks.iter().find(|lock| lock.name == name).cloned()
        };
        for lock in &now.locks {
            self.compare_lock(find(before, &lock.name).as_ref(), lock);
        }
        for lock in &before.locks {
            if find(now, &lock.name).is_none() {
                self.push(format!("{} is free", lock.name), false);
            }
        }
    }

    fn compare_lock(&mut self, before: Option<&Lock>, now: &Lock) {
        let holder = |lock: &Lock| lock.holder.as_ref().map(|it| (it.member.clone(), it.token));
        let was = before.and_then(holder);
        if let Some(holder) = now.holder.as_ref().filter(|_| holder(now) != was) {
            let token = holder.token.map(|token| format!(", token {token}"));
            let token = token.unwrap_or_default();
            self.push(
                format!("{} held by {}{token}", now.name, holder.member),
                false,
            );
        }
        let is_new = now.is_deadlock && !before.is_some_and(|lock| lock.is_deadlock);
        if is_new {
            self.push(format!("{}: a deadlock, see turno status", now.name), true);
        }
    }

    fn push(&mut self, text: String, is_trouble: bool) {
        let after_s = self.started.elapsed().as_secs();
        self.latest.push_back(Happening {
            after_s,
            text,
            is_trouble,
        });
        if self.latest.len() > MAX_KEPT {
            self.latest.pop_front();
        }
    }
}
