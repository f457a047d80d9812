//! The full-screen view on a real terminal, driven through tmux.

use std::fs;

use crate::fixtures::group::Group;
use crate::fixtures::program::Program;
use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

/// Returns the command line of process `id`.
fn command(group: &Group, id: usize, options: &str) -> String {
    let section = &group.section_address;
    let addresses = group.addresses.join(" ");
    format!("{TURNO} process {id} {addresses} --shared {section} {options}")
}

/// Starts a group, of which process 1 is on a terminal of this size.
fn group_with_a_screen(
    members: usize,
    (width, height): (u16, u16),
) -> Option<(Group, Terminal, Vec<Program>)> {
    let terminal = Terminal::open(width, height)?;
    let group = Group::of(members);
    let others: Vec<Program> = (2..=members).map(|id| group.process(id, "1h")).collect();
    for other in &others {
        other.wait_for("listens at");
    }
    terminal.run(&command(&group, 1, "--hold 1h"));
    // This is drawn last: the picture is complete.
    terminal.wait_for("q quits");
    Some((group, terminal, others))
}

/// Returns the line of the picture that contains this.
fn line<'a>(picture: &'a str, wanted: &str) -> &'a str {
    let found = picture.lines().find(|line| line.contains(wanted));
    found.unwrap_or_else(|| panic!("no {wanted:?} in\n{picture}"))
}

/// Shows FREE, WAIT while 4 holds the section, HELD with 2 and 3 in the reply queue,
/// and the end.
fn shows_every_state(width: u16, height: u16) {
    let Some((group, terminal, mut others)) = group_with_a_screen(4, (width, height)) else {
        return;
    };
    let picture = terminal.wait_for("not asking for the section");
    line(&picture, "process 1 of 4");
    line(&picture, "clock 1  lastRequestClock none");
    line(&picture, "x asks");

    let mut fourth = others.pop().unwrap();
    fourth.send_line("x");
    fourth.wait_for("Process entered CS");
    terminal.press(&["x"]);
    let picture = terminal.wait_for("1 of 3 replies missing");
    line(&picture, "WAIT");
    line(&picture, "lastRequestClock 4");
    assert!(line(&picture, "reply missing").contains(" 4 "));
    assert_eq!(picture.matches("has replied").count(), 2);

    fourth.terminate();
    terminal.wait_for("HELD");
    for other in &mut others {
        other.send_line("x");
    }
    let picture = terminal.wait_until("two in the reply queue", |picture| {
        picture.matches(") deferred").count() == 2
    });
    line(&picture, "HELD");
    line(&picture, "in the section");
    assert!(picture.lines().count() <= usize::from(height));

    terminal.press(&["q"]);
    terminal.wait_until("the shell", |picture| !picture.contains("HELD"));
    group.section.wait_until("the end of 1's entry", |lines| {
        let ends = |line: &&String| line.starts_with("[PID: 1") && line.ends_with("cs ends");
        lines.iter().find(ends).cloned()
    });
}

#[test]
fn every_state_is_shown_on_an_ordinary_terminal() {
    shows_every_state(80, 24);
}

#[test]
fn every_state_is_shown_on_a_small_terminal() {
    shows_every_state(40, 10);
}

/// Returns the row of the diagram with this note, up to the note.
fn row<'a>(picture: &'a str, note: &str) -> &'a str {
    find_row(picture, note).unwrap_or_else(|| panic!("no {note:?} in\n{picture}"))
}

fn find_row<'a>(picture: &'a str, note: &str) -> Option<&'a str> {
    // Neither the line of the keys nor the panes to the left of the diagram.
    let is_it = |line: &&str| line.contains(note) && !line.contains("quits");
    let rows = picture
        .lines()
        .map(|line| line.rsplit("││").next().unwrap());
    let line = rows.rev().find(is_it)?;
    // The row is drawn from left to right: with the note it is complete.
    line.find(note).map(|end| &line[..end])
}

/// The characters of a lifeline.
const FREE: char = '│';
const WAIT: char = '║';
const HELD: char = '█';
const WAITS_FOR_US: char = '░';

