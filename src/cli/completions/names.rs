//! `turno complete-names`: what a shell asks for while a user types.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, Args, Command, CommandFactory};

use crate::agent::protocol::{AgentStatus, Answer, ClientMessage};
use crate::agent::socket_path;
use crate::cli::status;

/// How long the agent may take. A user who types does not wait longer.
const MAX_WAIT: Duration = Duration::from_millis(1500);

/// Print the names, one a line, that can stand at the end of a command line.
///
/// Exit codes: 0 a name of a lock or a member is to stand there, 1 something else is.
#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The words after turno; the last one is to be completed, and may be empty
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lock,
    Member,
}

impl Arguments {
    pub(in crate::cli) fn run(self) -> ExitCode {
        let mut command = crate::cli::Arguments::command();
        command.build();
        let (awaited, socket) = awaited(&command, &self.words);
        let Some(kind) = awaited.and_then(kind) else {
            return ExitCode::FAILURE;
        };
        let names = names(kind, socket.map(PathBuf::from));
        let text: String = names.iter().map(|name| format!("{name}\n")).collect();
        // The shell may not wait.
        let _ = io::stdout().write_all(text.as_bytes());
        ExitCode::SUCCESS
    }
}

/// The argument that the last word is of, and the socket that the words name.
fn awaited<'a>(root: &'a Command, words: &'a [String]) -> (Option<&'a Arg>, Option<&'a str>) {
    let mut command = root;
    let mut place = 1;
    let mut only_values = false;
    let mut pending: Option<&Arg> = None;
    let mut socket = None;
    let Some((_, before)) = words.split_last() else {
        return (None, None);
    };
    for word in before {
        if let Some(option) = pending.take() {
            if option.get_long() == Some("socket") {
                socket = Some(word.as_str());
            }
        } else if only_values || !word.starts_with('-') || word == "-" {
            match command.find_subcommand(word) {
                Some(sub) if place == 1 && !only_values => command = sub,
                _ => place += 1,
            }
        } else if word == "--" {
            only_values = true;
        } else if let Some(long) = word.strip_prefix("--") {
            let mut options = command.get_arguments();
            match long.split_once('=') {
                Some(("socket", path)) => socket = Some(path),
                Some(_) => {}
                None => pending = options.find(|it| it.get_long() == Some(long) && takes_value(it)),
            }
        } else {
            let last = word.chars().last();
            let mut options = command.get_arguments();
            pending = options.find(|it| it.get_short() == last && takes_value(it));
        }
    }
    let is_option = words.last().is_some_and(|word| word.starts_with('-')) && !only_values;
    let awaited = match pending {
        Some(option) => Some(option),
        None if is_option => None,
        None => positional(command, place),
    };
    (awaited, socket)
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

/// The positional argument at this place, from 1; the last one may take several.
fn positional(command: &Command, place: usize) -> Option<&Arg> {
    let all: Vec<&Arg> = command.get_positionals().collect();
    let last = all.last().copied().filter(|it| {
        it.get_num_args()
            .is_some_and(|range| range.max_values() > 1)
    });
    all.get(place - 1).copied().or(last)
}

/// By the name that the help has for its value.
fn kind(argument: &Arg) -> Option<Kind> {
    match argument.get_value_names()?.first()?.as_str() {
        "NAME" if argument.is_positional() => Some(Kind::Lock),
        "MEMBER" => Some(Kind::Member),
        _ => None,
    }
}

/// The names that the agent knows. None if it does not answer: a shell shows no message.
fn names(kind: Kind, socket: Option<PathBuf>) -> Vec<String> {
    let socket = socket.unwrap_or_else(socket_path::for_client);
    let question = match kind {
        Kind::Lock => ClientMessage::Group {
            lock: None,
            brief: true,
        },
        Kind::Member => ClientMessage::Status {},
    };
    let Some(Answer::Status(status)) = status::answer_within(&socket, &question, MAX_WAIT) else {
        return Vec::new();
    };
    let mut names = match kind {
        Kind::Lock => locks(&status),
        Kind::Member => members(&status),
    };
    // A name that a terminal would obey is no name that turno has made.
    names.retain(|name| !name.is_empty() && !name.chars().any(char::is_control));
    names.sort_unstable();
    names.dedup();
    names
}

fn locks(status: &AgentStatus) -> Vec<String> {
    let of_node = status.node.locks.iter().map(|lock| lock.name.clone());
    let of_group = status.group.iter().flat_map(|group| &group.locks);
    of_node
        .chain(of_group.map(|lock| lock.name.clone()))
        .collect()
}

fn members(status: &AgentStatus) -> Vec<String> {
    let peers = status.node.peers.iter();
    let name = |peer: &crate::PeerStatus| match peer.is_named {
        true => peer.called.clone(),
        false => peer.name.clone(),
    };
    peers.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_at(line: &[&str]) -> Option<Kind> {
        let mut command = crate::cli::Arguments::command();
        command.build();
        let words: Vec<String> = line.iter().map(|&word| word.to_owned()).collect();
        awaited(&command, &words).0.and_then(kind)
    }

    #[test]
    fn a_lock_is_awaited_where_its_name_stands_whatever_options_come_before() {
        let lock = Some(Kind::Lock);
        assert_eq!(kind_at(&["lock", ""]), lock);
        assert_eq!(kind_at(&["lock", "ni"]), lock);
        assert_eq!(kind_at(&["lock", "-n", "ni"]), lock);
        assert_eq!(kind_at(&["lock", "-w", "30", "ni"]), lock);
        assert_eq!(kind_at(&["lock", "--wait=30", "-v", "--", "-ni"]), lock);
        assert_eq!(kind_at(&["lock", "-vw", "5", "ni"]), lock);
        assert_eq!(kind_at(&["status", "--json", ""]), lock);
    }

    #[test]
    fn neither_options_nor_their_values_nor_the_command_are_names() {
        for line in [
            &["lock", "-"][..],
            &["lock", "-w", ""],
            &["lock", "nightly", ""],
            &["lock", "nightly", "--", "ls", ""],
            &["lock", "--socket", ""],
            &["agent", ""],
            &["key", ""],
            &["lo"],
            &[""],
            &[],
        ] {
            assert_eq!(kind_at(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_member_is_awaited_after_an_option_that_takes_one() {
        assert_eq!(
            kind_at(&["agent", "--adopt-list", "--without", "be"]),
            Some(Kind::Member)
        );
        assert_eq!(kind_at(&["agent", "--without", "beta", ""]), None);
    }

    #[test]
    fn the_socket_on_the_line_is_the_one_that_is_asked() {
        let mut command = crate::cli::Arguments::command();
        command.build();
        for line in [
            ["lock", "--socket", "/s", ""],
            ["lock", "--socket=/s", "-v", ""],
        ] {
            let words = line.map(str::to_owned);
            assert_eq!(awaited(&command, &words).1, Some("/s"));
        }
    }
}
