//! What `turno status` shows.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use super::machines::Machines;
use super::raw_client::RawClient;

#[test]
fn the_status_has_a_format_for_people_one_for_programs_and_one_for_prometheus() {
    let machines = Machines::start(2);
    let client = machines.script(1, &[], "shown", "echo $$ > command; sleep 10000");
    machines.line_in("command");
    let text = machines.status(1, &["shown"]);
    assert!(
        text.contains("shown: HELD") && text.contains("holding for ") && text.contains(", token "),
        "{text}"
    );
    let json: serde_json::Value = serde_json::from_str(&machines.status(1, &["--json"])).unwrap();
    assert_eq!(json["clients"][0]["lock"], "shown");
    assert_eq!(json["clients"][0]["pid"], client.pid());
    assert_eq!(json["clients"][0]["command"][0], "sh");
    assert_eq!(json["node"]["locks"][0]["state"], "HELD");
    assert_eq!(json["node"]["peers"][0]["id"], 2);
    let metrics = machines.status(1, &["--prometheus"]);
    assert!(
        metrics.contains("turno_clients{state=\"holding\"} 1\n"),
        "{metrics}"
    );
    assert!(metrics.contains("# TYPE turno_entries_total counter\nturno_entries_total 1\n"));
    let mode = fs::metadata(machines.socket(1))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    client.signal(Signal::TERM);
    client.finish();
}

/// They ask in another order than they connected in.
#[test]
fn waiters_are_shown_in_the_order_in_which_they_will_get_the_lock() {
    let machines = Machines::start(1);
    let mut clients: Vec<RawClient> = (0..5).map(|_| RawClient::connect(&machines, 1)).collect();
    let mut shown = Vec::new();
    for client in [3, 1, 4, 0, 2] {
        let command = format!("client-{client}");
        clients[client].send(&format!(
            r#"{{"ask":{{"name":"order","command":["{command}"]}}}}"#
        ));
        machines.wait_for_status(1, &command);
        shown.push(command);
    }
    let text = machines.status(1, &["order"]);
    let lines = text.lines().filter(|line| line.contains(": client-"));
    let ends: Vec<&str> = lines.map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(ends, shown, "{text}");
    let json: serde_json::Value = serde_json::from_str(&machines.status(1, &["--json"])).unwrap();
    for (index, command) in shown.iter().enumerate() {
        assert_eq!(json["clients"][index]["command"][0], *command, "{json}");
    }
    // They get it in that order.
    for client in [3, 1, 4, 0, 2] {
        clients[client].token();
        clients[client].send(r#"{"done":{}}"#);
    }
}

#[test]
fn the_json_escapes_what_a_terminal_would_interpret_and_parses_to_the_same() {
    let machines = Machines::start(1);
    let (name, argument) = (
        "\u{202e}a\\b\u{200b}",
        "c1 \u{85}\u{9b}2J\u{7f}\u{feff}\u{e0001} é \"日本\" \\ \n",
    );
    let mut client = RawClient::connect(&machines, 1);
    let ask = serde_json::json!({"ask": {"name": name, "command": ["true", argument]}});
    client.send(&ask.to_string());
    client.token();
    let text = machines.status(1, &["--json"]);
    let escaped = [
        r"\u202ea\\b\u200b",
        r#"c1 \u0085\u009b2J\u007f\ufeff\udb40\udc01 é \"日本\" \\ \n"#,
    ];
    for escaped in escaped {
        assert!(text.contains(escaped), "{text}");
    }
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["clients"][0]["lock"], name);
    assert_eq!(json["clients"][0]["command"][1], argument);
    let shown = machines.status(1, &[]);
    assert!(shown.contains(r"\u{202e}a\\b\u{200b}: HELD"), "{shown}");
}

#[test]
fn a_client_escapes_the_text_of_its_agent_once() {
    let machines = Machines::start(1);
    let name = "odd\\\u{200b}";
    let script = format!(
        "cd '{}'; echo $$ > command; exec sleep 10000",
        machines.folder()
    );
    let holder = machines.lock(1, &[], name, &["sh", "-c", &script, "back\\slash\u{9b}"]);
    machines.line_in("command");
    let waits = machines.lock(1, &["-v"], name, &["true"]);
    let line = waits.wait_for(", pid ");
    assert!(
        line.starts_with(r"turno: odd\\\u{200b}: waiting "),
        "{line}"
    );
    assert!(line.contains(r" back\\slash\u{9b}, for "), "{line}");
    holder.signal(Signal::TERM);
    holder.finish();
    assert_eq!(waits.finish().0.code(), Some(0));
}
