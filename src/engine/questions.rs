//! The queries of other members: what happens with the locks here.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use super::{Engine, Observer, User};
use crate::mutex::{Incarnation, NodeId};
use crate::system::Quota;
use crate::transport::Outgoing;
use crate::wire::{LockReport, Query};

/// How many queries of one member are answered in a second.
const MAX_A_SECOND: u32 = 50;

/// How many queries wait for an answer. More are lost, as the network may lose them.
const MAX_UNANSWERED: usize = 64;

/// How long an answer is kept, for pieces that are lost.
const KEPT: Duration = Duration::from_secs(2);

/// How many answers are kept.
const MAX_KEPT: usize = 64;

/// A query that the owner of the engine answers.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    from: NodeId,
    run: Incarnation,
    query: Query,
}

impl Question {
    /// Whether it is about this lock.
    pub(crate) fn is_about(&self, lock: &str) -> bool {
        let about = self.query.lock.as_ref();
        about.is_none_or(|about| about.as_str() == lock)
    }
}

/// The queries of the other members.
#[derive(Debug, Default)]
pub(super) struct Questions {
    unanswered: VecDeque<Question>,
    answers: VecDeque<Kept>,
    quotas: BTreeMap<NodeId, Quota>,
}

#[derive(Debug)]
struct Kept {
    from: NodeId,
    run: Incarnation,
    number: u64,
    at: Instant,
    pieces: Vec<Outgoing>,
}

impl<O: Observer, U: User> Engine<O, U> {
    /// A query of a member has arrived.
    pub(super) fn receive_query(
        &mut self,
        from: NodeId,
        run: Incarnation,
        query: Query,
    ) -> io::Result<()> {
        if !self.member.peers().contains(&from) {
            return Ok(());
        }
        let questions = &mut self.questions;
        let quota = || Quota::new(MAX_A_SECOND, MAX_A_SECOND);
        let quota = questions.quotas.entry(from).or_insert_with(quota);
        // What is not admitted is lost, as the network may lose it.
        if !quota.take_quietly() {
            return Ok(());
        }
        questions.answers.retain(|kept| kept.at.elapsed() < KEPT);
        let mut kept = questions.answers.iter();
        let is_it = |kept: &&Kept| (kept.from, kept.run, kept.number) == (from, run, query.number);
        let Some(kept) = kept.find(is_it) else {
            let is_same =
                |it: &Question| (it.from, it.run, it.query.number) == (from, run, query.number);
            let is_queued = questions.unanswered.iter().any(is_same);
            if !is_queued && questions.unanswered.len() < MAX_UNANSWERED {
                let question = Question { from, run, query };
                questions.unanswered.push_back(question);
            }
            return Ok(());
        };
        let has = |place: usize| query.have.iter().any(|it| usize::from(*it) == place + 1);
        let pieces = kept.pieces.iter().enumerate();
        let missing = pieces.filter(|(place, _)| !has(*place));
        let missing: Vec<_> = missing.map(|(_, piece)| piece.clone()).collect();
        missing.into_iter().try_for_each(|piece| self.send(piece))
    }

    /// A query that waits for [`Engine::answer`].
    pub(crate) fn next_question(&mut self) -> Option<Question> {
        self.questions.unanswered.pop_front()
    }

    /// Tells a member about these locks. Without a key it does not tell command lines, which
    /// every machine on the way could read.
    ///
    /// # Errors
    /// Those of the observer.
    pub(crate) fn answer(
        &mut self,
        question: &Question,
        mut locks: Vec<LockReport>,
    ) -> io::Result<()> {
        if !self.has_key {
            for caller in locks.iter_mut().flat_map(|lock| &mut lock.callers) {
                caller.command.clear();
            }
        }
        let Question { from, run, query } = question;
        let pieces = self
            .transport
            .route_report(*from, (query.number, *run), &locks);
        for piece in &pieces {
            self.send(piece.clone())?;
        }
        let answers = &mut self.questions.answers;
        answers.truncate(MAX_KEPT - 1);
        answers.push_front(Kept {
            from: *from,
            run: *run,
            number: query.number,
            at: Instant::now(),
            pieces,
        });
        Ok(())
    }
}
