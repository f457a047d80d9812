//! The search: every state that can be reached, each once.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread;

use super::bounds::Bounds;
use super::memo::Memo;
use super::oracle::Violation;
use super::replay::traced;
use super::step::{Action, Way, told};
use super::world::World;
use crate::trace::Run;

/// What a search has found.
#[derive(Debug)]
pub(crate) struct Found {
    /// How many states there are, or were before the violation.
    pub(crate) states: u64,
    /// Which of [`super::seen`] were seen.
    pub(crate) seen: u16,
    /// What must never be, and the steps to it.
    pub(crate) violation: Option<(Violation, Vec<String>)>,
    /// The traces of the way to it, or to what was looked for; none of a search on
    /// all cores.
    pub(crate) runs: Vec<Run>,
}

/// From how many states on the search is spread over the cores.
const SEEDS: usize = 2_000;

/// Which states were visited: 64 bits of each. Of 10^9 states two are taken for
/// one with a probability of 3 in 100; of 10^8, 3 in 10,000.
struct Visited {
    shards: Vec<Mutex<HashSet<u64, BuildHasherDefault<AsItIs>>>>,
}

/// Fingerprints are stirred already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("fingerprints are numbers");
    }

    fn write_u64(&mut self, bits: u64) {
        self.0 = bits;
    }
}

impl Visited {
    fn new() -> Self {
        let shards = (0..256).map(|_| Mutex::default()).collect();
        Visited { shards }
    }

    /// Whether it was not there before.
    fn insert(&self, fingerprint: u64) -> bool {
        // The set itself takes the high and the low bits.
        let shard = (fingerprint >> 24) as usize % self.shards.len();
        self.shards[shard].lock().unwrap().insert(fingerprint)
    }
}

/// All ways on from a state.
fn ways(bounds: &Bounds, memo: &Memo, world: &World) -> Vec<Way> {
    let mut actions = Vec::new();
    bounds.actions(memo, world, &mut actions);
    let mut ways: Vec<Way> = actions.iter().map(|action| (*action, None)).collect();
    if bounds.crashes > 0 {
        // In the midst of what it does, after each thing that it does.
        let can_crash = |action: &&Action| !matches!(action, Action::Crash(_) | Action::End(_));
        for action in actions.iter().filter(can_crash) {
            ways.extend((0..bounds.most_acts()).map(|acts| (*action, Some(acts))));
        }
    }
    ways
}

/// Searches all states, the nearest first: a violation is found by the fewest
/// steps. Stops at the bound, if there is one.
pub(crate) fn nearest_first(bounds: &Bounds, bound: Option<u64>) -> Found {
    let mut search = Breadth::new(bounds);
    search.run(|search| bound.is_some_and(|bound| search.states >= bound));
    search.found()
}

/// Searches, the nearest first, for a state in which all of these
/// [`super::seen`] are to be seen.
pub(super) fn nearest_to(bounds: &Bounds, goal: u16, bound: u64) -> Found {
    let mut search = Breadth::new(bounds);
    search.goal = Some(goal);
    search.run(|search| search.states >= bound);
    search.found()
}

/// Searches all states on all cores. A violation is found by some steps.
pub(super) fn all(bounds: &Bounds, progress: impl Fn(u64) + Sync) -> Found {
    let mut search = Breadth::new(bounds);
    search.run(|search| search.waiting.len() >= SEEDS);
    if search.violation.is_some() || search.waiting.is_empty() {
        return search.found();
    }
    let Breadth {
        memo,
        waiting,
        visited,
        states,
        seen,
        ..
    } = search;
    let shared = Shared {
        visited,
        states: AtomicU64::new(states),
        seen: AtomicU16::new(seen),
        is_over: AtomicBool::new(false),
        violation: Mutex::new(None),
        waiting: Mutex::new(waiting.into_iter().map(|(world, _)| world).collect()),
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| Depth::new(bounds, &memo, &shared).run(&progress));
        }
    });
    Found {
        states: shared.states.into_inner(),
        seen: shared.seen.into_inner(),
        violation: shared.violation.into_inner().unwrap(),
        runs: Vec::new(),
    }
}

