use super::*;
use crate::mutex::planted::Planted;

/// What CI plays. `turno simulate --seeds N` plays more.
const SEEDS: u64 = 3_000;

#[test]
fn a_few_thousand_seeds_break_nothing_and_see_everything() {
    let addresses = Addresses::default();
    let mut sum = Figures::default();
    for seed in 0..SEEDS {
        let (figures, judged) = play(&Plan::of(seed), &addresses, None);
        assert_eq!(judged, Ok(()), "turno simulate --seed {seed} shows it");
        sum += figures;
    }
    let seen = [
        sum.entries,
        sum.entries_unasked,
        sum.lent,
        sum.lost,
        sum.cut,
        sum.repeated,
        sum.overtaken,
        sum.at_nobody,
        sum.crashes,
        sum.crashes_inside,
        sum.crashes_amid,
        sum.pauses,
        sum.partitions,
        sum.given_up,
    ];
    assert!(seen.iter().all(|count| *count > 100), "{sum:?}");
    // Only few crash inside.
    let seldom = [sum.crashes_outlived, sum.resumed];
    assert!(seldom.iter().all(|count| *count > 30), "{sum:?}");
}

#[test]
fn a_seed_is_played_the_same_to_the_byte() {
    let addresses = Addresses::default();
    for seed in 0..50 {
        let plan = Plan::of(seed);
        let (mut first, mut second) = (Recording::default(), Recording::default());
        let played = play(&plan, &addresses, Some(&mut first));
        assert_eq!(played, play(&Plan::of(seed), &addresses, Some(&mut second)));
        assert_eq!(played, play(&plan, &addresses, None));
        assert!(first == second && !first.log.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_plan_can_be_written_down_and_read_again() {
    for seed in 0..50 {
        let plan = Plan::of(seed);
        assert_eq!(
            serde_json::from_str::<Plan>(&plan.to_string()).unwrap(),
            plan
        );
    }
}

#[test]
fn a_plan_that_shows_a_defect_is_shrunk_to_one_that_still_does() {
    let addresses = Addresses::default();
    let plan = Plan {
        planted: Some(Planted::EchoIgnored),
        ..Plan::of(37)
    };
    let (smallest, violation) = shrunk(&plan, &addresses);
    assert!(violation.is_some());
    assert_eq!(play(&smallest, &addresses, None).1.err(), violation);
    assert!(smallest.members.len() < plan.members.len());
    assert!(smallest.faults.len() + smallest.wishes.len() < plan.faults.len() + plan.wishes.len());
    let sound = Plan::of(37);
    assert_eq!(shrunk(&sound, &addresses), (sound, None));
}

#[test]
fn a_plan_that_cannot_be_played_is_refused() {
    let sound = Plan::of(3);
    assert_eq!(sound.check(), Ok(()));
    let alone = Plan {
        members: vec![ProgramKind::Durable],
        ..sound.clone()
    };
    assert_eq!(alone.check(), Err(PlanError::Members(1)));
    let stranger = Wish {
        at: 0,
        id: 51,
        what: What::Ask,
    };
    let strange = Plan {
        wishes: vec![stranger],
        ..sound.clone()
    };
    assert_eq!(strange.check(), Err(PlanError::NoMember(51)));
    let endless = Plan {
        hold: Micros::MAX,
        ..sound
    };
    assert_eq!(endless.check(), Err(PlanError::Delays));
}
