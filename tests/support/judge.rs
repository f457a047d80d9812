//! Judges a group by what its critical section heard: beginnings and ends
//! alternate, every entry's token is above all before it, nobody was refused.

use std::collections::BTreeMap;

use turno::internals::wire::{BEGINS, ENDS};

/// How often each process entered.
pub type Entries = BTreeMap<usize, usize>;

/// What a test has a `turno shared` print when it has killed a process: then its
/// entry is over, though it never said so.
pub fn obituary(id: usize) -> String {
    format!("process {id} was killed")
}

/// Judges the lines of a `turno shared`.
///
/// # Errors
/// What is wrong, and the line that shows it.
pub fn judge(lines: &[String]) -> Result<Entries, String> {
    let mut judge = Judge::default();
    for line in lines {
        judge
            .hear(line)
            .map_err(|wrong| format!("{wrong}: {line}"))?;
    }
    Ok(judge.entries)
}

#[derive(Default)]
struct Judge {
    entries: Entries,
    inside: Option<usize>,
    /// Was killed in the section, and nobody has entered since; or just now.
    died_inside: Option<usize>,
    may_overlap: Option<usize>,
    /// The highest clock so far. An end's counts too: the next holder has heard
    /// it.
    highest: u64,
}

impl Judge {
    fn hear(&mut self, line: &str) -> Result<(), String> {
        if let Some((id, clock, text)) = message(line) {
            return match text {
                BEGINS => self.begins(id, clock),
                ENDS => self.ends(id, clock),
                _ => Err("nobody says that".into()),
            };
        }
        if let Some(id) = self.inside
            && line.contains(&obituary(id))
        {
            self.inside = None;
            self.died_inside = Some(id);
        }
        if let Some(rest) = line.strip_prefix("overlap: process ") {
            let late = rest.split(' ').next().and_then(|id| id.parse().ok());
            // Of the dead nothing else can be expected.
            if late.is_none() || self.may_overlap.take() != late {
                return Err("two at once".into());
            }
        }
        if line.starts_with("refused") && line != "refused 0" {
            return Err("somebody came too late".into());
        }
        Ok(())
    }

    fn begins(&mut self, id: usize, clock: u64) -> Result<(), String> {
        if let Some(inside) = self.inside {
            return Err(format!("{inside} is still inside"));
        }
        if clock <= self.highest {
            return Err(format!("the clock was at {} before", self.highest));
        }
        self.may_overlap = self.died_inside.take();
        *self.entries.entry(id).or_default() += 1;
        self.inside = Some(id);
        self.highest = clock;
        Ok(())
    }

    fn ends(&mut self, id: usize, clock: u64) -> Result<(), String> {
        if self.inside.take() != Some(id) {
            return Err(format!("{id} is not inside"));
        }
        if clock < self.highest {
            return Err(format!("it entered at {}", self.highest));
        }
        self.highest = clock;
        Ok(())
    }
}

/// `[PID: 1, Clock: 5] text`.
fn message(line: &str) -> Option<(usize, u64, &str)> {
    let (id, rest) = line.strip_prefix("[PID: ")?.split_once(", Clock: ")?;
    let (clock, text) = rest.split_once("] ")?;
    Some((id.parse().ok()?, clock.parse().ok()?, text))
}
