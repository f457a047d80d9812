//! What an agent tells of itself and of the other members while it runs: that it begins
//! and leaves, and that a member is up, down, or refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use log::Level;

use super::config::AgentConfig;
use crate::{PeerStatus, Status};

/// The target of these lines in the log: they are shown by default, as warnings are.
pub(crate) const TOLD: &str = "turno::agent::told";

/// How often the members are looked at, at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Without failover, a member that is silent for this time is down if it has been asked
/// meanwhile, so often, and one that says that it is up after a longer silence too.
const MAX_SILENCE_MS: u64 = 5_000;
const MIN_SENT_AGAIN: u64 = 4;

/// What the agent was started with.
#[derive(Debug)]
pub(super) struct About {
    key: Option<PathBuf>,
    state: Option<PathBuf>,
    socket: PathBuf,
    lease: Option<Duration>,
}

impl About {
    pub(super) fn new(config: &AgentConfig, socket: PathBuf) -> Self {
        About {
            key: config.key.clone(),
            state: config.state.clone(),
            socket,
            lease: config.failover,
        }
    }

    /// The key file.
    pub(super) fn key(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    /// What the agent is, in lines.
    fn lines(&self, status: &Status) -> [String; 3] {
        let path = |what: &str, path: &Option<PathBuf>| match path {
            Some(path) => format!("{what} {}", path.display()),
            None => format!("no {what}"),
        };
        let peers = status.peers.iter().map(|peer| match peer.shown_name() {
            name if peer.address.is_empty() => format!("{name}, whose address is not known"),
            name if !peer.is_named && peer.name == peer.address => name,
            name => format!("{name} at {}", peer.address),
        });
        let peers: Vec<String> = peers.collect();
        let lease = match self.lease {
            Some(lease) => format!("failover with a lease of {lease:?}"),
            None => "no failover".to_owned(),
        };
        [
            format!(
                "turno {}: the agent of member {} ({}) of {} listens at {}",
                env!("CARGO_PKG_VERSION"),
                status.id,
                status.called,
                status.peers.len() + 1,
                status.listens_at
            ),
            match peers.is_empty() {
                true => "it is the only member".to_owned(),
                false => format!("the other members: {}", peers.join(", ")),
            },
            format!(
                "socket {}, {}, {}, {lease}",
                self.socket.display(),
                path("key", &self.key),
                path("state directory", &self.state)
            ),
        ]
    }

    /// Tells what the agent is.
    pub(super) fn tell(&self, status: &Status) {
        for line in self.lines(status) {
            log::info!(target: TOLD, "{line}");
        }
    }
}

/// How a member is, as far as this one can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    Unheard,
    Up,
    Down,
    /// It is up, and says that it does not hear this member.
    Deaf,
    /// It has said that it ends.
    Stopped,
    /// Why what is sent in its name is dropped.
    Refused(String),
}

#[derive(Clone, Debug)]
struct Known {
    standing: Standing,
    /// How many datagrams had been sent again when it was last heard.
    sent_again: u64,
    heard_ms: Option<u64>,
}

