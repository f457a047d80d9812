//! The page that `turno trace draw --html` writes, in a real browser without a
//! window.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::fixtures::browser::dom_of;
use crate::fixtures::turno::TURNO;

use serde_json::{Value, json};
use tempfile::TempDir;

/// A reason that would be an image if the page took it for HTML.
const HOSTILE: &str = "<img src=x onerror=\"document.body.id='taken'\"></script>";

#[test]
fn an_event_in_the_address_highlights_its_past_and_its_future() {
    let Some(page) = Page::open("#event=0-3", "") else {
        return;
    };
    assert_eq!(page.dots("past"), ["0-1", "0-2", "0-3", "1-1", "2-1"]);
    // Node 1 holds, so its later events follow, and the entry of 2.
    assert_eq!(page.dots("future"), ["0-4", "0-5", "1-4"]);
    assert_eq!(page.dots("chosen"), ["0-3"]);
    // The request of 2 was in transit meanwhile: neither before nor after.
    assert!(page.has(r#"<path class="request" data-from="1-2" data-to="0-4""#));
    assert!(page.has(r#"<path class="request past" data-from="0-1" data-to="2-1""#));
    assert!(page.has(r#"<path class="reply future" data-from="0-5" data-to="1-4""#));
    assert!(page.has("after 4 events (●), before 3 (○), concurrent with 3"));
    assert!(
        page.has("<dt>received</dt><dd>reply&lt;2,3&gt; from 3, to the request of clock 1</dd>")
    );
    assert!(page.has("<dt>vector clock</dt><dd>[4, 2, 2]</dd>"));
}

#[test]
fn a_step_in_the_address_shows_the_state_of_each_node_then() {
    let Some(page) = Page::open("#step=7", "") else {
        return;
    };
    assert!(page.has("after 7 of 11 events"));
    assert_eq!(page.node(1), ["1", "HELD", "4", "token 3", "(3,2)"]);
    assert_eq!(page.node(2), ["2", "WAIT", "3", "request 3", ""]);
    assert_eq!(page.node(3), ["3", "FREE", "2", "", ""]);
}

#[test]
fn an_address_without_a_step_shows_the_beginning_and_dims_nothing() {
    let Some(page) = Page::open("", "") else {
        return;
    };
    assert!(page.has(r#"data-step="0""#) && page.has("after 0 of 11 events"));
    assert_eq!(page.node(2), ["2", "FREE", "0", "", ""]);
    assert_eq!(page.dots("past"), [""; 0]);
    assert!(!page.has(r#"class="lit""#));
}

#[test]
fn an_invalid_address_shows_the_beginning_and_one_too_far_shows_the_end() {
    for (hash, step) in [
        ("#event=9-9", 0),
        ("#step=x", 0),
        ("#step=-3", 0),
        ("#step=99", 11),
    ] {
        let Some(page) = Page::open(hash, "") else {
            return;
        };
        assert!(page.has(&format!(r#"data-step="{step}""#)), "{hash}");
    }
}

#[test]
fn the_keys_step_through_the_run() {
    let press = "const press = (...keys) => keys.forEach((key) => \
        document.dispatchEvent(new KeyboardEvent('keydown', { key })));";
    for (keys, step) in [
        ("'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft'", 2),
        ("'End', 'ArrowRight', 'ArrowLeft'", 10),
        ("'End', 'Home', 'ArrowLeft'", 0),
    ] {
        let script = format!("{press} press({keys});");
        let Some(page) = Page::open("", &script) else {
            return;
        };
        assert!(page.has(&format!(r#"data-step="{step}""#)), "{keys}");
    }
    let script = format!("{press} press('End', 'Escape');");
    let page = Page::open("", &script).unwrap();
    assert!(page.dots("past").is_empty(), "Escape dims nothing");
}

/// Points at an event.
const POINT: &str = "const box = document.querySelector('[data-event=\"0-4\"].dot').getBoundingClientRect();\
    document.getElementById('stage').dispatchEvent(new PointerEvent('pointermove',\
    { clientX: box.x + 3, clientY: box.y + 3, bubbles: true }));";

#[test]
fn a_step_hides_what_follows_it_unless_that_is_asked_for() {
    let measure = "const at = document.getElementById('curtain').getBBox().x;\
        const of = (name) => document.querySelector(`[data-event=\"${name}\"].dot`).cx.baseVal.value;\
        document.body.dataset.hides = ['0-1', '2-1', '1-2', '0-4', '1-4'].filter((name) => of(name) > at);\
        document.body.dataset.curtain = document.getElementById('curtain').style.display || 'shown';";
    let script = format!("{POINT} {measure}");
    let Some(page) = Page::open("#event=2-1", &script) else {
        return;
    };
    assert!(page.has(r#"data-curtain="shown""#));
    assert!(page.has(r#"data-hides="1-2,0-4,1-4""#), "1-2 asks later");
    assert_eq!(
        page.dots("chosen"),
        ["2-1"],
        "what is hidden is not pointed at"
    );
    let whole = format!("document.getElementById('whole').click(); {measure}");
    let open = |hash, script: &str| Page::open(hash, script).unwrap();
    assert!(open("#event=2-1", &whole).has(r#"data-curtain="none""#));
    for overview in ["#step=0", "#step=11"] {
        assert!(open(overview, measure).has(r#"data-curtain="none""#));
    }
}

#[test]
fn pointing_at_an_event_describes_it_and_keeps_the_step() {
    let script = format!("document.getElementById('whole').click(); {POINT}");
    let Some(page) = Page::open("#step=2", &script) else {
        return;
    };
    assert!(page.has(r#"data-step="2""#));
    assert_eq!(page.dots("chosen"), ["0-4"]);
    assert_eq!(page.dots("future"), ["0-5", "1-4"]);
}

#[test]
fn text_of_a_trace_is_not_taken_for_html() {
    let Some(page) = Page::open("#event=0-4", "") else {
        return;
    };
    assert!(page.has("<dt>why</dt><dd>&lt;img src=x"));
    assert!(!page.has("<img") && !page.has(r#"id="taken""#));
}

#[test]
fn the_views_of_a_group_with_failover_are_seen() {
    let cut_off = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cut-off");
    let script = "const bands = [...document.querySelectorAll('#stage rect.view0, #stage rect.without')];\
        document.body.dataset.bands = bands.filter((band) => getComputedStyle(band).display !== 'none').length;\
        const paper = document.querySelector('#stage .sheet');\
        document.body.dataset.paper = getComputedStyle(paper).display;";
    let Some(page) = Page::open_of(&cut_off, "#step=20", script) else {
        return;
    };
    // Three bands of the first view, one without a lease, and one each in the legend.
    assert!(page.has(r#"data-bands="6""#) && page.has(r#"data-paper="none""#));
    assert!(page.has("view 1.3: members 2, 3, without 1"));
}

/// A page as the browser has rendered it.
struct Page {
    dom: String,
    _folder: TempDir,
}

impl Page {
    /// Opens the page of [`trace`] with this fragment of its address, and runs this
    /// script in it. `None` if the tests of Chromium are skipped, see [`require`].
    fn open(hash: &str, script: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        write_trace(folder.path());
        Page::open_of(folder.path(), hash, script)
    }

    /// As [`Page::open`], of the trace in this folder.
    fn open_of(trace: &Path, hash: &str, script: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.html");
        draw(trace, &file);
        let dom = dom_of(&file, hash, script)?;
        assert!(dom.contains("data-step"), "the script failed:\n{dom}");
        Some(Page {
            dom,
            _folder: folder,
        })
    }

    fn has(&self, text: &str) -> bool {
        self.dom.contains(text)
    }

    /// Returns the events whose dots have this class.
    fn dots(&self, class: &str) -> Vec<&str> {
        let circles = self.dom.split(r#"<circle class=""#).skip(1);
        let names: BTreeSet<&str> = circles
            .filter_map(|circle| {
                let (classes, rest) = circle.split_once('"')?;
                let (_, rest) = rest.split_once(r#"data-event=""#)?;
                let is_of_class = classes.split(' ').any(|one| one == class);
                is_of_class.then_some(rest.split_once('"')?.0)
            })
            .collect();
        names.into_iter().collect()
    }

    /// Returns the cells of a node's row in the table.
    fn node(&self, id: u16) -> Vec<&str> {
        let row = format!(r#"<tr data-node="{id}""#);
        let (_, row) = self.dom.split_once(&row).expect("the node has a row");
        let (row, _) = row.split_once("</tr>").unwrap();
        let cells = row.split("<td").skip(1);
        cells
            .map(|cell| {
                let (_, text) = cell.split_once('>').unwrap();
                text.split_once('<').unwrap().0
            })
            .collect()
    }
}

fn write_trace(folder: &Path) {
    for (id, records) in trace() {
        let run = run(id);
        let header = json!({"turno_trace": 1, "id": id, "members": 3, "run": run});
        let mut file = File::create(folder.join(format!("node-{id}-{run}.jsonl"))).unwrap();
        for line in [header].into_iter().chain(records) {
            writeln!(file, "{line}").unwrap();
        }
    }
}

fn draw(folder: &Path, page: &Path) {
    let output = Command::new(TURNO)
        .args(["trace", "draw", "--html", "-o"])
        .args([page, folder])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

fn run(id: u16) -> String {
    format!("{id:016x}")
}

/// 1 enters. 2 asks meanwhile; 3 replies at once, and 1 when it leaves.
fn trace() -> [(u16, Vec<Value>); 3] {
    let request = |from: u16, clock: u64, peer: u16| json!({"kind": "request", "clock": clock, "peer": peer, "run": run(from)});
    let reply = |from: u16, clock: u64, echo: u64, peer: u16| json!({"kind": "reply", "clock": clock, "echo": echo, "peer": peer, "run": run(from)});
    let start = |at: u64| json!({"at": at, "event": "start", "clock": 0, "state": "FREE"});
    let one = vec![
        start(0),
        json!({"at": 10, "event": "acquire", "clock": 1, "state": "WAIT", "request": 1, "sent": [request(1, 1, 2), request(1, 1, 3)]}),
        json!({"at": 30, "event": "received", "clock": 3, "state": "WAIT", "request": 1, "message": reply(2, 2, 1, 2)}),
        json!({"at": 40, "event": "received", "clock": 3, "state": "HELD", "token": 3, "message": reply(3, 2, 1, 3)}),
        json!({"at": 60, "event": "received", "clock": 4, "state": "HELD", "token": 3, "message": request(2, 3, 2), "because": HOSTILE, "queue": [[3, 2]]}),
        json!({"at": 80, "event": "release", "clock": 5, "state": "FREE", "sent": [reply(1, 5, 3, 2)]}),
    ];
    let two = vec![
        start(1),
        json!({"at": 20, "event": "received", "clock": 2, "state": "FREE", "message": request(1, 1, 1), "sent": [reply(2, 2, 1, 1)]}),
        json!({"at": 50, "event": "acquire", "clock": 3, "state": "WAIT", "request": 3, "sent": [request(2, 3, 1), request(2, 3, 3)]}),
        json!({"at": 75, "event": "received", "clock": 5, "state": "WAIT", "request": 3, "message": reply(3, 4, 3, 3)}),
        json!({"at": 90, "event": "received", "clock": 6, "state": "HELD", "token": 6, "message": reply(1, 5, 3, 1)}),
    ];
    let three = vec![
        start(2),
        json!({"at": 22, "event": "received", "clock": 2, "state": "FREE", "message": request(1, 1, 1), "sent": [reply(3, 2, 1, 1)]}),
        json!({"at": 70, "event": "received", "clock": 4, "state": "FREE", "message": request(2, 3, 2), "sent": [reply(3, 4, 3, 2)]}),
    ];
    [(1, one), (2, two), (3, three)]
}