/// Draws the third case of the original as process 2 sees it: FREE, its request, the
/// deferred request of 3 with the reason, then HELD with both peers deferred, and the
/// replies to them.
fn draws_every_state(width: u16, height: u16) {
    let Some(terminal) = Terminal::open(width, height) else {
        return;
    };
    let group = Group::of(3);
    let mut first = group.process(1, "1h");
    let mut third = group.process(3, "1h");
    for other in [&first, &third] {
        other.wait_for("listens at");
    }
    terminal.run(&command(&group, 2, "--hold 1h"));
    if width < 100 {
        terminal.wait_for("d draws");
        terminal.press(&["d"]);
    }
    // This is drawn last.
    let picture = terminal.wait_for("d lists");
    assert!(row(&picture, "starts").ends_with("┊ "), "{picture}");

    first.send_line("x");
    first.wait_for("Process entered CS");
    let picture = terminal.wait_until("1's request and our reply", |picture| {
        picture.contains("req 2") && picture.contains("reply 3")
    });
    let request = line(&picture, "req 2");
    assert!(request.contains('▷') && request.contains(FREE), "{picture}");
    let reply = line(&picture, "reply 3");
    assert!(reply.contains('◄') && !reply.contains('◁'), "{picture}");

    terminal.press(&["x"]);
    let picture = terminal.wait_until("2's request", |picture| find_row(picture, "asks").is_some());
    let request = row(&picture, "asks");
    assert!(request.contains(WAIT), "{picture}");
    assert_eq!(request.matches("req 4").count(), 2, "{picture}");
    assert!(request.find('◁') < request.find('▷'), "{picture}");

    third.send_line("x");
    let picture = terminal.wait_for("(4,2) < (");
    let deferred = row(&picture, "(4,2) < (");
    assert!(deferred.contains(WAIT), "{picture}");
    assert!(deferred.trim_end().ends_with(WAITS_FOR_US), "{picture}");

    first.terminate();
    let picture = terminal.wait_for("HELD, token ");
    let entry = row(&picture, "HELD, token ");
    assert!(entry.contains('►') && entry.contains(HELD), "{picture}");
    // After its restart it receives all clocks and asks.
    let mut first = group.process(1, "1h");
    first.wait_for("listens at");
    terminal.wait_for("1 restarted");
    first.send_line("x");
    let picture = terminal.wait_for("HELD: deferred");
    let deferred = row(&picture, "HELD: deferred");
    assert_eq!(deferred.matches(WAITS_FOR_US).count(), 2, "{picture}");
    let rows = usize::from(height);
    let is_wide = |line: &str| line.chars().count() > usize::from(width);
    assert!(picture.lines().count() <= rows && !picture.lines().any(is_wide));
    // These lines are shown at any size.
    line(&picture, "in the section");
    line(&picture, "lastRequestClock 4");
    line(&picture, "2 ticks");
}

#[test]
fn the_diagram_is_beside_the_rest_on_a_large_terminal() {
    draws_every_state(120, 30);
}

#[test]
fn the_diagram_is_at_the_key_d_on_an_ordinary_terminal() {
    draws_every_state(80, 24);
}

#[test]
fn the_diagram_is_at_the_key_d_on_a_small_terminal() {
    draws_every_state(40, 10);
}

#[test]
fn the_key_d_shows_the_diagram_and_hides_it() {
    let Some((_group, terminal, _others)) = group_with_a_screen(3, (80, 24)) else {
        return;
    };
    for _ in 0..2 {
        terminal.wait_for("d draws");
        terminal.press(&["d"]);
        let picture = terminal.wait_for("d lists");
        line(&picture, "┌ diagram ");
        assert!(!picture.contains("┌ lately "), "{picture}");
        terminal.press(&["D"]);
    }
    terminal.wait_for("┌ lately ");
    // A hidden diagram comes back only by the key.
    terminal.resize(120, 30);
    terminal.wait_until("the new size", |picture| {
        picture.lines().count() > 24 && picture.contains("d draws")
    });
    terminal.press(&["d"]);
    let picture = terminal.wait_for("d lists");
    line(&picture, "┌ diagram ");
    line(&picture, "┌ lately ");
}

