//! Word of who keeps us waiting, from time to time.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::observer::Waiting;
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
    pub(crate) fn due(
        &mut self,
        member: &Member,
        lock: &LockName,
        heard: &BTreeMap<NodeId, Instant>,
    ) -> Option<Waiting> {
        if missing(member, lock).is_none() {
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
        Some(Self::waiting(member, lock, heard, since))
    }

    /// Who keeps whoever has waited here for so long.
    pub(crate) fn waiting(
        member: &Member,
        lock: &LockName,
        heard: &BTreeMap<NodeId, Instant>,
        since: Duration,
    ) -> Waiting {
        let ago = |peer| heard.get(&peer).map(Instant::elapsed);
        let missing = missing(member, lock).unwrap_or_default();
        Waiting {
            since,
            own: member.id(),
            missing: missing.into_iter().map(|peer| (peer, ago(peer))).collect(),
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
        let text = self.to_string();
        text.strip_prefix(WAITING).unwrap_or(&text).to_owned()
    }
}

const WAITING: &str = "waiting ";

/// `waiting 2 s for 2 (not heard yet), 3 (heard 1 s ago)`.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WAITING}{} s for ", self.since.as_secs())?;
        for (place, (peer, heard)) in self.missing.iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            match heard {
                _ if *peer == self.own => {
                    write!(f, "{comma}itself, at its address in the list")?;
                }
                Some(ago) => write!(f, "{comma}{peer} (heard {} s ago)", ago.as_secs())?,
                None => write!(f, "{comma}{peer} (not heard yet)")?,
            }
        }
        Ok(())
    }
}
