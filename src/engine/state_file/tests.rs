//! The state file across runs, and across a change of the member list.

use crate::mutex::NodeId;
use crate::protocol::changed_list::SKIPPED_CLOCKS;

use super::*;

const PORTS: [u16; 3] = [1, 2, 3];

fn group(id: u16, ports: &[u16]) -> Group {
    Group::on_loopback(id, ports)
}

fn open(folder: &Path, is_reset: bool) -> Result<StateFile, StateError> {
    let existing = match is_reset {
        true => Existing::GivenUp,
        false => Existing::Continued,
    };
    StateFile::open(folder, &group(2, &PORTS), &existing)
}

fn error(opened: Result<StateFile, StateError>) -> String {
    opened.unwrap_err().to_string()
}

fn durability(below: u64, synced: bool) -> Durability {
    Durability::Durable { below, synced }
}

/// What the next run finds.
fn found(folder: &Path, is_reset: bool) -> Durability {
    open(folder, is_reset).unwrap().durability()
}

/// A directory with the state of a member whose clock is below 5.
fn used() -> (tempfile::TempDir, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let mut state = open(&folder, false).unwrap();
    assert_eq!(state.durability(), durability(1, false));
    state
        .persist(Durable {
            below: Some(5),
            ..Durable::default()
        })
        .unwrap();
    (parent, folder)
}

#[test]
fn the_next_run_finds_the_bound() {
    let (_parent, folder) = used();
    assert_eq!(found(&folder, false), durability(5, true));
}

#[test]
fn a_member_that_never_heard_all_clocks_still_has_to() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/state");
    drop(open(&folder, false).unwrap());
    assert_eq!(found(&folder, false), durability(1, false));
}

#[test]
fn a_directory_without_its_file_is_an_error() {
    let (_parent, folder) = used();
    fs::remove_file(folder.join(FILE)).unwrap();
    assert!(error(open(&folder, false)).contains("is missing"));
    assert_eq!(found(&folder, true), durability(1, false));
}

#[test]
fn damage_to_any_byte_is_an_error() {
    let (_parent, folder) = used();
    let path = folder.join(FILE);
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() - 1 {
        let mut changed = whole.clone();
        changed[place] ^= 4;
        for damaged in [&changed[..], &whole[..place]] {
            fs::write(&path, damaged).unwrap();
            let error = error(open(&folder, false));
            assert!(error.contains("is damaged ("), "{place}: {error}");
            assert!(error.contains("--new-state"));
        }
    }
}

#[test]
fn the_state_of_another_member_or_group_is_an_error() {
    let (_parent, folder) = used();
    for other in [group(3, &PORTS), group(2, &[1, 2, 4])] {
        let error = error(StateFile::open(&folder, &other, &Existing::Continued));
        assert!(error.contains(" belongs to member 2 of group "), "{error}");
        assert!(error.contains("--adopt-list"), "{error}");
    }
}

#[test]
fn two_nodes_do_not_share_a_directory() {
    let (_parent, folder) = used();
    let _first = open(&folder, false).unwrap();
    assert!(error(open(&folder, false)).contains("in use by another node"));
}

#[test]
fn half_a_write_leaves_the_old_state() {
    let (_parent, folder) = used();
    fs::write(folder.join(format!("{FILE}.new")), b"{\"turno_st").unwrap();
    assert_eq!(found(&folder, false), durability(5, true));
}

/// As a start of the node does.
fn begin(state: &mut StateFile, group: &Group, lease: Option<Lease>) -> bool {
    state.begin(group, lease).unwrap()
}

fn adopt(folder: &Path, group: &Group, without: &[&str]) -> Result<StateFile, StateError> {
    let without = without.iter().map(ToString::to_string).collect();
    StateFile::open(folder, group, &Existing::TakenOver { without })
}

/// As [`used`], by a run that began.
fn ran(lease: Option<Lease>) -> (tempfile::TempDir, PathBuf) {
    let (parent, folder) = used();
    begin(&mut open(&folder, false).unwrap(), &group(2, &PORTS), lease);
    (parent, folder)
}

fn lease() -> Lease {
    Lease::new(std::time::Duration::from_secs(10)).unwrap()
}

