use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use super::*;
use crate::agent::protocol::AgentStatus;
use crate::ui::top::table::Order;

/// The status of member 2 of a group, as an agent sends it: `gamma` is down, `nightly` is held
/// by alpha and waited for.
fn status(entries: u64, locks: &[(&str, u64, usize)]) -> AgentStatus {
    let peer = |id: u16, name: &str, is_up: bool| {
        json!({"id": id, "name": format!("{name}:7001"), "called": name, "is_named": true,
            "address": "10.0.0.1:7001", "heard_ms": 3_000, "is_up": is_up,
            "fastest_reply_us": 400, "sent_again": 7, "dropped": null})
    };
    let caller = |id: String, lock: &str, member: u16, state: &str, since: u64| {
        json!({"id": id, "member": member, "lock": lock, "ticket": 1, "state": state,
            "token": 17, "pid": 812, "command": ["./backup", "\u{1b}[2Jall"], "since_ms": since})
    };
    let mut callers = Vec::new();
    let mut all = Vec::new();
    for (name, held, waiting) in locks {
        callers.push(caller(format!("1.{name}"), name, 1, "holding", *held));
        for place in 0..*waiting {
            callers.push(caller(
                format!("2.{name}{place}"),
                name,
                2,
                "waiting",
                5_000,
            ));
        }
        all.push(json!({"name": name, "holder": format!("1.{name}"), "waiting": []}));
    }
    let status = json!({
        "node": {"id": 2, "called": "beta", "clock": 9, "listens_at": "10.0.0.2:7001",
            "has_key": true, "is_claimed": false, "locks": [], "dropped": {}, "entries": entries,
            "peers": [peer(1, "alpha", true), peer(3, "gamma", false)],
            "view": {"number": [4, 1], "members": [1, 2], "lease_ms": 10_000, "left_ms": 8_200,
                "out": [], "changes": 1, "recent": []}},
        "clients": [],
        "group": {"locks": all, "callers": callers, "unanswered": [3], "left_out": 0}
    });
    serde_json::from_value(status).unwrap()
}

fn view_of(statuses: Vec<AgentStatus>) -> View {
    let mut view = View::new();
    let begin = Instant::now();
    for (status, second) in statuses.into_iter().zip(0..) {
        view.take(Ok(status), begin + Duration::from_secs(second));
    }
    view
}

/// The picture at this size, without spaces at the ends of its lines.
fn picture(view: &View, controls: &Controls, (width, height): (u16, u16)) -> String {
    let palette = Palette { has_colour: false };
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(frame, view, controls, palette))
        .unwrap();
    let buffer = terminal.backend().buffer();
    let cells = buffer.content.chunks(usize::from(width));
    let line = |cells: &[ratatui::buffer::Cell]| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    };
    cells.map(line).collect::<Vec<_>>().join("\n")
}

fn two() -> View {
    let locks = [("nightly", 720_000, 2), ("deploy", 3_000, 0)];
    view_of(vec![status(10, &locks[..1]), status(13, &locks)])
}

#[test]
fn a_group_is_shown_on_an_ordinary_terminal() {
    let picture = picture(&two(), &Controls::default(), (80, 24));
    for line in [
        " turno  beta (2) of 3, lease 8.2 s, view 4.1 of 2, 3.0 entries/s here",
        " alpha (1)               up               0.4 ms       3 s ago        7",
        " not known: what is held at gamma (3)",
        " q quits   s sorts: name   / filters",
        "   0:00  deploy held by alpha (1), token 17",
    ] {
        assert!(
            picture.lines().any(|it| it == line),
            "{line:?} in\n{picture}"
        );
    }
    let line = |name: &str| picture.lines().find(|it| it.starts_with(name)).unwrap();
    assert!(line(" gamma (3)").contains("DOWN"), "{picture}");
    let nightly = line(" nightly");
    for part in ["alpha (1)", "12 min", "2, 5 s", "pid 812 ./backup"] {
        assert!(nightly.contains(part), "{part} in {nightly}");
    }
    assert!(
        !picture.contains('\u{1b}'),
        "text of the network is escaped"
    );
}

#[test]
fn the_most_important_is_shown_on_a_small_terminal() {
    let picture = picture(&two(), &Controls::default(), (40, 10));
    let lines: Vec<&str> = picture.lines().collect();
    assert_eq!(lines.len(), 10);
    for part in ["gamma (3)", "DOWN", "nightly", "12 min", "q quits"] {
        assert!(picture.contains(part), "{part} in\n{picture}");
    }
    // Nothing of it panics, at any size.
    let (view, controls) = (two(), Controls::default());
    for width in [1, 2, 5, 20, 39, 70, 71] {
        for height in [1, 2, 3, 4, 5, 8, 15, 16, 17] {
            self::picture(&view, &controls, (width, height));
        }
    }
}

#[test]
fn locks_are_sorted_and_filtered() {
    let view = two();
    let first = |order, filter: &str| {
        let controls = Controls {
            order,
            filter: filter.to_owned(),
            is_typing: false,
        };
        let picture = picture(&view, &controls, (80, 24));
        let at = |name: &str| picture.find(&format!("\n {name}"));
        (at("nightly"), at("deploy"))
    };
    let (nightly, deploy) = first(Order::Name, "");
    assert!(deploy < nightly && deploy.is_some());
    let (nightly, deploy) = first(Order::Held, "");
    assert!(nightly < deploy && nightly.is_some());
    let (nightly, deploy) = first(Order::Waiting, "");
    assert!(nightly < deploy);
    assert!(matches!(first(Order::Name, "ght"), (Some(_), None)));
}

#[test]
fn an_agent_that_is_lost_leaves_the_latest_picture_and_says_so() {
    let mut view = two();
    view.take(Err("no agent".to_owned()), Instant::now());
    let picture = picture(&view, &Controls::default(), (120, 24));
    assert!(picture.contains("NOT NEW: no agent"), "{picture}");
    assert!(picture.contains("nightly"), "{picture}");
}

#[test]
fn what_has_changed_between_two_statuses_is_told() {
    let before = status(1, &[("a", 1, 0)]);
    let view = view_of(vec![before.clone(), status(1, &[("b", 1, 0)]), before]);
    let texts: Vec<&str> = view.happenings.last(9).map(|it| it.text.as_str()).collect();
    let expected = [
        "b held by alpha (1), token 17",
        "a is free",
        "a held by alpha (1), token 17",
        "b is free",
    ];
    assert_eq!(texts, expected);
}
