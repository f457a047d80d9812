//! The search itself, on a model of which everything is known: three counters, each of
//! which an action raises by one.

use super::*;

/// The largest value of a counter: enough states for the search on all cores.
const MAX: u8 = 60;
const STATES: u64 = 61 * 61 * 61;

const ALL_FIVE: u16 = 1;
const RAISED: u16 = 2;
const NEVER: u16 = 4;

#[derive(Debug, Default)]
struct Counters {
    /// The state that must never be reached.
    forbidden: Option<[u8; 3]>,
    /// A state from which nothing recovers.
    stuck: Option<[u8; 3]>,
}

#[derive(Debug, PartialEq, Eq)]
enum Violation {
    Forbidden,
    Stuck,
}

impl Model for Counters {
    type State = [u8; 3];
    type Action = usize;
    type Violation = Violation;
    type Memo = ();

    const COVERAGE: &'static [&'static str] = &["all-five", "raised", "never"];

    fn start(&self, (): &mut ()) -> [u8; 3] {
        [0; 3]
    }

    fn actions(&self, (): &(), _: &[u8; 3], actions: &mut Vec<usize>) {
        actions.extend([0, 1, 2]);
    }

    fn step(
        &self,
        (): &mut (),
        state: &[u8; 3],
        counter: usize,
        seen: &mut u16,
    ) -> Option<Result<[u8; 3], Violation>> {
        let mut next = *state;
        next[counter] += 1;
        if next[counter] > MAX {
            return None;
        }
        *seen |= RAISED;
        let is_forbidden = self.forbidden == Some(next);
        Some((!is_forbidden).then_some(next).ok_or(Violation::Forbidden))
    }

    fn fingerprint(&self, (): &(), [first, second, third]: &[u8; 3]) -> u64 {
        visited::mixed(u64::from_le_bytes([*first, *second, *third, 0, 0, 0, 0, 0]))
    }

    fn coverage(&self, (): &(), state: &[u8; 3]) -> u16 {
        u16::from(*state == [5; 3]) * ALL_FIVE
    }

    fn recovers(&self, (): &mut (), state: &[u8; 3]) -> Result<(), Violation> {
        let is_stuck = self.stuck == Some(*state);
        (!is_stuck).then_some(()).ok_or(Violation::Stuck)
    }

    fn describe(&self, (): &(), counter: usize) -> String {
        counter.to_string()
    }
}

#[test]
fn a_search_visits_every_state_once() {
    assert_eq!(check(&Counters::default(), ALL_FIVE | RAISED), STATES);
    let found = breadth_first(&Counters::default(), None, MAX_STATES);
    assert_eq!((found.states, found.seen), (STATES, ALL_FIVE | RAISED));
    assert!(found.violation.is_none() && found.steps.is_empty());
}

#[test]
#[should_panic(expected = r#"never seen: [("never", 4)]"#)]
fn a_search_that_does_not_see_what_it_must_fails() {
    check(&Counters::default(), ALL_FIVE | NEVER);
}

#[test]
fn a_breadth_first_search_finds_a_shortest_path() {
    let counters = Counters {
        forbidden: Some([3, 2, 1]),
        ..Counters::default()
    };
    let mut found = breadth_first(&counters, None, MAX_STATES);
    found.steps.sort();
    assert_eq!(found.violation, Some(Violation::Forbidden));
    assert_eq!(found.steps, ["0", "0", "0", "1", "1", "2"]);
    let (name, found) = examples(&Counters::default(), ALL_FIVE).next().unwrap();
    assert_eq!((name, found.steps.len()), ("all-five", 15));
}

#[test]
fn a_state_that_does_not_recover_is_a_violation() {
    let counters = Counters {
        stuck: Some([0, 1, 0]),
        ..Counters::default()
    };
    let found = breadth_first(&counters, None, MAX_STATES);
    assert_eq!(found.violation, Some(Violation::Stuck));
    assert_eq!(found.steps, ["1", "and then all faults end"]);
}

#[test]
fn a_depth_first_search_finds_a_violation_and_no_steps() {
    let counters = Counters {
        forbidden: Some([MAX; 3]),
        ..Counters::default()
    };
    let found = depth_first(&counters, |_| {});
    assert_eq!(found.violation, Some(Violation::Forbidden));
    assert!(found.states < STATES && found.steps.is_empty());
}

#[test]
fn a_search_ends_at_its_bound() {
    let found = breadth_first(&Counters::default(), None, 1_000);
    assert!((1_000..1_100).contains(&found.states));
}
