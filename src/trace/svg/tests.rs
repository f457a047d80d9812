use super::*;
use crate::trace::diagram::{Deferral, Dot, StateSpan};
use crate::trace::history::EventLabel;
use crate::trace::record::Phase;

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
        ("before it", (15.2, 16.0), "460.2"),
    ] {
        assert_eq!(reasons(&[deferral]), [format!("{x} {whole}")], "{place}");
    }
    let crowded = reasons(&[(0.0, 1.0), (3.2, 4.2), (4.2, 5.2), (5.2, 5.4), (5.4, 11.0)]);
    // Without room for a subject there is none of it: the title of the bar has it all.
    let shortened = ["102.0 1 waits".to_owned(), format!("250.6 {whole}")];
    assert_eq!(crowded, shortened);
}

#[test]
fn clocks_that_would_overlap_are_at_two_heights_or_left_out() {
    let dots = [0.0, 1.0, 1.5, 2.0].map(|at| Dot {
        at,
        event: EVENT,
        label: "10000007".to_owned(),
        text: String::new(),
    });
    let page = page(Lane {
        dots: dots.to_vec(),
        ..Lane::default()
    });
    let heights = page.matches(r#" y="62.0">10000007"#).count();
    assert_eq!((heights, page.matches(">10000007</text>").count()), (2, 3));
}

#[test]
fn a_long_token_is_smaller_in_a_narrow_bar() {
    let held = |to: f64| StateSpan {
        from: 1.0,
        to,
        phase: Phase::Held,
        number: Some(1_500_003),
        is_shared: false,
        label: "1500003".to_owned(),
        event: EVENT,
    };
    let token = |to: f64| {
        let states = vec![held(to)];
        let page = page(Lane {
            states,
            ..Lane::default()
        });
        let (_, token) = page.split_once(r#"<text class="token""#).unwrap();
        token.split_once(" data-event").unwrap().0.to_owned()
    };
    assert_eq!(token(3.0), "");
    assert_eq!(token(2.0), r#" style="font-size:6.9px""#);
    assert_eq!(token(1.5), r#" style="font-size:6.0px""#);
}
