//! The language: one table of forms, from which lines are parsed, completed, explained
//! and corrected.

use std::fmt;

use super::suggest::suggestion;
use crate::mutex::NodeId;

/// The largest group: more lanes do not fit on a screen.
pub(super) const MAX_MEMBERS: u16 = 20;

/// What a line orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Starts a group whose nodes know each other's clocks.
    Group {
        members: u16,
        keeps_permissions: bool,
        original: Option<NodeId>,
    },
    Ask(NodeId),
    Leave(NodeId),
    GiveUp(NodeId),
    Tick(NodeId),
    Timer(NodeId),
    Crash(NodeId),
    Start(NodeId),
    StartOriginal(NodeId),
    DeliverAll,
    Deliver(Which),
    Repeat(Which),
    Delay(Which),
    Lose(Which),
    UnderWay,
    States,
    Check,
}

/// A datagram under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The oldest from one member to another.
    Oldest { from: NodeId, to: NodeId },
    /// The one with this number in the list of what is under way.
    Number(u16),
}

/// A way to write a command. Words in capitals stand for numbers.
pub(super) struct Form {
    pub(super) words: &'static str,
    make: fn(&[u16]) -> Command,
}

const fn form(words: &'static str, make: fn(&[u16]) -> Command) -> Form {
    Form { words, make }
}

fn oldest(ids: &[u16]) -> Which {
    Which::Oldest {
        from: NodeId(ids[0]),
        to: NodeId(ids[1]),
    }
}

fn group(members: u16, keeps_permissions: bool, original: Option<u16>) -> Command {
    Command::Group {
        members,
        keeps_permissions,
        original: original.map(NodeId),
    }
}

/// All forms.
pub(super) const FORMS: &[Form] = &[
    form("group N", |n| group(n[0], true, None)),
    form("group N asks everybody", |n| group(n[0], false, None)),
    form("group N original ID", |n| group(n[0], true, Some(n[1]))),
    form("ID x", |n| Command::Ask(NodeId(n[0]))),
    form("ID leaves", |n| Command::Leave(NodeId(n[0]))),
    form("ID gives up", |n| Command::GiveUp(NodeId(n[0]))),
    form("ID ticks", |n| Command::Tick(NodeId(n[0]))),
    form("ID timer", |n| Command::Timer(NodeId(n[0]))),
    form("ID crashes", |n| Command::Crash(NodeId(n[0]))),
    form("ID starts", |n| Command::Start(NodeId(n[0]))),
    form("ID starts as an original", |n| {
        Command::StartOriginal(NodeId(n[0]))
    }),
    form("deliver all", |_| Command::DeliverAll),
    form("deliver NUMBER", |n| Command::Deliver(Which::Number(n[0]))),
    form("deliver FROM TO", |n| Command::Deliver(oldest(n))),
    form("repeat NUMBER", |n| Command::Repeat(Which::Number(n[0]))),
    form("repeat FROM TO", |n| Command::Repeat(oldest(n))),
    form("delay NUMBER", |n| Command::Delay(Which::Number(n[0]))),
    form("delay FROM TO", |n| Command::Delay(oldest(n))),
    form("lose NUMBER", |n| Command::Lose(Which::Number(n[0]))),
    form("lose FROM TO", |n| Command::Lose(oldest(n))),
    form("under way", |_| Command::UnderWay),
    form("states", |_| Command::States),
    form("check", |_| Command::Check),
    // Other orders of the words.
    form("x ID", |n| Command::Ask(NodeId(n[0]))),
    form("crash ID", |n| Command::Crash(NodeId(n[0]))),
    form("start ID", |n| Command::Start(NodeId(n[0]))),
];

/// The commands with their meaning: few enough lines for a small terminal.
pub(super) const HELP: &[&str] = &[
    "group 3                    three nodes that know each other's clocks",
    "group 3 asks everybody     the same, and they keep no permissions",
    "group 3 original 2         as the first, and 2 is a process of the original",
    "1 x, 1 leaves, 1 gives up  it asks for the section, leaves it, cancels its request",
    "1 ticks, 1 timer           its clock ticks; its timer expires: it asks again",
    "1 crashes, 1 starts        it ends at once; it starts again, without memory",
    "1 starts as an original    a process of the original starts in its place",
    "deliver 4, deliver 1 2     number 4 arrives; the oldest from 1 to 2",
    "deliver all                all that is under way, and what that causes",
    "lose, delay, repeat        the same: is lost, comes last, arrives and stays",
    "under way, states, check   lists datagrams, nodes; judges all that happened",
    "undo                       takes the last command back",
    "save, html, svg FILE       writes a script with what it caused, a page, a picture",
    "diagram, rest, quit        the whole diagram; the rest of the file; the end",
];

