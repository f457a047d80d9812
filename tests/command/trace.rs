//! `--trace` and `turno trace` on real processes.

use std::fs;
use std::path::Path;

use crate::fixtures::group::Group;
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tempfile::TempDir;

/// Runs `turno trace`, and returns its exit code and what it prints.
fn trace(arguments: &[&str]) -> (Option<i32>, String, String) {
    run(&[&["trace"], arguments].concat())
}

/// Starts three processes that enter twice each. One of them is then killed in the
/// section, and restarted.
fn run_group(folder: &Path) -> Vec<Program> {
    let path = folder.to_str().unwrap();
    let state = tempfile::tempdir().unwrap();
    let state = state.path().join("1");
    let group = Group::of(3);
    let first = |hold| {
        let state = state.to_str().unwrap();
        group.process_with(1, &["--hold", hold, "--trace", path, "--state", state])
    };
    let options = ["--hold", "1ms", "--trace", path];
    let mut processes = vec![
        first("1ms"),
        group.process_with(2, &options),
        group.process_with(3, &options),
    ];
    for round in 1..=2 {
        for process in &mut processes {
            process.send_line("x");
        }
        for process in &processes {
            process.wait_for_nth(round, "Process exited CS");
        }
    }
    processes.remove(0).terminate();
    let mut killed = first("1h");
    killed.send_line("x");
    killed.wait_for("Process entered CS");
    killed.signal(Signal::KILL);
    killed.finish();
    let again = first("1ms");
    processes[0].send_line("x");
    processes[0].wait_for_nth(3, "Process exited CS");
    processes.push(again);
    processes
}