#[test]
fn a_changed_list_keeps_the_clock_skips_and_hears_all_others() {
    let (_parent, folder) = ran(None);
    let new = group(2, &[1, 2, 4]);
    let mut state = adopt(&folder, &new, &[":3"]).unwrap();
    let after = durability(5 + SKIPPED_CLOCKS, false);
    assert_eq!(state.durability(), after);
    assert!(state.takes_over());
    let change = state.change().unwrap();
    assert_eq!(change.left_out, [NodeId(3)].into());
    begin(&mut state, &new, None);
    assert!(!state.takes_over());
    drop(state);
    // Not complete: it is the same again, with the option or without it.
    for existing in [
        Existing::Continued,
        Existing::TakenOver {
            without: vec![":3".into()],
        },
    ] {
        let mut state = StateFile::open(&folder, &new, &existing).unwrap();
        assert_eq!(state.durability(), after);
        assert!(state.is_changing(), "it still looks for the old members");
        let change = state.change().unwrap();
        assert_eq!(
            (change.own, &change.left_out),
            (NodeId(2), &[NodeId(3)].into())
        );
        begin(&mut state, &new, None);
    }
    // Complete: the option does nothing.
    let mut state = StateFile::open(&folder, &new, &Existing::Continued).unwrap();
    let below = Some(9 + SKIPPED_CLOCKS);
    state
        .persist(Durable {
            below,
            ..Durable::default()
        })
        .unwrap();
    drop(state);
    let state = adopt(&folder, &new, &[":3"]).unwrap();
    assert_eq!(state.durability(), durability(9 + SKIPPED_CLOCKS, true));
    assert!(!state.takes_over() && !state.is_changing());
    let change = state.change().expect("the members left out are known");
    assert_eq!(change.left_out, [NodeId(3)].into());
    assert_eq!(state.notice.as_deref(), Some(NOTHING_TO_ADOPT));
}

#[test]
fn before_a_run_begins_nothing_is_taken_over() {
    let (_parent, folder) = ran(None);
    drop(adopt(&folder, &group(2, &[1, 2, 4]), &[":3"]).unwrap());
    assert_eq!(found(&folder, false), durability(5, true));
}

#[test]
fn a_crash_between_the_two_files_leaves_the_old_state() {
    let (_parent, folder) = ran(None);
    let new = group(2, &[1, 2, 4]);
    let mut state = adopt(&folder, &new, &[":3"]).unwrap();
    fs::create_dir(folder.join(format!("{FILE}.new"))).unwrap();
    assert!(state.begin(&new, None).is_err());
    fs::remove_dir(folder.join(format!("{FILE}.new"))).unwrap();
    drop(state);
    assert_eq!(found(&folder, false), durability(5, true));
    assert!(adopt(&folder, &new, &[":3"]).unwrap().takes_over());
}

#[test]
fn ids_may_change_with_the_list_and_addresses_tell_the_members() {
    let (_parent, folder) = ran(None);
    // The first member is left out, and the others move up.
    let state = adopt(&folder, &group(1, &[2, 3]), &[":1"]).unwrap();
    assert_eq!(state.change().unwrap().left_out, [NodeId(1)].into());
    drop(state);
    // This member has another port.
    assert!(
        adopt(&folder, &group(2, &[1, 7, 3]), &[])
            .unwrap()
            .takes_over()
    );
}

#[test]
fn what_would_not_be_safe_is_refused_with_the_way_out() {
    let (_parent, folder) = ran(None);
    let refusals: &[(u16, &[u16], &[&str], &str)] = &[
        (2, &[1, 2, 4], &[], "say so: --without :3."),
        (
            1,
            &[2],
            &[":1"],
            ":3 (3) of the old list is not in the new one",
        ),
        (
            2,
            &[1, 2],
            &[":3", ":9"],
            "--without :9: the old list has no such member; it has :1 (1)",
        ),
        (
            2,
            &[1, 2],
            &[":3", ":2"],
            "--without :2: that is this member",
        ),
        (
            1,
            &[1, 2],
            &[":3"],
            "the state is that of :2 (2), and this member was :1 (1)",
        ),
        (
            3,
            &[1, 2, 4],
            &[":3"],
            "a member that is new starts without a state",
        ),
        (1, &PORTS, &[], "the list is the same"),
    ];
    for (id, ports, without, why) in refusals {
        let error = error(adopt(&folder, &group(*id, ports), without));
        assert!(error.contains(why), "{error}");
        assert_eq!(found(&folder, false), durability(5, true));
    }
}

