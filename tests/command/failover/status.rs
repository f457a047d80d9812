//! What the status, the metrics and the log show of the views.

use serde_json::Value;

use super::LEASE;
use super::group::Group;
use crate::fixtures::wait::eventually;

#[test]
fn the_status_shows_the_view_the_lease_and_who_is_out_and_why() {
    let group = Group::start(LEASE);
    let address = |id: usize| group.network.addresses[id - 1].clone();
    group.network.cut(3);
    let is_out =
        |view: &Value| view["members"] == serde_json::json!([1, 2]) && view["left_ms"].is_u64();
    group.wait_for_view(1, "3 is out", is_out);
    // Two members may have proposed the same: then a second view follows.
    let (view, text, metrics) = eventually("three answers about the same view", || {
        let view = group.view(1);
        let (text, metrics) = (group.status(1, &[]), group.status(1, &["--prometheus"]));
        let is_same = is_out(&view) && group.view(1)["changes"] == view["changes"];
        is_same.then_some((view, text, metrics))
    });
    assert_eq!(view["lease_ms"], 1000);
    assert_eq!(view["out"][0]["id"], 3);
    let why = view["out"][0]["why"].as_str().unwrap();
    assert!(
        why.starts_with("not heard for ") && why.ends_with(" s"),
        "{why}"
    );
    let number = view["number"][0].as_u64().unwrap();
    assert!(number > 0);
    let latest = view["recent"].as_array().unwrap().last().unwrap();
    assert_eq!(latest["number"], view["number"]);
    assert_eq!(latest["members"], serde_json::json!([1, 2]));

    let shown = format!("{number}.{}", view["number"][1]);
    let of = format!("view {shown} of this member (1), {} (2), ", address(2));
    assert!(text.contains(&of), "{text}");
    assert!(text.contains(" left of the lease of 1.0 s"), "{text}");
    let out = format!("without {} (3): not heard for ", address(3));
    assert!(text.contains(&out), "{text}");
    assert!(text.contains(&format!("joined view {shown} of ")), "{text}");
    group.agent(1).wait_for(&out);

    let is_there = |line: &str| assert!(metrics.contains(line), "{line}: {metrics}");
    is_there(&format!("turno_view {number}\n"));
    is_there("turno_view_members 2\n");
    is_there(&format!("turno_view_changes_total {}\n", view["changes"]));
    is_there("\nturno_lease_seconds 0.");

    // The one that is out tells it, too.
    group.wait_for_view(3, "it has no lease", |view| view["left_ms"].is_null());
    let text = group.status(3, &[]);
    assert!(
        text.contains("no lease of 1.0 s: no majority acknowledges this member"),
        "{text}"
    );
    assert!(
        group
            .status(3, &["--prometheus"])
            .contains("turno_lease_seconds 0\n")
    );
    group.network.heal(3);
    for id in Group::ids() {
        group.wait_until_ready(id);
    }
}
