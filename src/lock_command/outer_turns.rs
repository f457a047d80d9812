//! The turns under which this process runs: each `turno lock` adds its own to the
//! environment of its command.

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::LockName;
use crate::agent::protocol::Turn;

/// The environment variable: a line a turn, the outermost first, with the token, the device
/// and the inode of the record, and the name of the lock, which has no line breaks.
pub(super) const VARIABLE: &str = "TURNO_HELD";

/// The turn of an entry.
pub(super) fn turn(lock: &LockName, token: u64, record: &File) -> io::Result<Turn> {
    let metadata = record.metadata()?;
    Ok(Turn {
        name: lock.as_str().to_owned(),
        token,
        device: metadata.dev(),
        inode: metadata.ino(),
    })
}

/// All turns in the environment, the outermost first. They may have ended:
/// the agent knows.
pub(super) fn all() -> Vec<Turn> {
    let turns = env::var(VARIABLE).unwrap_or_default();
    turns.lines().filter_map(parse).collect()
}

/// The innermost of these turns with this lock, if there is one.
pub(super) fn innermost(turns: &[Turn], lock: &LockName) -> Option<Turn> {
    let mut turns = turns.iter();
    turns.rfind(|turn| turn.name == lock.as_str()).cloned()
}

/// The value of the variable for what runs under this turn, too.
pub(super) fn with(turn: &Turn) -> String {
    let outer = all();
    let lines: Vec<String> = outer.iter().chain([turn]).map(line).collect();
    lines.join("\n")
}

fn line(turn: &Turn) -> String {
    let Turn {
        name,
        token,
        device,
        inode,
    } = turn;
    format!("{token} {device}:{inode} {name}")
}

fn parse(line: &str) -> Option<Turn> {
    let mut words = line.splitn(3, ' ');
    let token = words.next()?.parse().ok()?;
    let (device, inode) = words.next()?.split_once(':')?;
    Some(Turn {
        name: words.next()?.to_owned(),
        token,
        device: device.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_read_as_it_was_written_whatever_its_name() {
        for name in ["nightly", "", "disk 7 : ", "  é"] {
            let turn = Turn {
                name: name.to_owned(),
                token: 17,
                device: 25,
                inode: u64::MAX,
            };
            assert_eq!(parse(&line(&turn)), Some(turn));
        }
        for damaged in ["", "17", "17 25", "17 25:x a", "x 25:1 a", "17 25:1"] {
            assert_eq!(parse(damaged), None, "{damaged}");
        }
    }
}
