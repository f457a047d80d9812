//! The measured processes, and their commands.

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::figures::{Contention, Run};
use super::worker::{BATCH, MARGIN};

/// A process of this program.
struct Process {
    child: Child,
    /// Closing it ends the process.
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it is piped");
        let stdout = BufReader::new(stdout);
        Ok(Process {
            child,
            stdin,
            stdout,
        })
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().expect("it is open until the drop");
        writeln!(stdin, "{line}")
    }

    fn read(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stdout.read_line(&mut line)? == 0 {
            let ended = self.child.wait()?;
            let text = format!("a measured process has ended: {ended}");
            return Err(io::Error::other(text));
        }
        Ok(line)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stdin = None;
        // A failure was reported before, or does not matter.
        let _ = self.child.wait();
    }
}

/// Processes that are measured together. If only one enters, it is the first.
pub struct Group(Vec<Process>);

impl Group {
    /// Starts one process for each list of arguments.
    pub fn start(arguments: &[Vec<String>]) -> io::Result<Self> {
        let processes = arguments.iter().map(|it| Process::start(it));
        let mut group = Group(processes.collect::<io::Result<_>>()?);
        for process in &mut group.0 {
            process.read()?;
        }
        Ok(group)
    }

    /// One process enters this often, a new lock each time.
    pub fn first(&mut self, count: u32) -> io::Result<Run> {
        self.run("first", count, 1)
    }

    /// One process enters this often, always the same lock.
    pub fn again(&mut self, count: u32) -> io::Result<Run> {
        self.run("again", count, BATCH)
    }

    fn run(&mut self, kind: &str, count: u32, batch: u32) -> io::Result<Run> {
        let samples = count / batch;
        let before = self.processor_time()?;
        self.0[0].send(&format!("{kind} {samples}"))?;
        let answer = self.0[0].read()?;
        let used = self.processor_time()? - before;
        Ok(Run {
            samples: numbers(&answer)?,
            processor: used / f64::from(samples * batch),
        })
    }

    /// All processes enter the same lock for this long.
    pub fn contend(&mut self, length: Duration) -> io::Result<Contention> {
        let begin = SystemTime::now() + MARGIN;
        let begin = begin.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let line = format!("contend {} {}", begin.as_nanos(), length.as_nanos());
        for process in &mut self.0 {
            process.send(&line)?;
        }
        let (mut entries, mut processor) = (Vec::new(), 0.0);
        for process in &mut self.0 {
            let answer = numbers(&process.read()?)?;
            entries.push(answer[0]);
            processor += answer[1];
        }
        Ok(Contention {
            length,
            entries,
            processor,
        })
    }

    /// In nanoseconds, of all processes together.
    fn processor_time(&mut self) -> io::Result<f64> {
        let mut sum = 0.0;
        for process in &mut self.0 {
            process.send("processor")?;
            sum += numbers(&process.read()?)?[0];
        }
        Ok(sum)
    }
}

fn numbers(line: &str) -> io::Result<Vec<f64>> {
    let numbers = line.split_whitespace().map(|it| it.parse());
    numbers.collect::<Result<_, _>>().map_err(io::Error::other)
}

/// Free UDP ports of this host. If another program takes one before its use, the process
/// ends with an error.
pub fn free_ports(count: u16) -> io::Result<Vec<u16>> {
    let sockets = (0..count).map(|_| UdpSocket::bind("127.0.0.1:0"));
    let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
    let port = |socket: &UdpSocket| Ok(socket.local_addr()?.port());
    sockets.iter().map(port).collect()
}
