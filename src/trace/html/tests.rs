use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::trace::{
    EventKind, Header, MessageKind, MessageRecord, Phase, Record, Run, VERSION, VectorClocks, View,
};

/// Text that must not be taken for HTML.
const HOSTILE: &str = "</script><!--<script>alert(1)\u{2028}\u{2029}&amp;\"'{{script}}";

fn record(at: u64, event: EventKind, clock: u64) -> Record {
    Record {
        at,
        event,
        message: None,
        ignored: None,
        because: None,
        lock: None,
        clock,
        state: Phase::Free,
        request: None,
        token: None,
        queue: Vec::new(),
        sent: Vec::new(),
    }
}

fn message(kind: MessageKind, peer: u16, clock: u64, run: &str) -> MessageRecord {
    MessageRecord {
        peer,
        kind,
        clock,
        echo: (kind == MessageKind::Reply).then_some(1),
        lock: None,
        run: Some(run.to_owned()),
    }
}

fn run(id: u16, name: &str, records: Vec<Record>) -> Run {
    let header = Header {
        turno_trace: VERSION,
        id,
        members: 2,
        run: name.to_owned(),
    };
    Run { header, records }
}

/// 1 asks, 2 replies, 1 enters and leaves; meanwhile the clock of 2 ticks.
fn history(because: &str) -> History {
    let mut asks = record(10, EventKind::Acquire, 1);
    (asks.state, asks.request) = (Phase::Wait, Some(1));
    asks.sent = vec![message(MessageKind::Request, 2, 1, "a")];
    let mut replies = record(1_020, EventKind::Received, 2);
    replies.message = Some(message(MessageKind::Request, 1, 1, "a"));
    replies.because = Some(because.to_owned());
    replies.sent = vec![message(MessageKind::Reply, 1, 2, "b")];
    let mut enters = record(2_030, EventKind::Received, 3);
    enters.message = Some(message(MessageKind::Reply, 2, 2, "b"));
    (enters.state, enters.token) = (Phase::Held, Some(u64::MAX));
    let leaves = record(3_040, EventKind::Release, 3);
    let one = vec![record(0, EventKind::Start, 0), asks, enters, leaves];
    let ticks = record(2_500, EventKind::Tick, 3);
    let two = vec![record(1, EventKind::Start, 0), replies, ticks];
    History::new(&[run(1, "a", one), run(2, "b", two)]).unwrap()
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
    for way in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!SCRIPT.contains(way), "{way}");
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
    assert_eq!(
        reply["sent"][0],
        "reply<2,2> to 1, to the request of clock 1"
    );
    assert_eq!(reply["because"], "(1,1) < (2,2)");
    assert_eq!(reply["at_ms"], "1.020");
    let entry = &steps["events"][2];
    let row = &entry["rows"][0];
    assert_eq!((&row["node"], &row["state"]), (&1.into(), &"HELD".into()));
    assert_eq!(
        row["number"], "token 18446744073709551615",
        "to the last digit"
    );
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
    let before: Vec<(&Value, &Value)> = steps["before"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (&row["state"], &row["clock"]))
        .collect();
    assert_eq!(
        before,
        [(&"HELD".into(), &"3".into()), (&"FREE".into(), &"2".into())]
    );
}
