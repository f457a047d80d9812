//! Members that come and go: the groups that are searched, and those in which the bugs of
//! rules D1 to D5 are found.
//!
//! Two beginnings were made by hand, because random walks miss what they lead to: two
//! lines of views beside each other ([`TWO_LINES`]), and a member that lags behind two
//! changes ([`LAGGING`]).

use super::bounds::{Bounds, SMALL, each, sets};
use super::scripts::{ENTERING, WAITING};
use crate::mutex::planted::Planted;

const ADD: u8 = 1 << 1;

const fn remove(id: u8) -> u8 {
    1 << (id + 1)
}

/// Member 1 adds a member, and 2 and 3 do not know yet that this is decided.
const ADDED: &[&str] = &[
    "1 adds a member by 1.1 [1, 2, 3]",
    "the proposal 1.1 [1, 2, 3] arrives at 2",
    "the proposal 1.1 [1, 2, 3] arrives at 3",
    "vote 1.1 of 2 arrives at 1",
    "vote 1.1 of 3 arrives at 1",
];

/// D3 in eight steps: 1 and the new members go on; do 2 and 3 go on by the old list?
pub(super) const TWO_LINES: Bounds = Bounds {
    spares: 1,
    requests: each([0; 3]),
    changes: each([1, 0, 0]),
    kinds: ADD,
    proposals: each([1, 0, 1]),
    sets: sets(&[0b0111, 0b1111, 0b11111]),
    counters: 3,
    lapsing: 0,
    beats_reach: [0; 5],
    script: &[ADDED],
    ..SMALL
};

/// Neither half acknowledges the other's beats.
const HALVES: &[&str] = &[
    "what 1 acknowledged to 3 ends",
    "what 1 acknowledged to 4 ends",
    "what 2 acknowledged to 3 ends",
    "what 2 acknowledged to 4 ends",
    "what 3 acknowledged to 1 ends",
    "what 3 acknowledged to 2 ends",
    "what 4 acknowledged to 1 ends",
    "what 4 acknowledged to 2 ends",
];

/// D4: each half removes a member of the other.
pub(super) const HALF_AGAINST_HALF: Bounds = Bounds {
    members: 4,
    requests: each([0; 3]),
    changes: each([1, 0, 1]),
    kinds: remove(1) | remove(4),
    proposals: each([1, 0, 1]),
    sets: sets(&[0b0011, 0b1100]),
    counters: 2,
    lapsing: 0,
    beats_reach: [0; 5],
    script: &[HALVES],
    ..SMALL
};

/// Member 1 removes 4 while 4 removes 1, and 2 and 3 vote for both: both are decided, and
/// a member that is told of the first one last must not follow it.
const RIVAL_CHANGES: &[&str] = &[
    "what 3 acknowledged to 4 ends",
    "what 1 acknowledged to 4 ends",
    "what 2 acknowledged to 4 ends",
    "1 removes 4 by 1.1 [1, 2, 3]",
    "the proposal 1.1 [1, 2, 3] arrives at 2",
    "the proposal 1.1 [1, 2, 3] arrives at 3",
    "what 2 acknowledged to 1 ends",
    "what 3 acknowledged to 1 ends",
    "what 4 acknowledged to 1 ends",
    "4 removes 1 by 1.4 [2, 3, 4]",
    "the proposal 1.4 [2, 3, 4] arrives at 2",
    "the proposal 1.4 [2, 3, 4] arrives at 3",
    "what 1 acknowledged to 3 ends",
    "what 2 acknowledged to 3 ends",
    "what 3 acknowledged to 2 ends",
    "what 4 acknowledged to 2 ends",
];

/// Do 1 and 2 go on without 4, and 3 and 4 without 1?
pub(super) const RIVALS: Bounds = Bounds {
    members: 4,
    requests: each([0; 3]),
    changes: each([1, 0, 0, 1]),
    kinds: remove(1) | remove(4),
    proposals: each([1, 0, 0, 1]),
    sets: sets(&[0b0111, 0b1110, 0b0011, 0b1100]),
    counters: 2,
    lapsing: 0,
    beats_reach: [0; 5],
    script: &[RIVAL_CHANGES],
    ..SMALL
};

