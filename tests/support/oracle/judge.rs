//! Judges a group by what its critical section received: beginnings and ends
//! alternate, each entry's token is above all before it, no message was refused.

use std::collections::BTreeMap;

use turno::internals::wire::{BEGINS, ENDS};

/// How often each process entered.
pub type Entries = BTreeMap<usize, usize>;

/// What a test makes a `turno shared` print when it has killed a process: the
/// entry of that process is over, although it never sent its end.
pub fn death_notice(id: usize) -> String {
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
            .read(line)
            .map_err(|wrong| format!("{wrong}: {line}"))?;
    }
    Ok(judge.entries)
}

#[derive(Default)]
struct Judge {
    entries: Entries,
    inside: Option<usize>,
    /// The process that was killed in the section, if none has entered since.
    died_inside: Option<usize>,
    /// The process whose end may be missing when the next one begins.
    may_overlap: Option<usize>,
    /// The highest clock so far. The clock of an end counts too, because the next
    /// holder has received it.
    highest: u64,
}

impl Judge {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some((id, clock, text)) = message(line) {
            return match text {
                BEGINS => self.begins(id, clock),
                ENDS => self.ends(id, clock),
                _ => Err("no process sends that".into()),
            };
        }
        if let Some(id) = self.inside
            && line.contains(&death_notice(id))
        {
            self.inside = None;
            self.died_inside = Some(id);
        }
        if let Some(rest) = line.strip_prefix("overlap: process ") {
            let late = rest.split(' ').next().and_then(|id| id.parse().ok());
            // Of a killed process nothing else can be expected.
            if late.is_none() || self.may_overlap.take() != late {
                return Err("two at once".into());
            }
        }
        if line.starts_with("refused") && line != "refused 0" {
            return Err("a message came too late".into());
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

/// Parses `[PID: 1, Clock: 5] text`.
pub fn message(line: &str) -> Option<(usize, u64, &str)> {
    let (id, rest) = line.strip_prefix("[PID: ")?.split_once(", Clock: ")?;
    let (clock, text) = rest.split_once("] ")?;
    Some((id.parse().ok()?, clock.parse().ok()?, text))
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let begins = |id: usize, clock: u64| format!("[PID: {id}, Clock: {clock}] {BEGINS}");
    let ends = |id: usize, clock: u64| format!("[PID: {id}, Clock: {clock}] {ENDS}");
    let overlap = |id: usize| format!("overlap: process {id} has not said that it left");
    let died = |id: usize| format!("undecodable, it begins with none: \"{}\"", death_notice(id));
    for (lines, is_right) in [
        (
            vec![begins(1, 5), ends(1, 6), begins(2, 7), ends(2, 7)],
            true,
        ),
        (vec![begins(1, 5), ends(1, 6), begins(2, 6)], false),
        (vec![begins(1, 5), ends(1, 9), begins(2, 8)], false),
        (vec![begins(1, 5), begins(2, 7), overlap(1)], false),
        (vec![begins(1, 5), begins(1, 7)], false),
        (vec![begins(1, 5), ends(2, 6)], false),
        (vec![begins(1, 5), ends(1, 6), ends(1, 6)], false),
        (vec![begins(1, 5), ends(1, 4)], false),
        (vec![begins(1, 5), died(1), begins(2, 7), overlap(1)], true),
        (vec![begins(1, 5), died(2), begins(2, 7), overlap(1)], false),
        (
            vec![
                begins(1, 5),
                died(1),
                begins(2, 7),
                overlap(1),
                begins(3, 9),
                overlap(2),
            ],
            false,
        ),
        (
            vec![
                begins(1, 5),
                died(1),
                begins(1, 7),
                begins(2, 9),
                overlap(1),
            ],
            false,
        ),
        (vec!["refused, repeated: ".into()], false),
    ] {
        assert_eq!(judge(&lines).is_ok(), is_right, "{lines:#?}");
    }
}
