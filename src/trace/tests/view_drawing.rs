//! Groups with failover, drawn.

use std::env;
use std::fs;
use std::path::Path;

use super::views::{held, lost, taken_over};
use super::*;

/// `TURNO_BLESS=1` writes the file.
fn assert_golden(diagram: &Diagram, golden: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
    let drawn = svg(diagram);
    if env::var_os("TURNO_BLESS").is_some() {
        fs::write(&path, &drawn).unwrap();
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    assert!(before == drawn, "{golden} differs");
}

#[test]
fn a_drawing_shows_views_votes_lapses_and_takeovers() {
    let runs = taken_over(Some(lost(0, held(1_000))));
    let history = History::new(&runs).unwrap();
    let diagram = Diagram::new(&history, &View::default()).unwrap();
    let bands = |lane: &Lane| {
        let bands = lane.bands.iter();
        let bands = bands.map(|band| (band.view, band.members.clone(), band.is_leased));
        bands.collect::<Vec<_>>()
    };
    let all = vec![1, 2, 3];
    assert_eq!(
        bands(&diagram.lanes[0]),
        [((0, 0), all.clone(), true), ((0, 0), all.clone(), false)]
    );
    assert_eq!(
        bands(&diagram.lanes[1]),
        [((0, 0), all, true), ((1, 2), vec![2, 3], true)]
    );
    let lapse = diagram.lanes[0].marks[0].at;
    let spans = |lane: &Lane| lane.states.iter().rev().map(|s| (s.from, s.to)).next();
    let (lost, next) = (spans(&diagram.lanes[0]), spans(&diagram.lanes[1]));
    assert_eq!(lost.unwrap().1, lapse, "the entry ends with the lease");
    assert!(lapse < next.unwrap().0, "the next entry is drawn after it");
    let takeover = &diagram.takeovers[0];
    let ends = (takeover.from, takeover.to);
    assert_eq!(ends, ((0, lapse), (1, next.unwrap().0)));
    assert_golden(&diagram, "src/trace/tests/takeover.svg");
}

#[test]
fn a_group_without_failover_is_drawn_without_views() {
    let history = History::new(&[entry(1, 10, 2, 4), entry(2, 500, 3, 6)]).unwrap();
    let drawn = svg(&Diagram::new(&history, &View::default()).unwrap());
    assert!(!drawn.contains("without a lease"));
}

/// The picture of `docs/failover.md`, of the traces of a real run.
#[test]
fn a_cut_off_holder_is_judged_and_drawn() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cut-off");
    let history = History::read(&traces, |_| {}).unwrap();
    let report = check(&history);
    assert!(report.is_clean() && report.unordered.is_empty());
    assert_eq!((report.entries.len(), report.views), (3, Some(3)));
    let view = View {
        locks: vec!["job".to_owned()],
        ..View::default()
    };
    let diagram = Diagram::new(&history, &view).unwrap();
    assert_eq!(diagram.takeovers.len(), 1);
    assert_golden(&diagram, "docs/cut-off.svg");
}
