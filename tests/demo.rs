//! `scripts/demo.sh`, as a stranger starts it.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use support::tmux::Terminal;
use support::{Ports, eventually};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh");

/// What a demo has for itself alone: ports, and a folder for temporary files.
struct Stage {
    ports: Ports,
    folder: TempDir,
}

impl Stage {
    /// For so many processes.
    fn of(processes: u16) -> Self {
        static BUILD: Once = Once::new();
        BUILD.call_once(build);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Stage {
            ports: Ports::in_a_row(processes + 1),
            folder,
        }
    }

    fn port(&self) -> u16 {
        self.ports.iter().next().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The script, with nothing but pipes.
    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCRIPT);
        command
            .args(arguments)
            .env("TURNO_PORT", self.port().to_string())
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// The script on a terminal, which shows its status at its end.
    fn demo_on(&self, terminal: &Terminal, arguments: &str) {
        let (port, tmp, pid) = (self.port(), self.path("tmp"), self.path("pid"));
        terminal.run(&format!(
            "TURNO_PORT={port} TMPDIR='{tmp}' bash -c \
             'echo $$ >\"$0\"; exec \"$@\"' '{pid}' '{SCRIPT}' {arguments}; echo left: $?"
        ));
    }

    /// In tmux, with all three processes there.
    fn demo_in_tmux(&self, terminal: &Terminal) {
        self.demo_on(terminal, "--in tmux");
        terminal.wait_until("three processes", |picture| {
            picture.matches("FREE").count() == 3 && picture.contains("critical section at")
        });
    }

    /// Sends a signal to the script that runs on a terminal, and to it alone.
    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.path("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    /// Kills process `id`; returns when its parent knows.
    fn kill_process(&self, id: u16) {
        let words = format!("\0process\0{id}\0:{}\0", self.port() + 1);
        let is_it = |folder: &Path| {
            let command = fs::read_to_string(folder.join("cmdline"));
            command.is_ok_and(|command| command.contains(&words))
        };
        let mut folders = fs::read_dir("/proc").unwrap().map(|e| e.unwrap().path());
        let folder = folders.find(|folder| is_it(folder)).expect("it runs");
        let pid = folder.file_name().unwrap().to_str().unwrap();
        kill_process(Pid::from_raw(pid.parse().unwrap()).unwrap(), Signal::KILL).unwrap();
        wait_until("its end", || !folder.exists());
    }

    /// Every UDP port of the demo can be bound again, and no file of it is there.
    fn nothing_is_left(&self) {
        // A terminal that goes away tells its process so, and does not wait.
        for port in self.ports.iter() {
            wait_until("the end of every process", || {
                UdpSocket::bind(("127.0.0.1", port)).is_ok()
            });
        }
        wait_until("an empty folder", || {
            fs::read_dir(self.path("tmp")).unwrap().count() == 0
        });
    }
}

/// What the script builds, so that no test has to wait for it: dependencies of the
/// tests may have changed the features of its own, and then it is not there yet.
fn build() {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--bin", "turno"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().unwrap().success());
}

fn wait_until(wanted: &str, mut is_so: impl FnMut() -> bool) {
    eventually(wanted, || is_so().then_some(()));
}

/// The script, running; all that it prints goes to a file.
struct Running {
    script: Child,
    printed: String,
}

impl Running {
    fn start(stage: &Stage, mut command: Command) -> Self {
        let printed = stage.path("printed");
        let file = File::create(&printed).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let script = command.spawn().unwrap();
        Running { script, printed }
    }

