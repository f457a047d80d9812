//! At which of several addresses a member is: each is sent a nonce that nobody else
//! knows, and the member answers it, signed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How often, and how many times, a challenge is sent again without a response.
const PAUSE: Duration = Duration::from_millis(500);
const MAX_TRIES: u32 = 4;

/// How long the address in use has to answer beside another one that has: a datagram may
/// be lost, and who repeats the datagrams of a member elsewhere must divert nothing.
const MIN_LENGTH: Duration = Duration::from_secs(1);
const MAX_LENGTH: Duration = Duration::from_secs(2);

/// How many addresses that only sent something are tried at the same time.
const MAX_STRANGERS: usize = 4;

/// A trial of some addresses of one member.
#[derive(Debug)]
pub(super) struct Trial {
    began: Instant,
    candidates: Vec<Candidate>,
    /// When the first response came.
    answered: Option<Instant>,
}

/// An address at which the member may be.
#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    nonce: u64,
    /// It has sent something, and is not known otherwise: it gets one challenge for each
    /// of its datagrams, so that nothing is sent to others because of it.
    is_stranger: bool,
    tries: u32,
    next: Instant,
    has_answered: bool,
}

/// What becomes of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Open,
    /// The member is here.
    At(SocketAddr),
    /// No address has answered.
    Nowhere,
}

impl Trial {
    pub(super) fn begin(now: Instant) -> Self {
        Trial {
            began: now,
            candidates: Vec::new(),
            answered: None,
        }
    }

    /// Adds an address that may be the member's.
    pub(super) fn add(&mut self, address: SocketAddr, is_stranger: bool, now: Instant) {
        let strangers = self.candidates.iter().filter(|it| it.is_stranger).count();
        let is_there = self.candidates.iter().any(|it| it.address == address);
        if is_there || (is_stranger && strangers == MAX_STRANGERS) {
            return;
        }
        // Without a nonce that nobody can guess there is no trial.
        let Ok(random) = getrandom::u64() else { return };
        self.candidates.push(Candidate {
            address,
            // As small as a clock, of which it has the place.
            nonce: random >> 1,
            is_stranger,
            tries: 0,
            next: now,
            has_answered: false,
        });
    }

    /// The nonce with which a stranger that has sent something is challenged now.
    pub(super) fn of_stranger(&mut self, address: SocketAddr) -> Option<u64> {
        let is_it = |it: &&Candidate| it.address == address && it.is_stranger && !it.has_answered;
        self.candidates.iter().find(is_it).map(|it| it.nonce)
    }

    /// The challenges that are due.
    pub(super) fn due(&mut self, now: Instant) -> Vec<(SocketAddr, u64)> {
        let due = self.candidates.iter_mut().filter(|it| it.is_due(now));
        due.map(|it| {
            it.tries += 1;
            it.next = now + PAUSE;
            (it.address, it.nonce)
        })
        .collect()
    }

    /// The nonce of a response has arrived. Returns the address that it was sent to.
    pub(super) fn response(&mut self, nonce: u64, now: Instant) -> Option<SocketAddr> {
        let it = self.candidates.iter_mut().find(|it| it.nonce == nonce)?;
        it.has_answered = true;
        self.answered.get_or_insert(now);
        Some(it.address)
    }

    /// Where the member is, if the trial is over. Its address in use is preferred, unless
    /// one that its name has today, `listed`, answers and that one has it no longer.
    pub(super) fn verdict(
        &self,
        used: Option<SocketAddr>,
        listed: &[SocketAddr],
        now: Instant,
    ) -> Verdict {
        let answered = self.candidates.iter().filter(|it| it.has_answered);
        let answered: Vec<SocketAddr> = answered.map(|it| it.address).collect();
        let of_list = |address: &&SocketAddr| listed.contains(address);
        let used_answers = used.filter(|used| answered.contains(used));
        if let Some(used) = used_answers.as_ref().filter(of_list) {
            return Verdict::At(*used);
        }
        let best = answered.iter().find(of_list).copied();
        let best = best.or(used_answers).or(answered.first().copied());
        let has_waited = used.is_none() || self.end_of_wait().is_some_and(|end| end <= now);
        match best {
            Some(best) if has_waited => Verdict::At(best),
            None if now >= self.began + MAX_LENGTH => Verdict::Nowhere,
            _ => Verdict::Open,
        }
    }

    /// Until when the address in use may still answer beside another one.
    fn end_of_wait(&self) -> Option<Instant> {
        let answered = self.answered?;
        Some((self.began + MIN_LENGTH).max(answered + PAUSE))
    }

    /// When there is something to do.
    pub(super) fn next_timeout(&self) -> Instant {
        let open = self.candidates.iter().filter(|it| it.is_open());
        let end = self.end_of_wait().unwrap_or(self.began + MAX_LENGTH);
        open.map(|it| it.next).chain([end]).min().unwrap_or(end)
    }

    /// The strangers among the addresses.
    pub(super) fn strangers(&self) -> impl Iterator<Item = SocketAddr> {
        let strangers = self.candidates.iter().filter(|it| it.is_stranger);
        strangers.map(|it| it.address)
    }
}

impl Candidate {
    /// Whether it is to be challenged, now or later.
    fn is_open(&self) -> bool {
        !self.is_stranger && !self.has_answered && self.tries < MAX_TRIES
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_open() && self.next <= now
    }
}
