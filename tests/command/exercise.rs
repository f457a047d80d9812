//! `turno exercise`: sheets as files, and in a real browser.

use std::fs;
use std::path::{Path, PathBuf};

use crate::fixtures::browser::dom_of;
use crate::fixtures::turno::run;

/// The sheet of seed 7, level 3, and its key, as they are on every machine.
/// `TURNO_BLESS=1 cargo test --test command exercise` writes them again.
const GOLDEN: &str = "tests/exercise";

fn sheet(path: &Path, level: &str) {
    let path = path.to_str().unwrap();
    let (code, _, error) = run(&["exercise", "--seed", "7", "--level", level, "-o", path]);
    assert_eq!(code, Some(0), "{error}");
}

#[test]
fn a_seed_is_the_same_sheet_and_key_on_every_machine() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("sheet.svg");
    sheet(&made, "3");
    let (_, key, _) = run(&["exercise", "--seed", "7", "--level", "3", "--solution"]);
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    let sheet = fs::read_to_string(&made).unwrap();
    for (name, text) in [
        ("level_3_seed_7.svg", sheet),
        ("level_3_seed_7.key.txt", key),
    ] {
        let file = golden.join(name);
        if std::env::var_os("TURNO_BLESS").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "{name}");
    }
}

/// Fills in the right answers, or others, and checks them.
fn filled_in(level: &str, is_right: bool) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("sheet.html");
    sheet(&page, level);
    let wrong = if is_right { 0 } else { 1 };
    let script = format!(
        "const data = JSON.parse(document.getElementById('data').textContent);
        for (const {{ letter, choices, right }} of data) {{
          const inputs = document.getElementsByName(letter);
          const answer = choices.length ? (right + {wrong}) % choices.length : right + {wrong};
          if (choices.length) inputs[answer].checked = true; else inputs[0].value = ` ${{answer}} `;
        }}
        document.getElementById('sheet').requestSubmit();
        document.body.dataset.questions = data.length;"
    );
    dom_of(&page, "", &script)
}

fn count(dom: &str) -> usize {
    let (_, rest) = dom.split_once("data-questions=\"").expect("the script ran");
    rest.split('"').next().unwrap().parse().unwrap()
}

#[test]
fn a_page_that_is_filled_in_right_is_all_right() {
    for level in ["1", "2", "3", "4", "5"] {
        let Some(dom) = filled_in(level, true) else {
            return;
        };
        let all = count(&dom);
        assert!(
            dom.contains(&format!("{all} of {all} right")),
            "level {level}"
        );
        assert_eq!(dom.matches("✓ right").count(), all + 1, "and in the script");
        assert!(!dom.contains("class=\"is-wrong\""));
    }
}

#[test]
fn each_wrong_answer_is_answered_with_the_rule() {
    let Some(dom) = filled_in("3", false) else {
        return;
    };
    let all = count(&dom);
    assert!(dom.contains(&format!("0 of {all} right")));
    assert_eq!(dom.matches("<li id=").count(), all);
    assert_eq!(dom.matches("class=\"is-wrong\"").count(), all);
    assert!(dom.contains("<p class=\"rule\">Lamport (1978), IR2: "));
    assert!(dom.contains("<p class=\"rule\">Ricart and Agrawala (1981): "));
}

#[test]
fn an_empty_page_is_not_answered_and_shows_no_rule() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("sheet.html");
    sheet(&page, "2");
    let script = "document.getElementById('sheet').requestSubmit();\
        document.body.dataset.questions = document.querySelectorAll('li').length;";
    let Some(dom) = dom_of(&page, "", script) else {
        return;
    };
    let all = count(&dom);
    assert_eq!(
        dom.matches("<p class=\"said\">not answered</p>").count(),
        all
    );
    assert_eq!(dom.matches("<p class=\"rule\"></p>").count(), all);
}

#[test]
fn wrong_use_says_what_is_possible() {
    for (options, told) in [
        (
            vec!["--level", "6"],
            "the levels are 1 to 5: 1 Lamport clocks",
        ),
        (
            vec![],
            "-o sheet.html makes a page, -o sheet.svg a sheet for print",
        ),
        (vec!["-o", "sheet.pdf"], "sheet.pdf ends neither in .html"),
        (vec!["--seed", "x", "--solution"], "invalid value 'x'"),
    ] {
        let arguments = [vec!["exercise"], options].concat();
        let (code, _, error) = run(&arguments);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(told), "{error}");
    }
    let (code, _, error) = run(&["exercise", "-o", "/nowhere/sheet.svg"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("cannot write /nowhere/sheet.svg"), "{error}");
}
