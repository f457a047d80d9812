//! The real binary as a child process whose lines can be waited for.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;

/// A running `turno`, its standard input a pipe.
pub struct Program {
    name: String,
    child: Child,
    output: Arc<Output>,
}

/// Runs it to its end: its exit code, and what it printed.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let turno = env!("CARGO_BIN_EXE_turno");
    let output = Command::new(turno).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// What it has printed so far on both its streams, and whether that is all.
#[derive(Default)]
struct Output {
    printed: Mutex<(Vec<String>, usize)>,
    changed: Condvar,
}

const STREAMS: usize = 2;

impl Program {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, arguments, Stdio::piped())
    }

    pub fn start_with(name: &str, arguments: &[&str], input: Stdio) -> Self {
        let mut turno = Command::new(env!("CARGO_BIN_EXE_turno"));
        turno.args(arguments).env_remove("RUST_LOG").stdin(input);
        Self::spawn(name, &mut turno)
    }

    /// Any program.
    pub fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary was built");
        let output = Arc::<Output>::default();
        output.collect(child.stdout.take().unwrap());
        output.collect(child.stderr.take().unwrap());
        Program {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// Writes a line to its standard input.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input is closed");
        writeln!(input, "{line}").expect("it reads its input");
    }

    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).expect("it is running");
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has heard the clock of this peer.
    pub fn is_welcomed_by(&self, peer: usize) {
        let from = format!(",{peer}> received");
        self.wait_until(&format!("{peer}'s welcome"), |lines| {
            let mut lines = lines.iter();
            lines.find_map(|l| (l.contains(&from) && l.contains(": welcome")).then_some(()))
        });
    }

    /// Waits for a line that contains this, and returns the first one.
    pub fn wait_for(&self, wanted: &str) -> String {
        self.wait_for_nth(1, wanted)
    }

    /// Waits for the `n`th line that contains this.
    pub fn wait_for_nth(&self, n: usize, wanted: &str) -> String {
        self.wait_until(&format!("{wanted:?} (number {n})"), |lines| {
            let mut found = lines.iter().filter(|line| line.contains(wanted));
            found.nth(n - 1).cloned()
        })
    }

    /// Waits until its lines have what is wanted.
    pub fn wait_until<T>(&self, wanted: &str, find: impl Fn(&[String]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut printed = self.output.printed();
        loop {
            if let Some(found) = find(&printed.0) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let has_ended = printed.1 == STREAMS;
            if left.is_zero() || has_ended {
                let why = if has_ended { "it ended" } else { "in vain" };
                let lines = printed.0.join("\n");
                drop(printed);
                panic!("{}: waited for {wanted}, {why}:\n{lines}\n", self.name);
            }
            printed = self.output.changed.wait_timeout(printed, left).unwrap().0;
        }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.printed().0.clone()
    }

    /// How many lines so far contain this.
    pub fn count(&self, wanted: &str) -> usize {
        let lines = self.lines();
        lines.iter().filter(|line| line.contains(wanted)).count()
    }

    /// What it says on SIGUSR1. All that it printed before is among its lines
    /// then: what a program has printed is read a little later, so only behind
    /// this are its lines so far a number to count on.
    pub fn so_far(&self) -> String {
        const HEAD: &str = "so far: ";
        let already = self.count(HEAD);
        self.signal(Signal::USR1);
        self.wait_for_nth(already + 1, HEAD)
    }

    /// Where a `turno shared` listens.
    pub fn listens_at(&self) -> String {
        let line = self.wait_for("critical section at ");
        line.rsplit_once(' ').unwrap().1.to_owned()
    }

    /// Waits until it has ended; its status and all its lines.
    pub fn finish(mut self) -> (ExitStatus, Vec<String>) {
        let deadline = Instant::now() + PATIENCE;
        let mut printed = self.output.printed();
        while printed.1 < STREAMS {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{} does not end:\n{}\n",
                self.name,
                printed.0.join("\n")
            );
            printed = self.output.changed.wait_timeout(printed, left).unwrap().0;
        }
        let lines = printed.0.clone();
        drop(printed);
        (self.child.wait().unwrap(), lines)
    }

    /// Ends it in order; all its lines.
    pub fn terminate(self) -> Vec<String> {
        self.signal(Signal::TERM);
        let name = self.name.clone();
        let (status, lines) = self.finish();
        assert_eq!(status.code(), Some(0), "{name}:\n{}", lines.join("\n"));
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let lines = self.lines().join("\n");
            eprintln!("--- {} printed:\n{lines}", self.name);
        }
    }
}

impl Output {
    /// Whoever waited in vain for it has panicked, and it is still what it was.
    fn printed(&self) -> MutexGuard<'_, (Vec<String>, usize)> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn collect(self: &Arc<Self>, stream: impl Read + Send + 'static) {
        let output = Arc::clone(self);
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8(line).expect("it prints UTF-8");
                output.printed().0.push(line);
                output.changed.notify_all();
            }
            output.printed().1 += 1;
            output.changed.notify_all();
        });
    }
}
