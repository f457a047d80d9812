use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn a_view_selects_the_nodes_the_lock_and_the_time() {
    let runs = handed_over(entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    let history = History::new(&runs).unwrap();
    let all = Diagram::new(&history, &View::default()).unwrap();
    assert_eq!((all.lanes.len(), all.arrows.len()), (2, 1));
    let held = |lane: &Lane| lane.states.iter().any(|span| span.number == Some(4));
    assert!(held(&all.lanes[0]));
    let part = |view: View| Diagram::new(&history, &view).unwrap();
    let of_two = part(View {
        nodes: BTreeSet::from([2]),
        ..View::default()
    });
    let shown = (of_two.lanes.len(), of_two.lanes[0].id, of_two.arrows.len());
    assert_eq!(shown, (1, 2, 0));
    let late = part(View {
        from: Some(400),
        ..View::default()
    });
    assert_eq!(late.lanes[0].dots.len(), 0);
    assert_eq!(late.lanes[1].dots.len(), 3);
    let of_a_lock = part(View {
        locks: vec!["nightly".to_owned()],
        ..View::default()
    });
    assert!(of_a_lock.lanes.iter().all(|lane| lane.states.is_empty()));
}

#[test]
fn hostile_text_is_escaped_in_a_drawing() {
    let mut one = entry(1, 10, 2, 4);
    one.records[1].queue.push((3, 2));
    one.records[1].because = Some("<script>&\"'\u{1b}[2J\u{0}".to_owned());
    let history = History::new(&[one]).unwrap();
    let mut diagram = Diagram::new(&history, &View::default()).unwrap();
    diagram.locks = vec!["</title>\u{7}".to_owned()];
    let drawn = svg(&diagram);
    let escaped = r"&lt;script&gt;&amp;&quot;'\u{1b}[2J\u{0}";
    assert!(drawn.contains(escaped), "{drawn}");
    assert!(drawn.contains(r"lock &lt;/title&gt;\u{7}"), "{drawn}");
}

#[test]
fn for_shiviz_the_clock_of_every_host_starts_at_1_and_rises_by_1() {
    let (runs, ..) = played(&Plan::of(42), &Addresses::default());
    let history = History::new(&runs).unwrap();
    let text = shiviz(&history).unwrap();
    let mut lines = text.lines();
    let head = [lines.next(), lines.next()].map(Option::unwrap);
    assert_eq!(head, [r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})", ""]);
    let (mut last, mut events) = (BTreeMap::<String, u64>::new(), 0);
    while let (Some(_event), Some(line)) = (lines.next(), lines.next()) {
        let (host, clock) = line.split_once(' ').unwrap();
        let clock: BTreeMap<String, u64> = serde_json::from_str(clock).unwrap();
        let own = last.entry(host.to_owned()).or_default();
        assert_eq!(clock[host], *own + 1);
        *own += 1;
        events += 1;
    }
    assert_eq!(events, history.order.len());
}

#[test]
fn for_mermaid_its_special_characters_are_escaped() {
    let [mut one, two] = handed_over(entry(1, 10, 2, 4), entry(2, 500, 3, 6));
    one.records[2].sent.push(reply(1, 2, 9).0);
    let text = mermaid(&History::new(&[one, two]).unwrap(), &[String::new()]).unwrap();
    assert_eq!(
        text,
        "sequenceDiagram\n  participant 1\n  participant 2\n  Note over 1: HELD, token 4\n  \
         1-x2: reply#lt;9,1#gt;\n  Note over 1: FREE\n  1-->>2: reply#lt;5,1#gt;\n  \
         Note over 2: HELD, token 6\n  Note over 2: FREE\n"
    );
}