#[test]
fn the_picture_follows_the_size_down_to_a_single_line_and_back() {
    let Some((_group, terminal, _others)) = group_with_a_screen(3, (80, 24)) else {
        return;
    };
    for (width, height) in [(30, 6), (12, 3), (8, 1), (200, 60), (80, 24)] {
        terminal.resize(width, height);
        let picture = terminal.wait_until("the new size", |picture| {
            let is_wide = |line: &str| line.chars().count() > usize::from(width);
            let rows = picture.lines().count();
            picture.contains("FREE") && !picture.lines().any(is_wide) && rows <= height.into()
        });
        assert!(picture.contains(" 1 "), "the own id:\n{picture}");
    }
    terminal.wait_for("┌ peers ");
    // The keys still work.
    terminal.press(&["x"]);
    terminal.wait_for("HELD");
}

#[test]
fn the_own_id_ticks_the_clock_without_enter_and_other_keys_do_nothing() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let group = Group::of(12);
    terminal.run(&command(&group, 12, ""));
    terminal.wait_for("clock 1 ");
    // 1, then 12. The 2 after the arrow does not continue a 1.
    terminal.press(&[
        "1", "1", "2", "1", "Up", "2", "y", "Escape", "Enter", "1", "2",
    ]);
    terminal.wait_for("clock 3 ");
    // There were only these two ticks: the next one is the third.
    terminal.press(&["y", "1", "2"]);
    let picture = terminal.wait_for("tick, clock 4");
    assert_eq!(picture.matches("tick, clock").count(), 3, "{picture}");
}

#[test]
fn a_key_whose_escape_sequence_never_ends_does_not_stop_the_node() {
    let Some((group, terminal, mut others)) = group_with_a_screen(3, (80, 24)) else {
        return;
    };
    terminal.press(&["M-["]);
    others[0].send_line("x");
    others[0].wait_for("Process entered CS");
    group.section.wait_for("[PID: 2");
    terminal.press(&["y", "1"]);
    terminal.wait_for("tick, clock");
}

/// Runs a command, ends it, and returns the terminal's settings before and after it.
fn settings_around(terminal: &Terminal, command: &str, end: impl Fn()) -> (String, String) {
    let before = settings(terminal, "before: ");
    terminal.run(command);
    terminal.wait_for("FREE");
    end();
    terminal.wait_for("before: ");
    (before, settings(terminal, "after: "))
}

/// Returns the terminal's settings, which it prints on the screen behind this word.
fn settings(terminal: &Terminal, after: &str) -> String {
    terminal.run(&format!("clear; echo {after}$(stty -g)"));
    let picture = terminal.wait_until("the settings", |picture| {
        picture.lines().any(|line| line.starts_with(after))
    });
    let line = picture.lines().find_map(|line| line.strip_prefix(after));
    line.unwrap().to_owned()
}

#[test]
fn the_terminal_settings_are_restored_however_it_ends() {
    let Some(terminal) = Terminal::open(200, 24) else {
        return;
    };
    let group = Group::of(1);
    let command = command(&group, 1, "");
    let kill = |signal: &str| format!("kill -{signal} {}", pid_of(&group));
    let ends: [(&str, &dyn Fn()); 5] = [
        ("q", &|| terminal.press(&["q"])),
        ("Ctrl-C", &|| terminal.press(&["C-c"])),
        ("SIGTERM", &|| shell(&kill("TERM"))),
        ("SIGHUP", &|| shell(&kill("HUP"))),
        ("SIGQUIT", &|| shell(&kill("QUIT"))),
    ];
    for (name, end) in ends {
        let (before, after) = settings_around(&terminal, &command, end);
        assert!(before.contains(':'), "{before}");
        assert_eq!(before, after, "after {name}");
    }
}

fn shell(command: &str) {
    let status = std::process::Command::new("sh")
        .args(["-c", command])
        .status();
    assert!(status.unwrap().success());
}

