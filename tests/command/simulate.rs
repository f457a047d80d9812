//! `turno simulate` as a program.

use std::fs;

use crate::fixtures::turno::run;

fn simulate(arguments: &[&str]) -> (Option<i32>, String, String) {
    run(&[&["simulate"], arguments].concat())
}

#[test]
fn many_seeds_are_simulated_and_summed_up() {
    let (code, summary, _) = simulate(&["--seeds", "50", "--from", "7"]);
    assert_eq!(code, Some(0));
    for wanted in [
        "50 seeds in ",
        " seeds/s",
        "simulated time ",
        " were resumed by a later run)",
        " crashes ",
        " of which the entry outlived, ",
        "no violation",
    ] {
        assert!(summary.contains(wanted), "{wanted}: {summary}");
    }
}

#[test]
fn a_seed_and_its_plan_give_the_same_run_to_the_byte() {
    let (code, of_seed, _) = simulate(&["--seed", "42"]);
    assert_eq!(code, Some(0));
    assert_eq!(of_seed, simulate(&["--seed", "42"]).1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    fs::write(&file, of_seed.lines().next().unwrap()).unwrap();
    let (code, of_plan, _) = simulate(&["--plan", file.to_str().unwrap()]);
    assert_eq!((code, of_plan), (Some(0), of_seed));
}

#[test]
fn an_invalid_plan_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.json");
    let path = file.to_str().unwrap();
    let refused = |reason: &str| {
        let (code, output, error) = simulate(&["--plan", path]);
        assert_eq!((code, output.as_str()), (Some(2), ""));
        let expected = format!("turno: cannot run {path}: {reason}");
        assert!(error.starts_with(&expected), "{error}");
    };
    refused("No such file");
    fs::write(&file, "{}").unwrap();
    refused("missing field");
    let plan = simulate(&["--seed", "1"]).1;
    let plan = plan.lines().next().unwrap();
    let endless = plan.replacen("\"least\":", "\"least\":99999999", 1);
    fs::write(&file, endless).unwrap();
    refused("the network or the holders take longer than a day");
}