/// What only the prompt and a pipe understand.
pub(super) const OF_THE_PROMPT: &[&str] = &[
    "undo",
    "save FILE",
    "html FILE",
    "svg FILE",
    "diagram",
    "rest",
    "help",
    "quit",
];

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The column of the first character that is wrong, from 1.
    pub column: usize,
    /// What is wrong, and what could have been meant.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Parses a line.
pub(super) fn parse(line: &str) -> Result<Command, Mistake> {
    let words: Vec<&str> = line.split_whitespace().collect();
    for form in FORMS {
        let pattern: Vec<&str> = form.words.split(' ').collect();
        let is_it = pattern.len() == words.len()
            && pattern.iter().zip(&words).all(|(p, word)| fits(p, word));
        if is_it {
            let mut numbers = Vec::new();
            for (place, (pattern, word)) in pattern.iter().zip(&words).enumerate() {
                if is_placeholder(pattern) {
                    numbers.push(number(pattern, word).map_err(|message| Mistake {
                        column: column(line, place),
                        message,
                    })?);
                }
            }
            return Ok((form.make)(&numbers));
        }
    }
    let (wrong, could_be_next) = first_wrong(&words);
    let message = match words.get(wrong) {
        None => format!("this line goes on: {}", could_be_next.join(", or ")),
        Some(word) => match suggestion(&words) {
            Some(meant) if meant.split(' ').next() == words.first().copied() && wrong == 0 => {
                format!("{:?} is for the prompt: help has its form", cut(word))
            }
            Some(meant) => format!("{:?} is not understood; did you mean {meant:?}?", cut(word)),
            None => format!("{:?} is not understood; help lists the commands", cut(word)),
        },
    };
    Err(Mistake {
        column: column(line, wrong),
        message,
    })
}

/// A word, or its beginning if it is long.
fn cut(word: &str) -> String {
    word.chars().take(40).collect()
}

pub(super) fn is_placeholder(pattern: &str) -> bool {
    pattern.starts_with(char::is_uppercase)
}

/// Whether a word can stand at this place of a form.
fn fits(pattern: &str, word: &str) -> bool {
    if is_placeholder(pattern) {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
    } else {
        pattern.eq_ignore_ascii_case(word)
    }
}

fn number(pattern: &str, word: &str) -> Result<u16, String> {
    let (what, max) = match pattern {
        "N" => ("a group has", MAX_MEMBERS),
        "NUMBER" => ("datagrams have the numbers", u16::MAX),
        _ => ("members have the ids", MAX_MEMBERS),
    };
    let number = word.parse().ok().filter(|n| (1..=max).contains(n));
    number.ok_or_else(|| {
        let unit = if pattern == "N" { " members" } else { "" };
        format!("{what} 1 to {max}{unit}, not {}", cut(word))
    })
}

/// The place of the first word with which no form goes on, and the forms that go on
/// with the words before it.
fn first_wrong(words: &[&str]) -> (usize, Vec<&'static str>) {
    let mut longest = 0;
    let mut forms: Vec<&'static str> = Vec::new();
    for form in FORMS {
        let pattern = form.words.split(' ');
        let same = pattern.zip(words).take_while(|(p, word)| fits(p, word));
        let same = same.count();
        if same > longest {
            longest = same;
            forms.clear();
        }
        if same == longest {
            forms.push(form.words);
        }
    }
    (longest, forms)
}

/// The column of a word, from 1; the end of the line if it has fewer words.
fn column(line: &str, place: usize) -> usize {
    let mut count = 0;
    let mut was_space = true;
    for (at, c) in line.chars().enumerate() {
        if was_space && !c.is_whitespace() {
            if count == place {
                return at + 1;
            }
            count += 1;
        }
        was_space = c.is_whitespace();
    }
    line.trim_end().chars().count() + 1
}

/// The words that may come after these, for completion.
pub(super) fn next_words(before: &[&str], members: u16) -> Vec<String> {
    let mut next: Vec<String> = Vec::new();
    for form in FORMS {
        let pattern: Vec<&str> = form.words.split(' ').collect();
        let is_open = pattern.len() > before.len()
            && pattern.iter().zip(before).all(|(p, word)| fits(p, word));
        let Some(word) = pattern.get(before.len()).filter(|_| is_open) else {
            continue;
        };
        let words: Vec<String> = match *word {
            "ID" | "FROM" | "TO" => (1..=members).map(|id| id.to_string()).collect(),
            "N" | "NUMBER" => Vec::new(),
            word => vec![word.to_owned()],
        };
        for word in words {
            if !next.contains(&word) {
                next.push(word);
            }
        }
    }
    next
}
