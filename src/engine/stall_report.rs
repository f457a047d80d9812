//! Word of who keeps us waiting, from time to time.

use std::fmt;
use std::time::{Duration, Instant};

use super::NodeView;
use super::observer::{Missing, Stall};
use crate::mutex::{LockName, NodeId, State};
use crate::protocol::Member;

/// After how long a wait is longer than a moment.
const MOMENT: Duration = Duration::from_secs(2);

/// When to tell of the present wait.
#[derive(Debug, Default)]
pub(crate) struct StallReports {
    wait: Option<WaitTimer>,
}

/// A wait, which is told of when it has taken so long, and again whenever it has
/// taken twice as long.
#[derive(Debug)]
pub(crate) struct WaitTimer {
    pub(crate) began: Instant,
    next: Duration,
}

impl WaitTimer {
    /// From now on.
    pub(crate) fn told_of_after(first: Duration) -> Self {
        WaitTimer {
            began: Instant::now(),
            next: first,
        }
    }

    /// When it is to be told of next; never, if that is beyond all measure.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.began.checked_add(self.next)
    }

    /// How long it has taken, if it is to be told of now.
    pub(crate) fn due(&mut self) -> Option<Duration> {
        let since = self.began.elapsed();
        if since < self.next {
            return None;
        }
        self.next = since.saturating_mul(2);
        Some(since)
    }
}

impl StallReports {
    /// When there may be something to tell.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.wait.as_ref()?.next_timeout()
    }

    /// What is to be told now, if anything.
    pub(crate) fn due(&mut self, view: &NodeView<'_>, lock: &LockName) -> Option<Stall> {
        if missing(view.member, lock).is_none() {
            self.wait = None;
            return None;
        }
        let began = || WaitTimer::told_of_after(MOMENT);
        let since = self.wait.get_or_insert_with(began).due()?;
        Some(Self::waiting(view, lock, since))
    }

    /// Who keeps whoever has waited here for so long.
    pub(crate) fn waiting(view: &NodeView<'_>, lock: &LockName, since: Duration) -> Stall {
        let member = view.member;
        let missing = missing(member, lock).unwrap_or_default();
        let missing = missing.into_iter().map(|member| Missing {
            member,
            heard: view.heard.get(&member).map(Instant::elapsed),
            dropped: view.peer_stats.get(&member).and_then(|it| it.dropped),
        });
        Stall {
            since,
            own: member.id(),
            is_claimed: member.has_duplicate_id(),
            missing: missing.collect(),
        }
    }
}

/// Who keeps us waiting; none if we do not wait.
pub(crate) fn missing(member: &Member, lock: &LockName) -> Option<Vec<NodeId>> {
    match member.state(lock) {
        State::Wait { missing, .. } => Some(missing.iter().copied().collect()),
        State::Free if member.is_awaiting_sync(lock) => {
            Some(member.unsynced().iter().copied().collect())
        }
        State::Free | State::Held { .. } => None,
    }
}

impl Stall {
    /// `2 s for 2 (not heard yet), 3 (heard 1 s ago)`.
    pub(crate) fn for_whom(&self) -> String {
        let whom = self.missing.iter().map(|missing| match missing.member {
            own if own == self.own => "itself, at its address in the list".to_owned(),
            _ => missing.to_string(),
        });
        let whom: Vec<String> = whom.collect();
        let text = format!("{} s for {}", self.since.as_secs(), whom.join(", "));
        if self.is_claimed {
            return format!("{text}; {}", claimed(self.own));
        }
        text
    }
}

/// `waiting 2 s for 2 (not heard yet), 3 (heard 1 s ago)`.
impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting {}", self.for_whom())
    }
}

/// `2 (not heard yet; dropped: its signature is wrong)`.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.heard {
            Some(ago) => write!(f, "{} (heard {} s ago", self.member, ago.as_secs())?,
            None => write!(f, "{} (not heard yet", self.member)?,
        }
        if let Some(why) = self.dropped {
            write!(f, "; dropped: {why}")?;
        }
        write!(f, ")")
    }
}

/// What is to be said when another node claims to be this member.
pub(crate) fn claimed(member: NodeId) -> String {
    format!(
        "another node claims to be member {member}: neither may enter until one of them is gone"
    )
}