/// Member 1 holds the lock by the list of three, and lives on the acknowledgments of 2.
/// Member 3 adds one member, and all but 1 join a view with it.
const LAGGING_BEHIND_ONE: &[&str] = &[
    "3 adds a member by 1.3 [1, 2, 3]",
    "the proposal 1.3 [1, 2, 3] arrives at 1",
    "the proposal 1.3 [1, 2, 3] arrives at 2",
    "vote 1.3 of 1 arrives at 3",
    "vote 1.3 of 2 arrives at 3",
    "3 proposes 2.3 [1, 2, 3, 4]",
    "the proposal 2.3 [1, 2, 3, 4] arrives at 2",
    "the proposal 2.3 [1, 2, 3, 4] arrives at 4",
    "vote 2.3 of 2 arrives at 3",
    "vote 2.3 of 4 arrives at 3",
    "decision 2.3 of 3 arrives at 2",
    "decision 2.3 of 3 arrives at 4",
    "what 3 acknowledged to 1 ends",
];

/// It adds another. Without the vote of 1 that is not decided.
const LAGGING_BEHIND_TWO: &[&str] = &[
    "3 adds a member by 3.3 [1, 2, 3, 4]",
    "the proposal 3.3 [1, 2, 3, 4] arrives at 2",
    "the proposal 3.3 [1, 2, 3, 4] arrives at 4",
    "vote 3.3 of 2 arrives at 3",
    "vote 3.3 of 4 arrives at 3",
    "what 3 acknowledged to 2 ends",
    "what 4 acknowledged to 1 ends",
    "what 4 acknowledged to 2 ends",
];

/// With a bug it is, and the others go on.
const GOING_ON: &[&str] = &[
    "decision 3.3 of 3 arrives at 4",
    "what 5 acknowledged to 1 ends",
    "what 5 acknowledged to 2 ends",
    "3 proposes 4.3 [3, 4, 5]",
    "the proposal 4.3 [3, 4, 5] arrives at 4",
    "the proposal 4.3 [3, 4, 5] arrives at 5",
    "vote 4.3 of 4 arrives at 3",
    "vote 4.3 of 5 arrives at 3",
];

/// D5, five members: 3, 4 and 5 are a majority of the latest list, 1 and 2 of the first.
pub(super) const LAGGING: Bounds = Bounds {
    spares: 2,
    requests: each([1, 0, 1]),
    changes: each([0, 0, 2]),
    kinds: ADD,
    proposals: each([0, 0, 2]),
    sets: sets(&[0b00111, 0b01111, 0b11100]),
    counters: 4,
    lapsing: 0,
    beats_reach: each([0, 0, 0b11000]),
    script: &[WAITING, ENTERING, LAGGING_BEHIND_ONE, LAGGING_BEHIND_TWO],
    ..SMALL
};

/// Member 1 has heard of the first change, and cannot join the view that it has not
/// heard of.
const KNOWING_OF_ONE: &[&str] = &["the proposal 2.3 [1, 2, 3, 4] arrives at 1"];

/// With a bug it votes for the second one all the same, and stays where it is.
const VOTING_FROM_AN_OLD_VIEW: &[&str] = &[
    "the proposal 3.3 [1, 2, 3, 4] arrives at 1",
    "vote 3.3 of 1 arrives at 3",
];

/// The same, but member 1 knows of the first change.
pub(super) const LAGGING_KNOWINGLY: Bounds = Bounds {
    script: &[
        WAITING,
        ENTERING,
        LAGGING_BEHIND_ONE,
        KNOWING_OF_ONE,
        LAGGING_BEHIND_TWO,
    ],
    ..LAGGING
};

/// The bug that does no harm, because all of S vote: a majority of the members before is
/// enough for safety. A majority of those after it is what the group needs to go on.
pub(super) const OLD_ONLY: Bounds = Bounds {
    planted: Some(Planted::MajorityOfOldOnly),
    ..HALF_AGAINST_HALF
};

