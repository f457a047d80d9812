//! The request for a lock, as the client sends it to its agent.

use std::ffi::OsString;
use std::time::Duration;

use super::{LockOptions, WaitLimit, outer_turns};
use crate::agent::protocol::Ask;
use crate::system::millis;

/// How much of a command is sent to the agent, in bytes.
const MAX_SHOWN: usize = 4096;

/// The request of a client that has waited this long for an agent.
pub(super) fn ask(options: &LockOptions, waited: Duration) -> Ask {
    let wait_ms = match options.wait_limit {
        WaitLimit::AtMost(time) => Some(millis(time.saturating_sub(waited))),
        WaitLimit::AtOnce | WaitLimit::Unlimited => None,
    };
    let under = outer_turns::all();
    Ask {
        name: options.lock.as_str().to_owned(),
        shared: options.is_shared,
        at_once: options.wait_limit == WaitLimit::AtOnce,
        wait_ms,
        command: shown(&options.command),
        outer: outer_turns::innermost(&under, &options.lock),
        reentrant: options.is_reentrant,
        no_command: false,
        under,
    }
}

/// The beginning of a command, for `turno status`.
fn shown(command: &[OsString]) -> Vec<String> {
    let mut left = MAX_SHOWN;
    let mut shown = Vec::new();
    for argument in command {
        let mut argument = argument.to_string_lossy().into_owned();
        if argument.len() > left {
            while !argument.is_char_boundary(left) {
                left -= 1;
            }
            argument.truncate(left);
            argument.push('…');
            shown.push(argument);
            break;
        }
        left = left.saturating_sub(argument.len() + 1);
        shown.push(argument);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_cut() {
        let command = ["rsync", "-a", "from", "to"].map(OsString::from);
        assert_eq!(shown(&command), ["rsync", "-a", "from", "to"]);
        let long = ["x".into(), "é".repeat(10_000).into(), "y".into()];
        let shown = shown(&long);
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[1], format!("{}…", "é".repeat((4096 - 2) / 2)));
    }
}
