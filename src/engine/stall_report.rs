//! Reports of a long wait: for whom, and for how long so far.

use std::fmt;
use std::time::{Duration, Instant};

use super::NodeView;
use crate::mutex::{LockName, NodeId, State};
use crate::protocol::Member;
use crate::system::{WaitTimer, rough};

/// After how long a wait is first reported.
const FIRST_REPORT: Duration = Duration::from_secs(2);

/// When to report the present wait.
#[derive(Debug, Default)]
pub(crate) struct StallReports {
    wait: Option<WaitTimer>,
}

/// For whom this node waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// For how long so far.
    pub waited: Duration,
    /// The members whose permission, or clock, is missing.
    pub missing: Vec<MissingPeer>,
    /// Another node uses this member's id: neither may enter.
    pub has_duplicate_id: bool,
    /// With failover, a majority of the members is not heard, so none here may enter.
    pub lacks_majority: bool,
}

/// A member whose permission is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingPeer {
    /// Its id.
    pub id: u16,
    /// Its address, as the member list has it.
    pub address: String,
    /// How long ago it was last heard. `None` if never.
    pub heard: Option<Duration>,
    /// Why the latest datagram in its name was dropped, if it was. Anybody may have
    /// sent that datagram.
    pub dropped: Option<String>,
    /// Its host says that its port is closed.
    pub is_closed: bool,
    /// Why no address of it is known, if none is.
    pub not_found: Option<String>,
    /// It is this member itself, which does not hear its own address.
    is_self: bool,
    /// It says that it does not hear this member.
    is_deaf: bool,
}

impl StallReports {
    /// When a report may be due.
    #[cfg(feature = "cli")]
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.wait.as_ref()?.next_timeout()
    }

    /// The report that is due now, if any.
    pub(crate) fn due(&mut self, view: &NodeView<'_>, lock: &LockName) -> Option<Stall> {
        if missing(view.member, lock).is_none() {
            self.wait = None;
            return None;
        }
        let begin = || WaitTimer::first_report_after(FIRST_REPORT);
        let waited = self.wait.get_or_insert_with(begin).due()?;
        Some(view.stall(lock, waited))
    }
}

impl NodeView<'_> {
    /// For whom this node has waited so long.
    pub(crate) fn stall(&self, lock: &LockName, waited: Duration) -> Stall {
        let unheard = self.unheard_for_a_lease();
        let lacks_majority = !unheard.is_empty();
        let missing = if lacks_majority {
            unheard
        } else {
            missing(self.member, lock).unwrap_or_default()
        };
        self.stall_with(missing, waited, lacks_majority)
    }

    /// Whether nobody listens at the port of a member, as its host says. A datagram in its
    /// name says otherwise.
    pub(crate) fn is_closed(&self, id: NodeId) -> bool {
        let stats = self.peer_stats.get(&id);
        let is_dropped = stats.is_some_and(|stats| stats.dropped().is_some());
        self.port_probes.is_closed(id) && !is_dropped
    }

    /// As [`NodeView::stall`], of these members.
    pub(crate) fn stall_with(
        &self,
        missing: Vec<NodeId>,
        waited: Duration,
        lacks_majority: bool,
    ) -> Stall {
        let missing = missing.into_iter().map(|id| MissingPeer {
            id: id.0,
            address: self.group.name(id).to_owned(),
            heard: self.heard.get(&id).map(Instant::elapsed),
            dropped: self
                .peer_stats
                .get(&id)
                .and_then(|stats| Some(stats.dropped()?.to_string())),
            is_closed: self.is_closed(id),
            not_found: match self.group.address(id) {
                Some(_) => None,
                None => self.group.unknown(id).map(ToOwned::to_owned),
            },
            is_self: id == self.member.id(),
            is_deaf: self.reaches(id) == Some(false),
        });
        Stall {
            waited,
            missing: missing.collect(),
            has_duplicate_id: self.member.has_duplicate_id(),
            lacks_majority,
        }
    }
}

/// The members whose permission, or clock, is missing. `None` if this lock does not
/// wait.
pub(crate) fn missing(member: &Member, lock: &LockName) -> Option<Vec<NodeId>> {
    match member.state(lock) {
        State::Wait { missing, .. } => Some(missing.iter().copied().collect()),
        State::Free if member.is_awaiting_sync(lock) => {
            Some(member.unsynced().iter().copied().collect())
        }
        State::Free | State::Held { .. } => None,
    }
}

/// `gamma:7001 (3), not heard yet; another node has this member's id: stop one of the two`.
pub(crate) fn write_missing(
    f: &mut fmt::Formatter<'_>,
    missing: &[MissingPeer],
    has_duplicate_id: bool,
    lacks_majority: bool,
) -> fmt::Result {
    let missing = missing.iter().map(MissingPeer::to_string);
    let duplicate = has_duplicate_id.then(|| DUPLICATE_ID.to_owned());
    let reasons: Vec<String> = missing.chain(duplicate).collect();
    if lacks_majority {
        f.write_str("a majority of the members, which is not heard: ")?;
    } else if reasons.is_empty() {
        return f.write_str("the acknowledgment of a majority of the members");
    }
    f.write_str(&reasons.join("; "))
}

/// Another node uses this member's id.
pub(crate) const DUPLICATE_ID: &str =
    "another node has this member's id: neither may enter until one of the two is stopped";

/// `waiting 2 s for gamma:7001 (3), not heard yet`.
impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiting {} s for ", self.waited.as_secs())?;
        write_missing(f, &self.missing, self.has_duplicate_id, self.lacks_majority)
    }
}

impl MissingPeer {
    /// `gamma:7001 (3) does not answer, last heard 2h ago`.
    pub(crate) fn silence(&self) -> String {
        if self.is_self {
            return self.to_string();
        }
        let heard = match self.heard {
            Some(ago) => format!("last heard {} ago", rough(ago)),
            None => "not heard yet".to_owned(),
        };
        let dropped = self.dropped.as_ref();
        let dropped = dropped.map(|why| format!(", datagrams in its name are dropped: {why}"));
        let (address, id) = (&self.address, self.id);
        let closed = match self.is_closed {
            true => ", its host says that the port is closed",
            false => "",
        };
        format!(
            "{address} ({id}) does not answer, {heard}{closed}{}{}{}",
            self.unknown_name(),
            self.deafness(),
            dropped.unwrap_or_default()
        )
    }

    fn deafness(&self) -> &'static str {
        match self.is_deaf {
            true => ", and says that it does not hear this member",
            false => "",
        }
    }

    /// `, cannot find host gamma: ...`; nothing if its name is known.
    fn unknown_name(&self) -> String {
        let why = self.not_found.as_ref();
        why.map_or_else(String::new, |why| format!(", {why}"))
    }
}

/// `gamma:7001 (3), heard 4 s ago, datagrams in its name are dropped: it is not signed`.
impl fmt::Display for MissingPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_self {
            return write!(
                f,
                "this member itself, {} ({}): what is sent to that address does not arrive here",
                self.address, self.id
            );
        }
        write!(f, "{} ({}), ", self.address, self.id)?;
        match self.heard {
            Some(ago) => write!(f, "heard {} s ago", ago.as_secs())?,
            None => write!(f, "not heard yet")?,
        }
        f.write_str(self.deafness())?;
        f.write_str(&self.unknown_name())?;
        match &self.dropped {
            Some(reason) => write!(f, ", datagrams in its name are dropped: {reason}"),
            None => Ok(()),
        }
    }
}
