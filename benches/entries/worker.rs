//! A measured process: it does what it is told, line by line, and answers each
//! line with one of its own.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Something that can be entered and left.
pub trait Work {
    /// Enters, and leaves at once.
    ///
    /// # Errors
    /// Of kind `TimedOut`: it was not had, and may be tried again. All others end
    /// the process.
    fn entry(&mut self, kind: Kind) -> io::Result<()>;
}

/// Which entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a lock that nobody has used before.
    First,
    /// Of one that this process has used last.
    Again,
    /// Of one that all want.
    Contended,
}

/// A repeated entry takes about as long as to look at the clock: so many are timed
/// together.
pub const BATCH: u32 = 100;

/// For how long all go on before and after the time that counts, so that nobody
/// is alone within it.
pub const MARGIN: Duration = Duration::from_millis(50);

/// Does what standard input says, until it ends.
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

/// What every process answers, whatever it does.
pub fn other(words: &[&str]) -> io::Result<String> {
    match *words {
        ["processor"] => Ok(processor_time().as_nanos().to_string()),
        _ => Err(io::Error::other(format!("not understood: {words:?}"))),
    }
}

/// Says that it is ready, and answers each line until there are no more.
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

/// The nanoseconds that each took, from before one to before the next: what is
/// left to be done behind an entry's back delays the next one.
fn samples(
    count: u64,
    batch: u32,
    mut entry: impl FnMut() -> io::Result<()>,
) -> io::Result<String> {
    let mut samples = Vec::with_capacity(usize::try_from(count).map_err(io::Error::other)?);
    let mut before = Instant::now();
    for _ in 0..count {
        for _ in 0..batch {
            until_had(&mut entry)?;
        }
        let after = Instant::now();
        let nanos = (after - before).as_nanos() as f64 / f64::from(batch);
        samples.push(format!("{nanos:.1}"));
        before = after;
    }
    Ok(samples.join(" "))
}

/// Once more, if it was not had: the time counts.
fn until_had(mut entry: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match entry() {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            outcome => return outcome,
        }
    }
}

/// Enters as often as it can; how often and with how much processor time within
/// the time that counts.
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

/// Of all threads of this process since it began.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(seconds, nanos)
}