/// Returns the pid of process 1 of this group, found by its arguments.
fn pid_of(group: &Group) -> u32 {
    find_process(group).expect("it is running")
}

fn find_process(group: &Group) -> Option<u32> {
    fs::read_dir("/proc").unwrap().find_map(|entry| {
        let path = entry.ok()?.path();
        let pid = path.file_name()?.to_str()?.parse().ok()?;
        let arguments = fs::read(path.join("cmdline")).ok()?;
        let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
        let is_it = arguments.starts_with(TURNO)
            && arguments.contains(" process 1 ")
            && arguments.contains(&group.section_address);
        is_it.then_some(pid)
    })
}

#[test]
fn it_can_be_suspended_and_resumed() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let group = Group::of(1);
    terminal.run(&command(&group, 1, ""));
    terminal.wait_for("FREE");
    for suspend in ["key", "signal"] {
        if suspend == "key" {
            terminal.press(&["C-z"]);
        } else {
            shell(&format!("kill -TSTP {}", pid_of(&group)));
        }
        terminal.wait_for("Stopped");
        terminal.run("clear; fg");
        terminal.wait_for("FREE");
        terminal.press(&["1"]);
        terminal.wait_for("tick, clock");
    }
    terminal.wait_for("clock 3 ");
}

#[test]
fn after_a_sigstop_it_takes_the_terminal_again() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let group = Group::of(1);
    terminal.run(&command(&group, 1, ""));
    terminal.wait_for("FREE");
    shell(&format!("kill -STOP {}", pid_of(&group)));
    terminal.wait_for("Stopped");
    terminal.run("clear; stty sane; fg");
    terminal.wait_for("not asking for the section");
    terminal.press(&["1"]);
    terminal.wait_for("tick, clock 2");
}

#[test]
fn when_the_terminal_hangs_up_the_process_leaves_the_section_and_ends() {
    let Some((group, terminal, mut others)) = group_with_a_screen(3, (80, 24)) else {
        return;
    };
    pid_of(&group);
    terminal.press(&["x"]);
    terminal.wait_for("HELD");
    others[0].send_line("x");
    terminal.wait_for(") deferred");
    terminal.hang_up();
    others[0].wait_for("Process entered CS");
    let left = |line: &&String| line.starts_with("[PID: 1") && line.ends_with("cs ends");
    let lines = group.section.wait_until("1's end", |lines| {
        lines.iter().any(|line| left(&line)).then(|| lines.to_vec())
    });
    assert!(!lines.iter().any(|line| line.contains("overlap")));
    eventually("the end of the process", || match find_process(&group) {
        Some(_) => None,
        None => Some(()),
    });
}

#[test]
fn there_is_colour_unless_no_color_is_set() {
    let Some(terminal) = Terminal::open(80, 24) else {
        return;
    };
    let group = Group::of(1);
    // The escape code with which tmux shows a foreground colour.
    let has_colour = || terminal.coloured_picture().contains("38;5;");
    terminal.run(&command(&group, 1, ""));
    terminal.wait_for("FREE");
    assert!(has_colour());
    terminal.press(&["q"]);
    terminal.wait_until("the shell", |picture| !picture.contains("FREE"));
    terminal.run(&format!("clear; NO_COLOR=1 {}", command(&group, 1, "")));
    terminal.wait_for("FREE");
    assert!(!has_colour(), "{}", terminal.coloured_picture());
}

#[test]
fn text_from_the_network_is_escaped_on_the_terminal() {
    let Some(terminal) = Terminal::open(120, 24) else {
        return;
    };
    let group = Group::of(2);
    terminal.run(&command(&group, 1, ""));
    terminal.wait_for("FREE");
    let outsider = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = format!("127.0.0.1{}", group.addresses[0]);
    outsider
        .send_to(b"\x1b[2J\x1b[Hgone\x9b2J\xe2\x80\xae", address)
        .unwrap();
    let picture = terminal.wait_for(r#""\u{1b}[2J\u{1b}[Hgone\x9b2J\u{202e}""#);
    line(&picture, "FREE");
}
