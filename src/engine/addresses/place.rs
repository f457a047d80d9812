//! Where one member is, as far as this one can tell: decided from what is heard, found and
//! answered, and from the time.
//!
//! ```text
//! datagrams, responses ─┐                          ┌─ look-ups
//! results of look-ups ──┼─ address in use, trial ──┼─ challenges
//! time ─────────────────┘                          └─ another address in use
//! ```

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::super::timers::jittered;
use super::trial::{Trial, Verdict};
use crate::group::is_same_host;

/// How long a member that is asked may be silent before it is searched for. Without
/// success the pause before the next search doubles.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How soon after a look-up a datagram from a host that is not the member's may cause
/// another one.
const MIN_PAUSE: Duration = Duration::from_secs(5);

/// How soon after a challenge to a stranger another one is sent.
const STRANGER_PAUSE: Duration = Duration::from_millis(250);

/// For how long an address is not tried again beside one that works, and how many such
/// addresses are remembered.
const DECLINED_FOR: Duration = Duration::from_secs(60);
const MAX_DECLINED: usize = 8;

/// What is to be done about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Look its name up.
    LookUp,
    /// Challenge this address with this nonce.
    Challenge(SocketAddr, u64),
    /// Send to this address from now on.
    Use(SocketAddr),
}

/// How the address of a member is found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// It answers a nonce: in a group with a key.
    Challenge,
    /// A datagram from an address that its name has.
    Source,
    /// It is this member itself: that its own datagrams arrive.
    Own,
}

/// Where a member is.
#[derive(Debug)]
pub(super) struct Place {
    means: Means,
    /// The list has a name for it, which may have other addresses today.
    is_by_name: bool,
    used: Option<SocketAddr>,
    /// The addresses that its name has.
    listed: Vec<SocketAddr>,
    /// When it last showed itself at the address in use.
    shown: Option<Instant>,
    /// Since when it is asked, and has not shown itself.
    asked: Option<Instant>,
    /// A datagram in its name came from a host that is not its own.
    is_suspect: bool,
    looked_up: Option<Instant>,
    next_search: Instant,
    pause: Duration,
    trial: Option<Trial>,
    next_stranger: Instant,
    /// Addresses that are no better than the one in use, and until when.
    declined: Vec<(SocketAddr, Instant)>,
}

impl Place {
    pub(super) fn new(
        means: Means,
        is_by_name: bool,
        used: Option<SocketAddr>,
        listed: Vec<SocketAddr>,
        now: Instant,
    ) -> Self {
        let mut place = Place {
            means,
            is_by_name,
            used,
            listed,
            shown: None,
            asked: None,
            is_suspect: false,
            looked_up: None,
            next_search: now
                + if used.is_some() {
                    PATIENCE
                } else {
                    PATIENCE / 3
                },
            pause: PATIENCE,
            trial: None,
            next_stranger: now,
            declined: Vec::new(),
        };
        if place.listed.len() > 1 {
            place.try_listed(now);
        }
        place
    }

    /// Whether there is ever anything to do about it.
    pub(super) fn is_of_interest(&self) -> bool {
        self.is_by_name || self.means == Means::Challenge || self.listed.len() > 1
    }

    /// The addresses, beside the one in use, that everything is sent to as well: while it
    /// is not sure where the member is, those that its name has.
    pub(super) fn others(&self, now: Instant) -> Vec<SocketAddr> {
        let is_other = |listed: &&SocketAddr| Some(**listed) != self.used;
        let mut others = self.listed.iter().filter(is_other).peekable();
        if others.peek().is_none() || self.is_sure(now) {
            return Vec::new();
        }
        others.copied().collect()
    }

    /// Whether it has shown itself at the address in use whenever it was asked.
    fn is_sure(&self, now: Instant) -> bool {
        let is_patient = |asked: Instant| now < asked + PATIENCE;
        self.used.is_some() && self.shown.is_some() && self.asked.is_none_or(is_patient)
    }

    /// The address in use is not one that its name has today.
    fn is_unlisted(&self) -> bool {
        self.used.is_some_and(|used| !self.listed.contains(&used))
    }

    /// An answer of it is missing.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// A datagram in its name came from a host that is not its own.
    pub(super) fn suspect(&mut self) {
        self.is_suspect |= self.is_by_name;
    }

    fn show(&mut self, now: Instant) {
        (self.shown, self.asked) = (Some(now), None);
    }

    /// A valid datagram of it has arrived from here.
    pub(super) fn heard(&mut self, source: SocketAddr, now: Instant) -> Vec<Step> {
        match self.means {
            Means::Own => self.show(now),
            Means::Source => {
                let is_it = |address: &SocketAddr| is_same_host(address.ip(), source.ip());
                if self.used.as_ref().is_some_and(is_it) {
                    self.show(now);
                } else if let Some(address) = self.listed.iter().copied().find(is_it)
                    && !self.is_sure(now)
                {
                    return self.move_to(address, now);
                }
            }
            Means::Challenge => {
                let is_it = |address: SocketAddr| {
                    address.port() == source.port() && is_same_host(address.ip(), source.ip())
                };
                if self.used.is_some_and(is_it) {
                    self.show(now);
                } else {
                    return self.heard_elsewhere(source, now);
                }
            }
        }
        Vec::new()
    }

    /// It has shown itself at this address, which is used from now on.
    fn move_to(&mut self, address: SocketAddr, now: Instant) -> Vec<Step> {
        self.show(now);
        self.declined.clear();
        self.pause = PATIENCE;
        self.next_search = now + jittered(PATIENCE);
        if self.used == Some(address) {
            return Vec::new();
        }
        self.used = Some(address);
        vec![Step::Use(address)]
    }