struct Breadth<'a> {
    bounds: &'a Bounds,
    memo: Memo,
    visited: Visited,
    healed: HashSet<u64>,
    /// Each state that was reached, by which way, and from which.
    reached: Vec<Option<(usize, Way)>>,
    waiting: VecDeque<(World, usize)>,
    states: u64,
    seen: u16,
    /// What is looked for.
    goal: Option<u16>,
    /// The state that shows it.
    there: Option<usize>,
    /// What must not be, from which state, and by which way; none if that is all
    /// going well.
    violation: Option<(Violation, usize, Option<Way>)>,
}

impl<'a> Breadth<'a> {
    fn new(bounds: &'a Bounds) -> Self {
        let mut memo = Memo::default();
        let start = bounds.start(&mut memo, |_| {});
        let visited = Visited::new();
        visited.insert(start.fingerprint(&memo));
        Breadth {
            bounds,
            memo,
            visited,
            healed: HashSet::new(),
            reached: vec![None],
            waiting: VecDeque::from([(start, 0)]),
            states: 1,
            seen: 0,
            goal: None,
            there: None,
            violation: None,
        }
    }

    fn run(&mut self, is_enough: impl Fn(&Self) -> bool) {
        while self.violation.is_none()
            && !is_enough(self)
            && let Some((world, number)) = self.waiting.pop_front()
        {
            let shows = world.shows(self.bounds, &self.memo);
            self.seen |= shows;
            if self.goal.is_some_and(|goal| shows & goal == goal) {
                self.there = Some(number);
                return;
            }
            if self.healed.insert(world.members_fingerprint(&self.memo))
                && let Err(violation) = self.bounds.heals(&mut self.memo, &world, |_| {})
            {
                self.violation = Some((violation, number, None));
                return;
            }
            for (action, crash_after) in ways(self.bounds, &self.memo, &world) {
                let step = self
                    .bounds
                    .step(&mut self.memo, &world, action, crash_after);
                let way = (action, crash_after);
                if let Some(Ok(next)) = &step {
                    self.seen |= next.shown;
                }
                match step {
                    None => {}
                    Some(Err(violation)) => {
                        self.violation = Some((violation, number, Some(way)));
                        return;
                    }
                    Some(Ok(next)) if self.visited.insert(next.fingerprint(&self.memo)) => {
                        self.reached.push(Some((number, way)));
                        self.waiting.push_back((next, self.reached.len() - 1));
                        self.states += 1;
                    }
                    Some(Ok(_)) => {}
                }
            }
        }
    }

    /// The ways from the start to a state.
    fn ways_to(&self, state: usize) -> Vec<Way> {
        let mut ways = Vec::new();
        let mut at = state;
        while let Some((from, way)) = self.reached[at] {
            ways.push(way);
            at = from;
        }
        ways.reverse();
        ways
    }

    fn found(mut self) -> Found {
        let mut ways = Vec::new();
        if let Some(there) = self.there {
            ways = self.ways_to(there);
        }
        let (mut violation, mut heals) = (None, false);
        if let Some((what, number, last)) = self.violation {
            ways = self.ways_to(number);
            ways.extend(last);
            heals = last.is_none();
            let told = ways.iter().map(|way| told(&self.memo, *way));
            let mut steps: Vec<String> = told.collect();
            if heals {
                steps.push("and then all goes well".to_owned());
            }
            violation = Some((what, steps));
        }
        Found {
            states: self.states,
            seen: self.seen,
            violation,
            runs: traced(self.bounds, &mut self.memo, &ways, heals),
        }
    }
}

/// What the threads of a search have in common.
struct Shared {
    visited: Visited,
    states: AtomicU64,
    seen: AtomicU16,
    is_over: AtomicBool,
    violation: Mutex<Option<(Violation, Vec<String>)>>,
    waiting: Mutex<Vec<World>>,
}

impl Shared {
    fn sees(&self, shows: u16) {
        if self.seen.load(Ordering::Relaxed) & shows != shows {
            self.seen.fetch_or(shows, Ordering::Relaxed);
        }
    }
}

/// One thread: goes as deep as it can, and so needs to remember no states but
/// those on its way.
struct Depth<'a> {
    bounds: &'a Bounds,
    shared: &'a Shared,
    first_tables: &'a Memo,
    memo: Memo,
    healed: HashSet<u64>,
    way: Vec<(World, Vec<Way>)>,
}

