//! The metrics for Prometheus.

use std::collections::BTreeSet;
use std::fs;
use std::net::UdpSocket;

use rustix::process::Signal;

use super::machines::{Machines, ends_with};
use super::raw_client::RawClient;
use crate::fixtures::wait::eventually;

/// Holds the lock until a file is there.
const UNTIL_ENDED: &str = "echo $$ > holds; until [ -e ended ]; do sleep 0.01; done";

impl Machines {
    fn metrics(&self, id: usize) -> String {
        self.status(id, &["--prometheus"])
    }

    /// Waits until the metrics of a machine have this line.
    fn wait_for_metric(&self, id: usize, line: &str) {
        eventually(&format!("{line:?} in the metrics of {id}"), || {
            self.metrics(id).lines().any(|it| it == line).then_some(())
        });
    }
}

/// The value of a sample.
fn value(metrics: &str, sample: &str) -> f64 {
    let mut lines = metrics.lines();
    let value = lines.find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    let value = value.unwrap_or_else(|| panic!("no {sample} in {metrics}"));
    value.parse().unwrap()
}

#[test]
fn each_lock_has_its_entries_waits_and_holds_and_why_others_did_not_get_it() {
    let mut machines = Machines::start(2);
    let holder = machines.script(1, &[], "job", UNTIL_ENDED);
    machines.line_in("holds");
    let waits = machines.lock(1, &[], "job", &["true"]);
    machines.wait_for_metric(1, "turno_lock_waiting{lock=\"job\"} 1");
    let leaves = machines.lock(1, &[], "job", &["true"]);
    machines.wait_for_metric(1, "turno_lock_waiting{lock=\"job\"} 2");
    leaves.signal(Signal::KILL);
    leaves.finish();
    ends_with(machines.lock(1, &["-n"], "job", &["true"]), 124);
    machines.wait_for_metric(
        1,
        "turno_lock_not_had_total{lock=\"job\",reason=\"gone\"} 1",
    );
    let now = machines.metrics(1);
    assert!(value(&now, "turno_lock_current_hold_seconds{lock=\"job\"}") > 0.0);
    assert!(value(&now, "turno_lock_current_wait_seconds{lock=\"job\"}") > 0.0);
    assert_eq!(value(&now, "turno_lock_waiting{lock=\"job\"}"), 1.0);
    assert_eq!(value(&now, "turno_lock_entries_total{lock=\"job\"}"), 1.0);
    assert_eq!(
        value(&now, "turno_lock_hold_seconds_count{lock=\"job\"}"),
        0.0
    );

    fs::write(machines.path("ended"), "").unwrap();
    ends_with(holder, 0);
    ends_with(waits, 0);
    machines.kill_agent(2);
    ends_with(machines.lock(1, &["-w", "2"], "other", &["true"]), 123);
    let then = machines.metrics(1);
    let not_had = |lock: &str, why: &str| {
        let sample = format!("turno_lock_not_had_total{{lock=\"{lock}\",reason=\"{why}\"}}");
        value(&then, &sample)
    };
    let reasons = ["busy", "unanswered", "not_taken_up", "gone", "failed"];
    assert_eq!(
        reasons.map(|why| not_had("job", why)),
        [1.0, 0.0, 0.0, 1.0, 0.0]
    );
    assert_eq!(
        reasons.map(|why| not_had("other", why)),
        [0.0, 1.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(value(&then, "turno_lock_entries_total{lock=\"job\"}"), 2.0);
    for what in ["wait", "hold"] {
        let of = |rest: &str| value(&then, &format!("turno_lock_{what}_seconds_{rest}"));
        let count = of("count{lock=\"job\"}");
        assert_eq!(count, 2.0);
        assert_eq!(of("bucket{lock=\"job\",le=\"+Inf\"}"), count);
        assert!(of("bucket{lock=\"job\",le=\"0.01\"}") <= of("bucket{lock=\"job\",le=\"3600\"}"));
        assert!(of("sum{lock=\"job\"}") > 0.0);
    }
    // Held by no client, and waited for by none.
    assert!(!then.contains("turno_lock_current_"), "{then}");
    assert!(then.contains("\n# TYPE turno_lock_wait_seconds histogram\n"));
}

#[test]
fn a_hold_that_outlives_its_agent_is_counted_in_full_by_the_next_one() {
    let mut machines = Machines::start(1);
    let holder = machines.script(1, &[], "job", UNTIL_ENDED);
    machines.line_in("holds");
    let before = value(
        &machines.metrics(1),
        "turno_lock_current_hold_seconds{lock=\"job\"}",
    );
    machines.kill_agent(1);
    machines.start_agent(1);
    let metrics = machines.metrics(1);
    let held = value(&metrics, "turno_lock_current_hold_seconds{lock=\"job\"}");
    assert!(held >= before, "{held} after {before}");
    fs::write(machines.path("ended"), "").unwrap();
    ends_with(holder, 0);
    machines.wait_for_metric(1, "turno_lock_hold_seconds_count{lock=\"job\"} 1");
    let metrics = machines.metrics(1);
    assert!(value(&metrics, "turno_lock_hold_seconds_sum{lock=\"job\"}") >= held);
    assert_eq!(
        value(&metrics, "turno_lock_entries_total{lock=\"job\"}"),
        0.0
    );
}

#[test]
fn no_name_of_a_lock_breaks_a_line_or_is_obeyed_by_a_terminal() {
    let machines = Machines::start(1);
    // The second looks as the first is shown.
    let names = ["\u{202e}\"a\\b\"} 1", r"\u{202e}", "(other locks)"];
    let clients = names.map(|name| {
        let mut client = RawClient::connect(&machines, 1);
        client.send(&serde_json::json!({"ask": {"name": name}}).to_string());
        client.token();
        client.send(r#"{"locked":{}}"#);
        assert!(client.receive().contains("go"));
        client
    });
    let metrics = machines.metrics(1);
    let shown = [
        r#""\\u{202e}\"a\\\\b\"} 1""#,
        r#""\\\\u{202e}""#,
        r#""(other locks)""#,
    ];
    for shown in shown {
        let line = format!("turno_lock_entries_total{{lock={shown}}} 1");
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    assert!(!metrics.contains('\u{202e}'));
    drop(clients);
}

/// The names that begin with `turno_`.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("turno_")).collect()
}

/// The name of a metric without what a histogram adds.
fn family(name: &str) -> &str {
    let is_of_histogram =
        name.starts_with("turno_lock_wait_") || name.starts_with("turno_lock_hold_");
    let mut endings = ["_bucket", "_sum", "_count"].into_iter();
    let family = endings.find_map(|ending| name.strip_suffix(ending));
    family.filter(|_| is_of_histogram).unwrap_or(name)
}

#[test]
fn the_documentation_and_the_alerts_name_the_metrics_that_are_printed() {
    let machines = Machines::with_agents(3, &[]);
    let _agents = [1, 2, 3].map(|id| {
        let (socket, state) = (machines.socket(id), machines.path(&format!("state-{id}")));
        let options = ["--failover", "10s", "--state", &state.display().to_string()];
        machines.agent(id, &socket, &options, &machines.members)
    });
    let holder = machines.script(1, &[], "job", UNTIL_ENDED);
    machines.line_in("holds");
    let waits = machines.lock(1, &[], "job", &["true"]);
    machines.wait_for_metric(1, "turno_lock_waiting{lock=\"job\"} 1");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1{}", machines.members[0]);
    let metrics = eventually("all metrics", || {
        socket.send_to(b"hello", &address).unwrap();
        let metrics = machines.metrics(1);
        (metrics.contains("turno_dropped_total") && metrics.contains("turno_peer_hears_us"))
            .then_some(metrics)
    });
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let printed: BTreeSet<&str> = types.filter_map(|line| line.split(' ').next()).collect();
    let read = |page: &str| {
        let path = format!("{}/{page}", env!("CARGO_MANIFEST_DIR"));
        fs::read_to_string(path).unwrap()
    };
    let operating = read("docs/operating.md");
    let documented: BTreeSet<&str> = names(&operating).into_iter().map(family).collect();
    assert_eq!(documented, printed);
    for page in ["docs/failover.md", "examples/agent/turno.rules.yml"] {
        let text = read(page);
        let named: BTreeSet<&str> = names(&text).into_iter().map(family).collect();
        assert!(
            !named.is_empty() && named.is_subset(&printed),
            "{page}: {named:?}"
        );
    }
    fs::write(machines.path("ended"), "").unwrap();
    ends_with(holder, 0);
    ends_with(waits, 0);
}
