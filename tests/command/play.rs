//! `turno play`: scripts through files and pipes, and the prompt on a real terminal.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::{TURNO, run};

/// Plays lines that come through a pipe; returns the exit code and what was printed.
fn through_a_pipe(lines: &str) -> (Option<i32>, String, String) {
    let mut turno = Command::new(TURNO);
    turno.arg("play").stdin(Stdio::piped());
    turno.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut turno = turno.spawn().unwrap();
    let mut input = turno.stdin.take().unwrap();
    // It may have ended at a wrong line.
    let _ = input.write_all(lines.as_bytes());
    drop(input);
    let output = turno.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The scripts of a page.
fn scripts_of(page: &str) -> Vec<String> {
    let blocks = page.split("```turno-play\n").skip(1);
    let scripts = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    scripts.collect()
}

#[test]
fn every_script_of_the_docs_does_what_the_page_says() {
    let told: [&[&str]; 6] = [
        &[
            "1| req<2,2> received, clock 3: deferred, for (2,1) < (2,2)",
            "2| req<2,1> received, clock 3: reply<3,2> sent, for (2,1) < (2,2)",
            "no clock ran backwards",
        ],
        &["req<2,1> is lost", "1| req<2,1> sent again to 2", "1 HELD"],
        &["3| x: asks 1, 2 for the clock first", "3 HELD"],
        &["2| req<3,1> received, clock 4: reply<4,2> sent", "1 HELD"],
        &[
            "2| req<4,3> received, clock 5: deferred, for (4,2) < (4,3)",
            "2 HELD",
        ],
        &[
            "1| x: all permissions kept, clock 6",
            "2| req<4,2> sent again to 1",
            "no clock ran backwards",
        ],
    ];
    let pages = [
        include_str!("../../docs/play.md"),
        include_str!("../../docs/teaching.md"),
    ];
    let scripts: Vec<String> = pages.into_iter().flat_map(scripts_of).collect();
    assert_eq!(scripts.len(), told.len());
    let folder = tempfile::tempdir().unwrap();
    for (script, told) in scripts.iter().zip(told) {
        let path = folder.path().join("script.txt");
        fs::write(&path, script).unwrap();
        let (code, of_file, errors) = run(&["play", path.to_str().unwrap()]);
        assert_eq!((code, &*errors), (Some(0), ""), "{of_file}");
        for wanted in told {
            assert!(of_file.contains(wanted), "{wanted}:\n{of_file}");
        }
        let (code, of_pipe, errors) = through_a_pipe(script);
        assert_eq!((code, &*errors), (Some(0), ""));
        assert_eq!(of_file, of_pipe);
    }
}

#[test]
fn a_wrong_line_of_a_file_is_named_with_its_column_before_anything_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.txt");
    fs::write(&path, "group 3\n1 x\n\ndelivr 1 2\n").unwrap();
    let path = path.to_str().unwrap();
    let (code, printed, errors) = run(&["play", path]);
    assert_eq!((code, &*printed), (Some(2), ""));
    assert_eq!(
        errors,
        format!("turno: {path}:4:1: \"delivr\" is not understood; did you mean \"deliver 1 2\"?\n")
    );
}

#[test]
fn a_wrong_line_of_a_pipe_ends_it_where_it_stands() {
    let (code, printed, errors) = through_a_pipe("group 2\n1 x\n1 leaves\n2 x\n");
    assert_eq!(code, Some(2));
    assert_eq!(
        printed,
        "> group 2\n> 1 x\n1| x: req<2,1> sent to 2, clock 2\n"
    );
    assert_eq!(
        errors,
        "turno: standard input:3: 1 is not in the critical section\n"
    );
    let (code, _, errors) = through_a_pipe("group 2\n1 x \x1b[2J\n");
    assert_eq!(code, Some(2));
    assert!(!errors.contains('\x1b'), "{errors:?}");
}

#[test]
fn a_session_is_saved_drawn_and_played_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (saved, page, svg) = (path("run.txt"), path("run.html"), path("run.svg"));
    let lines =
        format!("group 3\n1 x\ndeliver all\n2 x\nundo\nsave {saved}\nhtml {page}\nsvg {svg}\n");
    let (code, _, errors) = through_a_pipe(&lines);
    assert_eq!((code, &*errors), (Some(0), ""));
    let (code, again, _) = run(&["play", &saved]);
    assert_eq!(
        (code, again),
        (Some(0), fs::read_to_string(&saved).unwrap())
    );
    assert!(fs::read_to_string(&page).unwrap().contains("<svg "));
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg "));
    // What is there is not overwritten by a session that did not write it.
    let (code, _, errors) = through_a_pipe(&format!("group 2\nsave {saved}\n"));
    assert_eq!(code, Some(2));
    assert!(errors.contains("exists already"), "{errors}");
    let (code, with_diagram, _) = run(&["play", &saved, "--diagram", "--html", &page]);
    assert_eq!(code, Some(0));
    assert!(with_diagram.contains("─req 2─"), "{with_diagram}");
}

#[test]
fn the_prompt_shows_the_diagram_and_what_is_under_way() {
    let Some(terminal) = Terminal::open(100, 30) else {
        return;
    };
    terminal.run(&format!("{TURNO} play"));
    terminal.wait_for("nothing is under way");
    terminal.run("1 x");
    let picture = terminal.wait_for("2  req<2,1> 1 ─▷ 3");
    assert!(picture.contains("1| x: req<2,1> sent to 2, 3, clock 2"));
    // The hint says what Enter does.
    assert!(picture.contains("> deliver 1"), "{picture}");
    terminal.press(&["Enter"]);
    let picture = terminal.wait_for("reply<3,2> 2 ┄► 1");
    assert!(picture.contains("─req 2─"), "{picture}");
    terminal.run("delivr all");
    terminal.wait_for("did you mean \"deliver all\"?");
    // Completion, then undo.
    terminal.run("deliver a\t");
    terminal.wait_for("1| Process entered CS");
    terminal.run("undo");
    let picture = terminal.wait_for("undone: deliver all");
    assert!(!picture.contains("Process entered CS"), "{picture}");
    terminal.run("quit");
    let picture = terminal.wait_for("$");
    assert!(picture.contains("─req 2─"), "{picture}");
}

#[test]
fn a_script_is_played_a_line_at_a_time_at_the_prompt() {
    let Some(terminal) = Terminal::open(100, 30) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lesson.txt");
    fs::write(&path, &scripts_of(include_str!("../../docs/play.md"))[0]).unwrap();
    terminal.run(&format!("{TURNO} play {}", path.display()));
    terminal.wait_for("> group 3 asks everybody");
    terminal.press(&["Enter"]);
    terminal.wait_for("# 2 asks first");
    terminal.press(&["Enter"]);
    terminal.wait_for("2| x: req<2,2> sent to 1, 3");
    // A line that is not the script's is put in, and the script goes on.
    terminal.run("3 ticks");
    terminal.wait_for("3| tick");
    terminal.run("rest");
    terminal.wait_for("no clock ran backwards");
    terminal.press(&["C-d"]);
    terminal.wait_for("$");
}