impl<'a> Depth<'a> {
    fn new(bounds: &'a Bounds, first_tables: &'a Memo, shared: &'a Shared) -> Self {
        Depth {
            bounds,
            shared,
            first_tables,
            memo: Memo::default(),
            healed: HashSet::new(),
            way: Vec::new(),
        }
    }

    fn run(mut self, progress: &impl Fn(u64)) {
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let Some(world) = self.shared.waiting.lock().unwrap().pop() else {
                return;
            };
            let world = world.moved(self.first_tables, &mut self.memo);
            self.enter(world);
            while let Some((world, ways)) = self.way.last_mut() {
                let Some((action, crash_after)) = ways.pop() else {
                    self.way.pop();
                    continue;
                };
                let step = self.bounds.step(&mut self.memo, world, action, crash_after);
                if let Some(Ok(next)) = &step {
                    self.shared.sees(next.shown);
                }
                match step {
                    None => {}
                    Some(Err(violation)) => self.fail(violation),
                    Some(Ok(next)) if self.shared.visited.insert(next.fingerprint(&self.memo)) => {
                        let states = self.shared.states.fetch_add(1, Ordering::Relaxed) + 1;
                        if states.is_multiple_of(1_000_000) {
                            progress(states);
                        }
                        self.enter(next);
                    }
                    Some(Ok(_)) => {}
                }
                if self.shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
            }
        }
    }

    fn enter(&mut self, world: World) {
        self.shared.sees(world.shows(self.bounds, &self.memo));
        if self.healed.insert(world.members_fingerprint(&self.memo))
            && let Err(violation) = self.bounds.heals(&mut self.memo, &world, |_| {})
        {
            self.fail(violation);
        }
        let ways = ways(self.bounds, &self.memo, &world);
        self.way.push((world, ways));
    }

    fn fail(&self, violation: Violation) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let mut found = self.shared.violation.lock().unwrap();
        let steps = vec!["(search nearest first for the steps)".to_owned()];
        found.get_or_insert((violation, steps));
    }
}

/// What the members look like in all states.
pub(super) fn outlines(bounds: &Bounds) -> HashSet<u64> {
    let mut search = Breadth::new(bounds);
    let mut outlines = HashSet::new();
    while let Some((mut world, _)) = search.waiting.pop_front() {
        for (action, crash_after) in ways(bounds, &search.memo, &world) {
            let step = bounds.step(&mut search.memo, &world, action, crash_after);
            if let Some(Ok(next)) = step
                && search.visited.insert(next.fingerprint(&search.memo))
            {
                search.waiting.push_back((next, 0));
            }
        }
        world.reduce(bounds, &mut search.memo);
        outlines.insert(world.outline(&mut search.memo));
    }
    outlines
}

/// What was seen on ways that were gone at random.
pub(super) struct Walked {
    /// What the members look like.
    pub(super) outlines: HashSet<u64>,
    /// Which of [`super::seen`].
    pub(super) seen: u16,
}

/// Goes so many ways from the start to where it goes no further, or a hundred
/// steps; the same ones each time.
pub(super) fn walk(bounds: &Bounds, ways_gone: u32) -> Walked {
    let mut dice = fastrand::Rng::with_seed(1);
    let mut memo = Memo::default();
    let start = bounds.start(&mut memo, |_| {});
    let (mut outlines, mut seen) = (HashSet::new(), 0);
    for _ in 0..ways_gone {
        let mut world = start.clone();
        for _ in 0..100 {
            let mut ahead = ways(bounds, &memo, &world);
            dice.shuffle(&mut ahead);
            let step = ahead.into_iter().find_map(|(action, crash_after)| {
                bounds.step(&mut memo, &world, action, crash_after)
            });
            let Some(step) = step else {
                break;
            };
            world = step.expect("nothing is wrong in a group of that size");
            seen |= world.shown;
            let mut buried = world.clone();
            buried.reduce(bounds, &mut memo);
            outlines.insert(buried.outline(&mut memo));
        }
    }
    Walked { outlines, seen }
}
