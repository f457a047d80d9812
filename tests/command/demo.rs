//! `scripts/demo.sh`, as a user starts it.

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

use crate::fixtures::ports::Ports;
use crate::fixtures::terminal::Terminal;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/demo.sh");

/// The ports and the folder for temporary files of one demo.
struct Place {
    ports: Ports,
    folder: TempDir,
}

impl Place {
    /// For this many processes.
    fn of(processes: u16) -> Self {
        static BUILD: Once = Once::new();
        BUILD.call_once(build);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Place {
            ports: consecutive_ports(processes + 1),
            folder,
        }
    }

    fn port(&self) -> u16 {
        self.ports.iter().next().unwrap()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// Returns a command that runs the script on pipes.
    fn demo(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(SCRIPT);
        command
            .args(arguments)
            .env("TURNO_PORT", self.port().to_string())
            .env("TMPDIR", self.path("tmp"))
            .envs(cargo_folders())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        command
    }

    /// Runs the script on a terminal, which shows its status at the end.
    fn demo_on(&self, terminal: &Terminal, arguments: &str) {
        let (port, tmp, pid) = (self.port(), self.path("tmp"), self.path("pid"));
        let folders = cargo_folders().map(|(name, path)| format!("{name}='{path}'"));
        let folders = folders.join(" ");
        terminal.run(&format!(
            "{folders} TURNO_PORT={port} TMPDIR='{tmp}' bash -c \
             'echo $$ >\"$0\"; exec \"$@\"' '{pid}' '{SCRIPT}' {arguments}; echo status: $?"
        ));
    }

    /// Runs the script in tmux, and waits until all three processes are there.
    fn demo_in_tmux(&self, terminal: &Terminal) {
        self.demo_on(terminal, "--in tmux");
        terminal.wait_until("three processes", |picture| {
            picture.matches("FREE").count() == 3 && picture.contains("critical section at")
        });
    }

    /// Sends a signal to the script that runs on a terminal, and to no other process.
    fn signal(&self, signal: Signal) {
        let pid = fs::read_to_string(self.path("pid")).unwrap();
        kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), signal).unwrap();
    }

    /// Kills process `id`, and waits until its parent has noticed.
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

    /// Waits until each UDP port of the demo can be bound again, and no file of it is
    /// left.
    fn wait_until_clean(&self) {
        // A terminal that closes signals its process and does not wait for it.
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

/// Reserves this many consecutive ports.
fn consecutive_ports(count: u16) -> Ports {
    (0..100)
        .map(|_| Ports::reserve(usize::from(count)))
        .find(|ports| ports.iter().is_sorted_by(|one, next| one + 1 == *next))
        .expect("there are consecutive free ports")
}

/// Returns settings with which cargo puts the script's `turno` into a folder of its
/// own, and shares the rest of the build. Otherwise it would replace the `turno` that
/// other tests start at the same time.
fn cargo_folders() -> [(&'static str, String); 2] {
    let target = Path::new(TURNO).ancestors().nth(2).unwrap();
    [
        ("CARGO_TARGET_DIR", target.join("demo")),
        ("CARGO_BUILD_BUILD_DIR", target.to_owned()),
    ]
    .map(|(name, path)| (name, path.display().to_string()))
}

/// Builds what the script builds, so that no test waits for that. The tests'
/// dependencies give others more features, so it is not built yet.
fn build() {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--bin", "turno"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.envs(cargo_folders());
    assert!(cargo.status().unwrap().success());
}

fn wait_until(wanted: &str, mut is_so: impl FnMut() -> bool) {
    eventually(wanted, || is_so().then_some(()));
}

/// A running script, which prints to a file.
struct Running {
    script: Child,
    printed: String,
}

impl Running {
    fn start(place: &Place, mut command: Command) -> Self {
        let printed = place.path("printed");
        let file = File::create(&printed).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let script = command.spawn().unwrap();
        Running { script, printed }
    }

    fn send_line(&mut self, line: &str) {
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

    /// Waits until the script has ended, and returns its status.
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
fn the_cases_run_unattended_and_end_in_order() {
    let place = Place::of(3);
    let output = place.demo(&["--cases"]).output().unwrap();
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
        orders[1..3],
        [
            "The order: process 1 at clock 5, then process 2 at clock 7.",
            "The order: process 1 at clock 5, then process 2 at clock 8, then process 3 at clock 9.",
        ],
        "{text}"
    );
    // A token of a later view is larger than all of the one before.
    let last = orders[3].strip_prefix("The order: agent 1 with token ");
    let tokens = last
        .unwrap_or_else(|| panic!("{text}"))
        .trim_end_matches('.');
    let tokens = tokens.replace(", then agent 2 with token ", " ");
    let tokens = tokens.replace(", then agent 1 with token ", " ");
    let tokens: Vec<u64> = tokens.split(' ').map(|t| t.parse().expect(&text)).collect();
    assert_eq!(tokens.len(), 3, "{text}");
    assert!(tokens.is_sorted_by(|one, other| one < other), "{text}");
    let is_ended = |line: &&str| line.starts_with("1| turno: job: the lease ends");
    let ended = text.lines().position(|line| is_ended(&line)).expect(&text);
    let next = text
        .lines()
        .position(|line| line.starts_with("2| holds the lock"));
    assert!(ended < next.expect(&text), "{text}");
    for omitted in ["heard the clocks", " sent again to ", "still deferred"] {
        assert!(!text.contains(omitted), "{omitted}: {text}");
    }
    let paths = text
        .lines()
        .filter_map(|line| line.strip_prefix("Its diagram: "));
    let diagrams: Vec<String> = paths
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(diagrams.len(), 4, "{text}");
    for diagram in diagrams {
        assert!(diagram.starts_with("<svg ") && diagram.ends_with("</svg>\n"));
    }
    place.wait_until_clean();
}

#[test]
fn without_a_terminal_all_processes_share_the_output() {
    let place = Place::of(2);
    let mut demo = Running::start(&place, place.demo(&["2"]));
    demo.send_line("1 x\n2 2\n7 x");
    // The script ends with its input, and cancels requests: so all must be handled
    // before.
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
    place.wait_until_clean();
}

#[test]
fn the_demo_does_not_wait_for_a_process_that_has_ended() {
    let place = Place::of(2);
    let mut demo = Running::start(&place, place.demo(&["2"]));
    demo.send_line("1 1");
    demo.wait_for("1| tick, clock 2");
    place.kill_process(2);
    demo.send_line("2 x");
    demo.wait_for("Process 2 has ended.");
    demo.send_line("1 1");
    demo.wait_for("1| tick, clock 3");
    demo.send_line("q");
    assert_eq!(demo.status(), Some(0));
    place.wait_until_clean();
}

#[test]
fn ctrl_c_in_the_one_terminal_shows_the_summary() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let place = Place::of(2);
    place.demo_on(&terminal, "2 --in here");
    terminal.wait_for("Left out are");
    terminal.run("1 1");
    terminal.wait_for("1| tick");
    terminal.press(&["C-c"]);
    let picture = terminal.wait_for("status: 130");
    assert!(picture.contains("cs| overlaps 0"), "{picture}");
    place.wait_until_clean();
}

#[test]
fn options_after_two_hyphens_are_those_of_each_process() {
    let place = Place::of(2);
    let options = ["--", "--keep-permissions", "--hold", "20ms"];
    let mut command = place.demo(&[&["2", "--in", "here"][..], &options].concat());
    command.stdin(Stdio::piped());
    let mut demo = Running::start(&place, command);
    demo.wait_for("Left out are");
    for wanted in ["1| x: req<2,1> sent to 2", "1| x: all permissions kept"] {
        demo.send_line("1 x");
        demo.wait_for(wanted);
        let entries = if wanted.contains("kept") { 2 } else { 1 };
        wait_until("the end of the entry", || {
            demo.printed().matches("1| Process exited CS").count() == entries
        });
    }
    demo.end_input();
    assert_eq!(demo.status(), Some(0));
    place.wait_until_clean();
}

#[test]
fn in_tmux_each_process_has_a_pane_and_quitting_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let place = Place::of(3);
    place.demo_in_tmux(&terminal);
    terminal.press(&["x"]);
    terminal.wait_for("HELD");
    terminal.press(&["M-Left", "C-c"]);
    let picture = terminal.wait_for("Enter closes this.");
    assert!(picture.contains("entries 1"), "{picture}");
    terminal.press(&["F10"]);
    terminal.wait_for("status: 0");
    place.wait_until_clean();
}

#[test]
fn in_tmux_a_signal_to_the_script_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let place = Place::of(3);
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        terminal.run("clear");
        place.demo_in_tmux(&terminal);
        place.signal(signal);
        terminal.wait_for(&format!("status: {status}"));
        place.wait_until_clean();
    }
}

