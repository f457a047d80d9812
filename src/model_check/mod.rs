//! Model check: a search of every state that a small system can reach.
//!
//! The checker is not stateright, because of one idea: the algorithm is pure, so
//! a model asks it once what it makes of an event and remembers the answer. A
//! state is then a few numbers, a step is a look-up, and a visited state costs 64
//! bits, so that one machine holds hundreds of millions of states. The checker is
//! also shorter than the glue to stateright would be.
//!
//! [`Model`] is what the search needs of a system. [`lock`] is the model of one lock,
//! [`views`] that of a lock with failover.

/// The size of a search: a struct of small numbers, with a method for each.
macro_rules! bounds {
    ($(#[doc = $small_is:literal])+ SMALL; $($(#[doc = $meaning:literal])* $field:ident: $kind:ty = $small:expr,)+) => {
        /// The method of a field returns the bounds with another value of that field.
        #[derive(Clone, Copy, Debug)]
        pub(crate) struct Bounds {
            $($(#[doc = $meaning])* pub(super) $field: $kind,)+
        }

        $(#[doc = $small_is])+
        pub(crate) const SMALL: Bounds = Bounds { $($field: $small,)+ };

        impl Bounds {
            $(pub(crate) fn $field(self, $field: $kind) -> Self {
                Bounds { $field, ..self }
            })+
        }
    };
}

mod breadth;
mod depth;
pub(crate) mod lock;
mod model;
mod tests;
pub(crate) mod views;
mod visited;

use std::fmt::Debug;
use std::path::Path;

pub(crate) use breadth::breadth_first;
use depth::depth_first;
use model::Model;

use crate::trace::{self, Run};

/// The most states that a search for a shortest path visits.
const MAX_STATES: u64 = 5_000_000;

/// What a search has found.
#[derive(Debug)]
pub(crate) struct Found<V> {
    /// The number of states, or of those visited before the search stopped.
    pub(crate) states: u64,
    /// The coverage bits that were seen.
    pub(crate) seen: u16,
    pub(crate) violation: Option<V>,
    /// The steps to the violation or to the goal; a depth-first search gives none.
    pub(crate) steps: Vec<String>,
    /// The traces of these steps.
    pub(crate) runs: Vec<Run>,
}

/// Searches every state, and returns how many there are.
///
/// # Panics
/// If it finds a violation, or does not see all of the `wanted` coverage: a search
/// must not pass because nothing happened.
fn check<M: Model + Debug>(model: &M, wanted: u16) -> u64 {
    let found = depth_first(model, |states| {
        if std::env::var_os("TURNO_MODEL").is_some() {
            eprintln!("{states} states");
        }
    });
    if found.violation.is_some() {
        let shortest = breadth_first(model, None, MAX_STATES);
        keep("violation", &shortest.runs);
        let violation = shortest.violation.or(found.violation);
        panic!("{model:?}: {violation:?} after {:#?}", shortest.steps);
    }
    let unseen: Vec<_> = bits::<M>(wanted & !found.seen).collect();
    assert!(unseen.is_empty(), "{model:?}: never seen: {unseen:?}");
    found.states
}

/// A shortest path to each of these coverage bits, with the bit's name.
fn examples<M: Model + Debug>(
    model: &M,
    goals: u16,
) -> impl Iterator<Item = (&'static str, Found<M::Violation>)> {
    bits::<M>(goals).map(move |(name, goal)| {
        let found = breadth_first(model, Some(goal), MAX_STATES);
        assert_eq!(found.seen & goal, goal, "{model:?}: {name} not found");
        (name, found)
    })
}

/// The coverage bits that are set, with their names.
fn bits<M: Model>(coverage: u16) -> impl Iterator<Item = (&'static str, u16)> {
    let bits = (0..).map(move |bit| coverage & 1 << bit);
    let named = M::COVERAGE.iter().copied().zip(bits);
    named.filter(|(_, bit)| *bit != 0)
}

/// Writes traces for `turno trace`, if `TURNO_MODEL_TRACE` names a directory: into a
/// folder of this name in it.
pub(crate) fn keep(name: &str, runs: &[Run]) {
    if let Some(folder) = std::env::var_os("TURNO_MODEL_TRACE") {
        let folder = Path::new(&folder).join(name);
        trace::write(&folder, runs).unwrap_or_else(|error| {
            panic!("cannot write a trace into {}: {error}", folder.display())
        });
        eprintln!("turno trace draw {} -o run.svg", folder.display());
    }
}