#[test]
fn a_state_that_heard_no_other_clock_or_of_an_unknown_list_is_not_taken_over() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    begin(&mut open(&folder, false).unwrap(), &group(2, &PORTS), None);
    let error_of = |folder: &Path| error(adopt(folder, &group(2, &[1, 2]), &[":3"]));
    assert!(error_of(&folder).contains("has never heard the clocks"));
    // A new member, or a directory that is written wrong.
    let nowhere = parent.path().join("nowhere");
    assert!(error_of(&nowhere).contains("a member that is new starts without --adopt-list"));
    assert!(!nowhere.exists());
    // Of an older turno.
    let (_parent, folder) = used();
    assert!(error_of(&folder).contains("Start the agent once with the old list"));
}

#[test]
fn a_group_that_had_failover_needs_a_majority_of_its_states_and_hears_all_again() {
    for later in [Some(lease()), None] {
        let (_parent, folder) = ran(Some(lease()));
        let mut state = open(&folder, false).unwrap();
        let promised = ViewNumber {
            counter: 4,
            proposer: 1,
        };
        state
            .persist(Durable {
                promised: Some(promised),
                ..Durable::default()
            })
            .unwrap();
        assert!(
            !begin(&mut state, &group(2, &PORTS), Some(lease())),
            "it is no amnesiac"
        );
        begin(&mut state, &group(2, &PORTS), later);
        drop(state);
        let alone = error(adopt(&folder, &group(1, &[2]), &[":1", ":3"]));
        assert!(
            alone.contains("a majority of a group that had failover"),
            "{alone}"
        );
        // One is in the new list, and its state is lost.
        let lost = error(adopt(&folder, &group(2, &[1, 2, 4]), &[":1", ":3"]));
        assert!(lost.contains("GIVES UP THE CLOCK"), "{lost}");
        let new = group(2, &[1, 2, 4]);
        let mut state = adopt(&folder, &new, &[":3"]).unwrap();
        assert_eq!(state.promised(), promised);
        assert!(begin(&mut state, &new, Some(lease())), "it is an amnesiac");
    }
}

#[test]
fn a_change_to_a_wrong_list_can_be_changed_again_and_skips_again() {
    let (_parent, folder) = ran(None);
    let wrong = group(2, &[1, 2, 5]);
    begin(&mut adopt(&folder, &wrong, &[":3"]).unwrap(), &wrong, None);
    let right = group(2, &[1, 2, 4]);
    let mut state = adopt(&folder, &right, &[":5"]).unwrap();
    begin(&mut state, &right, None);
    assert_eq!(
        state.durability(),
        durability(5 + 2 * SKIPPED_CLOCKS, false)
    );
}

#[test]
fn a_new_state_says_in_capital_words_what_it_gives_up() {
    let (_parent, folder) = ran(None);
    let given_up = |ports: &[u16]| StateFile::given_up(&folder, &group(2, ports)).unwrap();
    assert!(given_up(&PORTS).contains("GIVES UP THE CLOCK OF THIS MEMBER (below 5)"));
    let other = given_up(&[1, 2, 4]);
    assert!(other.contains("GIVES UP THE CLOCK OF THE OLD LIST (below 5)"));
    assert!(other.contains("TOKENS BEGIN AGAIN NEAR 1"));
    drop(open(&folder, true).unwrap());
    assert_eq!(StateFile::given_up(&folder, &group(2, &PORTS)), None);
}

#[test]
fn a_restart_with_another_lease_still_knows_the_old_list_by_its_own_lease() {
    let (_parent, folder) = ran(Some(lease()));
    let new = group(3, &[1, 4, 2]);
    let mut state = adopt(&folder, &new, &[":3"]).unwrap();
    let before = state.change().unwrap().clone();
    assert_eq!((before.own, before.digests.len()), (NodeId(2), 2));
    begin(
        &mut state,
        &new,
        Lease::new(std::time::Duration::from_secs(3)),
    );
    drop(state);
    let state = StateFile::open(&folder, &new, &Existing::Continued).unwrap();
    assert_eq!(state.change(), Some(&before));
}