/// What was told of the members.
#[derive(Debug)]
pub(super) struct Watch {
    known: BTreeMap<u16, Known>,
    /// When to look again, if anything has happened.
    next: Instant,
    has_happened: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Watch {
            known: BTreeMap::new(),
            next: Instant::now(),
            has_happened: true,
        }
    }

    /// The agent was woken by something that may concern a member.
    pub(super) fn happened(&mut self) {
        self.has_happened = true;
    }

    /// When to look again: an idle agent is woken once more after the last thing that
    /// happened, and then not again.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.has_happened.then_some(self.next)
    }

    /// Whether it is time to look again.
    pub(super) fn is_due(&self) -> bool {
        self.has_happened && Instant::now() >= self.next
    }

    /// Tells what has changed of the members.
    pub(super) fn look(&mut self, peers: &[PeerStatus], lease: Option<Duration>) {
        self.next = Instant::now() + INTERVAL;
        self.has_happened = false;
        for (level, text) in self.changes(peers, lease) {
            log::log!(target: TOLD, level, "{text}");
        }
    }

    fn changes(&mut self, peers: &[PeerStatus], lease: Option<Duration>) -> Vec<(Level, String)> {
        let mut changes = Vec::new();
        for peer in peers {
            let known = self.known.entry(peer.id).or_insert(Known {
                standing: Standing::Unheard,
                sent_again: 0,
                heard_ms: None,
            });
            let is_newer = match (peer.heard_ms, known.heard_ms) {
                (Some(now), Some(before)) => now <= before,
                (now, _) => now.is_some(),
            };
            if is_newer {
                known.sent_again = peer.sent_again;
            }
            known.heard_ms = peer.heard_ms;
            let mut standing = standing(peer, known.sent_again, lease);
            let is_unsaid = standing == Standing::Up && peer.hears_us.is_none();
            if is_unsaid && known.standing == Standing::Deaf {
                standing = Standing::Deaf;
            }
            if standing == known.standing {
                continue;
            }
            let before = std::mem::replace(&mut known.standing, standing);
            changes.push(told(peer, &before, &known.standing));
        }
        changes
    }
}

/// `sent_again` is what the count was when the peer was last heard.
fn standing(peer: &PeerStatus, sent_again: u64, lease: Option<Duration>) -> Standing {
    if peer.has_stopped {
        return Standing::Stopped;
    }
    let is_silent = |ms: u64| peer.heard_ms.is_none_or(|heard| heard > ms);
    if let Some(why) = &peer.dropped
        && is_silent(MAX_SILENCE_MS)
    {
        return Standing::Refused(why.clone());
    }
    if peer.heard_ms.is_none() {
        return Standing::Unheard;
    }
    let is_down = match lease {
        Some(lease) => is_silent(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX)),
        // One that is needed is seen before its silence is long enough.
        None => {
            let was_asked = peer.sent_again - sent_again >= MIN_SENT_AGAIN;
            peer.is_up == Some(false) || (is_silent(MAX_SILENCE_MS) && was_asked)
        }
    };
    match (is_down, peer.hears_us) {
        (true, _) => Standing::Down,
        (false, Some(false)) => Standing::Deaf,
        (false, _) => Standing::Up,
    }
}