    fn say(&mut self, line: &str) {
        writeln!(self.script.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn end_input(&mut self) {
        drop(self.script.stdin.take());
    }

    fn wait_for(&self, wanted: &str) {
        wait_until(wanted, || self.printed().contains(wanted));
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.printed).unwrap()
    }

    fn terminate(&self) {
        let pid = Pid::from_raw(self.script.id().try_into().unwrap()).unwrap();
        // It may have ended by itself.
        let _ = kill_process(pid, Signal::TERM);
    }

    /// Its status, once it has ended.
    fn status(&mut self) -> Option<i32> {
        wait_until("its end", || self.script.try_wait().unwrap().is_some());
        self.script.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            self.terminate();
            eprintln!("it printed:\n{}", self.printed());
        }
    }
}

#[test]
fn the_three_cases_play_unattended_and_end_in_order() {
    let stage = Stage::of(3);
    let output = stage.demo(&["--cases"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    let orders: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("The order: "))
        .collect();
    assert!(
        [
            "The order: process 1 at clock 5, then process 2 at clock 7.",
            "The order: process 1 at clock 5, then process 2 at clock 8.",
        ]
        .contains(&orders[0]),
        "{text}"
    );
    assert_eq!(
        orders[1..],
        [
            "The order: process 1 at clock 5, then process 2 at clock 7.",
            "The order: process 1 at clock 5, then process 2 at clock 8, then process 3 at clock 9.",
        ],
        "{text}"
    );
    for left_out in [": hello", ": welcome", " sent again to ", "still deferred"] {
        assert!(!text.contains(left_out), "{left_out}: {text}");
    }
    let paths = text
        .lines()
        .filter_map(|line| line.strip_prefix("Its diagram: "));
    let diagrams: Vec<String> = paths
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(diagrams.len(), 3, "{text}");
    for diagram in diagrams {
        assert!(diagram.starts_with("<svg ") && diagram.ends_with("</svg>\n"));
    }
    stage.nothing_is_left();
}

#[test]
fn without_a_terminal_all_share_the_output() {
    let stage = Stage::of(2);
    let mut demo = Running::start(&stage, stage.demo(&["2"]));
    demo.say("1 x\n2 2\n7 x");
    // It ends with its input, and whoever still asks then has asked in vain.
    for wanted in [
        "1| x: req<",
        "2| tick, clock ",
        "There is no process '7': type its number and x, as in '1 x'.",
    ] {
        demo.wait_for(wanted);
    }
    demo.end_input();
    assert_eq!(demo.status(), Some(0));
    demo.wait_for("cs| refused 0");
    stage.nothing_is_left();
}

#[test]
fn a_process_that_has_ended_is_not_waited_for() {
    let stage = Stage::of(2);
    let mut demo = Running::start(&stage, stage.demo(&["2"]));
    demo.say("1 1");
    demo.wait_for("1| tick, clock 2");
    stage.kill_process(2);
    demo.say("2 x");
    demo.wait_for("Process 2 has ended.");
    demo.say("1 1");
    demo.wait_for("1| tick, clock 3");
    demo.say("q");
    assert_eq!(demo.status(), Some(0));
    stage.nothing_is_left();
}

#[test]
fn ctrl_c_in_the_one_terminal_shows_the_last_words() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let stage = Stage::of(2);
    stage.demo_on(&terminal, "2 --in here");
    terminal.wait_for("Left out are");
    terminal.run("1 1");
    terminal.wait_for("1| tick");
    terminal.keys(&["C-c"]);
    let picture = terminal.wait_for("left: 130");
    assert!(picture.contains("cs| overlaps 0"), "{picture}");
    stage.nothing_is_left();
}

#[test]
fn in_tmux_each_has_a_pane_and_leaving_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let stage = Stage::of(3);
    stage.demo_in_tmux(&terminal);
    terminal.keys(&["x"]);
    terminal.wait_for("HELD");
    terminal.keys(&["M-Left", "C-c"]);
    let picture = terminal.wait_for("Enter closes this.");
    assert!(picture.contains("entries 1"), "{picture}");
    terminal.keys(&["F10"]);
    terminal.wait_for("left: 0");
    stage.nothing_is_left();
}

#[test]
fn in_tmux_a_signal_to_the_script_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let stage = Stage::of(3);
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        terminal.run("clear");
        stage.demo_in_tmux(&terminal);
        stage.signal(signal);
        terminal.wait_for(&format!("left: {status}"));
        stage.nothing_is_left();
    }
}

#[test]
fn in_tmux_closing_the_terminal_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let stage = Stage::of(3);
    stage.demo_in_tmux(&terminal);
    terminal.hang_up();
    stage.nothing_is_left();
}

/// The demo of one process in windows, of which this is the terminal program.
fn in_windows(stage: &Stage, terminal_program: &str) -> Running {
    let program = stage.folder.path().join("gnome-terminal");
    fs::write(&program, terminal_program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let folder = stage.folder.path().display();
    let mut command = stage.demo(&["1", "--in", "windows"]);
    command
        .env("PATH", format!("{folder}:{path}"))
        .env("DISPLAY", ":987")
        .env_remove("WAYLAND_DISPLAY");
    Running::start(stage, command)
}

#[test]
fn in_windows_a_signal_to_the_script_ends_them_all() {
    let stage = Stage::of(1);
    // One that leaves its windows to another process, and ends.
    let mut demo = in_windows(&stage, "#!/bin/sh\nshift 2\nsetsid \"$@\" &\n");
    demo.wait_for("The windows are open");
    demo.terminate();
    assert_eq!(demo.status(), Some(143));
    stage.nothing_is_left();
}

#[test]
fn where_no_window_opens_it_says_what_else_there_is() {
    let stage = Stage::of(1);
    let mut demo = in_windows(&stage, "#!/bin/sh\nexit 1\n");
    demo.wait_for("no windows on the display ':987'; try --in here");
    assert_eq!(demo.status(), Some(1));
    stage.nothing_is_left();
}

/// Its status is 2, and it has said this.
fn is_refused(stage: &Stage, command: Command, wanted: &str) {
    let mut demo = Running::start(stage, command);
    assert_eq!(demo.status(), Some(2), "{wanted}");
    assert!(demo.printed().contains(wanted), "{wanted}");
}

#[test]
fn wrong_arguments_are_refused() {
    let stage = Stage::of(1);
    for (arguments, wanted) in [
        (&["0"][..], "N is a number from 1 to 99"),
        (&["many"], "N is a number from 1 to 99"),
        (&["--in", "space"], "not 'space'"),
        (&["--in"], "--in takes tmux, windows or here"),
        // Here is no terminal.
        (&["--in", "tmux"], "try --in here"),
    ] {
        is_refused(&stage, stage.demo(arguments), wanted);
    }
}

#[test]
fn a_port_that_is_none_is_refused() {
    let stage = Stage::of(1);
    for port in ["0", "65001", "070", "-1", "1 2", "http"] {
        let mut command = stage.demo(&["--cases"]);
        command.env("TURNO_PORT", port);
        is_refused(&stage, command, &format!("from 1 to 65000, not '{port}'"));
    }
}
