//! Single messages: which are believed, and what comes of them.

use super::*;

#[test]
fn a_vote_for_other_members_under_the_same_number_does_not_count() {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let (now, mut output) = (Moment::default() + LEASE * 2, Output::default());
    let members = BTreeSet::from([NodeId(1), NodeId(2)]);
    one.propose(now, 1, members.clone(), None, 1000, &mut output);
    let vote = |members| ViewMessage::Vote {
        number: ViewNumber {
            counter: 1,
            proposer: 1,
        },
        members,
        configuration: None,
        below: 1000,
    };
    // An earlier run of member 1, which has lost its state, proposed them.
    let others = BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]);
    assert_eq!(
        one.receive(now, NodeId(2), &vote(others), 1000).joined,
        None
    );
    let joined = one.receive(now, NodeId(2), &vote(members), 1000).joined;
    assert!(joined.is_some());
}

/// A member that all hear, with a beat of another.
fn with_beat(change: impl Fn(&mut Beat)) -> (Views, Output) {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let nonce = |incarnation, counter| Nonce {
        incarnation: Incarnation(incarnation),
        counter,
    };
    let mut beat = Beat {
        nonce: nonce(9, 1),
        view: ViewNumber::FIRST,
        promised: ViewNumber::FIRST,
        below: 1000,
        heard: [1, 3].map(|id| (NodeId(id), nonce(id.into(), 1))).into(),
        takes_part: true,
        removes: None,
    };
    change(&mut beat);
    let now = Moment::default() + LEASE * 2;
    let output = one.receive(now, NodeId(2), &ViewMessage::Beat(beat), 1000);
    (one.clone(), output)
}

fn is_acknowledged(output: &Output) -> bool {
    let mut sends = output.sends.iter();
    sends.any(|(_, message)| matches!(message, ViewMessage::Acknowledge(_)))
}

#[test]
fn a_bound_far_beyond_all_others_is_neither_noted_nor_acknowledged() {
    let (_, honest) = with_beat(|_| {});
    assert!(is_acknowledged(&honest));
    let (_, forged) = with_beat(|beat| beat.below = u64::MAX);
    assert!(!is_acknowledged(&forged) && forged.below.is_none());
}

#[test]
fn a_member_that_does_not_take_part_yet_is_not_acknowledged() {
    let (_, output) = with_beat(|beat| beat.takes_part = false);
    assert!(!is_acknowledged(&output));
}

#[test]
fn whom_a_beat_claims_to_hear_is_kept_for_members_only() {
    let (views, _) = with_beat(|beat| {
        let nonce = beat.nonce;
        beat.heard
            .extend((100..60_000).map(|id| (NodeId(id), nonce)));
    });
    let now = Moment::default() + LEASE * 2;
    assert!(views.hears(NodeId(2), NodeId(3), now));
    assert!(!views.hears(NodeId(2), NodeId(100), now));
}

#[test]
fn a_number_far_beyond_all_others_is_neither_promised_nor_joined() {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let (now, members) = (Moment::default() + LEASE * 2, one.config.members.clone());
    let number = ViewNumber {
        counter: u64::MAX / 2,
        proposer: 2,
    };
    let propose = ViewMessage::Propose {
        number,
        members: members.clone(),
        configuration: None,
    };
    assert_eq!(one.receive(now, NodeId(2), &propose, 1000).promise, None);
    let view = |number, members, floor| View {
        number,
        members,
        floor,
        configuration: None,
    };
    let next = ViewNumber {
        counter: 1,
        proposer: 2,
    };
    let strangers = BTreeSet::from([NodeId(1), NodeId(2), NodeId(9)]);
    for view in [
        view(number, members.clone(), 1000),
        view(next, members.clone(), u64::MAX),
        view(next, strangers, 1000),
    ] {
        let decision = ViewMessage::Decision(view);
        assert_eq!(one.receive(now, NodeId(2), &decision, 1000).joined, None);
    }
    let decision = ViewMessage::Decision(view(next, members, 1000));
    assert!(
        one.receive(now, NodeId(2), &decision, 1000)
            .joined
            .is_some()
    );
}