fn told(peer: &PeerStatus, before: &Standing, now: &Standing) -> (Level, String) {
    let name = peer.shown_name();
    match (before, now) {
        (_, Standing::Refused(why)) => (
            Level::Warn,
            format!("datagrams in the name of {name} are refused: {why}"),
        ),
        (_, Standing::Down) => {
            let seconds = peer.heard_ms.unwrap_or(0) / 1_000;
            (
                Level::Warn,
                format!("{name} is down: not heard for {seconds} s"),
            )
        }
        (_, Standing::Deaf) => {
            let text = format!("{name} is heard, but {}", peer.deafness());
            (Level::Warn, text)
        }
        (_, Standing::Stopped) => (Level::Info, format!("{name} has stopped")),
        (Standing::Unheard, Standing::Up) => (Level::Info, format!("{name} is up")),
        (Standing::Deaf, Standing::Up) => {
            let text = format!("{name} hears this member again");
            (Level::Info, text)
        }
        (Standing::Refused(_), Standing::Up) => (Level::Info, format!("{name} is heard")),
        (_, Standing::Up) => (Level::Info, format!("{name} is up again")),
        (_, Standing::Unheard) => (Level::Info, format!("{name} is not heard yet")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(heard_ms: Option<u64>, sent_again: u64, dropped: Option<&str>) -> PeerStatus {
        PeerStatus {
            id: 2,
            name: "beta:7001".to_owned(),
            called: "beta".to_owned(),
            is_named: false,
            address: "10.0.0.2:7001".to_owned(),
            moved_from: None,
            not_found: None,
            heard_ms,
            is_up: None,
            has_stopped: false,
            is_closed: false,
            hears_us: None,
            heard_us_ms: None,
            fastest_reply_us: None,
            sent_again,
            dropped: dropped.map(ToOwned::to_owned),
        }
    }

    fn told(watch: &mut Watch, peer: PeerStatus, lease: Option<Duration>) -> Vec<String> {
        let changes = watch.changes(&[peer], lease).into_iter();
        changes
            .map(|(level, text)| format!("{level} {text}"))
            .collect()
    }

    #[test]
    fn with_failover_a_member_that_is_silent_for_a_lease_is_down_until_it_is_heard() {
        let lease = Some(Duration::from_secs(10));
        let mut watch = Watch::new();
        assert!(told(&mut watch, peer(None, 0, None), lease).is_empty());
        let up = told(&mut watch, peer(Some(3), 0, None), lease);
        assert_eq!(up, ["INFO beta:7001 (2) is up"]);
        assert!(told(&mut watch, peer(Some(9_000), 0, None), lease).is_empty());
        let down = told(&mut watch, peer(Some(12_000), 0, None), lease);
        assert_eq!(down, ["WARN beta:7001 (2) is down: not heard for 12 s"]);
        assert!(told(&mut watch, peer(Some(13_000), 0, None), lease).is_empty());
        let again = told(&mut watch, peer(Some(3), 0, None), lease);
        assert_eq!(again, ["INFO beta:7001 (2) is up again"]);
    }

    #[test]
    fn without_failover_only_a_member_that_was_asked_is_down() {
        let mut watch = Watch::new();
        told(&mut watch, peer(Some(3), 7, None), None);
        assert!(told(&mut watch, peer(Some(900_000), 7, None), None).is_empty());
        assert!(told(&mut watch, peer(Some(903_000), 10, None), None).is_empty());
        let down = told(&mut watch, peer(Some(904_000), 11, None), None);
        assert_eq!(down, ["WARN beta:7001 (2) is down: not heard for 904 s"]);
    }

    #[test]
    fn an_idle_member_that_stops_or_no_longer_says_that_it_is_up_is_told_of() {
        let with = |is_up: bool, has_stopped: bool| PeerStatus {
            is_up: Some(is_up),
            has_stopped,
            ..peer(Some(36_000), 0, None)
        };
        let mut watch = Watch::new();
        told(&mut watch, with(true, false), None);
        let down = told(&mut watch, with(false, false), None);
        assert_eq!(down, ["WARN beta:7001 (2) is down: not heard for 36 s"]);
        let up = told(&mut watch, with(true, false), None);
        assert_eq!(up, ["INFO beta:7001 (2) is up again"]);
        let stopped = told(&mut watch, with(false, true), None);
        assert_eq!(stopped, ["INFO beta:7001 (2) has stopped"]);
    }

    #[test]
    fn a_member_that_does_not_hear_this_one_is_told_of_until_it_does() {
        let with = |hears_us: Option<bool>| PeerStatus {
            hears_us,
            heard_us_ms: Some(41_000),
            ..peer(Some(3), 0, None)
        };
        let mut watch = Watch::new();
        told(&mut watch, with(None), None);
        let deaf = told(&mut watch, with(Some(false)), None);
        let text = "WARN beta:7001 (2) is heard, but it does not hear this member: last heard it \
                    41 s ago, as it says";
        assert_eq!(deaf, [text]);
        assert!(told(&mut watch, with(None), None).is_empty());
        let again = told(&mut watch, with(Some(true)), None);
        assert_eq!(again, ["INFO beta:7001 (2) hears this member again"]);
    }

    #[test]
    fn a_member_that_is_heard_is_not_called_refused() {
        let mut watch = Watch::new();
        let refused = told(
            &mut watch,
            peer(None, 0, Some("its signature is wrong")),
            None,
        );
        let text =
            "WARN datagrams in the name of beta:7001 (2) are refused: its signature is wrong";
        assert_eq!(refused, [text]);
        let up = told(&mut watch, peer(Some(1), 0, None), None);
        assert_eq!(up, ["INFO beta:7001 (2) is heard"]);
        assert!(told(&mut watch, peer(Some(900), 0, Some("malformed")), None).is_empty());
    }
}
