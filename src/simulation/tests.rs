use super::*;

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
}

#[test]
fn a_seed_is_played_the_same_to_the_byte() {
    let addresses = Addresses::default();
    for seed in 0..50 {
        let plan = Plan::of(seed);
        let (mut first, mut second) = (String::new(), String::new());
        let played = play(&plan, &addresses, Some(&mut first));
        assert_eq!(played, play(&Plan::of(seed), &addresses, Some(&mut second)));
        assert_eq!(played, play(&plan, &addresses, None));
        assert!(first == second && !first.is_empty(), "seed {seed}");
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
