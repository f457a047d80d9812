//! A survey: the reports of all members about their locks. A member asks the others when a
//! user or a caller that waits needs to know, and waits at most a second.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Engine, Observer, User};
use crate::mutex::{LockName, NodeId};
use crate::wire::{LockReport, Piece, Query};

/// How long a survey waits at most for members that say nothing.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(1);

/// After this time a port is probed whose member has said nothing, though it is not taken to
/// be down.
const PROBED_AFTER: Duration = Duration::from_millis(500);

/// Beyond this number of surveys about one lock a new one is about all locks, and shared.
const MAX_NARROW: usize = 8;

/// How long it waits at least for a member that is taken to be down.
const MIN_WAIT: Duration = Duration::from_millis(100);

/// How often the members are asked again whose reports are incomplete.
const ASK_AGAIN: Duration = Duration::from_millis(150);

/// Callers that ask the same within this time share a survey.
const SHARED: Duration = Duration::from_millis(50);

/// How long the outcome is kept.
const KEPT: Duration = Duration::from_secs(3);

/// How many surveys there are at most, with those that are over. Beyond that the oldest is
/// forgotten.
const MAX_SURVEYS: usize = 64;

/// What the members have told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// The members that have answered.
    pub(crate) members: BTreeMap<NodeId, MemberReport>,
    /// Those that have not, or not completely.
    pub(crate) unanswered: Vec<NodeId>,
}

/// What one member tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MemberReport {
    /// The locks that its callers have or want.
    pub(crate) locks: Vec<LockReport>,
    /// How many callers it does not name, because there are too many.
    pub(crate) left_out: u64,
}

/// The surveys of a node.
#[derive(Debug, Default)]
pub(super) struct Surveys {
    last: u64,
    all: VecDeque<Survey>,
}

#[derive(Debug)]
struct Survey {
    number: u64,
    lock: Option<LockName>,
    began: Instant,
    /// How long it waits for members that say nothing.
    limit: Duration,
    ask_again: Instant,
    reports: BTreeMap<NodeId, Pieces>,
    /// Once it is over.
    told: Option<Told>,
}

/// The pieces of a report.
#[derive(Debug, Default)]
struct Pieces {
    of: Option<u16>,
    left_out: u64,
    pieces: BTreeMap<u16, Vec<LockReport>>,
}

impl Pieces {
    fn add(&mut self, piece: Piece) {
        if self.of != Some(piece.of) {
            // The member does not remember its first answer, and has made another.
            *self = Pieces::default();
        }
        self.of = Some(piece.of);
        self.left_out = piece.left_out;
        self.pieces.insert(piece.place, piece.locks);
    }

    fn is_complete(&self) -> bool {
        self.of
            .is_some_and(|of| self.pieces.len() == usize::from(of))
    }

    fn report(self) -> MemberReport {
        let mut locks: Vec<LockReport> = Vec::new();
        for lock in self.pieces.into_values().flatten() {
            match locks.last_mut().filter(|last| last.name == lock.name) {
                Some(last) => last.callers.extend(lock.callers),
                None => locks.push(lock),
            }
        }
        MemberReport {
            locks,
            left_out: self.left_out,
        }
    }
}

impl Survey {
    fn is_complete(&self, id: NodeId) -> bool {
        self.reports[&id].is_complete()
    }

    /// `is_down`: whether a member is taken to be down.
    fn is_over(&self, is_down: impl Fn(NodeId) -> bool) -> bool {
        let waited = self.began.elapsed();
        let mut incomplete = self.reports.keys().filter(|id| !self.is_complete(**id));
        waited >= self.limit || incomplete.all(|id| waited >= MIN_WAIT && is_down(*id))
    }

    fn next_timeout(&self) -> Instant {
        let early = self.began + MIN_WAIT;
        match self.told {
            Some(_) => self.began + KEPT,
            None if Instant::now() < early => early,
            None => self.ask_again.min(self.began + self.limit),
        }
    }