#[test]
fn a_real_run_is_checked_drawn_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let path = run.to_str().unwrap();
    for process in run_group(&run) {
        process.terminate();
    }
    assert_eq!(fs::read_dir(&run).unwrap().count(), 5, "a file each run");
    let (code, report, error) = trace(&["check", path]);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{report}");
    assert!(
        report.contains(" events of 5 runs, 8 entries\n"),
        "{report}"
    );
    assert!(report.contains("never held twice, tokens rose"), "{report}");

    let file = folder.path().join("run.svg");
    let (code, ..) = trace(&["draw", path, "-o", file.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    let drawn = fs::read_to_string(&file).unwrap();
    assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
    assert!(drawn.contains("node 1 crashes"));
    assert_eq!(
        trace(&["draw", path]).1,
        drawn,
        "the same to standard output"
    );
    let (_, part, _) = trace(&["draw", path, "--nodes", "2,3", "--by-time"]);
    assert!(!part.contains("id=\"node-1\"") && part.contains("id=\"node-3\""));

    let (code, shiviz, _) = trace(&["export", path, "--shiviz"]);
    assert_eq!(code, Some(0));
    assert!(shiviz.starts_with("(?<event>.*)\\n(?<host>\\S*) (?<clock>{.*})\n\n"));
    let (_, mermaid, _) = trace(&["export", path, "--mermaid"]);
    assert_eq!(mermaid.matches("HELD, token").count(), 8, "{mermaid}");
}

#[test]
fn a_violation_is_quoted_and_exits_with_1_and_wrong_use_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let (code, _, error) = trace(&["check", path]);
    assert_eq!(code, Some(1));
    assert!(
        error.contains("no node-*.jsonl with an event in "),
        "{error}"
    );
    for id in [1, 2] {
        let header = format!(r#"{{"turno_trace":1,"id":{id},"members":2,"run":"000{id}"}}"#);
        let held =
            format!(r#"{{"at":{id},"event":"timer","clock":{id},"state":"HELD","token":{id}}}"#);
        let file = folder.path().join(format!("node-{id}-000{id}.jsonl"));
        fs::write(file, format!("{header}\n{held}\n")).unwrap();
    }
    let (code, report, error) = trace(&["check", path]);
    assert_eq!(code, Some(1));
    assert!(
        report.contains("VIOLATION: the critical section was held twice"),
        "{report}"
    );
    assert!(report.contains(r#"  node 2, line 2: {"at":2,"#), "{report}");
    assert_eq!(error, "turno: 1 violation; see above\n");
    for wrong in [&["draw", path, "--nodes", "7"][..], &["export", path]] {
        assert_eq!(trace(wrong).0, Some(2), "{wrong:?}");
    }
}

/// Writes traces of two nodes, of which the first enters each of these locks once; returns
/// the folder.
fn entered(locks: &[&str], more: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for id in [1, 2] {
        let mut lines = vec![format!(
            r#"{{"turno_trace":1,"id":{id},"members":2,"run":"000{id}"}}"#
        )];
        let mut add = |at: usize, event: &str, state: &str, lock: &str| {
            let number = match state {
                "HELD" => format!(r#","token":{at}"#),
                _ => String::new(),
            };
            let lock = match lock {
                "" => String::new(),
                lock => format!(r#","lock":{}"#, serde_json::json!(lock)),
            };
            lines.push(format!(
                r#"{{"at":{at},"event":"{event}","clock":{at},"state":"{state}"{number}{lock}}}"#
            ));
        };
        add(1, "start", "FREE", "");
        let mut at = 2;
        for lock in locks.iter().filter(|_| id == 1) {
            for _ in 0..=more {
                add(at * 1_000, "acquire", "HELD", lock);
                add(at * 1_000 + 500, "release", "FREE", lock);
                at += 1;
            }
        }
        let file = folder.path().join(format!("node-{id}-000{id}.jsonl"));
        fs::write(file, lines.join("\n") + "\n").unwrap();
    }
    folder
}

#[test]
fn a_trace_of_one_named_lock_is_drawn_without_its_name() {
    let folder = entered(&["nightly"], 0);
    let path = folder.path().to_str().unwrap();
    let (code, drawn, error) = trace(&["draw", path]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(drawn.contains("lock nightly</title>"), "{drawn}");
    assert!(drawn.contains(r#"class="held""#) && drawn.contains(">2000</text>"));
    assert_eq!(drawn, trace(&["draw", path, "--lock", "nightly"]).1);
    let (code, _, error) = trace(&["draw", path, "--lock", "weekly"]);
    assert_eq!(code, Some(2));
    assert_eq!(
        error,
        "turno: the trace has no lock 'weekly': it has 'nightly'\n"
    );
    let (code, ..) = trace(&["export", path, "--mermaid", "--lock", "weekly"]);
    assert_eq!(code, Some(2));
}

#[test]
fn several_locks_are_drawn_under_each_other_and_too_many_are_listed() {
    let folder = entered(&["", "b", "a"], 0);
    let path = folder.path().to_str().unwrap();
    let (_, drawn, _) = trace(&["draw", path]);
    let heading = |text: &str| drawn.find(&format!(r#"{text}</text>"#)).unwrap();
    let nameless = heading(">the nameless lock");
    assert!(nameless < heading(">lock a") && heading(">lock a") < heading(">lock b"));
    assert_eq!(drawn.matches(r#"class="held" data"#).count(), 3);
    let (_, two, _) = trace(&["draw", path, "--lock", "b", "--lock", ""]);
    assert_eq!(two.matches(r#"class="held" data"#).count(), 2);
    let (_, mermaid, _) = trace(&["export", path, "--mermaid"]);
    assert!(mermaid.contains("HELD, token 4000, lock a"), "{mermaid}");
    let (_, mermaid, _) = trace(&["export", path, "--mermaid", "--lock", "b"]);
    assert_eq!(mermaid.matches("HELD, token").count(), 1, "{mermaid}");

    let names: Vec<String> = (1..=9).map(|number| format!("lock-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = entered(&names, 0);
    let path = folder.path().to_str().unwrap();
    let (code, drawn, error) = trace(&["draw", path]);
    assert_eq!((code, drawn.as_str()), (Some(2), ""));
    assert!(
        error.starts_with("turno: the trace has 9 locks: choose with --lock NAME"),
        "{error}"
    );
    assert!(error.contains("'lock-1', 'lock-2'"), "{error}");
    assert_eq!(trace(&["draw", path, "--all"]).0, Some(0));
}

#[test]
fn a_drawing_of_too_many_events_is_refused_with_a_part_that_is_drawn() {
    let folder = entered(&["nightly"], 10_000);
    let path = folder.path().to_str().unwrap();
    let (code, drawn, error) = trace(&["draw", path]);
    assert_eq!((code, drawn.as_str()), (Some(2), ""));
    let (_, hint) = error.split_once("(--to ").expect(&error);
    let to = hint.split_once(' ').unwrap().0;
    let (code, drawn, error) = trace(&["draw", path, "--to", to]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    let dots = drawn.matches(r#"class="dot""#).count();
    assert!((19_990..=20_000).contains(&dots), "{dots}");
    let (_, all, _) = trace(&["draw", path, "--all"]);
    assert_eq!(all.matches(r#"class="dot""#).count(), 20_002);
    assert_eq!(trace(&["export", path, "--mermaid"]).0, Some(2));
    assert_eq!(trace(&["export", path, "--mermaid", "--all"]).0, Some(0));
}

#[test]
fn a_drawing_by_time_has_a_time_axis() {
    let folder = entered(&["nightly"], 20);
    let path = folder.path().to_str().unwrap();
    let (_, drawn, _) = trace(&["draw", path, "--by-time"]);
    let times = drawn.split(r#"class="time""#).skip(1);
    let times: Vec<&str> = times
        .map(|time| time.split_once('>').unwrap().1)
        .map(|time| time.split_once('<').unwrap().0)
        .collect();
    assert_eq!(times.first(), Some(&"2 ms"));
    assert!(times.len() > 5 && times.contains(&"10 ms"), "{times:?}");
    assert!(!trace(&["draw", path]).1.contains(r#"class="time""#));
}

#[test]
fn a_check_is_printed_as_json() {
    let folder = entered(&["a\u{1b}"], 1);
    let path = folder.path().to_str().unwrap();
    let (code, text, _) = trace(&["check", path, "--json"]);
    assert_eq!(code, Some(0));
    assert!(!text.contains('\u{1b}'), "nothing reaches a terminal");
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (&report["clean"], &report["entries"]),
        (&true.into(), &2.into())
    );
    assert_eq!(report["locks"][0]["lock"], "a\u{1b}");
    let file = folder.path().join("node-1-0001.jsonl");
    let lines = fs::read_to_string(&file).unwrap();
    fs::write(&file, lines.replace(r#""token":3000"#, r#""token":1000"#)).unwrap();
    let (code, text, _) = trace(&["check", path, "--json"]);
    assert_eq!(code, Some(1));
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    let violation = &report["violations"][0];
    assert_eq!(violation["kind"], "token_did_not_rise", "{text}");
    let lines = violation["lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .any(|line| line["line"] == 5 && line["node"] == 1),
        "{text}"
    );
}

/// Makes a process unable to write its trace, checks that it continues, and returns
/// its report and the folder of the trace.
fn cut_off(how: impl FnOnce(&Program, &Path)) -> (String, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let group = Group::of(2);
    let options = ["--hold", "1ms", "--trace", run.to_str().unwrap()];
    let other = group.process_with(2, &options[..2]);
    let mut process = group.process_with(1, &options);
    process.send_line("x");
    process.wait_for("Process exited CS");
    how(&process, &run);
    process.send_line("x");
    let report = process.wait_for("the trace ends here");
    process.wait_for_nth(2, "Process exited CS");
    process.send_line("x");
    process.wait_for_nth(3, "Process exited CS");
    process.report();
    assert_eq!(process.count("the trace ends here"), 1, "it reports once");
    process.terminate();
    other.terminate();
    (report, folder)
}

#[test]
fn a_trace_that_cannot_be_written_is_reported_and_ends_with_a_whole_line() {
    let (report, folder) = cut_off(|process, run| {
        let file = fs::read_dir(run).unwrap().next().unwrap().unwrap();
        // In the middle of the next line.
        let max = Some(file.metadata().unwrap().len() + 40);
        let limit = Rlimit {
            current: max,
            maximum: max,
        };
        let pid = Pid::from_raw(process.pid().try_into().unwrap());
        prlimit(pid, Resource::Fsize, limit).unwrap();
    });
    assert!(
        report.contains("/node-1-") && report.contains("File too large"),
        "{report}"
    );
    let run = folder.path().join("run");
    let file = fs::read_dir(&run).unwrap().next().unwrap().unwrap();
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(text.ends_with("}\n"), "{text}");
    let (code, report, _) = trace(&["check", run.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains(" 1 entries\n"), "{report}");
}

#[test]
fn a_trace_that_is_deleted_meanwhile_is_reported() {
    let (report, _) = cut_off(|_, run| fs::remove_dir_all(run).unwrap());
    assert!(report.ends_with(".jsonl: it was deleted"), "{report}");
}
