//! Output to a reader that may not read: the loop must never wait for a pager, a frozen
//! connection or a full pipe.

use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::system::readiness;
use crate::system::retry_interrupted;
use crate::system::terminal::reopen;

/// How many bytes are kept for a reader that does not read.
const MAX_KEPT: usize = 1 << 20;

/// How many bytes are written at once: a pipe takes all of these or none (POSIX: at least
/// 512 bytes).
const PIECE: usize = 512;

/// How long the reader has to read the last lines.
const CLOSING: Duration = Duration::from_secs(1);

/// When a write is tried again while the reader does not read.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// Standard output without waiting.
#[derive(Debug)]
pub struct Output {
    device: Device,
    kept: Vec<u8>,
    label: Option<String>,
    /// How many lines were left out because the reader did not read.
    left_out: u64,
}

#[derive(Debug)]
enum Device {
    /// A terminal, opened again and non-blocking.
    Terminal(File),
    /// Anything else. Other processes share it, so its flags stay as they are, and we write
    /// only when it can take a piece.
    Shared(io::Stdout),
}

impl Output {
    /// Standard output. Each line begins with `label|` if there is a label, to distinguish
    /// the lines of several programs in one place.
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

    /// Writes a line at once if the reader reads, else keeps it.
    ///
    /// # Errors
    /// Those of the system: the reader is gone.
    pub fn write_line(&mut self, line: &str) -> io::Result<()> {
        if self.kept.len() + line.len() > MAX_KEPT {
            self.left_out += 1;
            return Ok(());
        }
        self.keep(line);
        self.flush()
    }

    /// Writes the kept lines, as far as the reader reads.
    ///
    /// # Errors
    /// Those of the system: the reader is gone.
    pub fn flush(&mut self) -> io::Result<()> {
        while !self.kept.is_empty() && self.device.takes_a_piece()? {
            let piece = &self.kept[..self.kept.len().min(PIECE)];
            match self.device.write(piece) {
                Ok(written) => drop(self.kept.drain(..written)),
                // A full disk may have room later; the group must not wait for it.
                Err(error) if is_temporary(&error) => break,
                Err(error) => return Err(error),
            }
            if self.kept.is_empty() && self.left_out > 0 {
                let left_out = std::mem::take(&mut self.left_out);
                self.keep(&format!(
                    "({left_out} lines were left out: the reader did not take them)"
                ));
            }
        }
        Ok(())
    }

    /// When to flush again. `None` if nothing is kept.
    #[must_use]
    pub fn next_flush(&self) -> Option<Instant> {
        (!self.kept.is_empty()).then(|| Instant::now() + RETRY_AFTER)
    }

    /// Gives the reader a last moment to read the kept lines.
    pub fn close(&mut self) {
        let end = Instant::now() + CLOSING;
        while self.flush().is_ok() && !self.kept.is_empty() && Instant::now() < end {
            std::thread::sleep(RETRY_AFTER);
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

fn is_temporary(error: &io::Error) -> bool {
    use ErrorKind::{QuotaExceeded, StorageFull, WouldBlock};
    matches!(error.kind(), WouldBlock | StorageFull | QuotaExceeded)
}

impl Device {
    fn takes_a_piece(&self) -> io::Result<bool> {
        let ready = match self {
            // It is non-blocking.
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
