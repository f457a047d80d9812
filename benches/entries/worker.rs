//! A measured process: it executes commands, one per line, and answers each with a line.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Something that can be entered and left.
pub trait Work {
    /// Enters, and leaves at once.
    ///
    /// # Errors
    /// `TimedOut`: the entry did not succeed, and may be tried again. Every other error
    /// ends the process.
    fn entry(&mut self, kind: Kind) -> io::Result<()>;
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The lock was never used before.
    First,
    /// This process was the last holder of the lock.
    Again,
    /// All processes ask for the lock.
    Contended,
}

/// How many repeated entries are timed together, because one takes about as long as
/// reading the clock.
pub const BATCH: u32 = 100;

/// How long all processes enter before and after the measured time, so that none is
/// alone within it.
pub const MARGIN: Duration = Duration::from_millis(50);

/// Executes the commands of standard input until its end.
pub fn serve(mut work: impl Work) -> io::Result<()> {
    answer_lines(|words| match *words {
        ["first", count] => samples(parse(count)?, 1, || work.entry(Kind::First)),
        ["again", count] => samples(parse(count)?, BATCH, || work.entry(Kind::Again)),
        ["contend", begin, length] => {
            let begin = UNIX_EPOCH + Duration::from_nanos(parse(begin)?);
            contend(&mut work, begin, Duration::from_nanos(parse(length)?))
        }
        _ => other(words),
    })
}

/// Executes a command that every process knows.
pub fn other(words: &[&str]) -> io::Result<String> {
    match *words {
        ["processor"] => Ok(processor_time().as_nanos().to_string()),
        _ => Err(io::Error::other(format!("unknown command: {words:?}"))),
    }
}

/// Reports that it is ready, and answers each line until the end of the input.
pub fn answer_lines(mut answer: impl FnMut(&[&str]) -> io::Result<String>) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "ready")?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        let answer = answer(&words)?;
        writeln!(stdout, "{answer}")?;
    }
    Ok(())
}

fn parse(number: &str) -> io::Result<u64> {
    number.parse().map_err(io::Error::other)
}

/// The nanoseconds of each entry, from its start to the start of the next: work that an
/// entry leaves behind delays the next one.
fn samples(
    count: u64,
    batch: u32,
    mut entry: impl FnMut() -> io::Result<()>,
) -> io::Result<String> {
    let mut samples = Vec::with_capacity(usize::try_from(count).map_err(io::Error::other)?);
    let mut before = Instant::now();
    for _ in 0..count {
        for _ in 0..batch {
            retry_timed_out(&mut entry)?;
        }
        let after = Instant::now();
        let nanos = (after - before).as_nanos() as f64 / f64::from(batch);
        samples.push(format!("{nanos:.1}"));
        before = after;
    }
    Ok(samples.join(" "))
}

/// Tries an entry again if it timed out; the time of both counts.
fn retry_timed_out(mut entry: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match entry() {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            outcome => return outcome,
        }
    }
}

/// Enters as often as possible. Returns how often, and with how much processor time,
/// within the measured time.
fn contend(work: &mut impl Work, begin: SystemTime, length: Duration) -> io::Result<String> {
    let end = begin + length;
    let mut entries = 0;
    let (mut at_begin, mut at_end) = (None, None);
    loop {
        let outcome = work.entry(Kind::Contended);
        let now = SystemTime::now();
        if now >= begin {
            at_begin.get_or_insert_with(processor_time);
        }
        if now >= end {
            at_end.get_or_insert_with(processor_time);
        }
        match outcome {
            Ok(()) => entries += u64::from(now >= begin && now < end),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Err(error) => return Err(error),
        }
        if now >= end + MARGIN {
            break;
        }
    }
    let used = at_end
        .unwrap_or_default()
        .saturating_sub(at_begin.unwrap_or_default());
    Ok(format!("{entries} {}", used.as_nanos()))
}

/// The processor time of this process, all threads, since its start.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}
