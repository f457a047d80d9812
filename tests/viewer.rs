//! The page that `turno trace draw --html` writes, in a real browser without a
//! window. Where there is none these tests say so and pass, unless
//! `TURNO_REQUIRE_CHROMIUM` is set.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long the browser may take: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reason that would be a picture, if it were taken for HTML.
const HOSTILE: &str = "<img src=x onerror=\"document.body.id='taken'\"></script>";

#[test]
fn an_event_in_the_address_lights_what_led_to_it_and_what_it_led_to() {
    let Some(page) = Page::opened("#event=0-3", "") else {
        return;
    };
    assert_eq!(page.dots("past"), ["0-1", "0-2", "0-3", "1-1", "2-1"]);
    // Node 1 holds, so what it does from here on is later; and the entry of 2.
    assert_eq!(page.dots("future"), ["0-4", "0-5", "1-4"]);
    assert_eq!(page.dots("chosen"), ["0-3"]);
    // The request of 2 was under way meanwhile: neither before nor after.
    assert!(page.has(r#"<path class="request" data-from="1-2" data-to="0-4""#));
    assert!(page.has(r#"<path class="request past" data-from="0-1" data-to="2-1""#));
    assert!(page.has(r#"<path class="reply future" data-from="0-5" data-to="1-4""#));
    assert!(page.has("after 4 events (●), before 3 (○), beside 3"));
    assert!(
        page.has("<dt>received</dt><dd>reply&lt;2,3&gt; from 3, to the request of clock 1</dd>")
    );
    assert!(page.has("<dt>vector clock</dt><dd>[4, 2, 2]</dd>"));
}

#[test]
fn a_step_in_the_address_shows_every_node_as_it_was_then() {
    let Some(page) = Page::opened("#step=7", "") else {
        return;
    };
    assert!(page.has("after 7 of 11 events"));
    assert_eq!(page.node(1), ["1", "HELD", "4", "token 3", "(3,2)"]);
    assert_eq!(page.node(2), ["2", "WAIT", "3", "request 3", ""]);
    assert_eq!(page.node(3), ["3", "FREE", "2", "", ""]);
}

#[test]
fn without_an_address_it_is_the_beginning_and_nothing_is_dimmed() {
    let Some(page) = Page::opened("", "") else {
        return;
    };
    assert!(page.has(r#"data-step="0""#) && page.has("after 0 of 11 events"));
    assert_eq!(page.node(2), ["2", "FREE", "0", "", ""]);
    assert_eq!(page.dots("past"), [""; 0]);
    assert!(!page.has(r#"class="lit""#));
}

#[test]
fn an_address_that_means_nothing_is_the_beginning_and_one_too_far_the_end() {
    for (hash, step) in [
        ("#event=9-9", 0),
        ("#step=x", 0),
        ("#step=-3", 0),
        ("#step=99", 11),
    ] {
        let Some(page) = Page::opened(hash, "") else {
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
        let Some(page) = Page::opened("", &script) else {
            return;
        };
        assert!(page.has(&format!(r#"data-step="{step}""#)), "{keys}");
    }
    let script = format!("{press} press('End', 'Escape');");
    let page = Page::opened("", &script).unwrap();
    assert!(page.dots("past").is_empty(), "Escape lights all");
}

#[test]
fn pointing_at_an_event_reads_it_and_leaves_the_step_as_it_is() {
    let script = "const box = document.querySelector('[data-event=\"0-4\"].dot').getBoundingClientRect();\
        document.getElementById('stage').dispatchEvent(new PointerEvent('pointermove',\
        { clientX: box.x + 3, clientY: box.y + 3, bubbles: true }));";
    let Some(page) = Page::opened("#step=2", script) else {
        return;
    };
    assert!(page.has(r#"data-step="2""#));
    assert_eq!(page.dots("chosen"), ["0-4"]);
    assert_eq!(page.dots("future"), ["0-5", "1-4"]);
}

#[test]
fn text_of_a_trace_stays_text() {
    let Some(page) = Page::opened("#event=0-4", "") else {
        return;
    };
    assert!(page.has("<dt>why</dt><dd>&lt;img src=x"));
    assert!(!page.has("<img") && !page.has(r#"id="taken""#));
}

/// What the browser made of the page.
struct Page {
    dom: String,
    _folder: TempDir,
}

impl Page {
    /// The page of [`trace`] at this place in it, after this script. None if there
    /// is no browser.
    fn opened(hash: &str, script: &str) -> Option<Self> {
        let browser = browser()?;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("run.html");
        draw(folder.path(), &file);
        if !script.is_empty() {
            let mut page = fs::OpenOptions::new().append(true).open(&file).unwrap();
            // After the page's own, which is a module too.
            writeln!(page, r#"<script type="module">{script}</script>"#).unwrap();
        }
        let dom = folder.path().join("dom.html");
        let mut child = Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("user").display()
            ))
            .args([
                "--window-size=1200,800",
                "--virtual-time-budget=3000",
                "--dump-dom",
            ])
            .arg(format!("file://{}{hash}", file.display()))
            .stdin(Stdio::null())
            .stdout(File::create(&dom).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("{browser} does not end");
            }
            thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "{browser}: {status}");
        let dom = fs::read_to_string(dom).unwrap();
        assert!(dom.contains("data-step"), "the script failed:\n{dom}");
        Some(Page {
            dom,
            _folder: folder,
        })
    }

    fn has(&self, text: &str) -> bool {
        self.dom.contains(text)
    }

    /// The events whose dots are of this class.
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

    /// The cells of a node's row in the table.
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

/// The first browser there is; none is told of.
fn browser() -> Option<&'static str> {
    let is_there = |name: &&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let found = ["chromium", "google-chrome", "chromium-browser"]
        .into_iter()
        .find(|name| is_there(name));
    if found.is_none() {
        assert!(
            std::env::var_os("TURNO_REQUIRE_CHROMIUM").is_none(),
            "there is neither chromium nor google-chrome"
        );
        // Not captured, unlike eprintln.
        let _ = writeln!(
            io::stderr(),
            "skipped: there is neither chromium nor google-chrome"
        );
    }
    found
}

/// Writes the traces and draws them, with the program itself.
fn draw(folder: &Path, page: &Path) {
    for (id, records) in trace() {
        let run = run(id);
        let header = json!({"turno_trace": 1, "id": id, "members": 3, "run": run});
        let mut file = File::create(folder.join(format!("node-{id}-{run}.jsonl"))).unwrap();
        for line in [header].into_iter().chain(records) {
            writeln!(file, "{line}").unwrap();
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_turno"))
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

/// 1 enters; 2 asks meanwhile, is replied to by 3 at once and by 1 when it leaves.
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