    /// A signed datagram has come from an address that is not in use: it may be repeated,
    /// so that address is challenged, and beside it the one in use, which may be as good.
    fn heard_elsewhere(&mut self, source: SocketAddr, now: Instant) -> Vec<Step> {
        self.declined.retain(|(_, until)| *until > now);
        let is_declined = self.declined.iter().any(|(address, _)| *address == source);
        let is_answerable = source.port() != 0 && !source.ip().is_multicast();
        if (is_declined && self.is_sure(now)) || now < self.next_stranger || !is_answerable {
            return Vec::new();
        }
        let used = self.used;
        let trial = self.trial.get_or_insert_with(|| Trial::begin(now));
        if let Some(used) = used {
            trial.add(used, false, now);
        }
        trial.add(source, true, now);
        let mut steps = Vec::new();
        if let Some(nonce) = trial.of_stranger(source) {
            self.next_stranger = now + STRANGER_PAUSE;
            steps.push(Step::Challenge(source, nonce));
        }
        steps.extend(self.go_on(now));
        steps
    }

    /// A response with this nonce has arrived.
    pub(super) fn response(&mut self, nonce: u64, now: Instant) -> Vec<Step> {
        let Some(trial) = &mut self.trial else {
            return Vec::new();
        };
        let address = trial.response(nonce, now);
        if address.is_some() && address == self.used {
            self.show(now);
        }
        self.go_on(now)
    }

    /// A look-up has ended. `listed` are the addresses of before if it found none.
    pub(super) fn found(&mut self, listed: Vec<SocketAddr>, now: Instant) -> Vec<Step> {
        self.listed = listed;
        let mut steps = Vec::new();
        // With a key the trial decides: the address in use may answer though no name leads
        // to it.
        if self.used.is_none() || (self.is_unlisted() && self.means != Means::Challenge) {
            steps.extend(self.use_first());
        }
        if !self.is_sure(now) || self.is_unlisted() {
            self.try_listed(now);
        }
        steps.extend(self.go_on(now));
        steps
    }

    /// Uses the first address that its name has, without knowing whether it is there.
    fn use_first(&mut self) -> Option<Step> {
        let first = *self.listed.first()?;
        (self.used, self.shown) = (Some(first), None);
        Some(Step::Use(first))
    }

    /// Challenges the address in use and those that its name has.
    fn try_listed(&mut self, now: Instant) {
        if self.means != Means::Challenge {
            return;
        }
        let trial = self.trial.get_or_insert_with(|| Trial::begin(now));
        for address in self.used.iter().chain(&self.listed) {
            trial.add(*address, false, now);
        }
    }

    /// Does what is due.
    pub(super) fn go_on(&mut self, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(trial) = &mut self.trial {
            let verdict = trial.verdict(self.used, &self.listed, now);
            if verdict == Verdict::Open {
                let due = trial.due(now).into_iter();
                steps.extend(due.map(|(address, nonce)| Step::Challenge(address, nonce)));
            } else {
                steps.extend(self.end_trial(verdict, now));
            }
        }
        if self.search_due().is_some_and(|due| due <= now) {
            steps.extend(self.search(now));
        }
        steps
    }

    fn end_trial(&mut self, verdict: Verdict, now: Instant) -> Vec<Step> {
        let Some(trial) = self.trial.take() else {
            return Vec::new();
        };
        let Verdict::At(address) = verdict else {
            // The address in use was challenged, too: an older turno does not know
            // challenges, and its name may have another address.
            self.asked.get_or_insert(now);
            // What no name leads to and does not answer is given up.
            let is_lost = self.is_unlisted() && !self.is_sure(now);
            return is_lost
                .then(|| self.use_first())
                .flatten()
                .into_iter()
                .collect();
        };
        if self.used != Some(address) {
            return self.move_to(address, now);
        }
        let until = now + DECLINED_FOR;
        let room = MAX_DECLINED.saturating_sub(self.declined.len());
        let strangers = trial.strangers().map(|stranger| (stranger, until));
        self.declined.extend(strangers.take(room));
        Vec::new()
    }

    /// The look-up could not begin: it is tried again soon.
    pub(super) fn put_search_off(&mut self, now: Instant) {
        self.next_search = now + PATIENCE;
        self.pause = PATIENCE;
    }

    fn search(&mut self, now: Instant) -> Vec<Step> {
        // It was found or not needed for long: the next search is soon again.
        if now > self.next_search + MAX_PAUSE {
            self.pause = PATIENCE;
        }
        self.next_search = now + jittered(self.pause);
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        self.is_suspect = false;
        if self.is_by_name {
            self.looked_up = Some(now);
            return vec![Step::LookUp];
        }
        self.try_listed(now);
        let due = self.trial.as_mut().map(|trial| trial.due(now));
        let due = due.unwrap_or_default().into_iter();
        due.map(|(address, nonce)| Step::Challenge(address, nonce))
            .collect()
    }

    /// When to search for it, if there is a reason and a way.
    fn search_due(&self) -> Option<Instant> {
        if !self.is_by_name && self.listed.len() < 2 && !self.is_unlisted() {
            return None;
        }
        let suspicion = self.is_suspect.then(|| {
            let soon = self.looked_up.map(|at| at + MIN_PAUSE);
            soon.map_or(self.next_search, |soon| soon.min(self.next_search))
        });
        let asked = self.asked.map(|asked| asked + PATIENCE);
        let silence = match asked {
            _ if self.shown.is_none() || self.is_unlisted() => Some(self.next_search),
            Some(asked) => Some(asked.max(self.next_search)),
            None => None,
        };
        [suspicion, silence].into_iter().flatten().min()
    }

    /// When there is something to do though nothing arrives.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let trial = self.trial.as_ref().map(Trial::next_timeout);
        [trial, self.search_due()].into_iter().flatten().min()
    }
}
