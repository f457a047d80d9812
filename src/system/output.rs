//! Writing to somebody who may not be reading: the loop must never wait for a
//! pager, a frozen connection or a full pipe.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::system::readiness;
use crate::system::retry_interrupted;
use crate::system::terminal::reopen;

/// How much is kept for a reader that does not read.
const MOST_KEPT: usize = 1 << 20;

/// How much is written at once: what a pipe takes whole if it takes anything
/// (POSIX: at least 512 bytes).
const PIECE: usize = 512;

/// How long the last words may take.
const PARTING: Duration = Duration::from_secs(1);

/// When it is tried again while the reader does not read.
const AGAIN: Duration = Duration::from_millis(50);

/// Standard output, of which no write waits.
#[derive(Debug)]
pub struct Output {
    device: Device,
    kept: Vec<u8>,
    label: Option<String>,
    /// How many lines were left out because nobody read.
    left_out: u64,
}

#[derive(Debug)]
enum Device {
    /// A terminal, opened once more and non-blocking.
    Terminal(File),
    /// Anything else. It is shared with others, so it stays as it is, and is
    /// written to only when it can take a piece.
    Shared(io::Stdout),
}

impl Output {
    /// Standard output. Each line begins with `label|` if there is a label, so
    /// that the lines of several programs can be told apart in one place.
    #[must_use]
    pub fn standard(label: Option<String>) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal().then(|| reopen(&stdout));
        Output {
            device: match terminal {
                Some(Ok(terminal)) => Device::Terminal(terminal),
                _ => Device::Shared(stdout),
            },
            kept: Vec::new(),
            label,
            left_out: 0,
        }
    }

    /// A line, written at once if the reader reads, else kept for it.
    ///
    /// # Errors
    /// The system's, when there is no reader any more.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        if self.kept.len() + line.len() > MOST_KEPT {
            self.left_out += 1;
            return Ok(());
        }
        self.keep(line);
        self.flush()
    }

    /// Writes what was kept, as far as the reader reads.
    ///
    /// # Errors
    /// The system's, when there is no reader any more.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() && self.device.takes_a_piece()? {
            let piece = &self.kept[..self.kept.len().min(PIECE)];
            match self.device.write(piece) {
                Ok(written) => drop(self.kept.drain(..written)),
                // A disk that is full may have room again; the group does not wait.
                Err(error) if is_for_now(&error) => break,
                Err(error) => return Err(error),
            }
            if self.kept.is_empty() && self.left_out > 0 {
                let left_out = std::mem::take(&mut self.left_out);
                self.keep(&format!(
                    "({left_out} lines were left out: nobody took them)"
                ));
            }
        }
        Ok(())
    }

    /// When to flush again; none when nothing is kept.
    #[must_use]
    pub fn next_flush(&self) -> Option<Instant> {
        (!self.kept.is_empty()).then(|| Instant::now() + AGAIN)
    }

    /// Gives the reader a last moment to read what was kept.
    pub fn close(&mut self) {
        let end = Instant::now() + PARTING;
        while self.flush().is_ok() && !self.kept.is_empty() && Instant::now() < end {
            std::thread::sleep(AGAIN);
        }
    }

    fn keep(&mut self, line: &str) {
        if let Some(label) = &self.label {
            self.kept.extend(label.bytes().chain(*b"| "));
        }
        self.kept.extend(line.bytes());
        self.kept.push(b'\n');
    }
}

fn is_for_now(error: &io::Error) -> bool {
    use ErrorKind::{QuotaExceeded, StorageFull, WouldBlock};
    matches!(error.kind(), WouldBlock | StorageFull | QuotaExceeded)
}

impl Device {
    fn takes_a_piece(&self) -> io::Result<bool> {
        let ready = match self {
            // It says itself when it takes no more.
            Device::Terminal(_) => return Ok(true),
            Device::Shared(stdout) => readiness(stdout, PollFlags::OUT)?,
        };
        Ok(!ready.is_empty())
    }

    fn write(&self, piece: &[u8]) -> io::Result<usize> {
        retry_interrupted(|| {
            Ok(match self {
                Device::Terminal(terminal) => rustix::io::write(terminal, piece)?,
                Device::Shared(stdout) => rustix::io::write(stdout, piece)?,
            })
        })
    }
}
