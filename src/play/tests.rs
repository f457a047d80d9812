use super::command::parse;
use super::picture::Picture;
use super::script::Script;
use super::session::{Answer, Session};

/// Enters these lines, none of which is wrong.
fn session(lines: &[&str]) -> Session {
    let mut session = Session::default();
    for line in lines {
        if let Answer::Wrong { why, .. } = session.enter(line) {
            panic!("{line}: {why}");
        }
    }
    session
}

/// The answer to a wrong line.
fn wrong(session: &mut Session, line: &str) -> String {
    let before = session.transcript();
    let Answer::Wrong { why, .. } = session.enter(line) else {
        panic!("{line} is not wrong");
    };
    assert_eq!(session.transcript(), before, "{line} has changed something");
    why
}

#[test]
fn a_wrong_line_is_answered_by_what_could_have_been_meant() {
    let meant = [
        ("delivr 1 2", "deliver 1 2"),
        ("1 leave", "1 leaves"),
        ("lsoe 2", "lose 2"),
        ("deliver al", "deliver all"),
        ("gruop 4", "group 4"),
        ("3 crash", "3 crashes"),
        ("stats", "states"),
        ("undoo", "undo"),
    ];
    for (line, meant) in meant {
        let why = wrong(&mut session(&["group 3"]), line);
        assert!(
            why.ends_with(&format!("did you mean {meant:?}?")),
            "{line}: {why}"
        );
    }
    let why = wrong(&mut session(&["group 3"]), "make me a sandwich");
    assert_eq!(why, "\"make\" is not understood; help lists the commands");
}

#[test]
fn a_mistake_has_the_column_of_the_first_wrong_word() {
    let columns = [
        ("delivr 1 2", 1),
        ("deliver 1 x", 11),
        ("  1   leve", 7),
        ("group 21", 7),
        ("deliver", 8),
        ("1 gives in", 9),
    ];
    for (line, column) in columns {
        assert_eq!(parse(line).unwrap_err().column, column, "{line}");
    }
}

#[test]
fn a_file_that_is_no_script_is_refused_with_line_and_column() {
    let error = Script::parse("group 3\n# a comment\n1 x\nloose 1\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "4:1: \"loose\" is not understood; did you mean \"lose 1\"?"
    );
    let error = Script::parse("> group 3\n> 1 y\n1| something\n").unwrap_err();
    assert_eq!((error.line, error.mistake.column), (2, 5));
}

#[test]
fn what_cannot_be_done_now_is_refused_and_changes_nothing() {
    let mut empty = Session::default();
    assert_eq!(
        wrong(&mut empty, "1 x"),
        "there is no group yet: group 3 starts one"
    );
    let mut session = session(&["group 3 original 2", "1 crashes"]);
    for (line, why) in [
        ("1 x", "1 is down: 1 starts starts it again"),
        ("1 crashes", "1 is down: 1 starts starts it again"),
        ("3 starts", "3 runs already: 3 crashes ends it"),
        ("4 x", "there is no member 4: the group has 1 to 3"),
        ("deliver 2 9", "there is no member 9: the group has 1 to 3"),
        ("deliver 2 3", "nothing is under way from 2 to 3"),
        ("deliver 7", "no datagram 7 is under way"),
        ("3 leaves", "3 is not in the critical section"),
        ("3 timer", "3 has set no timer"),
        (
            "2 ticks",
            "2 is a process of the original: it knows only x and leaves",
        ),
        (
            "group 2 original 3",
            "the group has the members 1 to 2, and no 3",
        ),
    ] {
        assert_eq!(wrong(&mut session, line), why, "{line}");
    }
}

#[test]
fn a_datagram_has_a_number_that_stays_its_own() {
    let by_ends = session(&["group 3", "1 x", "deliver 1 3", "deliver 3 1", "states"]);
    let by_number = session(&["group 3", "1 x", "deliver 2", "deliver 3", "states"]);
    let lines = |session: &Session| {
        let text = session.transcript();
        let lines = text.lines().filter(|line| !line.starts_with("> "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&by_ends), lines(&by_number));
    let listed = session(&["group 3", "1 x", "deliver 1", "under way"]);
    let text = listed.transcript();
    assert!(
        text.ends_with("> under way\n2  req<2,1>  1 to 3\n3  reply<3,2>  2 to 1\n"),
        "{text}"
    );
}

#[test]
fn undo_leads_back_to_where_the_last_command_began() {
    let steps = [
        "group 3",
        "1 x",
        "2 x",
        "deliver all",
        "1 leaves",
        "3 crashes",
    ];
    let mut session = session(&steps);
    session.enter("undo");
    session.enter("undo");
    assert_eq!(
        session.transcript(),
        self::session(&steps[..4]).transcript()
    );
    session.enter("1 leaves");
    session.enter("3 crashes");
    let again = self::session(&steps);
    assert_eq!(session.transcript(), again.transcript());
    assert_eq!(session.svg(), again.svg());
}

#[test]
fn a_saved_session_is_a_script_that_leads_to_the_same() {
    let steps = [
        "group 3 asks everybody",
        "# the second asks",
        "2 x",
        "lose 1",
        "2 timer",
        "deliver all",
        "check",
    ];
    let session = session(&steps);
    let saved = session.transcript();
    let mut again = Session::default();
    again.play(Script::parse(&saved).unwrap()).unwrap();
    assert_eq!(again.transcript(), saved);
    assert!(saved.contains("\n# the second asks\n> 2 x\n"), "{saved}");
}

#[test]
fn the_diagram_shows_states_arrows_losses_and_crashes() {
    let session = session(&[
        "group 3",
        "1 x",
        "deliver 1",
        "lose 2",
        "deliver 3",
        "1 timer",
        "deliver all",
        "3 crashes",
    ]);
    let picture = Picture {
        width: 80,
        has_colour: false,
    };
    let lines = picture.diagram(&session.game, usize::MAX);
    let drawn: String = lines.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(
        format!("\n{drawn}"),
        "
 1             2             3
 ║●            │             │  1| x: req<2,1> sent to 2, 3, clock 2
 ║────req 2───▷│             │  2| req<2,1> received, clock 3: reply<3,2> sent
 ║────req 2────┼────────────✕│  req<2,1> is lost
 ║◄┄┄reply 3┄┄┄│             │  1| reply<3,2> received, clock 4
 ║●            │             │  1| req<2,1> sent again to 3
 ║────req 2────┼────────────▷│  3| req<2,1> received, clock 3: reply<3,3> sent
 █◄┄┄┄┄┄┄┄┄┄┄┄┄│┄┄┄reply 3┄┄┄│  1| reply<3,3> received, clock 5
 █             │             │  1| Process entered CS
 █             │             ╳  3| crashes
",
        "{drawn}"
    );
}

#[test]
fn a_command_of_the_prompt_is_no_part_of_a_file() {
    let error = Script::parse("group 3\nundo\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "2:1: \"undo\" is for the prompt: help has its form"
    );
}

#[test]
fn a_long_message_is_folded_at_spaces() {
    let lines = super::picture::folded("no member let a younger request go first", 16);
    assert_eq!(lines, ["no member let a", "younger request", "go first"]);
}