    fn end(&mut self) {
        let mut told = Told::default();
        for (id, pieces) in std::mem::take(&mut self.reports) {
            if !pieces.is_complete() {
                told.unanswered.push(id);
            }
            // Of an incomplete report, what there is.
            if pieces.of.is_some() {
                told.members.insert(id, pieces.report());
            }
        }
        self.told = Some(told);
    }
}

impl Surveys {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.all.iter().map(Survey::next_timeout).min()
    }
}

impl<O: Observer, U: User> Engine<O, U> {
    /// Asks all other members what happens with this lock, or with all. Waits so long for
    /// those that say nothing. Returns the number of the survey.
    ///
    /// # Errors
    /// Those of the observer.
    pub(crate) fn survey(&mut self, lock: Option<&LockName>, limit: Duration) -> io::Result<u64> {
        let now = Instant::now();
        let running = self.surveys.all.iter().filter(|it| it.told.is_none());
        let is_crowded = running.filter(|it| it.lock.is_some()).count() >= MAX_NARROW;
        let lock = lock.filter(|_| !is_crowded);
        let mut surveys = self.surveys.all.iter();
        let is_same = |survey: &&Survey| {
            let is_new = survey.told.is_none() && now < survey.began + SHARED;
            is_new && survey.lock.as_ref() == lock && survey.limit == limit
        };
        if let Some(survey) = surveys.find(is_same) {
            return Ok(survey.number);
        }
        self.surveys.last += 1;
        let number = self.surveys.last;
        let peers = self.member.peers().iter();
        self.surveys.all.push_back(Survey {
            number,
            lock: lock.cloned(),
            began: now,
            limit,
            ask_again: now,
            reports: peers.map(|id| (*id, Pieces::default())).collect(),
            told: None,
        });
        let surveys = &mut self.surveys.all;
        if surveys.len() > MAX_SURVEYS {
            let over = surveys.iter().position(|survey| survey.told.is_some());
            surveys.remove(over.unwrap_or(0));
        }
        self.go_on_with_surveys()?;
        Ok(number)
    }

    /// Whether a survey is over. One that is forgotten is.
    #[cfg(feature = "cli")]
    pub(crate) fn is_survey_over(&self, number: u64) -> bool {
        self.find_survey(number).is_none_or(|it| it.told.is_some())
    }

    /// What the members have told in a survey that is over, and not forgotten.
    #[cfg(feature = "cli")]
    pub(crate) fn told(&self, number: u64) -> Option<&Told> {
        self.find_survey(number)?.told.as_ref()
    }

    #[cfg(feature = "cli")]
    fn find_survey(&self, number: u64) -> Option<&Survey> {
        let mut surveys = self.surveys.all.iter();
        surveys.find(|survey| survey.number == number)
    }

    /// What the members have told in the latest survey about this lock that is over and began
    /// at most so long ago.
    pub(crate) fn told_lately(&self, lock: &LockName, age: Duration) -> Option<&Told> {
        let surveys = self.surveys.all.iter().rev();
        let mut recent = surveys.filter(|survey| {
            let is_about_it = survey.lock.as_ref().is_none_or(|about| about == lock);
            is_about_it && survey.began.elapsed() <= age
        });
        recent.find_map(|survey| survey.told.as_ref())
    }

    /// A part of the report of a member.
    pub(super) fn receive_report(
        &mut self,
        from: NodeId,
        source: SocketAddr,
        piece: Piece,
    ) -> io::Result<()> {
        let is_to_this_run = piece.to == self.transport.incarnation();
        let mut surveys = self.surveys.all.iter_mut().filter(|_| is_to_this_run);
        let survey = surveys.find(|survey| survey.number == piece.number);
        let Some(pieces) = survey.and_then(|survey| survey.reports.get_mut(&from)) else {
            // It is late, or repeated: it says nothing of the member now.
            return Ok(());
        };
        pieces.add(piece);
        self.note_heard(from);
        self.peer_stats.up(from);
        self.heard_at(from, source)?;
        self.go_on_with_surveys()
    }

