use super::*;
use crate::trace::diagram::{Deferral, Dot};
use crate::trace::history::EventLabel;

const EVENT: EventLabel = EventLabel { run: 0, record: 0 };

fn page(lane: Lane) -> String {
    svg(&Diagram {
        length: 12.0,
        lanes: vec![lane],
        ..Diagram::default()
    })
}

/// The positions and texts of the reasons, for deferrals of node 1 in one row, given by
/// their beginnings and ends.
fn reasons(deferrals: &[(f64, f64)]) -> Vec<String> {
    let deferrals = deferrals.iter().map(|(from, to)| Deferral {
        from: *from,
        to: *to,
        row: 0,
        peer: 1,
        because: "(3,2) < (5,1)".to_owned(),
        event: EVENT,
    });
    let page = page(Lane {
        deferrals: deferrals.collect(),
        ..Lane::default()
    });
    let reasons = page.split(r#"<text class="said"#).skip(1);
    reasons
        .map(|reason| {
            let (_, at) = reason.split_once(" x=\"").unwrap();
            let (_, text) = reason.split_once('>').unwrap();
            let (at, text) = (at.split_once('"').unwrap(), text.split_once("</").unwrap());
            format!("{} {}", at.0, text.0)
        })
        .collect()
}

#[test]
fn a_reason_is_in_its_bar_or_beside_it_or_is_shortened() {
    let whole = "1 waits: (3,2) &lt; (5,1)";
    for (place, deferral, x) in [
        ("in it", (0.0, 5.0), "67.0"),
        ("behind it", (0.0, 1.0), "102.0"),
        ("before it", (15.2, 16.0), "471.2"),
    ] {
        assert_eq!(reasons(&[deferral]), [format!("{x} {whole}")], "{place}");
    }
    let crowded = reasons(&[(0.0, 1.0), (3.2, 4.2), (4.2, 5.2), (5.2, 5.4), (5.4, 11.0)]);
    let shortened = [
        "102.0 (3,2) &lt; (5,1)".to_owned(),
        "175.8 1".to_owned(),
        "209.8 1".to_owned(),
        format!("250.6 {whole}"),
    ];
    assert_eq!(crowded, shortened);
}

#[test]
fn clocks_that_would_overlap_are_at_two_heights_or_left_out() {
    let dots = [0.0, 1.0, 1.5, 2.0].map(|at| Dot {
        at,
        event: EVENT,
        clock: 10_000_007,
        text: String::new(),
    });
    let page = page(Lane {
        dots: dots.to_vec(),
        ..Lane::default()
    });
    let heights = page.matches(r#" y="62.0">10000007"#).count();
    assert_eq!((heights, page.matches(">10000007</text>").count()), (2, 3));
}
