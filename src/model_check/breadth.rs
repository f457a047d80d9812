//! Breadth-first search on one thread: the path to what it finds is a shortest one.

use std::collections::VecDeque;

use super::Found;
use super::model::Model;
use super::visited::Visited;

/// Searches until it finds a violation, has seen all of the `goal`, or has found this
/// many states.
pub(crate) fn breadth_first<M: Model>(
    model: &M,
    goal: Option<u16>,
    max_states: u64,
) -> Found<M::Violation> {
    let mut search = Breadth::new(model);
    let found = search.run(goal, |search| search.reached.len() as u64 >= max_states);
    found.unwrap_or_else(|| search.found(None, 0, None))
}

pub(super) struct Breadth<'m, M: Model> {
    model: &'m M,
    pub(super) memo: M::Memo,
    pub(super) visited: Visited,
    /// The states to visit next, each with its number in `reached`.
    pub(super) queue: VecDeque<(M::State, usize)>,
    /// How the search first came to each state: from which one, by which action.
    pub(super) reached: Vec<Option<(usize, M::Action)>>,
    pub(super) seen: u16,
}

impl<'m, M: Model> Breadth<'m, M> {
    pub(super) fn new(model: &'m M) -> Self {
        let mut memo = M::Memo::default();
        let start = model.start(&mut memo);
        let visited = Visited::new();
        visited.insert(model.fingerprint(&memo, &start));
        Breadth {
            model,
            memo,
            visited,
            queue: VecDeque::from([(start, 0)]),
            reached: vec![None],
            seen: 0,
        }
    }

    /// Searches until it finds a violation, has seen all of the goal, or it `is_enough`.
    pub(super) fn run(
        &mut self,
        goal: Option<u16>,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Option<Found<M::Violation>> {
        let (model, mut actions) = (self.model, Vec::new());
        let is_goal = |seen: u16| goal.is_some_and(|goal| seen & goal == goal);
        while !is_enough(self)
            && let Some((state, number)) = self.queue.pop_front()
        {
            self.seen |= model.coverage(&self.memo, &state);
            if is_goal(self.seen) {
                return Some(self.found(None, number, None));
            }
            if let Err(violation) = model.recovers(&mut self.memo, &state) {
                return Some(self.found(Some(violation), number, None));
            }
            model.actions(&self.memo, &state, &mut actions);
            for action in actions.drain(..) {
                let step = model.step(&mut self.memo, &state, action, &mut self.seen);
                match step.transpose() {
                    Err(violation) => {
                        return Some(self.found(Some(violation), number, Some(action)));
                    }
                    Ok(_) if is_goal(self.seen) => {
                        return Some(self.found(None, number, Some(action)));
                    }
                    Ok(Some(next)) if self.visited.insert(model.fingerprint(&self.memo, &next)) => {
                        self.queue.push_back((next, self.reached.len()));
                        self.reached.push(Some((number, action)));
                    }
                    Ok(_) => {}
                }
            }
        }
        None
    }

    /// What a search has found that ends at a state, or with an action out of it.
    pub(super) fn found(
        &mut self,
        violation: Option<M::Violation>,
        mut state: usize,
        last: Option<M::Action>,
    ) -> Found<M::Violation> {
        let recovers = violation.is_some() && last.is_none();
        let mut path = Vec::from_iter(last);
        while let Some((from, action)) = self.reached[state] {
            path.push(action);
            state = from;
        }
        path.reverse();
        let actions = path.iter();
        let steps = actions.map(|action| self.model.describe(&self.memo, *action));
        let after = recovers.then(|| "and then all faults end".to_owned());
        Found {
            states: self.reached.len() as u64,
            seen: self.seen,
            violation,
            steps: steps.chain(after).collect(),
            runs: self.model.traces(&mut self.memo, &path, recovers),
        }
    }
}