    /// Ends the surveys that are over, and asks again where an answer is missing.
    pub(super) fn go_on_with_surveys(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let surveys = &mut self.surveys.all;
        if surveys.is_empty() {
            return Ok(());
        }
        surveys.retain(|survey| now < survey.began + KEPT);
        let mut surveys = std::mem::take(&mut self.surveys.all);
        let down = self.down();
        for survey in surveys.iter_mut().filter(|survey| survey.told.is_none()) {
            if survey.is_over(|id| down.contains(&id)) {
                self.port_probes.read();
                survey.end();
            } else if survey.ask_again <= now {
                survey.ask_again = now + ASK_AGAIN;
                self.port_probes.read();
                self.ask(survey, &down)?;
            }
        }
        self.surveys.all = surveys;
        Ok(())
    }

    /// The members that are down, as far as this node can tell, or cannot be asked.
    fn down(&mut self) -> Vec<NodeId> {
        let peers = self.member.peers().iter().copied();
        let unknown = peers.filter(|id| !self.transport.is_known_turno(*id));
        let mut down: Vec<NodeId> = unknown.collect();
        let (.., view) = self.split();
        let peers = view.member.peers().iter().copied();
        down.extend(peers.filter(|id| view.is_up(*id) == Some(false)));
        down
    }

    fn ask(&mut self, survey: &Survey, down: &[NodeId]) -> io::Result<()> {
        for (id, pieces) in &survey.reports {
            if pieces.is_complete() {
                continue;
            }
            let query = Query {
                number: survey.number,
                lock: survey.lock.clone(),
                have: pieces.pieces.keys().copied().collect(),
            };
            // Perhaps no process has the port open.
            let is_late = survey.began.elapsed() >= PROBED_AFTER && pieces.of.is_none();
            if let Some(address) = self.transport.group().address(*id)
                && (is_late || down.contains(id))
            {
                let from = self.transport.group().listen.ip();
                self.port_probes.send(*id, from, address);
            }
            if let Some(outgoing) = self.transport.route_query(*id, &query) {
                self.send_to(*id, outgoing)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutex::Incarnation;
    use crate::wire::CallerReport;

    fn piece(place: u16, of: u16, name: &str) -> Piece {
        let caller = CallerReport {
            ticket: place.into(),
            ..CallerReport::default()
        };
        Piece {
            number: 1,
            to: Incarnation(1),
            place,
            of,
            left_out: 0,
            locks: vec![LockReport {
                name: name.to_owned(),
                callers: vec![caller],
                ..LockReport::default()
            }],
        }
    }

    #[test]
    fn a_lock_in_several_pieces_is_put_together_in_any_order_of_arrival() {
        let mut pieces = Pieces::default();
        for (place, name) in [(3, "b"), (1, "a"), (1, "a"), (2, "a")] {
            assert!(!pieces.is_complete());
            pieces.add(piece(place, 3, name));
        }
        assert!(pieces.is_complete());
        let locks = pieces.report().locks;
        let tickets = |lock: &LockReport| lock.callers.iter().map(|it| it.ticket).collect();
        let told: Vec<(&str, Vec<u64>)> = locks
            .iter()
            .map(|lock| (&*lock.name, tickets(lock)))
            .collect();
        assert_eq!(told, [("a", vec![1, 2]), ("b", vec![3])]);
    }

    #[test]
    fn pieces_of_two_answers_are_not_mixed() {
        let mut pieces = Pieces::default();
        pieces.add(piece(1, 2, "a"));
        pieces.add(piece(2, 3, "a"));
        assert_eq!(pieces.pieces.len(), 1);
        assert!(!pieces.is_complete());
    }
}
