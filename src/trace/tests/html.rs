use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// Text that must not be taken for HTML.
const HOSTILE: &str = "</script><!--<script>alert(1)\u{2028}\u{2029}&amp;\"'{{script}}";

/// 1 asks, 2 replies, 1 enters and leaves; meanwhile the clock of 2 ticks.
fn history(because: &str) -> History {
    let of_kind = |event, record| Record { event, ..record };
    let (mut sent, mut received) = reply(2, 1, 2);
    (sent.echo, received.echo) = (Some(1), Some(1));
    let (mut one, mut two) = (Run::new(header(1)), Run::new(header(2)));
    one.records = vec![
        of_kind(EventKind::Start, event(0, 0, Phase::Free, 0)),
        Record {
            sent: vec![request(1, 2, 1)],
            ..of_kind(EventKind::Acquire, event(10, 1, Phase::Wait, 1))
        },
        Record {
            message: Some(received),
            ..of_kind(EventKind::Received, event(2_030, 3, Phase::Held, u64::MAX))
        },
        of_kind(EventKind::Release, event(3_040, 3, Phase::Free, 0)),
    ];
    two.records = vec![
        of_kind(EventKind::Start, event(1, 0, Phase::Free, 0)),
        Record {
            message: Some(request(1, 1, 1)),
            because: Some(because.to_owned()),
            sent: vec![sent],
            ..of_kind(EventKind::Received, event(1_020, 2, Phase::Free, 0))
        },
        event(2_500, 3, Phase::Free, 0),
    ];
    History::new(&[one, two]).unwrap()
}

fn diagram(history: &History) -> Diagram {
    Diagram::new(history, &View::default()).unwrap()
}

fn page(history: &History) -> String {
    html(history, &diagram(history)).unwrap()
}

/// The script block with the data, as a browser parses it.
fn block(page: &str) -> &str {
    let begin = r#"<script type="application/json" id="steps">"#;
    let (_, block) = page.split_once(begin).unwrap();
    block.split_once("</script>").unwrap().0
}

fn steps(page: &str) -> Value {
    serde_json::from_str(block(page)).unwrap()
}

#[test]
fn no_text_of_a_trace_ends_the_script_block_or_begins_another() {
    let (hostile, harmless) = (page(&history(HOSTILE)), page(&history("no reason")));
    for tag in ["<script", "</script", "<!--", "-->"] {
        let count = |page: &str| page.matches(tag).count();
        assert_eq!(count(&hostile), count(&harmless), "{tag:?}");
    }
    assert!(!block(&hostile).contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
    assert_eq!(steps(&hostile)["events"][1]["because"], HOSTILE);
}

#[test]
fn the_same_history_gives_the_same_page() {
    assert_eq!(page(&history("a")), page(&history("a")));
    assert_ne!(page(&history("a")), page(&history("b")));
}

#[test]
fn the_page_contains_the_drawing() {
    let history = history("");
    let drawing = svg(&diagram(&history));
    assert!(page(&history).contains(&drawing));
}

#[test]
fn the_page_refers_to_no_other_file_and_no_server() {
    let page = page(&history(""));
    let page = page.replace("http://www.w3.org/2000/svg", "");
    for outside in [
        "http:", "https:", "src=", "href=", "@import", "url(http", "fetch(",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_script_sets_text_and_never_html() {
    let script = include_str!("../html/viewer.js");
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(way), "{way}");
    }
}

#[test]
fn the_data_contains_the_events_of_the_diagram_and_no_other() {
    let history = history("");
    let diagram = diagram(&history);
    let dots = diagram.lanes.iter().flat_map(|lane| &lane.dots);
    let drawn: BTreeSet<String> = dots.map(|dot| dot.event.to_string()).collect();
    let steps = steps(&page(&history));
    let events = steps["events"].as_array().unwrap();
    let names: Vec<&str> = events.iter().map(|e| e["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["0-1", "1-1", "0-2", "1-2", "0-3"]);
    assert_eq!(drawn, names.iter().map(ToString::to_string).collect());
    for name in names {
        assert!(svg(&diagram).contains(&format!(r#"class="dot" data-event="{name}""#)));
    }
}

#[test]
fn an_event_shows_its_datagram_its_vector_clock_and_what_it_changed() {
    let history = history("(1,1) < (2,2)");
    let steps = steps(&page(&history));
    let reply = &steps["events"][1];
    assert_eq!(reply["datagram"], "req<1,1> from 1");
    let sent = "reply<2,2> to 1, to the request of clock 1";
    assert_eq!(reply["sent"][0], sent);
    assert_eq!(reply["because"], "(1,1) < (2,2)");
    assert_eq!(reply["at_ms"], "1.020");
    let entry = &steps["events"][2];
    let row = &entry["rows"][0];
    assert_eq!((&row["node"], &row["state"]), (&1.into(), &"HELD".into()));
    let to_the_last_digit = "token 18446744073709551615";
    assert_eq!(row["number"], to_the_last_digit);
    let mut clocks = VectorClocks::new(&history);
    while let Some((event_id, vector)) = clocks.advance() {
        let events = steps["events"].as_array().unwrap();
        let name = history.label(event_id).to_string();
        if let Some(event) = events.iter().find(|e| e["name"] == name) {
            assert_eq!(event["vector"], serde_json::to_value(vector).unwrap());
        }
    }
}

#[test]
fn an_event_that_is_not_drawn_still_changes_the_table() {
    let history = history("");
    let view = View {
        from: Some(2_400),
        ..View::default()
    };
    let diagram = Diagram::new(&history, &view).unwrap();
    let steps = steps(&html(&history, &diagram).unwrap());
    assert_eq!(steps["events"].as_array().unwrap().len(), 2);
    let before = steps["before"].as_array().unwrap().iter();
    let before = before.map(|row| (&row["state"], &row["clock"]));
    let before: Vec<(&Value, &Value)> = before.collect();
    assert_eq!(
        before,
        [(&"HELD".into(), &"3".into()), (&"FREE".into(), &"2".into())]
    );
}
