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