#[test]
fn in_tmux_closing_the_terminal_ends_them_all() {
    let Some(terminal) = Terminal::open(120, 40) else {
        return;
    };
    let place = Place::of(3);
    place.demo_in_tmux(&terminal);
    terminal.hang_up();
    place.wait_until_clean();
}

/// Starts the demo of one process in windows of this terminal program.
fn in_windows(place: &Place, terminal_program: &str) -> Running {
    let program = place.folder.path().join("gnome-terminal");
    fs::write(&program, terminal_program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let folder = place.folder.path().display();
    let mut command = place.demo(&["1", "--in", "windows"]);
    command
        .env("PATH", format!("{folder}:{path}"))
        .env("DISPLAY", ":987")
        .env_remove("WAYLAND_DISPLAY");
    Running::start(place, command)
}

#[test]
fn in_windows_a_signal_to_the_script_ends_them_all() {
    let place = Place::of(1);
    // A terminal program that leaves its windows to another process, and ends.
    let mut demo = in_windows(&place, "#!/bin/sh\nshift 2\nsetsid \"$@\" &\n");
    demo.wait_for("The windows are open");
    demo.terminate();
    assert_eq!(demo.status(), Some(143));
    place.wait_until_clean();
}

#[test]
fn without_windows_it_names_another_way() {
    let place = Place::of(1);
    let mut demo = in_windows(&place, "#!/bin/sh\nexit 1\n");
    demo.wait_for("no windows on the display ':987'; try --in here");
    assert_eq!(demo.status(), Some(1));
    place.wait_until_clean();
}

/// Checks that the status is 2 and that this is printed.
fn is_refused(place: &Place, command: Command, wanted: &str) {
    let mut demo = Running::start(place, command);
    assert_eq!(demo.status(), Some(2), "{wanted}");
    assert!(demo.printed().contains(wanted), "{wanted}");
}

#[test]
fn wrong_arguments_are_refused() {
    let place = Place::of(1);
    for (arguments, wanted) in [
        (&["0"][..], "N is a number from 1 to 99"),
        (&["many"], "N is a number from 1 to 99"),
        (&["--in", "space"], "not 'space'"),
        (&["--in"], "--in takes tmux, windows or here"),
        // The test has no terminal.
        (&["--in", "tmux"], "try --in here"),
    ] {
        is_refused(&place, place.demo(arguments), wanted);
    }
}

#[test]
fn an_invalid_port_is_refused() {
    let place = Place::of(1);
    for port in ["0", "65001", "070", "-1", "1 2", "http"] {
        let mut command = place.demo(&["--cases"]);
        command.env("TURNO_PORT", port);
        is_refused(&place, command, &format!("from 1 to 65000, not '{port}'"));
    }
}