/// The group in which the search finds a bug of the members, or `None` if it is another's.
pub(super) fn group_for(bug: Planted) -> Option<Bounds> {
    let group = match bug {
        Planted::VotesOnOtherBase => TWO_LINES,
        Planted::AdoptionNotDurable => TWO_LINES.restarts(each([0, 1, 0])),
        Planted::TwoAtOnce => TWO_LINES.spares(2),
        Planted::MajorityOfNewOnly => HALF_AGAINST_HALF,
        Planted::RivalAdopted => RIVALS,
        Planted::DecidedWithoutAllOfView => LAGGING.script(&[
            WAITING,
            ENTERING,
            LAGGING_BEHIND_ONE,
            LAGGING_BEHIND_TWO,
            GOING_ON,
        ]),
        Planted::VotesForChangeFromOldView => LAGGING.script(&[
            WAITING,
            ENTERING,
            LAGGING_BEHIND_ONE,
            KNOWING_OF_ONE,
            LAGGING_BEHIND_TWO,
            VOTING_FROM_AN_OLD_VIEW,
            GOING_ON,
        ]),
        _ => return None,
    };
    Some(group.planted(Some(bug)))
}

mod tests {
    use std::time::Duration;

    use super::super::coverage::*;
    use super::super::tests::{walk_for, whole};
    use super::*;
    use crate::model_check::{breadth_first, examples};

    #[test]
    fn two_lines_of_views_never_go_on_beside_each_other() {
        let restarting = TWO_LINES.restarts(each([0, 1, 0]));
        for bounds in [
            TWO_LINES,
            restarting,
            TWO_LINES.spares(2),
            RIVALS,
            HALF_AGAINST_HALF,
        ] {
            let found = breadth_first(&bounds, None, 25_000);
            eprintln!("{} states", found.states);
            assert_eq!(found.violation, None, "{bounds:?}: {:#?}", found.steps);
        }
    }

    #[test]
    fn a_member_that_lags_behind_is_at_most_one_change_behind() {
        for bounds in [LAGGING, LAGGING_KNOWINGLY] {
            let found = breadth_first(&bounds, None, 25_000);
            eprintln!("{} states", found.states);
            assert_eq!(found.violation, None, "{bounds:?}: {:#?}", found.steps);
        }
    }

    /// Not needed for safety: docs/guarantees.md has the reason.
    #[test]
    fn a_change_by_a_majority_of_the_old_members_alone_does_no_harm() {
        let adding = TWO_LINES
            .script(&[])
            .sets(sets(&[0b011, 0b110, 0b111, 0b1111]));
        for bounds in [
            OLD_ONLY,
            OLD_ONLY.kinds(remove(4)),
            adding.planted(OLD_ONLY.planted),
        ] {
            let found = breadth_first(&bounds, None, 25_000);
            assert_eq!(found.violation, None, "{bounds:?}: {:#?}", found.steps);
        }
    }

    /// From the start to an entry of a member that was added, without a script.
    #[test]
    fn members_are_added_and_removed_and_enter() {
        let growing = TWO_LINES
            .script(&[])
            .requests(each([0, 0, 0, 1]))
            .proposals(each([1, 0, 0]))
            .beats_reach(each([0, 0, 0, u8::MAX]));
        let goal = CHANGED | ENTERED_AFTER_A_CHANGE | ENTERED_AS_NEW;
        for (name, found) in examples(&growing, goal) {
            assert_eq!(found.violation, None, "{name}");
        }
    }

    /// Everything may happen, with changes.
    pub(in super::super) fn changing() -> Bounds {
        let all = whole().spares(2).changes(each([1, 1, 1, 1]));
        all.counters(5)
            .requests(each([2; 5]))
            .restarts(each([1; 5]))
    }

    #[test]
    fn random_walks_with_changes_meet_no_violation() {
        let time = Duration::from_secs(2);
        let four = changing().members(4).spares(1);
        let started = changing().script(&[ADDED]);
        let seen = walk_for(&changing(), time, 1)
            | walk_for(&four, time, 2)
            | walk_for(&started, time, 3)
            | walk_for(&changing().script(&[WAITING, ENTERING]), time, 4);
        let wanted = ENTERED | TAKEOVER | LOST | CHANGED | ENTERED_AFTER_A_CHANGE;
        assert_eq!(seen & wanted, wanted);
    }
}
