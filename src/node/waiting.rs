//! Word of who keeps us waiting, from time to time.

use std::fmt;
use std::time::{Duration, Instant};

use super::engine::Standing;
use super::observer::{Missing, Waiting};
use crate::mutex::{LockName, Member, NodeId, State};

/// After how long a wait is longer than a moment. Then it is told of again after
/// twice as long, and so on.
const MOMENT: Duration = Duration::from_secs(2);

/// When to tell of the present wait.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    wait: Option<Wait>,
}

#[derive(Debug)]
struct Wait {
    began: Instant,
    next: Duration,
}

impl Reports {
    /// When there may be something to tell.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let wait = self.wait.as_ref()?;
        wait.began.checked_add(wait.next)
    }

    /// What is to be told now, if anything.
    pub(crate) fn due(&mut self, standing: &Standing<'_>, lock: &LockName) -> Option<Waiting> {
        if missing(standing.member, lock).is_none() {
            self.wait = None;
            return None;
        }
        let wait = self.wait.get_or_insert_with(|| Wait {
            began: Instant::now(),
            next: MOMENT,
        });
        let since = wait.began.elapsed();
        if since < wait.next {
            return None;
        }
        wait.next = since.saturating_mul(2);
        Some(Self::waiting(standing, lock, since))
    }

    /// Who keeps whoever has waited here for so long.
    pub(crate) fn waiting(standing: &Standing<'_>, lock: &LockName, since: Duration) -> Waiting {
        let member = standing.member;
        let missing = missing(member, lock).unwrap_or_default();
        let missing = missing.into_iter().map(|member| Missing {
            member,
            heard: standing.heard.get(&member).map(Instant::elapsed),
            dropped: standing.contacts.get(&member).and_then(|it| it.dropped),
        });
        Waiting {
            since,
            own: member.id(),
            is_claimed: member.is_claimed(),
            missing: missing.collect(),
        }
    }
}

/// Who keeps us waiting; none if we do not wait.
pub(crate) fn missing(member: &Member, lock: &LockName) -> Option<Vec<NodeId>> {
    match member.state(lock) {
        State::Wait { missing, .. } => Some(missing.iter().copied().collect()),
        State::Free if member.is_wanted(lock) => Some(member.unheard().iter().copied().collect()),
        State::Free | State::Held { .. } => None,
    }
}

impl Waiting {
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
impl fmt::Display for Waiting {
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
