//! The groups in which a search finds the bugs of failover: each just large enough.

use super::bounds::{Bounds, SMALL, each, sets};
use super::members;
use super::scripts::{
    self, BACK, CUT_OFF, ENTERING, HOLDING_AGAIN, LEAVING, SECOND_ENTRY, TAKEOVER, WAITING,
};
use crate::mutex::planted::Planted;

/// Random walks and searches from the start do not find what a late decision does.
pub(super) const LATE_DECISION: Bounds = Bounds {
    requests: each([1, 1, 0]),
    proposals: each([1, 0, 1]),
    counters: 2,
    lapsing: 0,
    script: &[
        WAITING,
        ENTERING,
        scripts::LATE_DECISION,
        scripts::LATE_VOTE,
    ],
    ..SMALL
};

/// What an old beat does to rule 10.
pub(super) const OLD_BEAT: Bounds = Bounds {
    requests: each([1, 1, 0]),
    proposals: each([0, 1, 0]),
    sets: sets(&[0b110]),
    lapsing: 0,
    leaves: each([1, 0, 0]),
    script: &[BACK, scripts::OLD_BEAT, HOLDING_AGAIN],
    ..SMALL
};

/// The token of an entry in a group of five, whose clock comes from a member that takes no
/// part in the takeover. In a group of three that is not possible: the two that go on are
/// all the others, and an entry has just heard the clocks of all of S.
pub(super) const FIVE: Bounds = Bounds {
    members: 5,
    requests: each([1, 0, 1]),
    restarts: each([0, 1]),
    proposals: each([0, 0, 1]),
    sets: sets(&[0b11100]),
    lapsing: 0,
    beats_reach: each([0b11100, 0, 0b11000]),
    ..SMALL
};

/// Rule 2: a majority has acknowledged the bound of the token, and must have noted it.
pub(super) const NOTED_BY_FIVE: Bounds = Bounds {
    script: &[
        scripts::CLOCK_OF_ANOTHER,
        scripts::ACKNOWLEDGED,
        scripts::LAST_REPLY,
        scripts::TAKEOVER_OF_FIVE,
    ],
    ..FIVE
};

/// Rule 9: no majority has acknowledged it, so that there must be no entry.
pub(super) const NOT_NOTED_BY_FIVE: Bounds = Bounds {
    script: &[
        scripts::CLOCK_OF_ANOTHER,
        scripts::LAST_REPLY,
        scripts::TAKEOVER_OF_FIVE,
    ],
    ..FIVE
};

/// The first member holds the lock, and may be left out by the two others.
pub(super) const HOLDING: Bounds = Bounds {
    requests: each([1, 1]),
    proposals: each([0, 1]),
    sets: sets(&[0b110]),
    lapsing: 0b001,
    script: &[WAITING, ENTERING],
    ..SMALL
};

/// The bugs of failover that do no harm: rule 5, in no view; D4, of the new members.
/// `docs/guarantees.md` has the reasons.
pub(crate) const HARMLESS: &[Planted] =
    &[Planted::RestartIntoFirstView, Planted::MajorityOfOldOnly];

/// The group in which the search finds a bug, or `None` if it is another's.
pub(crate) fn group_for(bug: Planted) -> Option<Bounds> {
    let small = SMALL.planted(Some(bug)).proposals(each([0; 3])).lapsing(0);
    // The first member may be left out by the two others.
    let pair = small.requests(each([1, 1, 0])).proposals(each([0, 1, 0]));
    let takeover = pair.sets(sets(&[0b110])).lapsing(0b001);
    // Then it comes back.
    let rejoin = takeover.sets(sets(&[0b110, 0b111])).counters(2);
    let rejoin = rejoin.proposals(each([0, 2, 0]));
    Some(match bug {
        Planted::BarredAcknowledged
        | Planted::LeaseWithoutMajority
        | Planted::HoldOutlivesLease
        | Planted::VotesWhileCountedOn
        | Planted::EntersWithoutLease
        | Planted::FloorIgnored => takeover,
        Planted::BarLifted => takeover
            .requests(each([1, 0, 1]))
            .proposals(each([0, 2, 0]))
            .sets(sets(&[0b110, 0b011]))
            .counters(2)
            .lapsing(0b100)
            .script(&[WAITING, CUT_OFF, ENTERING, TAKEOVER]),
        Planted::VoterOutside => small
            .requests(each([1, 0, 1]))
            .proposals(each([1, 0, 0]))
            .sets(sets(&[0b001]))
            .lapsing(0b110),
        Planted::VotesTwice => small
            .requests(each([0; 3]))
            .proposals(each([2, 0, 0]))
            .sets(sets(&[0b011, 0b101]))
            .is_unreduced(true)
            .lapsing(0b110),
        Planted::PromiseNotDurable => small
            .requests(each([0; 3]))
            .proposals(each([2, 0, 0]))
            .restarts(each([1, 0, 0]))
            .sets(sets(&[0b011, 0b101]))
            .lapsing(0b110),
        Planted::RestartForgetsAcknowledgments => takeover
            .restarts(each([0, 1, 0]))
            .script(&[WAITING, ENTERING]),
        Planted::RestartForgetsBars => takeover
            .requests(each([1, 0, 1]))
            .restarts(each([0, 1, 0]))
            .script(&[WAITING, CUT_OFF, ENTERING, TAKEOVER]),
        Planted::DecidedWithoutMajority => pair
            .proposals(each([1, 0, 0]))
            .sets(sets(&[0b001]))
            .lapsing(0b110),
        Planted::PermissionsSurviveView => rejoin
            .requests(each([2, 1, 0]))
            .script(&[WAITING, ENTERING, LEAVING, CUT_OFF, TAKEOVER]),
        Planted::HolderRepliesInView => pair.sets(sets(&[0b111])).script(&[WAITING, ENTERING]),
        Planted::ReplyOfOtherView => {
            rejoin
                .is_unreduced(true)
                .script(&[WAITING, CUT_OFF, TAKEOVER, SECOND_ENTRY])
        }
        Planted::EntersWithMajority => pair.proposals(each([0; 3])),
        Planted::OldLeaveCounts => takeover
            .leaves(each([1, 0, 0]))
            .lapsing(0)
            .script(&[BACK, HOLDING_AGAIN]),
        Planted::LeaveOfAllRuns => OLD_BEAT.planted(Some(bug)),
        Planted::BoundNotNoted => NOTED_BY_FIVE.planted(Some(bug)),
        Planted::TokenBeyondBound => NOT_NOTED_BY_FIVE.planted(Some(bug)),
        Planted::DelegatedBeyondBound => HOLDING
            .planted(Some(bug))
            .delegations(each([6]))
            .script(&[WAITING, ENTERING, scripts::DELEGATING]),
        Planted::ResumedTooLate => HOLDING
            .planted(Some(bug))
            .restarts(each([1]))
            .outlives(true),
        Planted::JoinsBeforePromise => LATE_DECISION.planted(Some(bug)),
        _ => return members::group_for(bug),
    })
}
